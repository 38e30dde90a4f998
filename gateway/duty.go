package gateway

import (
	"context"
	"errors"
	"sync"
)

// Duty is whether an operator has a backend get requests.
type Duty uint8

const (
	// Enabled is a backend that gets requests.
	Enabled Duty = iota
	// Draining is one that gets no more; what it has is answered, and its connections stay open.
	Draining
	// Disabled is Draining, and each connection is closed once nothing is open on it, and none is dialled.
	Disabled
)

var dutyNames = [...]string{"enabled", "draining", "disabled"}

// String returns the name that operators know.
func (d Duty) String() string { return dutyNames[d] }

// duty is the Duty of one upstream. Whoever changes it has the Gateway's lock.
type duty struct {
	mu  sync.Mutex
	is  Duty
	off chan struct{} // closed while it is Disabled
	on  chan struct{} // closed while it is not
}

// begin is called once, before all others.
func (d *duty) begin() {
	d.off, d.on = make(chan struct{}), make(chan struct{})
	close(d.on)
}

func (d *duty) get() Duty {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.is
}

func (d *duty) set(to Duty) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case to == Disabled && d.is != Disabled:
		close(d.off)
		d.on = make(chan struct{})
	case to != Disabled && d.is == Disabled:
		close(d.on)
		d.off = make(chan struct{})
	}
	d.is = to
}

// ended is closed while connections are to end, and begun while they may be dialled.
func (d *duty) ended() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

func (d *duty) begun() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.on
}

// wait waits until connections may be dialled. It is false when ctx is done.
func (d *duty) wait(ctx context.Context) bool {
	select {
	case <-d.begun():
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// errDisabled is the cause of a backend connection that was closed because an operator has said so.
var errDisabled = errors.New("an operator has disabled the backend")

// put has u do its duty from now on.
func (u *upstream) put(d Duty) {
	was := u.duty.get()
	if was == d {
		return
	}
	if was == Enabled {
		u.pool.bar(u, true)
		u.owns.close()
	}
	u.duty.set(d)
	if d == Enabled {
		u.owns.reopen()
		u.pool.bar(u, false)
	}
}

// rest ends b, as u is disabled: nobody comes to it any more, and it closes when nothing is open there.
func (u *upstream) rest(ctx context.Context, m *machine, b *Backend) {
	u.fire(ctx, m, backendDrain)
	u.pool.retire(b)
	u.emptied(b)
	b.lose(errDisabled)
	<-b.ended
	u.fire(ctx, m, backendRest)
	u.route().logBackend(u, "backend connection closed, as the backend is disabled", nil)
}

// bar has nobody come to the connections of u, or ends that.
func (p *pool) bar(u *upstream, on bool) { reenable(p.barred(u, on)) }

func (p *pool) barred(u *upstream, on bool) (woken []*Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u.barred = on
	p.count()
	for _, b := range p.ready {
		if b.up != u {
			continue
		}
		b.barred = on
		switch s := b.sole; {
		case !on && !b.gone:
			woken = p.fill(b, woken)
		case on && s != nil: // it finds another to have alone
			b.sole, s.seat.emptied, s.seat.waiting = nil, nil, false
			p.apart--
			p.soles.push(s)
		}
		if on && b.taken == 0 {
			woken = append(woken, p.evict(b)...)
		}
	}
	woken = p.empty(woken)
	return append(woken, p.giveUp()...)
}

// count counts the upstreams that may still come to have connections. The lock is held.
func (p *pool) count() {
	p.up = 0
	for _, u := range p.ups {
		if !u.tenure.open && !u.barred {
			p.up++
		}
	}
}

// deserted reports whether there is no backend to wait for. The lock is held.
func (p *pool) deserted() bool {
	if p.up > 0 {
		return false
	}
	for _, b := range p.ready {
		if !b.barred {
			return false
		}
	}
	return true
}

// reopen is the end of close.
func (o *owns) reopen() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = o.dialing == nil || o.dialing.Err() != nil
}
