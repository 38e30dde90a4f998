package iso8583

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Getter compiles MTI, MTI.version, MTI.class, MTI.function, MTI.origin, bitmap, DE2 and so on, and parts of fields: DE48.01,
// DE55.9F26, DE90.stan.
//
// Digits are text, as zeros in front belong to them; amounts, counts and rates are numbers. Of BCD, EBCDIC and hexadecimal
// digits the text is written to the Message's Scratch, and stands until its next Decode.
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	if i := slices.Index(mtiPaths, path); i >= 0 {
		return c.mtiGetter(i), nil
	}
	if path == "bitmap" {
		return c.bitmapGetter(), nil
	}
	name, id, inside := strings.Cut(path, ".")
	n, err := strconv.Atoi(strings.TrimPrefix(name, "DE"))
	switch {
	case err != nil || !strings.HasPrefix(path, "DE") || name != "DE"+strconv.Itoa(n):
		return nil, fmt.Errorf("there is no %q: there are MTI, MTI.version, MTI.class, MTI.function, MTI.origin, bitmap, DE2 and so on, and parts such as DE48.01", path)
	case n < 2 || n >= len(c.fields) || c.fields[n] == nil:
		return nil, fmt.Errorf("the dialect has no field %d", n)
	case !inside:
		return c.fieldGetter(n), nil
	case c.fields[n].inside == nil:
		return nil, fmt.Errorf("the dialect does not say what DE%d consists of", n)
	case !c.fields[n].inside.has(id):
		return nil, fmt.Errorf("DE%d can have no part %q", n, id)
	}
	return c.partGetter(n, id), nil
}

// place returns the field that path is about, and the part if it is declared.
func (c *Codec) place(path string) (n int, part *field, ok bool) {
	name, id, inside := strings.Cut(path, ".")
	n, err := strconv.Atoi(strings.TrimPrefix(name, "DE"))
	if err != nil || n < 2 || n >= len(c.fields) || c.fields[n] == nil {
		return 0, nil, false
	}
	if inside && c.fields[n].inside != nil {
		for _, p := range c.fields[n].inside.parts {
			if p.ID == id {
				part = p
			}
		}
	}
	return n, part, true
}

// Paths returns what can be shown of a message: its type, the fields of the dialect, and the parts that it declares.
func (c *Codec) Paths() []string {
	list := []string{"MTI"}
	for _, f := range c.fields {
		if f == nil {
			continue
		}
		list = append(list, f.path)
		if f.inside != nil {
			for _, p := range f.inside.parts {
				list = append(list, p.path)
			}
		}
	}
	return list
}

var mtiPaths = []string{"MTI.version", "MTI.class", "MTI.function", "MTI.origin", "MTI"}

func (c *Codec) mtiGetter(i int) protocol.Getter {
	return func(m *protocol.Message) (protocol.Value, bool) {
		if len(m.Name) != mtiSize {
			return protocol.Value{}, false
		}
		v := protocol.Value{Type: protocol.String, Text: m.Name, Off: c.base(m)}
		v.Raw = m.Body[:c.mtiBytes()]
		if i < mtiSize {
			v.Text = m.Name[i : i+1]
			if c.dialect.MTI != dialect.BCD {
				v.Raw, v.Off = v.Raw[i:i+1], v.Off+i
			}
		}
		return v, true
	}
}

// base is where the body begins in the frame.
func (c *Codec) base(m *protocol.Message) int { return frame.Offset(m.Frame, m.Body) }

func (c *Codec) bitmapGetter() protocol.Getter {
	at, size := c.mtiBytes(), 16
	if c.dialect.Bitmap == dialect.Binary {
		size = 8
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		if len(m.Name) != mtiSize || len(m.Body) < at+size {
			return protocol.Value{}, false
		}
		raw := m.Body[at : at+size]
		return protocol.Value{Type: protocol.Bytes, Text: raw, Raw: raw, Off: c.base(m) + at}, true
	}
}

// numbers are the fields that are amounts, rates and counts in both editions, and not names made of digits.
var numbers = map[int]bool{4: true, 5: true, 6: true, 8: true, 9: true, 10: true, 74: true, 75: true, 76: true, 77: true, 78: true, 79: true,
	80: true, 81: true, 82: true, 83: true, 84: true, 85: true, 86: true, 87: true, 88: true, 89: true}

func (c *Codec) fieldGetter(n int) protocol.Getter {
	kind := protocol.String
	switch d := c.fields[n]; {
	case d.Type == dialect.Bytes:
		kind = protocol.Bytes
	case d.Type == dialect.N && numbers[n]:
		kind = protocol.Number
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		text := c.find(m, n)
		if text == nil {
			return protocol.Value{}, false
		}
		at := m.Spans[n]
		v := protocol.Value{Type: kind, Text: text, Raw: at.In(m.Body), Off: c.base(m) + int(at.Off)}
		if kind == protocol.Number {
			v.Text = significant(text)
		}
		return v, true
	}
}

// significant returns digits without the zeros in front.
func significant(digits []byte) []byte {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	return digits
}

func (c *Codec) partGetter(n int, id string) protocol.Getter {
	d := c.fields[n]
	return func(m *protocol.Message) (protocol.Value, bool) {
		text := c.find(m, n)
		if text == nil {
			return protocol.Value{}, false
		}
		p, ok := d.inside.find(text, id)
		if !ok {
			return protocol.Value{}, false
		}
		at := m.Spans[n]
		content := text[p.off : p.off+p.size]
		v := protocol.Value{Type: protocol.String, Text: content, Raw: content, Off: c.base(m) + int(at.Off) + p.off}
		switch {
		case d.Encoding == dialect.BCD || d.Encoding == dialect.Hex:
			v.Raw, v.Off = at.In(m.Body), c.base(m)+int(at.Off) // a part may begin in the middle of a byte
		case d.Encoding == dialect.EBCDIC:
			v.Raw = at.In(m.Body)[p.off : p.off+p.size]
		}
		if d.Type != dialect.Bytes {
			return v, true
		}
		switch {
		case p.part == nil || p.part.Type == dialect.Bytes:
			v.Type = protocol.Bytes
		case p.part.Encoding != dialect.ASCII:
			from := len(m.Scratch)
			m.Scratch = p.part.appendText(m.Scratch, content, p.units)
			v.Text = m.Scratch[from:len(m.Scratch):len(m.Scratch)]
		}
		return v, true
	}
}
