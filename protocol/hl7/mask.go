package hl7

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// shown are the fields that may be seen: who sends what to whom, and what is said about messages. Everything else is taken for
// a patient's, in whatever segment it stands.
var shown = map[string][]int{
	"MSH": {1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 18},
	"MSA": {1, 2, 4}, "ERR": {2, 4}, "BTS": {1}, "FTS": {1},
	"FHS": {1, 2, 3, 4, 5, 6, 11, 12}, "BHS": {1, 2, 3, 4, 5, 6, 11, 12},
}

// Shows reports whether what stands at path may be seen: routing and control, and nothing of what a message is about. An empty
// path is the ID of a message. What looks as if it had slipped there from another segment is not shown.
func (c *Codec) Shows(path string, text []byte) bool {
	if path == "" {
		return harmless(text)
	}
	p, err := er7.ParsePath(path)
	if err != nil {
		return false
	}
	return shows(p.Segment, p.Field, text)
}

func shows(segment string, field int, text []byte) bool {
	if !slices.Contains(shown[segment], field) {
		return false
	}
	switch {
	case segment == "MSA" && field == 1:
		return ackOf(text) != noAck
	case segment == "MSA" && field == 4, segment == "BTS", segment == "FTS":
		return number.Match(text)
	case segment == "ERR":
		return location.Match(text)
	case segment != "MSH":
		return harmless(text)
	}
	switch field {
	case messageType:
		return isMessageType(text)
	case dateTime:
		return moment.Match(text)
	case sequenceNumber:
		return number.Match(text)
	case processingID:
		return len(text) == 1 || len(text) == 3 && text[1] == '^'
	case versionID:
		return versionOf(text) != 0
	case characterSet:
		_, known := er7.SetOf(text, '~')
		return known
	case acceptType, applicationType:
		return ackTypeOf(text) != badType
	}
	return harmless(text)
}

// What numbers, times, and ERR-2 with its location and ERR-4 with its severity look like; and the control id of an acknowledgement
// of sallyport's own, which says where and why, and nothing out of the message that it is about.
var (
	number   = regexp.MustCompile(`^-?[0-9]{1,9}$`)
	ownID    = regexp.MustCompile(`^SP[0-9A-Z]{6}A[0-9a-z]+$`)
	moment   = regexp.MustCompile(`^(19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])[0-9]{4,6}(\.[0-9]{1,4})?([+-][0-9]{4})?$`)
	location = regexp.MustCompile(`^([A-Z][A-Z0-9]{2}(\^[0-9]{0,6}){1,5}|[EWIF])$`)
)

// isMessageType reports whether text is MSH-9: a type that there is, perhaps with an event and a structure such as ADT_A01.
func isMessageType(text []byte) bool {
	if len(text) < 3 || !isType(text[:3]) {
		return false
	}
	if len(text) == 3 {
		return true
	}
	delim := text[3]
	if !er7.MayDelimit(delim) {
		return false
	}
	event, structure, _ := bytes.Cut(text[4:], []byte{delim})
	switch {
	case len(event) > 0 && !isEvent(event):
		return false
	case len(structure) == 3:
		return isType(structure)
	case len(structure) == 7:
		return isType(structure[:3]) && structure[3] == '_' && isCode(structure[4:])
	}
	return len(structure) == 0
}

// harmless reports whether text has the form of a name that was given to a system or to a message.
func harmless(text []byte) bool {
	for _, b := range text {
		if b < ' ' && b != separator || b == 0x7F {
			return false
		}
	}
	return len(text) <= 250
}

// AppendMasked appends the body of m with an asterisk in the place of every byte that may not be seen: delimiters and the
// names of segments are left, and the fields that Shows shows. Of what was refused as no message, in which a field may be
// another than its number says, hardly any does.
func (c *Codec) AppendMasked(dst []byte, m *protocol.Message) []byte {
	at := len(dst)
	dst = append(dst, m.Body...)
	body := dst[at:]
	if len(m.Spans) <= firstSegment || m.Kind == protocol.Unknown && m.Code&codeRead == 0 {
		for i := range body {
			if body[i] != carriage && body[i] != '\n' {
				body[i] = '*'
			}
		}
		return dst
	}
	t := text(m)
	own := false
	end := 0
	for i := range t.Segments {
		s := t.Segments[i]
		blot(body[end:s.Off], '\r', '\n')
		end = int(s.Off + s.Len)
		name := t.Name(i)
		if !isCode(name) {
			blot(body[s.Off:end])
			continue
		}
		if string(name) == "MSH" {
			own = m.Dir == protocol.FromBackend && ownID.Match(t.In(t.Field(i, controlID)))
		}
		if own && (string(name) == "MSA" || string(name) == "ERR") {
			continue
		}
		unsure := m.Code&codeRefused != 0 || m.Kind == protocol.Batch && name[0] == 'M' && !own // of a batch the members are not judged yet
		maskFields(body, &t, i, unsure)
	}
	blot(body[end:], '\r', '\n')
	return dst
}

// certain are the fields of MSH that show of what was refused: they have a form that nothing of a patient's has.
var certain = []int{1, 2, messageType, processingID, versionID, acceptType, applicationType}

func maskFields(body []byte, t *er7.Text, i int, unsure bool) {
	name := string(t.Name(i))
	rest, more, n := t.Fields(i), true, 1
	if s := t.Segments[i]; rest.Off < 0 {
		blot(body[s.Off+3 : s.Off+s.Len])
		return
	}
	if er7.IsHeader(t.Name(i)) {
		n = 2
	}
	for ; more; n++ {
		var f protocol.Span
		f, rest, more = t.Cut(rest, t.Delims.Field)
		if n == 2 && er7.IsHeader([]byte(name)) {
			continue
		}
		if !t.Valued(f) {
			continue // that there is nothing may be seen
		}
		if unsure && !slices.Contains(certain, n) || !shows(name, n, t.In(f)) {
			blot(body[f.Off:f.Off+f.Len], t.Delims.Component, t.Delims.Repetition, t.Delims.Sub)
		}
	}
}

// blot makes asterisks of all but keep.
func blot(p []byte, keep ...byte) {
	for i, b := range p {
		if bytes.IndexByte(keep, b) < 0 {
			p[i] = '*'
		}
	}
}
