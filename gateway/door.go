package gateway

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// door is where the clients of a route come in: it says who may, and knows who is in.
type door struct {
	name   string
	logger *logrus.Entry

	gate     atomic.Pointer[gate] // that leads here; nil: none yet
	draining atomic.Bool          // set under mu
	paused   atomic.Bool          // an operator has clients hear Later
	shakes   shakeCounters
	starved  atomic.Uint64 // times that the system had no descriptor for a client

	mu      sync.Mutex
	most    int // connections
	perPeer int // from one address
	guests  map[guest]stay
	hosts   map[string]int // connections by address
	debts   debts
	empty   chan struct{} // closed when draining and the last guest has left
	vacated bool          // it is
	aborted error         // why everyone is to end now
}

// stay is what the door knows of a client that is in.
type stay struct {
	host    string
	settled bool // it has a connection, and can be drained and aborted
}

// guest is a client that is in.
type guest interface {
	// drain has it end when what it has open is done.
	drain()
	// abort has it end now.
	abort(cause error)
	// nudge has it look again whether it may go on with what it waits for.
	nudge()
	// id is its number among all clients of the process.
	id() uint64
	// view returns what others may see of it, but for its route. It locks it.
	view(now time.Time) SessionView
	// census counts it, and its requests. It locks it.
	census(to *States)
}

func newDoor(conf *Route, l Limits, log *logrus.Entry) *door {
	d := &door{name: conf.Name, most: l.Connections, perPeer: l.ConnectionsPerPeer, guests: map[guest]stay{}, hosts: map[string]int{}, empty: make(chan struct{})}
	if log != nil {
		d.logger = log.WithField("route", conf.Name)
	}
	return d
}

func (d *door) entrance() *door { return d }

// bound has other limits hold from now on. Who is in stays.
func (d *door) bound(l Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most, d.perPeer = l.Connections, l.ConnectionsPerPeer
}

// enter counts g in, who comes from peer. It returns the limit that it would exceed, and false.
// Peer is empty if it is not known yet, and meet then tells. Once g has its connection it settles.
func (d *door) enter(g guest, peer string) (limit, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.guests) >= d.most {
		return limitConnections, false
	}
	if !d.countHost(g, hostOf(peer)) {
		return limitPerPeer, false
	}
	return 0, true
}

// settle has g, who is in, drained and aborted with all others from now on, and at once if the others were by now.
func (d *door) settle(g guest) {
	d.mu.Lock()
	s, in := d.guests[g]
	if in {
		s.settled = true
		d.guests[g] = s
	}
	aborted := d.aborted
	d.mu.Unlock()
	switch {
	case !in:
	case aborted != nil:
		g.abort(aborted)
	case d.draining.Load():
		g.drain()
	}
}

// meet counts g, who is in, for peer. It is false if too many have come from there.
func (d *door) meet(g guest, peer string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, in := d.guests[g]
	return in && d.countHost(g, hostOf(peer))
}

func (d *door) countHost(g guest, host string) bool {
	if host != "" {
		if d.hosts[host] >= d.perPeer {
			return false
		}
		d.hosts[host]++
	}
	s := d.guests[g]
	s.host = host
	d.guests[g] = s
	return true
}

// forget counts g out. It is false if that was done before.
func (d *door) forget(g guest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, in := d.guests[g]
	if !in {
		return false
	}
	delete(d.guests, g)
	if d.hosts[s.host]--; d.hosts[s.host] <= 0 {
		delete(d.hosts, s.host)
	}
	d.vacate()
	return true
}

// vacate says that the last guest has left, if it has. d is locked.
func (d *door) vacate() {
	if d.draining.Load() && len(d.guests) == 0 && !d.vacated {
		d.vacated = true
		close(d.empty)
	}
}

// drain has every guest end when what it has open is done.
func (d *door) drain() {
	d.mu.Lock()
	d.draining.Store(true)
	d.vacate()
	d.mu.Unlock()
	for _, g := range d.all(true) {
		g.drain()
	}
}

// abort has every guest that is left end now.
func (d *door) abort(cause error) {
	d.mu.Lock()
	d.aborted = cause
	d.mu.Unlock()
	for _, g := range d.all(true) {
		g.abort(cause)
	}
}

// all returns who is in, or only those who have settled.
func (d *door) all(settled bool) []guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]guest, 0, len(d.guests))
	for g, s := range d.guests {
		if s.settled || !settled {
			all = append(all, g)
		}
	}
	return all
}

// clients returns how many are in.
func (d *door) clients() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.guests)
}

// address returns where clients come in, nil if they cannot yet.
func (d *door) address() net.Addr {
	if g := d.gate.Load(); g != nil {
		return g.listener.Addr()
	}
	return nil
}

// turnAway says words, if there are any, to a connection for which there is no room, and closes it.
func turnAway(conn net.Conn, words []byte) {
	if len(words) > 0 {
		_ = conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)) // they fit the socket's empty buffer
		_, _ = conn.Write(words)
	}
	_ = conn.Close()
}

// hostOf returns the host of "host:port", or all of it.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
