package jsonrpc

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// scanner checks one JSON text (RFC 8259) from its first byte to its last. A fault that
// leaves the text readable is noted and the scan goes on; any other ends it.
type scanner struct {
	text []byte
	base int // of text in the frame
	max  int // nesting
	seed maphash.Seed

	strict  bool   // names and numbers are judged; false while only the syntax matters
	path    string // of the envelope's member that is being read
	escaped bool   // the string that was read last has an escape
	keys    []key  // of all objects that are open, the innermost last
	a, b    []byte // two names, unescaped

	cause   protocol.Cause // of the first reason
	reasons []protocol.Reason
	broken  bool // the scan ended early
}

// key is the name of a member: where its text is, quotes left out, and the hash of what
// it says.
type key struct {
	hash uint64
	off  int32
	len  int32
}

const (
	maxReasons  = 8
	maxNumber   = 32  // characters
	maxExponent = 308 // beyond it no double can follow
	fewKeys     = 12  // up to here comparing each with each is faster than sorting
	keptKeys    = 1 << 12
)

func (s *scanner) start(text []byte, base, depth int, seed maphash.Seed) {
	*s = scanner{text: text, base: base, max: depth, seed: seed, strict: true,
		keys: s.keys[:0], a: s.a[:0], b: s.b[:0], reasons: s.reasons[:0]}
}

// end forgets the text, and memory that one hostile text made grow.
func (s *scanner) end() {
	s.text = nil
	if cap(s.keys) > keptKeys {
		s.keys = nil
	}
	if cap(s.a)+cap(s.b) > keptKeys {
		s.a, s.b = nil, nil
	}
}

// note records a fault after which the scan goes on.
func (s *scanner) note(cause protocol.Cause, path, rule string, off int, want, got string) {
	if len(s.reasons) == 0 {
		s.cause = cause
	}
	if len(s.reasons) < maxReasons {
		if off >= 0 {
			off += s.base
		}
		s.reasons = append(s.reasons, protocol.Reason{Path: path, Rule: rule, Off: off, Want: want, Got: got})
	}
}

// stop records a fault that ends the scan, in place of all that came before it. It
// returns the end that says so.
func (s *scanner) stop(cause protocol.Cause, rule string, off int, want, got string) int {
	if !s.broken {
		s.reasons = s.reasons[:0]
		s.note(cause, s.path, rule, off, want, got)
		s.broken = true
	}
	return -1
}

func (s *scanner) unexpected(off int, want string) int {
	return s.stop(protocol.BadSyntax, "json.syntax", off, want, s.kindAt(off))
}

// value reads the value that begins at i and returns its end, or -1. Depth is the number
// of objects and arrays around it.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.text) {
		return s.unexpected(i, "a value")
	}
	switch c := s.text[i]; {
	case c == '"':
		return s.str(i)
	case c == '{':
		return s.object(i, depth+1)
	case c == '[':
		return s.array(i, depth+1)
	case c == '-' || isDigit(c):
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.unexpected(i, "a value")
}

func (s *scanner) object(i, depth int) int {
	if depth > s.max {
		return s.tooDeep(i)
	}
	first := len(s.keys)
	if i = s.space(i + 1); i < len(s.text) && s.text[i] == '}' {
		return i + 1
	}
	for {
		name := i
		if i = s.name(i); i < 0 {
			return -1
		}
		if s.strict {
			s.keep(name+1, i-1)
		}
		if i = s.colon(i); i < 0 {
			return -1
		}
		if i = s.value(i, depth); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.next(i, '}'); !more {
			if i >= 0 && s.strict {
				s.distinct(first)
			}
			return i
		}
	}
}

func (s *scanner) array(i, depth int) int {
	if depth > s.max {
		return s.tooDeep(i)
	}
	if i = s.space(i + 1); i < len(s.text) && s.text[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.next(i, ']'); !more {
			return i
		}
	}
}

func (s *scanner) tooDeep(i int) int {
	return s.stop(protocol.TooLarge, "limits.depth", i, "less nesting", "more")
}

// name reads the name of a member at i.
func (s *scanner) name(i int) int {
	if i >= len(s.text) || s.text[i] != '"' {
		return s.unexpected(i, "a name in quotes")
	}
	return s.str(i)
}

// colon returns where the value after a name begins.
func (s *scanner) colon(i int) int {
	if i = s.space(i); i >= len(s.text) || s.text[i] != ':' {
		return s.unexpected(i, "a colon")
	}
	return s.space(i + 1)
}

// next reads what follows a member. More is true after a comma, and i then at the next
// member; otherwise i is behind the closing bracket, or -1.
func (s *scanner) next(i int, closing byte) (end int, more bool) {
	i = s.space(i)
	if i < len(s.text) {
		switch s.text[i] {
		case ',':
			return s.space(i + 1), true
		case closing:
			return i + 1, false
		}
	}
	return s.unexpected(i, "a comma or the closing bracket"), false
}

// last reads what may follow the whole text: white space.
func (s *scanner) last(i int) {
	if i = s.space(i); i < len(s.text) {
		s.unexpected(i, "nothing after the value")
	}
}

func (s *scanner) space(i int) int {
	for i < len(s.text) {
		switch s.text[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}

func (s *scanner) literal(i int, word string) int {
	if len(s.text)-i < len(word) || string(s.text[i:i+len(word)]) != word {
		return s.unexpected(i, "a value")
	}
	return i + len(word)
}

// number reads the number at i. One that is too long, or greater than a double, is noted.
func (s *scanner) number(i int) int {
	t, start := s.text, i
	if t[i] == '-' {
		i++
	}
	switch {
	case i < len(t) && t[i] == '0':
		i++
	case i < len(t) && isDigit(t[i]):
		i = digits(t, i)
	default:
		return s.unexpected(i, "a digit")
	}
	if i < len(t) && t[i] == '.' {
		first := i + 1
		if i = digits(t, first); i == first {
			return s.unexpected(i, "a digit")
		}
	}
	exp := 0
	if i < len(t) && t[i]|0x20 == 'e' {
		i++
		if i < len(t) && (t[i] == '+' || t[i] == '-') {
			i++
		}
		first := i
		if i = digits(t, first); i == first {
			return s.unexpected(i, "a digit")
		}
		for _, c := range t[first:i] {
			exp = min(exp*10+int(c-'0'), maxExponent+1)
		}
	}
	if s.strict && i-start > maxNumber {
		s.note(protocol.TooLarge, s.path, "limits.number", start, "a number of at most 32 characters", "more")
	} else if s.strict && exp > maxExponent {
		s.note(protocol.TooLarge, s.path, "limits.exponent", start, "an exponent between -308 and 308", "another")
	}
	return i
}

// str reads the string at i, where its first quote is.
func (s *scanner) str(i int) int {
	t := s.text
	s.escaped = false
	for i++; ; {
		i = plain(t, i)
		if i >= len(t) {
			return s.unexpected(i, "the closing quote")
		}
		switch c := t[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			_, n := escape(t[i:])
			if n == 0 {
				return s.stop(protocol.BadSyntax, "json.escape", i, "a valid escape of a character", "another")
			}
			s.escaped = true
			i += n
		case c < ' ':
			return s.stop(protocol.BadSyntax, "json.control", i, "an escaped character", "a control character")
		default:
			r, n := utf8.DecodeRune(t[i:])
			if r == utf8.RuneError && n <= 1 {
				return s.stop(protocol.BadSyntax, "json.utf8", i, "UTF-8", "other bytes")
			}
			i += n
		}
	}
}

// keep puts the name in text[from:to], just read, on the stack of names.
func (s *scanner) keep(from, to int) {
	name := s.text[from:to]
	if s.escaped {
		s.a = unescape(s.a[:0], name)
		name = s.a
	}
	s.keys = append(s.keys, key{maphash.Bytes(s.seed, name), int32(from), int32(to - from)})
}

// distinct notes a name that occurs twice among those from first on, and takes them off
// the stack. A hostile object costs no more than sorting it.
func (s *scanner) distinct(first int) {
	keys := s.keys[first:]
	s.keys = s.keys[:first]
	twice := -1
	if len(keys) > fewKeys {
		slices.SortFunc(keys, func(a, b key) int {
			return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.off, b.off))
		})
		for i := 1; i < len(keys); i++ {
			if s.same(keys[i-1], keys[i]) && (twice < 0 || int(keys[i].off) < twice) {
				twice = int(keys[i].off)
			}
		}
	} else {
		for i := 1; i < len(keys) && twice < 0; i++ {
			for j := range i {
				if s.same(keys[j], keys[i]) {
					twice = int(keys[i].off)
					break
				}
			}
		}
	}
	if twice >= 0 {
		s.note(protocol.BadShape, s.path, "json.duplicate", twice-1, "each name once", "a name twice")
	}
}

func (s *scanner) same(a, b key) bool {
	if a.hash != b.hash {
		return false
	}
	s.a = unescape(s.a[:0], s.text[a.off:a.off+a.len])
	s.b = unescape(s.b[:0], s.text[b.off:b.off+b.len])
	return bytes.Equal(s.a, s.b)
}

// kindAt says what kind of thing stands at i, without its value.
func (s *scanner) kindAt(i int) string {
	if i >= len(s.text) {
		return "the end of the text"
	}
	if bytes.HasPrefix(s.text[i:], []byte("\xef\xbb\xbf")) {
		return "a byte order mark"
	}
	switch c := s.text[i]; {
	case c == '"', c == '{', c == '[', c == '-', isDigit(c):
		return typeOf(c).String()
	case c == '}', c == ']', c == ',', c == ':':
		return "punctuation"
	case c < ' ':
		return "a control character"
	}
	return "another character"
}

// typeOf is the type of the value whose first byte is c.
func typeOf(c byte) protocol.ValueType {
	switch c {
	case '"':
		return protocol.String
	case '{':
		return protocol.Map
	case '[':
		return protocol.List
	case 't', 'f':
		return protocol.Bool
	case 'n':
		return protocol.Null
	}
	return protocol.Number
}
