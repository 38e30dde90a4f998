package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// dispatch stands between the requests that were admitted to a backend connection and a peer that takes only few at once,
// or one after a pause. What waits here has not been forwarded; reads that wait may leave as one. The Backend's sendMu
// guards it.
type dispatch struct {
	b     *Backend
	queue []*errand // in the order of arrival
	out   int       // frames without an answer
	next  time.Time // no frame leaves before
	lanes lanes
	apart apart
	timer *time.Timer
	over  []refusedErrand // are told when the lock is given back
	req   protocol.Message
	frame []byte
	id    []byte
}

// errand is a request that waits in a dispatch.
type errand struct {
	x      *exchange
	since  time.Time
	read   bool // of what
	what   protocol.Range
	single bool // it goes by itself
}

type refusedErrand struct {
	x *exchange
	n protocol.Notice
}

func newDispatch(b *Backend) *dispatch {
	return &dispatch{b: b, next: time.Now().Add(b.up.conf.Settle)}
}

// dispatched has f change the dispatch, sends what may leave by then, and tells those who will not.
func (b *Backend) dispatched(f func(d *dispatch) error) error {
	b.sendMu.Lock()
	d := b.dispatch
	err := errLedgerClosed
	if !b.stopped {
		if err = f(d); err == nil {
			d.pump(time.Now())
		}
	}
	over := d.over
	d.over = nil
	b.sendMu.Unlock()
	for i := range over {
		b.up.pending.Add(-1)
		b.release()
		b.end(over[i].x, fail, &over[i].n)
	}
	return err
}

// admit takes x, the request m, into the queue. The errors are errLedgerClosed and errLedgerFull; they change nothing.
func (b *Backend) admit(x *exchange, m *protocol.Message, room *tunnel.Reservation) error {
	room.Release() // what waits for its turn takes no room from what leaves
	return b.dispatched(func(d *dispatch) error {
		now := time.Now()
		if b.ledger.used(now)+len(d.queue) >= b.ledger.tickets() {
			return errLedgerFull
		}
		x.lane = m.Lane
		e := &errand{x: x, since: now}
		if c := b.up.merging; c != nil {
			e.what, e.read = c.Range(m)
		}
		d.queue = append(d.queue, e)
		b.up.pending.Add(1)
		return nil
	})
}

// advance says that a frame of lane has been answered, or that its time was over.
func (b *Backend) advance(lane uint32, answered bool) {
	_ = b.dispatched(func(d *dispatch) error {
		d.out--
		d.lanes.finished(lane, answered, &b.up.conf.Lane, time.Now())
		return nil
	})
	b.vc.Reenable()
}

// tick is the timer's.
func (d *dispatch) tick() {
	_ = d.b.dispatched(func(*dispatch) error { return nil })
	d.b.vc.Reenable()
}

// pump sends what may leave now, and has the timer wake it for what may leave or is over later.
func (d *dispatch) pump(now time.Time) {
	conf := &d.b.up.conf
	wake := d.expire(now)
	for d.out < conf.Window && len(d.queue) > 0 {
		if now.Before(d.next) {
			wake = earlier(wake, d.next)
			break
		}
		i, at := d.pick(now)
		if i < 0 {
			wake = earlier(wake, at)
			break
		}
		if !d.leave(i, now) {
			break
		}
		d.next = now.Add(conf.Gap)
	}
	d.wake(wake, now)
}

// expire ends what has waited for too long, and returns when the next one will have.
func (d *dispatch) expire(now time.Time) (next time.Time) {
	r := d.b.up.route
	for len(d.queue) > 0 {
		e := d.queue[0]
		if until := e.since.Add(r.timeouts.Queue); now.Before(until) {
			return until
		}
		r.counters.limits[limitQueueTime].Add(1)
		d.refuse(0, protocol.QueueTimeout)
	}
	return time.Time{}
}

// refuse ends errand i: nothing of it was forwarded.
func (d *dispatch) refuse(i int, cause protocol.Cause) {
	x := d.queue[i].x
	d.queue = append(d.queue[:i], d.queue[i+1:]...)
	d.over = append(d.over, refusedErrand{x, protocol.Notice{Class: protocol.Later, Cause: cause, RetryAfter: d.b.up.route.conf.RetryAfter}})
}

// pick returns the first errand that may leave, or -1 and when one may. Nothing passes another request of its lane.
func (d *dispatch) pick(now time.Time) (int, time.Time) {
	conf := &d.b.up.conf
	var next time.Time
	d.lanes.blocked = d.lanes.blocked[:0]
	for i := 0; i < len(d.queue); i++ {
		e := d.queue[i]
		lane := e.x.lane
		if d.lanes.isBlocked(lane) {
			continue
		}
		switch d.lanes.may(lane, &conf.Lane, now) {
		case laneRests:
			d.refuse(i, protocol.BackendDown)
			i--
			continue
		case laneFull:
			d.lanes.block(lane)
			continue
		}
		if at := e.since.Add(conf.Merge.Wait); e.read && !e.single && conf.Merge.On && now.Before(at) {
			next = earlier(next, at)
			d.lanes.block(lane)
			continue
		}
		return i, time.Time{}
	}
	return -1, next
}

// leave sends errand i, with all that can leave in the same frame. It is false if there is no room or no ticket.
func (d *dispatch) leave(i int, now time.Time) bool {
	b := d.b
	e := d.queue[i]
	x := e.x
	p := d.party(i)
	ticket, err := b.ledger.add(x, nil, now)
	if err != nil {
		return false
	}
	frame, err := d.encode(x, p, ticket)
	if err == nil {
		x.from, x.to = b.put, b.put+1
		err = b.putFrame(frame)
	}
	if err != nil {
		b.ledger.drop(ticket)
		if !errors.Is(err, tunnel.ErrFull) && b.way.Err() == nil {
			d.refuse(i, protocol.Busy) // it cannot be encoded
			return true
		}
		return false // Room, or End, calls again
	}
	if p != nil {
		x.party = p
		p.joined(x)
		b.up.route.counters.merged.Add(uint64(len(p.members)))
	}
	d.remove(i, p)
	d.out++
	d.lanes.left(x.lane)
	b.arm()
	b.up.tx.Add(1)
	return true
}

// encode makes the frame of x, or of all of p.
func (d *dispatch) encode(x *exchange, p *party, ticket uint64) ([]byte, error) {
	u := d.b.up
	var id protocol.ID
	if u.route.mode == protocol.Rewrite {
		d.id = u.rewriter.AppendTicket(d.id[:0], ticket)
		id = d.id
	}
	frame := u.codec.OpenFrame(d.frame[:0], nil)
	var err error
	if p != nil && p.apart {
		if frame, err = u.merging.AppendRead(frame, p.whole, id); err == nil {
			p.body, err = u.merging.AppendRead(nil, p.whole, id)
		}
	} else {
		frame, err = u.codec.AppendWithID(frame, x.request(u.codec, &d.req), id)
	}
	if err == nil {
		frame, err = u.codec.CloseFrame(frame, 0)
	}
	d.frame = frame[:0]
	return frame, err
}

// putFrame puts a frame. Room is called later if there is none now.
func (b *Backend) putFrame(frame []byte) error {
	h := b.vc.Lock()
	defer h.Unlock()
	if err := h.Put(frame); err != nil {
		return err
	}
	b.put += int64(len(frame))
	return nil
}

// remove takes errand i and the members of p out of the queue.
func (d *dispatch) remove(i int, p *party) {
	x := d.queue[i].x
	kept := d.queue[:0]
	for _, e := range d.queue {
		if e.x != x && (p == nil || !p.has(e.x)) {
			kept = append(kept, e)
		}
	}
	clear(d.queue[len(kept):])
	d.queue = kept
}

// wake sets the timer.
func (d *dispatch) wake(at, now time.Time) {
	switch {
	case at.IsZero():
		if d.timer != nil {
			d.timer.Stop()
		}
	case d.timer == nil:
		d.timer = time.AfterFunc(at.Sub(now), d.tick)
	default:
		d.timer.Reset(at.Sub(now))
	}
}

// stop gives out what waits: nothing of it has left.
func (d *dispatch) stop() []*errand {
	if d.timer != nil {
		d.timer.Stop()
	}
	queue := d.queue
	d.queue = nil
	return queue
}

// earlier returns the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
