package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// Session is the state machine of one client connection. It is the way in: Data, frame,
// request, accept, in this order. What it has open lies on its desk, where a Backend
// leaves the results.
type Session struct {
	route  *route  // changes in follow, under the lock of vc
	w      *worker // of its shard
	vc     *tunnel.VConn
	peer   string
	began  moment
	number uint64 // of all sessions of the process

	identity string // who the client is: the name in its certificate, or its address

	resume protocol.Resume
	skip   int64  // bytes of a body that nobody wants
	due    moment // when the frame that has begun must be whole; 0: none has
	held   held
	memo   uint64     // of the codec
	at     *pool      // where it has asked for a place
	inn    *owns      // where it has asked for a connection of its own
	home   *pool      // where the last request went
	homes  []*Backend // for each pool, where its open requests went last; nil if their order means nothing
	count  struct{ received, refused uint64 }

	open    int32 // requests, when it was last looked
	lies    int32 // the same with those that were given up or put off, which the backend still has
	strikes int32 // refusals in a row
	phase   phase
	private bool // the last request went to its own connection
	apart   bool // and nothing may follow that before it is answered
	off     bool // the client has said that it leaves: what still comes is not looked at
	said    bool // something was put for the client in this call
	over    bool // the desk was found closed: what is left of this call is to leave
	warned  bool // that something was tolerated was logged
	judging bool // a request was received, and is neither refused nor passed on

	desk desk // guarded by vc
	seat seat // guarded by the pool
	wish wish // guarded by the owns
}

// held is the request that a Session could not pass on for lack of room: its frame is
// left untaken and offered again. The zero value holds nothing.
type held struct {
	on       bool
	number   uint64    // of the request; 0: it has none yet
	counted  bool      // as queued: it is a request
	verified bool      // the request was judged
	member   int32     // of the batch: those before it are done with
	gather   *gather   // of the batch
	division *division // of a request that goes to several backends
	backend  *Backend  // it has a place here
	x        *exchange // it is on the desk already, and its client may have heard a wait notice
	notice   []byte    // it was refused, and the client's queue had no room for the notice
	until    moment    // the queue timeout
}

// Causes with which a Session closes its client.
var (
	errQueueFull = errors.New("the client does not read its results: its queue is full")
	errStrikes   = errors.New("too many requests in a row were refused")
	errHungUp    = errors.New("it hung up while it waited")
	errIdle      = errors.New("idle for too long")
	errSlow      = errors.New("a frame was not whole in time")
	errBug       = errors.New("a bug: a handler panicked")
	errNoRequest = errors.New("the message is no request")
	errMute      = errors.New("the protocol has no words for a notice, and answers are paired by order")
)

// Data handles the whole frames of p, first to last.
func (s *Session) Data(own *tunnel.Owner, p []byte) (taken int) {
	defer s.guard()
	s.follow(own)
	whole, blocked := false, false
	for taken < len(p) && s.phase.is() != closed && s.phase.is() != carrying && !s.over {
		if s.off {
			taken = len(p)
			break
		}
		if s.skip > 0 {
			n := min(s.skip, int64(len(p)-taken))
			s.skip -= n
			taken += int(n)
			continue
		}
		if s.route.carrying != nil && s.resume == (protocol.Resume{}) {
			n, stop := s.head(own, p[taken:])
			taken += n
			if stop {
				blocked = s.held.on || s.held.notice != nil
				break
			}
			if n > 0 {
				whole = true
				continue
			}
		}
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
	if blocked && own.Leaving() {
		s.Leaving(own)
	}
	if s.phase.is() != carrying { // what follows is the tunnel's
		s.watch(own, whole, blocked, len(p)-taken)
	}
	s.wake()
	return taken
}

// guard ends the Session if its handler panics, and leaves the rest to the shard.
func (s *Session) guard() {
	if bug := recover(); bug != nil {
		s.release()
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
	case s.skip > 0:
		if whole || s.due == 0 {
			s.due = momentOf(own.Now().Add(s.route.timeouts.Body))
			own.Wake(s.due.time())
		}
	case left == 0 || blocked || s.phase.is() == closed:
		s.due = 0
	case whole || s.due == 0:
		s.due = momentOf(own.Now().Add(s.route.timeouts.Frame))
		own.Wake(s.due.time())
	}
}

// frame handles one frame. It is false if the frame must be offered again.
func (s *Session) frame(own *tunnel.Owner, frame []byte) bool {
	m := &s.w.request
	m.Reset()
	m.Memo = s.memo
	if err := s.route.codec.Decode(protocol.FromClient, frame, m); err != nil {
		if m.Bind == protocol.Parting {
			return s.giveUp(own, m, err)
		}
		if !s.malformed(m, err, nil) {
			return false
		}
		if bad, ok := errors.AsType[*protocol.Malformed](err); ok && bad.Ends {
			s.endWith(err)
		}
		return true
	}
	switch m.Kind {
	case protocol.Batch:
		return s.batch(own, m)
	case protocol.Keepalive, protocol.SignOn, protocol.SignOff:
		return s.reply(own, m)
	case protocol.Request, protocol.OneWay:
		return s.request(own, m, nil)
	case protocol.Response:
		if s.route.codec.Traits().Acks {
			s.route.counters.unasked.Add(1)
			s.memo = m.Memo
			return true
		}
	}
	return s.malformed(m, errNoRequest, nil)
}

// request handles one request: m, of which the answer goes to the batch g if that is not nil.
func (s *Session) request(own *tunnel.Owner, m *protocol.Message, g *gather) bool {
	if s.held.notice != nil {
		return s.say(nil, nil, nil)
	}
	if !s.held.verified {
		s.count.received++
		s.route.counters.received.Add(1)
		if done, ok := s.repeats(m); done {
			return ok
		}
		done, ok, n := s.answersAgain(own, m, g)
		if done {
			return ok
		}
		s.judging = true
		if n != nil {
			return s.refuse(m, g, n)
		}
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
		s.memo = m.Memo
		if s.route.conf.LogMessages {
			s.route.passed(s, m)
		}
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
	if r.paused.Load() {
		return s.notice(protocol.Later, protocol.Paused)
	}
	if n := s.police(m); n != nil {
		return n
	}
	m.Identity = s.identity
	if err := s.route.checkers[s.w.n].Validate(m); err != nil {
		return s.failure(err)
	}
	if m.Kind == protocol.OneWay {
		s.look(nil) // for those who watch
		return nil
	}
	same := s.look(m.ID)
	switch {
	case same && !s.route.joins:
		return s.notice(protocol.Duplicate, protocol.StillOpen)
	case int(s.lies) >= r.limits.InFlight && !r.ordered: // where answers come in order nothing is lost by not reading on
		r.counters.limits[limitInFlight].Add(1)
		return s.notice(protocol.Later, protocol.Busy)
	case r.indebted(s):
		r.counters.limits[limitAbandoned].Add(1)
		return s.notice(protocol.Later, protocol.Busy)
	case r.counters.inFlight.Load()+r.counters.queued.Load() >= int64(r.limits.InFlightTotal):
		r.counters.limits[limitInFlightTotal].Add(1)
		return s.notice(protocol.Later, protocol.Busy)
	}
	return nil
}

// look counts the requests that the client has open, and reports whether id is one of them.
func (s *Session) look(id protocol.ID) (same bool) {
	hash := hashID(id)
	h := s.vc.Lock()
	defer h.Unlock()
	s.show(h)
	s.over, s.open, s.lies = s.desk.closed, s.desk.open, s.desk.lies
	return s.desk.find(h, id, hash)
}

// slack is what a body may grow by when it is put into another frame under another ID.
const slack = 256

// accept passes m on. It is false, without a notice, if there is no room, or it is not its turn: the Session is
// reenabled once there is.
func (s *Session) accept(own *tunnel.Owner, m *protocol.Message, g *gather) (bool, *protocol.Notice) {
	if !s.turn(m) {
		s.hold(own, time.Time{})
		return false, nil
	}
	d, n := s.direct(m)
	switch {
	case n != nil:
		return false, n
	case d != nil:
		return s.divide(own, m, d)
	}
	return s.pass(own, m, g)
}

// pass is accept of a request that goes to one backend.
func (s *Session) pass(own *tunnel.Owner, m *protocol.Message, g *gather) (bool, *protocol.Notice) {
	r := s.route
	now := own.Now()
	queued := func() {
		if r.steady && !r.ordered && s.open > 0 {
			s.hold(own, time.Time{}) // it waits for its client's own answers: what comes behind must not pass it
			return
		}
		s.hold(own, now.Add(r.timeouts.Queue))
	}
	for {
		if n := s.overdue(now); n != nil {
			return false, n
		}
		b := s.held.backend
		if b == nil {
			var down bool
			if b, down = s.acquire(m); down {
				return false, s.notice(protocol.Later, protocol.BackendDown)
			}
			if b == nil {
				if done, n := s.joinsUnplaced(own, m, g, now); done || n != nil {
					return done, n
				}
				queued()
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
			queued()
			return false, nil
		}
		if ok, n := s.reserveWhole(own, m, g); !ok {
			room.Release()
			if n == nil {
				queued()
			}
			return false, n
		}
		done, err := s.send(own, b, m, g, &room, now)
		s.held.backend = nil
		if g == nil || g.division == nil {
			s.copy(m, done)
		}
		switch {
		case err == nil && !done:
			queued()
			return false, nil
		case err == nil:
			s.went(b, m)
			s.w.touch(b)
			return true, nil
		case errors.Is(err, errLedgerClosed):
			continue // it has ended in between: another one
		}
		b.release()
		switch {
		case errors.Is(err, errKeyOpen):
			if r.repeating == nil {
				return false, s.notice(protocol.Duplicate, protocol.StillOpen)
			}
			if done, n := s.joinsOther(m, now); done || n != nil {
				return done, n
			}
			continue // it is not open any more
		case errors.Is(err, errUncited):
			return false, s.uncited(m)
		case errors.Is(err, errLedgerFull):
			r.counters.limits[limitInFlight].Add(1)
			return false, s.notice(protocol.Later, protocol.Busy)
		}
		r.log(s, "a verified request could not be encoded for the backend", err)
		return false, s.notice(protocol.Fix, protocol.BadShape)
	}
}

// overdue says why the request that is held will not be passed on any more, or nil.
func (s *Session) overdue(now time.Time) *protocol.Notice {
	switch {
	case !s.held.on:
	case s.route.draining.Load():
		return s.notice(protocol.Later, protocol.Draining)
	case s.route.paused.Load():
		return s.notice(protocol.Later, protocol.Paused)
	case s.held.until != 0 && momentOf(now) >= s.held.until:
		s.route.counters.limits[limitQueueTime].Add(1)
		return s.notice(protocol.Later, protocol.QueueTimeout)
	}
	return nil
}

// send gives m to b, where it has a place, in the room that was reserved. It is false
// if the client's queue has no room for the wait notice, which goes before the request:
// the place is given back.
func (s *Session) send(own *tunnel.Owner, b *Backend, m *protocol.Message, g *gather, room *tunnel.Reservation, now time.Time) (bool, error) {
	r := s.route
	if m.Kind == protocol.OneWay {
		if err := b.sendOneWay(s.w, m, room, s.starter(own, b, m)); err != nil {
			return false, err
		}
		r.counters.forwarded.Add(1)
		return true, nil
	}
	if !s.begin(own, b.link, m, g, now) {
		room.Release()
		b.release()
		return false, nil
	}
	x := s.held.x
	sent := false
	if !x.divided() { // that was counted as a whole
		r.counters.forwarded.Add(1)
		r.counters.inFlight.Add(1)
		defer func() {
			if !sent {
				r.counters.forwarded.Add(^uint64(0))
				r.counters.inFlight.Add(-1)
			}
		}()
	}
	if err := b.send(s.w, x, m, room, now, s.starter(own, b, m)); err != nil {
		return false, err
	}
	sent = true
	s.held.x = nil
	return true, nil
}

// begin makes an exchange of m, which is then held, unless it is one already. It is false if the client's queue has no room
// for the wait notice: then nothing has happened.
func (s *Session) begin(own *tunnel.Owner, to *link, m *protocol.Message, g *gather, now time.Time) bool {
	if x := s.held.x; x != nil {
		s.relink(x, to)
		return true
	}
	x := newExchange(s, m, g, now)
	x.track.link = to
	if s.held.on {
		x.fire(queue)
		x.track.queued = s.held.waited(s.route, now)
	}
	x.fire(forward)
	if !s.enter(x, m) {
		x.free()
		return false
	}
	s.held.x = x
	if r := s.route; r.wait.On && r.wait.After > 0 {
		own.Wake(now.Add(r.wait.After))
	}
	return true
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
		x.waits(x.began.time())
		x.heard = true
		r.counters.waits.Add(1)
		r.counters.notices[protocol.Accepted].Add(1)
	}
	if x.gather != nil {
		x.slot = x.gather.Slot()
	}
	if !x.divided() {
		s.desk.enter(h, x)
	}
	return true
}

// hold leaves the request where it is until there is room, or it is until. The zero time is never: it waits for nothing
// but the client's own answers.
func (s *Session) hold(own *tunnel.Owner, until time.Time) {
	if s.held.until == 0 && !until.IsZero() {
		s.held.until = momentOf(until)
		own.Wake(until)
	}
	if s.held.on {
		return
	}
	s.held.on, s.held.counted = true, s.judging
	if s.judging {
		s.route.counters.queued.Add(1)
	}
	number := s.named()
	h := s.vc.Lock()
	defer h.Unlock()
	s.show(h)
	s.desk.waits = true
	s.desk.shown.queued, s.desk.shown.since = number, momentOf(own.Now())
}

// unhold is the end of a request: it was passed on or refused. A batch that it is a
// member of goes on with the next.
func (s *Session) unhold() {
	was := s.held
	s.held = held{}
	if b := was.backend; b != nil {
		b.release()
	}
	if !was.on {
		return
	}
	if was.counted {
		s.route.counters.queued.Add(-1)
	}
	if s.at != nil {
		s.at.leave(s)
	}
	if s.inn != nil {
		s.inn.leave(s)
	}
	if s.clearDesk() {
		s.leave(nil)
	}
}

// clearDesk says that nothing waits any more, and reports whether the client was closed.
func (s *Session) clearDesk() bool {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.waits = false
	s.desk.shown.queued = 0
	return s.closeIfDrained(h)
}

// reply answers what belongs to the connection itself.
func (s *Session) reply(own *tunnel.Owner, m *protocol.Message) bool {
	if s.look(nil); !s.turn(m) || m.Bind == protocol.Parting && s.open > 0 {
		s.hold(own, time.Time{})
		return false
	}
	frame, err := appendReply(s.w.out[:0], s.route.codec, m)
	s.w.out = frame[:0]
	if err == nil && len(frame) > 0 && !s.put(frame) {
		return false
	}
	s.unhold()
	s.memo = m.Memo
	if m.Bind == protocol.Parting {
		s.evict(errPutDown)
	}
	if m.Kind == protocol.SignOff {
		s.off = true
		s.finishUp()
	}
	return true
}

// Room has the frame offered again that waits for room in the client's own queue.
func (s *Session) Room(*tunnel.Owner) {
	if s.held.on || s.held.notice != nil || s.held.verified {
		s.vc.Reenable()
	}
}
