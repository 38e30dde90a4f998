package gateway

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// repeats handles m if it repeats what the client has open, or has heard to ask for again. Such a repeat is neither refused
// nor passed on: there is one request, and one answer. It is not ok if the frame must be offered again.
func (s *Session) repeats(m *protocol.Message) (done, ok bool) {
	r := s.route
	if !r.joins && !r.closing || m.Kind != protocol.Request {
		return false, false
	}
	if r.joins && s.joins(m) {
		r.counters.joined.Add(1)
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
	if s.put(frame) {
		return true, true
	}
	s.held.notice = append([]byte{}, frame...)
	return true, false
}

// joins reports whether m is what is open under its ID. Another request under that ID means that the client has given up
// the one before: whoever uses an ID again has forgotten what it was.
func (s *Session) joins(m *protocol.Message) bool {
	hash := hashID(m.ID)
	h := s.vc.Lock()
	defer h.Unlock()
	x := s.desk.named(h, m.ID, hash)
	switch {
	case x == nil:
		return false
	case bytes.Equal(x.body, m.Body):
		return true
	}
	s.desk.settle(h, x)
	x.void = true
	return false
}

// gaveUp reports whether nobody waits for x any more.
func (s *Session) gaveUp(x *exchange) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	return s.desk.closed || x.void
}
