package gateway

import (
	"errors"
	"testing"
	"time"
)

// visitor is a guest that notes what it is told.
type visitor struct {
	drained int
	aborted error
}

func (v *visitor) drain()            { v.drained++ }
func (v *visitor) abort(cause error) { v.aborted = cause }

func TestWhoHasNoConnectionYetIsDrainedAndAbortedWhenItHas(t *testing.T) {
	d := newDoor(&Route{Name: "r"}, Limits{Connections: 9, ConnectionsPerPeer: 9}, nil)
	in := func() *visitor {
		v := &visitor{}
		if _, ok := d.enter(v, "192.0.2.1:9"); !ok {
			t.Fatal("no room")
		}
		return v
	}
	settled, early, late, left := in(), in(), in(), in()
	d.settle(settled)
	d.drain()
	if settled.drained != 1 || early.drained != 0 {
		t.Errorf("drained %d and %d times, want the one who has a connection", settled.drained, early.drained)
	}
	if d.settle(early); early.drained != 1 {
		t.Errorf("drained %d times once it had a connection, want 1", early.drained)
	}
	cause := errors.New("now")
	d.abort(cause)
	if settled.aborted != cause || early.aborted != cause || late.aborted != nil {
		t.Errorf("aborted for %v, %v and %v, want the two who have a connection", settled.aborted, early.aborted, late.aborted)
	}
	if d.settle(late); late.aborted != cause {
		t.Errorf("aborted for %v once it had a connection, want %v", late.aborted, cause)
	}
	d.forget(left)
	if d.settle(left); left.aborted != nil || left.drained != 0 || d.clients() != 3 {
		t.Error("one who had left was told something")
	}
	for _, v := range []*visitor{settled, early, late} {
		d.forget(v)
	}
	<-d.empty
}

func (v *visitor) nudge()                     {}
func (v *visitor) id() uint64                 { return 0 }
func (v *visitor) view(time.Time) SessionView { return SessionView{} }
func (v *visitor) census(*States)             {}
