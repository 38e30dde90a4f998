package gateway

import (
	"errors"
	"io"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// Tick looks at what has a time: the frame that has begun, the request that waits for
// room, and those that are to hear a wait notice.
func (s *Session) Tick(own *tunnel.Owner, now time.Time) {
	if s.phase.is() == closed {
		return
	}
	s.follow(own)
	if s.due != 0 {
		if momentOf(now) >= s.due {
			s.route.counters.limits[limitFrameTime].Add(1)
			n := s.notice(protocol.Fix, protocol.TooLarge)
			n.Reasons = []protocol.Reason{{Off: -1, Rule: "timeouts.frame", Want: "a whole frame within " + s.route.timeouts.Frame.String()}}
			s.rebuffed(n)
			s.farewell(n)
			s.close(errSlow)
			return
		}
		own.Wake(s.due.time())
	}
	if s.held.on && s.held.notice == nil {
		if s.held.until == 0 || momentOf(now) < s.held.until {
			own.Wake(s.held.until.time())
		} else {
			s.vc.Reenable() // the frame is offered again, and hears Later
		}
	}
	if s.route.wait.On && s.route.wait.After > 0 {
		own.Wake(s.waits(now))
	}
	s.wake()
}

// waits sends the wait notices that are due, and returns when the next one is.
func (s *Session) waits(now time.Time) (next time.Time) {
	h := s.vc.Lock()
	defer h.Unlock()
	for x := s.desk.first; x != nil; x = x.next {
		if x.heard || x.done {
			continue
		}
		if due := x.began.time().Add(s.route.wait.After); now.Before(due) {
			return due
		}
		s.said = s.putWait(h, x, s.w) || s.said
	}
	return time.Time{}
}

// Idle closes a client without traffic, but not while a request of it is open.
func (s *Session) Idle(*tunnel.Owner) {
	if s.look(nil); s.open > 0 || s.held.on {
		return
	}
	s.route.counters.limits[limitIdle].Add(1)
	s.close(errIdle)
}

// End is the end of what the client sends. If it ended in order it still gets what it
// has asked for; otherwise its requests are abandoned, and their results dropped.
func (s *Session) End(_ *tunnel.Owner, err error) {
	if s.phase.is() == closed {
		return
	}
	if s.resume != (protocol.Resume{}) || s.due != 0 {
		s.route.counters.cut.Add(1)
		s.due = 0
	}
	if errors.Is(err, io.EOF) && !s.blocks() {
		s.finishUp()
		return
	}
	if errors.Is(err, tunnel.ErrClosed) {
		err = nil // we closed it ourselves, when the last answer was out
	}
	s.close(err)
}

// Leaving ends a client that has hung up, though it cannot be read on as it waits for its own answers, if what it waits for
// may never happen.
func (s *Session) Leaving(*tunnel.Owner) {
	if s.phase.is() != closed && s.blocks() {
		s.close(errHungUp)
	}
}

// blocks reports whether the client waits for something that may never happen. What it then takes would be lost.
func (s *Session) blocks() bool {
	h := s.vc.Lock()
	defer h.Unlock()
	for x := s.desk.first; x != nil; x = x.next {
		if x.holds != 0 && !x.done {
			return true
		}
	}
	return false
}

// finishUp takes nothing more, and closes the client when everything is answered.
func (s *Session) finishUp() {
	if s.phase.is() == serving {
		s.phase.step(drain)
	}
	s.leaveDebts()
	if s.drainDesk() {
		s.leave(s.reason())
	}
}

// reason returns why the client was closed.
func (s *Session) reason() error {
	h := s.vc.Lock()
	defer h.Unlock()
	return s.desk.cause
}

// drainDesk reports whether the client was closed, as it had nothing open.
func (s *Session) drainDesk() bool {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.draining = true
	return s.closeIfDrained(h)
}

// drain is that of a guest: the gateway is shut down.
func (s *Session) drain() {
	s.drainDesk()
	s.vc.Reenable() // a request that waits for room hears Later
}

// abort is that of a guest.
func (s *Session) abort(cause error) { s.closeDesk(cause) }

func (s *Session) closeIfDrained(h *tunnel.Held) bool {
	if !s.desk.drained(h) {
		return false
	}
	s.shut(h, s.desk.why)
	return true
}

// close ends the Session for cause.
func (s *Session) close(cause error) {
	s.closeDesk(cause)
	s.leave(cause)
}

func (s *Session) closeDesk(cause error) {
	h := s.vc.Lock()
	defer h.Unlock()
	s.shut(h, cause)
}

// shut closes the client: what was put is still written.
func (s *Session) shut(h *tunnel.Held, cause error) {
	s.desk.close(h, cause)
	h.Close(cause)
}

// leave is the end of the Session, in a turn of its shard.
func (s *Session) leave(cause error) {
	if s.phase.is() == closed {
		return
	}
	s.phase.step(shut)
	if x := s.held.x; x != nil {
		s.held.x = nil
		s.settle(x, nil)
	}
	if s.judging {
		s.judging = false
		s.route.counters.refused.Add(1) // it was never passed on, and the client is gone
	}
	s.unhold()
	s.evict(errOwnerLeft)
	s.leaveDebts()
	s.route.leave(s, cause)
}
