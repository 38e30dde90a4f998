package gateway

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// desk is what one client has open, in the order of arrival. The lock of the client's
// VConn guards it: who calls a method has the Held.
type desk struct {
	first, last *exchange
	byID        map[uint64]*exchange // by hash, chained by same
	bytes       int                  // of answers that wait for their turn
	own         *Backend             // that is the client's alone
	carrier     *Backend             // that brings a great result
	waiting     []*Backend           // that want to bring one too
	parked      parkedList           // what the client is to ask for again
	why         error                // it will be closed, when nothing is open
	cause       error                // it is closed
	open        int32                // exchanges that have no answer yet
	lies        int32                // all that lies here, answered or not
	owed        int32                // of what is open, that which counts for who comes next from its address
	waits       bool                 // a request waits for room, and is not here yet
	shown       shown                // what others may see of the Session
	bound       bool                 // the client has changed its own connection for its later requests
	draining    bool                 // nothing more is taken; closed when nothing is open
	closed      bool
}

// shown is what a Session lets others see of what is its own.
type shown struct {
	received, refused uint64
	strikes           int32
	queued            uint64 // number of the request that waits for room; 0: none does
	since             moment // when it began to wait
}

// show has others see what the Session has counted by now. The lock of its VConn is held.
func (s *Session) show(*tunnel.Held) {
	d := &s.desk.shown
	d.received, d.refused, d.strikes = s.count.received, s.count.refused, s.strikes
}

// find reports whether a request named id is open. A request without ID never is.
func (d *desk) find(h *tunnel.Held, id protocol.ID, hash uint64) bool {
	return d.named(h, id, hash) != nil
}

// named returns the request named id that is open, or nil.
func (d *desk) named(_ *tunnel.Held, id protocol.ID, hash uint64) *exchange {
	if len(id) == 0 {
		return nil
	}
	for x := d.byID[hash]; x != nil; x = x.same {
		if bytes.Equal(x.id, id) && !x.done {
			return x
		}
	}
	return nil
}

// enter adds x at the end.
func (d *desk) enter(_ *tunnel.Held, x *exchange) {
	x.prev = d.last
	if d.last == nil {
		d.first = x
	} else {
		d.last.next = x
	}
	d.last = x
	d.lies++
	if !x.done {
		d.open++
	}
	if len(x.id) > 0 {
		if d.byID == nil {
			d.byID = map[uint64]*exchange{}
		}
		x.same = d.byID[x.hash]
		d.byID[x.hash] = x
	}
}

// settle marks x as answered: its ID is free again, and it counts no longer.
func (d *desk) settle(_ *tunnel.Held, x *exchange) {
	d.open--
	if len(x.id) == 0 {
		return
	}
	if d.byID[x.hash] == x {
		if x.same == nil {
			delete(d.byID, x.hash)
		} else {
			d.byID[x.hash] = x.same
		}
		return
	}
	for y := d.byID[x.hash]; y != nil; y = y.same {
		if y.same == x {
			y.same = x.same
			return
		}
	}
}

// leave takes x off the desk.
func (d *desk) leave(_ *tunnel.Held, x *exchange) {
	if x.prev == nil {
		d.first = x.next
	} else {
		x.prev.next = x.next
	}
	if x.next == nil {
		d.last = x.prev
	} else {
		x.next.prev = x.prev
	}
	x.prev, x.next, x.same = nil, nil, nil
	d.lies--
}

// say puts a frame that answers no exchange, or one that was never entered. Where
// answers keep the order of requests it waits for its turn, and ErrFull means that too
// much does so already.
func (d *desk) say(h *tunnel.Held, s *Session, frame []byte) error {
	if !s.route.ordered || d.first == nil {
		return h.Put(frame)
	}
	if int(d.lies) >= 2*s.route.limits.InFlight || d.bytes+len(frame) > s.route.limits.Queue {
		return tunnel.ErrFull // the Session pauses, and is reenabled with the next answer
	}
	d.bytes += len(frame)
	x := exchanges.Get().(*exchange)
	x.session, x.done = s, true
	x.reply = append(x.reply[:0], frame...)
	d.enter(h, x)
	return nil
}

// answer puts a frame of the answer to x, the last one if it is final; x is then off the
// desk and gone. Where answers keep the order of requests it may have to wait, and
// others may leave with it.
func (d *desk) answer(h *tunnel.Held, s *Session, x *exchange, frame []byte, final bool) error {
	if final {
		d.settle(h, x)
	}
	if s.route.ordered && x != d.first {
		if d.bytes += len(frame); d.bytes > s.route.limits.Queue {
			return tunnel.ErrFull
		}
		x.reply, x.done = append(x.reply, frame...), final
		return nil
	}
	err := h.Put(frame)
	if !final {
		return err
	}
	d.leave(h, x)
	x.free()
	for s.route.ordered && err == nil && d.first != nil && len(d.first.reply) > 0 {
		y := d.first
		err = h.Put(y.reply)
		d.bytes -= len(y.reply)
		y.reply = y.reply[:0]
		if !y.done {
			break
		}
		d.leave(h, y)
		y.free()
	}
	return err
}

// close has nothing more come here. The first cause stands.
func (d *desk) close(_ *tunnel.Held, cause error) {
	if !d.closed {
		d.closed, d.cause = true, cause
	}
}

// drained reports whether the client may be closed now.
func (d *desk) drained(_ *tunnel.Held) bool {
	return d.draining && !d.waits && d.first == nil && !d.closed
}
