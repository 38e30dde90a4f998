package iso8583

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// The ID of a message is made of DE11, as digits in its full length, and behind it of version, class and the other fields
// of the key, each with its length in front, or a hyphen: 000001.02.8:TERM0001. So DE11 can be taken out and put in.
//
// With KeyFunction the pair of functions (0 and 1, 2 and 3 ...) is in it too.

// setKey makes the ID of m. A request must have DE11, if that is in the key, since without it it could be taken for
// another; a response without it is nobody's.
func (c *Codec) setKey(m *protocol.Message, f *faults) {
	if slices.Contains(c.key, deSTAN) && m.Spans[deSTAN].Off < 0 {
		if m.Kind == protocol.Request {
			f.add("DE11", len(m.Body), "key", "this field, which names the request", "nothing"+f.behind)
		}
		return
	}
	from := len(m.Scratch)
	if c.stan > 0 {
		m.Scratch = c.appendSTAN(m.Scratch, m)
	}
	m.Scratch = append(m.Scratch, '.', m.Name[0], m.Name[1])
	m.Scratch = c.appendKey(m.Scratch, m, m.Name[2])
	m.ID = protocol.ID(m.Scratch[from:len(m.Scratch):len(m.Scratch)])
}

// appendKey appends what the ID of a message with the fields of m has behind version and class.
func (c *Codec) appendKey(dst []byte, m *protocol.Message, function byte) []byte {
	if c.keyFunction {
		dst = append(dst, '0'+(function-'0')&^1)
	}
	for _, n := range c.key {
		if n == deSTAN && c.stan > 0 {
			continue
		}
		dst = append(dst, '.')
		if m.Spans[n].Off < 0 {
			dst = append(dst, '-')
			continue
		}
		d, span := c.fields[n], m.Spans[n]
		at := len(dst)
		dst = d.appendText(dst, span.In(m.Body), d.units(m.Body, int(span.Off), int(span.Len)))
		size := len(bytes.TrimRight(dst[at:], " "))
		dst = insertLength(dst[:at+size], at)
	}
	return dst
}

// insertLength puts the length of what stands from at on in front of that, with a colon behind it.
func insertLength(dst []byte, at int) []byte {
	var room [8]byte
	size := len(dst) - at
	text := append(strconv.AppendInt(room[:0], int64(size), 10), ':')
	dst = append(dst, text...)
	copy(dst[at+len(text):], dst[at:at+size])
	copy(dst[at:], text)
	return dst
}

// appendSTAN appends the digits of DE11.
func (c *Codec) appendSTAN(dst []byte, m *protocol.Message) []byte {
	span := m.Spans[deSTAN]
	return c.fields[deSTAN].appendText(dst, span.In(m.Body), c.stan)
}

// tickets are the numbers that DE11 can have: all but 0, which some hosts take for none.
func (c *Codec) tickets() uint64 {
	n := uint64(1)
	for range c.stan {
		n *= 10
	}
	return n - 1
}

// AppendTicket appends n as the digits of DE11.
func (c *Codec) AppendTicket(dst []byte, n uint64) protocol.ID {
	dst, _ = appendLength(dst, int(n)+1, c.stan, 0)
	return dst
}

// Ticket is the reverse of AppendTicket. It takes an ID of Decode too.
func (c *Codec) Ticket(id protocol.ID) (uint64, bool) {
	if c.stan == 0 || len(id) < c.stan {
		return 0, false
	}
	n, ok := readLength(id[:c.stan], 0)
	return uint64(n) - 1, ok && n > 0
}

var errNoSTAN = errors.New("iso8583: there is no DE11 that could be rewritten")

// AppendWithID appends the body of m. All that can be another is DE11; the rest is byte for byte the same.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	if m.Code == rejected {
		return c.appendRejected(dst, m, id)
	}
	at := len(dst)
	dst = append(dst, m.Body...)
	if len(id) == 0 || bytes.Equal(id, m.ID) || m.Kind == protocol.OneWay {
		return dst, nil
	}
	if c.stan == 0 || len(id) < c.stan || deSTAN >= len(m.Spans) || m.Spans[deSTAN].Off < 0 {
		return dst[:at], errNoSTAN
	}
	span := m.Spans[deSTAN]
	place := dst[at+int(span.Off) : at+int(span.Off+span.Len)]
	if _, err := c.fields[deSTAN].appendContent(place[:0], id[:c.stan]); err != nil {
		return dst[:at], errNoSTAN
	}
	return dst, nil
}
