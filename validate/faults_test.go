package validate

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Long strings made to slow down each regular expression and rule: time is linear, and
// what needs more than the budget is refused.
func TestFaultA22LongTextsAreRefusedWithinTheBudget(t *testing.T) {
	long := `{"q":"` + strings.Repeat("a", 1<<20) + `!"}`
	for name, rule := range map[string]Rule{
		"field":       {Field: &Field{Path: "/q", Pattern: "^(a+)+$"}},
		"expression":  {Expr: `text("/q") matches "^(a+)+$"`},
		"schema":      {Schema: &Schema{Document: []byte(`{"properties": {"q": {"pattern": "^(a+)+$"}}}`)}},
		"under a not": {Schema: &Schema{Document: []byte(`{"properties": {"q": {"not": {"pattern": "^(a+)+$"}}}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustCompile(t, Options{}, rule)
			start := time.Now()
			err := p.Validator(nil).Validate(message("", long))
			f, ok := errors.AsType[*Failure](err)
			if !ok || f.Cause() != protocol.TooLarge || !strings.HasSuffix(f.Reasons()[0].Rule, ".budget") {
				t.Errorf("got %v, want a refusal by budget", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			within := `{"q":"` + strings.Repeat("a", 60_000) + `!"}`
			start = time.Now()
			_ = p.Validator(nil).Validate(message("", within))
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("within the budget: took %v", took)
			}
		})
	}
}

func TestFaultA22LoopsAndValuesAreBounded(t *testing.T) {
	for name, rule := range map[string]Rule{
		"range":  {Expr: `all(1..10000000, # > 0)`},
		"values": {Schema: &Schema{Document: []byte(`{"uniqueItems": true}`)}},
		"number": {Schema: &Schema{Document: []byte(`{"items": {"multipleOf": 0.1}}`)}},
	} {
		body := "[" + strings.Repeat("1,", 200_000) + "1]"
		if name == "number" {
			body = "[1e999999]"
		}
		err := mustCompile(t, Options{}, rule).Validator(nil).Validate(message("", body))
		if _, ok := errors.AsType[*Failure](err); !ok {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	distinct := []byte{'['}
	for i := range 90_000 {
		distinct = append(strconv.AppendInt(distinct, int64(i), 10), ',')
	}
	start := time.Now()
	distinct[len(distinct)-1] = ']'
	if got := refused(t, mustCompile(t, Options{}, Rule{Schema: &Schema{Document: []byte(`{"uniqueItems": true}`)}}), message("", string(distinct))); got != "" {
		t.Errorf("got %s", got)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("90000 items took %v to compare", took)
	}
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	p := mustCompile(t, Options{}, Rule{Schema: &Schema{Document: []byte(`{"items": {"$ref": "#"}}`)}}, Rule{Limits: &Limits{Depth: 5}})
	if got := refused(t, p, message("", deep)); !strings.Contains(got, "schema.budget") || !strings.Contains(got, "limits.depth") {
		t.Errorf("got %s", got)
	}
}

// panics is a rule that goes wrong.
type panics struct{ with any }

func (p panics) check(*Checker, *protocol.Message) { panic(p.with) }

// A rule that panics refuses, whatever it panics with, and the next message is served.
func TestFaultF16APanickingRuleRefuses(t *testing.T) {
	p := mustCompile(t, Options{}, Rule{Deny: []string{"a"}}, Rule{Deny: []string{"never"}})
	p.rules[1].engine = panics{errors.New("4111111111111111")}
	var heard recorder
	c := p.Validator(&heard)
	for range 2 {
		f, ok := errors.AsType[*Failure](c.Validate(message("b", "{}")))
		if !ok || f.Class() != protocol.Failed || f.Reasons()[0].Rule != "internal" {
			t.Fatalf("got %v, want a refusal by internal", f)
		}
	}
	if len(heard) != 2 || heard[0].Fault == nil || strings.Contains(heard[0].Fault.Error(), "4111") {
		t.Errorf("the observer got %+v", heard)
	}
	p.rules[1].Mode = Warn
	if err := c.Validate(message("b", "{}")); err != nil || len(heard) != 3 {
		t.Errorf("warn: got %v, want nil and a third violation", err)
	}
	if err := c.Validate(message("a", "{}")); err == nil {
		t.Error("the first rule is forgotten")
	}
}

// I14: what panics in a getter below an expression is a fault of ours.
func TestFaultF16APanickingGetterIsAFault(t *testing.T) {
	for _, rule := range []Rule{{Expr: `field("/panic") == nil`}, {Field: &Field{Path: "/panic"}}, {Expr: `not has("/panic") or size > 0`}} {
		var heard recorder
		err := mustCompile(t, Options{}, rule).Validator(&heard).Validate(message("", "{}"))
		if f, ok := errors.AsType[*Failure](err); !ok || f.Class() != protocol.Failed || len(heard) != 1 || heard[0].Fault == nil {
			t.Errorf("%+v: got %v, heard %+v", rule, err, heard)
		}
	}
}

type loudObserver struct{}

func (loudObserver) Violated(*protocol.Message, *Violation) { panic("an observer") }

func TestAnObserverThatPanicsDoesNotLetAMessagePass(t *testing.T) {
	defer func() { _ = recover() }()
	if err := mustCompile(t, Options{}, Rule{Deny: []string{"a"}}).Validator(loudObserver{}).Validate(message("a", "{}")); err == nil {
		t.Error("it passed")
	}
}
