package validate

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
)

// condition is an expression of comparisons with constants, made to getters. It knows
// only what is surely true: of all else the engine of expressions says whether it is
// false, and what is wrong with it.
type condition struct {
	op          operator
	left, right *condition // of and, or, not
	what        operand
	constant    scalar
	texts       map[string]struct{} // of in, where all are texts
	list        []scalar            // of in, else
	pattern     *schema.Pattern
}

type operator uint8

const (
	constantly operator = iota
	truly               // an operand that is a truth itself
	and
	or
	not
	equal
	less
	lessOrEqual
	more
	moreOrEqual
	in
	matches
)

// operand is what is looked at: a word of an expression, with the getter of its path.
type operand struct {
	word string
	get  protocol.Getter
}

// scalar is a value, or a constant. Text is of a message, or fixed.
type scalar struct {
	kind    scalarKind
	text    []byte
	fixed   string
	number  float64
	integer int
	truth   bool
}

type scalarKind uint8

const (
	nothing scalarKind = iota
	aText              // in text
	aWord              // in fixed
	aNumber
	anInteger
	aTruth
)

// outcome of a condition.
type outcome uint8

const (
	unknown outcome = iota // it cannot be applied, or not here
	no
	yes
)

func toOutcome(b bool) outcome {
	if b {
		return yes
	}
	return no
}

// newCondition makes one of an expression's tree, or nil if the tree has something else.
func newCondition(node ast.Node, getters map[string]protocol.Getter) *condition {
	switch n := node.(type) {
	case *ast.BoolNode:
		return &condition{op: constantly, constant: scalar{truth: n.Value}}
	case *ast.UnaryNode:
		inner := newCondition(n.Node, getters)
		if inner == nil || n.Operator != "!" && n.Operator != "not" {
			return nil
		}
		return &condition{op: not, left: inner}
	case *ast.BinaryNode:
		return newBinary(n, getters)
	}
	what, ok := newOperand(node, getters)
	if !ok || what.word != "has" {
		return nil
	}
	return &condition{op: truly, what: what}
}

func newBinary(n *ast.BinaryNode, getters map[string]protocol.Getter) *condition {
	switch n.Operator {
	case "and", "&&", "or", "||":
		c := &condition{op: and, left: newCondition(n.Left, getters), right: newCondition(n.Right, getters)}
		if n.Operator == "or" || n.Operator == "||" {
			c.op = or
		}
		if c.left == nil || c.right == nil {
			return nil
		}
		return c
	case "in":
		return newIn(n, getters)
	case "matches":
		return newMatches(n, getters)
	}
	op, ok := comparisons[n.Operator]
	if !ok {
		return nil
	}
	c := newComparison(op, n.Left, n.Right, getters)
	if c == nil {
		c = newComparison(turned[op], n.Right, n.Left, getters)
	}
	if c != nil && n.Operator == "!=" {
		c = &condition{op: not, left: c}
	}
	return c
}

var comparisons = map[string]operator{"==": equal, "!=": equal, "<": less, "<=": lessOrEqual, ">": more, ">=": moreOrEqual}

// turned are the comparisons with their sides exchanged.
var turned = map[operator]operator{equal: equal, less: more, lessOrEqual: moreOrEqual, more: less, moreOrEqual: lessOrEqual}

func newComparison(op operator, left, right ast.Node, getters map[string]protocol.Getter) *condition {
	what, ok := newOperand(left, getters)
	if !ok {
		return nil
	}
	constant, ok := newConstant(right)
	if !ok {
		return nil
	}
	return &condition{op: op, what: what, constant: constant}
}

func newIn(n *ast.BinaryNode, getters map[string]protocol.Getter) *condition {
	what, ok := newOperand(n.Left, getters)
	if !ok {
		return nil
	}
	list, ok := n.Right.(*ast.ConstantNode)
	if !ok {
		return nil
	}
	c := &condition{op: in, what: what}
	switch values := list.Value.(type) {
	case map[string]struct{}:
		c.texts = values
	case map[int]struct{}:
		for v := range values {
			c.list = append(c.list, scalar{kind: anInteger, integer: v, number: float64(v)})
		}
	case []any:
		for _, v := range values {
			x, ok := toScalar(v)
			if !ok {
				return nil
			}
			c.list = append(c.list, x)
		}
	default:
		return nil
	}
	return c
}

func newMatches(n *ast.BinaryNode, getters map[string]protocol.Getter) *condition {
	what, ok := newOperand(n.Left, getters)
	text, is := n.Right.(*ast.StringNode)
	if !ok || !is {
		return nil
	}
	p, err := schema.NewPattern(text.Value)
	if err != nil {
		return nil
	}
	return &condition{op: matches, what: what, pattern: p}
}

func newOperand(node ast.Node, getters map[string]protocol.Getter) (operand, bool) {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		return operand{word: n.Value}, slices.Contains([]string{"name", "kind", "id", "size", "identity"}, n.Value)
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if !ok || !slices.Contains(pathFuncs, callee.Value) || len(n.Arguments) != 1 {
			return operand{}, false
		}
		path, ok := n.Arguments[0].(*ast.StringNode)
		if !ok {
			return operand{}, false
		}
		get := getters[path.Value]
		return operand{word: callee.Value, get: get}, get != nil
	}
	return operand{}, false
}

func newConstant(node ast.Node) (scalar, bool) {
	switch n := node.(type) {
	case *ast.NilNode:
		return scalar{}, true
	case *ast.StringNode:
		return toScalar(n.Value)
	case *ast.IntegerNode:
		return toScalar(n.Value)
	case *ast.FloatNode:
		return toScalar(n.Value)
	case *ast.BoolNode:
		return toScalar(n.Value)
	}
	return scalar{}, false
}

func toScalar(v any) (scalar, bool) {
	switch v := v.(type) {
	case string:
		return scalar{kind: aWord, fixed: v}, true
	case int:
		return scalar{kind: anInteger, integer: v, number: float64(v)}, true
	case float64:
		return scalar{kind: aNumber, number: v}, true
	case bool:
		return scalar{kind: aTruth, truth: v}, true
	}
	return scalar{}, false
}

// holds is true if the condition is surely true of m.
func (c *condition) holds(m *protocol.Message, budget int) (ok bool) {
	// A getter that panics does so again when the engine looks, which says what it is.
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return c.outcome(m, budget) == yes
}

// outcome looks at no more, and in no other order, than the engine.
func (c *condition) outcome(m *protocol.Message, budget int) outcome {
	switch c.op {
	case constantly:
		return toOutcome(c.constant.truth)
	case not:
		switch c.left.outcome(m, budget) {
		case yes:
			return no
		case no:
			return yes
		}
		return unknown
	case and:
		if x := c.left.outcome(m, budget); x != yes {
			return x
		}
		return c.right.outcome(m, budget)
	case or:
		if x := c.left.outcome(m, budget); x != no {
			return x
		}
		return c.right.outcome(m, budget)
	}
	v, ok := c.what.value(m, budget)
	if !ok {
		return unknown
	}
	switch c.op {
	case truly:
		return toOutcome(v.truth)
	case equal:
		return toOutcome(v.equals(&c.constant))
	case in:
		return c.contains(&v)
	case matches:
		switch v.kind {
		case nothing:
			return no
		case aText:
			return toOutcome(c.pattern.Match(v.text))
		case aWord:
			return toOutcome(c.pattern.Match([]byte(v.fixed)))
		}
		return unknown
	}
	return v.compare(c.op, &c.constant)
}

// value is false if there is none, or one beyond the budget.
func (o *operand) value(m *protocol.Message, budget int) (scalar, bool) {
	switch o.word {
	case "name":
		return scalar{kind: aText, text: m.Name}, true
	case "id":
		return scalar{kind: aText, text: m.ID}, true
	case "kind":
		return scalar{kind: aWord, fixed: m.Kind.String()}, true
	case "identity":
		return scalar{kind: aWord, fixed: m.Identity}, true
	case "size":
		n := len(m.Frame) + int(m.Rest)
		return scalar{kind: anInteger, integer: n, number: float64(n)}, true
	}
	v, ok := o.get(m)
	if !ok {
		v = protocol.Value{}
	}
	switch o.word {
	case "has":
		return scalar{kind: aTruth, truth: v.Type != protocol.Missing}, true
	case "type":
		return scalar{kind: aWord, fixed: typeName(v.Type)}, true
	case "count":
		n := 0
		if v.Type == protocol.List || v.Type == protocol.Map {
			n = parts(v.Raw)
		}
		return scalar{kind: anInteger, integer: n, number: float64(n)}, true
	case "text":
		return scalar{kind: aText, text: v.Text}, len(v.Text) <= budget
	case "number":
		f, ok := v.Float()
		return scalar{kind: aNumber, number: f}, ok
	}
	switch v.Type {
	case protocol.Bool:
		return scalar{kind: aTruth, truth: string(v.Text) == "true"}, true
	case protocol.Number:
		f, ok := v.Float()
		return scalar{kind: aNumber, number: f}, ok
	case protocol.String, protocol.Bytes:
		return scalar{kind: aText, text: v.Text}, len(v.Text) <= budget
	}
	return scalar{}, true
}

// equals compares with a constant; values of different kinds differ.
func (s *scalar) equals(with *scalar) bool {
	switch {
	case s.kind == aText:
		return with.kind == aWord && string(s.text) == with.fixed
	case s.kind == aWord:
		return with.kind == aWord && s.fixed == with.fixed
	case s.kind == anInteger && with.kind == anInteger:
		return s.integer == with.integer
	case s.isNumber() && with.isNumber():
		return s.number == with.number
	}
	return s.kind == with.kind && s.truth == with.truth
}

func (s *scalar) isNumber() bool { return s.kind == aNumber || s.kind == anInteger }

// compare is unknown for kinds that have no order.
func (s *scalar) compare(op operator, with *scalar) outcome {
	switch {
	case s.kind == aText && with.kind == aWord:
		return inOrder(op, string(s.text) < with.fixed, string(s.text) == with.fixed, string(s.text) > with.fixed)
	case s.kind == aWord && with.kind == aWord:
		return inOrder(op, s.fixed < with.fixed, s.fixed == with.fixed, s.fixed > with.fixed)
	case s.kind == anInteger && with.kind == anInteger:
		return inOrder(op, s.integer < with.integer, s.integer == with.integer, s.integer > with.integer)
	case s.isNumber() && with.isNumber():
		return inOrder(op, s.number < with.number, s.number == with.number, s.number > with.number)
	}
	return unknown
}

// inOrder is told of all three, as of what is no number none is true.
func inOrder(op operator, before, same, after bool) outcome {
	switch op {
	case less:
		return toOutcome(before)
	case lessOrEqual:
		return toOutcome(before || same)
	case more:
		return toOutcome(after)
	}
	return toOutcome(after || same)
}

func (c *condition) contains(v *scalar) outcome {
	if c.texts == nil {
		return toOutcome(slices.ContainsFunc(c.list, func(x scalar) bool { return v.equals(&x) }))
	}
	ok := false
	switch v.kind {
	case aText:
		_, ok = c.texts[string(v.text)]
	case aWord:
		_, ok = c.texts[v.fixed]
	default:
		return unknown
	}
	return toOutcome(ok)
}
