package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// deliver puts a frame that answers x, the last one if it is final: x is then gone. For
// a member of a batch it is the body of a frame. It may be called from any goroutine
// that has taken x from its Ledger. It reports whether the client has something to write.
func (s *Session) deliver(x *exchange, out []byte, final bool, e event, now time.Time) bool {
	if x.divided() {
		return final && s.deliverPart(x, out, e, now)
	}
	h := s.vc.Lock()
	defer h.Unlock()
	c := s.route.counters
	if final {
		s.repayOne(h)
	}
	if final && !x.joined {
		c.inFlight.Add(-1)
	}
	switch {
	case s.desk.closed, x.void:
		if final {
			x.end(c, abandon, now)
			if !x.void {
				s.desk.settle(h, x)
			}
			s.desk.leave(h, x)
			x.free()
		}
		return s.closeIfDrained(h)
	case x.parked != nil:
		if final {
			x.end(c, e, now)
			s.park(h, x, out)
		}
		return s.closeIfDrained(h)
	}
	switch {
	case final:
		x.end(c, e, now)
	case x.state != answering:
		x.parted(now)
	}
	s.finish(h, x, out, final)
	return true
}

// finish puts what answers x, and closes the client if that was the last that it waited
// for, or if it does not read.
func (s *Session) finish(h *tunnel.Held, x *exchange, out []byte, final bool) {
	var err error
	switch {
	case x.gather != nil:
		err = s.finishMember(h, x, out, final)
	case len(out) > 0:
		err = s.desk.answer(h, s, x, out, final)
	case final:
		s.desk.settle(h, x)
		s.desk.leave(h, x)
		x.free()
		if s.route.ordered {
			s.shut(h, errMute)
			return
		}
	}
	if err == nil {
		s.closeIfDrained(h)
		return
	}
	s.fail(h, err)
}

// finishMember gives a member's answer its place in the answer to the batch, and puts
// that when it is complete.
func (s *Session) finishMember(h *tunnel.Held, x *exchange, body []byte, final bool) error {
	g := x.gather
	if !final {
		return nil // a batch has one answer for each member: the last part is it
	}
	if err := g.Put(x.slot, body); err != nil {
		s.route.counters.limits[limitGather].Add(1)
		n := protocol.Notice{Class: protocol.Failed, Cause: protocol.TooLarge}
		body, _ := s.route.codec.AppendNotice(nil, x.request(s.route.codec, new(protocol.Message)), &n)
		g.Force(x.slot, body)
	}
	if !g.Complete() {
		s.desk.settle(h, x)
		s.desk.leave(h, x)
		x.free()
		return nil
	}
	// The batch stands where its last member stood: between what came before and after it.
	frame, err := s.route.batch(g)
	if len(frame) == 0 { // no member hears anything
		s.desk.settle(h, x)
		s.desk.leave(h, x)
		x.free()
		return err
	}
	return errors.Join(err, s.desk.answer(h, s, x, frame, true))
}

// settle is the end of an exchange that is on the desk and never reached a backend.
func (s *Session) settle(x *exchange, out []byte) {
	s.w.out = out[:0]
	if x.divided() {
		s.deliverPart(x, out, fail, time.Now())
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	x.fire(fail)
	s.said = true
	s.finish(h, x, out, true)
	s.over = s.desk.closed
}

// fail closes a client that cannot be given what is its own.
func (s *Session) fail(h *tunnel.Held, err error) {
	if errors.Is(err, tunnel.ErrFull) || errors.Is(err, tunnel.ErrTooLong) {
		s.route.counters.limits[limitQueueBytes].Add(1)
		err = errQueueFull
	}
	s.desk.close(h, err)
	h.Abort(err)
}

// wait tells the client of x that the backend itself has said that it is working on it.
// It reports whether the client was told something.
func (s *Session) wait(x *exchange, w *worker) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	return s.route.wait.On && !x.heard && !s.desk.closed && s.putWait(h, x, w)
}

// putWait puts a wait notice, if there is room: it promises nothing, and another one
// would say nothing new.
func (s *Session) putWait(h *tunnel.Held, x *exchange, w *worker) bool {
	if x.state != forwarded || x.void {
		return false
	}
	x.heard = true
	if s.route.closing {
		return s.putOff(h, x, w)
	}
	frame := s.route.say(w.out[:0], x.request(s.route.codec, &w.echo), &protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess})
	w.out = frame[:0]
	if len(frame) == 0 || h.Put(frame) != nil {
		return false
	}
	x.waits(time.Now())
	s.route.counters.waits.Add(1)
	s.route.counters.notices[protocol.Accepted].Add(1)
	return true
}
