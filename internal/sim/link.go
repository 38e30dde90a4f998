package sim

import (
	"container/heap"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// maxPending is the answers that a link holds back before it stops reading.
const maxPending = 1 << 16

// link is one connection of a Backend: requests reads it and answers writes it.
type link struct {
	b    *Backend
	conn net.Conn
	n    int
	in   chan answer   // closed when nothing more will be asked
	done chan struct{} // closed when nothing more can be written

	// of requests alone
	rand *rand.Rand
	seq  int

	// of answers alone
	pending pending
	window  []answer
	sent    int
}

// answer is one frame that is to be sent: one body, or those of a batch.
type answer struct {
	due    time.Time
	seq    int // what is due at the same time goes in order
	head   []byte
	bodies [][]byte
	batch  bool // in the form of a batch even if there is one body
	shake  uint64
}

// fill gives the last of n members a place, if it is not answered.
func (a *answer) fill(n int) {
	if len(a.bodies) < n {
		a.bodies = append(a.bodies, nil)
	}
}

// requests reads to the end, and decides what becomes of each request.
func (l *link) requests() {
	defer l.b.wg.Done()
	defer close(l.in)
	l.b.trace(Event{Conn: l.n, What: "connected"})
	s := NewStream(l.conn, l.b.codec, protocol.FromClient)
	var m protocol.Message
	for {
		_, err := s.Next(&m)
		var malformed *protocol.Malformed
		var lost *protocol.FrameError
		switch {
		case err == nil:
			l.message(&m)
		case errors.As(err, &malformed):
			l.refuse(&m, malformed.Cause, malformed.Reasons, err)
		case errors.As(err, &lost):
			l.b.lost.Add(1)
			l.b.trace(Event{Conn: l.n, What: "lost step", Err: err})
			if body := l.notice(nil, lost.Cause, []protocol.Reason{lost.Reason}); body != nil {
				l.send(answer{due: time.Now(), bodies: [][]byte{body}})
			}
			return
		default:
			return
		}
	}
}

// message handles one frame that is a message, or a batch of them.
func (l *link) message(m *protocol.Message) {
	switch m.Kind {
	case protocol.Keepalive, protocol.SignOn:
		if s, ok := l.b.codec.(protocol.Sessioning); ok {
			if reply, err := s.AppendReply(nil, m); err == nil && len(reply) > 0 {
				_, _ = l.conn.Write(reply) // whole; a broken connection shows itself when it is read
			}
		}
		return
	case protocol.Batch:
		l.b.batches.Add(1)
	}
	group := answer{due: time.Now(), head: clone(m.Head), batch: m.Kind == protocol.Batch}
	_, places := l.b.codec.(protocol.Enveloping)
	err := Each(l.b.codec, m, func(member *protocol.Message, err error) {
		if places && group.batch {
			defer group.fill(len(group.bodies) + 1)
		}
		if malformed := (*protocol.Malformed)(nil); errors.As(err, &malformed) {
			l.b.refused.Add(1)
			l.b.trace(Event{Conn: l.n, What: "refused", Kind: member.Kind, Err: err})
			if body := l.notice(member, malformed.Cause, malformed.Reasons); body != nil {
				group.bodies = append(group.bodies, body)
			}
			return
		}
		l.request(member, &group)
	})
	if err != nil {
		l.refuse(m, protocol.BadShape, nil, err)
		return
	}
	if len(group.bodies) > 0 {
		l.send(group)
	}
}

// request answers m, in group if its answer is not late, and rolls the dice for it.
func (l *link) request(m *protocol.Message, group *answer) {
	e := Event{Conn: l.n, What: "request", Kind: m.Kind, ID: string(m.ID), Name: string(m.Name), Size: len(m.Body), Body: m.Body}
	if m.Kind != protocol.Request {
		l.b.oneWays.Add(1)
		e.What = m.Kind.String()
		l.b.trace(e)
		if m.Kind == protocol.OneWay {
			l.b.o.Handler(m)
		}
		return
	}
	l.b.requests.Add(1)
	l.b.trace(e)
	a := l.b.o.Handler(m)
	// The dice are rolled in the same number for each request, so that one option does not
	// change what another does.
	o := &l.b.o
	miss, late, twice := l.roll(o.Miss), l.roll(o.Late), l.roll(o.Twice)
	stranger, garbage := l.roll(o.Stranger), l.roll(o.Garbage)
	delay := o.Delay + time.Duration(l.rand.Int64N(int64(o.Jitter)+1))
	n := l.rand.Uint64()
	if a.Body == nil || miss {
		l.b.missed.Add(1)
		e.What = "no answer"
		l.b.trace(e)
		return
	}
	now := time.Now()
	due := now.Add(delay)
	alone := answer{due: due, head: group.head, bodies: [][]byte{a.Body}}
	switch {
	case late || a.After > 0:
		alone.due = due.Add(a.After)
		if late {
			l.b.late.Add(1)
			alone.due = alone.due.Add(o.LateBy)
		}
		l.send(alone)
	case group.batch:
		group.bodies = append(group.bodies, a.Body)
		if due.After(group.due) {
			group.due = due
		}
	default:
		l.send(alone)
	}
	for next := a.Then; next != nil; next = next.Then {
		due = due.Add(next.After)
		l.send(answer{due: due, head: group.head, bodies: [][]byte{next.Body}})
	}
	if twice {
		l.b.twice.Add(1)
		l.send(alone)
	}
	if stranger {
		if body := l.stranger(a.Body, n); body != nil {
			l.b.strangers.Add(1)
			l.send(answer{due: due, head: group.head, bodies: [][]byte{body}})
		}
	}
	if garbage {
		l.b.garbage.Add(1)
		l.send(answer{due: due, head: group.head, bodies: [][]byte{[]byte("?garbage?")}})
	}
}

func (l *link) roll(p float64) bool { return l.rand.Float64() < p }

// stranger returns body under an ID that stands for a number of the backend's own.
func (l *link) stranger(body []byte, n uint64) []byte {
	rewriter, ok := l.b.codec.(protocol.Rewriter)
	if !ok {
		return nil
	}
	var m protocol.Message
	if l.b.codec.DecodeBody(protocol.FromBackend, body, &m) != nil {
		return nil
	}
	if tickets := l.b.codec.Traits().Tickets; tickets > 0 {
		n %= tickets
	}
	out, err := l.b.codec.AppendWithID(nil, &m, rewriter.AppendTicket(nil, n))
	if err != nil {
		return nil
	}
	return out
}

// refuse answers what cannot be used, if the protocol has words for it.
func (l *link) refuse(m *protocol.Message, cause protocol.Cause, reasons []protocol.Reason, err error) {
	l.b.refused.Add(1)
	l.b.trace(Event{Conn: l.n, What: "refused", Kind: m.Kind, Err: err})
	if body := l.notice(m, cause, reasons); body != nil {
		l.send(answer{due: time.Now(), head: clone(m.Head), bodies: [][]byte{body}})
	}
}

func (l *link) notice(m *protocol.Message, cause protocol.Cause, reasons []protocol.Reason) []byte {
	body, err := l.b.codec.AppendNotice(nil, m, &protocol.Notice{Class: protocol.Fix, Cause: cause, Reasons: reasons})
	if err != nil || len(body) == 0 {
		return nil
	}
	return body
}

func (l *link) send(a answer) {
	l.seq++
	a.seq, a.shake = l.seq, l.rand.Uint64()
	select {
	case l.in <- a:
	case <-l.done:
	}
}

// answers sends what is due, until all is sent of a connection that asks no more.
func (l *link) answers() {
	defer l.b.wg.Done()
	defer l.b.forget(l)
	defer l.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	in := l.in
	for in != nil || len(l.pending) > 0 || len(l.window) > 0 {
		from := in
		if len(l.pending) >= maxPending {
			from = nil
		}
		timer.Reset(l.wait(time.Now()))
		select {
		case a, ok := <-from:
			if !ok {
				in = nil
				break
			}
			heap.Push(&l.pending, a)
			for range len(from) { // what else has come, so that it can go out in one write
				if a, ok := <-from; ok {
					heap.Push(&l.pending, a)
				}
			}
		case <-timer.C:
		case <-l.b.stop:
			return
		}
		if err := l.flush(time.Now(), in == nil); err != nil {
			return
		}
	}
}

// wait returns how long there is nothing to do.
func (l *link) wait(now time.Time) time.Duration {
	wait := time.Hour
	if len(l.pending) > 0 {
		wait = l.pending[0].due.Sub(now)
	}
	if len(l.window) > 0 {
		wait = min(wait, l.window[0].due.Add(l.b.o.Hold).Sub(now))
	}
	return max(wait, 0)
}

// flush writes what is due: what is gathered in the window waits for its number, but
// not longer than Hold, and not at the end.
func (l *link) flush(now time.Time, last bool) error {
	var out []byte
	want := max(l.b.o.Reorder, 1)
	if l.b.batching != nil {
		want = max(want, l.b.o.Batch)
	}
	for {
		for len(l.window) < want && len(l.pending) > 0 && !l.pending[0].due.After(now) {
			l.window = append(l.window, heap.Pop(&l.pending).(answer))
		}
		held := len(l.window) > 0 && !l.window[0].due.Add(l.b.o.Hold).After(now)
		if len(l.window) < want && !held && (!last || len(l.pending) > 0) || len(l.window) == 0 {
			break
		}
		var err error
		if out, err = l.empty(out); err != nil {
			break
		}
	}
	if len(out) == 0 {
		return nil
	}
	if _, err := l.conn.Write(out); err != nil {
		return err
	}
	if l.b.o.CloseAfter > 0 && l.sent >= l.b.o.CloseAfter {
		return io.ErrClosedPipe
	}
	return nil
}

// empty appends what is in the window as frames.
func (l *link) empty(out []byte) ([]byte, error) {
	defer func() { l.window = l.window[:0] }()
	if l.b.o.Reorder > 1 {
		shuffle(l.window, func(a answer) uint64 { return a.shake })
	}
	for len(l.window) > 0 {
		a := l.window[0]
		l.window = l.window[1:]
		if l.b.batching != nil && l.b.o.Batch > 1 && !a.batch {
			for len(l.window) > 0 && len(a.bodies) < l.b.o.Batch && !l.window[0].batch {
				a.bodies = append(a.bodies[:len(a.bodies):len(a.bodies)], l.window[0].bodies...)
				a.batch = true
				l.window = l.window[1:]
			}
		} else if a.batch && l.b.o.Reorder > 1 {
			r := rand.New(rand.NewPCG(l.b.o.Seed, a.shake))
			r.Shuffle(len(a.bodies), func(i, j int) { a.bodies[i], a.bodies[j] = a.bodies[j], a.bodies[i] })
		}
		body := a.bodies[0]
		n := len(a.bodies)
		if a.batch && l.b.batching != nil {
			var err error
			if body, n, err = l.bundle(&a); err != nil {
				return out, err
			}
			if n > 1 {
				l.b.bundles.Add(1)
			}
			if n == 0 || len(body) == 0 {
				continue
			}
		}
		next, err := appendFrame(out, l.b.codec, a.head, body)
		if err != nil { // it does not fit its framing: nobody hears of it
			l.b.trace(Event{Conn: l.n, What: "no answer", Size: len(body), Err: err})
			continue
		}
		out = next
		l.sent += n
		l.b.answers.Add(uint64(n))
		l.b.trace(Event{Conn: l.n, What: "answer", Kind: protocol.Response, Size: len(body), Body: body})
	}
	return out, nil
}

// bundle returns a as one body, and how many answers it holds: in the envelope of the batch that it answers, if there is one.
func (l *link) bundle(a *answer) (body []byte, n int, err error) {
	for _, b := range a.bodies {
		if len(b) > 0 {
			n++
		}
	}
	if e, ok := l.b.codec.(protocol.Enveloping); ok && len(a.head) > 0 {
		body, err = e.AppendAnswers(nil, a.head, a.bodies)
		return body, n, err
	}
	body, err = l.b.batching.AppendBatch(nil, a.bodies)
	return body, n, err
}

// close ends both directions, so that requests sees it too, and takes what it still sends.
func (l *link) close() {
	close(l.done)
	_ = l.conn.Close()
	l.b.trace(Event{Conn: l.n, What: "closed"})
}

// pending is a heap of answers by the time when they are due.
type pending []answer

func (p pending) Len() int { return len(p) }
func (p pending) Less(i, j int) bool {
	return p[i].due.Before(p[j].due) || p[i].due.Equal(p[j].due) && p[i].seq < p[j].seq
}
func (p pending) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push and Pop are for package heap.
func (p *pending) Push(a any) { *p = append(*p, a.(answer)) }
func (p *pending) Pop() any {
	old := *p
	a := old[len(old)-1]
	old[len(old)-1] = answer{}
	*p = old[:len(old)-1]
	return a
}
