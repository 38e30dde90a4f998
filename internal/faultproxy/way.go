package faultproxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

const (
	readSize = 4 << 10
	maxFrame = 16 << 20 // what is longer passes as plain bytes
	inFlight = 4        // units of one direction that are read and not yet written
	inDelay  = 1024     // the same where they are to be delayed
)

// errGone stands for the error that a sender gets whose peer has gone.
var errGone = errors.New("the peer has gone")

// way is one direction of a link: read takes bytes from src, and write, a goroutine of
// its own so that what is under way can be delayed, puts them to dst.
type way struct {
	link     *link
	dir      direction
	src, dst net.Conn
	split    bufio.SplitFunc
	plan     plan
	units    chan unit
	done     chan struct{} // closed when write has returned
	mute     atomic.Bool   // dst hears of nothing any more, the end neither
	stalled  atomic.Bool   // nothing more is taken from src

	// Of read.
	frames  int64
	pending []byte

	// Of write.
	off    int64 // bytes that write is done with
	late   []unit
	broken bool // dst takes no bytes
}

// unit is what goes through a way in one piece: a frame, or bytes. The last one has err.
type unit struct {
	data      []byte
	frame     int64 // its number, or -1 if it is none
	at        time.Time
	err       error
	overtaken int       // frames that go first
	until     time.Time // but no longer than until then, unless that is zero
}

func newWay(l *link, n uint64, dir direction, src, dst net.Conn, faults []Fault) *way {
	w := &way{
		link: l, dir: dir, src: src, dst: dst,
		split: l.proxy.cfg.Split,
		plan:  newPlan(l.proxy.cfg.Seed, n, dir, faults, &l.proxy.counts),
		done:  make(chan struct{}),
	}
	room := inFlight
	if w.plan.has(delay) || w.plan.has(delayFrames) {
		room = inDelay
	}
	w.units = make(chan unit, room)
	if w.plan.has(swallowFIN) {
		w.mute.Store(true)
	}
	return w
}

// read takes bytes from src, cuts them into units and hands these on, until src ends.
func (w *way) read() {
	buf := make([]byte, readSize)
	for {
		n, err := w.src.Read(buf)
		if !w.cut(buf[:n], err) {
			return
		}
		if err != nil {
			w.give(unit{frame: -1, err: err})
			return
		}
		if w.stalled.Load() {
			<-w.link.ctx.Done()
			return
		}
	}
}

// cut hands data on in units. It is false once nobody wants them.
func (w *way) cut(data []byte, end error) bool {
	if w.split == nil {
		return len(data) == 0 || w.give(unit{data: append([]byte(nil), data...), frame: -1})
	}
	w.pending = append(w.pending, data...)
	rest := w.pending
	for from := 0; len(rest) > from && w.split != nil; {
		n, frame, err := w.split(rest[from:], end != nil)
		if err != nil && err != bufio.ErrFinalToken || n < 0 || n > len(rest)-from || n == 0 && len(rest) > maxFrame {
			w.split = nil // out of step: what is left is plain bytes
			break
		}
		if n == 0 {
			break
		}
		if from += n; frame == nil {
			continue // a separator, which goes with the frame that it precedes
		}
		if !w.give(unit{data: append([]byte(nil), rest[:from]...), frame: w.frames}) {
			return false
		}
		w.frames++
		rest, from = rest[from:], 0
	}
	w.pending = w.pending[:copy(w.pending, rest)]
	if len(w.pending) == 0 || w.split != nil && end == nil {
		return true
	}
	last := w.pending
	w.pending = nil
	return w.give(unit{data: last, frame: -1})
}

// give hands u on and is false once the link is over.
func (w *way) give(u unit) bool {
	u.at = time.Now()
	select {
	case w.units <- u:
		return true
	case <-w.link.ctx.Done():
		return false
	}
}

// write puts units to dst, with all that the plan does to them, until the last one.
func (w *way) write() {
	defer close(w.done)
	if !w.strike() {
		return
	}
	for {
		u, ok := w.next()
		if !ok {
			return
		}
		if u.err != nil {
			w.end(u.err)
			return
		}
		if !w.unit(u) {
			return
		}
		if w.broken {
			w.discard()
			return
		}
	}
}

// end sends what was kept back, and tells dst that src has ended.
func (w *way) end(err error) {
	for _, u := range w.late {
		if !w.send(u) {
			return
		}
	}
	w.tell(err)
}

// discard takes units and does nothing with them, until src ends. If dst has gone for
// good src hears of it, but not before it has got what dst had said.
func (w *way) discard() {
	back := w.link.ways[1-w.dir]
	gone := back.done
	for {
		select {
		case u := <-w.units:
			if u.err != nil {
				return
			}
		case <-gone:
			gone = nil
			back.tell(errGone)
		case <-w.link.ctx.Done():
			return
		}
	}
}

// next waits for a unit, or until one that was kept back is to wait no longer. It is
// false once the link is over.
func (w *way) next() (u unit, ok bool) {
	var due <-chan time.Time
	first := -1
	for i, u := range w.late {
		if !u.until.IsZero() && (first < 0 || u.until.Before(w.late[first].until)) {
			first = i
		}
	}
	if first >= 0 {
		timer := time.NewTimer(time.Until(w.late[first].until))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case u = <-w.units:
		return u, true
	case <-due:
		u = w.late[first]
		w.late = append(w.late[:first], w.late[first+1:]...)
		u.frame = -1 // it has been decided about
		return u, true
	case <-w.link.ctx.Done():
		return unit{}, false
	}
}

// unit decides about u and sends it, or keeps it back, and then sends what is no
// longer to be kept back. It is false once the link is over.
func (w *way) unit(u unit) bool {
	if u.frame < 0 {
		return w.send(u)
	}
	copies, overtaken, hold, wait := w.plan.frame(u.frame)
	if !w.sleep(wait) {
		return false
	}
	if copies == 0 {
		return true
	}
	for range copies - 1 {
		u.data = append(u.data[:len(u.data):len(u.data)], u.data...)
	}
	if overtaken > 0 {
		if u.overtaken = overtaken; hold > 0 {
			u.until = time.Now().Add(hold)
		}
		w.late = append(w.late, u)
		return true
	}
	return w.send(u) && w.overtake()
}

// overtake tells the frames that were kept back that one has gone first.
func (w *way) overtake() bool {
	kept := w.late[:0]
	var ready []unit
	for _, u := range w.late {
		if u.overtaken--; u.overtaken > 0 {
			kept = append(kept, u)
		} else {
			ready = append(ready, u)
		}
	}
	w.late = kept
	for _, u := range ready {
		if !w.send(u) {
			return false
		}
	}
	return true
}

// send writes u's bytes when they are due. It is false once the link is over.
func (w *way) send(u unit) bool {
	if d := w.plan.delay(w.off); d > 0 && !w.sleep(time.Until(u.at.Add(d))) {
		return false
	}
	for data := u.data; len(data) > 0; {
		n, pause := w.plan.cut(w.off, data)
		n = min(n, w.plan.step())
		if _, off, ok := w.plan.once(); ok && off > w.off {
			n = int(min(int64(n), off-w.off))
		}
		piece := data[:n]
		data = data[n:]
		w.plan.flip(w.off, piece)
		w.put(piece)
		w.off += int64(n)
		if !w.strike() || !w.sleep(w.plan.takes(n)) || len(data) > 0 && !w.sleep(pause) {
			return false
		}
	}
	return true
}

// put writes p, unless dst takes nothing or is to hear nothing.
func (w *way) put(p []byte) {
	if w.broken || w.black() {
		return
	}
	if _, err := w.dst.Write(p); err != nil {
		w.broken = true
	}
}

// black is true once the direction has gone silent.
func (w *way) black() bool {
	k, off, ok := w.plan.once()
	return ok && k == blackAfter && w.off >= off
}

// strike does what is to be done once, if it is time. It is false once the link is over.
func (w *way) strike() bool {
	k, off, ok := w.plan.once()
	if !ok || w.off != off {
		return true
	}
	w.plan.counts.add(k)
	switch k {
	case resetAfter:
		w.link.reset()
		return false
	case stallAfter:
		w.mute.Store(true)
		w.stalled.Store(true)
		<-w.link.ctx.Done()
		return false
	}
	w.mute.Store(true)
	return true
}

// sleep waits for d. It is false once the link is over.
func (w *way) sleep(d time.Duration) bool {
	if d <= 0 {
		return w.link.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.link.ctx.Done():
		return false
	}
}

// tell passes the end of a stream, or its failure, on to dst.
func (w *way) tell(err error) {
	switch {
	case w.mute.Load():
	case errors.Is(err, io.EOF):
		closeWrite(w.dst)
	default:
		reset(w.dst)
	}
}
