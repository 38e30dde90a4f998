package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/validate"
)

// malformed refuses what is no message. The stream is in step.
func (s *Session) malformed(m *protocol.Message, err error, g *gather) bool {
	if s.held.notice != nil {
		return s.say(nil, nil, nil)
	}
	s.count.received++
	s.route.counters.received.Add(1)
	s.judging = true
	s.route.counters.malformed.Add(1)
	n := s.notice(protocol.Fix, protocol.BadShape)
	bad, ok := errors.AsType[*protocol.Malformed](err)
	if ok {
		n.Cause, n.Reasons = bad.Cause, bad.Reasons
	}
	if ok && bad.Nameless && g != nil && s.route.enveloping != nil {
		s.refuseNameless(g, n)
	}
	return s.refuse(m, g, n)
}

// refuseNameless says n in the place of a member of which nothing is known.
func (s *Session) refuseNameless(g *gather, n *protocol.Notice) {
	body, err := s.route.enveloping.AppendNameless(s.w.out[:0], n)
	s.w.out = body[:0]
	if err == nil && len(body) > 0 {
		s.placeInBatch(g, body)
	}
}

// refuse tells the client why m does not pass, and is done with it. It is false if the
// client's queue has no room for the notice: the frame is then offered again.
func (s *Session) refuse(m *protocol.Message, g *gather, n *protocol.Notice) bool {
	s.count.refused++
	s.judging = false
	s.route.refused(s, m, n)
	s.rebuffed(n)
	if r := s.route.remembering; r != nil {
		s.memo = r.Refused(s.memo, m)
	}
	return s.say(m, g, n)
}

// rebuffed writes n down for those who ask why.
func (s *Session) rebuffed(n *protocol.Notice) {
	now := time.Now()
	number := s.named()
	if x := s.held.x; x != nil {
		number = x.number
	}
	s.w.diary.refused(s, number, s.held.waited(s.route, now), n, now)
}

// giveUp refuses what should have ended the need for a connection of the client's own, and instead ends that connection, as
// nobody can say how it has been left.
func (s *Session) giveUp(own *tunnel.Owner, m *protocol.Message, err error) bool {
	if s.look(nil); s.open > 0 && s.held.notice == nil {
		s.hold(own, time.Time{})
		return false
	}
	if !s.malformed(m, err, nil) {
		return false
	}
	s.evict(errGivenUp)
	s.memo = m.Memo
	return true
}

// police asks the codec's own rules.
func (s *Session) police(m *protocol.Message) *protocol.Notice {
	if s.route.policing == nil {
		return nil
	}
	ref := s.route.policing.Police(m)
	switch {
	case ref == nil:
		return nil
	case ref.Observed:
		s.route.wouldRefuse(s, ref)
		return nil
	case ref.Tolerated:
		s.route.tolerated(s, ref)
		return nil
	}
	n := s.notice(ref.Class, ref.Cause)
	n.Reasons = ref.Reasons
	return n
}

// failure makes a notice of what a Validator found.
func (s *Session) failure(err error) *protocol.Notice {
	f, ok := errors.AsType[*validate.Failure](err)
	if !ok {
		// Not the client's to correct: a rule that cannot be carried out. It fails closed.
		s.route.log(s, "a rule failed", err)
		return s.notice(protocol.Failed, protocol.BadContent)
	}
	n := s.notice(f.Class(), f.Cause())
	n.Reasons = f.Reasons()
	return n
}

// say puts the notice n about m, or the one that is held.
func (s *Session) say(m *protocol.Message, g *gather, n *protocol.Notice) bool {
	frame := s.held.notice
	if n != nil {
		if x := s.held.x; x != nil {
			// Its client has heard Wait: this is the final answer to that.
			s.held.x = nil
			s.settle(x, s.route.answer(s.w.out[:0], x, n, &s.w.echo))
			s.unhold()
			return true
		}
		if g != nil {
			s.sayInBatch(m, g, n)
			s.unhold()
			return s.strike(n)
		}
		frame = s.route.say(s.w.out[:0], m, n)
		s.w.out = frame[:0]
	}
	if !s.put(frame) {
		if s.held.notice == nil {
			s.held.notice = append([]byte{}, frame...)
		}
		return false
	}
	s.unhold()
	return n == nil || s.strike(n)
}

// put queues a frame that answers nothing that is open. It is false if there is no room.
func (s *Session) put(frame []byte) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	s.show(h)
	if len(frame) == 0 {
		if s.route.ordered {
			s.shut(h, errMute)
			s.over = true
		}
		return true
	}
	if errors.Is(s.desk.say(h, s, frame), tunnel.ErrFull) {
		return false
	}
	s.said = true
	return true
}

// sayInBatch gives the notice its place in the answer to the batch.
func (s *Session) sayInBatch(m *protocol.Message, g *gather, n *protocol.Notice) {
	body, err := s.route.codec.AppendNotice(s.w.out[:0], m, n)
	s.w.out = body[:0]
	if err != nil || len(body) == 0 {
		return
	}
	s.placeInBatch(g, body)
}

// strike counts a refusal that the client could have avoided. After too many in a row
// the client is closed.
func (s *Session) strike(n *protocol.Notice) bool {
	if n.Class == protocol.Later || n.Class == protocol.Accepted {
		return true
	}
	s.strikes++
	if int(s.strikes) >= s.route.limits.Strikes {
		s.route.counters.limits[limitStrikes].Add(1)
		s.close(errStrikes)
	}
	return true
}

// outOfStep ends a client whose stream cannot be read any further: it hears why, if the
// protocol has words for that.
func (s *Session) outOfStep(err error) {
	c := s.route.counters
	c.outOfStep.Add(1)
	n := s.notice(protocol.Fix, protocol.BadSyntax)
	if bad, ok := errors.AsType[*protocol.FrameError](err); ok {
		n.Cause = bad.Cause
		if bad.Reason != (protocol.Reason{}) {
			n.Reasons = []protocol.Reason{bad.Reason}
		}
		if bad.Foreign != "" {
			c.foreign.Add(1)
		}
		if bad.Cause == protocol.TooLarge {
			c.limits[limitFrame].Add(1)
		}
	}
	s.count.refused++
	c.notices[n.Class].Add(1)
	s.rebuffed(n)
	s.farewell(n)
	s.endWith(err)
}

// endWith takes nothing more, and closes the client for cause when everything that it has open is answered: what came
// before was in order.
func (s *Session) endWith(cause error) {
	if s.blocks() {
		s.close(cause)
		return
	}
	s.off = true
	s.because(cause)
	s.finishUp()
}

// because notes why the client will be closed.
func (s *Session) because(cause error) {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.why = cause
}

// farewell is a notice to a client that is closed with it.
func (s *Session) farewell(n *protocol.Notice) {
	if frame := s.route.say(s.w.out[:0], nil, n); len(frame) > 0 {
		s.w.out = frame[:0]
		s.put(frame)
	}
}

// notice returns the Session's own Notice, which is good until the next one is made.
func (s *Session) notice(class protocol.Class, cause protocol.Cause) *protocol.Notice {
	n := &s.w.notice
	*n = protocol.Notice{Class: class, Cause: cause}
	if class == protocol.Later {
		n.RetryAfter = s.route.conf.RetryAfter
	}
	return n
}
