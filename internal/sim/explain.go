package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Explainer tells a person what bytes are.
type Explainer struct {
	Codec protocol.Codec
	Dir   protocol.Direction
	// Paths are the fields to show of each message. Nil: all members of JSON, and of others
	// those that the codec names, if it has a method Paths or PathsOf.
	Paths []string
	// Values shows what the fields hold, and not only what kind of thing that is.
	Values bool
	// Refuse returns why a rule refuses m, nil if none does. It may be nil.
	Refuse func(m *protocol.Message) []protocol.Reason
}

// Explained is what an Explainer has found.
type Explained struct {
	Frames  int // whole ones
	Refused int // frames, and members of batches, that a gateway would not forward
	Lost    bool
}

// maxFields bounds the fields that are shown of one message.
const maxFields = 100

// Run explains all of r on w. Its error is that of reading or writing; what is wrong
// with the messages is part of the explanation.
func (e *Explainer) Run(w io.Writer, r io.Reader) (Explained, error) {
	var found Explained
	var m protocol.Message
	r, err := framed(e.Codec, r)
	if err != nil {
		return found, err
	}
	s := NewStream(r, e.Codec, e.Dir)
	for {
		off, err := s.Next(&m)
		var lost *protocol.FrameError
		var malformed *protocol.Malformed
		var text []byte
		switch {
		case errors.As(err, &lost):
			found.Lost = true
			text = fmt.Appendf(nil, "byte %d: out of step, nothing after this can be read\n", off)
			text = appendReasons(text, "  ", lost.Cause, []protocol.Reason{lost.Reason})
			if lost.Foreign != "" {
				text = fmt.Appendf(text, "  this looks like %s\n", lost.Foreign)
			}
			_, err := w.Write(text)
			return found, err
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil && !errors.As(err, &malformed):
			return found, err
		}
		found.Frames++
		text = fmt.Appendf(nil, "byte %d: frame of %s, ", off, count(len(m.Frame)))
		text = e.appendMessage(text, "  ", &m, err, &found)
		if _, err := w.Write(text); err != nil {
			return found, err
		}
	}
}

// appendMessage appends the rest of the first line, and the lines below it.
func (e *Explainer) appendMessage(dst []byte, indent string, m *protocol.Message, err error, found *Explained) []byte {
	dst = append(dst, m.Kind.String()...)
	if _, masking := e.Codec.(protocol.Masking); len(m.ID) > 0 && (err == nil || !masking) { // who knows what stands there
		dst = fmt.Appendf(dst, ", id %s", Printable(shownID(e.Codec, m.ID), 64))
	}
	if len(m.Name) > 0 {
		dst = fmt.Appendf(dst, ", name %s", Printable(m.Name, 64))
	}
	if m.Failed {
		dst = append(dst, ", reports an error"...)
	}
	if m.More {
		dst = append(dst, ", more follows"...)
	}
	dst = append(dst, '\n')
	if malformed := (*protocol.Malformed)(nil); errors.As(err, &malformed) {
		found.Refused++
		return appendReasons(dst, indent, malformed.Cause, malformed.Reasons)
	}
	if m.Kind == protocol.Batch {
		n := 0
		err := Each(e.Codec, m, func(member *protocol.Message, err error) {
			dst = fmt.Appendf(dst, "%s#%d: %s, ", indent, n, count(len(member.Body)))
			dst = e.appendMessage(dst, indent+"  ", member, err, found)
			n++
		})
		if malformed := (*protocol.Malformed)(nil); errors.As(err, &malformed) {
			found.Refused++
			dst = appendReasons(dst, indent, malformed.Cause, malformed.Reasons)
		}
		return dst
	}
	dst = e.appendFields(dst, indent, m)
	if e.Refuse != nil {
		if reasons := e.Refuse(m); len(reasons) > 0 {
			found.Refused++
			dst = appendReasons(dst, indent, protocol.BadContent, reasons)
		}
	}
	return dst
}

func appendReasons(dst []byte, indent string, cause protocol.Cause, reasons []protocol.Reason) []byte {
	dst = fmt.Appendf(dst, "%srefused: %s\n", indent, cause.Text())
	for i := range reasons {
		line := bytes.TrimSpace(reasons[i].AppendText(nil))
		if len(line) == 0 {
			continue
		}
		dst = fmt.Appendf(dst, "%s  - %s", indent, line)
		if reasons[i].Off >= 0 {
			dst = fmt.Appendf(dst, ", at byte %d", reasons[i].Off)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// field is a line about one field: its path and the value that its getter returns.
type field struct {
	path string
	v    protocol.Value
}

func (e *Explainer) appendFields(dst []byte, indent string, m *protocol.Message) []byte {
	var fields []field
	width := 0
	masking, _ := e.Codec.(protocol.Masking)
	for _, path := range e.paths(m) {
		get, err := e.Codec.Getter(path)
		if err != nil {
			continue
		}
		if v, ok := get(m); ok {
			fields = append(fields, field{path, v})
			width = max(width, len(path))
		}
	}
	for i, f := range fields {
		if i == maxFields {
			return fmt.Appendf(dst, "%s... and %d more\n", indent, len(fields)-i)
		}
		dst = fmt.Appendf(dst, "%sbyte %-4d %-*s  %s", indent, f.v.Off, min(width, 40), Printable([]byte(f.path), 200), f.v.Type)
		if e.Values && masking != nil {
			text := []byte("***")
			if masking.Shows(f.path, f.v.Text) {
				text = f.v.Text
			}
			dst = fmt.Appendf(dst, "  %s", Printable(text, 200))
		} else if e.Values && f.v.Type != protocol.List && f.v.Type != protocol.Map {
			dst = fmt.Appendf(dst, "  %s", Printable(f.v.Raw, 200))
		} else if f.v.Raw != nil {
			dst = fmt.Appendf(dst, " of %s", count(len(f.v.Raw)))
		}
		dst = append(dst, '\n')
	}
	return dst
}

func count(bytes int) string {
	if bytes == 1 {
		return "1 byte"
	}
	return strconv.Itoa(bytes) + " bytes"
}

func (e *Explainer) paths(m *protocol.Message) []string {
	if e.Paths != nil {
		return e.Paths
	}
	if e.Codec.Traits().JSON {
		return pointers(m.Body)
	}
	if named, ok := e.Codec.(interface {
		PathsOf(m *protocol.Message) []string
	}); ok {
		return named.PathsOf(m)
	}
	if named, ok := e.Codec.(interface{ Paths() []string }); ok {
		return named.Paths()
	}
	return nil
}

// pointers returns the JSON pointers of what is in text, in order.
func pointers(text []byte) []string {
	var (
		found []string
		dec   = json.NewDecoder(bytes.NewReader(text))
		walk  func(path string) bool
	)
	dec.UseNumber()
	walk = func(path string) bool {
		token, err := dec.Token()
		if err != nil || len(found) > maxFields {
			return false
		}
		if path != "" {
			found = append(found, path)
		}
		delim, ok := token.(json.Delim)
		if !ok {
			return true
		}
		for i := 0; dec.More(); i++ {
			name := strconv.Itoa(i)
			if delim == '{' {
				key, err := dec.Token()
				if err != nil {
					return false
				}
				name, _ = key.(string)
			}
			if !walk(path + "/" + escaper.Replace(name)) {
				return false
			}
		}
		_, err = dec.Token() // the closing one
		return err == nil
	}
	walk("")
	return slices.Clip(found)
}

// escaper writes a name as a reference token of RFC 6901, section 3.
var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// Printable returns b as text for a terminal: what is not printable stands as an
// escape, as in Go, and more than max bytes are cut.
func Printable(b []byte, max int) string {
	cut := ""
	if len(b) > max {
		cut = fmt.Sprintf("... (%d bytes)", len(b))
		b = b[:max]
	}
	quoted := strconv.Quote(string(b))
	quoted = quoted[1 : len(quoted)-1]
	return strings.ReplaceAll(quoted, `\"`, `"`) + cut
}
