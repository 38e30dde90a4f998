package gateway

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// seats is a pool, the clients and connections of a test, and what the pool owes them.
type seats struct {
	pool    pool
	shard   *tunnel.Shard // is not served: a Reenable is noted and calls nobody
	worker  *worker
	clients []*Session
	ready   []*Backend
	ended   []*Backend
	leaving map[*Backend]bool
	ups     []*upstream
	open    []*upstream // whose circuits are

	queue   []*Session              // those that wait, as they came
	granted map[*Session]*Backend   // places that wait for their client
	holds   map[*Session][]*Backend // places that a client has
}

func newSeats(clients, upstreams int, balance Balance) *seats {
	m := &seats{shard: tunnel.NewShard(tunnel.ShardConfig{Pump: true}), leaving: map[*Backend]bool{},
		granted: map[*Session]*Backend{}, holds: map[*Session][]*Backend{}}
	m.worker = &worker{shard: m.shard}
	m.pool.balance = balance
	for range upstreams {
		m.enroll(nil)
	}
	for i := range clients {
		s := &Session{w: m.worker}
		near, _ := tunneltest.Pipe(1)
		s.vc, _ = m.shard.New(fmt.Sprint("client", i), near, 0, nil)
		m.clients = append(m.clients, s)
	}
	return m
}

func (m *seats) backend(inFlight int) *Backend {
	return &Backend{w: m.worker, up: &upstream{conf: BackendConfig{InFlight: inFlight}}}
}

// Random clients come, get places, give them back and leave, while connections are made,
// retired and lost, circuits open and close, and upstreams come and go. Nobody is overtaken, no place lies idle while
// somebody waits, and no connection has more than it takes.
func TestPoolModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newSeats(6, 2, rapid.SampledFrom([]Balance{RoundRobin, LeastInFlight}).Draw(t, "balance"))
		t.Repeat(map[string]func(*rapid.T){
			"acquire": m.acquire, "acquire ": m.acquire, "acquire  ": m.acquire, "release": m.release, "release ": m.release,
			"leave": m.leave, "connect": m.connect, "lose": m.lose, "retire": m.retire,
			"circuit opens": m.trip, "circuit closes": m.mend, "enroll": m.enroll, "dismiss": m.dismiss,
			"": m.check,
		})
	})
}

func (m *seats) client(t *rapid.T) *Session {
	return m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(t, "client")]
}

func (m *seats) acquire(t *rapid.T) {
	s := m.client(t)
	b, down := m.pool.acquire(s, false, nil)
	if was := m.granted[s]; was != nil {
		delete(m.granted, s)
		if b != was || down {
			t.Fatalf("a place was granted, got %p, down: %v", b, down)
		}
		m.holds[s] = append(m.holds[s], b)
		return
	}
	wantDown := len(m.ready) == 0 && len(m.open) == len(m.ups)
	if down != wantDown {
		t.Fatalf("down: got %v, want %v", down, wantDown)
	}
	if down {
		if b != nil {
			t.Fatal("down, and a place")
		}
		m.forget(s)
		return
	}
	waits := slices.Contains(m.queue, s)
	free := slices.ContainsFunc(m.ready, func(b *Backend) bool { return m.taken(b) < b.up.conf.InFlight && !m.leaving[b] })
	if want := free && len(m.queue) == 0; (b != nil) != want {
		t.Fatalf("got a place: %v, want %v", b != nil, want)
	}
	if b == nil {
		if !waits {
			m.queue = append(m.queue, s)
		}
		return
	}
	if !slices.Contains(m.ready, b) {
		t.Fatal("a place on a connection that is not ready")
	}
	if least := m.least(); m.pool.balance == LeastInFlight && m.taken(b) != least {
		t.Fatalf("a connection with %d open, when there is one with %d", m.taken(b), least)
	}
	m.holds[s] = append(m.holds[s], b)
}

func (m *seats) release(t *rapid.T) {
	s := m.client(t)
	if len(m.holds[s]) == 0 {
		t.Skip()
	}
	b := m.holds[s][0]
	m.holds[s] = m.holds[s][1:]
	m.passOn(b)
	m.pool.release(b)
}

// leave is for a client that may wait or have been granted a place: that passes on.
func (m *seats) leave(t *rapid.T) {
	s := m.client(t)
	b := m.granted[s]
	delete(m.granted, s)
	m.forget(s)
	if b != nil {
		m.passOn(b)
	}
	m.pool.leave(s)
}

func (m *seats) connect(t *rapid.T) {
	b := m.backend(rapid.IntRange(1, 3).Draw(t, "in flight"))
	m.ready = append(m.ready, b)
	for range b.up.conf.InFlight {
		m.passOn(b)
	}
	m.pool.add(b)
}

func (m *seats) lose(t *rapid.T) {
	if len(m.ready) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.ready)-1).Draw(t, "which")
	b := m.ready[i]
	m.ready = append(m.ready[:i:i], m.ready[i+1:]...)
	m.ended = append(m.ended, b)
	for s, g := range m.granted {
		if g == b {
			delete(m.granted, s)
		}
	}
	m.giveUp()
	m.pool.remove(b)
}

// retire is for a connection that is to end: who has a place keeps it, and nobody gets another.
func (m *seats) retire(t *rapid.T) {
	if len(m.ready) == 0 {
		t.Skip()
	}
	b := m.ready[rapid.IntRange(0, len(m.ready)-1).Draw(t, "which")]
	m.leaving[b] = true
	m.pool.retire(b)
	if got, want := m.pool.vacant(b), m.taken(b) == 0; got != want {
		t.Fatalf("vacant: got %v, want %v", got, want)
	}
}

func (m *seats) trip(t *rapid.T) {
	if len(m.ups) == 0 {
		t.Skip()
	}
	u := m.ups[rapid.IntRange(0, len(m.ups)-1).Draw(t, "which")]
	if !slices.Contains(m.open, u) {
		m.open = append(m.open, u)
	}
	m.giveUp()
	m.pool.circuit(u, true)
}

func (m *seats) mend(t *rapid.T) {
	if len(m.ups) == 0 {
		t.Skip()
	}
	u := m.ups[rapid.IntRange(0, len(m.ups)-1).Draw(t, "which")]
	m.open = slices.DeleteFunc(m.open, func(o *upstream) bool { return o == u })
	m.pool.circuit(u, false)
}

func (m *seats) enroll(*rapid.T) {
	u := &upstream{}
	m.ups = append(m.ups, u)
	m.pool.enroll(u)
}

func (m *seats) dismiss(t *rapid.T) {
	if len(m.ups) == 0 {
		t.Skip()
	}
	u := m.ups[rapid.IntRange(0, len(m.ups)-1).Draw(t, "which")]
	gone := func(o *upstream) bool { return o == u }
	m.ups, m.open = slices.DeleteFunc(m.ups, gone), slices.DeleteFunc(m.open, gone)
	m.giveUp()
	m.pool.dismiss(u)
	m.pool.circuit(u, rapid.Bool().Draw(t, "its circuit opens")) // which is nothing to anybody
}

// passOn is what the pool owes when a place on b is free.
func (m *seats) passOn(b *Backend) {
	if len(m.queue) > 0 && slices.Contains(m.ready, b) && !m.leaving[b] {
		m.granted[m.queue[0]] = b
		m.queue = m.queue[1:]
	}
}

// giveUp lets nobody wait for what will not come.
func (m *seats) giveUp() {
	if len(m.open) == len(m.ups) && len(m.ready) == 0 {
		m.queue = nil
	}
}

func (m *seats) forget(s *Session) {
	m.queue = slices.DeleteFunc(m.queue, func(o *Session) bool { return o == s })
}

// taken counts the places on b that somebody has or was granted.
func (m *seats) taken(b *Backend) (n int) {
	for _, g := range m.granted {
		if g == b {
			n++
		}
	}
	for _, held := range m.holds {
		for _, h := range held {
			if h == b {
				n++
			}
		}
	}
	return n
}

func (m *seats) least() int {
	least := -1
	for _, b := range m.ready {
		if n := m.taken(b); n < b.up.conf.InFlight && !m.leaving[b] && (least < 0 || n < least) {
			least = n
		}
	}
	return least
}

// check holds the pool against the model.
func (m *seats) check(t *rapid.T) {
	var queue []*Session
	for s := m.pool.queue.first; s != nil; s = s.seat.next {
		queue = append(queue, s)
	}
	if !slices.Equal(queue, m.queue) {
		t.Fatalf("%d wait, or in another order; want %d", len(queue), len(m.queue))
	}
	for _, s := range m.clients {
		if b := s.seat.granted; b != m.granted[s] && (b == nil || !b.gone) {
			t.Fatalf("%s was granted %p, want %p", s.vc, b, m.granted[s])
		}
		if got, want := s.seat.waiting, slices.Contains(queue, s); got != want {
			t.Fatalf("%s waits: got %v, want %v", s.vc, got, want)
		}
	}
	for _, b := range m.ready {
		if got, want := b.taken, m.taken(b); got != want {
			t.Fatalf("places taken: got %d, want %d", got, want)
		}
		switch {
		case b.taken > b.up.conf.InFlight:
			t.Fatalf("%d places taken of %d", b.taken, b.up.conf.InFlight)
		case b.taken < b.up.conf.InFlight && len(queue) > 0 && !m.leaving[b]:
			t.Fatal("a place is free, and somebody waits")
		}
	}
	for _, b := range m.ended {
		if slices.Contains(m.pool.ready, b) {
			t.Fatal("a connection that has ended gives places")
		}
	}
}

// A connection can end before it has been added: it must not give places for ever.
func TestAddAfterRemoveGivesNoPlaces(t *testing.T) {
	m := newSeats(1, 1, RoundRobin)
	b := m.backend(1)
	m.pool.remove(b)
	m.pool.add(b)
	if got, down := m.pool.acquire(m.clients[0], false, nil); got != nil || down {
		t.Errorf("got a place: %v, down: %v, want to wait", got != nil, down)
	}
}

func TestAcquirePrefersTheOwnShard(t *testing.T) {
	m := newSeats(1, 1, RoundRobin)
	far, near := m.backend(3), m.backend(3)
	far.w = &worker{}
	m.pool.add(far)
	m.pool.add(near)
	for i := range 6 {
		want := near
		if i >= 3 {
			want = far
		}
		if got, _ := m.pool.acquire(m.clients[0], false, nil); got != want {
			t.Errorf("place %d: got one on the wrong connection", i)
		}
	}
}

func TestRoundRobinTakesOneAfterTheOther(t *testing.T) {
	m := newSeats(1, 1, RoundRobin)
	for range 3 {
		m.pool.add(m.backend(2))
	}
	seen := map[*Backend]int{}
	for range 3 {
		b, _ := m.pool.acquire(m.clients[0], false, nil)
		seen[b]++
	}
	if len(seen) != 3 {
		t.Errorf("3 places on %d connections, want 3", len(seen))
	}
}

// Places change hands on many goroutines: in the end nobody has any, and nobody waits.
func TestPoolOfManyGoroutines(t *testing.T) {
	m := newSeats(8, 1, LeastInFlight)
	backends := []*Backend{m.backend(1), m.backend(2)}
	for _, b := range backends {
		m.pool.add(b)
	}
	var wg sync.WaitGroup
	for _, s := range m.clients {
		wg.Go(func() {
			for range 2000 {
				if b, _ := m.pool.acquire(s, false, nil); b != nil {
					m.pool.release(b)
				} else {
					runtime.Gosched()
				}
			}
			m.pool.leave(s)
		})
	}
	wg.Wait()
	for _, b := range backends {
		if b.taken != 0 {
			t.Errorf("%d places are taken, want 0", b.taken)
		}
	}
	if m.pool.queue.first != nil {
		t.Error("somebody waits who has left")
	}
}

// Who waits for a connection that is lost, with every circuit open, hears Later at once
// and not when the time for waiting is over.
func TestNobodyWaitsForWhatWillNotCome(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Backends[0].Connections, r.Backends[0].InFlight = 2, 1
		r.Backends[0].Circuit = Circuit{Failures: 2, Rest: time.Hour}
		r.Timeouts.Queue, r.Timeouts.Answer = 10*time.Minute, time.Hour
	}, func(w *world) {
		b, other := w.backend(), w.backend()
		c1, c2 := w.client(), w.client()
		w.refuse.Store(true)
		other.close() // its dials are refused from now on, until the circuit opens
		time.Sleep(time.Minute)
		if got := w.g.Snapshot().Routes[0].Backends[0].Circuit; got != "open" {
			t.Fatalf("the circuit is %s, want open", got)
		}
		c1.send("Q 1 x")
		c2.send("Q 2 y")
		b.request()
		before := time.Now()
		b.close()
		c1.expect("! 1 failed backend-lost unknown")
		c2.expect("! 2 later backend-down")
		if took := time.Since(before); took > time.Second {
			t.Errorf("heard after %v, want at once", took)
		}
	})
}
