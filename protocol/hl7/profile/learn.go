package profile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Bounds of what a Learner remembers.
const (
	mostTypes  = 500
	mostOrders = 5000     // of one type
	mostRuns   = 500      // of segments in one order
	mostNames  = 200      // of segments in one type
	mostText   = 16 << 20 // bytes of orders, in all
	mostFields = 200_000  // in all
	enough     = 20       // values that must be of one type, before that is proposed
)

// Learner proposes profiles, one for each type of message, that let pass what was added. It keeps the order of segments, and how
// often, how long and of what kind fields were, and no value. What it has no room for is proposed as free: the order, a segment
// or a field; of the 501st type nothing is. It is not safe for concurrent use.
type Learner struct {
	types        map[string]*learnt
	text, fields int // what is kept of them
}

// learnt is what was seen of one type.
type learnt struct {
	messages int
	orders   map[string]bool // of segments, each once where it comes several times in a row
	segments map[string]*kind
	wild     bool // there were too many orders to remember
	others   bool // and too many names
}

// kind is what was seen of segments of one name.
type kind struct {
	times  int // in all
	run    int // the most in a row
	fields map[int]*extent
}

// extent is what a field was.
type extent struct {
	valued, repetitions, length int
	mismatched                  [len(types)]bool
}

// types are the data types that are told from values, the narrowest first.
var types = [...]string{"SI", "DT", "DTM", "NM", "TM"}

// NewLearner returns one that has seen nothing.
func NewLearner() *Learner { return &Learner{types: map[string]*learnt{}} }

// Add takes in t, a message of this name.
func (l *Learner) Add(t *er7.Text, name []byte) {
	k := l.types[string(name)]
	if k == nil {
		if len(l.types) == mostTypes {
			return
		}
		k = &learnt{orders: map[string]bool{}, segments: map[string]*kind{}}
		l.types[string(name)] = k
	}
	k.messages++
	l.order(k, t)
	for i := range t.Segments {
		if s := k.segments[string(t.Name(i))]; s != nil {
			s.times++
			l.segment(s, t, i)
		}
	}
}

// order notes which segments follow which, but for those that may stand anywhere.
func (l *Learner) order(k *learnt, t *er7.Text) {
	var order []string
	run := 0
	for i := range t.Segments {
		name := string(t.Name(i))
		if !segmentName.MatchString(name) || name[0] == 'Z' {
			continue
		}
		s := k.segments[name]
		if s == nil && len(k.segments) == mostNames {
			k.others = true
			continue
		}
		if s == nil {
			s = &kind{fields: map[int]*extent{}}
			k.segments[name] = s
		}
		if run++; len(order) == 0 || order[len(order)-1] != name {
			order, run = append(order, name), 1
		}
		s.run = max(s.run, run)
	}
	text := strings.Join(order, " ")
	if k.wild || k.orders[text] {
		return
	}
	if l.text += len(text); len(order) > mostRuns || len(k.orders) == mostOrders || l.text > mostText {
		k.wild = true
		return
	}
	k.orders[text] = true
}

// segment notes what the fields of segment i are.
func (l *Learner) segment(s *kind, t *er7.Text, i int) {
	n, rest, more := 1, t.Fields(i), true
	if er7.IsHeader(t.Name(i)) {
		n = 2
	}
	for more = rest.Off >= 0; more && n < 1000; n++ {
		var field protocol.Span
		field, rest, more = t.Cut(rest, t.Delims.Field)
		if !t.Valued(field) || er7.IsHeader(t.Name(i)) && n == 2 {
			continue
		}
		e := s.fields[n]
		if e == nil {
			if l.fields == mostFields {
				continue
			}
			l.fields++
			e = &extent{}
			s.fields[n] = e
		}
		e.add(t, field)
	}
}

// add notes what field is, in all its repetitions.
func (e *extent) add(t *er7.Text, field protocol.Span) {
	e.valued++
	repetitions := 0
	for more := true; more; {
		var one protocol.Span
		one, field, more = t.Cut(field, t.Delims.Repetition)
		repetitions++
		raw := t.In(one)
		if er7.IsNull(raw) {
			continue
		}
		e.length = max(e.length, len(raw))
		first, _, parted := t.Cut(one, t.Delims.Component)
		for j, name := range types {
			e.mismatched[j] = e.mismatched[j] || parted || first.Len == 0 || mismatch(name, raw) != ""
		}
	}
	e.repetitions = max(e.repetitions, repetitions)
}

// Declarations returns the proposals, by the names of the messages.
func (l *Learner) Declarations() (list []*Declaration) {
	for _, name := range slices.Sorted(maps.Keys(l.types)) {
		k := l.types[name]
		d := &Declaration{Name: fmt.Sprintf("from %d messages", k.messages), Messages: []string{name}, Segments: k.elements()}
		if k.others {
			d.Others = "any"
		}
		list = append(list, d)
	}
	return list
}

func (k *learnt) elements() []*Element {
	if k.wild {
		names := slices.Sorted(maps.Keys(k.segments))
		names = slices.DeleteFunc(names, func(n string) bool { return n == "MSH" })
		list := []*Element{k.element("MSH", true)}
		if len(names) > 0 {
			list = append(list, k.anyOrder(names))
		}
		return list
	}
	var orders [][]string
	for o := range k.orders {
		orders = append(orders, strings.Fields(o))
	}
	slices.SortFunc(orders, func(a, b []string) int { return slices.Compare(a, b) })
	return k.infer(orders, 0)
}

// infer returns a tree that all orders fit. Names that come before and behind one another are a group that repeats: if each run of
// it begins with the same name that is required, and what stands between those is looked at in the same way; otherwise
// they may come in any order.
func (k *learnt) infer(orders [][]string, depth int) (list []*Element) {
	for _, names := range components(orders) {
		parts := regions(orders, names)
		always := len(parts) == len(orders)
		if len(names) == 1 {
			e := k.element(names[0], always)
			list = append(list, e)
			continue
		}
		first := parts[0][0]
		for _, p := range parts {
			if p[0] != first {
				first = ""
				break
			}
		}
		var group *Element
		if first == "" || depth+2 >= maxDepth {
			group = k.anyOrder(names)
		} else {
			var between [][]string
			for _, p := range parts {
				between = append(between, splitAt(p, first)...)
			}
			group = &Element{Group: "from " + first + " on", Max: unbounded, Segments: append([]*Element{k.element(first, true)}, k.infer(between, depth+1)...)}
		}
		if !always {
			group.Usage = "O"
		}
		list = append(list, group)
	}
	return list
}

// anyOrder is a group of names that come in whatever order.
func (k *learnt) anyOrder(names []string) *Element {
	group := &Element{Group: "in any order", Max: unbounded, Usage: "O"}
	for _, n := range names {
		group.Segments = append(group.Segments, k.element(n, false))
	}
	return group
}

func (k *learnt) element(name string, always bool) *Element {
	e := &Element{Segment: name, Fields: map[string]*Field{}}
	if !always {
		e.Usage = "O"
	}
	s := k.segments[name]
	if s.run > 1 {
		e.Max = unbounded
	}
	for n, x := range s.fields {
		e.Fields[fmt.Sprint(n)] = x.field(s.times)
	}
	return e
}

// field is what is asked of a field of which there were so many segments.
func (x *extent) field(segments int) *Field {
	f := &Field{Max: Many(x.repetitions)}
	if x.repetitions > 1 {
		f.Max = unbounded
	}
	if x.valued == segments {
		f.Usage = "R"
	}
	for f.Length = 20; f.Length < x.length; {
		f.Length *= 2
	}
	for i, name := range types {
		if x.valued >= enough && x.length > 0 && !x.mismatched[i] {
			f.Type = name
			break
		}
	}
	return f
}

// components returns the names in orders, those that come before and behind one another together, each set behind those that
// come before it. A name in a set stands where it was seen first.
func components(orders [][]string) (sets [][]string) {
	names, before := precedence(orders)
	done := make([]bool, len(names))
	for left := len(names); left > 0; {
		for n := range names {
			if done[n] {
				continue
			}
			var set []int
			ready := true
			for m := range names {
				switch {
				case m == n || before[n][m] && before[m][n]:
					set = append(set, m)
				case before[n][m] && !done[m]:
					ready = false
				}
			}
			if !ready {
				continue
			}
			var called []string
			for _, m := range set {
				done[m] = true
				called = append(called, names[m])
			}
			sets, left = append(sets, called), left-len(set)
			break
		}
	}
	return sets
}

// precedence returns the names in orders as they are first seen, and whether the b-th was seen behind the a-th, or behind
// one that was: before[b][a].
func precedence(orders [][]string) (names []string, before [][]bool) {
	number := map[string]int{}
	for _, o := range orders {
		for _, name := range o {
			if _, known := number[name]; !known {
				number[name] = len(names)
				names = append(names, name)
			}
		}
	}
	before = make([][]bool, len(names))
	for b := range before {
		before[b] = make([]bool, len(names))
	}
	for _, o := range orders {
		last, seen := map[string]int{}, map[string]bool{}
		for i, name := range o {
			last[name] = i
		}
		for i, name := range o {
			if last[name] == i { // behind all that it was ever behind
				for a := range seen {
					before[number[name]][number[a]] = true
				}
			}
			seen[name] = true
		}
	}
	for via := range names {
		for b := range names {
			if before[b][via] {
				for a, is := range before[via] {
					before[b][a] = before[b][a] || is
				}
			}
		}
	}
	return names, before
}

// regions returns what each order has of names, of which none is empty.
func regions(orders [][]string, names []string) (parts [][]string) {
	for _, o := range orders {
		var part []string
		for _, n := range o {
			if slices.Contains(names, n) {
				part = append(part, n)
			}
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// splitAt returns what stands behind each name in order, up to the next, with nothing where nothing does.
func splitAt(order []string, name string) (parts [][]string) {
	for _, n := range order {
		if n == name {
			parts = append(parts, []string{})
			continue
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], n)
	}
	return parts
}
