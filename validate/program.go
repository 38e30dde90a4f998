package validate

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/go-multierror"
	"github.com/sallyport/sallyport/protocol"
)

// Program is a list of rules, compiled for one codec. It is immutable and safe for
// concurrent use. A nil Program has no rules.
type Program struct {
	rules []*compiled
	opts  Options
	paths []string
}

// RuleInfo tells a person about one rule of a Program.
type RuleInfo struct {
	Name  string         `json:"name"`
	Kind  string         `json:"kind"` // allow, deny, rule, field, schema or limits
	Mode  Mode           `json:"mode"`
	Class protocol.Class `json:"class"`
	Names []string       `json:"names,omitempty"`
	// Operations are those that a schema knows, sorted.
	Operations []string `json:"operations,omitempty"`
}

// compiled is a rule that can be carried out.
type compiled struct {
	RuleInfo
	say   string // the operator's own words, or ""
	names map[string]struct{}
	engine
}

// engine checks one message and reports to c what is wrong. It may panic.
type engine interface {
	check(c *Checker, m *protocol.Message)
}

// Compile makes a Program of rules for messages of codec. The error is a
// *multierror.Error that holds a *RuleError for every mistake.
func Compile(codec protocol.Codec, rules []Rule, o Options) (*Program, error) {
	k := &compiler{codec: codec, traits: codec.Traits(), opts: o.withDefaults()}
	p := &Program{opts: k.opts}
	for i := range rules {
		k.index = i
		if r := k.rule(&rules[i]); r != nil {
			p.rules = append(p.rules, r)
		}
	}
	if err := k.errs.ErrorOrNil(); err != nil {
		return nil, err
	}
	p.paths = k.paths
	return p, nil
}

// Paths returns every path that a rule looks at.
func (p *Program) Paths() []string {
	if p == nil {
		return nil
	}
	return p.paths
}

// Rules tells what the rules are, in order.
func (p *Program) Rules() []RuleInfo {
	if p == nil {
		return nil
	}
	infos := make([]RuleInfo, len(p.rules))
	for i, r := range p.rules {
		infos[i] = r.RuleInfo
	}
	return infos
}

// Notes are what a person who wrote the rules may want to know, a line each. Nothing is
// wrong.
func (p *Program) Notes() (lines []string) {
	if p == nil {
		return nil
	}
	for _, r := range p.rules {
		if s, ok := r.engine.(*document); ok {
			for _, keyword := range s.slower {
				lines = append(lines, "rule "+r.Name+": the schema uses "+keyword+": it is checked by the slower library")
			}
		}
	}
	return lines
}

// compiler holds what is the same for all rules of one Compile.
type compiler struct {
	codec  protocol.Codec
	traits protocol.Traits
	opts   Options
	index  int
	paths  []string
	errs   *multierror.Error
}

// rule returns nil if r has a mistake that leaves nothing to carry out.
func (k *compiler) rule(r *Rule) *compiled {
	out := &compiled{say: r.Reason, names: set(r.Names)}
	out.Mode, out.Class, out.Names = r.Mode, r.Class, r.Names
	if int(r.Mode) >= len(modeNames) {
		k.bad("mode", errors.New("there is no such mode"))
	}
	if r.Class != protocol.Fix && r.Class != protocol.Denied {
		k.bad("class", fmt.Errorf("%v is neither fix nor denied", r.Class))
	}
	var kinds []string
	for _, have := range []struct {
		kind string
		ok   bool
	}{
		{"allow", r.Allow != nil}, {"deny", r.Deny != nil}, {"rule", r.Expr != ""},
		{"field", r.Field != nil}, {"schema", r.Schema != nil}, {"limits", r.Limits != nil}, {"bind", r.Bind != nil},
	} {
		if have.ok {
			kinds = append(kinds, have.kind)
		}
	}
	if len(kinds) != 1 {
		key, err := "rule", errors.New("one of allow, deny, rule, field, schema, limits and bind is wanted, and there is none")
		if len(kinds) > 1 {
			key, err = kinds[1], fmt.Errorf("a rule is of one kind, and this is %s too", kinds[0])
		}
		k.bad(key, err)
		return nil
	}
	out.Kind, out.Name = kinds[0], kinds[0]
	// An engine that is nil must stay a nil interface: each case assigns for itself.
	switch out.Kind {
	case "allow":
		out.engine = k.allow(r.Allow, out.Class)
	case "deny":
		out.engine = k.deny(r.Deny, out.Class)
	case "rule":
		out.Name = "rule " + strconv.Itoa(k.index+1)
		out.engine = k.expr(r.Expr, out.Class)
	case "field":
		out.Name = "field " + r.Field.Path
		out.engine = k.field(r.Field)
	case "schema":
		s := k.schema(r.Schema)
		if s != nil {
			out.Operations = s.operations()
		}
		out.engine = s
	case "limits":
		out.engine = k.limits(r.Limits)
	case "bind":
		out.Name, out.Class = "bind "+r.Bind.Path, protocol.Denied
		out.engine = k.bind(r.Bind)
	}
	if r.Name != "" {
		out.Name = r.Name
	}
	return out
}

func (k *compiler) bad(key string, err error) { k.badAt(key, -1, "", err) }

func (k *compiler) badAt(key string, off int, hint string, err error) {
	k.errs = multierror.Append(k.errs, &RuleError{Index: k.index, Key: key, Offset: off, Hint: hint, Err: err})
}

// getter is nil, and the mistake noted under key, if the codec does not know path.
func (k *compiler) getter(key, path string) protocol.Getter {
	get, err := k.codec.Getter(path)
	if err != nil {
		k.bad(key, err)
		return nil
	}
	k.paths = append(k.paths, path)
	return get
}

func set(list []string) map[string]struct{} {
	if len(list) == 0 {
		return nil
	}
	s := make(map[string]struct{}, len(list))
	for _, name := range list {
		s[name] = struct{}{}
	}
	return s
}

// didYouMean is a hint if one of words is nearly got.
func didYouMean(got string, words []string) string {
	best, least := "", len(got)/3+2
	if len(got) > 64 {
		return ""
	}
	for _, w := range words {
		if d := distance(got, w); d < least {
			best, least = w, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(best) + "?"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
