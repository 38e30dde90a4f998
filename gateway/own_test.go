package gateway

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// aborted is what a peer reads when its connection is broken off.
const aborted = "<read pipe pipe: connection reset by peer>"

// What one client sends in a row goes to one connection as long as an answer is open: two could carry it out in another
// order. When nothing is open any connection will do.
func TestRequestsInARowGoToOneConnection(t *testing.T) {
	inStore(t, "a", func(r *Route) { r.Backends[0].Connections = 2 }, func(w *world) {
		one, two := w.backend(), w.backend()
		c, other := w.client(), w.client()
		c.send("SET k 1", "GET k", "GET k")
		other.send("GET x", "GET y")
		if one.r.Buffered() == 0 && one.waits() == 0 {
			one, two = two, one
		}
		mine, others := one, two
		if line := mine.line(); line != "SET k 1" {
			mine, others = two, one
			mine.expect("SET k 1")
			others.expect("GET y")
		} else {
			others.expect("GET x", "GET y")
		}
		mine.expect("GET k", "GET k")
		mine.send("= ok", "= 1", "= 1")
		others.send("= x", "= y")
		c.expect("= ok", "= 1", "= 1")
		other.expect("= x", "= y")
	})
}

// A request that binds its client goes to a connection of the client's own, and so does what follows it, after what the
// client has open elsewhere was answered. When it is over the connection is given to the next who needs one.
func TestAnOwnConnection(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c, other := w.client(), w.client()
		c.send("SET k 1", "BEGIN", "GET k", "END", "GET after")
		shared.expect("SET k 1")
		if len(w.dials) != 0 {
			t.Fatal("a connection was dialled before it was the turn of what needs it")
		}
		shared.send("= ok")
		own := w.backend()
		own.expect("BEGIN", "GET k", "END")
		other.send("GET x")
		shared.expect("GET x") // and not GET after: END is still open
		shared.send("= x")
		other.expect("= x")
		own.send("= begun", "= 1", "= ended")
		shared.expect("GET after")
		shared.send("= last")
		c.expect("= ok", "= begun", "= 1", "= ended", "= last")

		other.send("BEGIN")
		own.expect("BEGIN")
		own.send("= begun")
		other.expect("= begun")
		if s := w.g.Snapshot().Routes[0].Backends[0]; s.Own != 1 || s.OwnIdle != 0 {
			t.Errorf("got %d connections of clients' own, %d of them idle; want 1 and 0", s.Own, s.OwnIdle)
		}
	})
}

// What a client has changed on its own connection must not be found by the next one.
func TestAnOwnConnectionEndsWithItsClient(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		w.backend()
		c := w.client()
		c.send("BEGIN")
		own := w.backend()
		own.expect("BEGIN")
		own.send("= begun")
		c.expect("= begun")
		c.close()
		own.expect(aborted)
	})
}

// A client whose own connection is lost has lost what it had changed there: it must see that.
func TestAClientEndsWithItsOwnConnection(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c := w.client()
		c.send("BEGIN", "GET k")
		own := w.backend()
		own.expect("BEGIN", "GET k")
		own.send("= begun")
		own.close()
		c.expect("= begun", "! failed backend-lost", "<EOF>")

		c = w.client() // for one request only nothing else is lost
		c.send("POP k")
		own = w.backend()
		own.expect("POP k")
		own.close()
		c.expect("! failed backend-lost")
		c.send("GET k")
		shared.expect("GET k")
		shared.send("= 1")
		c.expect("= 1")
	})
}

// A request that may take for ever holds up nobody but its client, and does not expire.
func TestARequestThatHoldsItsConnectionUp(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c, other := w.client(), w.client()
		c.send("POP k", "GET k")
		own := w.backend()
		own.expect("POP k")
		own.silent()
		time.Sleep(9 * time.Minute) // other would be idle after ten
		other.send("GET x")
		shared.expect("GET x")
		shared.send("= x")
		other.expect("= x")
		own.send("= popped")
		c.expect("= popped")
		shared.expect("GET k")
		shared.send("= 1")
		c.expect("= 1")
	})
}

// Who hangs up while it waits must not take anything any more.
func TestAClientThatHangsUpWhileItWaits(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		w.backend()
		c := w.client()
		c.send("POP k")
		own := w.backend()
		own.expect("POP k")
		_ = c.conn.CloseWrite()
		own.expect(aborted)
		c.expect("<EOF>")
	})
}

// What was to be done as one must not be done in part.
func TestWhatIsRefusedSpoilsTheWhole(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c := w.client()
		c.send("BEGIN", "GET 1", "SECRET", "END", "GET 2")
		own := w.backend()
		own.expect("BEGIN", "GET 1")
		own.send("= begun")
		own.silent()
		own.send("= 1")
		own.expect(aborted)
		shared.expect("GET 2")
		shared.send("= 2")
		c.expect("= begun", "= 1", "! denied forbidden", "! fix bad-content", "= 2")
	})
}

func TestWhatIsPushedGoesToTheOwner(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c, other := w.client(), w.client()
		c.send("BEGIN")
		own := w.backend()
		own.expect("BEGIN")
		own.send("= begun", "> news")
		c.expect("= begun", "> news")
		shared.send("> nobody asked for this")
		own.send("> more")
		c.expect("> more")
		other.silent()
		if n := w.counters(); n.Pushed != 2 || n.Unasked != 1 {
			t.Errorf("got %d pushed, %d unasked; want 2 and 1", n.Pushed, n.Unasked)
		}
	})
}

func TestTheNumberOfOwnConnectionsIsBounded(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		w.backend()
		var clients, owns [2]*peer
		for i := range clients {
			clients[i] = w.client()
			clients[i].send("BEGIN")
			owns[i] = w.backend()
			owns[i].expect("BEGIN")
			owns[i].send("= begun")
			clients[i].expect("= begun")
		}
		late := w.client()
		late.send("BEGIN")
		late.expect("! later queue-timeout") // after 5 s
		late.send("BEGIN")
		clients[0].send("END")
		owns[0].expect("END")
		owns[0].send("= ended")
		clients[0].expect("= ended")
		owns[0].expect("BEGIN")
		owns[0].send("= begun")
		late.expect("= begun")

		late = w.client()
		late.send("BEGIN")
		clients[1].close() // its connection is closed, and another one dialled
		own := w.backend()
		own.expect("BEGIN")
		own.send("= begun")
		late.expect("= begun")
	})
}

func TestAnIdleOwnConnectionIsClosed(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		w.backend()
		c := w.client()
		c.send("POP k")
		own := w.backend()
		own.expect("POP k")
		own.send("= popped")
		c.expect("= popped")
		time.Sleep(ownRest + time.Second)
		own.expect("<EOF>")
		if s := w.g.Snapshot().Routes[0].Backends[0]; s.Own != 0 {
			t.Errorf("%d connections of clients' own are left", s.Own)
		}
	})
}

func TestNoOwnConnectionCanBeHad(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		w.refuse.Store(true)
		c := w.client()
		c.send("BEGIN")
		c.expect("! later backend-down")
		c.send("GET k") // and is bound to nothing
		shared.expect("GET k")
		shared.send("= 1")
		c.expect("= 1")
	})
}

func TestASignOnComesFirst(t *testing.T) {
	inStore(t, "a", func(r *Route) {
		codec := newStore()
		codec.greeting = "LET ME IN\nPLEASE\n"
		r.Codec = codec
	}, func(w *world) {
		b := w.backend()
		c := w.client()
		c.send("GET k")
		b.expect("LET ME IN", "PLEASE")
		b.silent()
		b.send("= yes")
		b.silent()
		b.send("= welcome")
		b.expect("GET k")
		b.send("= 1")
		c.expect("= 1")
		b.close()
		b = w.backend()
		b.expect("LET ME IN", "PLEASE")
		b.send("- no")
		b.expect(aborted)
		b = w.backend()
		time.Sleep(5*time.Second + time.Millisecond) // timeouts.connect
		b.expect("LET ME IN", "PLEASE", aborted)
	})
}

func TestWhatTheGatewayAnswersKeepsItsTurn(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		b := w.backend()
		c := w.client()
		c.send("GET k", "HELLO", "SECRET", "ODD", "WRONG", "QUIT", "GET never")
		b.expect("GET k", "ODD")
		b.silent()
		b.send("= 1", "= 2")
		c.expect("= 1", "= HELLO", "! denied forbidden", "= 2", "! fix bad-name", "= QUIT", "<EOF>")
		b.silent()
		if n := w.counters(); n.Observed != 1 {
			t.Errorf("got %d observed, want 1", n.Observed)
		}
	})
}

// What is answered here does not wait for what is answered already.
func TestWhatTheGatewayAnswersDoesNotWaitForNothing(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		w.backend()
		c := w.client()
		c.send("BEGIN", "END")
		own := w.backend()
		own.expect("BEGIN", "END")
		own.send("= begun", "= ended")
		c.expect("= begun", "= ended")
		c.send("HELLO")
		c.expect("= HELLO")
	})
}

// A client that wants nothing to be left of what it has done gets no connection back to the others that it has changed.
func TestWhatTheGatewayAnswersCanGiveUpAnOwnConnection(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c := w.client()
		c.send("RESET", "BEGIN", "GET 1", "RESET", "GET 2")
		own := w.backend()
		own.expect("BEGIN", "GET 1")
		own.silent()
		own.send("= begun")
		own.send("= 1")
		own.expect(aborted)
		shared.expect("GET 2")
		shared.send("= 2")
		c.expect("= RESET", "= begun", "= 1", "= RESET", "= 2")
	})
}

// A connection whose backend has refused to be put back is given to nobody, and its client goes on without it.
func TestAnOwnConnectionThatWasNotPutBack(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		shared := w.backend()
		c := w.client()
		c.send("BEGIN", "END", "GET k")
		own := w.backend()
		own.expect("BEGIN", "END")
		own.send("= begun", "- not begun")
		own.expect(aborted)
		shared.expect("GET k")
		shared.send("= 1")
		c.expect("= begun", "- not begun", "= 1")
		if s := w.g.Snapshot().Routes[0].Backends[0]; s.Own != 0 {
			t.Errorf("got %d connections of clients' own, want none", s.Own)
		}
	})
}

// Any number of requests in a row may be open: the client is read no further than it may have open, and loses nothing.
func TestALongRowOfRequestsWaits(t *testing.T) {
	inStore(t, "a", func(r *Route) { r.Limits.InFlight = 3 }, func(w *world) {
		b := w.backend()
		c := w.client()
		c.send("GET 1", "GET 2", "GET 3", "GET 4", "GET 5")
		b.expect("GET 1", "GET 2", "GET 3")
		b.silent()
		time.Sleep(9 * time.Second) // longer than timeouts.queue: it waits for nobody but itself
		b.send("= 1")
		b.expect("GET 4")
		b.send("= 2", "= 3", "= 4")
		b.expect("GET 5")
		b.send("= 5")
		c.expect("= 1", "= 2", "= 3", "= 4", "= 5")
	})
}

// waits returns whether something can be read.
func (p *peer) waits() int {
	synctest.Wait()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, _ = p.r.Peek(1)
	return p.r.Buffered()
}

// What came before something that cannot be read was in order, and is answered before the client hears that and is closed.
func TestWhatCameBeforeAFrameOutOfStepIsAnswered(t *testing.T) {
	inStore(t, "a", nil, func(w *world) {
		b := w.backend()
		c := w.client()
		c.send("GET 1", "GET 2", strings.Repeat("x", 2000))
		b.expect("GET 1", "GET 2")
		b.send("= 1", "= 2")
		c.expect("= 1", "= 2", "! fix too-large", "<EOF>")
		if n := w.counters(); n.OutOfStep != 1 || n.Answered != 2 {
			t.Errorf("out of step %d, answered %d; want 1 and 2", n.OutOfStep, n.Answered)
		}
	})
}
