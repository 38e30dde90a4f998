package tunnel

import (
	"errors"
	"io"
	"runtime/debug"
	"time"
)

const (
	quantum = 256 << 10 // written in a turn, at most, for one connection
	scratch = 128 << 10 // read at once
	joined  = 16 << 10  // what is kept is copied in front of what is read, up to here
	pieces  = 8         // written at once; blocks are large enough for a quantum in fewer
)

// pass is the Shard's look at a VConn that was reenabled.
func (s *Shard) pass(vc *VConn) {
	if vc.released {
		return // its word stays at scheduled, so Reenable has no effect
	}
	resumed := vc.word.Swap(running)&resume != 0 // first running, then look
	vc.passed = s.count
	s.hooks.at(onPass, vc)
	s.look(vc, resumed)
	if vc.released {
		vc.word.Store(scheduled)
		return
	}
	s.hooks.at(beforeIdle, vc)
	s.rest(vc)
}

// rest ends a pass. If vc was reenabled meanwhile it gets another, in the next turn.
func (s *Shard) rest(vc *VConn) {
	if vc.word.CompareAndSwap(running, idle) {
		return
	}
	for w := vc.word.Load(); !vc.word.CompareAndSwap(w, scheduled|w&resume); {
		w = vc.word.Load()
	}
	s.again = append(s.again, vc)
}

func (s *Shard) look(vc *VConn, resumed bool) {
	if !vc.live {
		s.begin(vc)
	}
	if vc.pump != nil {
		s.collect(vc)
	}
	if vc.asked.Load()&askEnd != 0 {
		s.bury(vc)
		s.finish(vc)
		return
	}
	if resumed {
		vc.paused, vc.fresh = false, true
	}
	fill, room := vc.pending()
	if room {
		s.call(vc, roomed, nil, nil)
	}
	if vc.works {
		s.call(vc, worked, nil, nil)
	}
	if vc.fresh && vc.listens() {
		vc.fresh = false
		if len(vc.kept) > 0 && vc.told == toldNone && vc.asked.Load()&askCloseRead == 0 {
			s.reoffer(vc)
		}
	}
	if vc.pump != nil {
		s.receive(vc)
	} else if vc.wantsRead() {
		s.toRead(vc)
	}
	s.settle(vc)
	if fill > 0 || vc.asked.Load()&askCloseWrite != 0 {
		s.toWrite(vc)
	}
}

// begin is for the first pass.
func (s *Shard) begin(vc *VConn) {
	vc.live = true
	if vc.clock != nil {
		s.remind(vc.clock)
	}
	if vc.pump != nil {
		return
	}
	if err := s.watch(vc); err != nil {
		vc.end = err
		s.fail(vc, err)
	}
}

// listens says whether the Handler of vc may be offered data or told of an end.
func (vc *VConn) listens() bool {
	return !vc.paused && vc.handler != nil && vc.asked.Load()&askEnd == 0
}

// wantsRead says whether vc is to be read from and a read may find something.
func (vc *VConn) wantsRead() bool {
	return vc.readable && vc.end == nil && vc.listens() && vc.asked.Load()&askCloseRead == 0
}

// read reads from vc once, under poll, and offers what it gets.
func (s *Shard) read(vc *VConn) {
	if vc.released {
		return
	}
	if vc.failed {
		vc.failed = false
		if err := socketError(int(vc.fd)); err != nil {
			s.fail(vc, err) // so that who waits to put hears of it, even during a Pause
			s.settle(vc)
		}
	}
	if vc.closing {
		s.finish(vc)
		return
	}
	if vc.hung && vc.paused {
		s.call(vc, leaving, nil, nil)
	}
	if !vc.wantsRead() {
		return // a pass asks again
	}
	if vc.zero != nil && len(vc.kept) == 0 {
		s.spliceIn(vc)
		return
	}
	n, p, err := s.poll.read(vc)
	switch {
	case n == 0:
	case p != nil:
		s.moved(vc)
		vc.replace(p[s.offer(vc, p):])
	default:
		s.moved(vc)
		s.reoffer(vc)
	}
	if err != nil {
		s.ended(vc, err)
	}
	s.settle(vc)
	if vc.wantsRead() {
		s.toRead(vc)
	}
}

// reoffer offers what is kept.
func (s *Shard) reoffer(vc *VConn) {
	vc.drop(s.offer(vc, vc.kept))
}

func (s *Shard) offer(vc *VConn, p []byte) int { return s.call(vc, data, p, nil) }

// ended notes how the input ended. What was reset is no orderly end.
func (s *Shard) ended(vc *VConn, err error) {
	switch {
	case vc.broken != nil:
		err = vc.broken
	case errors.Is(err, io.EOF):
		err = io.EOF
	default:
		s.fail(vc, err)
	}
	vc.end = err
}

// fail notes that vc is of no use any more. What is still unread is offered before the Handler is told.
func (s *Shard) fail(vc *VConn, err error) {
	if vc.broken != nil || vc.released {
		return
	}
	vc.broken = err
	vc.out.end(err).send(vc)
	if vc.pump == nil || !vc.pump.writing() {
		vc.out.quit(&vc.out.first).send(vc)
	}
	if vc.works {
		vc.rouse()
	}
	switch {
	case vc.closing:
		s.release(vc, true)
	case vc.end != nil || vc.asked.Load()&askCloseRead != 0:
		vc.end = err
	case vc.pump != nil:
		vc.pump.hurry()
	default:
		vc.readable, vc.drain = true, true
		s.toRead(vc)
	}
}

// settle tells the Handler of an end that it does not know, once everything was offered.
func (s *Shard) settle(vc *VConn) {
	if vc.end == nil || !vc.listens() || vc.fresh && len(vc.kept) > 0 {
		return
	}
	knows := toldAll
	if vc.end == io.EOF {
		if vc.asked.Load()&askCloseRead != 0 {
			return
		}
		knows = toldEOF
	}
	if vc.told < knows {
		vc.told = knows
		s.call(vc, endOf, nil, vc.end)
	}
}

// worker is a Handler that is called in each pass, before any data is offered.
type worker interface{ work() }

// pending returns what is to be written, and whether Room is due, once.
func (vc *VConn) pending() (fill int, room bool) {
	fill, room = vc.out.take()
	return fill + vc.fed(), room
}

// unwritten returns what is to be written.
func (vc *VConn) unwritten() int {
	fill, _ := vc.out.place()
	return fill + vc.fed()
}

// event says which method of a Handler is meant.
type event uint8

const (
	data event = iota
	endOf
	roomed
	worked
	ticked
	idled
	expired
	leaving
)

// call calls the Handler of vc, unless the connection is closed: then only End is called. It is the one place where a
// panic ends.
func (s *Shard) call(vc *VConn, e event, p []byte, err error) (taken int) {
	h := vc.handler
	asked := vc.asked.Load()
	if h == nil || e != endOf && asked&askEnd != 0 || e == data && asked&askCloseRead != 0 {
		return 0
	}
	s.calling.Store(vc)
	defer s.called(vc)
	switch e {
	case data:
		n := h.Data(&vc.own, p)
		if n < 0 || n > len(p) {
			panic("tunnel: Data took more than it was offered")
		}
		taken = n
	case endOf:
		h.End(&vc.own, err)
	case roomed:
		h.Room(&vc.own)
	case worked:
		if w, ok := h.(worker); ok {
			w.work()
		}
	case ticked:
		if t, ok := h.(Ticker); ok {
			t.Tick(&vc.own, s.base.Add(time.Duration(s.now())))
		}
	case idled:
		if i, ok := h.(Idler); ok {
			i.Idle(&vc.own)
		} else {
			s.calling.Store(nil)
			abort(vc, ErrIdle)
		}
	case leaving:
		if l, ok := h.(Leaver); ok {
			l.Leaving(&vc.own)
		}
	case expired:
		if x, ok := h.(Expirer); ok {
			x.Expired(&vc.own)
		} else {
			s.calling.Store(nil)
			abort(vc, ErrExpired)
		}
	}
	return taken
}

// called ends a call. If the Handler panicked its connection is aborted, and it is told so as of anyone's abort.
func (s *Shard) called(vc *VConn) {
	s.calling.Store(nil)
	v := recover()
	if v == nil {
		return
	}
	err := &PanicError{Value: v, Stack: debug.Stack()}
	abort(vc, err)
	if f := s.config.OnPanic; f != nil {
		f(vc, err)
	}
}

// abort aborts vc as anyone could.
func abort(vc *VConn, cause error) {
	h := vc.Lock()
	defer h.Unlock()
	h.Abort(cause)
}

// bury parts vc, which was closed, from its Handler, who learns why unless it has closed vc itself.
func (s *Shard) bury(vc *VConn) {
	if vc.closing {
		return
	}
	vc.closing = true
	if vc.told != toldAll && vc.asked.Load()&askOwn == 0 {
		vc.told = toldAll
		s.call(vc, endOf, nil, vc.reason())
	}
	vc.handler = nil
	vc.drop(len(vc.kept))
	// A peer that may still have to read what was put is not to be reset for what it sends meanwhile.
	vc.patient = vc.out.queued() > 0
	c := vc.timed()
	c.wake, c.total, c.idle = 0, 0, 0
	c.linger = s.now() + int64(s.config.Linger)
	s.remind(c)
}

// reason returns the cause with which vc was closed.
func (vc *VConn) reason() error {
	h := vc.Lock()
	defer h.Unlock()
	return vc.cause
}

// finish carries out a Close or an Abort as far as it can now.
func (s *Shard) finish(vc *VConn) {
	switch {
	case vc.released:
	case vc.asked.Load()&askAbort != 0 || vc.broken != nil:
		s.release(vc, true)
	case !vc.finished:
		s.toWrite(vc)
	case vc.end != nil:
		s.release(vc, false)
	case vc.pump != nil && vc.patient:
		vc.pump.discard()
	case vc.readable:
		s.discard(vc)
	case !vc.patient:
		s.release(vc, false)
	}
}

// discard reads what nobody wants any more, under poll: closing with it unread would turn the end into a reset.
func (s *Shard) discard(vc *VConn) {
	if err := s.poll.discard(vc); err != nil {
		s.release(vc, false)
		return
	}
	if vc.readable {
		s.toRead(vc)
	} else if !vc.patient {
		s.release(vc, false)
	}
}

// write writes what was put for vc, once, and then does what waits for it to be written.
func (s *Shard) write(vc *VConn) {
	if vc.released || vc.broken != nil || vc.finished || vc.asked.Load()&askAbort != 0 {
		return
	}
	if vc.pump != nil {
		vc.pump.write()
		return
	}
	n, err := s.poll.write(vc)
	if n > 0 {
		s.moved(vc)
	}
	if err != nil {
		s.fail(vc, err)
		s.settle(vc)
		return
	}
	switch {
	case vc.unwritten() > 0:
		if !vc.blocked {
			s.toWrite(vc)
		}
	case vc.asked.Load()&(askClose|askCloseWrite) != 0:
		vc.finished = true
		finishSocket(int(vc.fd))
		if vc.closing {
			vc.readable = true // it may be, and a read tells
			s.finish(vc)
		}
	}
}

// release gives back all that vc has. It is the last that happens to it.
func (s *Shard) release(vc *VConn, reset bool) {
	if vc.released {
		return
	}
	vc.released = true
	vc.word.CompareAndSwap(idle, scheduled)
	if vc.clock != nil {
		s.forget(vc.clock)
		vc.clock = nil
	}
	vc.handler = nil
	vc.drop(len(vc.kept))
	if vc.pump != nil {
		vc.pump.close(reset)
	} else {
		vc.out.quit(&vc.out.first).send(vc)
		closeSocket(int(vc.fd), reset)
		vc.fd = -1
	}
	s.leave(vc)
}
