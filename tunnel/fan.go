package tunnel

import (
	"sync"
	"time"
)

// Target is one connection that a OneWayMulti leads to.
type Target struct {
	To *VConn
	// BestEffort has the target detached when it lags by more than Lag bytes. Otherwise the source waits for it.
	BestEffort bool
	Lag        int // at most the size of the tunnel's buffer, which is the default
	// Idle has the target detached when it has bytes to be written and writes none for so long. 0: never.
	Idle time.Duration
	// Close closes the target when it is complete, in order, or detached, by abort. Otherwise it is left open.
	Close bool
	// Done, if it is not nil, is called once, when the target is complete, with nil, or detached. It must not block.
	Done func(error)
}

// fan is the sink of a tunnel with many targets: one buffer, and a cursor for each.
type fan struct {
	buf     buffer
	targets []target
	live    int
	done    int // complete
	sealed  bool
	flow    *flow
	main    bool          // the tunnel ends with its first target, and does not wait for the others
	linger  time.Duration // that these have to follow

	mu    sync.Mutex // once the tunnel has ended: what follows is nobody's turn
	timer *time.Timer
}

type target struct {
	Target
	at    *cursor
	err   error // why it is detached
	over  bool  // detached or complete
	sent  int64 // when it was last looked at
	moved time.Time
}

func newFan(size int, list []Target) *fan {
	s := &fan{targets: make([]target, len(list))}
	s.buf.size = size
	s.buf.first.gone = true
	for i, t := range list {
		if t.Lag <= 0 || t.Lag > size {
			t.Lag = size
		}
		s.targets[i] = target{Target: t}
	}
	return s
}

// claim takes the targets for f. If another tunnel has one of them none is taken, and the error is ErrBusy. One that is
// closed is detached.
func (s *fan) claim(f *flow) error {
	s.flow = f
	_ = s.buf.grab(f, 0) // nobody else knows it
	for i := range s.targets {
		t := &s.targets[i]
		err := t.To.out.grab(f, 0)
		if err == ErrBusy {
			for j := range s.targets[:i] {
				if !s.targets[j].over {
					s.targets[j].To.out.yield(false).send(s.targets[j].To)
				}
			}
			return err
		}
		if t.err = err; err != nil {
			t.over = true
			continue
		}
		t.at = s.buf.join()
		t.at.easy = t.BestEffort // nothing has been put yet
		t.To.out.follow(&feed{from: &s.buf, at: t.at})
		s.live++
	}
	return nil
}

// grab was done by claim, when the tunnel was started. Now that it has begun, those that were closed by then are told.
func (s *fan) grab(*flow) error {
	for i := range s.targets {
		if t := &s.targets[i]; t.at == nil && t.Done != nil {
			t.Done(t.err)
		}
	}
	return s.fault()
}

// put takes as much as the slowest target has room for, and of that not more than half of what a best-effort target may
// lag, so that each has the time to write in between.
func (s *fan) put(p []byte) (int, error) {
	s.sweep()
	part := p
	for i := range s.targets {
		if t := &s.targets[i]; !t.over && t.BestEffort {
			part = part[:min(len(part), max(t.Lag/2, 1))]
		}
	}
	for i := range s.targets {
		t := &s.targets[i]
		if !t.over && t.BestEffort && s.buf.before(t.at)+len(part) > t.Lag {
			s.detach(t, ErrLag)
		}
	}
	if err := s.fault(); err != nil {
		return 0, err
	}
	n, err := s.buf.fillUp(part)
	if n > 0 {
		s.reenable()
	}
	if n == len(part) && n < len(p) {
		s.flow.wake()
	}
	return n, err
}

func (s *fan) reenable() {
	for i := range s.targets {
		if t := &s.targets[i]; !t.over {
			t.To.Reenable()
		}
	}
}

func (s *fan) size() int { return s.buf.size }

// fault is there when no target is left and none is complete.
func (s *fan) fault() error {
	s.sweep()
	if s.main {
		if t := &s.targets[0]; t.err != nil {
			return t.err
		}
	}
	if s.live == 0 && s.done == 0 {
		return ErrNoTargets
	}
	return nil
}

func (s *fan) seal() {
	s.sealed = true
	s.buf.announce()
	s.sweep()
}

// flushed is true when no target has anything left: each is complete or detached.
func (s *fan) flushed() bool {
	s.sweep()
	return s.live == 0 || s.main && s.targets[0].over
}

func (s *fan) place() int64 {
	_, passed := s.buf.place()
	return passed
}

// sweep looks which targets are gone and which are complete.
func (s *fan) sweep() {
	for i := range s.targets {
		t := &s.targets[i]
		if t.over {
			continue
		}
		if err := t.To.out.fault(); err != nil {
			s.detach(t, gone(err))
		} else if s.sealed && s.buf.before(t.at) == 0 {
			s.complete(t)
		}
	}
}

func (s *fan) complete(t *target) {
	s.done++
	s.part(t, nil)
}

// detach gives t up. What only it needed is freed at once.
func (s *fan) detach(t *target, err error) {
	t.err = err
	s.part(t, err)
}

func (s *fan) part(t *target, err error) {
	t.over = true
	s.live--
	s.buf.quit(t.at).send(nil)
	t.To.out.yield(false).send(t.To)
	if t.Close {
		shut(t.To, err, false)
	}
	t.To.Reenable()
	if t.Done != nil {
		t.Done(err)
	}
}

// ticked detaches who has written nothing for too long.
func (s *fan) ticked(now time.Time) {
	next := time.Time{}
	for i := range s.targets {
		t := &s.targets[i]
		if t.over || t.Idle <= 0 {
			continue
		}
		sent, lags := s.buf.at(t.at)
		if sent != t.sent || !lags || t.moved.IsZero() {
			t.sent, t.moved = sent, now
		}
		due := t.moved.Add(t.Idle)
		if !now.Before(due) {
			s.detach(t, ErrIdle)
			s.flow.wake()
			continue
		}
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	s.flow.from.own.Wake(next)
}

func (s *fan) yield(err error) {
	if err == nil && s.live > 0 {
		s.outlive()
		return
	}
	s.detachAll(err)
	s.buf.yield(false)
}

func (s *fan) detachAll(err error) {
	for i := range s.targets {
		if t := &s.targets[i]; !t.over {
			s.detach(t, err)
		}
	}
}

// outlive has the targets follow for which the tunnel does not wait.
func (s *fan) outlive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(s.linger, func() { s.follow(ErrLinger) })
	s.flow.after.Store(s)
	s.trail(nil)
}

// follow looks at them, and detaches them after an error. It runs on a goroutine of its own, as whoever has a reason for
// it may hold a lock.
func (s *fan) follow(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.trail(err)
	}
}

func (s *fan) trail(err error) {
	s.sweep()
	if err != nil {
		s.detachAll(err)
	}
	if s.live == 0 {
		s.timer.Stop()
		s.timer = nil
		s.buf.yield(false)
	}
}
