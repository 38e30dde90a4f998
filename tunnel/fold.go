package tunnel

import (
	"time"
)

// folded is a TwoWay at rest: two plain sockets of one Shard between which nothing has moved for a while, and nothing
// waits. All that is needed to go on is in here; what serves a connection that moves is some ten times as much. The
// first event on either socket, a Stop, and the idle limit unfold it.
//
// It is the Shard's, but for moved, and for the way to it, which the TwoWay's lock guards.
type folded struct {
	shard    *Shard
	t        *TwoWay
	back     [2]Handler // whose the connections were
	moved    [2]int64
	fd, slot [2]int32
	size     [2]int
	progress int64 // of either, in the Shard's time
	peers    *resters
	prev     *folded
	next     *folded
}

// resters are the TwoWays at rest that have the same idle limit, the longest at rest first.
type resters struct {
	idle        time.Duration
	first, last *folded
}

// roused is an event of a connection that is at rest.
type roused struct {
	folded *folded
	slot   int32
	events uint32
}

// stir has t looked at from time to time, until it is folded or over.
func (s *Shard) stir(t *TwoWay) {
	if s.config.Rest < 0 || len(t.Tee) > 0 || t.ToFirst != nil || t.ToSecond != nil || t.first.vc.shard != s || t.first.vc.fd < 0 || t.second.vc.fd < 0 {
		return
	}
	s.stirring = append(s.stirring, t)
	if s.survey == 0 {
		s.survey = s.elapsed() + int64(s.config.Rest)
	}
}

// surveyed folds what has not moved since the last look, and ends what has rested for too long.
func (s *Shard) surveyed(now int64) {
	if s.survey != 0 && s.survey <= now {
		kept := s.stirring[:0]
		for _, t := range s.stirring {
			if t.stirs() && !s.fold(t) {
				kept = append(kept, t)
			}
		}
		clear(s.stirring[len(kept):])
		s.stirring = kept
		s.survey = 0
		if len(kept) > 0 {
			s.survey = now + int64(s.config.Rest)
		}
	}
	for _, list := range s.resters {
		for r := list.first; r != nil && list.idle > 0 && r.progress+int64(list.idle) <= now; r = list.first {
			t := r.t
			s.unfold(r)
			t.Stop(ErrIdle)
		}
	}
}

// surveyAt returns when surveyed is to be called, never if there is nothing to see.
func (s *Shard) surveyAt() int64 {
	at := int64(never)
	if s.survey != 0 {
		at = s.survey
	}
	for _, list := range s.resters {
		if list.first != nil && list.idle > 0 {
			at = min(at, list.first.progress+int64(list.idle))
		}
	}
	return at
}

// stirs reports whether t has begun and nothing of it has ended.
func (t *TwoWay) stirs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ways != nil && t.over == 0
}

// fold folds t if it has not moved since it was last looked at.
func (s *Shard) fold(t *TwoWay) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.ways
	moved := w.there.taken.Load() + w.back.taken.Load() + 1
	if still := w.moved == moved; !still || !w.there.still(t.Idle) || !w.back.still(t.Idle) {
		w.moved = moved
		return false
	}
	r := &folded{shard: s, t: t}
	for i, f := range [...]*flow{&w.there, &w.back} {
		vc := f.from
		r.back[i], r.moved[i] = f.back, f.taken.Load()
		r.fd[i], r.slot[i], r.size[i] = vc.fd, vc.slot, vc.out.size
		if c := vc.clock; c != nil {
			r.progress = max(r.progress, c.progress)
			s.forget(c)
			vc.clock = nil
		}
		vc.out.forsake()
		// Who still knows it finds a connection that has ended.
		vc.released, vc.fd, vc.handler = true, -1, nil
		vc.word.Store(scheduled)
	}
	t.ways, t.folded = nil, r
	t.first.vc, t.second.vc = nil, nil
	s.settleDown(r)
	return true
}

// still reports whether nothing of f is under way, and nothing is asked of its source but its idle limit.
func (f *flow) still(limit time.Duration) bool {
	vc := f.from
	if f.state != flowOpen || f.through != nil || f.stopped.Load() != nil || f.signals.Load() != 0 || f.until != 0 || f.orphan.Load() || f.limit.Load() >= 0 {
		return false
	}
	quiet := marks{live: true, works: vc.works}
	if vc.marks != quiet || vc.pump != nil || vc.end != nil || vc.broken != nil || len(vc.kept) > 0 || vc.told != toldNone || vc.asked.Load() != 0 ||
		vc.word.Load() != idle || vc.missed.Load() || vc.handler != Handler(f) {
		return false
	}
	if c := vc.clock; c != nil && (c.wake != 0 || c.total != 0 || c.linger != 0 || c.idle != limit || c.rests) {
		return false
	}
	return vc.out.still()
}

// still reports whether nothing is in b, and nobody but the tunnel has to do with it.
func (b *buffer) still() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.claim
	return c != nil && c.aside == nil && (c.pipe == nil || c.pipe.n == 0 && !c.pipe.busy) && b.fill() == 0 && b.reserved == 0 && b.wait == nil && b.err == nil && !b.dropped && b.feed == nil && len(b.more) == 0
}

// forsake ends the claim on b, in which there is nothing.
func (b *buffer) forsake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.claim.pipe; q != nil {
		q.leave()
	}
	b.claim = nil
}

// settleDown lists r.
func (s *Shard) settleDown(r *folded) {
	s.mu.Lock()
	for i := range r.slot {
		s.slots[r.slot[i]] = place{folded: r}
	}
	s.mu.Unlock()
	for _, list := range s.resters {
		if list.idle == r.t.Idle {
			r.peers = list
		}
	}
	if r.peers == nil {
		r.peers = &resters{idle: r.t.Idle}
		s.resters = append(s.resters, r.peers)
	}
	l := r.peers
	r.prev = l.last
	if l.last == nil {
		l.first = r
	} else {
		l.last.next = r
	}
	l.last = r
}

// leave takes r off its list.
func (r *folded) leave() {
	l := r.peers
	if r.prev == nil {
		l.first = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		l.last = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.peers, r.prev, r.next = nil, nil, nil
}

// unfold makes of r what it was. It is done at most once.
func (s *Shard) unfold(r *folded) {
	if r.peers == nil {
		return
	}
	r.leave()
	t := r.t
	var conns [2]*VConn
	for i := range conns {
		vc := &VConn{shard: s, handler: r.back[i], fd: r.fd[i], slot: r.slot[i]}
		vc.own.vc, vc.out.size, vc.live = vc, r.size[i], true
		vc.claimed.Store(true)
		conns[i] = vc
	}
	s.mu.Lock()
	for i, vc := range conns {
		s.slots[r.slot[i]] = place{vc: vc}
	}
	s.mu.Unlock()
	t.mu.Lock()
	w := t.open(conns[0], conns[1])
	w.there.taken.Store(r.moved[0])
	w.back.taken.Store(r.moved[1])
	t.first.vc, t.second.vc = conns[0], conns[1]
	t.ways, t.folded = w, nil
	t.mu.Unlock()
	for _, f := range [...]*flow{&w.there, &w.back} {
		f.begin()
		if t.Idle > 0 {
			c := f.from.timed()
			c.idle, c.progress = t.Idle, r.progress
			s.remind(c)
		}
	}
	s.stir(t)
}

// stop is Stop of what is folded: its Shard unfolds it for that.
func (r *folded) stop(cause error) {
	r.shard.order(nil, func() {
		r.shard.unfold(r)
		r.t.Stop(cause)
	})
}

// rouse unfolds everything.
func (s *Shard) rouse() {
	for _, list := range s.resters {
		for list.first != nil {
			s.unfold(list.first)
		}
	}
}
