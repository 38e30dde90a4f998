package profile

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// mostReasons is how many deviations of one message are told.
const mostReasons = 8

// checker holds one message against a profile.
type checker struct {
	cursor
	utf8  bool
	known [24]verdict // of the first conditions of the profile
	more  []verdict   // of the others
	plain []byte      // a value without its escape sequences
}

// verdict is whether a condition holds, in the segment at or, if that is -1, in the message. The same is asked for each
// repetition of a field.
type verdict struct {
	at    int32
	known bool
	holds bool
}

// AppendReasons appends a reason for each deviation of t from p, up to eight. Off in a reason is the place in t.Body; a reason
// holds nothing of what the message says. For a message that conforms it allocates nothing.
func (p *Profile) AppendReasons(dst []protocol.Reason, t *er7.Text) []protocol.Reason {
	c := checker{cursor: cursor{p: p, t: *t, reasons: dst, most: len(dst) + mostReasons}}
	c.levels[0] = level{group: p.root}
	if n := p.conditions - len(c.known); n > 0 {
		c.more = make([]verdict, n)
	}
	set := t.In(t.Field(0, 18))
	c.utf8 = string(set) == "UNICODE UTF-8" || string(set) == "UTF-8"
	for c.at = range t.Segments {
		if len(c.reasons) == c.most {
			return c.reasons
		}
		name := t.Name(c.at)
		e := c.step(string(name))
		switch {
		case e != nil:
			if len(e.fields) > 0 {
				c.segment(e)
			}
		case !p.passes(name):
			c.misplaced(name)
		}
	}
	c.end()
	return c.reasons
}

// passes reports whether a segment may stand anywhere.
func (p *Profile) passes(name []byte) bool {
	if p.names[string(name)] {
		return false
	}
	return p.others == anyOthers || p.others == zSegments && name[0] == 'Z'
}

// misplaced tells why a segment has no place where it stands.
func (c *checker) misplaced(name []byte) {
	r := protocol.Reason{Path: c.path(0, 0), Off: int(c.t.Segments[c.at].Off)}
	l := &c.levels[c.depth]
	here := l.group.children[l.child]
	switch {
	case !c.p.names[string(name)]:
		r.Rule, r.Want, r.Got = "order", "the segments of the profile", "another"
	case !c.p.root.has[string(name)]:
		r.Rule, r.Want, r.Got = "forbidden", "no such segment", "one"
	case here.name == string(name):
		r.Rule, r.Want, r.Got = "cardinality", "at most "+strconv.Itoa(here.max)+" of these segments", "more"
	default:
		r.Rule, r.Want, r.Got = "order", "this segment at its place, and no later", "it behind "+here.label()
	}
	c.add(r)
}

func (e *element) label() string {
	for e.children != nil {
		e = e.children[0]
	}
	return e.name
}

// occurrence is the number of the present segment among those of its name.
func (c *checker) occurrence() (n int) {
	name := c.t.Name(c.at)
	for i := 0; i <= c.at; i++ {
		if string(c.t.Name(i)) == string(name) {
			n++
		}
	}
	return n
}

// path names a place in the present segment.
func (c *checker) path(field, repetition int, parts ...int) string {
	p := er7.Path{Segment: string(c.t.Name(c.at)), Occurrence: c.occurrence(), Field: field, Repetition: repetition}
	if len(parts) > 0 {
		p.Component = parts[0]
	}
	if len(parts) > 1 {
		p.Subcomponent = parts[1]
	}
	return p.String()
}

// place is a value in a segment.
type place struct{ field, repetition, component, sub int }

func (c *checker) bad(at place, s protocol.Span, rule, want, got string) {
	if c.full() {
		return // to say where it is would take a look at all that is before
	}
	off := s.Off
	if off < 0 {
		end := c.t.Segments[c.at]
		off = end.Off + end.Len
	}
	c.add(protocol.Reason{Path: c.path(at.field, at.repetition, at.component, at.sub), Off: int(off), Rule: rule, Want: want, Got: got})
}

// segment checks the fields of the present one, in one pass.
func (c *checker) segment(e *element) {
	n, rest, more := 1, c.t.Fields(c.at), true
	if er7.IsHeader(c.t.Name(c.at)) {
		n = 2
	}
	if rest.Off < 0 {
		more = false
	}
	for _, f := range e.fields {
		s := protocol.Span{Off: -1}
		for more && n <= f.number {
			s, rest, more = c.t.Cut(rest, c.t.Delims.Field)
			if n++; n <= f.number {
				s.Off = -1
			}
		}
		if f.number == 1 && er7.IsHeader(c.t.Name(c.at)) {
			continue
		}
		c.field(f, s)
	}
}

// field checks a field with its repetitions.
func (c *checker) field(f *field, s protocol.Span) {
	at := place{field: f.number}
	if !c.usage(f, at, s) {
		return
	}
	count := 0
	for more := true; more && !c.full(); {
		var one protocol.Span
		one, s, more = c.t.Cut(s, c.t.Delims.Repetition)
		count++
		at.repetition = count
		if count > f.max {
			c.bad(at, one, "cardinality", "at most "+strconv.Itoa(f.max)+" repetitions", "more")
			return
		}
		if one.Len > 0 {
			c.value(f, at, one, c.t.Delims.Component)
		}
	}
	if count < f.min && !c.full() {
		c.bad(place{field: f.number}, s, "cardinality", "at least "+strconv.Itoa(f.min)+" repetitions", "fewer")
	}
}

// usage reports whether there is something to check: f is valued.
func (c *checker) usage(f *field, at place, s protocol.Span) bool {
	valued := s.Off >= 0 && c.t.Valued(s)
	switch {
	case valued && f.usage == 'X':
		c.bad(at, s, "forbidden", "nothing", "a value")
	case !valued && (f.usage == 'R' || f.usage == 0 && f.min > 0):
		c.bad(at, s, "required", "a value", "nothing")
	case !valued && f.usage == 'C' && c.holds(f.when):
		c.bad(at, s, "conditional", "a value, as "+f.when.path.String()+" is what it is", "nothing")
	}
	return valued
}

// holds reports whether a condition does.
func (c *checker) holds(w *condition) bool {
	here := w.path.Occurrence == 0 && string(c.t.Name(c.at)) == w.path.Segment
	at := int32(-1)
	if here {
		at = int32(c.at)
	}
	v := c.verdict(w.n)
	if !v.known || v.at != at {
		*v = verdict{at: at, known: true, holds: c.judge(w, here)}
	}
	return v.holds
}

func (c *checker) verdict(n int) *verdict {
	if n < len(c.known) {
		return &c.known[n]
	}
	return &c.more[n-len(c.known)]
}

// judge is holds for the first time. Of a field of several components the first is meant, as in a table.
func (c *checker) judge(w *condition, here bool) bool {
	var s protocol.Span
	if here {
		s = w.path.FindIn(&c.t, c.at)
	} else {
		s = w.path.Find(&c.t)
	}
	holds := s.Off >= 0 && c.t.Valued(s)
	if holds && len(w.in) > 0 {
		for _, delim := range [...]byte{c.t.Delims.Repetition, c.t.Delims.Component, c.t.Delims.Sub} {
			s, _, _ = c.t.Cut(s, delim)
		}
		holds = among(w.in, c.unescaped(c.t.In(s)))
	}
	return holds != w.not
}

// unescaped returns raw without its escape sequences, until it is called again.
func (c *checker) unescaped(raw []byte) []byte {
	if bytes.IndexByte(raw, c.t.Delims.Escape) < 0 {
		return raw
	}
	c.plain = c.t.AppendUnescaped(c.plain[:0], raw)
	return c.plain
}

func among(list []string, v []byte) bool {
	for _, s := range list {
		if s == string(v) {
			return true
		}
	}
	return false
}

// value checks one repetition, component or subcomponent. Delim parts it; 0: nothing does.
func (c *checker) value(f *field, at place, s protocol.Span, delim byte) {
	raw := c.t.In(s)
	if er7.IsNull(raw) {
		return // it says that what is there is to be deleted
	}
	if n := f.length; n > 0 && len(raw) > n {
		if got := c.length(c.unescaped(raw)); got > n {
			c.bad(at, s, "length", "at most "+strconv.Itoa(n)+" "+c.unit(), strconv.Itoa(got))
		}
	}
	first := s
	if delim != 0 {
		first, _, _ = c.t.Cut(s, delim)
	}
	v := c.unescaped(c.t.In(first))
	if len(f.values) > 0 && len(v) > 0 && !among(f.values, v) {
		c.bad(at, s, "table", "a value of its table", "another")
	}
	if want := mismatch(f.kind, v); want != "" {
		c.bad(at, s, "type", want, "something else")
	}
	if delim == 0 {
		return
	}
	n, rest, more := 1, s, true
	for _, part := range f.parts {
		piece := protocol.Span{Off: -1}
		for more && n <= part.number {
			piece, rest, more = c.t.Cut(rest, delim)
			if n++; n <= part.number {
				piece.Off = -1
			}
		}
		inner, next := at, byte(0)
		if at.component == 0 {
			inner.component, next = part.number, c.t.Delims.Sub
		} else {
			inner.sub = part.number
		}
		if c.usage(part, inner, piece) {
			c.value(part, inner, piece, next)
		}
	}
}

// length counts characters, as far as it is known what they are.
func (c *checker) length(raw []byte) (n int) {
	if !c.utf8 {
		return len(raw)
	}
	for _, b := range raw {
		if b&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

func (c *checker) unit() string {
	if c.utf8 {
		return "characters"
	}
	return "bytes"
}
