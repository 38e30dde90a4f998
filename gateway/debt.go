package gateway

import (
	"sync/atomic"

	"github.com/sallyport/sallyport/tunnel"
)

// debts are, by address, the requests of clients that have left, or are about to, which a backend still has. Who sends, closes and comes again
// costs the backend what any other does, so what it left behind counts for it. They are a door's, and guarded as that is.
type debts struct {
	all   atomic.Int64 // that there are none is what is looked at for each request
	hosts map[string]int
}

// owe notes n for host.
func (d *door) owe(host string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.debts.hosts == nil {
		d.debts.hosts = map[string]int{}
	}
	d.debts.hosts[host] += n
	d.debts.all.Add(int64(n))
}

// repay notes that the backend is done with one of them.
func (d *door) repay(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.debts.hosts[host]--; d.debts.hosts[host] <= 0 {
		delete(d.debts.hosts, host)
	}
	d.debts.all.Add(-1)
}

// owes returns how many there are for host.
func (d *door) owes(host string) int {
	if d.debts.all.Load() == 0 {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.debts.hosts[host]
}

// leaveDebts notes what the client leaves behind, or waits for when it has said that it is done: that it has only half closed
// its connection nobody can see. It asks for nothing more.
func (s *Session) leaveDebts() {
	h := s.vc.Lock()
	defer h.Unlock()
	if n := s.desk.open - s.desk.owed; n > 0 {
		s.desk.owed += n
		s.route.owe(hostOf(s.peer), int(n))
	}
}

// repayOne is for a request with which its backend is done.
func (s *Session) repayOne(_ *tunnel.Held) {
	if s.desk.owed > 0 {
		s.desk.owed--
		s.route.repay(hostOf(s.peer))
	}
}

// indebted reports whether so much that clients from the address of s have left behind is still at a backend that s may add
// nothing.
func (r *route) indebted(s *Session) bool {
	owed := r.owes(hostOf(s.peer))
	return owed > 0 && owed+int(s.lies) >= r.limits.InFlight
}
