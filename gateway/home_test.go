package gateway

import (
	"testing"

	"pgregory.net/rapid"
)

// Where clients may have to go to a certain connection, nobody waits for a place that is free, and nobody is given a
// place elsewhere, whatever comes, is given back, is lost, or is drained
// by an operator. Who waits for a drained one goes elsewhere when nothing is open there.
func TestPoolModelWithHomes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newSeats(6, 1, rapid.SampledFrom([]Balance{RoundRobin, LeastInFlight}).Draw(t, "balance"))
		m.pool.steady = true
		home := map[*Session]*Backend{} // of who waits
		moved := func() {               // nobody has a home any more where nothing is open, and to which nobody comes
			for s, h := range home {
				if h != nil && h.barred && h.taken == 0 {
					delete(home, s)
				}
			}
		}
		acquire := func(t *rapid.T) {
			s := m.client(t)
			h := home[s]
			if !s.seat.waiting && s.seat.granted == nil {
				h = nil
				if len(m.ready) > 0 && rapid.Bool().Draw(t, "has a home") {
					h = rapid.SampledFrom(m.ready).Draw(t, "home")
				}
			}
			b, _ := m.pool.acquire(s, false, h)
			if b == nil {
				home[s] = h
				moved()
				return
			}
			if h != nil && b != h && !h.gone && !h.barred {
				t.Fatal("a place on another connection than home")
			}
			delete(home, s)
			m.holds[s] = append(m.holds[s], b)
		}
		release := func(t *rapid.T) {
			s := m.client(t)
			if len(m.holds[s]) == 0 {
				t.Skip()
			}
			b := m.holds[s][0]
			m.holds[s] = m.holds[s][1:]
			m.pool.release(b)
			moved()
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": acquire, "acquire ": acquire, "release": release,
			"leave": func(t *rapid.T) {
				s := m.client(t)
				delete(home, s)
				m.pool.leave(s)
				moved()
			},
			"connect": func(t *rapid.T) {
				b := m.backend(rapid.IntRange(1, 2).Draw(t, "in flight"))
				m.ready = append(m.ready, b)
				m.pool.add(b)
			},
			"lose": func(t *rapid.T) {
				if len(m.ready) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(m.ready)-1).Draw(t, "which")
				b := m.ready[i]
				m.ready = append(m.ready[:i:i], m.ready[i+1:]...)
				m.pool.remove(b)
			},
			"bar": func(t *rapid.T) { // an operator drains its backend, or enables it again
				if len(m.ready) == 0 {
					t.Skip()
				}
				b := m.ready[rapid.IntRange(0, len(m.ready)-1).Draw(t, "which")]
				m.pool.bar(b.up, !b.barred)
				moved()
			},
			"": func(t *rapid.T) {
				for s := m.pool.queue.first; s != nil; s = s.seat.next {
					for _, b := range m.ready {
						if at := s.seat.home; (at == nil || at == b) && b.taken < b.up.conf.InFlight && !b.barred {
							t.Fatalf("%s waits, and there is a place for it", s.vc)
						} else if at == b && b.barred && b.taken == 0 {
							t.Fatalf("%s waits for a connection to which nobody comes any more", s.vc)
						}
					}
				}
				for _, b := range m.ready {
					n := 0
					for _, s := range m.clients {
						if s.seat.granted == b {
							n++
						}
						for _, h := range m.holds[s] {
							if h == b {
								n++
							}
						}
					}
					if n != b.taken {
						t.Fatalf("%d places are taken, and the pool says %d", n, b.taken)
					}
				}
			},
		})
	})
}
