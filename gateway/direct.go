package gateway

import (
	"github.com/sallyport/sallyport/protocol"
)

// turn reports whether m may go on before what the client has open is answered. Where answers have an order, requests may
// mean theirs too: one that goes another way than those before it waits for them, and so does what follows one that has a
// connection alone.
func (s *Session) turn(m *protocol.Message) bool {
	if !s.route.steady {
		return true
	}
	if s.held.on || m.Kind == protocol.OneWay { // otherwise it was looked at just now
		s.look(nil)
	}
	if !s.route.ordered {
		return true
	}
	if s.open == 0 {
		s.apart = false
		return true
	}
	private := m.Bind != protocol.Any
	return !s.apart && private == s.private && m.Bind != protocol.Alone && int(s.open) < s.route.limits.InFlight
}

// went notes where m went.
func (s *Session) went(b *Backend, m *protocol.Message) {
	if !s.route.steady {
		return
	}
	if m.Kind == protocol.Request {
		s.open++
	}
	s.private, s.apart = m.Bind != protocol.Any, m.Bind == protocol.Alone || m.Bind == protocol.Parting
	s.home = s.at
	if !s.private {
		s.homes[s.at.n] = b
	}
}

// direct chooses the backends that m may go to. If it has to go to several it returns how m is divided.
func (s *Session) direct(m *protocol.Message) (*division, *protocol.Notice) {
	r := s.route
	if s.held.division != nil {
		return s.held.division, nil
	}
	if r.keyed == nil {
		s.at = r.pools[0]
		return nil, nil
	}
	return s.directByKey(m)
}

// acquire takes a connection for m, or a place on one.
func (s *Session) acquire(m *protocol.Message) (b *Backend, down bool) {
	if m.Bind != protocol.Any {
		b, down = s.lodge(m.Bind)
		return b, down
	}
	var home *Backend
	if s.open > 0 && s.homes != nil {
		home = s.homes[s.at.n]
	}
	return s.at.acquire(s, m.Rest > 0, home)
}
