package iso8583

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// panDigits is how long a row of digits must be to be taken for the number of a card (ISO/IEC 7812: 13 to 19, and older
// ones of 12).
const panDigits = 13

// Shows reports whether the text of a field may be seen: the dialect does not call the field secret, and nothing in it
// looks like the number of a card that stands where it should not. An empty path is a message's ID.
func (c *Codec) Shows(path string, text []byte) bool {
	if path == "" {
		return !looksLikePAN(text)
	}
	n, part, ok := c.place(path)
	switch {
	case !ok:
		return path == "MTI" || path == "bitmap" || isMTI(path)
	case part != nil:
		return !c.fields[n].Secret && !part.hides(text)
	}
	return !c.fields[n].hides(text)
}

func isMTI(path string) bool { return len(path) > 4 && path[:4] == "MTI." }

// hides reports whether a content whose text this is may not be seen. Amounts have zeros in front of them, which are not
// counted as digits of a card's number.
func (f *field) hides(text []byte) bool {
	switch {
	case f.Secret:
		return true
	case f.Type == dialect.N:
		return looksLikePAN(bytes.TrimLeft(text, "0"))
	case f.Type == dialect.Bytes:
		return looksLikePAN(text) || looksLikeOther(text)
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

// looksLikeOther is looksLikePAN of digits in EBCDIC, and in BCD.
func looksLikeOther(p []byte) bool {
	ebcdic, packed := 0, 0
	for _, b := range p {
		ebcdic++
		if b < 0xF0 || b > 0xF9 {
			ebcdic = 0
		}
		for _, d := range [2]byte{b >> 4, b & 15} {
			packed++
			if d > 9 {
				packed = 0
			}
			if packed >= panDigits {
				return true
			}
		}
		if ebcdic >= panDigits {
			return true
		}
	}
	return false
}

// AppendMasked appends m.Body, in which every byte that may not be seen is an asterisk: contents of secret fields, and what
// looks like a card's number. Of a message that was refused no field can be trusted to be what its number says, and only
// the message type is left.
func (c *Codec) AppendMasked(dst []byte, m *protocol.Message) []byte {
	at := len(dst)
	dst = append(dst, m.Body...)
	body := dst[at:]
	if m.Code == refused || m.Code == broken || len(m.Name) != mtiSize {
		from := 0
		if len(m.Name) == mtiSize && known(m.Name) && m.Name[0] == c.edition {
			from = c.mtiBytes()
		}
		for i := from; i < len(body); i++ {
			body[i] = '*'
		}
		return dst
	}
	for n, span := range m.Spans {
		if span.Off >= 0 && c.fields[n].hides(c.find(m, n)) {
			c.fields[n].blot(body[span.Off : span.Off+span.Len])
		}
	}
	return dst
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
