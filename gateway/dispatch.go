package gateway

import (
	"bytes"
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
	queue errands
	out   int       // frames without an answer
	sent  int       // of what is not answered, that have left
	next  time.Time // no frame leaves before
	lanes lanes
	timer *time.Timer
	armed time.Time       // for when the timer is set; zero: it is not
	over  []refusedErrand // are told when the lock is given back
	spare []*errand       // are used again
	req   protocol.Message
	frame []byte
	id    []byte
}

// errand is a request that waits in a dispatch.
type errand struct {
	x      *exchange // nil: it is not answered
	body   []byte    // of that
	lane   uint32
	since  time.Time
	read   bool // of what
	what   protocol.Range
	single bool // it was refused with others, and leaves without them
}

// refusedErrand is one that will not leave. Without a notice its client has given it up or is gone.
type refusedErrand struct {
	*errand
	n protocol.Notice
}

func newDispatch(b *Backend) *dispatch {
	return &dispatch{b: b, next: time.Now().Add(b.up.conf.Settle)}
}

// dispatched has f change the dispatch, sends what may leave by then, and tells those who will not.
func (b *Backend) dispatched(now time.Time, f func(d *dispatch) error) error {
	b.sendMu.Lock()
	d := b.dispatch
	err := errLedgerClosed
	if !b.stopped {
		if err = f(d); err == nil {
			d.pump(now)
		}
	}
	over, sent := d.over, d.sent
	d.over, d.sent = nil, 0
	b.sendMu.Unlock()
	for range sent {
		b.release()
		b.up.route().counters.answered.Add(1)
		b.up.route().counters.inFlight.Add(-1)
	}
	for i := range over {
		b.release()
		if over[i].x == nil {
			b.up.route().counters.failed.Add(1)
			b.up.route().counters.inFlight.Add(-1)
			continue
		}
		b.up.pending.Add(-1)
		b.end(over[i].x, fail, &over[i].n)
	}
	return err
}

// admit takes x, the request m, into the queue. The errors are those of Ledger.add; they change nothing.
func (b *Backend) admit(x *exchange, m *protocol.Message, room *tunnel.Reservation, now time.Time) error {
	room.Release() // what waits for its turn takes no room from what leaves
	return b.dispatched(now, func(d *dispatch) error {
		if b.ledger.used(now)+d.queue.len() >= b.ledger.tickets() {
			return errLedgerFull
		}
		if b.up.route().mode == protocol.Key && (b.ledger.knows(m.ID) || d.named(m.ID)) {
			return errKeyOpen
		}
		e := d.errand(m.Lane, now)
		e.x = x
		if c := b.up.merging; c != nil {
			e.what, e.read = c.Range(m)
		}
		d.push(e)
		b.up.pending.Add(1)
		return nil
	})
}

// admitOneWay takes m, which is not answered, into the queue: it passes nothing that came before it.
func (b *Backend) admitOneWay(m *protocol.Message, room *tunnel.Reservation) error {
	room.Release()
	now := time.Now()
	return b.dispatched(now, func(d *dispatch) error {
		body, err := b.up.codec.AppendWithID(nil, m, nil)
		if err == nil {
			e := d.errand(m.Lane, now)
			e.body = body
			d.push(e)
		}
		return err
	})
}

// maxSpare is how many errands a dispatch keeps.
const maxSpare = 64

func (d *dispatch) errand(lane uint32, since time.Time) *errand {
	if n := len(d.spare); n > 0 {
		e := d.spare[n-1]
		d.spare = d.spare[:n-1]
		e.lane, e.since = lane, since
		return e
	}
	return &errand{lane: lane, since: since}
}

// recycle takes e, which nobody knows any more.
func (d *dispatch) recycle(e *errand) {
	if len(d.spare) < maxSpare {
		*e = errand{}
		d.spare = append(d.spare, e)
	}
}

// named reports whether a request under key waits.
func (d *dispatch) named(key protocol.ID) bool {
	for _, e := range d.queue.all() {
		if e.x != nil && bytes.Equal(e.x.id, key) {
			return true
		}
	}
	return false
}

// advance says that a frame of lane has been answered, or that its time was over.
func (b *Backend) advance(lane uint32, answered bool, now time.Time) {
	_ = b.dispatched(now, func(d *dispatch) error {
		d.out--
		if next := now.Add(b.up.conf.Gap); next.After(d.next) {
			d.next = next // an answer is a message too
		}
		d.lanes.finished(lane, answered, &b.up.conf.Lane, now)
		return nil
	})
	b.vc.Reenable()
}

// tick is the timer's.
func (d *dispatch) tick() {
	_ = d.b.dispatched(time.Now(), func(d *dispatch) error {
		d.armed = time.Time{}
		return nil
	})
	d.b.vc.Reenable()
}

// pump sends what may leave now, and has the timer wake it for what may leave or is over later.
func (d *dispatch) pump(now time.Time) {
	conf := &d.b.up.conf
	wake := d.expire(now)
	if d.lanes.rest(&conf.Lane, now) {
		d.refuseResting(now)
	}
	for d.out < conf.Window && d.queue.len() > 0 {
		if now.Before(d.next) {
			wake = earlier(wake, d.next)
			break
		}
		if conf.Gap > 0 && !d.b.hasLeft(d.b.put) {
			d.next = now.Add(conf.Gap) // the pause begins when the frame before is written, which a busy shard does late
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

// expire ends what has waited for too long, and returns when the next one will have. They stand in the order in which
// they came, but for reads that are asked for again, which stand before all.
func (d *dispatch) expire(now time.Time) (next time.Time) {
	r := d.b.up.route()
	for i := 0; i < d.queue.len(); {
		e := d.queue.at(i)
		if until := e.since.Add(r.timeouts.Queue); now.Before(until) {
			next = earlier(next, until)
			if !e.single {
				break
			}
			i++
			continue
		}
		r.counters.limits[limitQueueTime].Add(1)
		d.refuse(i, protocol.QueueTimeout)
	}
	return next
}

// refuseResting ends what waits for a lane that rests: it does not wait for the others.
func (d *dispatch) refuseResting(now time.Time) {
	conf := &d.b.up.conf.Lane
	for i := 0; i < d.queue.len(); {
		if d.lanes.may(d.queue.at(i).lane, conf, now) == laneRests {
			d.b.up.route().counters.limits[limitLane].Add(1)
			d.refuse(i, protocol.BackendDown)
			continue
		}
		i++
	}
}

// refuse ends errand i: nothing of it was forwarded.
func (d *dispatch) refuse(i int, cause protocol.Cause) {
	e := d.take(i)
	d.over = append(d.over, refusedErrand{e, protocol.Notice{Class: protocol.Later, Cause: cause, RetryAfter: d.b.up.route().conf.RetryAfter}})
}

// pick returns the first errand that may leave, or -1 and when one may. Nothing passes another request of its lane.
func (d *dispatch) pick(now time.Time) (int, time.Time) {
	conf := &d.b.up.conf
	var next time.Time
	d.lanes.blocked = d.lanes.blocked[:0]
	for i := 0; i < d.queue.len() && !d.lanes.allBlocked(); i++ {
		e := d.queue.at(i)
		lane := e.lane
		if d.lanes.isBlocked(lane) {
			continue
		}
		if d.lanes.may(lane, &conf.Lane, now) == laneFull {
			d.lanes.block(lane)
			continue
		}
		if e.x != nil && e.x.session.gaveUp(e.x) {
			d.refuse(i, protocol.BackendDown) // nobody hears that
			i--
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
	b, e := d.b, d.queue.at(i)
	if e.x == nil {
		return d.leaveOneWay(i)
	}
	x, p := e.x, d.party(i, now)
	if p != nil && p.apart {
		p.expect = d.expect(p.whole)
	}
	// An answer may come as soon as the Ledger has x, asked for or not: whoever takes x finds all of it.
	x.lane, x.party, x.from, x.to = e.lane, p, b.put, b.put+1
	p.follow(x)
	ticket, err := b.ledger.add(x, x.id, now)
	if err != nil {
		x.party = nil
		return false
	}
	frame, err := d.encode(x, p, ticket)
	if err == nil {
		err = b.putFrame(frame)
	}
	switch {
	case err == nil:
	case !b.ledger.drop(ticket):
		d.remove(i, p) // it was answered before it was sent, and the connection ends
		return false
	case !errors.Is(err, tunnel.ErrFull) && b.way.Err() == nil:
		x.party = nil
		d.refuse(i, protocol.Busy) // it cannot be encoded
		return true
	default:
		x.party = nil
		return false // Room, or End, calls again
	}
	// x may be answered and gone by now.
	if p != nil {
		b.up.route().counters.merged.Add(uint64(len(p.members)))
	}
	d.left(e.lane)
	d.remove(i, p)
	b.arm()
	b.up.tx.Add(1)
	return true
}

// expect is what the answer to a read of r is held against. If it cannot be encoded it does not leave either.
func (d *dispatch) expect(r protocol.Range) uint64 {
	u := d.b.up
	body, err := u.merging.AppendRead(d.frame[:0], r, nil)
	d.frame = body[:0]
	if err != nil || u.codec.DecodeBody(protocol.FromClient, body, &d.req) != nil {
		return 0
	}
	return d.req.Expect
}

// left counts a frame of lane out.
func (d *dispatch) left(lane uint32) {
	d.out++
	d.lanes.left(lane)
}

// leaveOneWay is leave for what is not answered.
func (d *dispatch) leaveOneWay(i int) bool {
	b, e := d.b, d.queue.at(i)
	frame, err := b.up.codec.CloseFrame(append(b.up.codec.OpenFrame(d.frame[:0], nil), e.body...), 0)
	d.frame = frame[:0]
	if err != nil {
		d.refuse(i, protocol.Busy) // it cannot be encoded
		return true
	}
	if b.putFrame(frame) != nil {
		return false // Room, or End, calls again
	}
	d.recycle(d.take(i))
	d.sent++
	b.up.tx.Add(1)
	return true
}

// encode makes the frame of x, or of all of p.
func (d *dispatch) encode(x *exchange, p *party, ticket uint64) ([]byte, error) {
	u := d.b.up
	var id protocol.ID
	if u.route().mode == protocol.Rewrite || x.renamed {
		d.id = u.rewriter.AppendTicket(d.id[:0], ticket)
		id = d.id
	}
	frame := u.codec.OpenFrame(d.frame[:0], nil)
	var err error
	if p != nil && p.apart {
		frame, err = u.merging.AppendRead(frame, p.whole, id)
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

// remove takes errand i and the members of p out of the queue, for good.
func (d *dispatch) remove(i int, p *party) {
	d.recycle(d.take(i))
	for ; p != nil && i < d.queue.len(); i++ { // the others came later
		for i < d.queue.len() && p.has(d.queue.at(i).x) {
			d.recycle(d.take(i))
		}
	}
}

func (d *dispatch) push(e *errand) {
	d.queue.push(e)
	d.lanes.queued(e.lane, 1)
}

func (d *dispatch) take(i int) *errand {
	e := d.queue.take(i)
	d.lanes.queued(e.lane, -1)
	return e
}

// wake sets the timer.
func (d *dispatch) wake(at, now time.Time) {
	switch {
	case at.IsZero(), !d.armed.IsZero() && !at.Before(d.armed): // it looks again when it fires
		return
	case d.timer == nil:
		d.timer = time.AfterFunc(at.Sub(now), d.tick)
	default:
		d.timer.Reset(at.Sub(now))
	}
	d.armed = at
}

// stop gives out what waits: nothing of it has left.
func (d *dispatch) stop() []*errand {
	if d.timer != nil {
		d.timer.Stop()
	}
	queue := d.queue.all()
	d.queue = errands{}
	return queue
}

// earlier returns the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
