package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// owns are the connections of one upstream that clients have to themselves, for requests that change their connection or
// hold it up. One is dialled when a client needs it and none is idle. Who needs one when there are as many as may be
// waits for one to come back. Its lock is a leaf.
type owns struct {
	up      *upstream
	dialing context.Context // of all dials and connections
	running sync.WaitGroup

	mu    sync.Mutex
	idle  []*Backend
	n     int // connections, those that are being dialled included
	dials int
	queue []*Session // who waits, the longest first

	closed bool
}

// wish is a Session's part of an owns, guarded by the lock of that.
type wish struct {
	granted *Backend
	waiting bool
	down    bool // the dial for it has failed
}

// Causes with which a connection of a client's own, or its client, is closed.
var (
	errOwnerLeft = errors.New("the client whose own the connection was has left in the middle")
	errOwnLost   = errors.New("the client's own backend connection was lost, and with it what the client had changed there")
	errPutDown   = errors.New("the client has given up its own connection")
	errUnclear   = errors.New("the backend has refused what should have put the connection back to how it was")
	errGivenUp   = errors.New("what the client has begun on its own connection was refused, and is given up")
	errOwnIdle   = errors.New("no client needed a connection of its own for a while")
)

// ownRest is how long a connection that nobody has stays open.
const ownRest = time.Minute

// acquire takes a connection for s. If there is none yet s waits, and is reenabled when one was granted to it, which the
// next acquire returns. It is down if the backend cannot be reached.
func (o *owns) acquire(s *Session) (b *Backend, down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := &s.wish
	b, down = w.granted, w.down
	w.granted, w.down = nil, false
	switch {
	case b != nil && !b.over(), down:
		return b, down
	case w.waiting:
		return nil, false
	}
	for len(o.queue) == 0 && len(o.idle) > 0 {
		b := o.idle[len(o.idle)-1]
		o.idle = o.idle[:len(o.idle)-1]
		if !b.over() {
			return b, false
		}
	}
	if o.n < o.up.conf.Own && !o.dial() {
		return nil, true
	}
	w.waiting = true
	o.queue = append(o.queue, s)
	return nil, false
}

// dial begins to dial one more. It is false while the circuit is open. The lock is held.
func (o *owns) dial() bool {
	if o.closed || !o.up.breaker.try(time.Now()) {
		return false
	}
	o.n++
	o.dials++
	o.running.Go(o.keep)
	return true
}

// keep dials one connection, and stays with it until it has ended.
func (o *owns) keep() {
	u := o.up
	m := newMachine(BackendIdle, BackendTable)
	b, err := u.connect(o.dialing, m, func() (*Backend, error) { return u.dialOwn(o.dialing, o) })
	defer u.fire(o.dialing, m, backendClose)
	if err != nil {
		o.fail()
		if o.dialing.Err() == nil {
			u.failed(err)
			return
		}
		u.breaker.untried()
		return
	}
	u.breaker.succeeded()
	reenable(o.come(b))
	select {
	case <-b.ended:
	case <-o.dialing.Done():
		b.lose(errDrained)
		<-b.ended
	}
}

// come gives b, which is new, to whoever waits.
func (o *owns) come(b *Backend) []*Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dials--
	return o.give(b)
}

// put takes b back: it is again as any other.
func (o *owns) put(b *Backend) {
	woken, ok := o.take(b)
	reenable(woken)
	if !ok {
		b.lose(errOwnIdle)
	}
}

func (o *owns) take(b *Backend) (woken []*Session, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, false
	}
	return o.give(b), true
}

func (o *owns) give(b *Backend) []*Session {
	if len(o.queue) == 0 {
		o.idle = append(o.idle, b)
		return nil
	}
	s := o.shift()
	s.wish.granted = b
	return []*Session{s}
}

func (o *owns) shift() *Session {
	s := o.queue[0]
	o.queue = append(o.queue[:0], o.queue[1:]...)
	s.wish.waiting = false
	return s
}

// fail tells the first that waits that there is none to be had.
func (o *owns) fail() {
	o.mu.Lock()
	o.dials--
	o.n--
	var woken []*Session
	if len(o.queue) > 0 {
		s := o.shift()
		s.wish.down = true
		woken = append(woken, s)
	}
	o.mu.Unlock()
	reenable(woken)
}

// remove says that b has ended, and has another dialled if somebody waits for that.
func (o *owns) remove(b *Backend) {
	o.mu.Lock()
	o.n--
	for i, other := range o.idle {
		if other == b {
			o.idle = append(o.idle[:i], o.idle[i+1:]...)
			break
		}
	}
	var woken []*Session
	if len(o.queue) > o.dials && !o.dial() {
		s := o.shift()
		s.wish.down = true
		woken = append(woken, s)
	}
	o.mu.Unlock()
	reenable(woken)
}

// leave says that s wants none any more.
func (o *owns) leave(s *Session) {
	o.mu.Lock()
	b := s.wish.granted
	if s.wish.waiting {
		for i, other := range o.queue {
			if other == s {
				o.queue = append(o.queue[:i], o.queue[i+1:]...)
				break
			}
		}
	}
	s.wish = wish{}
	o.mu.Unlock()
	if b != nil {
		o.put(b)
	}
}

// rests reports whether nobody has b, and takes it away from those that could be given.
func (o *owns) rests(b *Backend) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.idle {
		if other == b {
			o.idle = append(o.idle[:i], o.idle[i+1:]...)
			return true
		}
	}
	return false
}

// close has no more dialled, ends those that nobody has, and any other when its client has done with it. Who waits looks elsewhere.
func (o *owns) close() {
	o.mu.Lock()
	o.closed = true
	idle := o.idle
	o.idle = nil
	var woken []*Session
	for len(o.queue) > 0 {
		s := o.shift()
		s.wish.down = true
		woken = append(woken, s)
	}
	o.mu.Unlock()
	reenable(woken)
	for _, b := range idle {
		b.lose(errOwnIdle)
	}
}

// open returns how many connections there are, and how many of them nobody has.
func (o *owns) open() (n, idle int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n, len(o.idle)
}

// inn returns who may have a connection for one more client: each in its turn, but for those whose circuit is open.
func (p *pool) inn() *owns {
	list, first := p.lodgings(), int(p.inns.Add(1))
	for i := range list {
		if o := list[(first+i)%len(list)]; o.up.breaker.state() != circuitOpen {
			return o
		}
	}
	return list[first%len(list)]
}

// lodge returns the connection that is the client's own, or waits for one.
func (s *Session) lodge(bind protocol.Bind) (b *Backend, down bool) {
	if b = s.bind(bind); b != nil && !b.over() {
		return b, false
	} else if b != nil {
		s.takeOver(b, nil) // it was lost just now, and if it had been changed the client is closed
		return nil, true
	}
	if s.inn == nil || s.inn.up.pool != s.at {
		s.inn = s.at.inn() // nobody waits elsewhere: a request waits at one place, and the next comes when that is over
	}
	if b, down = s.inn.acquire(s); b == nil {
		if down {
			s.inn = nil
		}
		return nil, down
	}
	b.host.Store(s)
	s.takeOver(nil, b)
	return b, false // if it is over by now the next call sees that
}

// bind notes what the client is going to do to its own connection, if it has one.
func (s *Session) bind(bind protocol.Bind) *Backend {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.bound = bind == protocol.Own || bind == protocol.Parting
	return s.desk.own
}

// takeOver makes to the client's own connection if from is it now.
func (s *Session) takeOver(from, to *Backend) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	if s.desk.own != from {
		return false
	}
	s.desk.own = to
	return true
}

// evict ends what is the client's own, and what it waits for.
func (s *Session) evict(cause error) {
	if b := s.bind(protocol.Any); b != nil && s.takeOver(b, nil) {
		b.lose(cause)
	}
	if s.inn != nil {
		s.inn.leave(s)
	}
}

// part takes the connection back from its client, whose request has been answered that was the last to need it.
func (b *Backend) part(s *Session) {
	if !s.takeOver(b, nil) {
		return
	}
	b.host.Store(nil)
	b.memo = b.greets.memo
	b.own.SetIdle(ownRest)
	b.owns.put(b)
}

// orphan closes the client whose own b was, which has ended: what it had changed there is gone. It has lost nothing if
// it had b for one request only.
func (b *Backend) orphan() {
	s := b.host.Swap(nil)
	if s == nil {
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	if s.desk.own != b {
		return
	}
	s.desk.own = nil
	if s.desk.bound {
		s.shut(h, errOwnLost)
	}
}

// push gives the client whose own b is what the backend has sent unasked.
func (b *Backend) push(m *protocol.Message) {
	r := b.up.route()
	s := b.host.Load()
	if s == nil {
		r.counters.unasked.Add(1)
		return
	}
	out := r.codec.OpenFrame(b.out[:0], m.Head)
	out, err := r.codec.AppendWithID(out, m, nil)
	if err == nil {
		out, err = r.codec.CloseFrame(out, 0)
	}
	b.out = out[:0]
	if err != nil {
		r.counters.unasked.Add(1)
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	if s.desk.closed {
		return
	}
	r.counters.pushed.Add(1)
	if err := h.Put(out); err != nil {
		s.fail(h, err)
		return
	}
	b.clients = append(b.clients, s.vc)
}

// Idle ends a connection that could be a client's own, and that none has needed for a while.
func (b *Backend) Idle(*tunnel.Owner) {
	if b.owns != nil && b.owns.rests(b) {
		b.lose(errOwnIdle)
	}
}

// over reports whether b has ended.
func (b *Backend) over() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}
