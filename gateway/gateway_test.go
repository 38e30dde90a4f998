package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Two clients with the same ID: each gets its own result, under the ID that it used.
func TestFaultB10EachClientGetsItsOwnResult(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c1, c2 := w.backend(), w.client(), w.client()
		c1.send("Q 7 one")
		c2.send("Q 7 two")
		t1, x1 := b.request()
		t2, x2 := b.request()
		if x1 != "one" || x2 != "two" || t1 == t2 || t1 == "7" {
			t.Fatalf("got %s %s, %s %s", t1, x1, t2, x2)
		}
		b.send("A "+t2+" for two", "A "+t1+" for one")
		c1.expect("A 7 for one")
		c2.expect("A 7 for two")
	})
}

func TestC58AnInvalidMessageHearsFixAndTheNextOneWorks(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 bad", "Q 2 good")
		c.expect("! 1 fix bad-shape")
		ticket, text := b.request()
		if text != "good" {
			t.Fatalf("got %q", text)
		}
		b.send("A " + ticket + " yes")
		c.expect("A 2 yes")
	})
}

func TestC60WaitComesBeforeTheResult(t *testing.T) {
	inWorld(t, func(r *Route) { r.Wait.On = true }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		c.expect("W 1")
		ticket, _ := b.request()
		b.send("A " + ticket + " y")
		c.expect("A 1 y")
	})
}

// Wait is sent after its delay, unless the result has come by then.
func TestWaitAfter(t *testing.T) {
	inWorld(t, func(r *Route) { r.Wait = WaitConfig{On: true, After: 250 * time.Millisecond} }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 quick", "Q 2 slow")
		t1, _ := b.request()
		t2, _ := b.request()
		b.send("A " + t1 + " y")
		c.expect("A 1 y")
		time.Sleep(249 * time.Millisecond)
		c.silent()
		time.Sleep(time.Millisecond)
		c.expect("W 2")
		time.Sleep(time.Second)
		b.send("A " + t2 + " z")
		c.expect("A 2 z")
		c.silent()
	})
}

func TestFaultB04ALateAnswerReachesNobody(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		time.Sleep(30 * time.Second)
		c.expect("! 1 failed answer-timeout unknown")
		b.send("A " + ticket + " late")
		c.silent()
		if n := w.counters().Late; n != 1 {
			t.Errorf("late: got %d, want 1", n)
		}
	})
}

func TestFaultB05AFIFOLinkIsClosedAtATimeout(t *testing.T) {
	inWorld(t, func(r *Route) { r.Mode = new(protocol.FIFO) }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		b.expect("Q 1 x", "Q 2 y")
		time.Sleep(30 * time.Second)
		c.expect("! 1 failed answer-timeout unknown", "! 2 failed answer-timeout unknown")
		if got := b.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		b2 := w.backend()
		c.send("Q 3 z")
		b2.expect("Q 3 z")
		b2.send("A 3 zz")
		c.expect("A 3 zz")
	})
}

func TestC65TheBackendIsLost(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		b.request()
		b.request()
		began := time.Now()
		b.close()
		c.expect("! 1 failed backend-lost unknown", "! 2 failed backend-lost unknown")
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		b2 := w.backend()
		b2.silent()
	})
}

// A batch is taken apart, and its answers come back as one batch in its own order.
func TestBatchOfAClient(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("B Q 1 one|N note|Q 2 bad|Q 3 three|X 4|K")
		t1, _ := b.request()
		b.expect("N note")
		t3, _ := b.request()
		b.send("A " + t3 + " 33")
		c.silent()
		b.send("A " + t1 + " 11")
		c.expect("B A 1 11|! 2 fix bad-shape|A 3 33|! - fix bad-shape|! - fix bad-shape")
	})
}

// Requests of several clients travel as one batch; its answer is split.
func TestBatchToABackend(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].Batch = BatchConfig{Max: 3, Linger: 2 * time.Millisecond} }, func(w *world) {
		b := w.backend()
		clients := []*peer{w.client(), w.client(), w.client()}
		for _, c := range clients {
			c.send("Q 1 x")
		}
		line := b.line()
		var ids [3]string
		for i, m := range splitBatch(line) {
			ids[i] = m
		}
		b.send("B A " + ids[2] + " c|A " + ids[0] + " a|A " + ids[1] + " b")
		clients[0].expect("A 1 a")
		clients[1].expect("A 1 b")
		clients[2].expect("A 1 c")
		if n := w.counters().Split; n != 1 {
			t.Errorf("split: got %d, want 1", n)
		}
	})
}

func TestC66NoRoom(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].InFlight = 1; r.Wait.On = true }, func(w *world) {
		b, c1, c2 := w.backend(), w.client(), w.client()
		c1.send("Q 1 x")
		c1.expect("W 1")
		c2.send("Q 1 y")
		c2.silent() // no Wait for what is not accepted
		ticket, _ := b.request()
		time.Sleep(5 * time.Second)
		c2.expect("! 1 later queue-timeout")
		c2.send("Q 2 y")
		b.send("A " + ticket + " z")
		c1.expect("A 1 z")
		c2.expect("W 2")
		ticket, _ = b.request()
		b.send("A " + ticket + " zz")
		c2.expect("A 2 zz")
	})
}

func TestFaultB26AClientThatHalfClosesStillGetsItsAnswer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		_ = c.conn.CloseWrite()
		ticket, _ := b.request()
		b.send("A " + ticket + " y")
		c.expect("A 1 y", "<EOF>")
	})
}

func TestFaultB02AClientThatLeftGetsNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		_ = c.conn.SetLinger(0)
		c.close()
		c2 := w.client()
		c2.send("Q 1 y")
		t2, _ := b.request()
		b.send("A "+ticket+" old", "A "+t2+" new")
		c2.expect("A 1 new")
		if n := w.counters().Abandoned; n != 1 {
			t.Errorf("abandoned: got %d, want 1", n)
		}
	})
}

func TestFaultB11TheSameIDTwice(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 1 y")
		c.expect("! 1 duplicate still-open")
		ticket, text := b.request()
		if text != "x" {
			t.Errorf("got %q", text)
		}
		b.send("A " + ticket + " xx")
		c.expect("A 1 xx")
		c.send("Q 1 again")
		ticket, _ = b.request()
		b.send("A " + ticket + " zz")
		c.expect("A 1 zz")
	})
}

func TestFaultE08DrainAnswersWhatIsOpen(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c, idle := w.backend(), w.client(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		done := make(chan error, 1)
		go func() { done <- w.g.Shutdown(w.t.Context()) }()
		synctest.Wait()
		idle.expect("<EOF>")
		c.send("Q 2 y")
		c.expect("! 2 later draining")
		b.send("A " + ticket + " xx")
		c.expect("A 1 xx", "<EOF>")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func splitBatch(line string) (tickets []string) {
	for _, m := range splitString(line[2:], '|') {
		f := splitString(m, ' ')
		tickets = append(tickets, f[1])
	}
	return tickets
}

func splitString(s string, sep byte) (out []string) {
	from := 0
	for i := range len(s) + 1 {
		if i == len(s) || s[i] == sep {
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return out
}
