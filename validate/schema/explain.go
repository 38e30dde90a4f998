package schema

import (
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a value. Of what alternatives want there is no
// Problem: each is wrong in a way of its own.
type Problem struct {
	At      []string // tokens of a JSON pointer to the value
	Keyword string   // that is not met, "false" being the schema false

	Types     []string // type: the names of those that are allowed
	Text      string   // pattern, format: that is wanted
	Number    *big.Rat // minimum and its like: the bound
	Names     []string // required and its like: of the members that are missing
	Want, Got int      // minLength and its like; of additionalProperties, Got is how many
	Many      bool     // oneOf: more than one is met, not none
}

// Explain tells what is wrong with raw, of which Check has said that it is Invalid, in no
// order. If it returns another verdict, Unsure or Spent, what it told is not all.
func (c *Checker) Explain(p *Program, raw []byte, tell func(Problem)) Verdict {
	defer c.tape.forget()
	if !c.tape.read(raw) {
		return Unsure
	}
	c.unsure, c.steps = false, stepsPerValue*c.tape.limits.Values
	e := explainer{c: c, tell: tell}
	e.node(p.root, 0)
	switch {
	case c.unsure:
		return Unsure
	case c.steps < 0:
		return Spent
	}
	return Invalid
}

// explainer goes the way of Checker.valid, and does not stop at the first problem.
type explainer struct {
	c    *Checker
	path []string
	tell func(Problem)
}

func (e *explainer) problem(p Problem) {
	p.At = slices.Clone(e.path)
	e.tell(p)
}

// below is node for a part of the value.
func (e *explainer) below(n *node, i uint32, token string) {
	e.path = append(e.path, token)
	e.node(n, i)
	e.path = e.path[:len(e.path)-1]
}

func (e *explainer) node(n *node, i uint32) {
	if n.always == never {
		e.problem(Problem{Keyword: "false"})
	}
	if n.always != depends || !e.c.work(1) {
		return
	}
	tok := &e.c.tape.tokens[i]
	if n.declared != 0 && !n.declared.has(tok.kind()) && !(tok.kind() == numeral && n.declared&integer != 0 && e.c.whole(tok)) {
		e.problem(Problem{Keyword: "type", Types: n.declared.names()})
		return
	}
	g := n.general
	if g != nil && g.constant != nil && !e.c.equal(i, g.constant) {
		e.problem(Problem{Keyword: "const"})
		return
	}
	if t := n.text; g != nil && g.enum != nil && !e.c.among(g.enum, i) || t != nil && t.among != nil && (tok.kind() != text || !t.has(e.c.tape.textOf(tok))) {
		e.problem(Problem{Keyword: "enum"})
		return
	}
	if t := n.text; t != nil && tok.kind() == text && t.format != nil && !t.format(e.c.tape.textOf(tok)) {
		e.problem(Problem{Keyword: "format", Text: t.formatName})
		return
	}
	if g != nil && g.ref != nil {
		e.node(g.ref, i)
	}
	switch {
	case tok.kind() == text && n.text != nil:
		e.text(n.text, tok)
	case tok.kind() == numeral && n.number != nil:
		e.number(n.number, tok)
	case tok.kind() == object && n.object != nil:
		e.object(n.object, i)
	case tok.kind() == list && n.list != nil:
		e.list(n.list, i)
	}
	if g != nil {
		e.general(g, i)
	}
}

// names are in the order in which people are told of them.
func (t types) names() (words []string) {
	for _, typ := range []struct {
		bits types
		name string
	}{{1 << null, "null"}, {boolean, "boolean"}, {1 << numeral, "number"}, {integer, "integer"}, {1 << text, "string"}, {1 << list, "array"}, {1 << object, "object"}} {
		if t&typ.bits != 0 {
			words = append(words, typ.name)
		}
	}
	return words
}

func (e *explainer) text(r *textRules, tok *token) {
	s := e.c.tape.textOf(tok)
	n := utf8.RuneCount(s)
	if n < r.min {
		e.problem(Problem{Keyword: "minLength", Want: r.min, Got: n})
	}
	if r.max >= 0 && n > r.max {
		e.problem(Problem{Keyword: "maxLength", Want: r.max, Got: n})
	}
	if r.pattern != nil && !e.c.match(r.pattern, s) {
		e.problem(Problem{Keyword: "pattern", Text: r.pattern.String()})
	}
}

func (e *explainer) number(r *numberRules, tok *token) {
	d := number(e.c.tape.textOf(tok))
	wrong := func(keyword string, bound *decimal, ok func() bool) {
		if bound != nil && !ok() {
			e.problem(Problem{Keyword: keyword, Number: bound.exact()})
		}
	}
	wrong("minimum", r.min, func() bool { return d.compare(r.min) >= 0 })
	wrong("maximum", r.max, func() bool { return d.compare(r.max) <= 0 })
	wrong("exclusiveMinimum", r.above, func() bool { return d.compare(r.above) > 0 })
	wrong("exclusiveMaximum", r.below, func() bool { return d.compare(r.below) < 0 })
	wrong("multipleOf", r.multiple, func() bool { return d.multipleOf(r.multiple) })
}

func (e *explainer) object(r *objectRules, at uint32) {
	c := e.c
	n := int(c.tape.tokens[at].parts())
	if n < r.min {
		e.problem(Problem{Keyword: "minProperties", Want: r.min, Got: n})
	}
	if r.max >= 0 && n > r.max {
		e.problem(Problem{Keyword: "maxProperties", Want: r.max, Got: n})
	}
	e.missing("required", at, r.all)
	more := 0
	i := at + 1
	for range n {
		if e.member(r, i) {
			more++
		}
		if r.propNames != nil && !c.valid(r.propNames, i) {
			e.problem(Problem{Keyword: "propertyNames"})
		}
		i = c.tape.tokens[i+1].next
	}
	if more > 0 {
		e.problem(Problem{Keyword: "additionalProperties", Got: more})
	}
	for k := range r.dependent {
		if d := &r.dependent[k]; c.has(at, d.name) {
			e.missing(d.keyword, at, d.required)
			if d.node != nil {
				e.node(d.node, at)
			}
		}
	}
}

// member tells whether the member i is one too many.
func (e *explainer) member(r *objectRules, i uint32) (more bool) {
	tok := &e.c.tape.tokens[i]
	name := e.c.tape.textOf(tok)
	evaluated := false
	if r.names != nil {
		if k := r.names.find(name, tok.mark()); k >= 0 && r.props[k].node != nil {
			evaluated = true
			e.below(r.props[k].node, i+1, string(name))
		}
	}
	for k := range r.patterns {
		if p := &r.patterns[k]; e.c.match(p.pattern, name) {
			evaluated = true
			e.below(p.node, i+1, string(name))
		}
	}
	if evaluated || r.additional == nil {
		return false
	}
	if r.closed {
		return true
	}
	e.below(r.additional, i+1, string(name))
	return false
}

// missing tells of all of names together that the object at has not.
func (e *explainer) missing(keyword string, at uint32, names []string) {
	var missing []string
	for _, name := range names {
		if !e.c.has(at, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		e.problem(Problem{Keyword: keyword, Names: missing})
	}
}

func (e *explainer) list(r *listRules, at uint32) {
	c := e.c
	n := int(c.tape.tokens[at].parts())
	if n < r.min {
		e.problem(Problem{Keyword: "minItems", Want: r.min, Got: n})
	}
	if r.max >= 0 && n > r.max {
		e.problem(Problem{Keyword: "maxItems", Want: r.max, Got: n})
	}
	if r.unique && n > 1 && !c.unique(at) {
		e.problem(Problem{Keyword: "uniqueItems"})
	}
	met := 0
	i := at + 1
	for k := range n {
		item := r.rest
		if k < len(r.prefix) {
			item = r.prefix[k]
		}
		if item != nil {
			e.below(item, i, strconv.Itoa(k))
		}
		if r.contains != nil && c.valid(r.contains, i) {
			met++
		}
		i = c.tape.tokens[i].next
	}
	if r.contains == nil {
		return
	}
	if met < r.minContained {
		keyword := "contains"
		if r.minGiven {
			keyword = "minContains"
		}
		e.problem(Problem{Keyword: keyword, Want: r.minContained, Got: met})
	}
	if r.maxContain >= 0 && met > r.maxContain {
		e.problem(Problem{Keyword: "maxContains", Want: r.maxContain, Got: met})
	}
}

func (e *explainer) general(g *general, i uint32) {
	c := e.c
	if g.not != nil && c.valid(g.not, i) {
		e.problem(Problem{Keyword: "not"})
	}
	for _, n := range g.all {
		e.node(n, i)
	}
	if len(g.any) > 0 && c.count(g.any, i, 1) == 0 {
		e.problem(Problem{Keyword: "anyOf"})
	}
	if len(g.one) > 0 {
		if n := c.count(g.one, i, 2); n != 1 {
			e.problem(Problem{Keyword: "oneOf", Many: n > 1})
		}
	}
	if g.cond != nil {
		branch := g.other
		if c.valid(g.cond, i) {
			branch = g.then
		}
		if branch != nil {
			e.node(branch, i)
		}
	}
}
