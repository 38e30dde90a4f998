package gateway

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

func (w *world) admin(duty Duty) {
	w.t.Helper()
	if err := w.g.Assign("r", "b", duty); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

func TestAPausedRouteSaysLater(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].InFlight = 1 }, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 x")
		t1, _ := b.request()
		d.send("Q 1 y") // waits for room
		if err := w.g.Pause("r"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.expect("! 1 later paused")
		d.send("Q 2 y")
		d.expect("! 2 later paused")
		if !w.g.Snapshot().Routes[0].Paused {
			t.Error("it is not shown")
		}
		b.send("A " + t1 + " x") // what the backend has is answered
		c.expect("A 1 x")
		b.silent()
		if err := w.g.Resume("r"); err != nil {
			t.Fatal(err)
		}
		d.send("Q 3 y")
		t3, _ := b.request()
		b.send("A " + t3 + " y")
		d.expect("A 3 y")
		for _, err := range []error{w.g.Pause("x"), w.g.Resume("x"), w.g.Kick(1 << 60), w.g.Assign("x", "b", Draining), w.g.Assign("r", "x", Draining)} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestAClientIsKicked(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 x")
		d.send("Q 1 y")
		t1, _ := b.request()
		t2, _ := b.request()
		sessions, _ := w.g.Sessions("r", 10)
		if err := w.g.Kick(sessions[0].ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := c.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		b.send("A "+t1+" x", "A "+t2+" y")
		d.expect("A 1 y")
		if left, _ := w.g.Sessions("r", 10); len(left) != 1 || left[0].ID != sessions[1].ID {
			t.Errorf("got %+v", left)
		}
		n := 0
		for _, l := range w.lives() {
			if l.State == ExchangeAbandoned && l.Session == sessions[0].ID && len(l.Notices) == 0 {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d requests were abandoned", n)
		}
	})
}

func TestADrainingBackendGetsNothingMore(t *testing.T) {
	two := func(r *Route) { r.Backends = append(r.Backends, BackendConfig{Name: "other", Connections: 1}) }
	inWorld(t, two, func(w *world) {
		x, y, c := w.backend(), w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		t1, _ := x.request()
		t2, _ := y.request()
		w.admin(Draining)
		got := w.g.Backends()
		if got[0].Admin != "draining" || got[1].Admin != "enabled" || got[0].Links[BackendReady] != 1 {
			t.Errorf("got %+v", got)
		}
		x.send("A " + t1 + " x")
		y.send("A " + t2 + " y")
		c.line()
		c.line()
		for range 4 {
			c.send("Q 3 z")
			if waits(x) == waits(y) {
				t.Fatal("both or none has got it")
			}
			p := x
			if waits(y) {
				p = y
			}
			ticket, _ := p.request()
			p.send("A " + ticket + " z")
			c.expect("A 3 z")
		}
		if n := w.g.Backends()[0].Tx; n != 1 {
			t.Errorf("a draining backend got %d", n)
		}
		w.admin(Enabled)
		for range 4 {
			c.send("Q 3 z")
			p := x
			if waits(y) {
				p = y
			}
			ticket, _ := p.request()
			p.send("A " + ticket + " z")
			c.expect("A 3 z")
		}
		if n := w.g.Backends()[0].Tx; n < 2 {
			t.Errorf("an enabled backend got %d", n)
		}
	})
}

func TestADisabledBackendIsClosedAndNotDialled(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		t1, _ := b.request()
		w.admin(Disabled)
		c.send("Q 2 y")
		c.expect("! 2 later backend-down")
		b.silent() // it is open: it has a request
		if got := w.g.Backends()[0]; got.Admin != "disabled" || got.Links[BackendDraining] != 1 {
			t.Errorf("got %+v", got)
		}
		b.send("A " + t1 + " x")
		c.expect("A 1 x")
		time.Sleep(time.Second)
		if got := b.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		time.Sleep(5 * time.Minute)
		if n := len(w.dials); n > 0 {
			t.Errorf("it was dialled %d times", n)
		}
		if got := w.g.Backends()[0]; got.Links[BackendIdle] != 1 || got.Lost != 0 || got.Circuit != "closed" {
			t.Errorf("got %+v", got)
		}
		w.admin(Draining) // it is dialled, and gets nothing
		b = w.backend()
		c.send("Q 3 z")
		c.expect("! 3 later backend-down")
		w.admin(Enabled)
		c.send("Q 4 z")
		t4, _ := b.request()
		b.send("A " + t4 + " z")
		c.expect("A 4 z")
	})
}

// A client whose requests stay on one connection goes on elsewhere when that one drains, but not before its answers are there.
func TestAClientInOrderMovesWhenItsBackendDrains(t *testing.T) {
	two := func(r *Route) {
		r.Codec = newPlain(func(tr *protocol.Traits) { tr.Ordered = true })
		r.Backends = append(r.Backends, BackendConfig{Name: "other", Connections: 1})
	}
	inWorld(t, two, func(w *world) {
		x, y, c := w.backend(), w.backend(), w.client()
		c.send("Q 1 x")
		if waits(y) {
			x, y = y, x
		}
		for _, b := range w.g.Backends() {
			if b.Pending > 0 {
				if err := w.g.Assign("r", b.Name, Draining); err != nil {
					t.Fatal(err)
				}
			}
		}
		t1, _ := x.request()
		c.send("Q 2 x")
		x.silent()
		y.silent()
		x.send("A " + t1 + " x")
		c.expect("A 1 x")
		t2, _ := y.request()
		y.send("A " + t2 + " x")
		c.expect("A 2 x")
	})
}

func TestWhatAnOperatorHasSaidOutlivesAReload(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.backend()
		w.admin(Disabled)
		if err := w.g.Pause("r"); err != nil {
			t.Fatal(err)
		}
		conf := w.g.conf
		conf.Routes[0].Revision = "changed"
		conf.Routes[0].RetryAfter = time.Minute
		if _, err := w.g.Reload(conf); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := w.g.Backends(); got[0].Admin != "disabled" || !w.g.Snapshot().Routes[0].Paused {
			t.Errorf("got %+v", got)
		}
		c := w.client()
		c.send("Q 1 x")
		if got := c.line(); !strings.HasPrefix(got, "! 1 later paused") {
			t.Errorf("got %q", got)
		}
	})
}
