package profile

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// cursor is where a message stands in the tree of its profile. It takes each segment where it can stand, the nearest place
// first: again the same, later in the same group, in the next repetition of that group, later in the group around it, and so on.
// Places that are reached without passing over something that must be there come before others.
type cursor struct {
	p      *Profile
	levels [maxDepth + 1]level
	depth  int
	t      er7.Text
	at     int // the segment

	reasons []protocol.Reason
	most    int
}

func (c *cursor) add(r protocol.Reason) {
	if len(c.reasons) < c.most {
		c.reasons = append(c.reasons, r)
	}
}

// full reports whether no more deviations are told.
func (c *cursor) full() bool { return len(c.reasons) == c.most }

// level is a run of a group, the child of it that the message stands at, and how often that has been there.
type level struct {
	group        *element
	child, times int
}

// step takes the segment called name, and returns its element, nil if it has no place here.
func (c *cursor) step(name string) *element {
	for _, strict := range [...]bool{true, false} {
		if l := &c.levels[c.depth]; !strict && l.times > 0 && l.group.children[l.child].name == name {
			return nil // one too many is likelier than that what should stand before another is missing
		}
		for d := c.depth; d >= 0; d-- {
			if e := c.within(d, name, strict); e != nil {
				return e
			}
			if strict && c.levels[d].owes() {
				break // it could not be left
			}
		}
	}
	return nil
}

// within looks for a place for name in the group of level d: in another run of the child where the message stands, or behind.
func (c *cursor) within(d int, name string, strict bool) *element {
	l := &c.levels[d]
	for j := l.child; j < len(l.group.children); j++ {
		child, times := l.group.children[j], 0
		if j == l.child {
			times = l.times
		}
		if times < child.max && child.takes(name, strict) {
			c.leave(d)
			c.miss(l, j)
			l.child, l.times = j, times+1
			return c.enter(d, child, name)
		}
		if strict && child.lacks(times) {
			break
		}
	}
	return nil
}

// takes reports whether the segment called name can stand in e: strictly, with nothing missing before it.
func (e *element) takes(name string, strict bool) bool {
	if strict {
		return e.first[name]
	}
	return e.has[name]
}

// lacks reports whether e, which has been there so often, must be there again.
func (e *element) lacks(times int) bool { return times < e.min && !e.hollow }

// enter goes down into e, which was found at level d, to the segment called name.
func (c *cursor) enter(d int, e *element, name string) *element {
	for c.depth = d; e.children != nil; {
		c.depth++
		l := &c.levels[c.depth]
		*l = level{group: e}
		j := index(e.children, name)
		c.miss(l, j)
		l.child, l.times = j, 1
		e = e.children[j]
	}
	return e
}

// index returns the first of list that name can stand in, one with nothing missing before it if there is one.
func index(list []*element, name string) int {
	found := -1
	for i, e := range list {
		if e.first[name] {
			return i
		}
		if found < 0 && e.has[name] {
			found = i
		}
		if e.lacks(0) {
			break
		}
	}
	for i := 0; found < 0; i++ {
		if list[i].has[name] {
			found = i
		}
	}
	return found
}

// owes reports whether something is missing where the message stands in l, or behind.
func (l *level) owes() bool {
	for j := l.child; j < len(l.group.children); j++ {
		times := 0
		if j == l.child {
			times = l.times
		}
		if l.group.children[j].lacks(times) {
			return true
		}
	}
	return false
}

// leave tells what is missing in the levels below d, which are left.
func (c *cursor) leave(d int) {
	for i := c.depth; i > d; i-- {
		c.miss(&c.levels[i], len(c.levels[i].group.children))
	}
	c.depth = d
}

// miss tells what is missing in l from where the message stands up to child to.
func (c *cursor) miss(l *level, to int) {
	for j := l.child; j < to; j++ {
		times := 0
		if j == l.child {
			times = l.times
		}
		if child := l.group.children[j]; child.lacks(times) {
			c.lack(child)
		}
	}
}

// lack tells that e is missing before the present segment.
func (c *cursor) lack(e *element) {
	for e.children != nil {
		for _, child := range e.children {
			if child.lacks(0) {
				e = child
				break
			}
		}
	}
	off := len(c.t.Body)
	if c.at < len(c.t.Segments) {
		off = int(c.t.Segments[c.at].Off)
	}
	c.add(protocol.Reason{Path: e.name, Off: off, Rule: "required", Want: "this segment", Got: "nothing"})
}

// end tells what is missing at the end of the message.
func (c *cursor) end() {
	c.at = len(c.t.Segments)
	c.leave(0)
	c.miss(&c.levels[0], len(c.levels[0].group.children))
}
