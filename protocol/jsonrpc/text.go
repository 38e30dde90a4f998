package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// escape reads the escape at the beginning of t: the character and its length there. 0
// is the length of one that is not allowed: an unknown one, a lone surrogate, NUL.
func escape(t []byte) (r rune, n int) {
	if len(t) < 2 {
		return 0, 0
	}
	switch t[1] {
	case '"', '\\', '/':
		return rune(t[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = hex4(t[2:])
		if r <= 0 {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(t) < 12 || t[6] != '\\' || t[7] != 'u' {
			return 0, 0
		}
		if r = utf16.DecodeRune(r, hex4(t[8:])); r != utf8.RuneError {
			return r, 12
		}
	}
	return 0, 0
}

// hex4 is the number in the first four hexadecimal digits of t, -1 if they are not there.
func hex4(t []byte) (r rune) {
	if len(t) < 4 {
		return -1
	}
	for _, c := range t[:4] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends what raw, the checked text of a string without its quotes, says.
func unescape(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		r, n := escape(raw[i:])
		if n == 0 {
			return dst // never in checked text
		}
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+n:]
	}
}

// says reports whether raw, the checked text of a string without its quotes, says want.
// It does not allocate.
func says(raw []byte, want string) bool {
	var buf [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return string(raw) == want
		}
		if len(want) < i || string(raw[:i]) != want[:i] {
			return false
		}
		r, n := escape(raw[i:])
		c := utf8.AppendRune(buf[:0], r)
		if n == 0 || len(want)-i < len(c) || string(c) != want[i:i+len(c)] {
			return false
		}
		raw, want = raw[i+n:], want[i+len(c):]
	}
}

// appendString appends s as a JSON string. NUL, which nobody need accept, and bytes that
// are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	return append(appendText(append(dst, '"'), s), '"')
}

// appendText is appendString without the quotes.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == 0:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029':
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// appendLine appends checked JSON text. Line breaks and tabs can only be white space
// there, as strings have them escaped; they become spaces, so that the text is one line.
func appendLine(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return dst
	}
	for i, c := range dst[start:] {
		if c == '\n' || c == '\r' || c == '\t' {
			dst[start+i] = ' '
		}
	}
	return dst
}

// plain returns the first place from i on that is not plain ASCII text: a quote, a
// backslash, a control character or a byte above 0x7F. It looks at eight bytes at once.
func plain(t []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(t); i += 8 {
		w := binary.LittleEndian.Uint64(t[i:])
		quote, slash := w^ones*'"', w^ones*'\\'
		hit := (w | (w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & tops
		if hit != 0 { // a borrow can spoil only bytes above the lowest that is meant
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(t); i++ {
		if c := t[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

func digits(t []byte, i int) int {
	for i < len(t) && isDigit(t[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
