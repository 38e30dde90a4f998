package modbus

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// Codec is Modbus TCP. It is immutable and safe for concurrent use.
type Codec struct {
	opts   Options
	codes  [protocol.NumClasses][numCauses]byte
	access []rule
}

var (
	_ protocol.Codec    = (*Codec)(nil)
	_ protocol.Rewriter = (*Codec)(nil)
	_ protocol.Matching = (*Codec)(nil)
	_ protocol.Merging  = (*Codec)(nil)
	_ protocol.Policing = (*Codec)(nil)
)

// Traits tells that there are 65,536 ids, that a device takes one connection and one request at a time unless the
// configuration knows better, and that exception 05 ends the transaction for the client.
func (c *Codec) Traits() protocol.Traits {
	t := protocol.Traits{Name: "modbus", Modes: []protocol.Mode{protocol.Rewrite, protocol.Exclusive}, Tickets: 1 << 16,
		Connections: 1, Window: 1, Wait: protocol.Closing, Echo: true, Joins: true, Lanes: true}
	for class := range t.Says {
		t.Says[class] = protocol.Class(class) != protocol.Duplicate
	}
	return t
}

// Split cuts by the length in the header. A header that cannot be right is a *protocol.FrameError.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if len(data) < r.Need && !atEOF {
		return 0, nil, nil
	}
	n, err := length(data, atEOF)
	switch {
	case err != nil:
		return 0, nil, err
	case n > 0 && len(data) >= n:
		*r = protocol.Resume{}
		return n, data[:n], nil
	case atEOF && len(data) > 0:
		return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax,
			Reason: protocol.Reason{Path: "mbap", Off: len(data), Rule: "end", Want: "the rest of the frame", Got: "the end of the stream"}}
	}
	r.Need = n
	return 0, nil, nil
}

// length returns the length of the frame that data begins with, 0 if that cannot be told yet.
func length(data []byte, atEOF bool) (int, error) {
	bad := func(path string, off int, want string) error {
		name := foreign(data)
		if name == "" && len(data) < 8 && !atEOF && mayBeForeign(data) {
			return nil // a few bytes more tell who this is
		}
		return &protocol.FrameError{Cause: protocol.BadSyntax, Foreign: name,
			Reason: protocol.Reason{Path: path, Off: off, Rule: path, Want: want, Got: "another value"}}
	}
	switch {
	case len(data) > 2 && data[2] != 0, len(data) > 3 && data[3] != 0:
		return 0, bad("mbap.proto", 2, "0")
	case len(data) < 5:
		return 0, nil
	case data[4] != 0:
		return 0, bad("mbap.len", 4, "2 to 254")
	case len(data) < 6:
		return 0, nil
	}
	n := int(data[5])
	if n < 2 || n > maxLength {
		return 0, bad("mbap.len", 4, "2 to 254")
	}
	return 6 + n, nil
}

var strangers = [...]struct{ begin, name string }{{"\x16\x03", "TLS"}, {"SSH-", "SSH"}, {"GET ", "HTTP"}, {"POST ", "HTTP"}, {"HEAD ", "HTTP"},
	{"PUT ", "HTTP"}, {"OPTIONS ", "HTTP"}, {"CONNECT ", "HTTP"}, {"DELETE ", "HTTP"}, {"PATCH ", "HTTP"}, {"PRI * HTTP", "HTTP"}}

func foreign(data []byte) string {
	for _, s := range strangers {
		if len(data) >= len(s.begin) && string(data[:len(s.begin)]) == s.begin {
			return s.name
		}
	}
	return ""
}

func mayBeForeign(data []byte) bool {
	for _, s := range strangers {
		if len(data) < len(s.begin) && s.begin[:len(data)] == string(data) {
			return true
		}
	}
	return false
}

// Decode reads a frame from Split.
func (c *Codec) Decode(dir protocol.Direction, frame []byte, m *protocol.Message) error {
	m.Reset()
	m.Dir, m.Frame, m.Body = dir, frame, frame
	m.ID, m.Lane = frame[:2], uint32(frame[6])
	f := &functions[frame[7]&0x7f]
	m.Name = f.name
	if dir == protocol.FromBackend {
		m.Kind = protocol.Response
		m.Failed = frame[7]&0x80 != 0
		return checkAnswer(frame)
	}
	m.Kind = protocol.Request
	m.Expect = expected(frame)
	if frame[6] == 0 && c.opts.Unit0 == "refuse" {
		return malformed(protocol.BadContent, "mbap.unit", 6, "unit", "a unit from 1 on", "0, which is a broadcast on a serial line")
	}
	return checkRequest(frame)
}

// DecodeBody is Decode of bytes that may be anything.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	if n, err := length(body, true); err != nil || n == 0 || n != len(body) {
		m.Reset()
		m.Dir, m.Frame, m.Body = dir, body, body
		return malformed(protocol.BadShape, "mbap", -1, "length", "one whole frame", "something else")
	}
	return c.Decode(dir, body, m)
}

func malformed(cause protocol.Cause, path string, off int, rule, want, got string) error {
	return &protocol.Malformed{Cause: cause, Reasons: []protocol.Reason{{Path: path, Off: off, Rule: rule, Want: want, Got: got}}}
}

// AppendWithID appends the body of m under another transaction id.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	at := len(dst)
	dst = append(dst, m.Body...)
	if len(id) == 2 && len(m.Body) >= 2 {
		copy(dst[at:], id)
	}
	return dst, nil
}

// AppendTicket appends n as a transaction id.
func (c *Codec) AppendTicket(dst []byte, n uint64) protocol.ID {
	return append(dst, byte(n>>8), byte(n))
}

// Ticket is the reverse of AppendTicket.
func (c *Codec) Ticket(id protocol.ID) (uint64, bool) {
	if len(id) != 2 {
		return 0, false
	}
	return uint64(be(id)), true
}

// OpenFrame appends nothing: a body is the whole ADU.
func (c *Codec) OpenFrame(dst, _ []byte) []byte { return dst }

var errLength = errors.New("modbus: a body of another length than a frame has")

// CloseFrame sets the length in the header.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) {
	n := len(dst) - start
	if n < header+1 || n > maxADU {
		return dst[:start], fmt.Errorf("%w: %d bytes", errLength, n)
	}
	dst[start+4], dst[start+5] = 0, byte(n-6)
	return dst, nil
}
