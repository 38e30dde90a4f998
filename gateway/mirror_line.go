package gateway

import (
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// mirrorLine is a message as an audit sink gets it: one JSON object and a line break.
//
//	{"time":"…","route":"orders","peer":"10.0.0.7:4711","what":"request","id":"7","name":"order.place","body":"…"}
//
// Id, name and body are those of the protocol, byte for byte, and left out if empty. What
// is no text stands under id64, name64 or body64, in base64. Of a message that was carried
// body is the head, and "rest" the number of bytes behind it.
type mirrorLine struct {
	at         time.Time
	route      string
	peer       string
	what       string // request, one-way or result
	more       bool   // a part of a result, and not the last one
	id         protocol.ID
	name, body []byte
	rest       int64 // bytes of the body that were carried, and are not in the copy
}

// mask takes out of l, a line about m, what nobody may see. A nil masking has nothing of that kind.
func (l *mirrorLine) mask(masking protocol.Masking, m *protocol.Message) {
	if masking == nil {
		return
	}
	l.body = masking.AppendMasked(nil, m)
	if !masking.Shows("", l.id) {
		l.id = protocol.ID("***")
	}
}

// appendTo appends l. It allocates nothing but what dst needs to grow.
func (l *mirrorLine) appendTo(dst []byte) []byte {
	dst = append(dst, `{"time":"`...)
	dst = l.at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z07:00")
	dst = append(dst, '"')
	dst = appendText(dst, "route", l.route)
	dst = appendText(dst, "peer", l.peer)
	dst = appendText(dst, "what", l.what)
	if l.more {
		dst = append(dst, `,"more":true`...)
	}
	dst = appendText(dst, "id", l.id)
	dst = appendText(dst, "name", l.name)
	dst = appendText(dst, "body", l.body)
	if l.rest > 0 {
		dst = append(dst, `,"rest":`...)
		dst = strconv.AppendInt(dst, l.rest, 10)
	}
	return append(dst, '}', '\n')
}

// appendText appends a member of an object, unless it is empty.
func appendText[T ~string | ~[]byte](dst []byte, key string, value T) []byte {
	if len(value) == 0 {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	start, from := len(dst), 0
	dst = append(dst, `":"`...)
	for i := 0; i < len(value); {
		switch c := inText[value[i]]; c {
		case asItIs:
			i++
		case beyondASCII:
			n := sizeOfRune([]byte(value[i:min(i+utf8.UTFMax, len(value))]))
			if n == 0 {
				return appendBase64(dst[:start], []byte(value))
			}
			i += n
		case never:
			return appendBase64(dst[:start], []byte(value))
		default:
			dst = append(dst, value[from:i]...)
			dst = append(dst, '\\', c)
			i++
			from = i
		}
	}
	dst = append(dst, value[from:]...)
	return append(dst, '"')
}

// appendBase64 ends the member that appendText has begun, for what is no text.
func appendBase64(dst, value []byte) []byte {
	dst = append(dst, `64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, value)
	return append(dst, '"')
}

// What inText says of a byte, beside the letter that stands for it after a backslash.
const (
	asItIs = iota
	never
	beyondASCII
)

// inText says how each byte stands in a text: UTF-8 without control characters but those
// of lines. So a line is at most twice as long as what it shows, and harmless on a terminal.
var inText = func() (t [256]byte) {
	for c := range t {
		switch {
		case c < ' ' || c == 0x7f:
			t[c] = never
		case c >= utf8.RuneSelf:
			t[c] = beyondASCII
		}
	}
	t['"'], t['\\'], t['\n'], t['\r'], t['\t'] = '"', '\\', 'n', 'r', 't'
	return t
}()

// sizeOfRune returns the length of the first rune of p, 0 if that is no text.
func sizeOfRune(p []byte) int {
	r, n := utf8.DecodeRune(p)
	if r == utf8.RuneError && n == 1 || r < 0xa0 {
		return 0
	}
	return n
}
