package tunnel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// TwoWay moves bytes between two connections, in both directions at once. It is the Handler of both until it ends.
//
// When one side ends in order and all that it sent is delivered, the other direction is stopped: what that had taken is
// still delivered, up to the Linger. With HalfClose the end is passed on instead, and the other direction goes on, up to
// the Linger in total. If a direction fails the other fails too, and both connections are aborted.
type TwoWay struct {
	HalfClose bool
	Linger    time.Duration // 30 s if 0
	Idle      time.Duration // without a byte in either direction; 0: the limits that the Owners have

	CloseFirst, CloseSecond bool // at the end, in order or by abort

	ToSecond, ToFirst Transform // nil: the bytes as they are

	// Tee gets a copy of what the first sends. The second is served before them: only those of them that are required
	// slow the first down, and none of them ends the tunnel. When it has ended they have the Linger to follow.
	Tee []Target

	first, second Owner
	done          func(error)

	mu     sync.Mutex // over the Shard's list and its bell, and nothing else
	ways   *ways      // nil: it has not started, or is folded
	folded *folded    // nil: it is not
	err    error      // of the first that failed
	over   uint8      // directions
	gentle bool       // it has delivered all: its target is closed in order all the same
	begun  *flow      // the first that ended
}

// ways is what a TwoWay has that is not folded.
type ways struct {
	there, back flow
	sinks       [2]single
	fan         *fan
	moved       int64 // when the Shard last looked
}

// NewTwoWay connects first and second. It closes both at its end.
func NewTwoWay(first, second *Owner) *TwoWay {
	return &TwoWay{CloseFirst: true, CloseSecond: true, first: *first, second: *second}
}

const twoWayLinger = 30 * time.Second

// Start begins, and returns at once. It may be called from a Handler, who hands over then what that call does not take,
// and from anywhere else, to take effect in the next turn. It returns ErrBusy if another tunnel has one of the
// connections, or both are the same, and ErrStopped if a Shard has ended; then nothing was started.
//
// done is called once, in a turn of the first connection's Shard: with nil if both directions ended as they should. The
// Handlers from before are by then Handlers again.
func (t *TwoWay) Start(done func(error)) error {
	a, b := t.first.vc, t.second.vc
	if a == b || !a.claimed.CompareAndSwap(false, true) {
		return ErrBusy
	}
	if !b.claimed.CompareAndSwap(false, true) {
		a.claimed.Store(false)
		return ErrBusy
	}
	if t.Linger <= 0 {
		t.Linger = twoWayLinger
	}
	t.done = done
	w := t.open(a, b)
	if len(t.Tee) > 0 {
		w.fan = newFan(b.out.size, append([]Target{{To: b}}, t.Tee...))
		w.fan.main, w.fan.linger = true, t.Linger
		w.there.sink = w.fan
		if err := w.fan.claim(&w.there); err != nil {
			a.claimed.Store(false)
			b.claimed.Store(false)
			return err
		}
	}
	t.set(w)
	if !a.shard.in(a, func() { t.begin(&w.there) }) {
		if w.fan != nil {
			w.fan.yield(ErrStopped)
		}
		a.claimed.Store(false)
		b.claimed.Store(false)
		return ErrStopped
	}
	if !b.shard.in(b, func() { t.begin(&w.back) }) {
		w.back.orphan.Store(true)
		t.ended(&w.back, ErrStopped)
	}
	return nil
}

// open makes the two directions.
func (t *TwoWay) open(a, b *VConn) *ways {
	w := &ways{sinks: [2]single{{to: b}, {to: a}}}
	w.there.init(t, a, -1, &w.sinks[0])
	w.back.init(t, b, -1, &w.sinks[1])
	for _, d := range [...]struct {
		f *flow
		t Transform
	}{{&w.there, t.ToSecond}, {&w.back, t.ToFirst}} {
		if d.t != nil {
			d.f.through = &through{transform: d.t}
		}
		d.f.linger = t.Linger
	}
	return w
}

func (t *TwoWay) set(w *ways) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ways = w
}

func (t *TwoWay) begin(f *flow) {
	f.begin()
	if t.Idle > 0 {
		f.from.own.SetIdle(t.Idle)
	}
	if f == &t.ways.back {
		f.from.shard.stir(t)
	}
}

// Stop ends both directions with cause, as an error. It may be called from anywhere.
func (t *TwoWay) Stop(cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.folded != nil:
		t.folded.stop(cause)
	case t.ways != nil:
		for _, f := range [...]*flow{&t.ways.there, &t.ways.back} {
			f.Stop(cause)
			f.wake()
		}
	}
}

// Run starts, and returns what done would be given. If ctx ends first it stops, with the context's cause. It is for who
// has a goroutine to spare; a Handler that called it would wait for itself.
func (t *TwoWay) Run(ctx context.Context) error { return run(ctx, t) }

// Moved returns how many bytes were taken so far from the first and from the second connection. From anywhere.
func (t *TwoWay) Moved() (fromFirst, fromSecond int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.folded != nil:
		return t.folded.moved[0], t.folded.moved[1]
	case t.ways != nil:
		return t.ways.there.taken.Load(), t.ways.back.taken.Load()
	}
	return 0, 0
}

// Results returns how each direction ended, once done was called: with nil, with ErrTwinEnded if it was stopped because
// the other had ended and nothing that it had taken was lost, or with an error. If one has failed neither shows success.
func (t *TwoWay) Results() (toSecond, toFirst error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.result(&t.ways.there), t.result(&t.ways.back)
}

func (t *TwoWay) result(f *flow) error {
	if t.err == nil || f.result != nil && f.result != ErrTwinEnded && f.result != ErrTwin {
		return f.result
	}
	return fmt.Errorf("%w: %w", ErrTwin, t.err)
}

func (t *TwoWay) ended(f *flow, err error) {
	w := t.ways
	twin, target := &w.back, t.second.vc
	if f == twin {
		twin, target = &w.there, t.first.vc
	}
	t.mu.Lock()
	t.over++
	both := t.over == 2
	clean := err == nil || err == ErrTwinEnded
	if !clean && t.err == nil {
		t.err = err
		t.gentle = both && !t.HalfClose && errors.Is(err, ErrLinger)
	}
	if !both {
		t.begun = f
	}
	t.mu.Unlock()
	switch {
	case both:
		t.ways.back.tell(sigPart)
	case !clean:
		twin.tell(sigFail)
	case t.HalfClose:
		endWrite(target)
		twin.tell(sigLinger)
	default:
		twin.tell(sigEnd)
	}
}

// endWrite has vc's peer see the end.
func endWrite(vc *VConn) {
	h := vc.Lock()
	defer h.Unlock()
	h.CloseWrite()
}

// part closes the source of a direction and hands it back: the second's first, and then the first's.
func (t *TwoWay) part(f *flow) {
	t.mu.Lock()
	err := t.err
	if t.gentle && t.begun != f { // its source is what the first direction had delivered all to
		err = nil
	}
	t.mu.Unlock()
	if f == &t.ways.there && t.CloseFirst || f == &t.ways.back && t.CloseSecond {
		shut(f.from, err, true)
	}
	f.handBack()
	if f == &t.ways.back {
		t.ways.there.tell(sigPart)
	} else {
		t.done(t.err)
	}
	f.bequeath()
}

// idled asks the other direction. Each limit counts what is read from its connection and what is written to it.
func (t *TwoWay) idled(f *flow) {
	if f == &t.ways.there {
		t.ways.back.tell(sigIdle)
	} else {
		t.ways.there.tell(sigIdle)
	}
}

func (t *TwoWay) rested() { t.Stop(ErrIdle) }

// starter is a tunnel that Run can run.
type starter interface {
	Start(done func(error)) error
	Stop(cause error)
}

func run(ctx context.Context, t starter) error {
	ended := make(chan error, 1)
	if err := t.Start(func(err error) { ended <- err }); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { t.Stop(context.Cause(ctx)) })()
	return <-ended
}
