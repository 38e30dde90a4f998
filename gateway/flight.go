package gateway

import (
	"cmp"
	"slices"
	"time"
)

// Exchanges returns the requests of the route with that name, or of all if it is empty, that are not over, the oldest
// first: at most limit, and whether there are more.
func (g *Gateway) Exchanges(route string, limit int) (list []ExchangeView, more bool) {
	now := time.Now()
	oldest := func(a, b ExchangeView) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID))
	}
	list = []ExchangeView{}
	for _, r := range g.exchanging(route) {
		for _, v := range r.all(true) {
			list = v.(*Session).inFlight(list, now)
			if len(list) > 4*limit+1024 { // there may be very many, and few are wanted
				slices.SortFunc(list, oldest)
				list, more = list[:limit], true
			}
		}
	}
	slices.SortFunc(list, oldest)
	return list[:min(len(list), limit)], more || len(list) > limit
}

// inFlight appends the requests of the Session that are not over to list.
func (s *Session) inFlight(list []ExchangeView, now time.Time) []ExchangeView {
	h := s.vc.Lock()
	defer h.Unlock()
	for x := s.desk.first; x != nil; x = x.next {
		if x.number == 0 || x.done {
			continue // an answer that waits for its turn
		}
		began := x.arrived()
		v := ExchangeView{ID: x.number, Route: s.route.name, Session: s.number, Peer: s.peer, State: exchangeMachine.states[x.state],
			Began: instant(began), Age: millis(now.Sub(began)), Waited: x.track.heard > 0}
		v.Backend, v.Link = x.track.link.names()
		list = append(list, v)
	}
	if q := &s.desk.shown; s.desk.waits && q.queued != 0 {
		list = append(list, ExchangeView{ID: q.queued, Route: s.route.name, Session: s.number, Peer: s.peer, State: ExchangeQueued,
			Began: instant(q.since.time()), Age: millis(now.Sub(q.since.time()))})
	}
	return list
}

// arrived is when x came, before it waited for room.
func (x *exchange) arrived() time.Time { return x.began.time().Add(-x.track.queued.duration()) }

// Exchange returns the life of the request with that id: one that is not over, one of the last that are, or one of the
// last that were refused. It is false if it is not known any more, or has never been.
func (g *Gateway) Exchange(id uint64) (ExchangeLife, bool) {
	routes := g.exchanging("")
	for _, r := range routes { // what ends meanwhile is found in a diary
		for _, v := range r.all(true) {
			if l, ok := v.(*Session).life(id); ok {
				return l, true
			}
		}
	}
	for _, r := range routes {
		for _, w := range r.workers {
			if l, ok := w.diary.life(r, id); ok {
				return l, true
			}
		}
	}
	return ExchangeLife{}, false
}

// Refusals returns the last requests, or clients of a relay, that were refused on the route with that name, or on all if it is empty, the newest
// first: at most limit, and whether there are more.
func (g *Gateway) Refusals(route string, limit int) (list []RefusalView, more bool) {
	list = []RefusalView{}
	for _, f := range g.watched(route) {
		for _, w := range f.crew() {
			list = w.diary.rebuffs(f.entrance().name, list, limit+1)
		}
	}
	slices.SortStableFunc(list, func(a, b RefusalView) int { return b.At.Compare(a.At) })
	return list[:min(len(list), limit)], len(list) > limit
}

// rebuffs appends the last of a route to list, most at most.
func (d *diary) rebuffs(route string, list []RefusalView, most int) []RefusalView {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusals.backwards(func(q *rebuff) bool {
		list = append(list, RefusalView{ID: q.number, At: instant(q.at.time()), Route: route, Session: q.session, Peer: q.peer, Identity: q.who, Class: q.class.String(),
			Cause: q.cause, Text: q.text, Reasons: viewReasons(q.reasons), More: q.more})
		most--
		return most > 0
	})
	return list
}

// Ended returns the last requests that are over and were not refused, of the route with that name, or of all if it is empty,
// the newest first: only those in that state, if it is not empty, at most limit, and whether there are more. Their age is how
// long they took.
func (g *Gateway) Ended(route, state string, limit int) (list []ExchangeView, more bool) {
	list = []ExchangeView{}
	for _, r := range g.exchanging(route) {
		for _, w := range r.workers {
			list = w.diary.endings(r.name, state, list, limit+1)
		}
	}
	slices.SortStableFunc(list, func(a, b ExchangeView) int {
		return cmp.Or(b.end().Compare(a.end()), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(len(list), limit)], len(list) > limit
}

// end is when it was over, if it is.
func (v *ExchangeView) end() time.Time {
	return v.Began.Add(time.Duration(v.Age * float64(time.Millisecond)))
}

// endings appends the last of a route to list, most at most.
func (d *diary) endings(route, state string, list []ExchangeView, most int) []ExchangeView {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended.backwards(func(p *page) bool {
		if is := exchangeMachine.states[p.state]; state == "" || state == is {
			came := p.began.time().Add(-p.track.queued.duration())
			v := ExchangeView{ID: p.number, Route: route, Session: p.session, Peer: p.peer, State: is, Began: instant(came), Age: millis(p.ended.time().Sub(came)), Waited: p.track.heard > 0}
			v.Backend, v.Link = p.track.link.names()
			list = append(list, v)
			most--
		}
		return most > 0
	})
	return list
}
