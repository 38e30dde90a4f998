package gateway

import (
	"cmp"
	"slices"
	"time"
)

// Sessions returns the clients of the route with that name, or of all if it is empty, the oldest first: at most limit, and
// whether there are more.
func (g *Gateway) Sessions(route string, limit int) (list []SessionView, more bool) {
	type visitor struct {
		guest
		route string
	}
	var all []visitor
	for _, f := range g.watched(route) {
		d := f.entrance()
		for _, v := range d.all(true) {
			all = append(all, visitor{v, d.name})
		}
	}
	slices.SortFunc(all, func(a, b visitor) int { return cmp.Compare(a.id(), b.id()) })
	more = len(all) > limit
	all = all[:min(len(all), limit)]
	list = make([]SessionView, 0, len(all))
	now := time.Now()
	for _, v := range all {
		view := v.view(now)
		view.Route = v.route
		list = append(list, view)
	}
	return list, more
}

// watched returns the routes with that name, or all if it is empty: those of the configuration, and those that were replaced
// or removed and whose clients have not left yet.
func (g *Gateway) watched(name string) []front {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []front
	for _, f := range g.fronts {
		if name == "" || f.entrance().name == name {
			list = append(list, f)
		}
	}
	for f := range g.retired {
		if name == "" || f.entrance().name == name {
			list = append(list, f)
		}
	}
	return list
}

// exchanging returns those of kind Exchange.
func (g *Gateway) exchanging(name string) []*route {
	var list []*route
	for _, f := range g.watched(name) {
		if r, ok := f.(*route); ok {
			list = append(list, r)
		}
	}
	return list
}

// Backends returns every backend of every route of the configuration.
func (g *Gateway) Backends() []BackendView {
	list := []BackendView{}
	for _, f := range g.all() {
		list = append(list, f.backends()...)
	}
	return list
}

// States returns how many clients, requests and backend connections of the route with that name are in each state. It
// asks every client, so it is not for each turn of anything. It is empty if there is no such route.
func (g *Gateway) States(route string) States {
	s := States{Session: map[string]int{}, Exchange: map[string]int{}, Backend: map[string]int{}}
	for _, f := range g.watched(route) {
		for _, v := range f.entrance().all(true) {
			v.census(&s)
		}
		for _, b := range f.backends() {
			for state, n := range b.Links {
				s.Backend[state] += n
			}
		}
	}
	return s
}

// Latency returns how long answers of the last minute took on the route with that name.
func (g *Gateway) Latency(route string) Latency {
	var sum spread
	var most time.Duration
	now := momentOf(time.Now())
	for _, r := range g.exchanging(route) {
		for _, w := range r.workers {
			most = max(most, w.diary.recent(&sum, now))
		}
	}
	l := Latency{Count: sum.count(), Most: millis(most)}
	for q, v := range map[float64]*float64{0.5: &l.P50, 0.9: &l.P90, 0.99: &l.P99} {
		*v = millis(min(sum.quantile(q), most))
	}
	return l
}

// Durations is how long answers took on a route, since it was made: how many took no longer than each bound.
type Durations struct {
	Count uint64
	Sum   time.Duration
	Upto  map[time.Duration]uint64 // for each bound all that took no longer
}

// Durations returns how long answers took on the route with that name.
func (g *Gateway) Durations(name string) Durations {
	var sum spread
	for _, f := range g.all() { // not of those that are retired: what is counted must not fall when they have ended
		if r, ok := f.(*route); ok && r.name == name {
			for _, w := range r.workers {
				w.diary.total(&sum)
			}
		}
	}
	return sum.durations()
}

func (d *diary) total(sum *spread) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tempo.total(sum)
}

func (d *diary) recent(sum *spread, at moment) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tempo.recent(sum, at)
}

func (r *route) crew() []*worker { return r.workers }
func (r *relay) crew() []*worker { return r.workers }

// id is the Session's number.
func (s *Session) id() uint64 { return s.number }

// view returns what others may see of the Session.
func (s *Session) view(now time.Time) SessionView {
	v := SessionView{ID: s.number, Peer: s.peer, Identity: s.identity, Began: instant(s.began.time()), Age: millis(now.Sub(s.began.time()))}
	h := s.vc.Lock()
	defer h.Unlock()
	v.State = s.shownState()
	d := &s.desk
	v.Received, v.Refused, v.Strikes = d.shown.received, d.shown.refused, int(d.shown.strikes)
	v.Open, v.Queued = int(d.open), h.Queued()
	if d.waits && d.shown.queued != 0 {
		v.Open++
	}
	return v
}

// shownState is the state as others see it, who may have told the desk what the Session has not heard yet. The lock of its
// VConn is held.
func (s *Session) shownState() string {
	switch is := s.phase.is(); {
	case s.desk.closed:
		return SessionClosed
	case s.desk.draining && is == serving:
		return SessionDraining
	default:
		return sessionMachine.states[is]
	}
}

// census counts the Session and its requests.
func (s *Session) census(to *States) {
	h := s.vc.Lock()
	defer h.Unlock()
	to.Session[s.shownState()]++
	if s.desk.waits && s.desk.shown.queued != 0 {
		to.Exchange[ExchangeQueued]++
	}
	for x := s.desk.first; x != nil; x = x.next {
		if x.number != 0 && !x.done {
			to.Exchange[exchangeMachine.states[x.state]]++
		}
	}
}

func (r *route) backends() []BackendView {
	var list []BackendView
	for _, u := range r.upstreams {
		s := u.snapshot()
		list = append(list, BackendView{Route: r.name, Name: s.Name, Address: u.conf.Address, Circuit: s.Circuit, Admin: s.Admin, Links: s.Links,
			Tx: s.Tx, Rx: s.Rx, Pending: s.Pending, Expired: s.Expired, Lost: s.Lost, Dials: s.Dials, LastError: u.breaker.why()})
	}
	return list
}

// id is the client's number among all sessions.
func (c *relayed) id() uint64 { return c.number }

var relayStateNames = [...]string{"opening", "dialing", "opening", "open", "closed"}

// view returns what others may see of the client.
func (c *relayed) view(now time.Time) SessionView {
	began := time.Unix(0, c.began)
	c.mu.Lock()
	defer c.mu.Unlock()
	v := SessionView{ID: c.number, Peer: c.peer, State: relayStateNames[c.state], Began: instant(began), Age: millis(now.Sub(began))}
	if c.source != "" {
		v.Identity = c.source
	}
	return v
}

// census counts the client. A relay knows of no requests.
func (c *relayed) census(to *States) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to.Session[relayStateNames[c.state]]++
}

func (r *relay) backends() []BackendView {
	var list []BackendView
	s := r.snapshot()
	for i, u := range r.upstreams {
		b := &s.Backends[i]
		list = append(list, BackendView{Route: r.name, Name: b.Name, Address: u.conf.Address, Circuit: b.Circuit, Admin: b.Admin, Links: b.Links,
			Lost: b.Lost, Dials: b.Dials, LastError: u.breaker.why()})
	}
	return list
}
