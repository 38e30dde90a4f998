package frame

import (
	"bytes"
	"regexp"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

type encoding int

const (
	binary encoding = iota
	ascii
	hexadecimal
	bcd
	ebcdic
)

// length is a framing with a length in front: lead, length field, pad, block, body,
// trailer.
type length struct {
	lead     []byte // nil: leadSize bytes of any value
	leadSize int
	width    int
	encoding encoding
	little   bool
	self     bool
	adjust   int
	pad      int
	zero     bool // a length of 0 is a keep-alive
	echo     bool // and is given back
	block    int  // bytes
	base1    bool // the block tells its own length, and that of block and body
	swap     [][3]int
	literal  bool
	match    *regexp.Regexp
	blank    []byte // the block of a frame that answers nothing
	trailer  []byte
	max      int
}

func (l *length) header() int { return l.leadSize + l.width + l.pad }

func (l *length) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if r.Need == 0 {
		if n := min(len(data), len(l.lead)); !bytes.Equal(data[:n], l.lead[:n]) {
			return refuse(data, atEOF, broken(data, protocol.BadSyntax, 0, "frame.lead", "the declared bytes before the length", "others"))
		}
		if len(data) < l.header() {
			return unfinished(data, atEOF)
		}
		total, err := l.total(data)
		if err != nil {
			return refuse(data, atEOF, err)
		}
		r.Need = total
	}
	if err := stranger(data[:min(len(data), r.Need)]); err != nil {
		return 0, nil, err
	}
	if len(data) < r.Need {
		return unfinished(data, atEOF)
	}
	frame := data[:r.Need]
	if len(frame) > l.header() {
		at := l.header()
		if block := frame[at : at+l.block]; l.literal && !bytes.Equal(block, l.blank) || l.match != nil && !l.match.Match(block) {
			return 0, nil, broken(data, protocol.BadSyntax, at, "frame.block", "the declared block", "another")
		}
		if !bytes.HasSuffix(frame, l.trailer) {
			return 0, nil, broken(data, protocol.BadSyntax, len(frame)-len(l.trailer), "frame.trailer", "the declared bytes at the end", "others")
		}
	}
	*r = protocol.Resume{}
	return len(frame), frame, nil
}

// Header returns the bytes in front of a body, 0 if a frame of this framing cannot be carried: what stands behind a body
// could not be looked at, and a block that holds the length has no room for a great one.
func (l *length) Header() int {
	if l.trailer != nil || l.base1 {
		return 0
	}
	return l.header() + l.block
}

// Total returns the bytes of the frame that data begins with, 0 if data is too short to tell. It may be longer than the
// limit. An error is a *protocol.FrameError.
func (l *length) Total(data []byte) (int64, error) {
	if n := l.header(); len(data) < n || l.lead != nil && !bytes.Equal(data[:len(l.lead)], l.lead) {
		return 0, nil // Split says what is wrong
	}
	v, ok := l.read(data[l.leadSize : l.leadSize+l.width])
	rest := v + int64(l.adjust)
	if l.self {
		rest -= int64(l.width)
	}
	if !ok || v == 0 && l.zero || rest <= int64(l.block) {
		return 0, nil
	}
	if n := min(len(data), l.header()+l.block); n < l.header()+l.block {
		return int64(l.header()) + rest, nil
	}
	block := data[l.header() : l.header()+l.block]
	if l.literal && !bytes.Equal(block, l.blank) || l.match != nil && !l.match.Match(block) {
		return 0, broken(data, protocol.BadSyntax, l.header(), "frame.block", "the declared block", "another")
	}
	return int64(l.header()) + rest, nil
}

// CloseHead is Close for a frame of which rest bytes follow. Only the length field bounds it.
func (l *length) CloseHead(dst []byte, start int, rest int64) ([]byte, error) {
	frame := dst[start:]
	v := int64(len(frame)-l.header()) + rest - int64(l.adjust)
	if l.self {
		v += int64(l.width)
	}
	if v <= 0 || !l.write(frame[l.leadSize:l.leadSize+l.width], v) {
		return dst[:start], errTooGreat
	}
	return dst, nil
}

// total returns the bytes of the frame whose header data begins with.
func (l *length) total(data []byte) (int, *protocol.FrameError) {
	at := l.leadSize
	v, ok := l.read(data[at : at+l.width])
	if !ok {
		return 0, broken(data, protocol.BadSyntax, at, "frame.length", "the digits of a length", "other bytes")
	}
	if v == 0 && l.zero {
		return l.header(), nil
	}
	rest := v + int64(l.adjust)
	if l.self {
		rest -= int64(l.width)
	}
	switch least := int64(l.block + len(l.trailer)); {
	case rest <= least:
		return 0, broken(data, protocol.BadShape, at, "frame.length", "a length of more than "+strconv.FormatInt(least, 10), "less")
	case rest > int64(l.max-l.header()):
		return 0, broken(data, protocol.TooLarge, at, "limits.frame", "a frame of at most "+strconv.Itoa(l.max)+" bytes", "more")
	}
	return l.header() + int(rest), nil
}

// read returns the number in field. Signs, spaces and other digits are no number.
func (l *length) read(field []byte) (v int64, ok bool) {
	for i := range field {
		b := field[i]
		switch l.encoding {
		case binary:
			if l.little {
				b = field[len(field)-1-i]
			}
			v = v<<8 | int64(b)
		case ascii, ebcdic:
			zero := byte('0')
			if l.encoding == ebcdic {
				zero = 0xF0
			}
			if b < zero || b > zero+9 {
				return 0, false
			}
			v = v*10 + int64(b-zero)
		case hexadecimal:
			d := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
			if d < 0 || b < '0' {
				return 0, false
			}
			v = v<<4 | int64(d)
		case bcd:
			if b>>4 > 9 || b&15 > 9 {
				return 0, false
			}
			v = v*100 + int64(b>>4)*10 + int64(b&15)
		}
	}
	return v, true
}

// write puts v into field. It is false if v does not fit.
func (l *length) write(field []byte, v int64) bool {
	for i := len(field) - 1; i >= 0; i-- {
		switch l.encoding {
		case binary:
			at := i
			if l.little {
				at = len(field) - 1 - i
			}
			field[at] = byte(v)
			v >>= 8
		case ascii:
			field[i] = '0' + byte(v%10)
			v /= 10
		case ebcdic:
			field[i] = 0xF0 + byte(v%10)
			v /= 10
		case hexadecimal:
			field[i] = "0123456789ABCDEF"[v&15]
			v >>= 4
		case bcd:
			field[i] = byte(v/10%10)<<4 | byte(v%10)
			v /= 100
		}
	}
	return v == 0
}

func (l *length) Body(frame []byte) (body, head []byte) {
	at := l.header() + l.block
	if len(frame) <= l.header() {
		return nil, nil
	}
	if l.block > 0 || l.lead == nil && l.leadSize > 0 {
		head = frame[:at]
	}
	return frame[at : len(frame)-len(l.trailer)], head
}

// binary16 writes n into field. A frame with such a block is no longer than that.
func binary16(field []byte, n int) { field[0], field[1] = byte(n>>8), byte(n) }

// Block returns the number of bytes of the block in front of a body.
func (l *length) Block() int { return l.block }

// Echoes says whether a keep-alive is to be given back.
func (l *length) Echoes() bool { return l.echo }

func (l *length) Open(dst, head []byte) []byte {
	start, at := len(dst), l.header()
	dst = append(dst, make([]byte, at+l.block)...)
	frame := dst[start:]
	copy(frame, l.lead)
	copy(frame[at:], l.blank)
	if len(head) == at+l.block {
		if l.lead == nil {
			copy(frame, head[:l.leadSize])
		}
		block, from := frame[at:], head[at:]
		copy(block, from)
		for _, s := range l.swap {
			a, b, n := s[0], s[1], s[2]
			copy(block[a:a+n], from[b:b+n])
			copy(block[b:b+n], from[a:a+n])
		}
	}
	return dst
}

func (l *length) Close(dst []byte, start int) ([]byte, error) {
	dst = append(dst, l.trailer...)
	frame := dst[start:]
	v := int64(len(frame)-l.header()) - int64(l.adjust)
	if l.self {
		v += int64(l.width)
	}
	if len(frame) <= l.header()+l.block+len(l.trailer) || v == 0 && l.zero {
		return dst[:start], errEmpty
	}
	if l.base1 {
		block := frame[l.header():]
		binary16(block[3:5], len(block))
	}
	if len(frame) > l.max || v < 0 || !l.write(frame[l.leadSize:l.leadSize+l.width], v) {
		return dst[:start], tooLong(len(frame), l.max)
	}
	return dst, nil
}
