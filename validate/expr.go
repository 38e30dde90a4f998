package validate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/sallyport/sallyport/protocol"
)

// expression is an operator's condition. The engine behind it is expr-lang; its errors
// are never shown, since they quote values.
type expression struct {
	program *vm.Program
	simple  *condition // the same, if it is comparisons alone, or nil
	getters map[string]protocol.Getter
	path    string // the only one, or ""
	want    string
}

// pathFuncs take one argument, a constant path.
var pathFuncs = []string{"field", "has", "type", "text", "number", "count"}

// builtins are those of the engine's functions that are linear in small things. Its
// predicates (all, any, none, one, filter, map, ...) cannot be taken away.
var builtins = []string{"len", "lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix",
	"indexOf", "lastIndexOf", "abs", "ceil", "floor", "round", "int", "float", "string", "min", "max"}

// words are what an expression may say, for hints.
var words = slices.Concat([]string{"name", "kind", "id", "size", "identity", "all", "any", "none", "one", "filter", "map"}, pathFuncs, builtins)

func (k *compiler) expr(text string, class protocol.Class) engine {
	const longest = 64 << 10
	if len(text) > longest {
		k.bad("rule", fmt.Errorf("an expression of more than %d bytes", longest))
		return nil
	}
	seen := &visitor{}
	opts := []expr.Option{expr.Env(env{}), expr.AsBool(), expr.MaxNodes(k.opts.Budget.Nodes), expr.DisableAllBuiltins(), expr.Patch(seen)}
	for _, name := range builtins {
		opts = append(opts, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, opts...)
	for _, w := range seen.refuse() {
		k.badAt("rule", byteOffset(text, w.at), w.hint, w.err)
	}
	if err != nil {
		// What the visitor refuses often has a type error as its consequence.
		if len(seen.wrong) == 0 {
			k.exprError(text, err, seen.unknown)
		}
		return nil
	}
	e := &expression{program: program, getters: make(map[string]protocol.Getter), want: "what this rule asks for: " + short(text)}
	if class == protocol.Denied {
		e.want = "a request that policy allows"
	}
	for _, use := range seen.paths {
		if _, ok := e.getters[use.path]; ok {
			continue
		}
		get, err := k.codec.Getter(use.path)
		if err != nil {
			k.badAt("rule", byteOffset(text, use.at), "", err)
		}
		e.getters[use.path], e.path = get, use.path
		k.paths = append(k.paths, use.path)
	}
	if len(e.getters) != 1 {
		e.path = ""
	}
	e.simple = newCondition(program.Node(), e.getters)
	return e
}

// exprError notes an error of the engine at its place, with a hint for a misspelt word.
func (k *compiler) exprError(text string, err error, unknown []string) {
	var at *file.Error
	if !errors.As(err, &at) {
		k.bad("rule", err)
		return
	}
	hint := ""
	off := byteOffset(text, at.From)
	for _, word := range unknown {
		if off+len(word) <= len(text) && text[off:off+len(word)] == word {
			hint = didYouMean(word, words)
		}
	}
	if strings.Contains(at.Message, `Operator("=")`) {
		hint = "values are compared with =="
	}
	k.badAt("rule", off, hint, errors.New(at.Message))
}

// byteOffset turns the engine's offset, in runes, into bytes.
func byteOffset(text string, runes int) int {
	for off := range text {
		if runes == 0 {
			return off
		}
		runes--
	}
	return len(text)
}

func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	n := most
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "..."
}

// visitor collects what a tree uses, leaves first.
type visitor struct {
	paths   []pathUse
	names   int // how often a pathFunc is named, and where last
	last    int
	unknown []string
	wrong   []wrong
}

type pathUse struct {
	path string
	at   int
}

type wrong struct {
	at   int
	hint string
	err  error
}

// Visit implements ast.Visitor.
func (s *visitor) Visit(node *ast.Node) {
	at := (*node).Location().From
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		switch {
		case slices.Contains(pathFuncs, n.Value):
			s.names++
			s.last = at
		case n.Value == "$env":
			s.add(at, "", errors.New("$env is not available"))
		case !slices.Contains(words, n.Value):
			s.unknown = append(s.unknown, n.Value)
		}
	case *ast.CallNode:
		s.call(n, at)
	case *ast.BinaryNode:
		if _, ok := n.Right.(*ast.StringNode); n.Operator == "matches" && !ok {
			s.add(at, "", errors.New("matches needs a constant pattern: one from a message could be anything"))
		}
	case *ast.PredicateNode:
		inner := &predicates{}
		ast.Walk(&n.Node, inner)
		if inner.n > 0 {
			s.add(at, "", errors.New("a loop in a loop has no limit on its time"))
		}
	}
}

func (s *visitor) call(n *ast.CallNode, at int) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || !slices.Contains(pathFuncs, callee.Value) {
		return
	}
	s.names--
	if len(n.Arguments) != 1 {
		return // the engine says so
	}
	path, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		s.add(at, `as in field("/params/amount")`, fmt.Errorf("%s needs a constant path", callee.Value))
		return
	}
	s.paths = append(s.paths, pathUse{path.Value, path.Location().From})
}

func (s *visitor) add(at int, hint string, err error) {
	s.wrong = append(s.wrong, wrong{at, hint, err})
}

// refuse returns what is wrong with the whole.
func (s *visitor) refuse() []wrong {
	if s.names > 0 {
		s.add(s.last, "", errors.New("this function can only be called"))
	}
	return s.wrong
}

// predicates counts loops.
type predicates struct{ n int }

// Visit implements ast.Visitor.
func (p *predicates) Visit(node *ast.Node) {
	if _, ok := (*node).(*ast.PredicateNode); ok {
		p.n++
	}
}

func (e *expression) check(c *Checker, m *protocol.Message) {
	if most := c.p.opts.Budget.Text; len(m.Name) > most || len(m.ID) > most {
		c.report(finding{cause: protocol.TooLarge, off: -1, key: "budget", want: "a name and an id of at most " + strconv.Itoa(most) + " bytes", got: "more"})
		return
	}
	if e.simple != nil && e.simple.holds(m, c.p.opts.Budget.Text) {
		return
	}
	c.env.begin(e, m)
	out, err := c.vm.Run(e.program, c.env)
	v := c.env.end()
	if v.fault != nil {
		c.fault(v.fault)
		return
	}
	f := finding{path: e.path, off: -1, want: e.want}
	if e.path != "" && v.used {
		f.got = v.last.Type.String()
		if v.last.Type != protocol.Missing {
			f.off = v.last.Off
		}
	}
	switch {
	case v.spent:
		f.cause, f.key, f.got = protocol.TooLarge, "budget", "more than a rule may use"
	case err != nil:
		// Such as a comparison with what is missing, or more memory than the budget.
		f.key = "applicable"
	case out == true:
		return
	}
	c.report(f)
}
