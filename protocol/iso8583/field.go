package iso8583

import (
	"errors"

	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// field is a dialect.Field or a part of one, compiled.
type field struct {
	*dialect.Field
	n      int
	path   string // "DE48.01"
	chars  uint8  // what the content may consist of
	prefix int    // bytes of the length
	behind string // ", behind DE47": for the reasons of the field that follows
	inside *composite
}

// Classes of characters.
const (
	digit uint8 = 1 << iota
	letter
	blank
	special
	separator // of tracks
)

var allowed = [...]uint8{dialect.ANS: digit | letter | blank | special, dialect.N: digit, dialect.A: letter | blank, dialect.AN: digit | letter | blank,
	dialect.AS: letter | blank | special, dialect.NS: digit | blank | special, dialect.Track: digit | separator, dialect.Amount: digit}

var wanted = [...]string{dialect.ANS: "printable characters", dialect.N: "digits", dialect.A: "letters", dialect.AN: "letters and digits",
	dialect.AS: "letters and special characters", dialect.NS: "digits and special characters", dialect.Track: "digits and separators of a track",
	dialect.Amount: "C or D and digits", dialect.Bytes: "bytes"}

var classes = func() (t [256]uint8) {
	for c := byte(0x20); c < 0x7F; c++ {
		switch {
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
			t[c] = letter
		case c == ' ':
			t[c] = blank
		default:
			t[c] = special
		}
	}
	t['='] |= separator
	t['D'] |= separator
	return t
}()

var ebcdicClasses = func() (t [256]uint8) {
	for i, a := range frame.FromEBCDIC {
		if a != '?' || i == 0x6F {
			t[i] = classes[a]
		}
	}
	return t
}()

func compile(f *dialect.Field, n int, path string) *field {
	c := &field{Field: f, n: n, path: path, behind: ", behind " + path, prefix: prefixSize(f.Prefix, f.Digits)}
	if int(f.Type) < len(allowed) {
		c.chars = allowed[f.Type]
	}
	if f.Inside != nil {
		c.inside = compose(f, path)
	}
	return c
}

func prefixSize(e dialect.Encoding, digits int) int {
	if e == dialect.BCD {
		return (digits + 1) / 2
	}
	return digits
}

// readLength reads a length, which is all of p. It is false if it is none.
func readLength(p []byte, e dialect.Encoding) (n int, ok bool) {
	for _, b := range p {
		switch e {
		case dialect.ASCII:
			if b < '0' || b > '9' {
				return 0, false
			}
			n = 10*n + int(b-'0')
		case dialect.EBCDIC:
			if b < 0xF0 || b > 0xF9 {
				return 0, false
			}
			n = 10*n + int(b-0xF0)
		case dialect.BCD:
			if b>>4 > 9 || b&15 > 9 {
				return 0, false
			}
			n = 100*n + int(b>>4)*10 + int(b&15)
		case dialect.Hex:
			v := unhex[b]
			if v > 15 {
				return 0, false
			}
			n = n<<4 | int(v)
		default:
			n = n<<8 | int(b)
		}
	}
	return n, true
}

// appendLength appends n in size bytes. It is false if it does not fit.
func appendLength(dst []byte, n, size int, e dialect.Encoding) ([]byte, bool) {
	at := len(dst)
	for range size {
		dst = append(dst, 0)
	}
	for i := at + size - 1; i >= at; i-- {
		switch e {
		case dialect.ASCII:
			dst[i], n = '0'+byte(n%10), n/10
		case dialect.EBCDIC:
			dst[i], n = 0xF0+byte(n%10), n/10
		case dialect.BCD:
			dst[i], n = byte(n/10%10)<<4|byte(n%10), n/100
		case dialect.Hex:
			dst[i], n = "0123456789ABCDEF"[n&15], n>>4
		default:
			dst[i], n = byte(n), n>>8
		}
	}
	return dst, n == 0
}

var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	for i, c := range "0123456789ABCDEF" {
		t[c] = byte(i)
	}
	for i, c := range "abcdef" {
		t[c] = byte(10 + i)
	}
	return t
}()

// size returns the bytes that units of content take: characters, digits, or bytes of type Bytes.
func (f *field) size(units int) int {
	switch f.Encoding {
	case dialect.BCD:
		if f.Type == dialect.Amount {
			return 1 + f.figures(units)/2 + f.figures(units)%2
		}
		return (units + 1) / 2
	case dialect.Hex:
		return 2 * units
	}
	if f.Type == dialect.Amount {
		return 1 + f.figures(units)
	}
	return units
}

// figures returns how many of the units of an amount are digits.
func (f *field) figures(units int) int {
	if f.Signed == dialect.SignWithin {
		return max(0, units-1)
	}
	return units
}

// units returns how many units f has, of which size bytes are in body from off on.
func (f *field) units(body []byte, off, size int) int {
	if f.Digits > 0 && !f.CountsBytes && off >= f.prefix {
		n, _ := readLength(body[off-f.prefix:off], f.Prefix)
		return n
	}
	return f.count(body[off : off+size])
}

// count returns how many units f has whose content, of which the bytes are known, this is. Of BCD a nibble that fills it up is
// none, if it is no digit.
func (f *field) count(content []byte) int {
	size := len(content)
	switch {
	case f.Digits == 0:
		return f.Length
	case f.Type == dialect.Amount:
		return f.countAmount(size)
	case f.Encoding == dialect.Hex:
		return size / 2
	case f.Encoding != dialect.BCD:
		return size
	case size == 0 || f.Fill < 10:
		return 2 * size
	}
	fill := content[0] >> 4
	if f.PadRight {
		fill = content[size-1] & 15
	}
	if fill == f.Fill {
		return 2*size - 1
	}
	return 2 * size
}

func (f *field) countAmount(size int) int {
	n := max(0, size-1)
	if f.Encoding == dialect.BCD {
		n *= 2
	}
	if f.Signed == dialect.SignWithin {
		n++
	}
	return n
}

// fits reports whether f can have so many units in so many bytes.
func (f *field) fits(size, units int) bool {
	return units >= f.Least && units <= f.Length && size == f.size(units)
}

// sound reports whether content is what f may have. Units is the number of its characters or digits.
func (f *field) sound(content []byte, units int) bool {
	if f.Type == dialect.Bytes {
		if f.Encoding == dialect.Hex {
			for _, b := range content {
				if unhex[b] > 15 {
					return false
				}
			}
		}
		return true
	}
	if f.Type == dialect.Amount {
		if len(content) == 0 {
			return false
		}
		sign := content[0]
		if f.Encoding == dialect.EBCDIC {
			sign = frame.FromEBCDIC[sign]
		}
		if sign != 'C' && sign != 'D' {
			return false
		}
		content, units = content[1:], f.figures(units)
	}
	switch f.Encoding {
	case dialect.BCD:
		return f.packed(content, units)
	case dialect.EBCDIC:
		for _, b := range content {
			if ebcdicClasses[b]&f.chars == 0 {
				return false
			}
		}
	case dialect.ASCII:
		for _, b := range content {
			if classes[b]&f.chars == 0 {
				return false
			}
		}
	}
	return true
}

// packed reports whether content is BCD of so many digits, and what fills it up is what was declared.
func (f *field) packed(content []byte, digits int) bool {
	last := len(content) - 1
	for i, b := range content {
		hi, lo := b>>4, b&15
		if digits%2 != 0 && f.PadRight && i == last {
			if lo != f.Fill {
				return false
			}
			lo = 0
		}
		if digits%2 != 0 && !f.PadRight && i == 0 {
			if hi != f.Fill {
				return false
			}
			hi = 0
		}
		if f.Type == dialect.Track {
			if hi > 9 && hi != 0xD || lo > 9 && lo != 0xD {
				return false
			}
		} else if hi > 9 || lo > 9 {
			return false
		}
	}
	return true
}

// appendText appends content as ASCII text; of type Bytes the bytes themselves.
func (f *field) appendText(dst, content []byte, units int) []byte {
	switch {
	case f.Encoding == dialect.EBCDIC && f.Type != dialect.Bytes:
		for _, b := range content {
			dst = append(dst, frame.FromEBCDIC[b])
		}
		return dst
	case f.Encoding == dialect.Hex && f.Type == dialect.Bytes:
		for i := 0; i+1 < len(content); i += 2 {
			dst = append(dst, unhex[content[i]]<<4|unhex[content[i+1]])
		}
		return dst
	case f.Encoding != dialect.BCD:
		return append(dst, content...)
	}
	if f.Type == dialect.Amount && len(content) > 0 {
		dst = append(dst, content[0])
		content, units = content[1:], f.figures(units)
	}
	skip := units%2 != 0 && !f.PadRight
	for _, b := range content {
		for _, d := range [2]byte{b >> 4, b & 15} {
			if skip {
				skip = false
				continue
			}
			if units == 0 {
				break
			}
			units--
			dst = append(dst, "0123456789ABC=EF"[d])
		}
	}
	return dst
}

var errContent = errors.New("it does not fit the field")

// appendContent appends text in the encoding of f, with its length in front. A fixed field is filled up: with zeros in
// front of digits, with blanks behind text.
func (f *field) appendContent(dst, text []byte) ([]byte, error) {
	start := len(dst)
	signed := 0
	if f.Type == dialect.Amount && f.Signed == dialect.SignExtra {
		signed = 1
	}
	units := len(text) - signed
	if units < 0 || units > f.Length || f.Digits > 0 && units < f.Least || f.Type == dialect.Amount && f.Digits == 0 && units != f.Length ||
		f.Type == dialect.Bytes && f.Digits == 0 && units != f.Length {
		return dst, errContent
	}
	fill := 0
	if f.Digits == 0 {
		fill, units = f.Length-units, f.Length
	}
	if f.Digits > 0 {
		n := units
		if f.CountsBytes {
			n = f.size(units)
		}
		var ok bool
		if dst, ok = appendLength(dst, n, f.prefix, f.Prefix); !ok {
			return dst[:start], errContent
		}
	}
	at := len(dst)
	switch {
	case f.Encoding == dialect.BCD:
		dst = f.appendPacked(dst, text, units, fill)
	case f.Encoding == dialect.Hex:
		for _, b := range text {
			dst = append(dst, "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&15])
		}
	default:
		for range fill {
			if f.Type == dialect.N {
				dst = append(dst, '0')
			}
		}
		dst = append(dst, text...)
		for range fill {
			if f.Type != dialect.N {
				dst = append(dst, ' ')
			}
		}
		if f.Encoding == dialect.EBCDIC && f.Type != dialect.Bytes {
			for i := at; i < len(dst); i++ {
				dst[i] = frame.ToEBCDIC[dst[i]&0x7F]
			}
		}
	}
	if !f.sound(dst[at:], units) {
		return dst[:start], errContent
	}
	return dst, nil
}

// appendPacked appends fill zeros and the digits of text, units of them in all, two in a byte.
func (f *field) appendPacked(dst, text []byte, units, fill int) []byte {
	if f.Type == dialect.Amount {
		dst = append(dst, text[0])
		text, units = text[1:], f.figures(units)
	}
	half, has := byte(0), false
	put := func(d byte) {
		if has {
			dst = append(dst, half<<4|d)
		}
		half, has = d, !has
	}
	if units%2 != 0 && !f.PadRight {
		put(f.Fill)
	}
	for range fill {
		put(0)
	}
	for _, c := range text {
		switch {
		case c == '=' || c == 'D':
			put(0xD)
		case c >= '0' && c <= '9':
			put(c - '0')
		default:
			put(0xF) // no digit: it is found out
		}
	}
	if has {
		put(f.Fill)
	}
	return dst
}
