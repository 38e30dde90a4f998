package gateway

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// What has not left for the backend may be sent again; of the rest nobody knows.
func TestC65WhatHasNotLeftHearsLater(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Queue = 1 << 20; r.Limits.Tunnel = 1 << 20; r.Backends[0].InFlight = 2000 }, func(w *world) {
		b, c := w.backend(), w.client()
		text := strings.Repeat("x", 900)
		for i := range 100 { // more than a backend that does not read takes
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		_ = b.conn.SetLinger(0)
		b.close()
		unknown, later := 0, 0
		for i := range 100 {
			switch line := c.line(); line {
			case fmt.Sprintf("! %d failed backend-lost unknown", i):
				unknown++
				if later > 0 {
					t.Errorf("%q after one that had not left", line)
				}
			case fmt.Sprintf("! %d later backend-lost", i):
				later++
			default:
				t.Fatalf("got %q", line)
			}
		}
		if unknown == 0 || later == 0 {
			t.Errorf("unknown %d, later %d: want some of each", unknown, later)
		}
	})
}

func TestC67AClientThatDoesNotReadIsClosedAlone(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.InFlight = 1000; r.Backends[0].InFlight = 1000; r.Limits.Queue = 8 << 10 }, func(w *world) {
		b, lazy, busy := w.backend(), w.client(), w.client()
		text := strings.Repeat("y", 900)
		for i := range 200 {
			lazy.send(fmt.Sprintf("Q %d x", i))
			ticket, _ := b.request()
			b.send("A " + ticket + " " + text)
			if w.counters().Limits["queue"] > 0 {
				break
			}
		}
		if n := w.counters().Limits["queue"]; n != 1 {
			t.Fatalf("queue limit: got %d, want 1", n)
		}
		busy.send("Q 1 x")
		ticket, _ := b.request()
		b.send("A " + ticket + " z")
		busy.expect("A 1 z")
		if n := w.g.Snapshot().Routes[0].Clients; n != 1 {
			t.Errorf("clients: got %d, want 1", n)
		}
	})
}

func TestFaultD05TheLedgerIsFull(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.InFlightTotal = 2 }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 x", "Q 3 x")
		c.expect("! 3 later busy")
		b.request()
		b.request()
		b.silent()
	})
}

func TestLimitInFlightOfOneClient(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.InFlight = 1 }, func(w *world) {
		b, c, other := w.backend(), w.client(), w.client()
		c.send("Q 1 x", "Q 2 x")
		c.expect("! 2 later busy")
		other.send("Q 1 x")
		b.request()
		b.request()
	})
}

func TestFaultC01TheFrameDeadlineCountsInAll(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.client()
		began := time.Now()
		for range 5 {
			_, _ = c.conn.Write([]byte("Q"))
			time.Sleep(2 * time.Second)
		}
		c.expect("! - fix too-large", "<EOF>")
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("closed after %v, want 10s", d)
		}
	})
}

func TestFaultC03ABackendThatNeverReads(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Tunnel = 4 << 10; r.Limits.InFlight = 10_000; r.Backends[0].InFlight = 10_000 }, func(w *world) {
		w.backend()
		c := w.client()
		text := strings.Repeat("x", 900)
		go func() {
			for i := range 200 {
				if _, err := fmt.Fprintf(c.conn, "Q %d %s\n", i, text); err != nil {
					return
				}
			}
		}()
		if got := c.line(); !strings.HasSuffix(got, " later queue-timeout") {
			t.Errorf("got %q", got)
		}
		_ = c.conn.SetLinger(0)
		c.close()
	})
}

func TestFaultC07ABackendThatAcceptsAndCloses(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for range 5 {
			w.backend().close()
		}
		synctest.Wait()
		s := w.g.Snapshot().Routes[0].Backends[0]
		if s.Circuit != "open" {
			t.Fatalf("circuit: got %s, want open", s.Circuit)
		}
		c := w.client()
		c.send("Q 1 x")
		c.expect("! 1 later backend-down")
		time.Sleep(5*time.Second + 10*time.Second) // Rest, and the longest back-off beside it
		b := w.backend()
		time.Sleep(6 * time.Second)
		c.send("Q 2 x")
		ticket, _ := b.request()
		b.send("A " + ticket + " y")
		c.expect("A 2 y")
	})
}

func TestFaultC09AnIdleClientIsClosedUnlessARequestIsOpen(t *testing.T) {
	inWorld(t, func(r *Route) { r.Timeouts.Answer = time.Hour; r.Timeouts.Idle = time.Minute }, func(w *world) {
		b, idle, busy := w.backend(), w.client(), w.client()
		busy.send("Q 1 x")
		ticket, _ := b.request()
		time.Sleep(59 * time.Second)
		idle.silent()
		time.Sleep(time.Second)
		idle.expect("<EOF>")
		time.Sleep(10 * time.Minute)
		b.send("A " + ticket + " y")
		busy.expect("A 1 y")
		time.Sleep(time.Minute)
		busy.expect("<EOF>")
	})
}

func TestFaultA07AClientThatEndsInsideAFrame(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		_, _ = c.conn.Write([]byte("Q 1 unfin"))
		_ = c.conn.CloseWrite()
		c.expect("<EOF>")
		b.silent()
		if n := w.counters().Truncated; n != 1 {
			t.Errorf("truncated: got %d, want 1", n)
		}
	})
}

func TestC70AFrameWithoutEnd(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		c := w.client()
		_, _ = c.conn.Write([]byte(strings.Repeat("x", 2000)))
		c.expect("! - fix too-large", "<EOF>")
		if n := w.counters().Limits["frame"]; n != 1 {
			t.Errorf("frame limit: got %d, want 1", n)
		}
	})
}

func TestFaultB06AnUnknownAnswerReachesNobody(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].Strikes = 3 }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		b.send("A 12345 stranger", "A nonsense x", "A "+ticket+" y")
		c.expect("A 1 y")
		b.send("A 1 s", "A 1 s", "A 1 s")
		if got := b.line(); got[0] != '<' {
			t.Errorf("got %q, want an end after three in a row", got)
		}
		if n := w.counters().Unknown; n != 5 {
			t.Errorf("unknown: got %d, want 5", n)
		}
	})
}

func TestFaultB07ASecondAnswerIsDropped(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		b.send("A "+ticket+" first", "A "+ticket+" second")
		c.expect("A 1 first")
		c.silent()
		if n := w.counters().Doubled; n != 1 {
			t.Errorf("doubled: got %d, want 1", n)
		}
	})
}

func TestFaultB15WhatNobodyAskedForIsDropped(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		b.send("Q 9 hello", "N hello", "K")
		b.expect("K")
		c.silent()
		if n := w.counters().Unasked; n != 2 {
			t.Errorf("unasked: got %d, want 2", n)
		}
	})
}

func TestFaultB16AnAnswerBeforeItsRequestWasSent(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Tunnel = 1 << 20; r.Limits.InFlight = 2000; r.Backends[0].InFlight = 2000 }, func(w *world) {
		b, c := w.backend(), w.client()
		text := strings.Repeat("x", 900)
		for i := range 600 { // more than a backend that does not read takes
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		first, _ := b.request()
		var ticket uint64
		_, _ = fmt.Sscan(first, &ticket)
		b.send(fmt.Sprintf("A %d guessed", ticket+599))
		heard := map[string]bool{}
		for range 600 {
			line := c.line()
			if line[0] != '!' {
				t.Fatalf("got %q", line)
			}
			heard[line] = true
		}
		if !heard["! 599 failed bad-answer unknown"] || !heard["! 0 failed backend-lost unknown"] {
			t.Error("599 and 0 did not hear that they have failed")
		}
	})
}

func TestFaultB17PartsOfTwoResultsInterleaved(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c1, c2 := w.backend(), w.client(), w.client()
		c1.send("Q 1 x")
		c2.send("Q 1 x")
		t1, _ := b.request()
		t2, _ := b.request()
		b.send("M "+t1+" a", "M "+t2+" A", "M "+t1+" b", "A "+t2+" B", "A "+t1+" c")
		c1.expect("M 1 a", "M 1 b", "A 1 c")
		c2.expect("M 1 A", "A 1 B")
		c1.send("Q 2 x")
		t1, _ = b.request()
		b.send("M " + t1 + " a")
		c1.expect("M 2 a")
		time.Sleep(time.Minute)
		c1.expect("! 2 failed answer-timeout unknown") // the last part never came
	})
}

func TestFaultB21ABackendsOwnProgressIsNotFinal(t *testing.T) {
	inWorld(t, func(r *Route) { r.Wait = WaitConfig{On: true, After: time.Hour} }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		time.Sleep(20 * time.Second)
		b.send("P " + ticket)
		c.expect("W 1")
		time.Sleep(20 * time.Second) // 40 s after the request: the deadline was extended
		c.silent()
		time.Sleep(15 * time.Second)
		c.expect("! 1 failed answer-timeout unknown")
	})
}

func TestFaultB24AnOldLinksAnswerFindsNobody(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		b.close()
		c.expect("! 1 failed backend-lost unknown")
		b2 := w.backend()
		c.send("Q 1 x")
		t2, _ := b2.request()
		b2.send("A "+ticket+" old", "A "+t2+" new")
		c.expect("A 1 new")
	})
}

func TestFaultB25APartOfABatchTimesOut(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("B Q 1 x|Q 2 y")
		b.request()
		t2, _ := b.request()
		b.send("A " + t2 + " yy")
		time.Sleep(30 * time.Second)
		c.expect("B ! 1 failed answer-timeout unknown|A 2 yy")
	})
}

// Where clients pair answers by order, a notice takes its request's place.
func TestOrderedAnswersKeepTheOrderOfRequests(t *testing.T) {
	ordered := newPlain(func(t *protocol.Traits) { t.Ordered = true })
	inWorld(t, func(r *Route) { r.Codec = ordered }, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 bad", "Q 3 z", "Q 4 z")
		t1, _ := b.request()
		t3, _ := b.request()
		t4, _ := b.request()
		b.send("A "+t4+" four", "M "+t3+" thr")
		c.silent()
		b.send("A " + t1 + " one")
		c.expect("A 1 one", "! 2 fix bad-shape", "M 3 thr")
		c.silent()
		b.send("A " + t3 + " ee")
		c.expect("A 3 ee", "A 4 four")
	})
}

func TestExclusiveHasOneRequestAtATime(t *testing.T) {
	inWorld(t, func(r *Route) { r.Mode = new(protocol.Exclusive); r.Backends[0].Connections = 2 }, func(w *world) {
		b1, b2 := w.backend(), w.backend()
		c := w.client()
		c.send("Q 1 a", "Q 2 b", "Q 3 c")
		l1, l2 := b1.line(), b2.line()
		if l1+l2 != "Q 1 aQ 2 b" && l1+l2 != "Q 2 bQ 1 a" {
			t.Fatalf("got %q and %q", l1, l2)
		}
		b1.silent()
		b2.silent()
		b1.send("A x " + l1[4:])
		c.expect("A " + l1[2:3] + " " + l1[4:])
		b1.expect("Q 3 c")
	})
}

func TestKeyThatIsOpenIsADuplicate(t *testing.T) {
	inWorld(t, func(r *Route) { r.Mode = new(protocol.Key) }, func(w *world) {
		b, c1, c2 := w.backend(), w.client(), w.client()
		c1.send("Q k a")
		c2.send("Q k b", "Q l b")
		c2.expect("! k duplicate still-open")
		b.expect("Q k a", "Q l b")
		b.send("A l 2", "A k 1")
		c1.expect("A k 1")
		c2.expect("A l 2")
	})
}

// One error without an id for a whole batch: its members fail, and nobody else.
func TestAWholeBatchIsRefusedByTheBackend(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].Batch = BatchConfig{Max: 2, Linger: time.Millisecond} }, func(w *world) {
		b, c1, c2 := w.backend(), w.client(), w.client()
		c1.send("Q 1 x")
		c2.send("Q 1 y")
		if got := b.line(); got[0] != 'B' {
			t.Fatalf("got %q", got)
		}
		b.send("E - cannot read this")
		c1.expect("! 1 failed bad-answer")
		c2.expect("! 1 failed bad-answer")
	})
}

func TestFaultF16ARulePanicsAndTheProcessLives(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for i := range w.g.routes[0].checkers {
			w.g.routes[0].checkers[i] = panics{}
		}
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		if got := c.line(); got[0] != '<' {
			t.Errorf("got %q, want an end", got)
		}
		b.silent()
		if s := w.g.Snapshot(); s.Panics != 1 || s.Routes[0].Clients != 0 {
			t.Errorf("panics: got %d, clients %d, want 1 and 0", s.Panics, s.Routes[0].Clients)
		}
	})
}

type panics struct{}

func (panics) Validate(*protocol.Message) error { panic("a rule") }

var _ validate.Validator = panics{}

func TestConnectionsOverTheLimitHearLater(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Connections = 1 }, func(w *world) {
		c1, c2 := w.client(), w.client()
		c2.expect("! - later busy", "<EOF>")
		c1.close()
		c3 := w.client()
		c3.silent()
	})
}

func TestStrikesCloseAClient(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Strikes = 2 }, func(w *world) {
		c := w.client()
		c.send("Q 1 bad", "Q 2 bad", "Q 3 bad")
		c.expect("! 1 fix bad-shape", "! 2 fix bad-shape", "<EOF>")
	})
}

// Draining does not wait for ever: what is open at the deadline has failed.
func TestC72AtTheDeadlineWhatIsOpenHasFailed(t *testing.T) {
	inWorld(t, func(r *Route) { r.Timeouts.Answer = time.Hour; r.Backends[0].InFlight = 1 }, func(w *world) {
		b, c, waits := w.backend(), w.client(), w.client()
		c.send("Q 1 x")
		b.request()
		waits.send("Q 1 y")
		done := make(chan error, 1)
		go func() { done <- w.g.Shutdown(w.t.Context()) }()
		synctest.Wait()
		waits.expect("! 1 later draining", "<EOF>")
		waits.close()
		c.silent()
		time.Sleep(30 * time.Second)
		c.expect("! 1 failed backend-lost unknown", "<EOF>")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNewReportsEveryMistake(t *testing.T) {
	noWait := newPlain(func(t *protocol.Traits) { t.Wait = protocol.NoWait; t.Modes = []protocol.Mode{protocol.FIFO} })
	_, err := New(Config{Routes: []Route{
		{Name: "a", Listen: "x", Codec: noWait, Wait: WaitConfig{On: true}, Mode: new(protocol.Rewrite)},
		{Name: "a", Codec: newPlain(), Limits: Limits{Strikes: -1}, Backends: []BackendConfig{{Address: "x", InFlight: 2, Batch: BatchConfig{Max: 3}}}},
	}})
	for _, want := range []string{
		"routes[0].backends: there must be at least one",
		"routes[0].mode: plain cannot match results by rewrite; it can by fifo",
		"routes[0].wait: plain has no words for a wait notice",
		"routes[1].name: routes[0] has the same name",
		"routes[1].listen: must not be empty",
		"routes[1].limits.strikes: must not be negative",
		"routes[1].backends[0].batch.max: 3 requests in a batch, but in_flight allows 2 on a connection",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

func TestNewClosesWhatItHasBound(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := []BackendConfig{{Address: "127.0.0.1:1"}}
	_, err = New(Config{Routes: []Route{
		{Name: "a", Listener: first, Codec: newPlain(), Backends: b},
		{Name: "b", Listen: first.Addr().String(), Codec: newPlain(), Backends: b},
	}})
	if err == nil {
		t.Fatal("got no error for an address that is taken")
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

// A codec that panics while a request is encoded for the backend costs that client, and
// leaves neither a place nor an exchange behind.
func TestFaultF16ACodecPanics(t *testing.T) {
	inWorld(t, func(r *Route) { r.Backends[0].Codec = panicking{newPlain()}; r.Backends[0].InFlight = 1 }, func(w *world) {
		b, bad, good := w.backend(), w.client(), w.client()
		bad.send("Q 1 panic")
		if got := bad.line(); !strings.HasPrefix(got, "<") {
			t.Errorf("got %q, want the end", got)
		}
		good.send("Q 1 x")
		ticket, _ := b.request()
		b.send("A " + ticket + " ok")
		good.expect("A 1 ok")
		<-time.After(time.Minute) // past every deadline of the first request
		if c := w.counters(); c.InFlight != 0 || c.Forwarded != 1 || c.Refused != 1 || w.g.Snapshot().Panics != 1 {
			t.Errorf("counters: %+v", c)
		}
	})
}
