package schema

import (
	"hash/maphash"
	"unicode/utf8"
)

// Checker applies Programs to JSON text. It is for one goroutine at a time, and uses its
// memory again.
type Checker struct {
	tape   tape
	steps  int  // that may still be done; below 0: spent
	unsure bool // something was not found out
}

// NewChecker returns a Checker with limits.
func NewChecker(limits Limits) *Checker {
	return &Checker{tape: tape{limits: limits, seed: maphash.MakeSeed()}}
}

// Check tells whether raw, one JSON value, is as p describes it. It keeps nothing of raw. If
// raw is valid it allocates nothing, unless numbers of more than 19 digits are compared,
// unusual addresses (uri) looked at, or there are more values than before, or than some
// thousands, for which memory is not kept.
func (c *Checker) Check(p *Program, raw []byte) Verdict {
	defer c.tape.forget()
	if !c.tape.read(raw) {
		return Unsure
	}
	if p.texts && len(raw) > c.tape.limits.Text && c.longText() {
		return Unsure
	}
	c.unsure, c.steps = false, stepsPerValue*c.tape.limits.Values
	ok := c.valid(p.root, 0)
	switch {
	case c.unsure:
		return Unsure
	case c.steps < 0:
		return Spent
	case ok:
		return Valid
	}
	return Invalid
}

func (c *Checker) longText() bool {
	for i := range c.tape.tokens {
		if tok := &c.tape.tokens[i]; tok.kind() == text && int(tok.end-tok.off) > c.tape.limits.Text {
			return true
		}
	}
	return false
}

// valid applies n to the value at i.
func (c *Checker) valid(n *node, i uint32) bool {
	if n.always != depends {
		return n.always == always
	}
	if c.steps--; c.steps < 0 {
		return false
	}
	tok := &c.tape.tokens[i]
	if n.types != 0 && !n.types.has(tok.kind()) && !(tok.kind() == numeral && n.types&integer != 0 && c.whole(tok)) {
		return false
	}
	switch tok.kind() {
	case text:
		if n.text != nil && !c.text(n.text, tok) {
			return false
		}
	case numeral:
		if n.number != nil && !c.number(n.number, tok) {
			return false
		}
	case object:
		if n.object != nil && !c.object(n.object, i) {
			return false
		}
	case list:
		if n.list != nil && !c.list(n.list, i) {
			return false
		}
	}
	return n.general == nil || c.general(n.general, i)
}

func (c *Checker) whole(tok *token) bool {
	if tok.plain() {
		return true
	}
	d := number(c.tape.textOf(tok))
	return d.whole()
}

func (c *Checker) text(r *textRules, tok *token) bool {
	s := c.tape.textOf(tok)
	if r.min > 0 || r.max >= 0 {
		n := len(s)
		if !tok.plain() {
			n = utf8.RuneCount(s)
		}
		if n < r.min || r.max >= 0 && n > r.max {
			return false
		}
	}
	if r.format != nil && !r.format(s) || r.among != nil && !r.has(s) {
		return false
	}
	return r.pattern == nil || c.match(r.pattern, s)
}

// match does no more than a budget of patterns allows: a step is some bytes.
func (c *Checker) match(p *Pattern, s []byte) bool {
	const bytesPerStep = 64
	return c.work(len(s)/bytesPerStep) && p.Match(s)
}

func (c *Checker) number(r *numberRules, tok *token) bool {
	d := number(c.tape.textOf(tok))
	return (r.min == nil || d.compare(r.min) >= 0) &&
		(r.max == nil || d.compare(r.max) <= 0) &&
		(r.above == nil || d.compare(r.above) > 0) &&
		(r.below == nil || d.compare(r.below) < 0) &&
		(r.multiple == nil || d.multipleOf(r.multiple))
}

func (c *Checker) object(r *objectRules, at uint32) bool {
	n := c.tape.tokens[at].parts()
	if int(n) < r.min || r.max >= 0 && int(n) > r.max {
		return false
	}
	c.work(int(n))
	var seen uint64
	i := at + 1
	for range n {
		tok := &c.tape.tokens[i]
		evaluated := false
		if r.names != nil {
			if k := c.tape.find(r.names, tok); k >= 0 {
				p := &r.props[k]
				seen |= p.bit
				if p.node != nil {
					evaluated = true
					if v := &c.tape.tokens[i+1]; p.text != nil && v.kind() == text {
						if !c.text(p.text, v) {
							return false
						}
					} else if !c.valid(p.node, i+1) {
						return false
					}
				}
			}
		}
		for k := range r.patterns {
			if p := &r.patterns[k]; c.match(p.pattern, c.tape.textOf(tok)) {
				evaluated = true
				if !c.valid(p.node, i+1) {
					return false
				}
			}
		}
		if !evaluated && r.additional != nil && !c.valid(r.additional, i+1) {
			return false
		}
		if r.propNames != nil && !c.valid(r.propNames, i) {
			return false
		}
		i = c.tape.tokens[i+1].next
	}
	if seen&r.need != r.need {
		return false
	}
	for _, name := range r.required {
		if !c.has(at, name) {
			return false
		}
	}
	for k := range r.dependent {
		if d := &r.dependent[k]; c.has(at, d.name) && !c.depended(d, at) {
			return false
		}
	}
	return true
}

func (c *Checker) depended(d *dependency, at uint32) bool {
	for _, name := range d.required {
		if !c.has(at, name) {
			return false
		}
	}
	return d.node == nil || c.valid(d.node, at)
}

// has tells whether the object at has a member.
func (c *Checker) has(at uint32, name string) bool {
	n := c.tape.tokens[at].parts()
	c.work(int(n))
	i := at + 1
	for range n {
		if string(c.tape.textOf(&c.tape.tokens[i])) == name {
			return true
		}
		i = c.tape.tokens[i+1].next
	}
	return false
}

func (c *Checker) list(r *listRules, at uint32) bool {
	n := int(c.tape.tokens[at].parts())
	if n < r.min || r.max >= 0 && n > r.max {
		return false
	}
	i := at + 1
	if len(r.prefix) > 0 || r.rest != nil {
		for k := range n {
			item := r.rest
			if k < len(r.prefix) {
				item = r.prefix[k]
			}
			if item == nil {
				break
			}
			if !c.valid(item, i) {
				return false
			}
			i = c.tape.tokens[i].next
		}
	}
	if r.contains != nil && !c.contains(r, at, n) {
		return false
	}
	return !r.unique || n < 2 || c.unique(at)
}

func (c *Checker) contains(r *listRules, at uint32, n int) bool {
	found := 0
	i := at + 1
	for range n {
		if c.valid(r.contains, i) {
			found++
		}
		i = c.tape.tokens[i].next
	}
	return found >= r.minContained && (r.maxContain < 0 || found <= r.maxContain)
}

func (c *Checker) general(g *general, i uint32) bool {
	if g.enum != nil && !c.among(g.enum, i) {
		return false
	}
	if g.constant != nil && !c.equal(i, g.constant) {
		return false
	}
	if g.ref != nil && !c.valid(g.ref, i) {
		return false
	}
	for _, n := range g.all {
		if !c.valid(n, i) {
			return false
		}
	}
	if len(g.any) > 0 && c.count(g.any, i, 1) == 0 {
		return false
	}
	if len(g.one) > 0 && c.count(g.one, i, 2) != 1 {
		return false
	}
	if g.not != nil && c.valid(g.not, i) {
		return false
	}
	if g.cond == nil {
		return true
	}
	branch := g.other
	if c.valid(g.cond, i) {
		branch = g.then
	}
	return branch == nil || c.valid(branch, i)
}

// count is how many of nodes the value at i meets, counted to no more than enough.
func (c *Checker) count(nodes []*node, i uint32, enough int) (found int) {
	for _, n := range nodes {
		if c.valid(n, i) {
			if found++; found == enough {
				return found
			}
		}
	}
	return found
}

func (c *Checker) among(enum []constant, i uint32) bool {
	c.work(len(enum))
	for k := range enum {
		if c.equal(i, &enum[k]) {
			return true
		}
	}
	return false
}
