package er7

import "github.com/sallyport/sallyport/protocol"

// Delims are the delimiters that a message declares in MSH-1 and MSH-2, or a batch in BHS and FHS. Truncation is 0 before 2.7.
type Delims struct {
	Field, Component, Repetition, Escape, Sub, Truncation byte
}

// Usual are those that the standard recommends.
var Usual = Delims{'|', '^', '~', '\\', '&', 0}

// DelimsOf reads the delimiters of a header, a segment that begins with MSH, BHS or FHS: the byte behind the name, and what
// stands up to where that comes again. They are not ok if there are fewer than four or more than five behind the first, if
// two are the same, or if one is a letter, a digit, a blank or no printable ASCII; at is then the place of the first that is
// wrong, and the ones before it are set.
func DelimsOf(header []byte) (d Delims, at int, ok bool) {
	if len(header) < 4 {
		return d, len(header), false
	}
	places := [...]*byte{&d.Field, &d.Component, &d.Repetition, &d.Escape, &d.Sub, &d.Truncation}
	for i, place := range places {
		at = 3 + i
		if at == len(header) || i > 0 && header[at] == d.Field {
			return d, at, i >= 5
		}
		c := header[at]
		if !MayDelimit(c) || d.has(c) {
			return d, at, false
		}
		*place = c
	}
	at++
	return d, at, at == len(header) || header[at] == d.Field
}

func (d *Delims) has(c byte) bool {
	return c == d.Field || c == d.Component || c == d.Repetition || c == d.Escape || c == d.Sub || c == d.Truncation
}

// MayDelimit reports whether c can be a delimiter: printable ASCII, and no letter, digit or blank.
func MayDelimit(c byte) bool {
	return c > ' ' && c < 0x7F && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// Append appends what stands behind the name of a header: MSH-1 and MSH-2.
func (d *Delims) Append(dst []byte) []byte {
	dst = append(dst, d.Field, d.Component, d.Repetition, d.Escape, d.Sub)
	if d.Truncation != 0 {
		dst = append(dst, d.Truncation)
	}
	return dst
}

// AppendEscaped appends text so that no byte of it is taken for a delimiter. What is no printable ASCII is a question mark, or
// as it is if utf8.
func (d *Delims) AppendEscaped(dst []byte, text string, utf8 bool) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		letter := byte(0)
		switch {
		case c == d.Field:
			letter = 'F'
		case c == d.Component:
			letter = 'S'
		case c == d.Sub:
			letter = 'T'
		case c == d.Repetition:
			letter = 'R'
		case c == d.Escape:
			letter = 'E'
		case c == d.Truncation && c != 0:
			letter = 'P'
		case c < ' ' || c == 0x7F:
			c = ' '
		case c > 0x7F && !utf8:
			c = '?'
		}
		if letter != 0 {
			dst = append(dst, d.Escape, letter, d.Escape)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func (d *Delims) appendSequence(dst, seq []byte) ([]byte, bool) {
	if len(seq) == 1 {
		switch seq[0] {
		case 'F':
			return append(dst, d.Field), true
		case 'S':
			return append(dst, d.Component), true
		case 'T':
			return append(dst, d.Sub), true
		case 'R':
			return append(dst, d.Repetition), true
		case 'E':
			return append(dst, d.Escape), true
		case 'P':
			if d.Truncation != 0 {
				return append(dst, d.Truncation), true
			}
		case 'H', 'N':
			return dst, true
		}
		return dst, false
	}
	if len(seq) == 3 && string(seq) == ".br" {
		return append(dst, '\n'), true
	}
	if len(seq) < 3 || seq[0] != 'X' || len(seq)%2 == 0 {
		return dst, false
	}
	for i := 1; i < len(seq); i += 2 {
		if hex(seq[i]) < 0 || hex(seq[i+1]) < 0 {
			return dst, false
		}
	}
	for i := 1; i < len(seq); i += 2 {
		dst = append(dst, byte(hex(seq[i])<<4|hex(seq[i+1])))
	}
	return dst, true
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

func (d *Delims) knows(seq []byte) bool {
	if len(seq) == 0 {
		return false
	}
	switch seq[0] {
	case '.', 'Z':
		return len(seq) > 1
	case 'C', 'M':
		return digits(seq[1:]) && (len(seq) == 5 || len(seq) == 7)
	case 'X':
		return len(seq) > 2 && len(seq)%2 == 1 && digits(seq[1:])
	case 'P':
		return len(seq) == 1 && d.Truncation != 0
	}
	return len(seq) == 1 && (seq[0] == 'F' || seq[0] == 'S' || seq[0] == 'T' || seq[0] == 'R' || seq[0] == 'E' || seq[0] == 'H' || seq[0] == 'N')
}

func digits(s []byte) bool {
	for _, c := range s {
		if hex(c) < 0 {
			return false
		}
	}
	return true
}

// none is the Span of what is not there.
var none = protocol.Span{Off: -1}
