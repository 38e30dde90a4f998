package gateway

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
	"time"
)

// batch handles the members of a client's batch, each as a request of its own.
func (s *Session) batch(own *tunnel.Owner, m *protocol.Message) bool {
	parts, err := s.route.splitter.Split(m, s.w.parts)
	s.w.parts = parts
	if err != nil {
		return s.malformed(m, err, nil)
	}
	g, from := s.held.gather, int(s.held.member)
	if g == nil {
		g = &gather{Gather: *splitter.NewGather(s.route.limits.Gather), head: append([]byte(nil), m.Head...)}
		s.route.counters.batches.Add(uint64(len(parts)))
	}
	for i := from; i < len(parts); i++ {
		part, ok := &parts[i], false
		places := len(g.Answers())
		if s.held.x != nil {
			places-- // it waited, and has its place
		}
		switch {
		case part.Err != nil:
			ok = s.malformed(&part.Message, part.Err, g)
		case part.Kind != protocol.Request && part.Kind != protocol.OneWay:
			ok = s.malformed(&part.Message, errNoRequest, g) // rules judge requests, and nothing else
		default:
			ok = s.request(own, &part.Message, g)
		}
		if !ok {
			s.held.member, s.held.gather = int32(i), g
			return false
		}
		s.leavePlace(g, places)
	}
	return s.seal(g)
}

// leavePlace gives a member that hears no answer its place all the same, where answers stand by place. Before are the places
// that there were before it.
func (s *Session) leavePlace(g *gather, before int) {
	if s.route.enveloping == nil {
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	if len(g.Answers()) == before {
		g.Force(g.Slot(), nil)
	}
}

// seal ends the taking apart of a batch. Its answer may be complete by then.
func (s *Session) seal(g *gather) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	g.Seal()
	if !g.Complete() {
		return true
	}
	if g.division != nil {
		s.said = true
		s.join(h, g.division, time.Now())
		s.over = s.desk.closed
		return true
	}
	frame, err := s.route.batch(g)
	if err != nil || len(frame) == 0 {
		return true // no member hears an answer
	}
	s.said = true
	if err := s.desk.say(h, s, frame); err != nil {
		s.fail(h, err)
	}
	s.over = s.desk.closed
	return true
}
