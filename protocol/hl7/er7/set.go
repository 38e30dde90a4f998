package er7

import "bytes"

// Set is a way in which characters are written (HL7 table 0211), as far as it matters where delimiters are.
type Set uint8

const (
	// Plain is every set in which a byte that looks like a delimiter is one: ASCII, ISO 8859, UTF-8, and the sets of several
	// bytes of which each has its highest bit set.
	Plain Set = iota
	// Pairs is BIG-5 and GB 18030: behind a byte from 0x81 on any other may follow that belongs to it.
	Pairs
	// Shifted is ISO 2022, with ISO IR14, IR87 and IR159: an escape sequence begins characters of two bytes that look like
	// ASCII, and another ends them. A field begins in ASCII.
	Shifted
)

// sets are the names of table 0211, and others that are in use.
var sets = map[string]Set{
	"ASCII": Plain, "8859/1": Plain, "8859/2": Plain, "8859/3": Plain, "8859/4": Plain, "8859/5": Plain, "8859/6": Plain, "8859/7": Plain, "8859/8": Plain,
	"8859/9": Plain, "8859/15": Plain, "UNICODE UTF-8": Plain, "UTF-8": Plain, "ISO IR6": Plain, "ISO IR14": Shifted, "ISO IR87": Shifted,
	"ISO IR159": Shifted, "GB 18030-2000": Pairs, "KS X 1001": Plain, "CNS 11643-1992": Plain, "BIG-5": Pairs, "BIG5": Pairs,
}

// SetOf returns the set that a field MSH-18 declares: that of its first repetition is the one that a field begins in, and if
// one of the others is Shifted so is the message. It is false if one of the names is unknown, or of UNICODE in 16 or 32 bits,
// which no frame of MLLP can carry.
func SetOf(field []byte, repetition byte) (set Set, known bool) {
	known = true
	for len(field) > 0 {
		name, rest, _ := bytes.Cut(field, []byte{repetition})
		field = rest
		if len(name) == 0 {
			continue
		}
		s, ok := sets[string(name)]
		known = known && ok
		set = max(set, s)
	}
	return set, known
}

func (s Set) plain() bool { return s == Plain }

// index is bytes.IndexByte by characters.
func (s Set) index(p []byte, delim byte) int {
	w := walker{set: s}
	for i := 0; i < len(p); {
		if n := w.skip(p[i:]); n > 0 {
			i += n
			continue
		}
		if p[i] == delim {
			return i
		}
		i++
	}
	return -1
}

// walker goes through a field by characters.
type walker struct {
	set Set
	two bool // characters have two bytes
}

// skip returns how many bytes p begins with that no delimiter is among, whatever they look like; 0 if its first byte may be one.
func (w *walker) skip(p []byte) int {
	const esc = 0x1B
	switch {
	case w.set == Plain:
		return 0
	case w.set == Pairs && p[0] >= 0x81: // of four bytes, too, the second two are a pair
		return min(2, len(p))
	case w.set == Shifted && p[0] == esc && len(p) > 2 && p[1] == '$' && p[2] == ')': // it changes nothing below 0x80
		return min(4, len(p))
	case w.set == Shifted && p[0] == esc && len(p) > 2:
		n := 3
		if w.two = p[1] == '$'; w.two && p[2] == '(' {
			n = 4
		}
		return min(n, len(p))
	case w.two:
		return min(2, len(p))
	}
	return 0
}
