package iso8583

import (
	"math/bits"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// mtiSize is that of the message type in Scratch, where it is always four ASCII digits.
const mtiSize = 4

// Codes of messages.
const (
	_        int32 = iota
	broken         // refused, and where its fields are is not certain
	refused        // refused for what is in its fields
	rejected       // a request that a network has sent back: it is its own answer
)

// decode reads m.Body, which begins at base in the frame: message type, bitmaps, fields. Spans has for each field number
// where its content is.
func (c *Codec) decode(m *protocol.Message, base int) error {
	f := faults{base: base}
	m.Spans = append(m.Spans, c.absent...)
	m.Code = broken
	at := c.readMTI(m, &f)
	if at < 0 {
		return f.malformed(protocol.BadSyntax)
	}
	m.Kind = c.kind(m)
	var set [3]uint64
	at = c.readBitmaps(m.Body, at, &set, &f)
	if at >= 0 {
		at = c.readFields(m, at, &set, &f)
	}
	switch {
	case at == len(m.Body):
		m.Code = refused
	case at >= 0:
		f.add("", at, "end", "the end of the message", strconv.Itoa(len(m.Body)-at)+" more bytes"+f.behind)
	}
	if len(f.reasons) == 0 && (m.Kind == protocol.Request || m.Kind == protocol.Response) {
		c.setKey(m, &f)
	}
	if len(f.reasons) > 0 {
		return f.malformed(protocol.BadShape)
	}
	m.Code = 0
	if m.Kind == protocol.Request {
		m.Expect = c.expected(m)
	}
	if c.rules.bind && m.Memo == 0 && (m.Kind == protocol.Request || m.Kind == protocol.OneWay) {
		m.Memo = uint64(c.terminal(m))
	}
	if m.Kind == protocol.Response {
		m.Failed = c.failed(m)
	}
	return nil
}

// mtiBytes is the size of the message type in a body.
func (c *Codec) mtiBytes() int {
	if c.dialect.MTI == dialect.BCD {
		return mtiSize / 2
	}
	return mtiSize
}

// readMTI reads the message type into Scratch and returns where it ends, -1 if there is none.
func (c *Codec) readMTI(m *protocol.Message, f *faults) int {
	size := c.mtiBytes()
	if len(m.Body) < size {
		f.add("MTI", 0, "mti", "four digits of a message type", "the end of the message")
		return -1
	}
	m.Scratch = m.Scratch[:0]
	for _, b := range m.Body[:size] {
		switch c.dialect.MTI {
		case dialect.BCD:
			m.Scratch = append(m.Scratch, '0'+b>>4, '0'+b&15)
			continue
		case dialect.EBCDIC:
			b = frame.FromEBCDIC[b]
		}
		m.Scratch = append(m.Scratch, b)
	}
	for _, d := range m.Scratch {
		if d < '0' || d > '9' {
			f.add("MTI", 0, "mti", "four digits of a message type", "other bytes"+c.otherMTI(m.Body))
			return -1
		}
	}
	m.Name = m.Scratch[:mtiSize:mtiSize]
	if m.Name[0] != c.edition {
		f.add("MTI.version", 0, "mti", string(c.edition)+", of ISO 8583:"+strconv.Itoa(c.dialect.Version), "another edition")
	}
	if !known(m.Name) {
		f.add("MTI", 0, "mti", "a class from 1 to 8 and an origin up to 5", "others")
	}
	return size
}

// known reports whether the standard has class and origin of a message type.
func known(mti []byte) bool { return mti[1] >= '1' && mti[1] <= '8' && mti[3] <= '5' }

// otherMTI tells in which encoding the body would have a message type.
func (c *Codec) otherMTI(body []byte) string {
	digits := func(e dialect.Encoding, size int) bool {
		if len(body) < size || c.dialect.MTI == e {
			return false
		}
		_, ok := readLength(body[:size], e)
		return ok
	}
	switch {
	case digits(dialect.ASCII, 4):
		return ", which are digits in ASCII: is the dialect the host's?"
	case digits(dialect.EBCDIC, 4):
		return ", which are digits in EBCDIC: is the dialect the host's?"
	case digits(dialect.BCD, 2) && body[0] < 0x30:
		return ", which are digits in BCD: is the dialect the host's?"
	}
	return ""
}

// kind tells by the message type what m is for (ISO 8583, message function and message class).
func (c *Codec) kind(m *protocol.Message) protocol.Kind {
	if m.Name[1] == '8' {
		return protocol.SignOn
	}
	switch m.Name[2] {
	case '0', '2', '6':
		return protocol.Request
	case '4', '8', '9':
		return protocol.OneWay
	case '1', '3', '5', '7':
		return protocol.Response
	}
	return protocol.Unknown
}

// readBitmaps reads one bitmap, or those that it announces, and returns where they end, -1 if that cannot be told.
func (c *Codec) readBitmaps(body []byte, at int, set *[3]uint64, f *faults) int {
	for i := range set {
		size := 8
		if c.dialect.Bitmap != dialect.Binary {
			size = 16
		}
		if len(body) < at+size {
			f.add("bitmap", at, "bitmap", strconv.Itoa(size)+" bytes", strconv.Itoa(len(body)-at)+" bytes")
			return -1
		}
		for _, b := range body[at : at+size] {
			if c.dialect.Bitmap == dialect.Binary {
				set[i] = set[i]<<8 | uint64(b)
				continue
			}
			if c.dialect.Bitmap == dialect.EBCDIC {
				b = frame.FromEBCDIC[b]
			}
			v := unhex[b]
			if v > 15 {
				f.add("bitmap", at, "bitmap", "16 hexadecimal digits", "other bytes; a bitmap of 8 bytes is what another dialect has")
				return -1
			}
			set[i] = set[i]<<4 | uint64(v)
		}
		at += size
		if i == 0 && c.dialect.Bitmap == dialect.Binary && looksHex(body[at-size:]) {
			f.digits = at - size
		}
		if more := i == 0 || i == 1 && c.dialect.Tertiary; set[i]>>63 == 0 || !more {
			break
		}
	}
	return at
}

// looksHex reports whether p begins with a bitmap in hexadecimal digits.
func looksHex(p []byte) bool {
	if len(p) < 16 {
		return false
	}
	for _, b := range p[:16] {
		if unhex[b] > 15 {
			return false
		}
	}
	return true
}

// readFields finds every field that set has, and returns where the last ends, -1 if that cannot be told.
func (c *Codec) readFields(m *protocol.Message, at int, set *[3]uint64, f *faults) int {
	body := m.Body
	for w, word := range set {
		for word != 0 {
			i := bits.LeadingZeros64(word)
			word &^= 1 << (63 - i)
			n := 64*w + i + 1
			if n == 1 || n == 65 && c.dialect.Tertiary {
				continue
			}
			var d *field
			if n < len(c.fields) {
				d = c.fields[n]
			}
			if d == nil {
				f.add("DE"+strconv.Itoa(n), at, "bitmap", "a field of the dialect", "the bit of a field that it does not have"+f.hint())
				return -1
			}
			units := d.Length
			if d.Digits > 0 {
				if len(body) < at+d.prefix {
					f.add(d.path, at, "length", "a length of "+strconv.Itoa(d.prefix)+" bytes", strconv.Itoa(len(body)-at)+" bytes"+f.behind+f.hint())
					return -1
				}
				v, ok := readLength(body[at:at+d.prefix], d.Prefix)
				least, most := d.Least, d.Length
				if d.CountsBytes {
					least, most = d.size(least), d.size(most)
				}
				if !ok || v > most || v < least {
					f.add(d.path, at, "length", d.span(), got(ok)+f.behind+f.hint())
					return -1
				}
				at += d.prefix
				units = v
			}
			size := d.size(units)
			if d.CountsBytes && d.Digits > 0 {
				size = units
			}
			if len(body) < at+size {
				f.add(d.path, at, "length", strconv.Itoa(size)+" bytes", strconv.Itoa(len(body)-at)+" bytes"+f.behind+f.hint())
				return -1
			}
			m.Spans[n] = protocol.Span{Off: int32(at), Len: int32(size)}
			content := body[at : at+size]
			misfit := false
			if d.CountsBytes {
				units = d.count(content)
				misfit = !d.fits(size, units)
			}
			if misfit {
				f.add(d.path, at, "length", d.span(), "another"+f.behind+f.hint())
			} else if !d.sound(content, units) {
				f.add(d.path, at, "type", wanted[d.Type], "something else"+f.behind+f.hint())
			} else if d.inside != nil {
				c.checkInside(m, d, content, units, at, f)
			}
			f.behind = d.behind
			at += size
		}
	}
	return at
}

// checkInside holds a content against what its parts may be.
func (c *Codec) checkInside(m *protocol.Message, d *field, content []byte, units, at int, f *faults) {
	if d.inside.plain {
		return
	}
	part, off, want := d.inside.check(c.text(m, d, content, units))
	if want == "" {
		return
	}
	path := d.path
	if part != nil {
		path = part.path
	}
	switch d.Encoding { // off is in the text
	case dialect.BCD:
		off /= 2
	case dialect.Hex:
		off *= 2
	}
	f.add(path, at+off, "type", want, "something else"+f.behind)
}

// text returns content as text, in place if it is that; else behind what is in Scratch.
func (c *Codec) text(m *protocol.Message, d *field, content []byte, units int) []byte {
	if d.Encoding == dialect.ASCII || d.Encoding == dialect.Binary {
		return content
	}
	from := len(m.Scratch)
	m.Scratch = d.appendText(m.Scratch, content, units)
	return m.Scratch[from:len(m.Scratch):len(m.Scratch)]
}

// find returns the text of field n, nil if m does not have it.
func (c *Codec) find(m *protocol.Message, n int) []byte {
	if n >= len(m.Spans) || m.Spans[n].Off < 0 {
		return nil
	}
	d, at := c.fields[n], m.Spans[n]
	return c.text(m, d, at.In(m.Body), d.units(m.Body, int(at.Off), int(at.Len)))
}

// failed says whether the response code is one of a host that could not process the request.
func (c *Codec) failed(m *protocol.Message) bool {
	switch string(c.find(m, deCode)) {
	case "30", "96":
		return c.edition == '0'
	case "904", "909":
		return c.edition == '1'
	}
	return false
}
