package gateway

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
)

// ledgerModel knows of every ticket what a Ledger must say of it.
type ledgerModel struct {
	l       *Ledger
	mode    protocol.Mode
	now     time.Time
	timeout time.Duration
	tickets uint64
	open    []*ledgerEntry          // in the order of their deadlines
	graves  map[uint64]*ledgerEntry // by ticket
	spent   map[uint64]bool         // answered, and not given again since
	serial  int
}

type ledgerEntry struct {
	x        *exchange
	ticket   uint64
	key      string
	began    time.Time
	deadline time.Time
	until    time.Time // of the tombstone
}

// A Ledger against its model: each exchange is handed out once, a ticket is unique among
// the open ones and the tombstones, which stand for twice the timeout (I4, faults B4, B6
// to B9, B12), and whatever was not asked finds nobody.
func TestLedgerModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &ledgerModel{mode: rapid.SampledFrom([]protocol.Mode{protocol.Rewrite, protocol.Key, protocol.FIFO}).Draw(t, "mode"),
			timeout: time.Second, now: time.Now(), graves: map[uint64]*ledgerEntry{}, spent: map[uint64]bool{}}
		m.tickets = rapid.SampledFrom([]uint64{4, 16, 1 << 17, 1 << 25, 1 << 53}).Draw(t, "tickets")
		m.l = NewLedger(m.mode, m.tickets, m.timeout)
		t.Repeat(map[string]func(*rapid.T){
			"add": m.add, "add ": m.add, "answer": m.answer, "part": m.part, "answer again": m.again,
			"forge": m.forge, "time": m.pass, "expire": m.expire,
		})
		if got := len(m.l.close(nil)); got != len(m.open) {
			t.Errorf("close gave %d exchanges, %d were open", got, len(m.open))
		}
		if _, err := m.l.add(&exchange{}, nil, m.now); err != errLedgerClosed {
			t.Errorf("a closed Ledger says %v", err)
		}
	})
}

func (m *ledgerModel) bury() {
	for ticket, g := range m.graves {
		if !g.until.After(m.now) {
			delete(m.graves, ticket)
			m.spent[ticket] = true
		}
	}
}

func (m *ledgerModel) add(t *rapid.T) {
	m.bury()
	m.serial++
	key := fmt.Sprint("k", m.serial)
	if m.mode == protocol.Key && len(m.open) > 0 && rapid.IntRange(0, 3).Draw(t, "same key") == 0 {
		key = rapid.SampledFrom(m.open).Draw(t, "key of").key
		if _, err := m.l.add(&exchange{}, protocol.ID(key), m.now); err != errKeyOpen {
			t.Fatalf("a key that is open: %v", err)
		}
		return
	}
	e := &ledgerEntry{x: &exchange{course: course{began: momentOf(m.now)}}, key: key, began: m.now, deadline: m.now.Add(m.timeout)}
	ticket, err := m.l.add(e.x, protocol.ID(key), m.now)
	full := m.mode == protocol.Rewrite && uint64(len(m.open)+len(m.graves)) >= m.tickets
	if (err == errLedgerFull) != full || err != nil && !full {
		t.Fatalf("%d open and %d tombstones of %d tickets: %v", len(m.open), len(m.graves), m.tickets, err)
	}
	if full {
		return
	}
	if m.mode == protocol.Rewrite && ticket >= m.tickets {
		t.Fatalf("ticket %d of %d", ticket, m.tickets)
	}
	for _, o := range m.open {
		if o.ticket == ticket {
			t.Fatalf("ticket %d is open", ticket)
		}
	}
	if m.graves[ticket] != nil {
		t.Fatalf("ticket %d is a tombstone", ticket)
	}
	delete(m.spent, ticket)
	e.ticket = ticket
	m.open = append(m.open, e)
}

// take asks the Ledger as an answer would.
func (m *ledgerModel) take(e *ledgerEntry, final bool) (*exchange, verdict) {
	switch m.mode {
	case protocol.Rewrite:
		return m.l.take(e.ticket, final, m.now)
	case protocol.Key:
		return m.l.takeKey(protocol.ID(e.key), final, m.now)
	}
	return m.l.takeFirst(final, m.now)
}

func (m *ledgerModel) pick(t *rapid.T) int {
	if len(m.open) == 0 {
		t.Skip()
	}
	if m.mode == protocol.FIFO {
		return 0
	}
	return rapid.IntRange(0, len(m.open)-1).Draw(t, "which")
}

func (m *ledgerModel) answer(t *rapid.T) {
	i := m.pick(t)
	e := m.open[i]
	if x, v := m.take(e, true); v != taken || x != e.x {
		t.Fatalf("the answer to %d: %v", e.ticket, v)
	}
	m.open = append(m.open[:i:i], m.open[i+1:]...)
	m.spent[e.ticket] = true
	if m.mode == protocol.FIFO {
		return
	}
	if _, v := m.take(e, true); v == taken {
		t.Fatalf("a second answer to %d found somebody", e.ticket)
	}
}

func (m *ledgerModel) part(t *rapid.T) {
	i := m.pick(t)
	e := m.open[i]
	if x, v := m.take(e, false); v != taken || x != e.x {
		t.Fatalf("a part for %d: %v", e.ticket, v)
	}
	deadline := m.now.Add(m.timeout)
	if longest := e.began.Add(2 * m.timeout); deadline.After(longest) {
		deadline = longest
	}
	if m.mode == protocol.FIFO || !deadline.After(e.deadline) {
		return
	}
	e.deadline = deadline
	m.open = append(m.open[:i:i], m.open[i+1:]...)
	at := len(m.open)
	for at > 0 && m.open[at-1].deadline.After(e.deadline) {
		at--
	}
	m.open = append(m.open[:at:at], append([]*ledgerEntry{e}, m.open[at:]...)...)
}

// again answers a ticket that is a tombstone or spent.
func (m *ledgerModel) again(t *rapid.T) {
	if m.mode != protocol.Rewrite {
		t.Skip()
	}
	for ticket := range m.graves {
		if _, v := m.l.take(ticket, true, m.now); v != late {
			t.Fatalf("a late answer to %d: %v", ticket, v)
		}
	}
	for ticket := range m.spent {
		if _, v := m.l.take(ticket, true, m.now); v == taken {
			t.Fatalf("an answer to %d, which was answered, found somebody", ticket)
		}
	}
}

func (m *ledgerModel) forge(t *rapid.T) {
	ticket := rapid.Uint64Range(0, m.tickets+10).Draw(t, "ticket")
	for _, o := range m.open {
		if o.ticket == ticket {
			t.Skip()
		}
	}
	if _, v := m.l.take(ticket, true, m.now); v == taken && m.mode == protocol.Rewrite {
		t.Fatalf("ticket %d is not open, and found somebody", ticket)
	}
	if _, v := m.l.takeKey(protocol.ID("forged"), true, m.now); v != unknown {
		t.Fatalf("a forged key: %v", v)
	}
}

func (m *ledgerModel) pass(t *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, 400 * time.Millisecond, time.Second, 3 * time.Second}).Draw(t, "for"))
	m.bury() // the Ledger does with the next add; a tombstone that still stands is no fault
}

func (m *ledgerModel) expire(t *rapid.T) {
	list, next := m.l.expire(m.now, nil)
	for _, x := range list {
		if len(m.open) == 0 || m.open[0].x != x || m.open[0].deadline.After(m.now) {
			t.Fatal("expired what was not due, or out of order")
		}
		e := m.open[0]
		m.open = m.open[1:]
		e.until = m.now.Add(2 * m.timeout)
		m.graves[e.ticket] = e
	}
	want := time.Time{}
	if len(m.open) > 0 {
		want = m.open[0].deadline
	}
	if !next.Equal(want) || len(m.open) > 0 && !want.After(m.now) {
		t.Fatalf("come again at %v, want %v", next, want)
	}
}

func TestTicketsCannotBeGuessed(t *testing.T) {
	seen := map[uint64]bool{}
	for range 100 {
		ticket, err := NewLedger(protocol.Rewrite, 1<<53, time.Second).add(&exchange{}, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		seen[ticket] = true
	}
	if len(seen) < 99 {
		t.Errorf("100 ledgers began with %d different tickets", len(seen))
	}
}

func TestFaultB09SixteenBitIDs(t *testing.T) {
	l := NewLedger(protocol.Rewrite, 1<<16, time.Second)
	now := time.Now()
	seen := map[uint64]bool{}
	for range 1 << 16 {
		ticket, err := l.add(&exchange{}, nil, now)
		if err != nil || seen[ticket] || ticket >= 1<<16 {
			t.Fatalf("ticket %d, %v", ticket, err)
		}
		seen[ticket] = true
	}
	if _, err := l.add(&exchange{}, nil, now); err != errLedgerFull {
		t.Errorf("the 65,537th: got %v, want %v", err, errLedgerFull)
	}
	// Expired ones rest for twice the timeout; then all may be used again.
	now = now.Add(time.Second)
	if list, _ := l.expire(now, nil); len(list) != 1<<16 {
		t.Fatalf("%d expired", len(list))
	}
	if _, err := l.add(&exchange{}, nil, now.Add(2*time.Second-1)); err != errLedgerFull {
		t.Errorf("while the tombstones stand: got %v, want %v", err, errLedgerFull)
	}
	if _, err := l.add(&exchange{}, nil, now.Add(2*time.Second)); err != nil {
		t.Error(err)
	}
}

// Whoever takes at the same time as others: each exchange is somebody's, once.
func TestTakersOfOneTicket(t *testing.T) {
	l := NewLedger(protocol.Rewrite, 1<<53, time.Hour)
	var got atomic.Int64
	for range 200 {
		ticket, err := l.add(&exchange{}, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, v := l.take(ticket, true, time.Now()); v == taken {
					got.Add(1)
				}
			})
		}
		wg.Wait()
	}
	if n := got.Load(); n != 200 {
		t.Errorf("%d takes of 200 exchanges", n)
	}
}

func TestLedgerDoesNotAllocate(t *testing.T) {
	l := NewLedger(protocol.Rewrite, 1<<53, time.Hour)
	x, now := &exchange{}, time.Now()
	step := func() {
		ticket, _ := l.add(x, nil, now)
		l.take(ticket, true, now)
	}
	step()
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("add and take: %v allocations", n)
	}
}

func BenchmarkLedger(b *testing.B) {
	l := NewLedger(protocol.Rewrite, 1<<53, time.Hour)
	x, now := &exchange{}, time.Now()
	b.ReportAllocs()
	for b.Loop() {
		ticket, _ := l.add(x, nil, now)
		l.take(ticket, true, now)
	}
}
