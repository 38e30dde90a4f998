package validate

import (
	"fmt"

	"github.com/expr-lang/expr/vm"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
)

// Validator says whether a message may pass. A *Failure tells why not, any other error
// that it could not be found out. It is called by one goroutine at a time.
type Validator interface {
	Validate(m *protocol.Message) error
}

// Observer hears of violations in the goroutine that validates. It must not block, and
// keeps nothing of m or v.
type Observer interface {
	// Violated is told of every violation, in whatever mode, but of one rule and one
	// message no more than Options.MaxReasons.
	Violated(m *protocol.Message, v *Violation)
}

// Violation is one thing that a rule found wrong.
type Violation struct {
	Rule   string // its name
	Mode   Mode
	Reason protocol.Reason
	// Fault is not nil if the rule itself went wrong: ours, not the client's. It holds
	// nothing of the message. Reason.Rule is then "internal".
	Fault error
}

// Checker carries out a Program. It is for one goroutine at a time and uses its memory
// again; on a message that is valid, lists, fields, limits and most schemas allocate nothing.
type Checker struct {
	p     *Program
	obs   Observer
	m     *protocol.Message
	rule  *compiled // that is being carried out
	found int       // by this rule
	fail  *Failure
	v     Violation
	vm    vm.VM
	env   *env

	content *schema.Checker
}

var _ Validator = (*Checker)(nil)

// Validator returns a new Checker. Obs may be nil.
func (p *Program) Validator(obs Observer) *Checker {
	if p == nil {
		p = &Program{opts: Options{}.withDefaults()}
	}
	c := &Checker{p: p, obs: obs}
	b := p.opts.Budget
	c.vm.MemoryBudget = b.Memory
	c.env = newEnv(b.Text)
	c.content = schema.NewChecker(schema.Limits{Text: b.Text, Values: b.Values, Depth: b.Depth})
	return c
}

// Validate applies every rule to m. It returns nil if no enforced one is violated, and
// else a *Failure, which is the caller's to keep.
func (c *Checker) Validate(m *protocol.Message) error {
	c.m, c.fail = m, nil
	for _, r := range c.p.rules {
		if r.names != nil {
			if _, ok := r.names[string(m.Name)]; !ok {
				continue
			}
		}
		c.carryOut(r)
	}
	fail := c.fail
	c.m, c.rule, c.fail = nil, nil, nil
	if fail == nil {
		return nil
	}
	return fail
}

// spent is the panic of a rule that needs more than its budget, deep inside a library.
type spent struct{ want string }

// carryOut fails closed: whatever r panics with, the message is refused.
func (c *Checker) carryOut(r *compiled) {
	c.rule, c.found = r, 0
	defer func() {
		switch x := recover().(type) {
		case nil:
		case spent:
			c.report(finding{cause: protocol.TooLarge, off: -1, key: "budget", want: x.want, got: "more"})
		default:
			// The text of a panic may hold a value; its type does not.
			c.fault(fmt.Errorf("rule %q: panic of type %T", r.Name, x))
		}
	}()
	r.check(c, c.m)
}

// finding is what an engine reports.
type finding struct {
	cause protocol.Cause // NoCause: BadContent
	path  string
	off   int
	key   string // appended to the rule's name, or ""
	want  string
	got   string
}

// report notes f against the rule that is being carried out.
func (c *Checker) report(f finding) {
	c.found++
	r := c.rule
	if c.found > c.p.opts.MaxReasons {
		if r.Mode == Enforce {
			c.fail.more++
		}
		return
	}
	reason := protocol.Reason{Path: f.path, Off: f.off, Rule: r.Name, Want: f.want, Got: f.got}
	if f.key != "" {
		reason.Rule += "." + f.key
	}
	reason.Say = r.say
	class, cause := r.Class, f.cause
	if class == protocol.Denied {
		cause = protocol.Forbidden
	} else if cause == protocol.NoCause {
		cause = protocol.BadContent
	}
	c.note(reason, class, cause, nil)
}

// fault notes that the rule itself went wrong.
func (c *Checker) fault(err error) {
	reason := protocol.Reason{Off: -1, Rule: "internal", Want: "a rule that can be carried out"}
	c.note(reason, protocol.Failed, protocol.NoCause, err)
}

func (c *Checker) note(reason protocol.Reason, class protocol.Class, cause protocol.Cause, fault error) {
	r := c.rule
	// First the refusal: an Observer that panics must not let the message pass.
	if r.Mode == Enforce {
		if c.fail == nil {
			c.fail = &Failure{class: class, cause: cause}
		}
		c.fail.add(reason, class, cause, c.p.opts.MaxReasons)
	}
	if c.obs == nil {
		return
	}
	c.v = Violation{Rule: r.Name, Mode: r.Mode, Reason: reason, Fault: fault}
	c.obs.Violated(c.m, &c.v)
}
