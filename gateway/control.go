package gateway

import (
	"errors"
	"fmt"
)

// Causes of what ends, or is not done, because an operator has said so, or has named what is not there.
var (
	ErrNotFound = errors.New("there is none")
	ErrKicked   = errors.New("an operator has ended the connection")
)

// Kick ends the client with that id now. What it has open goes on at the backend, and its results are dropped.
func (g *Gateway) Kick(session uint64) error {
	for _, f := range g.watched("") {
		for _, v := range f.entrance().all(true) {
			if v.id() == session {
				v.abort(ErrKicked)
				return nil
			}
		}
	}
	return fmt.Errorf("session %d: %w; it may have left", session, ErrNotFound)
}

// Pause has the clients of a route hear Later, whatever they ask, until Resume. What a backend has is answered. It lasts
// through a Reload.
func (g *Gateway) Pause(route string) error { return g.pause(route, true) }

// Resume is the end of Pause.
func (g *Gateway) Resume(route string) error { return g.pause(route, false) }

func (g *Gateway) pause(name string, on bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.fronts {
		d := f.entrance()
		if d.name != name {
			continue
		}
		d.paused.Store(on)
		for _, v := range d.all(true) {
			v.nudge()
		}
		return nil
	}
	return fmt.Errorf("route %s: %w with this name", name, ErrNotFound)
}

// Assign has a backend of a route do that duty, until another is assigned. It does not wait. It lasts through a Reload, as
// long as the backend keeps its name.
func (g *Gateway) Assign(route, backend string, d Duty) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.fronts {
		if f.entrance().name != route {
			continue
		}
		if !f.assign(backend, d) {
			return fmt.Errorf("route %s, backend %s: %w with this name", route, backend, ErrNotFound)
		}
		return nil
	}
	return fmt.Errorf("route %s: %w with this name", route, ErrNotFound)
}

// remain has f go on as an operator has left old, which it takes the place of.
func remain(f, old front) {
	f.entrance().paused.Store(old.entrance().paused.Load())
	for name, d := range old.duties() {
		f.assign(name, d)
	}
}

// assign has the backend of that name do d. It is false if there is none.
func (r *route) assign(name string, d Duty) bool {
	for _, u := range r.upstreams {
		if u.conf.Name == name {
			u.put(d)
			return true
		}
	}
	return false
}

// duties returns those of all backends, by name.
func (r *route) duties() map[string]Duty {
	all := map[string]Duty{}
	for _, u := range r.upstreams {
		all[u.conf.Name] = u.duty.get()
	}
	return all
}

// nudge has a request that waits for room looked at again.
func (s *Session) nudge() { s.vc.Reenable() }

// assign is that of a route. Disabled ends the relays to the backend, as nobody knows when nothing is open on one.
func (r *relay) assign(name string, d Duty) bool {
	for _, u := range r.upstreams {
		if u.conf.Name != name {
			continue
		}
		u.duty.Store(uint32(d))
		if d == Disabled {
			for _, v := range r.all(true) {
				if c := v.(*relayed); c.with(u) {
					c.abort(errDisabled)
				}
			}
		}
		return true
	}
	return false
}

func (r *relay) duties() map[string]Duty {
	all := map[string]Duty{}
	for _, u := range r.upstreams {
		all[u.conf.Name] = Duty(u.duty.Load())
	}
	return all
}

// with reports whether the client's tunnel leads to u.
func (c *relayed) with(u *relayUpstream) bool {
	way, up := c.tunnel()
	return way != nil && up.conf.Name == u.conf.Name
}

// nudge does nothing: no client of a relay waits for room.
func (c *relayed) nudge() {}
