package tunnel

import (
	"context"
	"errors"
	"time"
)

// ErrLag is the end of a best-effort target that has fallen back too far.
var ErrLag = errors.New("tunnel: the target lags by more than its bound")

// OneWayMulti moves what one connection sends to many, out of one buffer, at the pace of the slowest that is required.
// A target that is closed, fails or falls back too far is detached alone. The tunnel ends when the source has ended and
// every target that is left has got everything, when no target is left, or when the source fails.
type OneWayMulti struct {
	Limit       int64 // bytes; 0: until the source ends
	Transform   Transform
	CloseSource bool // in order after a clean end, and by abort otherwise

	from Owner
	size int
	list []Target
	flow flow
	fan  *fan
	done func(error)
}

// TargetResult is how a target has ended: with nil if it got everything.
type TargetResult struct {
	Bytes int64
	Err   error
}

// NewOneWayMulti leads from from to targets, through a buffer of size bytes.
func NewOneWayMulti(from *Owner, size int, targets ...Target) *OneWayMulti {
	return &OneWayMulti{from: *from, size: max(size, 1), list: targets}
}

// Start begins, and returns at once, as that of TwoWay does. It returns ErrNoTargets if there is none, ErrBusy if another
// tunnel has one of the connections or a target is the source or stands there twice, and ErrStopped if the source's Shard
// has ended; then nothing was started. done is called once, in a turn of the source's Shard: with nil if the source ended
// as it should and at least one target got everything.
func (t *OneWayMulti) Start(done func(error)) error {
	if len(t.list) == 0 {
		return ErrNoTargets
	}
	vc := t.from.vc
	for _, to := range t.list {
		if to.To == vc {
			return ErrBusy
		}
	}
	if !vc.claimed.CompareAndSwap(false, true) {
		return ErrBusy
	}
	limit := t.Limit
	if limit <= 0 {
		limit = -1
	}
	t.done = done
	t.fan = newFan(t.size, t.list)
	if t.Transform != nil {
		t.flow.through = &through{transform: t.Transform}
	}
	t.flow.init(t, vc, limit, t.fan)
	if err := t.fan.claim(&t.flow); err != nil {
		vc.claimed.Store(false)
		return err
	}
	if !vc.shard.in(vc, t.begin) {
		t.fan.yield(ErrStopped)
		vc.claimed.Store(false)
		return ErrStopped
	}
	return nil
}

func (t *OneWayMulti) begin() {
	t.flow.begin()
	t.flow.from.own.Wake(time.Now())
}

// Stop ends it with cause, as an error. It may be called from anywhere.
func (t *OneWayMulti) Stop(cause error) {
	if t.fan != nil {
		t.flow.Stop(cause)
		t.flow.wake()
	}
}

// Run is Start for who has a goroutine to spare, as that of TwoWay is.
func (t *OneWayMulti) Run(ctx context.Context) error { return run(ctx, t) }

// Moved returns how many bytes were taken from the source so far. From anywhere.
func (t *OneWayMulti) Moved() int64 { return t.flow.taken.Load() }

// Results returns how each target ended, in their order, once done was called.
func (t *OneWayMulti) Results() []TargetResult {
	list := make([]TargetResult, len(t.fan.targets))
	for i := range list {
		x := &t.fan.targets[i]
		list[i].Err = x.err
		if x.at != nil {
			list[i].Bytes = t.fan.buf.over(x.at)
		}
	}
	return list
}

func (t *OneWayMulti) ended(f *flow, err error) {
	if err == nil && t.fan.done == 0 {
		err = ErrNoTargets
	}
	if t.CloseSource {
		shut(f.from, err, true)
	}
	f.handBack()
	t.done(err)
	f.bequeath()
}

func (t *OneWayMulti) idled(f *flow) { f.stalled() }
func (t *OneWayMulti) part(*flow)    {}
func (t *OneWayMulti) rested()       {}
