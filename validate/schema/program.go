package schema

// Program is a compiled schema. It is immutable and safe for concurrent use.
type Program struct {
	root *node
	// texts is true if a pattern is applied to texts or names, whose length is then bounded.
	texts bool
}

// Outside is the error for a schema that uses what a Program cannot do.
type Outside struct {
	Keyword string // such as `unevaluatedProperties`, and how it is used if that is what matters
	Pointer string // of the schema that has it
}

// Error names the keyword and where it stands.
func (o *Outside) Error() string {
	return "the schema at #" + o.Pointer + " uses " + o.Keyword
}

// Limits bound what a Checker looks at.
type Limits struct {
	Text   int // bytes of a text or name, in a schema with patterns
	Values int // JSON values
	Depth  int // nesting of lists and objects
}

// Verdict is what a Checker finds.
type Verdict uint8

const (
	// Invalid means that the value is not as the schema describes it.
	Invalid Verdict = iota
	// Unsure means that the text is not JSON of which two readers would understand the same,
	// is beyond a limit, or holds something that is compared in another way. It may be valid.
	Unsure
	// Spent means that the value needs more work than its size allows, as nested alternatives do.
	Spent
	// Valid means that the value is as the schema describes it.
	Valid
)

// stepsPerValue bounds how often a value may be looked at: for each JSON value that Limits
// allow, this many applications of a subschema, however they are spread.
const stepsPerValue = 64

// node is one subschema.
type node struct {
	always   verdictOfAll
	refers   bool  // there is nothing but a reference
	types    types // 0: any
	declared types // by type; types may be fewer
	general  *general
	number   *numberRules
	text     *textRules
	list     *listRules
	object   *objectRules
}

// verdictOfAll is for schemas that say the same of every value.
type verdictOfAll uint8

const (
	depends verdictOfAll = iota
	always
	never
)

// types is a set of bits, one for each kind of token, and one for integers.
type types uint8

const integer types = 1 << 7

func (r *textRules) has(s []byte) bool { return r.among.find(s, mark(s)) >= 0 }

func (t types) has(k kind) bool { return t>>k&1 != 0 }

// general is what does not depend on the type. Nil means that there is no such keyword.
type general struct {
	enum              []constant
	constant          *constant
	ref, not          *node
	all, any, one     []*node
	cond, then, other *node
}

func (g *general) empty() bool {
	return g.ref == nil && g.not == nil && g.all == nil && g.any == nil && g.one == nil && g.cond == nil && g.constant == nil && g.enum == nil
}

type numberRules struct {
	min, max, above, below, multiple *decimal
}

type textRules struct {
	min, max int    // characters; max -1: none
	among    *names // an enum of texts alone
	pattern  *Pattern
	format   func([]byte) bool

	formatName string
}

type listRules struct {
	min, max                 int // max -1: none
	unique                   bool
	prefix                   []*node
	rest                     *node
	contains                 *node
	minContained, maxContain int  // maxContain -1: none
	minGiven                 bool // minContained is of minContains
}

type objectRules struct {
	min, max   int    // max -1: none
	names      *names // of props
	props      []property
	need       uint64   // bits of props that must be there
	required   []string // those for which there was no bit
	all        []string // that are required
	closed     bool     // additional is the keyword's own false
	patterns   []patternProperty
	additional *node
	propNames  *node
	dependent  []dependency
}

// property is a name that a schema knows. Node is nil if the name is only required.
type property struct {
	node *node
	bit  uint64
	text *textRules // of node, if it is for texts and has nothing else
}

type patternProperty struct {
	pattern *Pattern
	node    *node
}

// dependency holds if name is there.
type dependency struct {
	keyword  string // of required
	name     string
	required []string
	node     *node // or nil
}

// target is the node that n stands for, where n is nothing but a reference.
func (n *node) target() *node {
	for n != nil && n.refers && n.always == depends {
		n = n.general.ref
	}
	return n
}

// link has all that n leads to lead to targets.
func (n *node) link() {
	to := func(list ...**node) {
		for _, p := range list {
			*p = (*p).target()
		}
	}
	each := func(list []*node) {
		for i := range list {
			to(&list[i])
		}
	}
	if g := n.general; g != nil {
		to(&g.ref, &g.not, &g.cond, &g.then, &g.other)
		each(g.all)
		each(g.any)
		each(g.one)
	}
	if l := n.list; l != nil {
		to(&l.rest, &l.contains)
		each(l.prefix)
	}
	if o := n.object; o != nil {
		to(&o.additional, &o.propNames)
		for i := range o.props {
			p := &o.props[i]
			to(&p.node)
			if n := p.node; n != nil && n.always == depends && n.types == 1<<text && n.general == nil {
				p.text = n.text
			}
		}
		for i := range o.patterns {
			to(&o.patterns[i].node)
		}
		for i := range o.dependent {
			to(&o.dependent[i].node)
		}
	}
}
