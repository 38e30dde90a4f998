package schema

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Pattern is a regular expression, for texts of ASCII as a table of states: each byte
// costs one look. Other texts, and expressions that need too many states or look at the
// bytes round a place (\b, (?m)), are for the package regexp. It is immutable and safe for
// concurrent use.
type Pattern struct {
	re      *regexp.Regexp
	classes [utf8.RuneSelf]uint8 // bytes that are alike
	width   int                  // classes; 0: there is no table
	next    []uint16             // where the row of the next state begins, by state and class
	atEnd   []bool               // by state: a text that ends here matches
}

// The first states of a table.
const (
	matched = iota // whatever follows
	failed         // whatever follows
	begun          // nothing read
)

// What a table may have, and what may be done for it: some milliseconds.
const (
	mostStates = 256
	mostPlaces = 1000
	mostWork   = 100_000
)

// NewPattern compiles text, as package regexp does.
func NewPattern(text string) (*Pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &Pattern{re: re}
	if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
		if prog, err := syntax.Compile(tree.Simplify()); err == nil {
			p.table(prog)
		}
	}
	return p, nil
}

// String returns the text that p was made of.
func (p *Pattern) String() string { return p.re.String() }

// Match tells whether the pattern is somewhere in s.
func (p *Pattern) Match(s []byte) bool {
	if p.width == 0 {
		return p.re.Match(s)
	}
	row, last := begun*p.width, failed*p.width
	for _, b := range s {
		if b >= utf8.RuneSelf {
			return p.re.Match(s)
		}
		row = int(p.next[row+int(p.classes[b])])
		if row <= last {
			return row == matched
		}
	}
	return p.atEnd[row/p.width]
}

// table makes the states of prog, if they are few: a state is the places in prog where a
// match could be.
func (p *Pattern) table(prog *syntax.Prog) {
	m := &machine{prog: prog, known: make(map[string]int)}
	if len(prog.Inst) > mostPlaces {
		return
	}
	for i := range prog.Inst {
		const places = syntax.EmptyBeginText | syntax.EmptyEndText
		if in := &prog.Inst[i]; in.Op == syntax.InstEmptyWidth && syntax.EmptyOp(in.Arg)&^places != 0 {
			return
		}
	}
	start := []uint32{uint32(prog.Start)}
	m.sets = [][]uint32{nil, nil, m.closure(start, syntax.EmptyBeginText)}
	if m.matches(m.sets[begun]) {
		return // every text matches: not worth a table
	}
	p.atEnd = []bool{matched: true, failed: false, begun: m.matches(m.closure(start, syntax.EmptyBeginText|syntax.EmptyEndText))}
	classes, of := m.classes()
	next := make([]uint16, begun*len(of))
	for state := begun; state < len(m.sets); state++ {
		for _, b := range of {
			to := m.step(m.sets[state], b)
			if to >= mostStates || m.work > mostWork {
				return
			}
			next = append(next, uint16(to*len(of)))
		}
	}
	for _, set := range m.sets[begun+1:] {
		p.atEnd = append(p.atEnd, m.matches(m.closure(set, syntax.EmptyEndText)))
	}
	p.classes, p.next, p.width = classes, next, len(of)
}

// machine makes sets of places in a program.
type machine struct {
	prog  *syntax.Prog
	sets  [][]uint32
	known map[string]int
	work  int // places looked at
}

// classes gives bytes that no place tells apart the same class; of has one byte of each.
func (m *machine) classes() (class [utf8.RuneSelf]uint8, of []rune) {
	known := make(map[string]uint8)
	for b := range rune(utf8.RuneSelf) {
		var key []byte
		for i := range m.prog.Inst {
			fits := byte(0)
			if in := &m.prog.Inst[i]; reads(in) && in.MatchRune(b) {
				fits = 1
			}
			key = append(key, fits)
		}
		c, ok := known[string(key)]
		if !ok {
			c = uint8(len(of))
			known[string(key)] = c
			of = append(of, b)
		}
		class[b] = c
	}
	return class, of
}

func reads(in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

// step is the state after b.
func (m *machine) step(set []uint32, b rune) int {
	to := []uint32{uint32(m.prog.Start)} // a match may begin at any place
	for _, pc := range set {
		if in := &m.prog.Inst[pc]; reads(in) && in.MatchRune(b) {
			to = append(to, in.Out)
		}
	}
	to = m.closure(to, 0)
	if m.matches(to) {
		return matched
	}
	if len(to) == 0 {
		return failed
	}
	var key []byte
	for _, pc := range to {
		key = append(key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	state, ok := m.known[string(key)]
	if !ok {
		state = len(m.sets)
		m.known[string(key)] = state
		m.sets = append(m.sets, to)
	}
	return state
}

// closure is what can be reached from set without reading, sorted: only the places that
// read, match, or may be passed at the end of the text.
func (m *machine) closure(set []uint32, at syntax.EmptyOp) []uint32 {
	var out []uint32
	seen := make(map[uint32]bool)
	todo := slices.Clone(set)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		m.work++
		switch in := &m.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			if need := syntax.EmptyOp(in.Arg); need&^at == 0 {
				todo = append(todo, in.Out)
			} else if need&^at == syntax.EmptyEndText {
				out = append(out, pc)
			}
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	slices.Sort(out)
	return out
}

func (m *machine) matches(set []uint32) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return m.prog.Inst[pc].Op == syntax.InstMatch })
}
