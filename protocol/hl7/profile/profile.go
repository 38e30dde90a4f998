package profile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Profile is a declaration that was found in order. It is immutable and safe for concurrent use.
type Profile struct {
	Name     string
	messages []string
	versions []string
	others   others
	root     *element
	names    map[string]bool // of all segments

	conditions int
}

type others uint8

const (
	zSegments others = iota
	anyOthers
	noOthers
)

// element is a segment, or a group if it has children.
type element struct {
	name     string
	max, min int
	children []*element
	first    map[string]bool // names of segments that can be found in it without passing over one that must be there
	has      map[string]bool // names of all segments in it
	hollow   bool            // of a group: nothing in it must be there
	fields   []*field        // of a segment, by number
	refused  bool            // usage X
}

// field is a field, a component or a subcomponent.
type field struct {
	number   int
	usage    byte // R, C, X, or 0
	when     *condition
	min, max int
	kind     string
	length   int
	values   []string
	parts    []*field
}

type condition struct {
	n    int // of the profile's
	path er7.Path
	in   []string
	not  bool
}

// mistakes are the errors of a declaration, each beginning with its path.
type mistakes struct{ errs []error }

func (m *mistakes) bad(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(path+": "+format, args...))
}

var segmentName = regexp.MustCompile(`^[A-Z][A-Z0-9]{2}$`)

// maxDepth is how deep groups may stand in one another.
const maxDepth = 12

// Profile compiles d. The error joins every mistake, each beginning with its path.
func (d *Declaration) Profile() (*Profile, error) {
	m := &mistakes{}
	p := &Profile{Name: d.Name, messages: d.Messages, versions: d.Versions, names: map[string]bool{}}
	switch d.Others {
	case "", "z":
	case "any":
		p.others = anyOthers
	case "none":
		p.others = noOthers
	default:
		m.bad("others", "%q is none of z, any, none", d.Others)
	}
	for i, name := range d.Messages {
		kind, _, _ := strings.Cut(name, "^")
		if !segmentName.MatchString(kind) {
			m.bad(fmt.Sprintf("messages[%d]", i), "%q is no message such as ADT^A01 or ORU^*", name)
		}
	}
	c := compiler{d: d, p: p, m: m}
	p.root = &element{min: 1, max: 1, children: c.elements("segments", d.Segments, 0)}
	if len(d.Segments) == 0 || d.Segments[0] == nil || d.Segments[0].Segment != "MSH" {
		m.bad("segments", "want MSH first")
	}
	p.root.look()
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return p, nil
}

type compiler struct {
	d *Declaration
	p *Profile
	m *mistakes
}

func (c *compiler) elements(path string, list []*Element, depth int) (out []*element) {
	if depth == maxDepth {
		c.m.bad(path, "groups stand at most %d deep in one another", maxDepth)
		return nil
	}
	for i, e := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if e == nil {
			c.m.bad(at, "want the name of a segment, a segment or a group")
			continue
		}
		out = append(out, c.element(at, e, depth))
	}
	return out
}

func (c *compiler) element(path string, e *Element, depth int) *element {
	out := &element{name: e.Segment, min: 1, max: max(1, int(e.Max))}
	switch e.Usage {
	case "", "R":
	case "RE", "O":
		out.min = 0
	case "X":
		out.min, out.refused = 0, true
	default:
		c.m.bad(path+".usage", "%q is none of R, RE, O, X", e.Usage)
	}
	if e.Min != nil {
		if *e.Min < 0 || *e.Min > out.max {
			c.m.bad(path+".min", "%d; want 0 up to max, which is %d", *e.Min, out.max)
		}
		out.min = *e.Min
	}
	switch {
	case e.Segment != "" && (e.Group != "" || len(e.Segments) > 0):
		c.m.bad(path, "it is a segment or a group, not both")
	case e.Segment != "":
		if !segmentName.MatchString(e.Segment) {
			c.m.bad(path+".segment", "%q is no name of a segment", e.Segment)
		}
		c.p.names[e.Segment] = true
		out.fields = c.fields(path+".fields", e.Segment, e.Fields)
	case len(e.Segments) == 0:
		c.m.bad(path, "a group has at least one segment")
	default:
		if len(e.Fields) > 0 {
			c.m.bad(path+".fields", "a group has none; its segments do")
		}
		out.children = c.elements(path+".segments", e.Segments, depth+1)
	}
	return out
}

func (c *compiler) fields(path, segment string, declared map[string]*Field) (out []*field) {
	for _, key := range slices.Sorted(maps.Keys(declared)) {
		at := path + "[" + key + "]"
		n, err := strconv.Atoi(key)
		d := declared[key]
		if err != nil || n < 1 || n > 999 || d == nil {
			c.m.bad(at, "want the number of a field, from 1 on, and what is asked of it")
			continue
		}
		out = append(out, c.field(at, segment, n, d))
	}
	slices.SortFunc(out, func(a, b *field) int { return a.number - b.number })
	return out
}

func (c *compiler) field(path, segment string, n int, d *Field) *field {
	f := &field{number: n, min: d.Min, max: int(d.Max), kind: d.Type, length: d.Length, values: d.Values}
	if f.max == 0 {
		f.max = unbounded
	}
	switch d.Usage {
	case "", "O", "RE":
	case "R", "C", "X":
		f.usage = d.Usage[0]
	default:
		c.m.bad(path+".usage", "%q is none of R, RE, O, C, X", d.Usage)
	}
	if d.Min < 0 || d.Min > f.max {
		c.m.bad(path+".min", "%d; want 0 up to max", d.Min)
	}
	if d.Length < 0 {
		c.m.bad(path+".length", "must not be negative")
	}
	if d.Table != "" {
		values, ok := c.d.Tables[d.Table]
		if !ok || len(d.Values) > 0 {
			c.m.bad(path+".table", "there is no table %q among tables, or values stand beside it", d.Table)
		}
		f.values = values
	}
	if (f.usage == 'C') != (d.When != nil) {
		c.m.bad(path+".when", "usage C has a condition, and no other usage has")
	}
	if d.When != nil {
		at, err := er7.ParsePath(d.When.Path)
		if err != nil {
			c.m.bad(path+".when.path", "%w", err)
		}
		f.when = &condition{n: c.p.conditions, path: at, in: d.When.In, not: d.When.Not}
		c.p.conditions++
	}
	f.parts = c.fields(path+".components", segment, d.Components)
	return f
}

// look finds out what an element can begin with.
func (e *element) look() {
	e.first, e.has = map[string]bool{}, map[string]bool{}
	if e.children == nil {
		e.first[e.name], e.has[e.name] = !e.refused, !e.refused
		return
	}
	e.hollow = true
	for _, child := range e.children {
		child.look()
		maps.Copy(e.has, child.has)
		if e.hollow {
			maps.Copy(e.first, child.first)
		}
		e.hollow = e.hollow && !child.lacks(0)
	}
}

// Matches reports whether the profile is about messages of this name (MSH-9.1 and 9.2 with a circumflex between them) and version.
func (p *Profile) Matches(name, version []byte) bool {
	if len(p.versions) > 0 && !slices.Contains(p.versions, string(version)) {
		return false
	}
	if len(p.messages) == 0 {
		return true
	}
	for _, m := range p.messages {
		if m == string(name) {
			return true
		}
		kind, event, _ := strings.Cut(m, "^")
		if (event == "" || event == "*") && len(name) >= len(kind) && string(name[:len(kind)]) == kind && (len(name) == len(kind) || name[len(kind)] == '^') {
			return true
		}
	}
	return false
}
