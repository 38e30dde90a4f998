package gateway

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/looplab/fsm"

	"github.com/sallyport/sallyport/internal/golden"
)

var machines = []struct {
	name, start, end string
	table            fsm.Events
	compiled         *table // nil: the fsm itself runs
}{
	{"session", SessionGreeting, SessionClosed, SessionTable, sessionMachine},
	{"backend", BackendIdle, BackendClosed, BackendTable, nil},
	{"exchange", ExchangeReceived, "", ExchangeTable, exchangeMachine},
}

// What the fsm would take in silence: two ways for one event, events with the names of
// states, states that nobody reaches or that lead nowhere.
func TestTablesAreSound(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			next := map[string][]string{}
			dst := map[[2]string]string{}
			states, events := []string{m.start}, []string{}
			for _, e := range m.table {
				events = append(events, e.Name)
				states = append(states, e.Dst)
				for _, src := range e.Src {
					key := [2]string{e.Name, src}
					if old, ok := dst[key]; ok {
						t.Errorf("%s in %s: leads to %s and to %s", e.Name, src, old, e.Dst)
					}
					if src == e.Dst {
						t.Errorf("%s in %s: self transition", e.Name, src)
					}
					dst[key] = e.Dst
					next[src] = append(next[src], e.Dst)
				}
			}
			for _, e := range events {
				if slices.Contains(states, e) {
					t.Errorf("%s is a state and an event", e)
				}
			}
			for _, s := range states {
				if !reaches(next, m.start, s) {
					t.Errorf("%s cannot be reached", s)
				}
				if m.end != "" && !reaches(next, s, m.end) {
					t.Errorf("%s does not lead to %s", s, m.end)
				}
			}
		})
	}
}

func reaches(next map[string][]string, from, to string) bool {
	seen := map[string]bool{}
	var walk func(s string) bool
	walk = func(s string) bool {
		if s == to {
			return true
		}
		if seen[s] {
			return false
		}
		seen[s] = true
		return slices.ContainsFunc(next[s], walk)
	}
	return walk(from)
}

// The compiled tables and the fsm agree on every pair of state and event.
func TestCompiledTablesEqualTheFSM(t *testing.T) {
	for _, m := range machines {
		if m.compiled == nil {
			continue
		}
		for s, from := range m.compiled.states {
			for e, name := range m.compiled.events {
				f := fsm.NewFSM(from, m.table, nil)
				err := f.Event(context.Background(), name)
				want := f.Current()
				if _, invalid := errors.AsType[fsm.InvalidEventError](err); invalid {
					want = ""
				} else if err != nil {
					t.Fatalf("%s: %s in %s: %v", m.name, name, from, err)
				}
				got := ""
				if n := m.compiled.next[s][e]; n != noState {
					got = m.compiled.states[n]
				}
				if got != want {
					t.Errorf("%s: %s in %s: got %q, the fsm goes to %q", m.name, name, from, got, want)
				}
			}
		}
	}
}

// The constants number the states and events as the lists do.
func TestNumbersNameTheirStates(t *testing.T) {
	for got, want := range map[string]string{
		sessionMachine.states[serving]: SessionServing, sessionMachine.states[closed]: SessionClosed, sessionMachine.events[shut]: sessionClose,
		exchangeMachine.states[received]: ExchangeReceived, exchangeMachine.states[waiting]: ExchangeWaiting,
		exchangeMachine.states[abandoned]: ExchangeAbandoned, exchangeMachine.events[refuse]: exchangeRefuse, exchangeMachine.events[abandon]: exchangeAbandon,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAStepThatIsNotAllowedPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	exchangeMachine.step(answered, answer)
}

func TestFireOutlivesItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := newMachine(BackendIdle, BackendTable)
	for _, e := range []string{backendDial, backendConnect, backendSignOn, backendLose, backendDial} {
		if err := m.fire(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.state(); got != BackendDialing {
		t.Errorf("got %s, want %s", got, BackendDialing)
	}
	if err := m.fire(ctx, backendDrain); err == nil {
		t.Error("got no error for an event that the table does not allow")
	}
}

func TestDiagrams(t *testing.T) {
	for _, m := range machines {
		got, err := Diagram(m.name, "mermaid")
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, "../docs/"+m.name+".mmd", got)
	}
	if _, err := Diagram("nothing", "mermaid"); err == nil {
		t.Error("got no error for a machine that is not there")
	}
	if _, err := Diagram("session", "oil"); err == nil {
		t.Error("got no error for a format that is not there")
	}
}
