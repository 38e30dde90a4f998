package resp

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// What stands in front of a body that CloseFrame has to change. They begin no value.
const (
	downgrade = 0x02 // it is to be sent in version 2, and the next byte is its shape
	abort     = 0x03 // OK is to be EXECABORT
	welcome   = 0x04 // OK is to be the answer to HELLO in the version of the next byte
)

const execAbort = "-EXECABORT Transaction discarded because of previous errors.\r\n"

var errNoValue = errors.New("resp: the body is no value")

// OpenFrame notes in dst what head says about the body to come.
func (c *Codec) OpenFrame(dst, head []byte) []byte {
	switch {
	case len(head) == 0:
	case head[0] == headAbort:
		return append(dst, abort)
	case head[0] == headHello && len(head) == 2:
		return append(dst, welcome, head[1])
	case head[0] == headTwo && len(head) == 2 && c.opts.Version == 3:
		return append(dst, downgrade, head[1])
	}
	return dst
}

// CloseFrame turns the body into what OpenFrame has noted.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) {
	if len(dst) == start {
		return dst, errNoValue
	}
	switch dst[start] {
	case abort:
		if bytes.HasPrefix(dst[start+1:], []byte("+")) {
			return append(dst[:start], execAbort...), nil
		}
		return append(dst[:start], dst[start+1:]...), nil // an error
	case welcome:
		if bytes.HasPrefix(dst[min(start+2, len(dst)):], []byte("+")) {
			return appendHello(dst[:start], dst[start+1]), nil
		}
		return append(dst[:start], dst[min(start+2, len(dst)):]...), nil // an error
	case downgrade:
		if len(dst) < start+3 {
			return dst[:start], errNoValue
		}
		end := len(dst)
		dst = appendTwo(dst, dst[start+2:], dst[start+1])
		return dst[:start+copy(dst[start:], dst[end:])], nil
	}
	if len(dst)-start > c.limits.Frame {
		return dst[:start], fmt.Errorf("resp: %d bytes are more than a message of %d", len(dst)-start, c.limits.Frame)
	}
	return dst, nil
}

// Shapes: how an answer in version 2 differs from that in version 3, beside its types. They depend on the command.
const (
	shapeFlat  byte = 1 << iota // an array of pairs is an array of all their members (ZRANGE WITHSCORES)
	shapePairs                  // a map is an array of pairs (XREAD)
	shapeNull                   // null is a null array (BLPOP)
	shapeNulls                  // so is each null within the array (GEOPOS)
	numShapes  = 1 << iota
)

// What the first byte of a Head says; shape is the second of headTwo.
const (
	headTwo   = 2
	headThree = 3
	headAbort = 'X' // the answer to this EXEC is that there was none
	headHello = 'H' // this HELLO was sent as AUTH; the version follows
)

var (
	headsTwo = func() (heads [numShapes][]byte) {
		for i := range heads {
			heads[i] = []byte{headTwo, byte(i)}
		}
		return heads
	}()
	headsThree = []byte{headThree}
	aborts     = []byte{headAbort}
	helloTwo   = []byte{headHello, 2}
	helloThree = []byte{headHello, 3}
)

// head is what the answer to m must be made for, in a codec of version 3.
func (c *Codec) head(m *protocol.Message, cmd *command) []byte {
	if m.Memo&memoThree != 0 {
		return headsThree
	}
	if cmd == nil {
		return headsTwo[0]
	}
	shape := cmd.shape
	if cmd.counts > 0 && len(m.Spans) <= cmd.counts {
		shape = 0
	}
	return headsTwo[shape]
}

// appendTwo appends body in version 2: maps, sets and pushes as arrays, the other types as the strings and integers that
// a server of version 2 writes; attributes are left out.
func appendTwo(dst, body []byte, shape byte) []byte {
	t := tokens{data: body}
	t.attributes()
	before := t
	switch t.next(); {
	case t.kind == '_' && shape&shapeNull != 0:
		return append(dst, "*-1\r\n"...)
	case t.kind == '*' && shape&shapeFlat != 0 && t.pairs():
		dst = appendHead(dst, '*', 2*t.n)
		for range t.n {
			t.next()
			dst = t.appendTwo(t.appendTwo(dst))
		}
		return dst
	case t.kind == '%' && shape&shapePairs != 0:
		n := t.n / 2
		dst = appendHead(dst, '*', n)
		for range n {
			dst = appendHead(dst, '*', 2)
			dst = t.appendTwo(t.appendTwo(dst))
		}
		return dst
	case t.kind == '*' && t.n > 0 && shape&shapeNulls != 0:
		n := t.n
		dst = appendHead(dst, '*', n)
		for range n {
			t.attributes()
			if t.peek() == '_' {
				t.skip()
				dst = append(dst, "*-1\r\n"...)
				continue
			}
			dst = t.appendTwo(dst)
		}
		return dst
	}
	return before.appendTwo(dst)
}

// pairs reports whether all of the values to come are pairs. There are t.n of them.
func (t tokens) pairs() bool {
	for n := t.n; n > 0; n-- {
		if t.peek() != '*' {
			return false
		}
		if t.next(); t.n != 2 {
			return false
		}
		for range 2 {
			t.attributes()
			t.skip()
		}
	}
	return true
}

// appendTwo appends the next value.
func (t *tokens) appendTwo(dst []byte) []byte {
	t.attributes()
	if !t.next() {
		return dst
	}
	switch t.kind {
	case '*', '~', '%', '>':
		if string(t.line) == "-1" {
			return append(dst, "*-1\r\n"...)
		}
		n := t.n
		dst = appendHead(dst, '*', n)
		for range n {
			dst = t.appendTwo(dst)
		}
		return dst
	case '_':
		return append(dst, "$-1\r\n"...)
	case '#':
		if string(t.line) == "t" {
			return append(dst, ":1\r\n"...)
		}
		return append(dst, ":0\r\n"...)
	case ',', '(':
		return appendBulk(dst, t.line)
	case '=':
		return appendBulk(dst, t.text[min(4, len(t.text)):])
	case '!':
		dst = append(dst, '-')
		return append(appendClean(dst, t.text), '\r', '\n')
	case '$':
		if t.text == nil {
			return append(dst, "$-1\r\n"...)
		}
		return appendBulk(dst, t.text)
	}
	return append(append(append(dst, t.kind), t.line...), '\r', '\n')
}

// peek returns the type of the next token, 0 if there is none.
func (t *tokens) peek() byte {
	if len(t.data) == 0 {
		return 0
	}
	return t.data[0]
}

// attributes passes over those in front of the next value.
func (t *tokens) attributes() {
	for t.peek() == '|' {
		t.skip()
	}
}

// skip passes over the next value, or over one attribute.
func (t *tokens) skip() {
	for open, first := 1, true; open > 0 && t.next(); open, first = open-1, false {
		if open += t.n; t.kind == '|' && !first {
			open++ // it is no value itself
		}
	}
}

// appendClean appends text for a line: without line ends, so that one answer stays one.
func appendClean[T []byte | string](dst []byte, text T) []byte {
	for i := range len(text) {
		b := text[i]
		if b == '\r' || b == '\n' {
			b = ' '
		}
		dst = append(dst, b)
	}
	return dst
}
