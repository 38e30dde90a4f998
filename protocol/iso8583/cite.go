package iso8583

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/protocol"
)

// citable are the fields of a key that a later request has as the first one had them.
var citable = []int{deSTAN, 32, 33, 37, deTerminal, 42}

// Cites returns the ID of the request whose message type and number stand in field 90 (of 1993: 56) of a reversal. It stands in
// m's Scratch. What has no number there names none.
func (c *Codec) Cites(m *protocol.Message) (protocol.ID, string) {
	n := c.originals()
	if c.edition > '1' || c.stan != 6 || len(m.Name) != mtiSize || m.Name[1] != '4' || m.Kind != protocol.Request {
		return nil, ""
	}
	text := c.find(m, n)
	if len(text) < mtiSize+6 || string(text[mtiSize:mtiSize+6]) == "000000" {
		return nil, ""
	}
	// The key of a message like m, of the type and with the number that are named.
	from := len(m.Scratch)
	m.Scratch = append(m.Scratch, text[mtiSize:mtiSize+6]...)
	m.Scratch = append(m.Scratch, '.', text[0], text[1])
	m.Scratch = c.appendKey(m.Scratch, m, text[2])
	return protocol.ID(m.Scratch[from:len(m.Scratch):len(m.Scratch)]), c.fields[n].path
}

// CanCite says which field of the key is another in a reversal than it was in what that names.
func (c *Codec) CanCite() error {
	for _, n := range c.key {
		if !slices.Contains(citable, n) {
			return fmt.Errorf("a reversal names a request in field %d, and field %d of the key cannot be told from that: leave it out of key, or use mode key", c.originals(), n)
		}
	}
	return nil
}

// AppendWithIDs is AppendWithID with another number in field 90 (of 1993: 56).
func (c *Codec) AppendWithIDs(dst []byte, m *protocol.Message, id, cited protocol.ID) ([]byte, error) {
	start := len(dst)
	dst, err := c.AppendWithID(dst, m, id)
	n := c.originals()
	if err != nil || n >= len(m.Spans) || m.Spans[n].Off < 0 || len(cited) < 6 {
		return dst, err
	}
	text := slices.Clone(c.find(m, n))
	if len(text) < mtiSize+6 {
		return dst, nil
	}
	copy(text[mtiSize:], cited[:6])
	d, at := c.fields[n], m.Spans[n]
	field, err := d.appendContent(nil, text)
	if err != nil || len(field) != d.prefix+int(at.Len) {
		return dst[:start], errNoSTAN
	}
	copy(dst[start+int(at.Off)-d.prefix:], field)
	return dst, nil
}
