package gateway

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// What a client announces and does not send is not held.
func TestFaultA03WhatIsAnnouncedTakesNoMemory(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		clients := make([]*peer, 1000)
		for i := range clients {
			clients[i] = w.client()
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, c := range clients {
			_, _ = c.conn.Write([]byte("Q 1 begun and never ended"))
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 1000; each > 64<<10 {
			t.Errorf("each of 1000 unfinished frames holds %d bytes", each)
		}
		time.Sleep(10 * time.Second)
		for _, c := range clients {
			c.expect("! - fix too-large", "<EOF>")
		}
	})
}

// A client that leaves, or times out, at whatever moment: the next one on a link that
// pairs by order never hears the answer that was meant for it.
func TestFaultB03TheNextOneNeverHearsTheAnswerBefore(t *testing.T) {
	for _, moment := range []string{"before it was read", "before the answer", "with the answer", "at the timeout"} {
		t.Run(moment, func(t *testing.T) {
			inWorld(t, func(r *Route) { r.Mode = new(protocol.FIFO) }, func(w *world) {
				b, c, next := w.backend(), w.client(), w.client()
				leave := func() {
					_ = c.conn.SetLinger(0)
					c.close()
				}
				c.send("Q a for the first")
				if moment == "before it was read" {
					leave()
				}
				b.expect("Q a for the first")
				switch moment {
				case "before the answer":
					leave()
				case "with the answer":
					_, _ = b.conn.Write([]byte("A a for the "))
					leave()
				case "at the timeout":
					time.Sleep(30 * time.Second)
					c.expect("! a failed answer-timeout unknown")
					b = w.backend() // the old one was closed
				}
				next.send("Q b for the second")
				b.expect("Q b for the second")
				switch moment {
				case "with the answer":
					b.send("first", "A b for the second")
				case "at the timeout":
					b.send("A b for the second")
				default:
					b.send("A a for the first", "A b for the second")
				}
				next.expect("A b for the second")
			})
		})
	}
}

// IDs count for each connection, and tickets are the gateway's own: neither another
// client's id nor a guessed ticket leads anywhere.
func TestFaultB12AForgedIDHasNoEffect(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c, forger := w.backend(), w.client(), w.client()
		c.send("Q 7 secret")
		ticket, _ := b.request()
		forger.send("A "+ticket+" mine", "Q "+ticket+" x", "Q 7 y")
		forger.expect("! " + ticket + " fix bad-shape") // a response is nothing that a client may send
		t2, _ := b.request()
		t3, _ := b.request()
		if t2 == ticket || t3 == ticket {
			t.Fatal("a client's id was taken for a ticket")
		}
		b.send("A "+ticket+" for c", "A "+t2+" for its own", "A "+t3+" for its own")
		c.expect("A 7 for c")
		forger.expect("A "+ticket+" for its own", "A 7 for its own")
	})
}

func TestFaultB14ABackendThatNeverReturnsTheID(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].Strikes = 2 }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		b.request()
		b.request()
		b.send("A 0 one", "A 0 two")
		c.expect("! 1 failed backend-lost unknown", "! 2 failed backend-lost unknown")
	})
	// One request at a time needs no id.
	inWorld(t, func(r *Route) { r.Mode = new(protocol.Exclusive) }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		b.expect("Q 1 x")
		b.send("A 0 one")
		c.expect("A 1 one")
		b.expect("Q 2 y")
	})
}

// Parts without end do not keep an exchange open for ever.
func TestFaultB18PartsWithoutEnd(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		parts := 0
		for range 20 {
			b.send("M " + ticket + " more")
			time.Sleep(11 * time.Second)
			if line := c.line(); line != "M 1 more" {
				if line != "! 1 failed answer-timeout unknown" {
					t.Fatalf("got %q", line)
				}
				break
			}
			parts++
		}
		if parts != 6 { // within twice the answer timeout, in steps of 11 s
			t.Errorf("%d parts were passed on", parts)
		}
	})
}

func TestFaultB19APartForAClientThatIsGone(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, gone, c := w.backend(), w.client(), w.client()
		gone.send("Q 1 x")
		c.send("Q 1 y")
		t1, _ := b.request()
		t2, _ := b.request()
		_ = gone.conn.SetLinger(0)
		gone.close()
		b.send("M "+t1+" part", "M "+t2+" part", "A "+t1+" end", "A "+t2+" end")
		c.expect("M 1 part", "A 1 end")
		if n := w.counters().Abandoned; n != 1 {
			t.Errorf("abandoned: got %d, want 1", n)
		}
	})
}

// Wait and the result at the same instant: Wait first, or not at all.
func TestFaultB20WaitAndTheResultRace(t *testing.T) {
	for range 50 {
		inWorld(t, func(r *Route) { r.Wait = WaitConfig{On: true, After: time.Second} }, func(w *world) {
			b, c := w.backend(), w.client()
			c.send("Q 1 x")
			ticket, _ := b.request()
			time.Sleep(time.Second) // the notice is due in this very instant
			_, _ = b.conn.Write([]byte("A " + ticket + " y\n"))
			line := c.line()
			if line == "W 1" {
				line = c.line()
			}
			if line != "A 1 y" {
				t.Fatalf("got %q", line)
			}
			c.silent()
		})
	}
}

// A payload that looks like another frame stays a payload.
func TestFaultB22AFrameInsideAPayload(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 Q 2 A 3 W 4")
		ticket, text := b.request()
		if text != "Q 2 A 3 W 4" {
			t.Errorf("got %q", text)
		}
		b.silent()
		b.send("A " + ticket + " A 2 x")
		c.expect("A 1 A 2 x")
		c.silent()
	})
}

// A client that never reads costs itself: others, and the link, go on.
func TestFaultC02AClientThatNeverReads(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Limits.Queue, r.Limits.InFlight, r.Backends[0].InFlight = 4<<10, 1000, 1000
	}, func(w *world) {
		b, lazy, other := w.backend(), w.client(), w.client()
		text := strings.Repeat("z", 900)
		for i := 0; w.counters().Limits["queue"] == 0 && i < 300; i++ {
			lazy.send(fmt.Sprintf("Q %d x", i))
			ticket, _ := b.request()
			b.send("A " + ticket + " " + text)
			other.send(fmt.Sprintf("Q %d x", i))
			ticket, _ = b.request()
			b.send("A " + ticket + " ok")
			other.expect(fmt.Sprintf("A %d ok", i))
		}
		if c := w.counters(); c.Limits["queue"] != 1 {
			t.Errorf("the queue's limit was hit %d times, want 1", c.Limits["queue"])
		}
	})
}

// A backend that cannot be reached: after a few tries clients hear Later at once.
func TestFaultC06TheBackendCannotBeReached(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		w.refuse.Store(true)
		w.backend().close()
		time.Sleep(time.Minute)
		if got := w.g.Snapshot().Routes[0].Backends[0].Circuit; got == "closed" {
			t.Fatal("the circuit is closed")
		}
		c := w.client()
		began := time.Now()
		c.send("Q 1 x")
		c.expect("! 1 later backend-down")
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v", d)
		}
	})
}
