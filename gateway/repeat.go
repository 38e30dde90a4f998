package gateway

import (
	"bytes"
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
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

// joinsUnplaced is joinsOther for a request for which there is no place: a repeat that waited for one would be sent again
// when what it repeats is answered. It is neither done nor refused if it must wait.
func (s *Session) joinsUnplaced(own *tunnel.Owner, m *protocol.Message, g *gather, now time.Time) (done bool, n *protocol.Notice) {
	if s.route.register.owner(m.ID) == nil || !s.begin(own, nil, m, g, now) {
		return false, nil
	}
	if done, n = s.joinsOther(m, now); done || n != nil {
		s.at.leave(s) // it waits for a place no longer
	}
	return done, n
}

// joinsOther has the request that is held hear the answer to the same request of another client, which is open under its
// key: a terminal that has lost its connection repeats on another one. Another request is refused. It is neither if there is
// nothing under that key any more: then it can be sent.
func (s *Session) joinsOther(m *protocol.Message, now time.Time) (done bool, n *protocol.Notice) {
	r := s.route
	l, x := r.register.owner(m.ID), s.held.x
	if l == nil || x == nil {
		return false, nil
	}
	if r.tells {
		switch err := l.repeats(m, r.repeating, now); {
		case errors.Is(err, errInProcess):
			return false, s.notice(protocol.Accepted, protocol.InProcess)
		case errors.Is(err, errKeyOpen):
			return false, s.notice(protocol.Duplicate, protocol.StillOpen)
		}
		return false, nil
	}
	x.joined = true
	b := l.backend
	b.up.pending.Add(1)
	b.up.pool.join(b)
	if err := l.join(x, m, r.repeating, now); err != nil {
		b.done(x)
		x.joined = false
		if errors.Is(err, errKeyOpen) {
			n = s.notice(protocol.Duplicate, protocol.StillOpen)
		}
		return false, n
	}
	s.held.x = nil
	r.counters.joined.Add(1)
	return true, nil
}

// gaveUp reports whether nobody waits for x any more.
func (s *Session) gaveUp(x *exchange) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	return s.desk.closed || x.void
}
