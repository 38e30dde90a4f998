package tunnel

import (
	"container/heap"
	"math"
	"time"
)

// clock holds what a VConn is to be reminded of. Times are in nanoseconds since the Shard was made; 0 is none. It is
// the Shard's alone.
type clock struct {
	vc    *VConn
	at    int64 // for when it is in the heap
	index int   // in the heap; -1: not in it

	wake     int64
	total    int64
	linger   int64
	idle     time.Duration
	progress int64
	rests    bool // Idle was told, and nothing has moved since
}

const never = math.MaxInt64

// next returns when vc is to be looked at.
func (c *clock) next() int64 {
	at := int64(never)
	for _, t := range [...]int64{c.wake, c.total, c.linger, c.idleAt()} {
		if t != 0 {
			at = min(at, t)
		}
	}
	return at
}

func (c *clock) idleAt() int64 {
	if c.idle == 0 || c.rests {
		return 0
	}
	return c.moved() + int64(c.idle)
}

// moved returns the time of the last progress.
func (c *clock) moved() int64 {
	if p := c.vc.pump; p != nil {
		return max(c.progress, p.progress.Load())
	}
	return c.progress
}

// clocks is a heap, the earliest first.
type clocks []*clock

func (h clocks) Len() int           { return len(h) }
func (h clocks) Less(i, j int) bool { return h[i].at < h[j].at }
func (h clocks) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *clocks) Push(x any) {
	c := x.(*clock)
	c.index = len(*h)
	*h = append(*h, c)
}
func (h *clocks) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	c.index = -1
	return c
}

// elapsed returns the time since the Shard was made.
func (s *Shard) elapsed() int64 { return int64(time.Since(s.base)) }

// now returns the time of the turn.
func (s *Shard) now() int64 {
	if s.timeOf != s.count {
		s.setTime(s.elapsed())
	}
	return s.time
}

func (s *Shard) setTime(now int64) {
	s.timeOf, s.time = s.count, now
	s.clock = s.base.Add(time.Duration(now))
}

// remind puts c where its next time belongs. An entry that is too early is left: it is put right when it is due.
func (s *Shard) remind(c *clock) {
	if !c.vc.live || c.vc.released {
		return
	}
	at := c.next()
	switch {
	case c.index < 0:
		if at != never {
			c.at = at
			heap.Push(&s.clocks, c)
		}
	case at < c.at:
		c.at = at
		heap.Fix(&s.clocks, c.index)
	}
}

// forget takes c out.
func (s *Shard) forget(c *clock) {
	if c.index >= 0 {
		heap.Remove(&s.clocks, c.index)
	}
}

// moved notes progress of vc.
func (s *Shard) moved(vc *VConn) {
	c := vc.clock
	if c == nil || c.idle == 0 {
		return
	}
	c.progress = s.now()
	if c.rests {
		c.rests = false
		s.remind(c)
	}
}

// arm sets the one timer for the earliest clock. A timer that fires too early is left alone.
func (s *Shard) arm() {
	at := s.surveyAt()
	if len(s.clocks) > 0 {
		at = min(at, s.clocks[0].at)
	}
	if at == never {
		return
	}
	if s.armed != 0 && s.armed <= at {
		return
	}
	d := at - s.elapsed()
	if d <= 0 {
		s.alarm.Store(true)
		return
	}
	s.armed = at
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Duration(d), s.ringAlarm)
	} else {
		s.timer.Reset(time.Duration(d))
	}
}

func (s *Shard) ringAlarm() {
	s.alarm.Store(true)
	s.ring()
}

// expire looks at each clock that is due.
func (s *Shard) expire() {
	if !s.alarm.Load() {
		return
	}
	s.alarm.Store(false)
	s.armed = 0
	now := s.elapsed()
	s.setTime(now)
	for len(s.clocks) > 0 && s.clocks[0].at <= now {
		c := heap.Pop(&s.clocks).(*clock)
		s.due = append(s.due, c)
	}
	for i, c := range s.due {
		s.due[i] = nil
		s.strike(c, now)
		s.remind(c)
	}
	s.due = s.due[:0]
	s.surveyed(now)
}

// strike does what is due of c: each at most once, so that a Handler that asks again is called in a later turn.
func (s *Shard) strike(c *clock, now int64) {
	vc := c.vc
	if vc.released {
		return
	}
	if c.linger != 0 && c.linger <= now {
		s.release(vc, !vc.finished)
		return
	}
	if t := c.total; t != 0 && t <= now {
		c.total = 0
		s.call(vc, expired, nil, nil)
	}
	if t := c.idleAt(); t != 0 && t <= now {
		c.rests = true
		if vc.pump != nil {
			vc.pump.rests.Store(true)
		}
		s.call(vc, idled, nil, nil)
	}
	if t := c.wake; t != 0 && t <= now {
		c.wake = 0
		s.call(vc, ticked, nil, nil)
	}
}
