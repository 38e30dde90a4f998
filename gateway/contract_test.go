package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The behaviours of a Session, a Backend and the Ledger that have no test beside the file that they are about.

func TestC59AValidMessageIsAnnouncedAndForwardedOnce(t *testing.T) {
	for _, on := range []bool{true, false} {
		inWorld(t, func(r *Route) { r.Wait.On = on }, func(w *world) {
			b, c := w.backend(), w.client()
			c.send("Q 7 hello")
			if on {
				c.expect("W 7")
			} else {
				c.silent()
			}
			ticket, text := b.request()
			if text != "hello" {
				t.Errorf("the backend got %q", text)
			}
			b.silent()
			b.send("A " + ticket + " ok")
			c.expect("A 7 ok")
			c.silent()
		})
	}
}

func TestC61ACutStreamHasTheSameOutcome(t *testing.T) {
	const stream = "Q 1 one\nQ 2 bad\nB Q 3 a|Q 4 b\nK\nQ 5 five\n"
	outcome := func(pieces []string) (got []string) {
		inWorld(t, nil, func(w *world) {
			b, c := w.backend(), w.client()
			for _, p := range pieces {
				c.raw(p)
			}
			for range 4 {
				ticket, text := b.request()
				b.send("A " + ticket + " " + text)
			}
			for range 5 {
				got = append(got, c.line())
			}
			c.silent()
		})
		return got
	}
	want := outcome([]string{stream})
	for i := 1; i < len(stream); i++ {
		if got := outcome([]string{stream[:i], stream[i:]}); strings.Join(got, ";") != strings.Join(want, ";") {
			t.Errorf("cut at %d: got %q, want %q", i, got, want)
		}
	}
}

func TestC62OneReadWithResultsForSeveralClients(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b := w.backend()
		var clients []*peer
		var answers string
		for i := range 3 {
			clients = append(clients, w.client())
			for j := range 2 {
				clients[i].send(fmt.Sprintf("Q %d from %d", j, i))
				ticket, text := b.request()
				answers += fmt.Sprintf("A %s %d %s\n", ticket, j, text)
			}
		}
		b.raw(answers)
		for i, c := range clients {
			c.expect(fmt.Sprintf("A 0 0 from %d", i), fmt.Sprintf("A 1 1 from %d", i))
			c.silent()
		}
	})
}

func TestC63AResultOverSeveralReads(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 hello")
		ticket, _ := b.request()
		for _, x := range "A " + ticket + " whole\n" {
			c.silent()
			b.raw(string(x))
		}
		c.expect("A 1 whole")
		c.silent()
	})
}

func TestC64AResultForAClientThatIsGone(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 mine")
		one, _ := b.request()
		d.send("Q 1 other")
		two, _ := b.request()
		_ = c.conn.SetLinger(0)
		c.close()
		b.send("A "+one+" mine", "A "+two+" other")
		d.expect("A 1 other")
		d.silent()
		if n := w.counters(); n.Abandoned != 1 || n.Answered != 1 {
			t.Errorf("counters: %+v", n)
		}
	})
}

func TestC69AClientThatHalfClosesStillGetsItsResults(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 one", "Q 2 two")
		_ = c.conn.CloseWrite()
		one, _ := b.request()
		two, _ := b.request()
		time.Sleep(5 * time.Second)
		b.send("A "+two+" two", "A "+one+" one")
		c.expect("A 2 two", "A 1 one", "<EOF>")
	})
}
