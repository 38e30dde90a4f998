package gateway

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// A ticket that was answered rests too, as long as the number of tickets allows: a
// doubled answer that comes late finds nobody. What that costs is bounded.
func TestFaultB08AnAnsweredTicketRests(t *testing.T) {
	for _, tickets := range []uint64{8, 1 << 16, 1e6, 1 << 24, 1e8, 1 << 31, 1 << 53} {
		l := NewLedger(protocol.Rewrite, tickets, time.Second)
		x, now := &exchange{}, time.Now()
		first, _ := l.add(x, nil, now)
		l.take(first, true, now)
		others := min(tickets, restBetween) / 2
		for n := range others {
			ticket, err := l.add(x, nil, now)
			if err != nil || ticket == first {
				t.Fatalf("of %d tickets one is given again after %d others: %v", tickets, n, err)
			}
			l.take(ticket, true, now)
		}
		if _, v := l.take(first, true, now); v != doubled {
			t.Errorf("of %d tickets: a doubled answer is %d, want %d", tickets, v, doubled)
		}
		if got := len(l.slots); got > 1<<16 {
			t.Errorf("%d slots for one request at a time", got)
		}
	}
}

// A part begins the time anew, and no number of them prolongs it over twice the timeout.
func TestFaultB21PartsExtendTheDeadlineUpToACap(t *testing.T) {
	l := NewLedger(protocol.Rewrite, 1<<53, time.Second)
	now := time.Now()
	x := &exchange{course: course{began: momentOf(now)}}
	ticket, _ := l.add(x, nil, now)
	end := now.Add(2 * time.Second)
	for _, step := range []struct{ at, want time.Duration }{
		{0, 1000}, {300, 1300}, {900, 1900}, {1500, 2000}, {1999, 2000},
	} {
		at := now.Add(step.at * time.Millisecond)
		if got, v := l.take(ticket, false, at); v != taken || got != x {
			t.Fatalf("a part after %v: %d", step.at, v)
		}
		list, next := l.expire(at, nil)
		if got := next.Sub(now); len(list) > 0 || got != step.want*time.Millisecond {
			t.Errorf("after a part at %d ms: due at %v, want %d ms", step.at, got, step.want)
		}
	}
	if list, _ := l.expire(end, nil); len(list) != 1 || list[0] != x {
		t.Errorf("at the cap: got %d expired, want 1", len(list))
	}
	if _, v := l.take(ticket, true, end); v != late {
		t.Errorf("after the cap: got %d, want late", v)
	}
}

// Many goroutines open and answer at once, and the tickets of each other too: no two are
// given one ticket, and each exchange is handed out once.
func TestI4AddersAndTakersAtOnce(t *testing.T) {
	const each = 2000
	l := NewLedger(protocol.Rewrite, 1<<16, time.Hour)
	tickets := make(chan uint64, 64)
	var adders, takers sync.WaitGroup
	var given, repeated atomic.Int64
	var open sync.Map
	for range 4 {
		adders.Go(func() {
			for range each {
				x := &exchange{}
				ticket, err := l.add(x, nil, time.Now())
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := open.LoadOrStore(x, ticket); twice {
					t.Error("an exchange was opened twice")
				}
				tickets <- ticket
				if ticket%2 == 0 {
					tickets <- ticket
				}
			}
		})
		takers.Go(func() {
			for ticket := range tickets {
				x, v := l.take(ticket, true, time.Now())
				if v != taken {
					repeated.Add(1)
					continue
				}
				given.Add(1)
				if got, ok := open.LoadAndDelete(x); ok && got != ticket {
					t.Errorf("ticket %d gave the exchange of ticket %d", ticket, got)
				}
			}
		})
	}
	adders.Wait()
	close(tickets)
	takers.Wait()
	if got := given.Load(); got != 4*each {
		t.Errorf("%d exchanges were handed out, want %d", got, 4*each)
	}
	if repeated.Load() == 0 {
		t.Error("no ticket was answered twice")
	}
}

// What was not sent after all is as if it had not been: nobody hears of it, its key is
// free, and dropping it again, or once it is answered, changes nothing.
func TestDropTakesBackAnAdd(t *testing.T) {
	for _, mode := range []protocol.Mode{protocol.Rewrite, protocol.Key, protocol.FIFO} {
		l, now := NewLedger(mode, 8, time.Second), time.Now()
		var all []*exchange
		var tickets []uint64
		for _, key := range []string{"a", "b", "c"} {
			x := &exchange{}
			ticket, err := l.add(x, protocol.ID(key), now)
			if err != nil {
				t.Fatal(err)
			}
			all, tickets = append(all, x), append(tickets, ticket)
		}
		l.drop(tickets[1])
		l.drop(tickets[1])
		l.drop(1 << 60)
		if _, err := l.add(all[1], protocol.ID("b"), now); err != nil {
			t.Errorf("%s: the key of what was dropped: %v", mode, err)
		}
		if got, want := l.close(nil), []*exchange{all[0], all[2], all[1]}; !slices.Equal(got, want) {
			t.Errorf("%s: got %d open, want 3 in order", mode, len(got))
		}
		l.drop(tickets[0])
		if l.open != 0 {
			t.Errorf("%s: %d are open, want none", mode, l.open)
		}
	}
}

// An error without an id is for all that went out in one frame, and only if nothing else
// is open.
func TestTakeOnlyIsForOneFrame(t *testing.T) {
	l, now := NewLedger(protocol.Rewrite, 1<<53, time.Second), time.Now()
	if got := l.takeOnly(nil); len(got) != 0 {
		t.Errorf("got %d of none", len(got))
	}
	from := func(n int64) *exchange { return &exchange{course: course{from: n}} }
	a, b, c := from(1), from(1), from(9)
	_, _ = l.add(a, nil, now)
	_, _ = l.add(b, nil, now)
	last, _ := l.add(c, nil, now)
	if got := l.takeOnly(nil); len(got) != 0 || l.open != 3 {
		t.Errorf("of two frames: got %d, %d are left", len(got), l.open)
	}
	l.take(last, true, now)
	if got := l.takeOnly(nil); !slices.Equal(got, []*exchange{a, b}) || l.open != 0 {
		t.Errorf("of one frame: got %d, %d are left", len(got), l.open)
	}
}

// Each generation of a connection has a Ledger of its own: what was asked on the old one
// is not to be found on the new one, whatever the ticket.
func TestFaultB24AnotherGenerationKnowsNoTicket(t *testing.T) {
	now := time.Now()
	old := NewLedger(protocol.Rewrite, 1<<16, time.Second)
	ticket, _ := old.add(&exchange{}, nil, now)
	if got := old.close(nil); len(got) != 1 {
		t.Fatalf("got %d open, want 1", len(got))
	}
	if _, v := NewLedger(protocol.Rewrite, 1<<16, time.Second).take(ticket, true, now); v != unknown {
		t.Errorf("the new one: got %d, want unknown", v)
	}
	if _, v := old.take(ticket, true, now); v == taken {
		t.Error("the old one gave an exchange after its end")
	}
	if _, v := NewLedger(protocol.FIFO, 0, time.Second).takeFirst(true, now); v != unknown {
		t.Errorf("nothing is open: got %d, want unknown", v)
	}
}
