package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
)

// Backend is the state machine of one backend connection, in one generation: it ends
// with the connection, and its successor shares nothing with it. It is the way back:
// read Data first.
type Backend struct {
	up      *upstream
	owns    *owns // nil: it is shared
	machine *machine
	n       int    // of the upstream's connections
	serial  uint64 // of all connections, modulo 4096
	link    *link
	w       *worker // of its shard
	vc      *tunnel.VConn
	own     *tunnel.Owner
	way     *tunnel.OneWay // to the backend

	greets  greets
	memo    uint64
	resume  protocol.Resume
	skip    int64 // bytes of a result that nobody wants
	parts   []splitter.Part
	out     []byte
	clients []*tunnel.VConn // that got something in this call
	strikes int
	due     moment // when the frame that has begun must be whole; 0: none has
	left    int64  // of the output, when it was last looked at

	ledger  *Ledger
	matcher matcher
	host    atomic.Pointer[Session] // whose own it is
	useful  atomic.Bool             // it has answered something
	heard   atomic.Bool             // something came, since its pulse was felt
	ended   chan struct{}
	cause   error // why it ended; readable after ended

	place // guarded by the pool's lock

	sendMu    sync.Mutex // above the Ledger's and the Buffer's: requests enter both in one order
	put       int64      // bytes put into way since the beginning
	bundle    bundle
	dispatch  *dispatch // nil: what is admitted leaves at once
	stopped   bool
	suspended time.Time   // since when no time for answers runs out; zero: it does
	clock     *time.Timer // for the Ledger's deadlines
	armed     bool
}

// newBackend makes a Backend of conn, for o or, if that is nil, for the pool.
func newBackend(u *upstream, conn net.Conn, n int, o *owns) *Backend {
	r := u.route()
	b := &Backend{up: u, owns: o, n: n, link: newLink(u, n, o != nil), w: r.workers[n%len(r.workers)], ended: make(chan struct{})}
	var tickets uint64
	if u.rewriter != nil {
		tickets = u.codec.Traits().Tickets
	}
	b.ledger = NewLedger(r.mode, tickets, r.timeouts.Answer)
	b.ledger.backend, b.ledger.register = b, r.register
	if codec, ok := u.codec.(protocol.Scoped); ok && r.mode == protocol.Key {
		b.ledger.scope = newScope(codec)
	}
	if r.matching != nil {
		b.matcher = matcher{codec: r.matching}
		b.ledger.matcher = &b.matcher
	}
	b.vc, b.own = b.w.shard.New(fmt.Sprintf("%s/%s#%d", r.conf.Name, u.conf.Name, n), conn, r.limits.Tunnel, b)
	b.way = tunnel.NewOneWay(b.vc)
	b.bundle.b = b
	b.serial = serials.Add(1) % (1 << 12)
	if u.conf.dispatches() {
		b.dispatch = newDispatch(b)
	}
	b.greets = newGreets(u.codec)
	return b
}

// Data sends each result in p to the client that asked for it.
func (b *Backend) Data(own *tunnel.Owner, p []byte) (taken int) {
	defer b.guard()
	b.heard.Store(true)
	whole, brings := false, false
	for taken < len(p) {
		if b.skip > 0 {
			n := min(b.skip, int64(len(p)-taken))
			b.skip -= n
			taken += int(n)
			continue
		}
		if b.up.carrying != nil && b.resume == (protocol.Resume{}) {
			n, stop, err := b.head(own, p[taken:])
			if err != nil {
				return b.quit(err, p)
			}
			taken += n
			if brings = stop; stop {
				break
			}
			if n > 0 {
				whole = true
				continue
			}
		}
		advance, frame, err := b.up.codec.Split(p[taken:], false, &b.resume)
		if err != nil {
			return b.quit(err, p)
		}
		if advance == 0 {
			break
		}
		taken += advance
		whole = true
		b.resume = protocol.Resume{}
		if frame == nil {
			continue
		}
		if err := b.frame(frame); err != nil {
			return b.quit(err, p)
		}
	}
	b.watch(own, whole, brings || b.skip > 0 || taken == len(p))
	b.wake()
	return taken
}

// watch sees to it that a frame that has begun ends in time, in all and not for each of its bytes: a backend that has announced
// more than it sends would take every answer that follows for a part of that. It is none if no frame has begun.
func (b *Backend) watch(own *tunnel.Owner, whole, none bool) {
	switch {
	case none:
		b.due = 0
	case whole || b.due == 0:
		r := b.up.route()
		b.due = momentOf(own.Now().Add(max(r.timeouts.Frame, r.timeouts.Answer)))
		own.Wake(b.due.time())
	}
}

// Tick ends b if a frame that has begun is not whole in time.
func (b *Backend) Tick(own *tunnel.Owner, now time.Time) {
	switch {
	case b.due == 0:
	case momentOf(now) < b.due:
		own.Wake(b.due.time())
	default:
		b.up.route().counters.limits[limitFrameTime].Add(1)
		b.lose(errSlowAnswer)
		b.wake()
	}
}

var errSlowAnswer = errors.New("an answer that had begun was not whole in time: what comes behind it would be taken for a part of it")

// quit ends b, from which p is the last that was read. Who has got an answer of it hears that.
func (b *Backend) quit(err error, p []byte) int {
	b.lose(err)
	b.wake()
	return len(p)
}

// guard fails what is open if the handler panics, and leaves the rest to the shard.
func (b *Backend) guard() {
	if bug := recover(); bug != nil {
		b.lose(errBug)
		panic(bug)
	}
}

// wake reenables the clients that got something.
func (b *Backend) wake() {
	for i, vc := range b.clients {
		vc.Reenable()
		b.clients[i] = nil
	}
	b.clients = b.clients[:0]
}

// frame handles one frame: a result, several, or something else. An error ends the connection.
func (b *Backend) frame(frame []byte) error {
	m := &b.w.answer
	m.Reset()
	m.Memo = b.memo
	if err := b.up.codec.Decode(protocol.FromBackend, frame, m); err != nil {
		return fmt.Errorf("the backend's answer: %w", err)
	}
	if b.greets.open > 0 {
		return b.greet(m)
	}
	if m.Kind != protocol.Batch {
		return b.result(m)
	}
	parts, err := b.up.splitter.Split(m, b.parts)
	b.parts = parts
	if err != nil {
		return fmt.Errorf("the backend's batch: %w", err)
	}
	b.up.route().counters.split.Add(1)
	for i := range parts {
		if parts[i].Err != nil {
			// Its owner cannot be told; the deadline tells it. The others are not disturbed.
			err = errors.Join(err, b.strike())
			continue
		}
		err = errors.Join(err, b.result(&parts[i].Message))
	}
	if b.up.enveloping != nil && err == nil {
		b.implied(m)
	}
	return err
}

// implied answers those members of a bundle that its answer m does not name, if that says that they are accepted.
func (b *Backend) implied(m *protocol.Message) {
	n, ok := b.up.enveloping.Bundle(m)
	if !ok || n>>bundleBits != b.serial {
		return
	}
	r := b.up.route()
	for _, x := range b.ledger.takeSent(int64(n&(1<<bundleBits-1)), nil) {
		x.all(func(x *exchange) {
			b.done(x)
			out := r.open(b.out[:0], x)
			out, err := b.up.enveloping.AppendAccepted(out, x.request(r.codec, &b.w.echo))
			if err == nil {
				out, err = r.close(out, x)
			}
			b.out = out[:0]
			if err != nil {
				b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer, Unknown: true})
				return
			}
			b.deliver(x, out, true)
		})
	}
}

// result gives one result to its client.
func (b *Backend) result(m *protocol.Message) error {
	r := b.up.route()
	switch m.Kind {
	case protocol.Response, protocol.Progress:
	case protocol.Push:
		if r.matching == nil {
			b.push(m)
			return nil
		}
	case protocol.Keepalive, protocol.SignOn:
		return b.reply(m)
	default:
		r.counters.unasked.Add(1)
		return nil
	}
	x, v := b.take(m, m.Kind != protocol.Progress && !m.More)
	if v != taken {
		return b.stray(m, v)
	}
	final := m.Kind == protocol.Response && !m.More
	if b.matcher.freed {
		b.release()
	}
	if x.to > b.left && !b.hasLeft(x.to) {
		if final { // otherwise it is still in the Ledger, and ends with the connection
			x.all(func(x *exchange) {
				b.done(x)
				b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer, Unknown: true})
			})
		}
		return errors.New("the backend answered a request that it has not got yet")
	}
	if !b.useful.Load() {
		b.useful.Store(true)
		b.up.breaker.succeeded()
	}
	b.strikes = 0
	b.memo = m.Memo
	b.up.rx.Add(1)
	if x.party != nil && final {
		lane := x.lane
		b.answerAll(x, m)
		if b.dispatch != nil {
			b.advance(lane, true, b.own.Now())
		}
		return nil
	}
	if m.Kind == protocol.Progress {
		if x.session.wait(x, b.w) {
			b.clients = append(b.clients, x.session.vc)
		}
		return nil
	}
	out := r.open(b.out[:0], x)
	err := b.matcher.verdict
	if err == nil {
		start := len(out)
		if out, err = r.codec.AppendWithID(out, m, x.id); err == nil && final && !m.Failed {
			r.kept.note(x, out[start:], b.own.Now())
		}
	}
	if err == nil {
		out, err = r.close(out, x)
	}
	b.out = out[:0]
	if final {
		b.done(x)
		if b.dispatch != nil {
			b.advance(x.lane, true, b.own.Now())
		}
	}
	if err != nil {
		if final {
			b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer, Unknown: true})
		}
		return nil
	}
	if r.results {
		b.copy(x, m)
	}
	s, parts, unclear := x.session, final && x.parts, x.bind == protocol.Parting && m.Failed
	b.deliver(x, out, final)
	switch {
	case parts && unclear: // nobody can say how it has been left
		b.host.Store(nil)
		if s.takeOver(b, nil) {
			return errUnclear
		}
	case parts:
		b.part(s)
	}
	return nil
}

// hasLeft reports whether the output before position to has left for the backend.
func (b *Backend) hasLeft(to int64) bool {
	h := b.vc.Lock()
	defer h.Unlock()
	b.left = h.Left()
	return to <= b.left
}

// take asks the Ledger whose result m is.
func (b *Backend) take(m *protocol.Message, final bool) (*exchange, verdict) {
	now := b.own.Now()
	b.matcher.m = m
	switch {
	case b.up.conf.Serial:
		return b.ledger.takeFirst(final, now) // it need not give the ticket back
	case b.up.route().mode == protocol.Rewrite:
		ticket, ok := b.up.rewriter.Ticket(m.ID)
		if !ok {
			return nil, unknown
		}
		return b.ledger.take(ticket, final, now)
	case b.up.route().mode == protocol.Key:
		return b.ledger.takeKey(m.ID, final, now)
	}
	return b.ledger.takeFirst(final, now)
}

// deliver puts out, which answers x, on its client's desk.
func (b *Backend) deliver(x *exchange, out []byte, final bool) {
	s := x.session
	if s.deliver(x, out, final, answer, b.own.Now()) {
		b.clients = append(b.clients, s.vc)
	}
}

// stray counts an answer that belongs to nobody. Where pairing is by order it is lost
// with the first of them.
func (b *Backend) stray(m *protocol.Message, v verdict) error {
	c := b.up.route().counters
	if v != foreign && v != late && b.up.reversals.answered(m) {
		return nil
	}
	switch v {
	case late:
		c.late.Add(1)
		return nil
	case unasked:
		b.push(m)
		return nil
	case foreign:
		c.misfits.Add(1)
		return errForeign
	case doubled:
		c.doubled.Add(1)
	default:
		c.unknown.Add(1)
		b.up.unknown.Add(1)
		if m.Failed && !b.names(m) && b.refusedAll() {
			return nil
		}
	}
	return b.strike()
}

// names reports whether m says which request it is about, be it one of ours or not.
func (b *Backend) names(m *protocol.Message) bool {
	if b.up.route().mode != protocol.Rewrite {
		return len(m.ID) > 0
	}
	_, ok := b.up.rewriter.Ticket(m.ID)
	return ok
}

// strike counts an answer of no use, and ends the connection after too many in a row.
func (b *Backend) strike() error {
	b.strikes++
	if b.strikes < b.up.conf.Strikes {
		return nil
	}
	b.up.route().counters.limits[limitBackendStrikes].Add(1)
	return fmt.Errorf("%d answers in a row that nobody asked for", b.strikes)
}

// refusedAll is for an error without an id: a backend that could not read what it was
// sent. If everything that is open went out as one frame, the error can mean only that;
// otherwise nothing is guessed, and the deadlines tell the clients.
func (b *Backend) refusedAll() bool {
	list := b.ledger.takeOnly(nil)
	for _, x := range list {
		lane := x.lane
		x.all(func(x *exchange) {
			b.done(x)
			b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer})
		})
		if b.dispatch != nil {
			b.advance(lane, true, time.Now())
		}
	}
	return len(list) > 0
}

// reply answers what belongs to the connection itself.
func (b *Backend) reply(m *protocol.Message) error {
	frame, err := appendReply(b.out[:0], b.up.codec, m)
	b.out = frame[:0]
	if err != nil || len(frame) == 0 {
		return err
	}
	b.vc.Reenable() // a pass is made when this call is over
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	b.put += int64(len(frame))
	h := b.vc.Lock()
	defer h.Unlock()
	return h.Put(frame)
}

// End fails whatever is open on the connection: nothing that may have been executed is
// sent again.
func (b *Backend) End(_ *tunnel.Owner, err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("the backend closed the connection")
	}
	b.lose(err)
}

// Room sends what waits in the dispatch. Who else waits for room towards the backend is a Session, and is reenabled by the
// tunnel.
func (b *Backend) Room(*tunnel.Owner) {
	if b.dispatch != nil {
		b.dispatch.tick()
	}
}

// lose ends the Backend: each of its requests of which a byte has left fails with its
// outcome unknown, the others may be sent again later.
func (b *Backend) lose(cause error) {
	r := b.up.route()
	alone := b.leavePool()
	b.sendMu.Lock()
	if b.stopped {
		b.sendMu.Unlock()
		return
	}
	b.stopped = true
	if b.clock != nil {
		b.clock.Stop()
	}
	b.bundle.stop()
	var unsent []*errand
	if b.dispatch != nil {
		unsent = b.dispatch.stop()
	}
	b.sendMu.Unlock()
	sent := b.shut(cause, alone)
	lost := func(x *exchange, unsent bool) {
		n := protocol.Notice{Class: protocol.Failed, Cause: protocol.BackendLost, Unknown: true}
		if unsent {
			n = protocol.Notice{Class: protocol.Later, Cause: protocol.BackendLost, RetryAfter: r.conf.RetryAfter}
		}
		b.up.pending.Add(-1)
		b.end(x, fail, &n)
	}
	for _, x := range b.ledger.close(nil) {
		unsent := x.from >= sent
		if !unsent && cause != errDrained {
			b.up.apart.doubt(x)
		}
		x.all(func(x *exchange) { lost(x, unsent) })
	}
	for _, e := range unsent {
		if e.x == nil {
			r.counters.failed.Add(1)
			r.counters.inFlight.Add(-1)
			continue
		}
		lost(e.x, true)
	}
	b.cause = cause
	close(b.ended)
	if b.owns != nil {
		b.owns.remove(b)
		b.orphan()
	}
}

// leavePool reports whether somebody had b alone in the pool.
func (b *Backend) leavePool() bool { return b.owns == nil && b.up.pool.remove(b) }

// shut closes the connection, for good, and returns how many bytes have left. Nothing
// that breaks off looks like an orderly end.
func (b *Backend) shut(cause error, alone bool) (sent int64) {
	h := b.vc.Lock()
	defer h.Unlock()
	if (cause == errDrained || cause == errOwnIdle) && !alone && h.Queued() == 0 {
		h.Close(cause)
	} else {
		h.Abort(cause)
	}
	return h.Left()
}

// done gives the place of x back, unless it had that no longer.
func (b *Backend) done(x *exchange) {
	b.up.pending.Add(-1)
	if !x.placeless {
		b.release()
	}
}

// release gives a place back that was taken and not used.
func (b *Backend) release() {
	if b.owns == nil {
		b.up.pool.release(b)
	}
}

// endTacitly ends x as answered, though nothing came: that was to be expected.
func (b *Backend) endTacitly(x *exchange) {
	s := x.session
	if s.deliver(x, nil, true, answer, time.Now()) {
		s.vc.Reenable()
	}
}

// end gives x a final notice in place of a result. Its place must have been given back.
func (b *Backend) end(x *exchange, e event, n *protocol.Notice) {
	s := x.session
	b.up.reversals.note(x, n)
	out := b.up.route().answer(nil, x, n, new(protocol.Message))
	if s.deliver(x, out, true, e, time.Now()) {
		s.vc.Reenable()
	}
}
