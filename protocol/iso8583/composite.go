package iso8583

import (
	"encoding/hex"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// composite is a dialect.Composite, compiled. It works on the text of its field, or, where that is of type Bytes, on the
// bytes as they are.
type composite struct {
	*dialect.Composite
	parts  []*field
	plain  bool // every content that the field can have is in order
	tag    int  // bytes of a tag
	length int  // bytes of a length
}

func compose(of *dialect.Field, path string) *composite {
	d, raw, figures := of.Inside, of.Type == dialect.Bytes, 0
	c := &composite{Composite: d, plain: d.Kind == dialect.Positional}
	for _, p := range d.Parts {
		part := *p
		if !raw {
			part.Encoding, part.Prefix = dialect.ASCII, dialect.ASCII
		}
		f := compile(&part, 0, path+"."+p.ID)
		c.plain = c.plain && f.Type == dialect.N && f.Digits == 0
		c.parts = append(c.parts, f)
		figures += f.Length
	}
	c.plain = c.plain && of.Type == dialect.N && of.Digits == 0 && figures == of.Length
	tag, prefix := d.Tag, d.Prefix
	if !raw {
		tag, prefix = dialect.ASCII, dialect.ASCII
	}
	c.tag, c.length = prefixSize(tag, d.TagDigits), prefixSize(prefix, d.Digits)
	if raw {
		return c
	}
	plain := *d
	plain.Tag, plain.Prefix = tag, prefix
	c.Composite = &plain
	return c
}

// piece is one part of a text: its tag, where it has one, and where its content is.
type piece struct {
	tag       []byte
	part      *field // nil: it is none that is declared
	off, size int
	units     int
}

// next cuts off the piece that begins at off. It is number i. Fault says what is wrong, "" that nothing is; at the end of
// text size is -1.
func (c *composite) next(text []byte, off, i int) (p piece, next int, fault string) {
	end := piece{size: -1}
	switch c.Kind {
	case dialect.Positional:
		if off == len(text) {
			return end, off, ""
		}
		if i >= len(c.parts) {
			return end, off, "the end"
		}
		f := c.parts[i]
		units := f.Length
		if f.Digits > 0 {
			if off+f.prefix > len(text) {
				return end, off, "a length"
			}
			n, ok := readLength(text[off:off+f.prefix], f.Prefix)
			if !ok {
				return end, off, "a length"
			}
			off, units = off+f.prefix, n
		}
		p = piece{part: f, off: off, size: f.size(units), units: units}
	case dialect.Tagged:
		if off == len(text) {
			return end, off, ""
		}
		if off+c.tag+c.length > len(text) {
			return end, off, "a tag and a length"
		}
		p.tag = text[off : off+c.tag]
		n, ok := readLength(text[off+c.tag:off+c.tag+c.length], c.Prefix)
		if !ok {
			return end, off, "a length"
		}
		p.off, p.size, p.units = off+c.tag+c.length, n, n
	default:
		for off < len(text) && text[off] == 0 {
			off++ // EMV 4.3, book 3, annex B: zeros may stand between
		}
		if off == len(text) {
			return end, off, ""
		}
		at := off + 1
		if text[off]&0x1F == 0x1F {
			for at < len(text) && text[at]&0x80 != 0 {
				at++
			}
			at++
		}
		if at >= len(text) || at-off > 3 {
			return end, off, "a tag of up to 3 bytes and a length"
		}
		n := int(text[at])
		p.tag = text[off:at]
		at++
		if n > 0x80 {
			more := n & 0x7F
			if more > 2 || at+more > len(text) {
				return end, off, "a length of up to 2 bytes"
			}
			n = 0
			for range more {
				n = n<<8 | int(text[at])
				at++
			}
		} else if n == 0x80 {
			return end, off, "a length"
		}
		p.off, p.size, p.units = at, n, n
	}
	if p.size < 0 || p.off+p.size > len(text) {
		return end, off, "all of the part"
	}
	if p.tag != nil {
		if p.part = c.tagged(p.tag); p.part != nil {
			p.units = p.part.count(text[p.off : p.off+p.size])
		}
	}
	return p, p.off + p.size, ""
}

// tagged returns the part that has a tag, nil if none is declared.
func (c *composite) tagged(tag []byte) *field {
	for _, f := range c.parts {
		if c.isTag(tag, f.ID) {
			return f
		}
	}
	return nil
}

// isTag reports whether tag is written id: in hexadecimal digits where it is bytes.
func (c *composite) isTag(tag []byte, id string) bool {
	if c.Kind == dialect.Tagged && c.Tag == dialect.ASCII {
		return string(tag) == id
	}
	if len(id) != 2*len(tag) {
		return false
	}
	for i, b := range tag {
		if unhex[id[2*i]]<<4|unhex[id[2*i+1]] != b {
			return false
		}
	}
	return true
}

// check goes through text, and returns what was wanted where it is not in order, with the path of the part if there is one.
func (c *composite) check(text []byte) (part *field, off int, want string) {
	if c.plain {
		return nil, 0, ""
	}
	at := 0
	for i := 0; ; i++ {
		p, next, fault := c.next(text, at, i)
		switch {
		case fault != "":
			return nil, at, fault
		case p.size < 0:
			return nil, 0, ""
		case p.part == nil && c.Strict:
			return nil, at, "a part that is declared"
		case p.part != nil && !p.part.fits(p.size, p.units):
			return p.part, p.off, p.part.span()
		case p.part != nil && !p.part.sound(text[p.off:p.off+p.size], p.units):
			return p.part, p.off, wanted[p.part.Type]
		}
		at = next
	}
}

// find returns the piece that is called id.
func (c *composite) find(text []byte, id string) (piece, bool) {
	at := 0
	for i := 0; ; i++ {
		p, next, fault := c.next(text, at, i)
		if fault != "" || p.size < 0 {
			return p, false
		}
		if p.part != nil && p.part.ID == id || p.tag != nil && c.isTag(p.tag, id) {
			return p, true
		}
		at = next
	}
}

// has says whether a part may be called id.
func (c *composite) has(id string) bool {
	for _, f := range c.parts {
		if f.ID == id {
			return true
		}
	}
	if c.Kind == dialect.Positional || c.Strict {
		return false
	}
	if c.Kind == dialect.Tagged && c.Tag == dialect.ASCII {
		return len(id) == c.tag
	}
	_, err := hex.DecodeString(id)
	return err == nil && id == strings.ToUpper(id)
}
