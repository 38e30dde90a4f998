package gateway

import (
	"errors"
	"io"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/validate"
)

// Session is the state machine of one client connection. It is the way in: Data, frame,
// request, accept, in this order. What it has open lies on its desk, where a Backend
// leaves the results.
type Session struct {
	route *route
	w     *worker // of its shard
	vc    *tunnel.VConn
	peer  string
	began time.Time

	state   state
	resume  protocol.Resume
	due     time.Time // when the frame that has begun must be whole; zero: none has
	strikes int       // refusals in a row
	held    held
	said    bool // something was put for the client in this call
	over    bool // the desk was found closed: what is left of this call is to leave
	judging bool // a request was received, and is neither refused nor passed on
	count   struct{ received, refused uint64 }

	desk desk // guarded by vc
	seat seat // guarded by the pool
	left bool // guarded by the route
}

// held is the request that a Session could not pass on for lack of room: its frame is
// left untaken and offered again. The zero value holds nothing.
type held struct {
	on       bool
	member   int       // of the batch: those before it are done with
	gather   *gather   // of the batch
	verified bool      // the request was judged
	backend  *Backend  // it has a place here
	x        *exchange // it is on the desk already, and its client may have heard a wait notice
	notice   []byte    // it was refused, and the client's queue had no room for the notice
	until    time.Time // the queue timeout
}

// Causes with which a Session closes its client.
var (
	errQueueFull = errors.New("the client does not read its results: its queue is full")
	errStrikes   = errors.New("too many requests in a row were refused")
	errIdle      = errors.New("idle for too long")
	errSlow      = errors.New("a frame was not whole in time")
	errBug       = errors.New("a bug: a handler panicked")
	errMute      = errors.New("the protocol has no words for a notice, and answers are paired by order")
)

// Data handles the whole frames of p, first to last.
func (s *Session) Data(own *tunnel.Owner, p []byte) (taken int) {
	defer s.guard()
	whole, blocked := false, false
	for taken < len(p) && s.state != closed && !s.over {
		advance, frame, err := s.route.codec.Split(p[taken:], false, &s.resume)
		if err != nil {
			s.outOfStep(err)
			taken = len(p)
			break
		}
		if advance == 0 {
			break
		}
		s.resume = protocol.Resume{}
		if frame != nil && !s.frame(own, frame) {
			own.Pause() // no room: this frame is offered again
			blocked = true
			break
		}
		taken += advance
		whole = true
	}
	s.w.flush()
	s.watch(own, whole, blocked, len(p)-taken)
	s.wake()
	return taken
}

// guard ends the Session if its handler panics, and leaves the rest to the shard.
func (s *Session) guard() {
	if bug := recover(); bug != nil {
		s.close(errBug)
		panic(bug)
	}
}

// wake has what was put for the client written. It ends every call in which something
// may have been.
func (s *Session) wake() {
	if s.over {
		s.leave(s.desk.cause)
	}
	if s.said {
		s.said = false
		s.vc.Reenable()
	}
}

// watch sees to it that a frame that has begun ends in time, in all and not for each
// of its bytes.
func (s *Session) watch(own *tunnel.Owner, whole, blocked bool, left int) {
	switch {
	case left == 0 || blocked || s.state == closed:
		s.due = time.Time{}
	case whole || s.due.IsZero():
		s.due = time.Now().Add(s.route.timeouts.Frame)
		own.Wake(s.due)
	}
}

// frame handles one frame. It is false if the frame must be offered again.
func (s *Session) frame(own *tunnel.Owner, frame []byte) bool {
	m := &s.w.request
	m.Reset()
	if err := s.route.codec.Decode(protocol.FromClient, frame, m); err != nil {
		return s.malformed(m, err, nil)
	}
	switch m.Kind {
	case protocol.Batch:
		return s.batch(own, m)
	case protocol.Keepalive, protocol.SignOn:
		return s.reply(m)
	}
	return s.request(own, m, nil)
}

// batch handles the members of a client's batch, each as a request of its own.
func (s *Session) batch(own *tunnel.Owner, m *protocol.Message) bool {
	parts, err := s.route.splitter.Split(m, s.w.parts)
	s.w.parts = parts
	if err != nil {
		return s.malformed(m, err, nil)
	}
	g, from := s.held.gather, s.held.member
	if g == nil {
		g = &gather{Gather: *splitter.NewGather(s.route.limits.Gather), head: append([]byte(nil), m.Head...)}
		s.route.counters.batches.Add(uint64(len(parts)))
	}
	for i := from; i < len(parts); i++ {
		part, ok := &parts[i], false
		if part.Err != nil {
			ok = s.malformed(&part.Message, part.Err, g)
		} else {
			ok = s.request(own, &part.Message, g)
		}
		if !ok {
			s.held.member, s.held.gather = i, g
			return false
		}
	}
	return s.seal(g)
}

// seal ends the taking apart of a batch. Its answer may be complete by then.
func (s *Session) seal(g *gather) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	g.Seal()
	if !g.Complete() {
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

// request handles one request: m, of which the answer goes to the batch g if that is not nil.
func (s *Session) request(own *tunnel.Owner, m *protocol.Message, g *gather) bool {
	if s.held.notice != nil {
		return s.say(nil, nil, nil)
	}
	if !s.held.verified {
		s.count.received++
		s.route.counters.received.Add(1)
		s.judging = true
		if n := s.judge(m); n != nil {
			return s.refuse(m, g, n)
		}
		s.held.verified = true
	}
	done, n := s.accept(own, m, g)
	if n != nil {
		return s.refuse(m, g, n)
	}
	if done {
		s.judging = false
		s.strikes = 0
		s.unhold()
	}
	return done
}

// judge decides whether m may pass. Nil means that it may.
func (s *Session) judge(m *protocol.Message) *protocol.Notice {
	r := s.route
	if r.draining.Load() {
		return s.notice(protocol.Later, protocol.Draining)
	}
	if err := s.w.checker.Validate(m); err != nil {
		return s.failure(err)
	}
	if m.Kind == protocol.OneWay {
		return nil
	}
	open, same := s.open(m.ID)
	switch {
	case same:
		return s.notice(protocol.Duplicate, protocol.StillOpen)
	case open >= r.limits.InFlight:
		r.counters.limits[limitInFlight].Add(1)
		return s.notice(protocol.Later, protocol.Busy)
	case r.counters.inFlight.Load()+r.counters.queued.Load() >= int64(r.limits.InFlightTotal):
		r.counters.limits[limitInFlightTotal].Add(1)
		return s.notice(protocol.Later, protocol.Busy)
	}
	return nil
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

// open returns how many requests the client has open, and whether id is one of them.
func (s *Session) open(id protocol.ID) (n int, same bool) {
	hash := hashID(id)
	h := s.vc.Lock()
	defer h.Unlock()
	s.over = s.desk.closed
	return s.desk.open, s.desk.find(h, id, hash)
}

// slack is what a body may grow by when it is put into another frame under another ID.
const slack = 256

// accept passes m on. It is false, without a notice, if there is no room: the Session
// is reenabled once there is.
func (s *Session) accept(own *tunnel.Owner, m *protocol.Message, g *gather) (bool, *protocol.Notice) {
	r := s.route
	now := time.Now()
	for {
		if s.held.on && r.draining.Load() {
			return false, s.notice(protocol.Later, protocol.Draining)
		}
		if s.held.on && !now.Before(s.held.until) {
			r.counters.limits[limitQueueTime].Add(1)
			return false, s.notice(protocol.Later, protocol.QueueTimeout)
		}
		b := s.held.backend
		if b == nil {
			var down bool
			if b, down = r.pool.acquire(s); down {
				return false, s.notice(protocol.Later, protocol.BackendDown)
			}
			if b == nil {
				s.hold(own, now)
				return false, nil
			}
			s.held.backend = b
		}
		room, ok := b.way.Reserve(own, len(m.Body)+slack)
		if !ok {
			if b.way.Err() != nil {
				s.held.backend = nil // it has ended, and its places with it
				continue
			}
			s.hold(own, now)
			return false, nil
		}
		s.held.backend = nil
		done, err := s.send(own, b, m, g, &room, now)
		switch {
		case err == nil && !done:
			s.hold(own, now)
			return false, nil
		case err == nil:
			s.w.touch(b)
			return true, nil
		case errors.Is(err, errLedgerClosed):
			continue // it has ended in between: another one
		}
		r.pool.release(b)
		switch {
		case errors.Is(err, errKeyOpen):
			return false, s.notice(protocol.Duplicate, protocol.StillOpen)
		case errors.Is(err, errLedgerFull):
			r.counters.limits[limitInFlight].Add(1)
			return false, s.notice(protocol.Later, protocol.Busy)
		}
		r.log(s, "a verified request could not be encoded for the backend", err)
		return false, s.notice(protocol.Fix, protocol.BadShape)
	}
}

// send gives m to b, where it has a place, in the room that was reserved. It is false
// if the client's queue has no room for the wait notice, which goes before the request:
// the place is given back.
func (s *Session) send(own *tunnel.Owner, b *Backend, m *protocol.Message, g *gather, room *tunnel.Reservation, now time.Time) (bool, error) {
	r := s.route
	if m.Kind == protocol.OneWay {
		if err := b.sendOneWay(s.w, m, room); err != nil {
			return false, err
		}
		r.pool.release(b)
		r.counters.forwarded.Add(1)
		r.counters.answered.Add(1)
		return true, nil
	}
	x := s.held.x
	if x == nil {
		x = newExchange(s, m, g, now)
		if s.held.on {
			x.fire(queue)
		}
		x.fire(forward)
		if !s.enter(x, m) {
			room.Release()
			r.pool.release(b)
			x.free()
			return false, nil
		}
		s.held.x = x
		if r.wait.On && r.wait.After > 0 {
			own.Wake(now.Add(r.wait.After))
		}
	}
	r.counters.forwarded.Add(1)
	r.counters.inFlight.Add(1)
	if err := b.send(s.w, x, m, room); err != nil {
		r.counters.forwarded.Add(^uint64(0))
		r.counters.inFlight.Add(-1)
		return false, err
	}
	s.held.x = nil
	return true, nil
}

// enter lays x on the desk. If a wait notice is due at once it goes out first, so that
// it can never follow the result; if there is no room for it nothing has happened.
func (s *Session) enter(x *exchange, m *protocol.Message) bool {
	r := s.route
	var frame []byte
	if r.wait.On && r.wait.After == 0 {
		frame = r.say(s.w.out[:0], m, &protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess})
		s.w.out = frame[:0]
	}
	h := s.vc.Lock()
	defer h.Unlock()
	if len(frame) > 0 {
		if h.Put(frame) != nil {
			return false
		}
		s.said = true
		x.fire(wait)
		x.heard = true
		r.counters.waits.Add(1)
		r.counters.notices[protocol.Accepted].Add(1)
	}
	if x.gather != nil {
		x.slot = x.gather.Slot()
	}
	s.desk.enter(h, x)
	return true
}

// hold leaves the request where it is until there is room, or it has waited too long.
func (s *Session) hold(own *tunnel.Owner, now time.Time) {
	if s.held.on {
		return
	}
	s.held.on = true
	s.held.until = now.Add(s.route.timeouts.Queue)
	s.route.counters.queued.Add(1)
	own.Wake(s.held.until)
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.waits = true
}

// unhold is the end of a request: it was passed on or refused. A batch that it is a
// member of goes on with the next.
func (s *Session) unhold() {
	was := s.held
	s.held = held{}
	if b := was.backend; b != nil {
		s.route.pool.release(b)
	}
	if !was.on {
		return
	}
	s.route.counters.queued.Add(-1)
	s.route.pool.leave(s)
	if s.clearDesk() {
		s.leave(nil)
	}
}

// clearDesk says that nothing waits any more, and reports whether the client was closed.
func (s *Session) clearDesk() bool {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.waits = false
	return s.closeIfDrained(h)
}

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
	if bad, ok := errors.AsType[*protocol.Malformed](err); ok {
		n.Cause, n.Reasons = bad.Cause, bad.Reasons
	}
	return s.refuse(m, g, n)
}

// refuse tells the client why m does not pass, and is done with it. It is false if the
// client's queue has no room for the notice: the frame is then offered again.
func (s *Session) refuse(m *protocol.Message, g *gather, n *protocol.Notice) bool {
	s.count.refused++
	s.judging = false
	s.route.refused(s, m, n)
	return s.say(m, g, n)
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
	h := s.vc.Lock()
	defer h.Unlock()
	g.Force(g.Slot(), body)
}

// settle is the end of an exchange that is on the desk and never reached a backend.
func (s *Session) settle(x *exchange, out []byte) {
	s.w.out = out[:0]
	h := s.vc.Lock()
	defer h.Unlock()
	x.fire(fail)
	s.said = true
	s.finish(h, x, out, true)
	s.over = s.desk.closed
}

// strike counts a refusal that the client could have avoided. After too many in a row
// the client is closed.
func (s *Session) strike(n *protocol.Notice) bool {
	if n.Class == protocol.Later {
		return true
	}
	s.strikes++
	if s.strikes >= s.route.limits.Strikes {
		s.route.counters.limits[limitStrikes].Add(1)
		s.close(errStrikes)
	}
	return true
}

// reply answers what belongs to the connection itself.
func (s *Session) reply(m *protocol.Message) bool {
	frame, err := appendReply(s.w.out[:0], s.route.codec, m)
	s.w.out = frame[:0]
	if err != nil || len(frame) == 0 {
		return true
	}
	return s.put(frame)
}

// outOfStep ends a client whose stream cannot be read any further: it hears why, if the
// protocol has words for that.
func (s *Session) outOfStep(err error) {
	c := &s.route.counters
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
	s.farewell(n)
	s.close(err)
}

// farewell is a notice to a client that is closed with it.
func (s *Session) farewell(n *protocol.Notice) {
	if frame := s.route.say(s.w.out[:0], nil, n); len(frame) > 0 {
		s.w.out = frame[:0]
		s.put(frame)
	}
}

// Tick looks at what has a time: the frame that has begun, the request that waits for
// room, and those that are to hear a wait notice.
func (s *Session) Tick(own *tunnel.Owner, now time.Time) {
	if s.state == closed {
		return
	}
	if !s.due.IsZero() {
		if !now.Before(s.due) {
			s.route.counters.limits[limitFrameTime].Add(1)
			n := s.notice(protocol.Fix, protocol.TooLarge)
			n.Reasons = []protocol.Reason{{Off: -1, Rule: "timeouts.frame", Want: "a whole frame within " + s.route.timeouts.Frame.String()}}
			s.farewell(n)
			s.close(errSlow)
			return
		}
		own.Wake(s.due)
	}
	if s.held.on && s.held.notice == nil {
		if now.Before(s.held.until) {
			own.Wake(s.held.until)
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
		if due := x.began.Add(s.route.wait.After); now.Before(due) {
			return due
		}
		s.said = s.putWait(h, x, s.w) || s.said
	}
	return time.Time{}
}

// wait tells the client of x that the backend itself has said that it is working on it.
// It reports whether the client was told something.
func (s *Session) wait(x *exchange, w *worker) bool {
	if !s.route.wait.On {
		return false
	}
	h := s.vc.Lock()
	defer h.Unlock()
	return !x.heard && !s.desk.closed && s.putWait(h, x, w)
}

// putWait puts a wait notice, if there is room: it promises nothing, and another one
// would say nothing new.
func (s *Session) putWait(h *tunnel.Held, x *exchange, w *worker) bool {
	if x.state != forwarded {
		return false
	}
	x.heard = true
	frame := s.route.say(w.out[:0], x.request(s.route.codec, &w.echo), &protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess})
	w.out = frame[:0]
	if len(frame) == 0 || h.Put(frame) != nil {
		return false
	}
	x.fire(wait)
	s.route.counters.waits.Add(1)
	s.route.counters.notices[protocol.Accepted].Add(1)
	return true
}

// Idle closes a client without traffic, but not while a request of it is open.
func (s *Session) Idle(*tunnel.Owner) {
	if n, _ := s.open(nil); n > 0 || s.held.on {
		return
	}
	s.route.counters.limits[limitIdle].Add(1)
	s.close(errIdle)
}

// Room has the frame offered again that waits for room in the client's own queue.
func (s *Session) Room(*tunnel.Owner) {
	if s.held.on || s.held.notice != nil || s.held.verified {
		s.vc.Reenable()
	}
}

// End is the end of what the client sends. If it ended in order it still gets what it
// has asked for; otherwise its requests are abandoned, and their results dropped.
func (s *Session) End(_ *tunnel.Owner, err error) {
	if s.state == closed {
		return
	}
	if s.resume != (protocol.Resume{}) || !s.due.IsZero() {
		s.route.counters.cut.Add(1)
		s.due = time.Time{}
	}
	if errors.Is(err, io.EOF) {
		s.drain()
		return
	}
	s.close(err)
}

// drain takes nothing more, and closes the client when everything is answered.
func (s *Session) drain() {
	if s.state == serving {
		s.state = sessionMachine.step(s.state, drain)
	}
	if s.drainDesk() {
		s.leave(nil)
	}
}

// drainDesk reports whether the client was closed, as it had nothing open.
func (s *Session) drainDesk() bool {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.draining = true
	return s.closeIfDrained(h)
}

func (s *Session) closeIfDrained(h *tunnel.Held) bool {
	if !s.desk.drained(h) {
		return false
	}
	s.shut(h, nil)
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
	if s.state == closed {
		return
	}
	s.state = sessionMachine.step(s.state, shut)
	if x := s.held.x; x != nil {
		s.held.x = nil
		s.settle(x, nil)
	}
	if s.judging {
		s.judging = false
		s.route.counters.refused.Add(1) // it was never passed on, and the client is gone
	}
	s.unhold()
	s.route.leave(s, cause)
}

// deliver puts a frame that answers x, the last one if it is final: x is then gone. For
// a member of a batch it is the body of a frame. It may be called from any goroutine
// that has taken x from its Ledger. It reports whether the client has something to write.
func (s *Session) deliver(x *exchange, out []byte, final bool, e event) bool {
	r := s.route
	c := &r.counters
	if final {
		c.inFlight.Add(-1)
	}
	h := s.vc.Lock()
	defer h.Unlock()
	if s.desk.closed {
		if final {
			x.fire(abandon)
			c.abandoned.Add(1)
			s.desk.settle(h, x)
			s.desk.leave(h, x)
			x.free()
		}
		return false
	}
	switch {
	case final:
		x.fire(e)
		c.ended(e)
	case x.state != answering:
		x.fire(part)
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

// fail closes a client that cannot be given what is its own.
func (s *Session) fail(h *tunnel.Held, err error) {
	if errors.Is(err, tunnel.ErrFull) || errors.Is(err, tunnel.ErrTooLong) {
		s.route.counters.limits[limitQueueBytes].Add(1)
		err = errQueueFull
	}
	s.desk.close(h, err)
	h.Abort(err)
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
	return errors.Join(err, s.desk.answer(h, s, x, frame, true))
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
