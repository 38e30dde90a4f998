package er7

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// Path names a place in a message: PID-3[2].1.2 is subcomponent 2 of component 1 of repetition 2 of field 3 of the first
// segment PID, OBX[3]-5 is field 5 of the third OBX, OBX[3] a whole segment. The parts are those of ERR-2. A zero is a part
// that is not named: of Occurrence and Repetition it stands for the first.
type Path struct {
	Segment                                                string
	Occurrence, Field, Repetition, Component, Subcomponent int
}

var pathForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})(?:[[(]([0-9]{1,6})[\])])?(?:-([0-9]{1,3})(?:[[(]([0-9]{1,5})[\])])?(?:\.([0-9]{1,3})(?:\.([0-9]{1,3}))?)?)?$`)

// ParsePath reads a path. Occurrences and repetitions may stand in brackets or in parentheses.
func ParsePath(text string) (Path, error) {
	m := pathForm.FindStringSubmatch(text)
	if m == nil {
		return Path{}, fmt.Errorf("there is no %q: there are places such as MSH-10, PID-3.1, PID-3[2].1.2, OBX[2]-5 and ZPV", text)
	}
	p := Path{Segment: m[1]}
	for i, n := range []*int{&p.Occurrence, &p.Field, &p.Repetition, &p.Component, &p.Subcomponent} {
		if m[i+2] == "" {
			continue
		}
		*n, _ = strconv.Atoi(m[i+2])
		if *n == 0 {
			return Path{}, fmt.Errorf("%q: everything is counted from 1", text)
		}
	}
	return p, nil
}

// String is the reverse of ParsePath.
func (p Path) String() string { return string(p.Append(nil)) }

// Append appends what String returns.
func (p Path) Append(dst []byte) []byte {
	dst = append(dst, p.Segment...)
	dst = appendIndex(dst, p.Occurrence)
	if p.Field == 0 {
		return dst
	}
	dst = append(dst, '-')
	dst = strconv.AppendInt(dst, int64(p.Field), 10)
	dst = appendIndex(dst, p.Repetition)
	for _, n := range [...]int{p.Component, p.Subcomponent} {
		if n == 0 {
			break
		}
		dst = append(dst, '.')
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return dst
}

func appendIndex(dst []byte, n int) []byte {
	if n < 2 {
		return dst
	}
	dst = append(dst, '[')
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, ']')
}

// Find returns the place that p names in t. It is not found if t does not reach that far. What it names may be empty.
func (p *Path) Find(t *Text) protocol.Span {
	i := t.Segment(p.Segment, max(1, p.Occurrence))
	if i < 0 {
		return none
	}
	return p.FindIn(t, i)
}

// FindIn is Find in segment i.
func (p *Path) FindIn(t *Text, i int) protocol.Span {
	if p.Field == 0 {
		return t.Segments[i]
	}
	s := t.Field(i, p.Field)
	if IsHeader(t.Name(i)) && p.Field <= 2 {
		return s // delimiters are not cut at themselves
	}
	s = t.Repetition(s, max(1, p.Repetition))
	if p.Component > 0 {
		s = t.Component(s, p.Component)
	}
	if p.Subcomponent > 0 {
		s = t.Sub(s, p.Subcomponent)
	}
	return s
}
