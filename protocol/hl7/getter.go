package hl7

import (
	"bytes"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Getter compiles MSH-10, PID-3.1, PID-3[2].1.2, OBX[2]-5, PID-5(2).1, and names of segments. Without a repetition it finds the
// first. What is empty is not there; "" is null. Escape sequences are replaced in Text, which is then in the Message's Scratch
// and stands until its next Decode.
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	p, err := er7.ParsePath(path)
	if err != nil {
		return nil, err
	}
	if p.Segment == "MSH" && p.Occurrence > 1 {
		return nil, fmt.Errorf("%q: a message has one MSH", path)
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		if len(m.Spans) <= firstSegment {
			return protocol.Value{}, false
		}
		t := text(m)
		raw := t.In(p.Find(&t))
		if len(raw) == 0 {
			return protocol.Value{}, false
		}
		v := protocol.Value{Type: protocol.String, Text: raw, Raw: raw, Off: frame.Offset(m.Frame, m.Body) + cap(m.Body) - cap(raw)}
		switch {
		case er7.IsNull(raw):
			v.Type, v.Text = protocol.Null, nil
		case p.Segment == "MSH" && p.Field <= 2:
		case bytes.IndexByte(raw, t.Delims.Escape) >= 0:
			from := len(m.Scratch)
			m.Scratch = t.AppendUnescaped(m.Scratch, raw)
			v.Text = m.Scratch[from:len(m.Scratch):len(m.Scratch)]
		}
		return v, true
	}, nil
}
