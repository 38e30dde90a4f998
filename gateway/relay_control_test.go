package gateway

import (
	"testing"
	"testing/synctest"
)

func TestAnOperatorAndTheClientsOfARelay(t *testing.T) {
	inRelay(t, nil, func(w *world) {
		c := w.client()
		b := w.backend()
		list, _ := w.g.Sessions("r", 10)
		if len(list) != 1 || list[0].State != "open" || list[0].Route != "r" {
			t.Fatalf("got %+v", list)
		}
		if err := w.g.Pause("r"); err != nil {
			t.Fatal(err)
		}
		late := w.client()
		if got := late.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		c.send("who is there goes on")
		b.expect("who is there goes on")
		if n := w.relay(); n.Refused["paused"] != 1 || n.Open != 1 || !w.g.Snapshot().Routes[0].Paused {
			t.Errorf("counters: %+v", *n)
		}
		if refusals, _ := w.g.Refusals("r", 10); len(refusals) != 1 || refusals[0].Cause != "paused" || refusals[0].Class != "later" || refusals[0].Text == "" {
			t.Errorf("got %+v", refusals)
		}
		if err := w.g.Resume("r"); err != nil {
			t.Fatal(err)
		}
		if err := w.g.Kick(list[0].ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := c.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		if n := w.relay(); n.Ended["operator"] != 1 || n.Open != 0 {
			t.Errorf("counters: %+v", *n)
		}
		w.admin(Draining)
		other := w.client()
		if got := other.line(); got[0] != '<' || len(w.dials) != 0 {
			t.Errorf("got %q and %d dials, want an end", got, len(w.dials))
		}
		w.admin(Enabled)
		c = w.client()
		b = w.backend()
		w.admin(Disabled)
		if got := c.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		if got := b.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		if got := w.g.Backends(); got[0].Admin != "disabled" || w.relay().Ended["operator"] != 2 {
			t.Errorf("got %+v, %+v", got, w.relay())
		}
		if s := w.g.States("r"); len(s.Session) != 0 {
			t.Errorf("got %+v", s)
		}
	})
}
