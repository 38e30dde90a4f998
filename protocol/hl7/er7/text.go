package er7

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// Text is a message and where its segments are. It is a view: it aliases the message, and is valid as long as that.
type Text struct {
	Body     []byte
	Segments []protocol.Span // in order, each without its end
	Delims   Delims
	Set      Set // how characters are written: in some sets a part of one can look like a delimiter
}

// Name returns the three bytes that segment i begins with.
func (t *Text) Name(i int) []byte {
	s := t.Segments[i]
	return t.Body[s.Off : s.Off+min(3, s.Len)]
}

// Segment returns the number of the n-th segment that is called name, counted from 1, or -1.
func (t *Text) Segment(name string, n int) int {
	for i := range t.Segments {
		if string(t.Name(i)) == name {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// IsHeader reports whether name is that of a segment whose first field is its delimiter: MSH, BHS or FHS.
func IsHeader(name []byte) bool {
	return string(name) == "MSH" || string(name) == "BHS" || string(name) == "FHS"
}

// Fields returns what stands behind the name of segment i: its fields with the delimiters between them. It is not found if
// nothing does. In a header it begins with field 2.
func (t *Text) Fields(i int) protocol.Span {
	s := t.Segments[i]
	if s.Len < 4 {
		return none
	}
	return protocol.Span{Off: s.Off + 4, Len: s.Len - 4}
}

// Field returns field n of segment i, counted from 1, with all its repetitions. It is not found if the segment ends before.
func (t *Text) Field(i, n int) protocol.Span {
	if IsHeader(t.Name(i)) {
		if n == 1 && t.Segments[i].Len > 3 {
			return protocol.Span{Off: t.Segments[i].Off + 3, Len: 1}
		}
		if n == 2 {
			f, _, _ := t.cutPlain(t.Fields(i), t.Delims.Field)
			return f
		}
		_, rest, more := t.cutPlain(t.Fields(i), t.Delims.Field)
		if n < 1 || !more {
			return none
		}
		return t.nth(rest, t.Delims.Field, n-2)
	}
	if n < 1 {
		return none
	}
	return t.nth(t.Fields(i), t.Delims.Field, n)
}

// Repetition returns repetition n of a field, Component component n of a repetition, and Sub subcomponent n of a component, each
// counted from 1.
func (t *Text) Repetition(field protocol.Span, n int) protocol.Span {
	return t.nth(field, t.Delims.Repetition, n)
}

// Component is described at Repetition.
func (t *Text) Component(repetition protocol.Span, n int) protocol.Span {
	return t.nth(repetition, t.Delims.Component, n)
}

// Sub is described at Repetition.
func (t *Text) Sub(component protocol.Span, n int) protocol.Span {
	return t.nth(component, t.Delims.Sub, n)
}

// nth returns piece n of what s is when it is cut at delim.
func (t *Text) nth(s protocol.Span, delim byte, n int) protocol.Span {
	for more := s.Off >= 0; more; n-- {
		var piece protocol.Span
		piece, s, more = t.Cut(s, delim)
		if n == 1 {
			return piece
		}
	}
	return none
}

// Cut returns what stands in s before the first delim, what stands behind it, and whether there is one. A part of a
// character that looks like delim is none. S must begin where a character does, in the set that a field begins with.
func (t *Text) Cut(s protocol.Span, delim byte) (piece, rest protocol.Span, more bool) {
	if t.Set.plain() {
		return t.cutPlain(s, delim)
	}
	if s.Off < 0 {
		return none, none, false
	}
	return cut(s, t.Set.index(t.Body[s.Off:s.Off+s.Len], delim))
}

func (t *Text) cutPlain(s protocol.Span, delim byte) (piece, rest protocol.Span, more bool) {
	if s.Off < 0 {
		return none, none, false
	}
	return cut(s, bytes.IndexByte(t.Body[s.Off:s.Off+s.Len], delim))
}

func cut(s protocol.Span, at int) (piece, rest protocol.Span, more bool) {
	if at < 0 {
		return s, none, false
	}
	n := int32(at)
	return protocol.Span{Off: s.Off, Len: n}, protocol.Span{Off: s.Off + n + 1, Len: s.Len - n - 1}, true
}

// In returns the bytes of s, nil if it was not found.
func (t *Text) In(s protocol.Span) []byte { return s.In(t.Body) }

// IsNull reports whether raw is "", which says that what is there is to be deleted.
func IsNull(raw []byte) bool { return len(raw) == 2 && raw[0] == '"' && raw[1] == '"' }

// Valued reports whether there is anything in s but delimiters and blanks.
func (t *Text) Valued(s protocol.Span) bool {
	d := &t.Delims
	for _, b := range t.In(s) {
		if b != ' ' && b != d.Repetition && b != d.Component && b != d.Sub {
			return true
		}
	}
	return false
}
