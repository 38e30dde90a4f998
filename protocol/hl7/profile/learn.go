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
	mostOrders = 5000 // of one type
	mostNames  = 200  // of segments in one type
	mostRuns   = 500  // of segments in one order
	enough     = 20   // values that must be of one type, before that is proposed
)

// Learner proposes profiles, one for each type of message, that let pass what was added. It keeps the order of segments, and how
// often, how long and of what kind fields were, and no value. It is not safe for concurrent use.
type Learner struct{ types map[string]*learnt }

// learnt is what was seen of one type.
type learnt struct {
	messages int
	orders   map[string]bool // of segments, each once where it comes several times in a row
	runs     map[string]int  // the most of a segment in a row
	fewest   map[string]int  // the fewest in a message
	fields   map[string]map[int]*extent
	segments map[string]int // how many there were
	wild     bool           // there were too many orders to remember
}

// extent is what a field was.
type extent struct {
	valued, repetitions, length int
	mismatched                  [len(kinds)]bool
}

// kinds are the types that are told from values, the narrowest first.
var kinds = [...]string{"SI", "DT", "DTM", "NM"}

// NewLearner returns one that has seen nothing.
func NewLearner() *Learner { return &Learner{types: map[string]*learnt{}} }

// Add takes in t, a message of this name.
func (l *Learner) Add(t *er7.Text, name []byte) {
	k := l.types[string(name)]
	if k == nil {
		if len(l.types) == mostTypes {
			return
		}
		k = &learnt{orders: map[string]bool{}, runs: map[string]int{}, fewest: map[string]int{}, fields: map[string]map[int]*extent{}, segments: map[string]int{}}
		l.types[string(name)] = k
	}
	k.messages++
	k.order(t)
	for i := range t.Segments {
		k.segment(t, i)
	}
}

// order notes which segments follow which, but for those that may stand anywhere.
func (k *learnt) order(t *er7.Text) {
	var order []string
	counts, run := map[string]int{}, 0
	for i := range t.Segments {
		name := string(t.Name(i))
		if name[0] == 'Z' {
			continue
		}
		counts[name]++
		if run++; len(order) == 0 || order[len(order)-1] != name {
			order, run = append(order, name), 1
		}
		k.runs[name] = max(k.runs[name], run)
	}
	for name, n := range counts {
		if least, seen := k.fewest[name]; !seen && k.messages > 1 {
			k.fewest[name] = 0
		} else if !seen || n < least {
			k.fewest[name] = n
		}
	}
	for name := range k.fewest {
		if counts[name] == 0 {
			k.fewest[name] = 0
		}
	}
	if len(order) > mostRuns || len(k.orders) == mostOrders || len(k.fewest) > mostNames {
		k.wild = true
		return
	}
	k.orders[strings.Join(order, " ")] = true
}

func (k *learnt) segment(t *er7.Text, i int) {
	name := string(t.Name(i))
	if name[0] == 'Z' || len(k.fields) > mostNames {
		return
	}
	k.segments[name]++
	if k.fields[name] == nil {
		k.fields[name] = map[int]*extent{}
	}
	n, rest, more := 1, t.Fields(i), true
	if er7.IsHeader(t.Name(i)) {
		n = 2
	}
	for more = rest.Off >= 0; more && n < 1000; n++ {
		var field protocol.Span
		field, rest, more = t.Cut(rest, t.Delims.Field)
		if field.Len == 0 || er7.IsHeader(t.Name(i)) && n == 2 {
			continue
		}
		e := k.fields[name][n]
		if e == nil {
			e = &extent{}
			k.fields[name][n] = e
		}
		e.valued++
		repetitions := 0
		for again := true; again; {
			var one protocol.Span
			one, field, again = t.Cut(field, t.Delims.Repetition)
			repetitions++
			raw := t.In(one)
			if er7.IsNull(raw) {
				continue
			}
			e.length = max(e.length, len(raw))
			first, _, parted := t.Cut(one, t.Delims.Component)
			for j, kind := range kinds {
				e.mismatched[j] = e.mismatched[j] || parted || first.Len == 0 || mismatch(kind, raw) != ""
			}
		}
		e.repetitions = max(e.repetitions, repetitions)
	}
}

// Declarations returns the proposals, by the names of the messages.
func (l *Learner) Declarations() (list []*Declaration) {
	for _, name := range slices.Sorted(maps.Keys(l.types)) {
		k := l.types[name]
		list = append(list, &Declaration{Name: fmt.Sprintf("from %d messages", k.messages), Messages: []string{name}, Segments: k.elements()})
	}
	return list
}

func (k *learnt) elements() []*Element {
	if k.wild {
		names := slices.Sorted(maps.Keys(k.fewest))
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
	if k.runs[name] > 1 {
		e.Max = unbounded
	}
	for n, x := range k.fields[name] {
		e.Fields[fmt.Sprint(n)] = x.field(k.segments[name])
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
	for i, kind := range kinds {
		if x.valued >= enough && x.length > 0 && !x.mismatched[i] {
			f.Type = kind
			break
		}
	}
	return f
}

// components returns the names in orders, those that come before and behind one another together, each set behind those that
// come before it. A name in a set stands where it was seen first.
func components(orders [][]string) (sets [][]string) {
	var names []string
	before := map[string]map[string]bool{} // before[b][a]: a was seen before b
	for _, o := range orders {
		for i, b := range o {
			if before[b] == nil {
				before[b] = map[string]bool{}
				names = append(names, b)
			}
			for _, a := range o[:i] {
				before[b][a] = true
			}
		}
	}
	for range names { // what is before something that is before b is before b
		changed := false
		for _, b := range names {
			for a := range maps.Clone(before[b]) {
				for x := range before[a] {
					if !before[b][x] {
						before[b][x], changed = true, true
					}
				}
			}
		}
		if !changed {
			break
		}
	}
	done := map[string]bool{}
	for len(done) < len(names) {
		for _, n := range names {
			if done[n] {
				continue
			}
			var set []string
			ready := true
			for _, m := range names {
				switch {
				case m == n || before[n][m] && before[m][n]:
					set = append(set, m)
				case before[n][m] && !done[m]:
					ready = false
				}
			}
			if ready {
				for _, m := range set {
					done[m] = true
				}
				sets = append(sets, set)
				break
			}
		}
	}
	return sets
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
