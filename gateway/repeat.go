package gateway

import (
	"bytes"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// repeats handles m if it repeats what the client has open, or has heard to ask for again. Such a repeat is neither refused
// nor passed on: there is one request, and one answer. It is not ok if the frame must be offered again.
func (s *Session) repeats(m *protocol.Message) (done, ok bool) {
	r := s.route
	if !r.joins && !r.closing && r.repeating == nil || m.Kind != protocol.Request {
		return false, false
	}
	if (r.joins || r.repeating != nil) && s.joins(m) {
		r.counters.joined.Add(1)
		if r.tells {
			return s.sayOnce(r.say(nil, m, s.notice(protocol.Accepted, protocol.InProcess)))
		}
		return true, true
	}
	if !r.closing {
		return false, false
	}
	frame := s.asksAgain(m)
	if frame == nil {
		s.outdate(m)
		return false, false
	}
	r.counters.joined.Add(1)
	return s.sayOnce(frame)
}

// sayOnce puts a frame that is all that a repeat hears, or holds it until there is room.
func (s *Session) sayOnce(frame []byte) (done, ok bool) {
	if s.put(frame) {
		return true, true
	}
	s.held.notice = append([]byte{}, frame...)
	return true, false
}

// joins reports whether m is what is open under its ID. Where the protocol's clients do not repeat, another request under
// that ID means that the client has given up the one before: whoever uses an ID again has forgotten what it was.
func (s *Session) joins(m *protocol.Message) bool {
	hash := hashID(m.ID)
	h := s.vc.Lock()
	defer h.Unlock()
	x := s.desk.named(h, m.ID, hash)
	switch {
	case x == nil:
		return false
	case s.route.repeating != nil:
		return s.route.repeating.Repeats(x.body, m)
	case bytes.Equal(x.body, m.Body):
		return true
	}
	s.desk.settle(h, x)
	x.void = true
	return false
}

// joinsOther has the request that is held hear the answer to the same request of another client, which is open under its
// key: a terminal that has lost its connection repeats on another one. The errors are those of Ledger.join.
func (s *Session) joinsOther(m *protocol.Message, now time.Time) error {
	r := s.route
	l, x := r.register.owner(m.ID), s.held.x
	if l == nil || x == nil {
		return errLedgerClosed
	}
	if r.tells {
		return l.repeats(m, r.repeating, now)
	}
	x.joined = true
	b := l.backend
	b.up.pending.Add(1)
	b.up.pool.join(b)
	if err := l.join(x, m, r.repeating, now); err != nil {
		b.done()
		x.joined = false
		return err
	}
	s.held.x = nil
	r.counters.joined.Add(1)
	return nil
}

// gaveUp reports whether nobody waits for x any more.
func (s *Session) gaveUp(x *exchange) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	return s.desk.closed || x.void
}
