package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// Causes with which a body ends before its end.
var (
	errCutBody    = errors.New("the client broke off in a frame that was carried")
	errSlowBody   = errors.New("a frame that was carried made no progress, or took too long")
	errStuck      = errors.New("the backend takes no more of a frame that is carried")
	errCutResult  = errors.New("the backend broke off in a result that was carried")
	errSlowResult = errors.New("the client takes no more of a result that is carried")
)

// head handles the head of a frame that is too long to be held. It returns how many bytes
// it took, and whether Data has to stop: it needs more, or has to offer the head again.
func (s *Session) head(own *tunnel.Owner, p []byte) (n int, stop bool) {
	r := s.route
	head, rest, err := r.carrying.SplitHead(p, r.limits.Inline)
	if err == nil && rest > r.limits.Carry {
		err = &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: -1, Rule: "limits.carry", Want: "a body that is carried within the limit", Got: "a longer one"}}
	}
	switch {
	case err != nil:
		s.outOfStep(err)
		return len(p), true
	case rest == 0:
		return 0, false
	case head == nil:
		return 0, true
	case !s.great(own, head, rest):
		own.Pause()
		return 0, true
	}
	return len(head), false
}

// great handles a request of which only the head is here, and rest bytes follow. It is
// false if the head must be offered again.
func (s *Session) great(own *tunnel.Owner, head []byte, rest int64) bool {
	m := &s.w.request
	ok := false
	switch err := s.route.carrying.DecodeHead(protocol.FromClient, head, rest, m); {
	case err != nil:
		ok = s.malformed(m, err, nil)
	case m.Kind != protocol.Request && m.Kind != protocol.OneWay:
		ok = s.malformed(m, errNoRequest, nil)
	default:
		ok = s.request(own, m, nil)
	}
	if ok && s.phase.is() != carrying {
		s.skip = rest // it was refused
	}
	return ok
}

// starter returns what begins to carry the body of m, nil if m has all of it.
func (s *Session) starter(own *tunnel.Owner, b *Backend, m *protocol.Message) func(head []byte) {
	if m.Rest == 0 {
		return nil
	}
	return func(head []byte) { s.carry(own, b, head, m) }
}

// carry hands the client over to the tunnel until the body of m is with b, which has
// nothing else to do meanwhile. b.sendMu is held: nothing comes between head and what was
// sent before.
func (s *Session) carry(own *tunnel.Owner, b *Backend, head []byte, m *protocol.Message) {
	r := s.route
	s.phase.step(carry)
	s.due = 0
	own.SetIdle(r.timeouts.Frame)
	own.SetTotal(r.timeouts.Body)
	r.counters.carried.Add(1)
	b.up.link(b, backendCarry)
	rest, answered := m.Rest, m.Kind == protocol.Request
	b.way.CarryAfter(head, own, rest, func(n int64, err error) {
		s.carried(own, b, rest-n, answered, err)
	})
}

// carried is the end of carry: left bytes of the body were not taken from the client.
func (s *Session) carried(own *tunnel.Owner, b *Backend, left int64, answered bool, err error) {
	r := s.route
	s.phase.step(carried)
	own.SetTotal(0)
	own.SetIdle(max(r.timeouts.Idle, 0))
	own.Wake(time.Now()) // for the wait notices that were due meanwhile
	if err == nil {
		b.up.link(b, backendCarried)
		b.answerFromNow()
		b.up.pool.share(b)
		if !answered {
			b.up.pool.release(b)
		}
		return
	}
	r.counters.cutBodies.Add(1)
	stuck := errors.Is(err, tunnel.ErrIdle) && b.queued() > 0
	switch {
	case stuck:
		b.lose(errStuck)
		s.skip = left
	case errors.Is(err, tunnel.ErrTargetGone), errors.Is(err, tunnel.ErrEnded):
		b.lose(err) // if it does not know
		s.skip = left
	case errors.Is(err, tunnel.ErrIdle), errors.Is(err, tunnel.ErrExpired):
		r.counters.limits[limitBodyTime].Add(1)
		b.lose(errSlowBody)
		s.close(errSlowBody)
	default: // the client is told by End, and told again
		b.lose(errCutBody)
	}
}
