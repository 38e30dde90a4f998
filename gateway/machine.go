package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/looplab/fsm"
)

// machine is an fsm with the one way of firing it that avoids its traps. One goroutine
// fires it; anyone may ask for its state.
type machine struct{ fsm *fsm.FSM }

func newMachine(start string, table fsm.Events) *machine {
	return &machine{fsm.NewFSM(start, table, nil)}
}

func (m *machine) state() string { return m.fsm.Current() }

// fire makes event happen. An error means that the table does not allow it here.
func (m *machine) fire(ctx context.Context, event string) error {
	// A context that is done would leave the machine between two states for ever.
	err := m.fsm.Event(context.WithoutCancel(ctx), event)
	if _, same := errors.AsType[fsm.NoTransitionError](err); err == nil || same {
		return nil
	}
	return fmt.Errorf("state %s: %w", m.fsm.Current(), err)
}

// table is an fsm.Events compiled to an array, for what exists once for each request or
// client: a step is a look-up, and a state is one byte.
type table struct {
	states, events []string
	next           [][]state // by state and event; noState: not allowed
}

type (
	state uint8
	event uint8
)

const noState state = 255

// compile numbers the states and events of t in the order given, so that constants can
// name them; a test holds the result against the fsm for every pair.
func compile(t fsm.Events, states, events []string) *table {
	c := &table{states: states, events: events, next: make([][]state, len(states))}
	for s := range states {
		c.next[s] = make([]state, len(events))
		for e := range events {
			c.next[s][e] = noState
		}
	}
	for _, desc := range t {
		e, dst := index(events, desc.Name), index(states, desc.Dst)
		for _, src := range desc.Src {
			c.next[index(states, src)][e] = state(dst)
		}
	}
	return c
}

// index panics for a name that is not listed: the lists are constants of this package.
func index(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	panic("gateway: " + name + " is not numbered")
}

// step returns the state that e leads to from s. A step that the table does not allow
// is a bug: it panics, which costs the connection whose handler took it, and no other.
func (t *table) step(s state, e event) state {
	if n := t.next[s][e]; n != noState {
		return n
	}
	panic("gateway: event " + t.events[e] + " in state " + t.states[s])
}

// The numbers of the session's states and events.
const (
	greeting state = iota
	serving
	carrying
	draining
	closed
)

const (
	admit event = iota
	carry
	carried
	drain
	shut
)

var sessionMachine = compile(SessionTable,
	[]string{SessionGreeting, SessionServing, SessionCarrying, SessionDraining, SessionClosed},
	[]string{sessionAdmit, sessionCarry, sessionCarried, sessionDrain, sessionClose})

// The numbers of the exchange's states and events.
const (
	received state = iota
	refused
	verified
	queued
	forwarded
	waiting
	answering
	answered
	expired
	failed
	abandoned
)

const (
	refuse event = iota
	verify
	queue
	forward
	wait
	part
	answer
	expire
	fail
	abandon
)

var exchangeMachine = compile(ExchangeTable,
	[]string{ExchangeReceived, ExchangeRefused, ExchangeVerified, ExchangeQueued, ExchangeForwarded, ExchangeWaiting,
		ExchangeAnswering, ExchangeAnswered, ExchangeExpired, ExchangeFailed, ExchangeAbandoned},
	[]string{exchangeRefuse, exchangeVerify, exchangeQueue, exchangeForward, exchangeWait, exchangePart,
		exchangeAnswer, exchangeExpire, exchangeFail, exchangeAbandon})
