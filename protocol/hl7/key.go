package hl7

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// The ID of a message is MSH-10, behind it a separator, MSH-3, another and MSH-4, since MSH-10 is unique for its sender only; of
// an acknowledgement it is MSA-2 with MSH-5 and MSH-6, which name the sender of what it answers.
const separator = 0x1E

func (c *Codec) setID(m *protocol.Message) {
	id, app, facility := m.Spans[controlID], m.Spans[sendingApp], m.Spans[sendingFacility]
	if m.Kind == protocol.Response {
		id, app, facility = m.Spans[msaID], m.Spans[receivingApp], m.Spans[receivingFac]
	}
	if id.Off < 0 || id.Len == 0 {
		return
	}
	from := len(m.Scratch)
	m.Scratch = append(m.Scratch, id.In(m.Body)...)
	m.Scratch = append(m.Scratch, separator)
	m.Scratch = append(m.Scratch, app.In(m.Body)...)
	m.Scratch = append(m.Scratch, separator)
	m.Scratch = append(m.Scratch, facility.In(m.Body)...)
	m.ID = protocol.ID(m.Scratch[from:len(m.Scratch):len(m.Scratch)])
}

// Link returns the control id of id: by it alone an answer names what it answers, since many receivers put something else than
// its sender into MSH-5 and MSH-6.
func (c *Codec) Link(id protocol.ID) protocol.ID {
	if i := bytes.IndexByte(id, separator); i >= 0 {
		return id[:i]
	}
	return id
}

// ticketSize is how many digits a ticket has, and tickets how many there are.
const (
	ticketSize = 10
	tickets    = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36
)

// AppendTicket appends n as a control id: the codec's own prefix, which nobody can guess, and ten characters. It fits the 20
// that a control id may have before 2.7.
func (c *Codec) AppendTicket(dst []byte, n uint64) protocol.ID {
	dst = append(dst, c.prefix...)
	return appendDigits(dst, n)
}

func appendDigits(dst []byte, n uint64) []byte {
	var room [13]byte
	digits := strconv.AppendUint(room[:0], n, 36)
	for range ticketSize - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// Ticket is the reverse of AppendTicket. It takes an ID of Decode too.
func (c *Codec) Ticket(id protocol.ID) (uint64, bool) {
	link := c.Link(id)
	if len(link) != len(c.prefix)+ticketSize || string(link[:len(c.prefix)]) != c.prefix {
		return 0, false
	}
	for _, d := range link[len(c.prefix):] {
		if !isDigit(d) && (d < 'a' || d > 'z') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(link[len(c.prefix):]), 36, 64)
	return n, err == nil
}

var (
	errControl = errors.New("hl7: the control id cannot be written with the delimiters of this message")
	errNoPlace = errors.New("hl7: the message has no control id that could be replaced")
)

// AppendWithID appends the body of m with the control id of id in the place of its own, in MSH-10 of a message and in MSA-2 of
// an acknowledgement; the rest is byte for byte the same. Segments that did not end with 0D, which a tolerant codec has let
// pass, end with it then.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	start := len(dst)
	dst, err := c.appendWithID(dst, m, id)
	if err != nil || c.sequence == nil || m.Kind != protocol.Response || len(id) == 0 || m.Failed {
		return dst, err
	}
	// What its sender hears of as accepted is stored before.
	n, err := c.sequence.accept(senderOf(id), string(c.Link(id)))
	if err != nil || n == 0 {
		return dst, err
	}
	return setExpected(dst, start, m.Body[3], n), nil
}

func (c *Codec) appendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	place := m.Spans[controlID]
	if m.Kind == protocol.Response {
		place = m.Spans[msaID]
	}
	link := c.Link(id)
	switch {
	case len(id) == 0 || bytes.Equal(link, place.In(m.Body)):
		place = protocol.Span{Off: -1}
	case place.Off < 0:
		return dst, errNoPlace
	case bytes.IndexByte(link, m.Body[3]) >= 0 || bytes.IndexByte(link, carriage) >= 0:
		return dst, errControl
	}
	if m.Code&codeMended == 0 {
		return appendReplaced(dst, m.Body, protocol.Span{Len: int32(len(m.Body))}, place, link), nil
	}
	for _, s := range m.Spans[firstSegment:] {
		dst = append(appendReplaced(dst, m.Body, s, place, link), carriage)
	}
	return dst, nil
}

// appendReplaced appends what s is of body, with link where place is, if that is in s.
func appendReplaced(dst, body []byte, s, place protocol.Span, link []byte) []byte {
	end := s.Off + s.Len
	if place.Off < s.Off || place.Off+place.Len > end {
		return append(dst, body[s.Off:end]...)
	}
	dst = append(dst, body[s.Off:place.Off]...)
	dst = append(dst, link...)
	return append(dst, body[place.Off+place.Len:end]...)
}
