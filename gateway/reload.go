package gateway

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// Change is what a Reload has done, each route by its name.
type Change struct {
	Kept    []string `json:"kept"`    // as they were
	Changed []string `json:"changed"` // with their clients, and with those backend connections to which nothing has changed
	Renewed []string `json:"renewed"` // for new clients; those that were there end when what they have open is done
	Added   []string `json:"added"`
	Removed []string `json:"removed"` // their clients end when what they have open is done
	Later   []string `json:"later"`   // what was changed beside routes, and takes effect when the program is started the next time
}

// ErrNotServing is the error of a Reload of a Gateway that has ended, or is about to.
var ErrNotServing = errors.New("the gateway does not serve any more")

// ErrRetired is the cause of what ends because its route was changed or removed.
var ErrRetired = errors.New("the route was changed or removed while the gateway runs")

// Reload has g do what c describes, while it serves. It first checks c and binds what is new; on any error nothing has
// happened. Then each listener leads to its new route, at once, and is never closed in between if it is in both.
//
// A route whose Revision is the same is left alone. Of one that was changed the clients stay, with what they have open, if it
// still speaks as it did (Speech, mode, balance), and so does each backend connection whose backend has not changed: the
// others end when nothing is open on them, and only then the ones that replace them are dialled, so that a backend never has
// more than it allows. The clients of a route that speaks differently, or was removed, are drained: what they have open is
// answered, for Config.Drain at most, and what they send beside hears Later. It does not wait for that, but for the beginning of
// Serve.
func (g *Gateway) Reload(c Config) (Change, error) {
	if err := c.Check(); err != nil {
		return Change{}, err
	}
	def(&c.Drain, 30*time.Second)
	select {
	case <-g.begun:
	case <-g.served:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ends {
		return Change{}, ErrNotServing
	}
	gates, err := g.bind(&c)
	if err != nil {
		return Change{}, err
	}
	g.berths.sweep()
	s := succession{g: g, change: Change{Kept: []string{}, Changed: []string{}, Renewed: []string{}, Added: []string{}, Removed: []string{}, Later: g.fixed(&c)}}
	s.settle(&c, gates)
	return s.change, nil
}

// fixed names what of c cannot be changed while the gateway runs. g is locked.
func (g *Gateway) fixed(c *Config) []string {
	list := []string{}
	if c.Shards != 0 && c.Shards != len(g.shards) {
		list = append(list, "shards")
	}
	for i := range c.Routes {
		if c.Routes[i].timeouts().Linger > g.longest {
			return append(list, "timeouts.linger")
		}
	}
	return list
}

// bind returns the listener of each route of c: one that is open already, or a new one. g is locked.
func (g *Gateway) bind(c *Config) ([]*gate, error) {
	gates := make([]*gate, len(c.Routes))
	free := slices.Clone(g.gates)
	take := func(i int, fits func(*gate) bool) {
		if at := slices.IndexFunc(free, fits); at >= 0 && gates[i] == nil {
			gates[i] = free[at]
			free = slices.Delete(free, at, at+1)
		}
	}
	for i := range c.Routes { // its own first: there may be several at port 0
		r := &c.Routes[i]
		take(i, func(l *gate) bool { return l.serves(r) && (*l.front.Load()).entrance().name == r.Name })
	}
	var errs *multierror.Error
	var opened []*gate
	for i := range c.Routes {
		r := &c.Routes[i]
		take(i, func(l *gate) bool { return l.serves(r) && !anyPort(r.Listen) })
		if gates[i] != nil {
			continue
		}
		l, err := openGate(r, g.log)
		if err != nil {
			errs = multierror.Append(errs, err)
			continue
		}
		gates[i] = l
		opened = append(opened, l)
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, errors.Join(err, closeGates(opened))
	}
	return gates, nil
}

// succession is a Reload that cannot fail any more. The Gateway is locked.
type succession struct {
	g      *Gateway
	change Change
}

// settle makes the routes of c those of the Gateway, behind gates.
func (s *succession) settle(c *Config, gates []*gate) {
	g := s.g
	old := map[string]front{}
	for _, f := range g.fronts {
		old[f.entrance().name] = f
	}
	was := g.gates
	g.conf.Routes, g.conf.Drain = c.Routes, c.Drain
	g.fronts, g.routes, g.relays, g.gates = nil, nil, nil, gates
	stays := map[string]bool{}
	for i := range c.Routes {
		stays[c.Routes[i].Name] = true
	}
	for name, f := range old {
		if !stays[name] {
			s.change.Removed = append(s.change.Removed, name)
			s.end(f)
		}
	}
	slices.Sort(s.change.Removed)
	for i := range c.Routes {
		conf := &c.Routes[i]
		l, f := gates[i], g.list(s.route(*conf, old[conf.Name]))
		g.lead(l, f)
		if r, ok := f.(*route); ok {
			g.start(r)
		}
		if !slices.Contains(was, l) {
			g.crew.acceptors.Go(func() { l.accept(g.crew.accept) })
		}
	}
	for _, l := range was {
		if !slices.Contains(gates, l) {
			_ = l.close()
		}
	}
}

// route returns the route that conf describes, in the place of old, which is nil if there was none.
func (s *succession) route(conf Route, old front) front {
	switch old := old.(type) {
	case *relay:
		switch {
		case conf.Kind != Relay:
		case same(old.conf.Revision, conf.Revision):
			s.change.Kept = append(s.change.Kept, conf.Name)
			return old
		default:
			s.change.Changed = append(s.change.Changed, conf.Name)
			r := newRelay(conf, s.g.shards, s.g.log, old)
			remain(r, old)
			return r
		}
	case *route:
		switch {
		case conf.Kind == Relay:
		case same(old.conf.Revision, conf.Revision):
			s.change.Kept = append(s.change.Kept, conf.Name)
			return old
		default:
			if r := readRoute(conf); r.follows(old) {
				s.change.Changed = append(s.change.Changed, conf.Name)
				s.inherit(r, old)
				return r
			}
		}
	}
	if old == nil {
		s.change.Added = append(s.change.Added, conf.Name)
	} else {
		s.change.Renewed = append(s.change.Renewed, conf.Name)
		s.end(old)
	}
	if conf.Kind == Relay {
		r := newRelay(conf, s.g.shards, s.g.log, nil)
		if old != nil {
			remain(r, old)
		}
		return r
	}
	r := newRoute(conf, s.g.shards, s.g.log)
	if old, ok := old.(*route); ok {
		r.counters = old.counters
		r.begin()
	}
	s.berth(r.upstreams)
	if old != nil {
		remain(r, old)
	}
	return r
}

// end drains a route that nobody leads to any more.
func (s *succession) end(f front) {
	g := s.g
	if r, ok := f.(*route); ok {
		s.vacate(r.upstreams)
	}
	f.entrance().drain()
	g.retired[f] = true
	drain := g.conf.Drain
	g.crew.retires.Go(func() {
		await(g.crew.dial, f.entrance().empty, drain)
		f.entrance().abort(ErrRetired)
		switch f := f.(type) {
		case *route:
			for _, u := range f.upstreams {
				u.end(0)
			}
			for _, m := range f.mirrors {
				m.stop()
			}
		case *relay:
			f.stop()
			f.dials.Wait()
		}
		g.forget(f)
	})
}

// forget is the end of a route that was retired.
func (g *Gateway) forget(f front) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.retired, f)
}

// inherit gives r the clients of old, and what of its backends and mirrors is the same.
func (s *succession) inherit(r, old *route) {
	r.door, r.line, r.workers, r.counters = old.door, old.line, old.workers, old.counters
	r.register, r.kept, r.pools = old.register, old.kept, old.pools
	r.door.bound(r.limits)
	if r.conf.Keep != old.conf.Keep {
		r.kept = newKept(r.conf.Keep, r.repeating)
	}
	left := slices.Clone(old.upstreams)
	for i := range r.conf.Backends {
		conf := r.conf.Backends[i].withDefaults(&r.conf)
		p := r.pools[min(i, len(r.pools)-1)]
		at := slices.IndexFunc(left, func(u *upstream) bool { return u.pool == p && r.holds(u, &conf, old) })
		if at >= 0 {
			r.upstreams = append(r.upstreams, left[at])
			left = slices.Delete(left, at, at+1)
			continue
		}
		r.upstreams = append(r.upstreams, newUpstream(r, p, conf))
	}
	for _, u := range left {
		u.of.Store(r)
		for _, heir := range r.upstreams {
			if heir.conf.Name == u.conf.Name {
				heir.inherit(u)
			}
		}
		u.pool.dismiss(u)
	}
	s.mirrors(r, old)
	s.vacate(left)
	s.berth(r.upstreams)
	r.begin()
	drain := s.g.conf.Drain
	for _, u := range left {
		s.g.crew.retires.Go(func() { u.end(drain) })
	}
}

// mirrors gives r those mirrors of old that are the same, and ends the others.
func (s *succession) mirrors(r, old *route) {
	left := slices.Clone(old.mirrors)
	for i := range r.conf.Mirrors {
		conf := r.conf.Mirrors[i].withDefaults(&r.conf)
		if at := slices.IndexFunc(left, func(m *mirror) bool { return same(m.conf.Revision, conf.Revision) }); at >= 0 {
			r.mirrors = append(r.mirrors, left[at])
			left = slices.Delete(left, at, at+1)
			continue
		}
		r.mirrors = append(r.mirrors, newMirror(r, conf))
	}
	for _, m := range left {
		for _, heir := range r.mirrors {
			if heir.stop == nil && heir.conf.File == m.conf.File && heir.conf.Address == m.conf.Address {
				heir.after = m.left // two that write to one file would write into one another's lines
			}
		}
		m.stop()
	}
}

// vacate has the connections of list end when nothing is open on them, and notes whose place they leave.
func (s *succession) vacate(list []*upstream) {
	for _, u := range list {
		s.g.berths[u.berth()] = append(s.g.berths[u.berth()], u.tenure.left...)
		u.tenure.retire()
	}
}

// berth has the connections of list that are new begin when those have ended whose place they take.
func (s *succession) berth(list []*upstream) {
	for _, u := range list {
		if u.tenure.retire == nil {
			free := s.g.berths[u.berth()]
			n := copy(u.tenure.after, free)
			s.g.berths[u.berth()] = free[n:]
		}
	}
}

// follows reports whether r can go on with the clients of old, and with what they have open.
func (r *route) follows(old *route) bool {
	a, b := &r.conf, &old.conf
	if !same(a.Speech, b.Speech) || r.mode != old.mode || a.Balance != b.Balance {
		return false
	}
	if a.Balance == ByKey && !slices.EqualFunc(a.Backends, b.Backends, func(x, y BackendConfig) bool { return x.name() == y.name() }) {
		return false // other backends have the keys
	}
	return r.keep == old.keep && r.closing == old.closing && (r.carrying == nil) == (old.carrying == nil)
}

// holds reports whether u, of old, is what conf describes for r.
func (r *route) holds(u *upstream, conf *BackendConfig, old *route) bool {
	return same(u.conf.Revision, conf.Revision) && r.limits.Tunnel == old.limits.Tunnel && r.limits.Frame == old.limits.Frame &&
		r.timeouts.Answer == old.timeouts.Answer
}

// same reports whether two revisions are the same, and say anything.
func same(a, b string) bool { return a != "" && a == b }

// await returns when done is closed, ctx is done, or after d.
func await(ctx context.Context, done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-ctx.Done():
	case <-t.C:
	}
}

// follow has the Session go on under the route that has replaced its own, if one has: it speaks as that did.
func (s *Session) follow(own *tunnel.Owner) {
	r := s.route.line.Load()
	if r == s.route {
		return
	}
	if r.timeouts.Idle != s.route.timeouts.Idle {
		own.SetIdle(max(r.timeouts.Idle, 0))
	}
	h := s.vc.Lock()
	defer h.Unlock()
	s.route = r
	s.resume = protocol.Resume{} // what is there of a frame is looked at again
}
