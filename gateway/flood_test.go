package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who comes with more connections than one address may have, or than there may be, is turned away in its protocol, and those
// who are in notice nothing.
func TestFaultD2AFloodOfConnections(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Connections, r.Limits.ConnectionsPerPeer = 5, 3 }, func(w *world) {
		b, first := w.backend(), w.client()
		first.send("Q 1 before")
		ticket, _ := b.request()
		for i := range 50 {
			c := w.client()
			if i < 2 {
				continue
			}
			c.expect("! - later busy")
			if got := c.line(); !strings.HasPrefix(got, "<") {
				t.Fatalf("client %d: got %q, want the end", i, got)
			}
		}
		b.send("A " + ticket + " before")
		first.expect("A 1 before")
		if n := w.counters().Limits["connections_per_peer"]; n != 48 {
			t.Errorf("%d were turned away, want 48", n)
		}
		if n := w.g.Snapshot().Routes[0].Clients; n != 3 {
			t.Errorf("%d clients are in, want 3", n)
		}
	})
}

// Who sends, closes, and comes again (CVE-2023-44487) has what it has left behind counted for it until the backend is done with
// that: the backend never has more than limits.in_flight of one address beside what is open.
func TestFaultD3SendCloseRepeat(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.InFlight, r.Backends[0].InFlight = 8, 1000 }, func(w *world) {
		b := w.backend()
		var tickets []string
		for n := range 40 {
			c := w.client()
			c.send("Q 1 x")
			if n >= 8 {
				c.expect("! 1 later busy")
				c.close()
				continue
			}
			ticket, _ := b.request()
			tickets = append(tickets, ticket)
			c.close()
		}
		b.silent()
		if c := w.counters(); c.Forwarded != 8 || c.Limits["abandoned"] != 32 {
			t.Errorf("%d reached the backend, %d were refused; want 8 and 32", c.Forwarded, c.Limits["abandoned"])
		}
		b.send("A " + tickets[0] + " done") // one more may come
		synctest.Wait()
		c := w.client()
		c.send("Q 1 a", "Q 2 b")
		ticket, _ := b.request()
		c.expect("! 2 later busy")
		b.send("A " + ticket + " a")
		c.expect("A 1 a")
		<-time.After(2 * time.Minute) // what is not answered has expired
		c.send("Q 3 c")
		ticket, _ = b.request()
		b.send("A " + ticket + " c")
		c.expect("A 3 c")
	})
}

// One client with a hundred times the requests of the others takes nothing of their share.
func TestFaultD4AGreedyClient(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Limits.InFlight, r.Timeouts.Queue, r.Backends[0].InFlight, r.Timeouts.Answer = 1000, time.Hour, 2, time.Hour
		r.Timeouts.Idle = -1
	}, func(w *world) {
		b, greedy := w.backend(), w.client()
		const others, turns = 4, 500
		var modest [others]*peer
		for i := range modest {
			modest[i] = w.client()
			for n := range 2 { // it always has one waiting
				modest[i].send(fmt.Sprintf("Q %d modest%d", -n, i))
			}
		}
		for n := range 900 {
			greedy.send(fmt.Sprintf("Q %d greedy", n))
		}
		served := map[string]int{}
		for n := range turns {
			ticket, text := b.request()
			<-time.After(10 * time.Millisecond)
			b.send("A " + ticket + " " + text)
			synctest.Wait()
			served[text]++
			var i int
			if _, err := fmt.Sscanf(text, "modest%d", &i); err == nil {
				modest[i].line()
				modest[i].send(fmt.Sprintf("Q %d modest%d", n+1, i))
				synctest.Wait()
			}
		}
		for i := range modest {
			if n := served[fmt.Sprint("modest", i)]; n < turns/(others+1)*9/10 {
				t.Errorf("client %d was served %d times of %d: %v", i, n, turns, served)
			}
		}
	})
}
