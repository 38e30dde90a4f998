package schema

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	null kind = iota
	falseWord
	trueWord
	numeral
	text
	list
	object
)

const boolean = 1<<falseWord | 1<<trueWord

// token is a value, or the name of a member, which stands before the member's value. The
// tokens of a list or object follow it.
type token struct {
	off  uint32 // of the text, without quotes, or the number
	end  uint32
	next uint32 // the first token after the value
	bits uint32 // the kind, what else is known of it, and the number of parts, or the mark of a name
}

const (
	kinds     = 7
	plain     = 8  // a text of ASCII alone; a number without fraction and exponent
	made      = 16 // a text with escapes, which stands unescaped in the tape's own memory
	partsAt   = 32 - markBits
	mostParts = 1<<(32-partsAt) - 1
)

func (t *token) kind() kind    { return kind(t.bits & kinds) }
func (t *token) plain() bool   { return t.bits&plain != 0 }
func (t *token) parts() uint32 { return t.bits >> partsAt }
func (t *token) mark() uint32  { return t.bits >> partsAt }

// tape is JSON text, of which each byte was looked at once: RFC 8259, without what two
// readers could understand differently, such as a name twice.
type tape struct {
	raw    []byte
	tokens []token
	own    []byte // texts that had escapes
	values int
	limits Limits
	seed   maphash.Seed
	table  []uint32 // scratch of unlike
}

// read makes tokens of raw. It is false if raw is not JSON, or beyond a limit.
func (t *tape) read(raw []byte) bool {
	t.raw, t.tokens, t.own, t.values = raw, t.tokens[:0], t.own[:0], 0
	if len(raw) > math.MaxInt32 || t.limits.Values > mostParts && len(raw) > mostParts {
		return false
	}
	pos, ok := t.value(space(raw, 0), 0)
	return ok && space(raw, pos) == len(raw)
}

// forget lets go of the text, and of memory that only an unusual message needs.
func (t *tape) forget() {
	const usual = 64 << 10
	t.raw = nil
	if cap(t.tokens) > usual/8 {
		t.tokens = nil
	}
	if cap(t.own) > usual {
		t.own = nil
	}
	if cap(t.table) > usual/4 {
		t.table = nil
	}
}

func space(raw []byte, pos int) int {
	for pos < len(raw) && (raw[pos] == ' ' || raw[pos] == '\n' || raw[pos] == '\r' || raw[pos] == '\t') {
		pos++
	}
	return pos
}

// value adds the value that begins at pos, and returns where it ends.
func (t *tape) value(pos, depth int) (int, bool) {
	if t.values++; t.values > t.limits.Values || pos >= len(t.raw) {
		return pos, false
	}
	switch t.raw[pos] {
	case '"':
		return t.text(pos)
	case '{':
		return t.object(pos, depth+1)
	case '[':
		return t.list(pos, depth+1)
	case 't':
		return t.word(pos, "true", trueWord)
	case 'f':
		return t.word(pos, "false", falseWord)
	case 'n':
		return t.word(pos, "null", null)
	}
	return t.number(pos)
}

func (t *tape) word(pos int, word string, k kind) (int, bool) {
	end := pos + len(word)
	if end > len(t.raw) || string(t.raw[pos:end]) != word {
		return pos, false
	}
	t.add(pos, end, uint32(k))
	return end, true
}

// add appends a token that has no parts.
func (t *tape) add(off, end int, bits uint32) {
	t.tokens = append(t.tokens, token{uint32(off), uint32(end), uint32(len(t.tokens) + 1), bits})
}

func (t *tape) object(pos, depth int) (int, bool) {
	raw, at := t.raw, len(t.tokens)
	if depth > t.limits.Depth {
		return pos, false
	}
	t.tokens = append(t.tokens, token{off: uint32(pos), bits: uint32(object)})
	pos = space(raw, pos+1)
	if pos < len(raw) && raw[pos] == '}' {
		return t.close(at, pos, 0)
	}
	var n uint32
	var seen [4]uint64 // bits of the names so far
	twice := false     // perhaps
	for {
		if pos >= len(raw) || raw[pos] != '"' {
			return pos, false
		}
		var ok bool
		var h uint32
		if w, size := short(raw, pos+1); size < 8 {
			h = blend(w, size)
			t.add(pos+1, pos+1+int(size), uint32(text|plain)|h<<partsAt)
			pos += int(size) + 2
		} else if pos, h, ok = t.name(pos); !ok {
			return pos, false
		}
		word, bit := &seen[h>>6&3], uint64(1)<<(h&63)
		twice = twice || *word&bit != 0
		*word |= bit
		if pos < len(raw) && raw[pos] != ':' {
			pos = space(raw, pos)
		}
		if pos >= len(raw) || raw[pos] != ':' {
			return pos, false
		}
		if pos++; pos < len(raw) && raw[pos] <= ' ' {
			pos = space(raw, pos)
		}
		if pos < len(raw) && raw[pos] == '"' && t.values < t.limits.Values {
			t.values++
			pos, ok = t.text(pos)
		} else {
			pos, ok = t.value(pos, depth)
		}
		if !ok {
			return pos, false
		}
		n++
		if pos < len(raw) && raw[pos] <= ' ' {
			pos = space(raw, pos)
		}
		if pos >= len(raw) {
			return pos, false
		}
		if raw[pos] == '}' {
			if twice && !t.unlike(at, n) {
				return pos, false
			}
			return t.close(at, pos, n)
		}
		if raw[pos] != ',' {
			return pos, false
		}
		if pos++; pos < len(raw) && raw[pos] <= ' ' {
			pos = space(raw, pos)
		}
	}
}

// name is text for a name, and returns its mark.
func (t *tape) name(pos int) (next int, h uint32, ok bool) {
	at := len(t.tokens)
	if pos, ok = t.text(pos); !ok {
		return pos, 0, false
	}
	tok := &t.tokens[at]
	h = mark(t.textOf(tok))
	tok.bits |= h << partsAt
	return pos, h, true
}

func (t *tape) list(pos, depth int) (int, bool) {
	raw, at := t.raw, len(t.tokens)
	if depth > t.limits.Depth {
		return pos, false
	}
	t.tokens = append(t.tokens, token{off: uint32(pos), bits: uint32(list)})
	pos = space(raw, pos+1)
	if pos < len(raw) && raw[pos] == ']' {
		return t.close(at, pos, 0)
	}
	for n := uint32(1); ; n++ {
		var ok bool
		if pos, ok = t.value(pos, depth); !ok {
			return pos, false
		}
		if pos = space(raw, pos); pos >= len(raw) {
			return pos, false
		}
		if raw[pos] == ']' {
			return t.close(at, pos, n)
		}
		if raw[pos] != ',' {
			return pos, false
		}
		pos = space(raw, pos+1)
	}
}

// close completes the list or object at, whose last byte is at pos.
func (t *tape) close(at, pos int, parts uint32) (int, bool) {
	tok := &t.tokens[at]
	tok.end, tok.next = uint32(pos+1), uint32(len(t.tokens))
	tok.bits |= parts << partsAt
	return pos + 1, true
}

// special has the highest bit set in the first byte of w that is a quote, a backslash, a
// control character or beyond ASCII, and in none before it. Beyond ASCII one of the first two
// terms has it at least.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	return (((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | (w - ones*' ')) & highs
}

// short is a text of less than eight bytes that begins at pos, with zeros behind it, and its
// size; or any size of eight and more.
func short(raw []byte, pos int) (w uint64, size uint32) {
	if len(raw)-pos < 8 {
		return 0, 8
	}
	w = binary.LittleEndian.Uint64(raw[pos:])
	at := bits.TrailingZeros64(special(w)) &^ 7
	if at > 56 || byte(w>>at) != '"' {
		return 0, 8
	}
	return w & (1<<at - 1), uint32(at / 8)
}

// text adds the string whose first quote is at pos.
func (t *tape) text(pos int) (int, bool) {
	raw := t.raw
	from := pos + 1
	known := uint32(text | plain)
	for i := from; ; {
		// Eight bytes at a time, while they are neither quotes nor backslashes, control
		// characters or beyond ASCII.
		for len(raw)-i >= 8 {
			w := binary.LittleEndian.Uint64(raw[i:])
			if special := special(w); special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(raw) {
			return i, false
		}
		switch b := raw[i]; {
		case b == '"':
			if known&plain == 0 && !utf8.Valid(raw[from:i]) {
				return i, false
			}
			t.add(from, i, known)
			return i + 1, true
		case b == '\\':
			return t.escaped(from, i)
		case b < ' ':
			return i, false
		case b >= utf8.RuneSelf:
			known &^= plain
		}
		i++
	}
}

// escaped adds the string that begins at from, and has its first backslash at i.
func (t *tape) escaped(from, i int) (int, bool) {
	raw, own := t.raw, len(t.own)
	known := uint32(text | plain | made)
	t.own = append(t.own, raw[from:i]...)
	for i < len(raw) {
		if len(raw)-i >= 8 {
			at := bits.TrailingZeros64(special(binary.LittleEndian.Uint64(raw[i:]))) / 8
			t.own = append(t.own, raw[i:i+at]...)
			if i += at; at == 8 {
				continue
			}
		}
		switch b := raw[i]; {
		case b == '"':
			unescaped := t.own[own:]
			if !utf8.Valid(unescaped) {
				return i, false
			}
			if !ascii(unescaped) {
				known &^= plain
			}
			t.add(own, len(t.own), known)
			return i + 1, true
		case b < ' ':
			return i, false
		case b != '\\':
			t.own = append(t.own, b)
			i++
			continue
		}
		var ok bool
		if i, ok = t.escape(i + 1); !ok {
			return i, false
		}
	}
	return i, false
}

func ascii(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// escape appends what stands behind a backslash, at i.
func (t *tape) escape(i int) (int, bool) {
	raw := t.raw
	if i >= len(raw) {
		return i, false
	}
	if raw[i] != 'u' {
		at := strings.IndexByte(`"\/bfnrt`, raw[i])
		if at < 0 {
			return i, false
		}
		t.own = append(t.own, "\"\\/\b\f\n\r\t"[at])
		return i + 1, true
	}
	r, ok := hex(raw, i+1)
	if !ok {
		return i, false
	}
	i += 5
	if utf16.IsSurrogate(r) {
		// A half that has no other is what encoding/json makes of it, U+FFFD.
		low, ok := rune(0), false
		if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
			low, ok = hex(raw, i+2)
		}
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			i += 6
		}
	}
	t.own = utf8.AppendRune(t.own, r)
	return i, true
}

// hex is the four digits at pos.
func hex(raw []byte, pos int) (r rune, ok bool) {
	if len(raw)-pos < 4 {
		return 0, false
	}
	for _, b := range raw[pos : pos+4] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

// number adds the number that begins at pos.
func (t *tape) number(pos int) (int, bool) {
	raw, i := t.raw, pos
	if i < len(raw) && raw[i] == '-' {
		i++
	}
	known := uint32(numeral | plain)
	from := i
	if i < len(raw) && raw[i] == '0' {
		i++
	} else if i = digits(raw, i); i == from {
		return i, false
	}
	if i < len(raw) && raw[i] == '.' {
		known &^= plain
		from = i + 1
		if i = digits(raw, from); i == from {
			return i, false
		}
	}
	if i < len(raw) && raw[i]|0x20 == 'e' {
		known &^= plain
		if i++; i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		from = i
		if i = digits(raw, from); i == from || i-from > longestNumber || exponent(raw[from:i]) > largestPower {
			return i, false
		}
	}
	if i-pos > longestNumber {
		return i, false
	}
	t.add(pos, i, known)
	return i, true
}

func digits(raw []byte, pos int) int {
	for pos < len(raw) && raw[pos]-'0' <= 9 {
		pos++
	}
	return pos
}

// textOf is what a text says, or the number as it is written.
func (t *tape) textOf(tok *token) []byte {
	if tok.bits&made != 0 {
		return t.own[tok.off:tok.end]
	}
	return t.raw[tok.off:tok.end]
}

// find looks for a name.
func (t *tape) find(n *names, tok *token) int {
	size := tok.end - tok.off
	if size < 8 && tok.bits&made == 0 && len(t.raw)-int(tok.off) >= 8 {
		return n.findShort(binary.LittleEndian.Uint64(t.raw[tok.off:])&(1<<(8*size)-1), size, tok.mark())
	}
	return n.find(t.textOf(tok), tok.mark())
}

// unlike tells whether the n members of the object at have names that differ.
func (t *tape) unlike(at int, n uint32) bool {
	if n > 16 {
		return t.unlikeMany(at, n)
	}
	i := uint32(at + 1)
	for k := range n {
		name := t.textOf(&t.tokens[i])
		j := uint32(at + 1)
		for range k {
			if string(t.textOf(&t.tokens[j])) == string(name) {
				return false
			}
			j = t.tokens[j+1].next
		}
		i = t.tokens[i+1].next
	}
	return true
}

func (t *tape) unlikeMany(at int, n uint32) bool {
	mask := t.clear(n)
	i := uint32(at + 1)
	for range n {
		name := t.textOf(&t.tokens[i])
		slot := maphash.Bytes(t.seed, name) & mask
		for ; t.table[slot] != 0; slot = (slot + 1) & mask {
			if string(t.textOf(&t.tokens[t.table[slot]])) == string(name) {
				return false
			}
		}
		t.table[slot] = i // never 0, where the object itself may be
		i = t.tokens[i+1].next
	}
	return true
}

// clear makes the table empty, with room for n entries, and returns the mask of its slots.
func (t *tape) clear(n uint32) uint64 {
	size := 1 << bits.Len32(2*n)
	if cap(t.table) < size {
		t.table = make([]uint32, size)
	}
	t.table = t.table[:size]
	clear(t.table)
	return uint64(size - 1)
}
