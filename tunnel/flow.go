package tunnel

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Transform appends to dst what is to go on in place of src, and returns it. It is called for every byte of the source,
// the last included, from the source's Shard: it must not block. final is true of one call, the last of a source that
// ended as it should; src may be empty then. What it gives for one call may be no larger than the target's buffer. It is
// not called with more than half of that at once. An error ends the tunnel, and nothing of that call is put.
type Transform func(dst, src []byte, final bool) ([]byte, error)

// Errors with which a tunnel ends.
var (
	// ErrBusy is returned for a connection that another tunnel has.
	ErrBusy = errors.New("tunnel: another tunnel has the connection")
	// ErrShort is the end of a tunnel whose source ended before its limit.
	ErrShort = errors.New("tunnel: the source ended before the limit")
	// ErrTargetGone is the end of a tunnel whose target was closed, or has failed. The cause is wrapped beside it.
	ErrTargetGone = errors.New("tunnel: the target is gone")
	// ErrNoTargets is the end of a tunnel of which no target got everything.
	ErrNoTargets = errors.New("tunnel: no target is left")
	// ErrStalled is the end of a tunnel whose Transform gave more than the target's buffer can hold.
	ErrStalled = errors.New("tunnel: the transform gave more than fits the buffer")
	// ErrLinger is the end of a tunnel whose other direction had ended and which took too long to follow.
	ErrLinger = errors.New("tunnel: the other direction has ended, and the linger is over")
	// ErrTwin is the end of a direction whose twin has failed. The cause is wrapped beside it.
	ErrTwin = errors.New("tunnel: the other direction has failed")
	// ErrTwinEnded is the end of a direction that was stopped because its twin had ended. Nothing that it had taken was lost.
	ErrTwinEnded = errors.New("tunnel: the other direction has ended")
)

// flow is one direction of a tunnel: the Handler of its source, all on the Shard of that. What others have to tell it is
// left where work looks, and then it is woken.
type flow struct {
	tunnel   tunnel
	from     *VConn
	back     Handler // whose the source was
	sink     sink
	*through              // nil: no Transform, and nothing was ever held
	limit    atomic.Int64 // bytes to be taken; negative: until the source ends
	taken    atomic.Int64
	state    flowState
	result   error // of the direction, when it drains and when it is over
	seen     int64 // place of the sink at the last look at the idle limit
	linger   time.Duration
	until    int64 // of the linger, in the Shard's time; 0: it has not begun

	stopped atomic.Pointer[error] // what Stop was given
	signals atomic.Uint32         // what the twin has told
	orphan  atomic.Bool           // the source is closed: it cannot be reenabled any more
	after   atomic.Pointer[fan]   // the tunnel has ended, and this is what it has left

	zero zeroCopy
}

// through is what a flow with a Transform has, or with something to put before the rest.
type through struct {
	transform Transform
	held      []byte
	store     []byte // what held lies in
}

// holds returns how many bytes wait for room in the sink.
func (f *flow) holds() int {
	if f.through == nil {
		return 0
	}
	return len(f.held)
}

// changes reports whether there is a Transform.
func (f *flow) changes() bool { return f.through != nil && f.transform != nil }

// tunnel is what a flow belongs to.
type tunnel interface {
	// ended is called once, in a turn of the source's Shard, when the flow is over: nil if the source ended as it should
	// and all of it was delivered. The flow is still the source's Handler.
	ended(f *flow, err error)
	// idled is called when the idle limit of the source is reached.
	idled(f *flow)
	// part is called for sigPart.
	part(f *flow)
	// rested is called if nothing moves on the sources of both directions.
	rested()
}

// sink is where a flow leads to.
type sink interface {
	grab(f *flow) error
	// put takes as much of p as there is room for. If that is not all, the flow is woken when there is more.
	put(p []byte) (int, error)
	// size is what put can take at most, when nothing is in the way.
	size() int
	// fault returns why nothing can be delivered any more.
	fault() error
	// seal says that nothing more will be put.
	seal()
	// flushed reports whether everything was delivered. If not, the flow is woken when it is.
	flushed() bool
	// place counts what was delivered.
	place() (n int64)
	// ticked is called at the times that were asked for with Wake of the source's Owner, and at others.
	ticked(now time.Time)
	// yield ends it. After an error what was not sent is dropped.
	yield(err error)
}

type flowState uint8

const (
	flowIdle  flowState = iota // not started
	flowOpen                   // source and sink work
	flowDrain                  // the source has ended, the sink is finishing
	flowOver
)

// What one direction tells the other.
const (
	sigEnd    uint32 = 1 << iota // it has ended cleanly: stop reading, deliver what was taken
	sigLinger                    // it has ended cleanly: go on, up to the linger
	sigFail                      // it has failed
	sigIdle                      // nothing moves there: if nothing moves here either, that is the idle limit
	sigPart                      // both are over: what is left is to part from the source
)

// init says what f is to do. From then on it can be told something.
func (f *flow) init(t tunnel, from *VConn, limit int64, s sink) {
	f.tunnel, f.from, f.sink = t, from, s
	f.limit.Store(limit)
}

// begin makes f the Handler of its source. It is called in a turn of the source's Shard, or before the first Reenable.
func (f *flow) begin() {
	vc := f.from
	f.back, f.state = vc.handler, flowOpen
	if err := f.sink.grab(f); err != nil {
		f.sink = nil
		f.Stop(err)
	}
	vc.own.HandTo(f)
	if vc.closing || vc.released || vc.asked.Load()&askEnd != 0 {
		f.orphan.Store(true)
		f.Stop(vc.reason())
	}
	f.wake()
}

// Stop has f end with cause. The first cause counts. It may be called from anywhere.
func (f *flow) Stop(cause error) {
	if cause == nil {
		cause = ErrClosed
	}
	f.stopped.CompareAndSwap(nil, &cause)
}

// wake has f looked at, or what it has left. It may be called from anywhere.
func (f *flow) wake() {
	if s := f.after.Load(); s != nil {
		go s.follow(nil)
		return
	}
	f.nudge()
}

func (f *flow) nudge() {
	if !f.orphan.Load() {
		f.from.Reenable()
		return
	}
	if !f.from.shard.order(f.from, f.work) && f.signals.Swap(0)&sigPart != 0 {
		f.tunnel.part(f) // the Shard has ended: there is nobody else to do it
	}
}

// tell leaves a signal and wakes f.
func (f *flow) tell(sig uint32) {
	f.signals.Or(sig)
	f.nudge()
}

// Data takes what there is room for.
func (f *flow) Data(own *Owner, p []byte) (taken int) {
	if f.state != flowOpen {
		own.Pause()
		return 0
	}
	for f.state == flowOpen && f.holds() == 0 && taken < len(p) && f.stopped.Load() == nil {
		rest := p[taken:]
		final := false
		if limit := f.limit.Load(); limit >= 0 {
			if left := max(limit-f.taken.Load(), 0); int64(len(rest)) >= left {
				rest, final = rest[:left], true
			}
		}
		n, more := f.take(rest, final)
		taken += n
		if final && n == len(rest) && more {
			f.drain(nil)
		}
		if !more {
			break
		}
	}
	if taken < len(p) || f.holds() > 0 || f.state != flowOpen {
		own.Pause()
	}
	if f.state != flowOpen {
		f.wake()
	} else {
		f.adapt(len(p), taken)
	}
	return taken
}

// take passes some of p on, and says how much, and whether more can be taken.
func (f *flow) take(p []byte, final bool) (n int, more bool) {
	if !f.changes() {
		n = f.put(p)
		f.taken.Add(int64(n))
		return n, n == len(p)
	}
	if most := max(f.sink.size()/2, 1); len(p) > most {
		p, final = p[:most], false
	}
	if !f.convert(p, final) {
		return 0, false
	}
	f.taken.Add(int64(len(p)))
	return len(p), true
}

// convert passes p through the Transform. What the sink has no room for is held.
func (f *flow) convert(p []byte, final bool) bool {
	out, err := f.transform(f.store[:0], p, final)
	if err == nil && len(out) > f.sink.size() {
		err = ErrStalled
	}
	if err != nil {
		f.Stop(err)
		f.wake()
		return false
	}
	f.store = out
	f.held = out[f.put(out):]
	return true
}

// put puts what there is room for.
func (f *flow) put(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	n, err := f.sink.put(p)
	if err != nil {
		f.wake() // work looks why
	}
	return n
}

// End is the end of the source.
func (f *flow) End(own *Owner, err error) {
	if own.vc.asked.Load()&askEnd != 0 {
		f.orphan.Store(true) // published before work looks
		if own.vc.shard.stopped.Load() {
			f.Stop(err)
		}
	}
	if f.state == flowOpen {
		f.sourceEnded(err)
	}
	f.wake()
}

func (f *flow) sourceEnded(err error) {
	switch limit := f.limit.Load(); {
	case err != io.EOF:
		f.Stop(err)
	case limit >= 0 && f.taken.Load() < limit:
		f.Stop(ErrShort)
	default:
		f.limit.Store(0) // work does the rest, once nothing is held any more
	}
}

// drain says that nothing more is taken. result is that of the direction, if all that was taken is delivered.
func (f *flow) drain(result error) {
	f.state, f.result = flowDrain, result
	if f.holds() == 0 {
		f.sink.seal()
	}
}

// work looks at what others have left.
func (f *flow) work() {
	sig := f.signals.Swap(0)
	if sig&sigPart != 0 {
		f.tunnel.part(f)
		return
	}
	if sig&sigIdle != 0 && f.resting() {
		f.tunnel.rested()
	}
	if f.state != flowOpen && f.state != flowDrain {
		return
	}
	if cause := f.cause(sig); cause != nil {
		f.finish(cause)
		return
	}
	if sig&(sigEnd|sigLinger) != 0 && f.until == 0 {
		s := f.from.shard
		f.until = s.now() + int64(f.linger)
		f.from.own.Wake(s.base.Add(time.Duration(f.until)))
	}
	if f.state == flowOpen {
		f.advance(sig)
	}
	f.push()
	if f.state == flowDrain && f.holds() == 0 && f.sink.flushed() {
		f.finish(f.result)
	}
}

// cause returns why f must end at once.
func (f *flow) cause(sig uint32) error {
	if cause := f.stopped.Load(); cause != nil {
		return *cause
	}
	if err := f.sink.fault(); err != nil {
		return err
	}
	switch {
	case sig&sigFail != 0:
		return ErrTwin
	case f.state == flowOpen && f.from.broken != nil:
		return f.from.broken
	}
	return nil
}

// advance is for a source that has not ended.
func (f *flow) advance(sig uint32) {
	limit := f.limit.Load()
	switch {
	case sig&sigEnd != 0:
		f.drain(ErrTwinEnded)
	case limit < 0 || f.taken.Load() < limit:
		return
	case f.holds() > 0:
		return
	case !f.changes() || f.convert(nil, true):
		f.drain(nil)
	}
	f.from.paused = true
}

// push puts what is held, and lets the source go on if that was all.
func (f *flow) push() {
	if f.holds() == 0 {
		return
	}
	f.held = f.held[f.put(f.held):]
	if f.holds() > 0 {
		return
	}
	if f.state == flowDrain {
		f.sink.seal()
		return
	}
	f.wake()
}

// finish is the end of f.
func (f *flow) finish(err error) {
	f.state, f.result = flowOver, err
	f.from.paused = true
	f.from.zero = nil
	f.through = nil
	if f.sink != nil {
		failure := err
		if failure == ErrTwinEnded {
			failure = nil
		}
		f.sink.yield(failure)
	}
	f.tunnel.ended(f, err)
}

// handBack makes the source its machine's again.
func (f *flow) handBack() {
	vc := f.from
	vc.claimed.Store(false)
	if f.orphan.Load() {
		vc.handler = f.back
		return
	}
	vc.own.HandTo(f.back)
	if vc.owed {
		vc.owed = false
		vc.out.owe()
	}
	vc.Reenable()
}

// bequeath tells the machine of a source that was closed meanwhile what a Handler is told of that.
func (f *flow) bequeath() {
	if vc := f.from; f.orphan.Load() {
		vc.shard.call(vc, endOf, nil, vc.reason())
		vc.handler = nil
	}
}

// Room is owed to the machine, which is told when it has the connection back.
func (f *flow) Room(own *Owner) { own.vc.owed = true }

// Idle ends the tunnel, unless its sink has moved meanwhile.
func (f *flow) Idle(own *Owner) { f.tunnel.idled(f) }

// Expired ends the tunnel.
func (f *flow) Expired(*Owner) {
	f.Stop(ErrExpired)
	f.wake()
}

// Tick looks at the linger, and at what else the tunnel has a time for.
func (f *flow) Tick(own *Owner, now time.Time) {
	if f.state != flowOpen && f.state != flowDrain {
		return
	}
	f.sink.ticked(now)
	if f.until == 0 {
		return
	}
	if s := f.from.shard; s.now() < f.until {
		own.Wake(s.base.Add(time.Duration(f.until)))
		return
	}
	f.Stop(ErrLinger)
	f.wake()
}

// stalled is for an idle limit that counts the sink's progress too: if there was any, the limit is counted anew.
func (f *flow) stalled() {
	at := f.sink.place()
	if at == f.seen {
		f.Stop(ErrIdle)
		f.wake()
		return
	}
	f.seen = at
	f.from.own.SetIdle(f.from.clock.idle)
}

// resting reports whether nothing has moved on the source for its idle limit.
func (f *flow) resting() bool {
	c := f.from.clock
	if c == nil || !c.rests {
		return false
	}
	p := f.from.pump
	return p == nil || p.rests.Load()
}

func gone(cause error) error { return fmt.Errorf("%w: %w", ErrTargetGone, cause) }
