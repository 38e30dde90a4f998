package tunnel

import "time"

// Owner is a VConn as the Handler behind it sees it. Its methods need no lock, because they are used only in a call
// that the Shard makes, and by whoever made the connection before its first Reenable.
type Owner struct {
	vc *VConn
}

// VConn returns the connection.
func (o *Owner) VConn() *VConn { return o.vc }

// Now returns the time of the turn: the clock is read once for all calls in it.
func (o *Owner) Now() time.Time {
	s := o.vc.shard
	s.now()
	return s.clock
}

// Pause stops Data and End, and the reading, until the next Reenable. One that comes while the pausing call still runs
// counts.
func (o *Owner) Pause() { o.vc.paused = true }

// Leaving reports whether it is known that the peer will send nothing more than what is unread, or is gone.
func (o *Owner) Leaving() bool { return o.vc.hung || o.vc.end != nil || o.vc.broken != nil }

// HandTo makes h the Handler when the call that it is made in returns, with all that is unread: what that call does not
// take is the first that h is offered, and an end that is known is told again. What the old Handler asked of Wake is
// forgotten; the limits stay and concern h. With nil nothing more is read until somebody gets the connection.
func (o *Owner) HandTo(h Handler) {
	vc := o.vc
	vc.handler = h
	_, vc.works = h.(worker)
	vc.told = toldNone
	vc.fresh = true
	if vc.clock != nil {
		vc.clock.wake = 0
	}
	if vc.live {
		vc.Reenable()
	}
}

// Wake asks for a call of the Handler's Tick at or soon after at. One wake is pending at a time, the earliest that was
// asked for, and it costs next to nothing to ask again for the same or a later one. The zero time asks for nothing and
// cancels nothing.
func (o *Owner) Wake(at time.Time) {
	if at.IsZero() {
		return
	}
	vc := o.vc
	t := max(int64(at.Sub(vc.shard.base)), 1)
	c := vc.timed()
	if c.wake != 0 && c.wake <= t {
		return
	}
	c.wake = t
	vc.shard.remind(c)
}

// SetIdle limits the time without progress, which is a byte read or written, in either direction. It is counted from
// now. Zero or less takes the limit away. When it is reached the Handler's Idle is called.
func (o *Owner) SetIdle(d time.Duration) {
	vc := o.vc
	c := vc.timed()
	c.idle, c.rests = max(d, 0), false
	c.progress = vc.shard.elapsed()
	if vc.pump != nil {
		vc.pump.rests.Store(false)
	}
	vc.shard.remind(c)
}

// SetTotal limits the time from now on, whatever happens meanwhile. Zero or less takes the limit away. When it is
// reached the Handler's Expired is called.
func (o *Owner) SetTotal(d time.Duration) {
	vc := o.vc
	c := vc.timed()
	c.total = 0
	if d > 0 {
		c.total = vc.shard.elapsed() + int64(d)
	}
	vc.shard.remind(c)
}

// timed returns the clock of vc, which it gets if it had none.
func (vc *VConn) timed() *clock {
	if vc.clock == nil {
		vc.clock = &clock{vc: vc, at: never, index: -1}
	}
	return vc.clock
}
