package gateway

import (
	"slices"
	"sync"
	"sync/atomic"
)

// pool is every backend connection of a route that is ready, with the places that are
// free on each, and the clients that wait for one. A place is granted to a client that
// waits before anybody else can take it, so nobody is overtaken and no wake-up is lost.
// Its lock is a leaf.
//
// A request whose body is carried has a connection alone: one is emptied for it, which
// the others go round. They keep at least one, if there are two.
//
// Where a client pairs answers by order it may mean its requests to be carried out in that order too: as long as it has
// any open, the next go to the same connection, its home.
type pool struct {
	balance Balance
	n       int // of the route's pools
	inns    atomic.Uint32
	steady  bool // the order of a client's requests means something

	mu    sync.Mutex
	ready []*Backend
	ups   []*upstream
	turn  int // of the round robin
	up    int // of the upstreams, those whose circuit is not open
	queue waiters
	soles waiters // who want a connection alone, and for whom none is being emptied yet
	apart int     // connections that somebody has alone, or that are being emptied
}

// waiters is a list of Sessions, the longest waiting first.
type waiters struct{ first, last *Session }

// seat is a Session's part of the pool, guarded by the pool's lock.
type seat struct {
	waiting    bool
	alone      bool // it wants a connection alone
	emptied    *Backend
	granted    *Backend
	home       *Backend // of those it waits for the only one, if it is not nil
	prev, next *Session
}

// place is a Backend's part of the pool, guarded by the pool's lock.
type place struct {
	taken   int      // places that are taken
	alone   bool     // by one, who has it alone
	sole    *Session // for whom it is being emptied
	shunned bool     // it brings a great result: nobody is to wait behind that
	leaving bool     // it ends when nobody has a place on it
	barred  bool     // an operator has said that nobody is to come to it
	gone    bool
}

func (p *place) open(limit int) bool {
	return p.taken < limit && !p.alone && p.sole == nil && !p.shunned && !p.leaving && !p.barred
}

// acquire takes a place on a connection for s, or all of one. If there is none s waits,
// and is reenabled when one was granted to it, which the next acquire returns. It is down
// if there is no backend to wait for. Home, if it is not nil and not gone, is where s must go.
func (p *pool) acquire(s *Session, alone bool, home *Backend) (b *Backend, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := s.seat.granted; b != nil {
		s.seat.granted = nil
		if !b.gone {
			return b, false
		}
	}
	if home != nil && (home.gone || home.barred && home.taken == 0) {
		home = nil
	}
	if p.deserted() {
		reenable(p.unseat(s))
		return nil, true
	}
	if s.seat.waiting {
		return nil, false
	}
	s.seat.alone, s.seat.home = alone, home
	if alone {
		p.soles.push(s)
		reenable(p.empty(nil))
		b = s.seat.granted
		s.seat.granted = nil
		return b, false
	}
	if home != nil {
		if home.open(home.up.conf.InFlight) { // then nobody waits who may go there
			home.taken++
			return home, false
		}
	} else if p.steady || p.queue.first == nil {
		if b := p.choose(s); b != nil {
			b.taken++
			return b, false
		}
	}
	p.queue.push(s)
	return nil, false
}

// next returns the first that waits and may go to b.
func (p *pool) next(b *Backend) *Session {
	s := p.queue.first
	for s != nil && s.seat.home != nil && s.seat.home != b {
		s = s.seat.next
	}
	return s
}

// choose returns a connection with a free place, one of the client's own shard if
// there is one, so that nothing has to cross.
func (p *pool) choose(s *Session) *Backend {
	var best *Backend
	near := false
	p.turn++
	for i := range p.ready {
		b := p.ready[(p.turn+i)%len(p.ready)]
		if !b.open(b.up.conf.InFlight) {
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

// any returns a connection to u that has not ended, nil if there is none.
func (p *pool) any(u *upstream) *Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.ready {
		if b.up == u && !b.gone && !b.alone && b.sole == nil {
			return b
		}
	}
	return nil
}

// join takes a place on b for somebody who waits for the answer to what was sent already, if there are none left too.
func (p *pool) join(b *Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.gone {
		b.taken++
	}
}

// release gives a place on b back.
func (p *pool) release(b *Backend) {
	p.mu.Lock()
	if b.gone {
		p.mu.Unlock()
		return
	}
	b.taken--
	if s := p.next(b); s != nil && p.soles.first == nil && b.sole == nil && b.taken == b.up.conf.InFlight-1 && b.open(b.up.conf.InFlight) {
		p.grant(s, b) // the usual case, without a list
		p.mu.Unlock()
		s.vc.Reenable()
		return
	}
	woken := p.fill(b, nil)
	if b.barred && b.taken == 0 {
		woken = append(woken, p.evict(b)...)
	}
	p.mu.Unlock()
	reenable(woken)
}

// fill grants what is free on b to those who wait, and appends them to woken.
func (p *pool) fill(b *Backend, woken []*Session) []*Session {
	if s := b.sole; s != nil {
		if b.taken == 0 {
			b.sole, s.seat.emptied, s.seat.waiting = nil, nil, false
			b.taken, b.alone, s.seat.granted = 1, true, b
			woken = append(woken, s)
		}
		return woken
	}
	for b.open(b.up.conf.InFlight) {
		s := p.next(b)
		if s == nil {
			break
		}
		p.grant(s, b)
		woken = append(woken, s)
	}
	return p.empty(woken)
}

// grant takes a place on b for s, who waits.
func (p *pool) grant(s *Session, b *Backend) {
	p.queue.remove(s)
	b.taken++
	s.seat.granted = b
}

// empty has connections emptied for those who want one alone, and appends who has got
// one at once to woken.
func (p *pool) empty(woken []*Session) []*Session {
	for p.soles.first != nil && p.apart < max(1, len(p.ready)-1) {
		var best *Backend
		for _, b := range p.ready {
			if !b.alone && b.sole == nil && !b.shunned && !b.leaving && !b.barred && (best == nil || b.taken < best.taken) {
				best = b
			}
		}
		if best == nil {
			return woken
		}
		s := p.soles.first
		p.soles.remove(s)
		p.apart++
		best.sole, s.seat.emptied, s.seat.waiting = s, best, true
		woken = p.fill(best, woken)
	}
	return woken
}

// leave says that s wants nothing any more.
func (p *pool) leave(s *Session) {
	p.mu.Lock()
	woken := p.unseat(s)
	b := s.seat.granted
	s.seat.granted = nil
	p.mu.Unlock()
	reenable(woken)
	if b != nil {
		p.release(b)
	}
}

// unseat has s wait no longer. It returns to whom a place was granted that was kept for s.
func (p *pool) unseat(s *Session) []*Session {
	b := s.seat.emptied
	switch {
	case b != nil:
		b.sole, s.seat.emptied, s.seat.waiting = nil, nil, false
		p.apart--
		return p.fill(b, nil)
	case s.seat.alone:
		p.soles.remove(s)
	default:
		p.queue.remove(s)
	}
	return nil
}

// share lets others onto a connection that somebody had alone.
func (p *pool) share(b *Backend) {
	p.mu.Lock()
	var woken []*Session
	if b.alone && !b.gone {
		b.alone = false
		p.apart--
		woken = p.fill(b, nil)
	}
	p.mu.Unlock()
	reenable(woken)
}

// shun has nobody come to b, or ends that.
func (p *pool) shun(b *Backend, on bool) {
	p.mu.Lock()
	b.shunned = on
	var woken []*Session
	if !on && !b.gone {
		woken = p.fill(b, nil)
	}
	p.mu.Unlock()
	reenable(woken)
}

// add makes the places of b available, unless b has ended already.
func (p *pool) add(b *Backend) {
	p.mu.Lock()
	if b.gone {
		p.mu.Unlock()
		return
	}
	p.ready = append(p.ready, b)
	b.barred = b.up.barred
	woken := p.fill(b, nil)
	p.mu.Unlock()
	reenable(woken)
}

// remove takes the places of b away, those that were granted too. It reports whether
// somebody had b alone, who may be in the middle of a body.
func (p *pool) remove(b *Backend) (alone bool) {
	p.mu.Lock()
	alone = b.alone
	if (b.alone || b.sole != nil) && !b.gone {
		p.apart--
	}
	b.gone = true
	if s := b.sole; s != nil {
		b.sole, s.seat.emptied, s.seat.waiting = nil, nil, false
		p.soles.push(s)
	}
	for i, o := range p.ready {
		if o == b {
			p.ready = append(p.ready[:i], p.ready[i+1:]...)
			break
		}
	}
	down := append(p.empty(nil), p.giveUp()...)
	down = append(down, p.evict(b)...)
	p.mu.Unlock()
	reenable(down)
	return alone
}

// evict finds other places for those who wait for b only. Their requests there have failed by the time that they look.
func (p *pool) evict(b *Backend) (woken []*Session) {
	if !p.steady {
		return nil
	}
	for s := p.queue.first; s != nil; s = s.seat.next {
		if s.seat.home == b {
			s.seat.home = nil
		}
	}
	for _, o := range p.ready {
		woken = p.fill(o, woken)
	}
	return woken
}

// enroll counts u in, which has no connections yet.
func (p *pool) enroll(u *upstream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ups = append(slices.Clip(p.ups), u)
	p.count()
}

// dismiss counts u out: nobody waits for it any more. Its connections stay until they are removed.
func (p *pool) dismiss(u *upstream) {
	p.mu.Lock()
	i := slices.Index(p.ups, u)
	if i < 0 {
		p.mu.Unlock()
		return
	}
	p.ups = slices.Delete(slices.Clone(p.ups), i, i+1)
	p.count()
	down := p.giveUp()
	p.mu.Unlock()
	reenable(down)
}

// lodgings returns what may have connections for clients alone. There is always one.
func (p *pool) lodgings() []*owns {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*owns, len(p.ups))
	for i, u := range p.ups {
		list[i] = &u.owns
	}
	return list
}

// retire has nobody come to b any more. Who waits to have it alone finds another place; who has something open here waits for
// the end of that.
func (p *pool) retire(b *Backend) {
	p.mu.Lock()
	b.leaving = true
	if s := b.sole; s != nil && !b.gone {
		b.sole, s.seat.emptied, s.seat.waiting = nil, nil, false
		p.apart--
		p.soles.push(s)
	}
	woken := p.empty(nil)
	p.mu.Unlock()
	reenable(woken)
}

// vacant reports whether nobody has a place on b.
func (p *pool) vacant(b *Backend) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return b.gone || b.taken == 0
}

// circuit says that the circuit of u was opened or closed.
func (p *pool) circuit(u *upstream, open bool) {
	p.mu.Lock()
	u.tenure.open = open
	p.count()
	down := p.giveUp()
	p.mu.Unlock()
	reenable(down)
}

// giveUp empties the queues if there is no backend to wait for, and returns who was in it.
func (p *pool) giveUp() (down []*Session) {
	if !p.deserted() {
		return nil
	}
	for _, q := range [...]*waiters{&p.queue, &p.soles} {
		for q.first != nil {
			down = append(down, q.first)
			q.remove(q.first)
		}
	}
	return down
}

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
