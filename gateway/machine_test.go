package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/looplab/fsm"
)

// The numbers, in the order of their constants, name what the tables name.
func TestNumbersAreInTheOrderOfTheNames(t *testing.T) {
	for _, m := range []struct {
		name           string
		compiled       *table
		states, events []string
		lastState      state
		lastEvent      event
	}{
		{"session", sessionMachine,
			[]string{greeting: "greeting", serving: "serving", carrying: "carrying", draining: "draining", closed: "closed"},
			[]string{admit: "admit", carry: "carry", carried: "carried", drain: "drain", shut: "close"}, closed, shut},
		{"exchange", exchangeMachine,
			[]string{received: "received", refused: "refused", verified: "verified", queued: "queued", forwarded: "forwarded", waiting: "waiting",
				answering: "answering", answered: "answered", expired: "expired", failed: "failed", abandoned: "abandoned"},
			[]string{refuse: "refuse", verify: "verify", queue: "queue", forward: "forward", wait: "wait", part: "part",
				answer: "answer", expire: "expire", fail: "fail", abandon: "abandon"}, abandoned, abandon},
	} {
		if got := m.compiled.states; !slices.Equal(got, m.states) || len(got) != int(m.lastState)+1 {
			t.Errorf("%s: states: got %v, want %v", m.name, got, m.states)
		}
		if got := m.compiled.events; !slices.Equal(got, m.events) || len(got) != int(m.lastEvent)+1 {
			t.Errorf("%s: events: got %v, want %v", m.name, got, m.events)
		}
	}
}

// Every step that the fsm would refuse panics, and every other one is where it leads.
func TestStepPanicsOnEveryForbiddenPair(t *testing.T) {
	for _, c := range []*table{sessionMachine, exchangeMachine} {
		for s := range c.states {
			for e := range c.events {
				want := c.next[s][e]
				if got, panicked := try(c, state(s), event(e)); panicked != (want == noState) || !panicked && got != want {
					t.Errorf("%s in %s: got %d, panic: %v", c.events[e], c.states[s], got, panicked)
				}
			}
		}
	}
}

func try(c *table, s state, e event) (next state, panicked bool) {
	defer func() { panicked = recover() != nil }()
	return c.step(s, e), false
}

func TestCompilePanicsOnANameThatIsNotNumbered(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	compile(SessionTable, []string{SessionGreeting}, []string{sessionAdmit})
}

// Each name that the tables' file declares is in a table: none is misspelt or left over.
func TestEveryNameIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, table := range []fsm.Events{SessionTable, BackendTable, ExchangeTable} {
		for _, e := range table {
			used["event "+e.Name], used["state "+e.Dst] = true, true
			for _, src := range e.Src {
				used["state "+src] = true
			}
		}
	}
	for constant, name := range constants(t, "tables.go") {
		kind := "event "
		if ast.IsExported(constant) {
			kind = "state "
		}
		if !used[kind+name] {
			t.Errorf("%s is in no table", constant)
		}
		if strings.ContainsAny(name, " :") {
			t.Errorf("%s: %q does not fit into a diagram", constant, name)
		}
	}
}

// constants returns the constants of a file that are strings.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					found[v.Names[i].Name], _ = strconv.Unquote(lit.Value)
				}
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no constants were found")
	}
	return found
}

// A request ends: from every state that an event leaves, one of the ends is reached, and
// nothing happens after an end.
func TestEveryExchangeEnds(t *testing.T) {
	next := map[string][]string{}
	for _, e := range ExchangeTable {
		for _, src := range e.Src {
			next[src] = append(next[src], e.Dst)
		}
	}
	ends := []string{ExchangeRefused, ExchangeAnswered, ExchangeExpired, ExchangeFailed, ExchangeAbandoned}
	for _, s := range exchangeMachine.states {
		if got, want := len(next[s]) == 0, slices.Contains(ends, s); got != want {
			t.Errorf("%s is an end: got %v, want %v", s, got, want)
		}
		if !slices.ContainsFunc(ends, func(end string) bool { return reaches(next, s, end) }) {
			t.Errorf("%s leads to no end", s)
		}
	}
}
