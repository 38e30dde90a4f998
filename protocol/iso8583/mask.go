package iso8583

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// panDigits is how long a row of digits must be to be taken for the number of a card (ISO/IEC 7812: 13 to 19, and older
// ones of 12).
const panDigits = 13

// Shows reports whether the text of a field may be seen: the dialect does not call the field secret, and nothing in it
// looks like the number of a card that stands where it should not.
func (c *Codec) Shows(path string, text []byte) bool {
	n, part, ok := c.place(path)
	if !ok {
		return path == "MTI" || path == "bitmap" || isMTI(path)
	}
	return !c.fields[n].Secret && (part == nil || !part.Secret) && !c.looksLikePAN(n, text)
}

func isMTI(path string) bool { return len(path) > 4 && path[:4] == "MTI." }

// looksLikePAN is that for the text of field n: the zeros in front of an amount are none of a card's number.
func (c *Codec) looksLikePAN(n int, text []byte) bool {
	if numbers[n] {
		text = significant(text)
	}
	return looksLikePAN(text)
}

func looksLikePAN(text []byte) bool {
	row := 0
	for _, b := range text {
		switch {
		case b >= '0' && b <= '9':
			row++
		case b == ' ' || b == '-':
			// as cards have them printed on
		default:
			row = 0
		}
		if row >= panDigits {
			return true
		}
	}
	return false
}

// AppendMasked appends m.Body, in which every byte that may not be seen is an asterisk: contents of secret fields, what
// looks like a card's number, and, of a message that could not be read to its end, the rest.
func (c *Codec) AppendMasked(dst []byte, m *protocol.Message) []byte {
	at := len(dst)
	dst = append(dst, m.Body...)
	body := dst[at:]
	end := 0
	if len(m.Name) == mtiSize {
		end = c.headSize(m.Body)
	}
	for n, span := range m.Spans {
		if span.Off < 0 {
			continue
		}
		end = max(end, int(span.Off+span.Len))
		d := c.fields[n]
		if d.Secret || c.looksLikePAN(n, c.find(m, n)) {
			d.blot(body[span.Off : span.Off+span.Len])
		}
	}
	for i := end; i < len(body); i++ {
		body[i] = '*'
	}
	return dst
}

// headSize returns the bytes of message type and bitmaps.
func (c *Codec) headSize(body []byte) int {
	at := mtiSize
	if c.dialect.MTI == dialect.BCD {
		at = 2
	}
	var set [3]uint64
	return max(at, c.readBitmaps(body, at, &set, new(faults)))
}

// blot makes asterisks of a content.
func (f *field) blot(content []byte) {
	star := byte('*')
	if f.Encoding == dialect.EBCDIC {
		star = frame.ToEBCDIC['*']
	}
	for i := range content {
		content[i] = star
	}
}
