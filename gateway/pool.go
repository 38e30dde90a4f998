package gateway

import "sync"

// pool is every backend connection of a route that is ready, with the places that are
// free on each, and the clients that wait for one. A place is granted to a client that
// waits before anybody else can take it, so nobody is overtaken and no wake-up is lost.
// Its lock is a leaf.
type pool struct {
	balance Balance

	mu    sync.Mutex
	ready []*Backend
	turn  int // of the round robin
	up    int // upstreams whose circuit is not open
	queue waiters
}

// waiters is a list of Sessions, the longest waiting first.
type waiters struct{ first, last *Session }

// seat is a Session's part of the pool, guarded by the pool's lock.
type seat struct {
	waiting    bool
	granted    *Backend
	prev, next *Session
}

// acquire takes a place on a connection for s. If none is free s waits, and is
// reenabled when one was granted to it, which the next acquire returns. It is down if
// there is no backend to wait for.
func (p *pool) acquire(s *Session) (b *Backend, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := s.seat.granted; b != nil {
		s.seat.granted = nil
		if !b.gone {
			return b, false
		}
	}
	if len(p.ready) == 0 && p.up == 0 {
		p.queue.remove(s)
		return nil, true
	}
	if s.seat.waiting {
		return nil, false
	}
	if p.queue.first == nil {
		if b := p.choose(s); b != nil {
			b.taken++
			return b, false
		}
	}
	p.queue.push(s)
	return nil, false
}

// choose returns a connection with a free place, one of the client's own shard if
// there is one, so that nothing has to cross.
func (p *pool) choose(s *Session) *Backend {
	var best *Backend
	near := false
	p.turn++
	for i := range p.ready {
		b := p.ready[(p.turn+i)%len(p.ready)]
		if b.taken >= b.up.conf.InFlight {
			continue
		}
		own := b.w == s.w
		switch {
		case best == nil, own && !near:
			best, near = b, own
		case own == near && p.balance == LeastInFlight && b.taken < best.taken:
			best = b
		}
	}
	return best
}

// release gives a place on b back.
func (p *pool) release(b *Backend) {
	p.mu.Lock()
	s := p.give(b)
	p.mu.Unlock()
	if s != nil {
		s.vc.Reenable()
	}
}

// give passes a place on b to the first that waits and returns him, or frees it.
func (p *pool) give(b *Backend) *Session {
	if b.gone {
		return nil
	}
	s := p.queue.first
	if s == nil {
		b.taken--
		return nil
	}
	p.queue.remove(s)
	s.seat.granted = b
	return s
}

// leave says that s wants nothing any more.
func (p *pool) leave(s *Session) {
	p.mu.Lock()
	p.queue.remove(s)
	b := s.seat.granted
	s.seat.granted = nil
	p.mu.Unlock()
	if b != nil {
		p.release(b)
	}
}

// add makes the places of b available, unless b has ended already.
func (p *pool) add(b *Backend) {
	p.mu.Lock()
	if b.gone {
		p.mu.Unlock()
		return
	}
	p.ready = append(p.ready, b)
	var granted []*Session
	for b.taken < b.up.conf.InFlight && p.queue.first != nil {
		b.taken++
		granted = append(granted, p.give(b))
	}
	p.mu.Unlock()
	reenable(granted)
}

// remove takes the places of b away, those that were granted too.
func (p *pool) remove(b *Backend) {
	p.mu.Lock()
	b.gone = true
	for i, o := range p.ready {
		if o == b {
			p.ready = append(p.ready[:i], p.ready[i+1:]...)
			break
		}
	}
	down := p.giveUp()
	p.mu.Unlock()
	reenable(down)
}

// circuit says that an upstream's circuit was opened or closed.
func (p *pool) circuit(open bool) {
	p.mu.Lock()
	if open {
		p.up--
	} else {
		p.up++
	}
	down := p.giveUp()
	p.mu.Unlock()
	reenable(down)
}

// giveUp empties the queue if there is no backend to wait for, and returns who was in it.
func (p *pool) giveUp() (down []*Session) {
	for p.up == 0 && len(p.ready) == 0 && p.queue.first != nil {
		down = append(down, p.queue.first)
		p.queue.remove(p.queue.first)
	}
	return down
}

// reenable is called without the pool's lock.
func reenable(list []*Session) {
	for _, s := range list {
		s.vc.Reenable()
	}
}

func (q *waiters) push(s *Session) {
	s.seat.waiting = true
	s.seat.prev, s.seat.next = q.last, nil
	if q.last == nil {
		q.first = s
	} else {
		q.last.seat.next = s
	}
	q.last = s
}

// remove takes s out, if it is in.
func (q *waiters) remove(s *Session) {
	if !s.seat.waiting {
		return
	}
	if s.seat.prev == nil {
		q.first = s.seat.next
	} else {
		s.seat.prev.seat.next = s.seat.next
	}
	if s.seat.next == nil {
		q.last = s.seat.prev
	} else {
		s.seat.next.seat.prev = s.seat.prev
	}
	s.seat.waiting, s.seat.prev, s.seat.next = false, nil, nil
}
