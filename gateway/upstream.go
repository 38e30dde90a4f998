package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
)

// upstream is one configured backend: it keeps the connections to it open.
type upstream struct {
	of         atomic.Pointer[route]
	pool       *pool
	conf       BackendConfig
	codec      protocol.Codec
	rewriter   protocol.Rewriter   // nil: it is none
	batching   protocol.Batching   // nil: it is none
	enveloping protocol.Enveloping // nil: a batch is its members, and no more
	splitter   splitter.Splitter   // nil: there are no batches
	carrying   protocol.Carrying   // nil: nothing is carried
	merging    protocol.Merging    // nil: reads have nothing to do with one another
	breaker    breaker
	links      []*machine // one for each connection, over all its generations
	owns       owns
	apart      apart
	tenure     tenure
	duty       duty
	barred     bool // its duty is not Enabled; guarded by the pool's lock

	reversals *reversals // nil: nothing is taken back
	citations *citations // nil: no request names another, or by numbers that the backend knows

	tx, rx, expired, unknown, dials, lost atomic.Uint64
	pending                               atomic.Int64
}

func newUpstream(r *route, p *pool, conf BackendConfig) *upstream {
	u := &upstream{pool: p, conf: conf, codec: conf.Codec, splitter: splitter.New(conf.Codec)}
	u.of.Store(r)
	u.rewriter, _ = u.codec.(protocol.Rewriter)
	u.batching, _ = u.codec.(protocol.Batching)
	u.enveloping, _ = u.codec.(protocol.Enveloping)
	u.merging, _ = u.codec.(protocol.Merging)
	if r.carrying != nil {
		u.carrying = u.codec.(protocol.Carrying) // Check has seen to it
	}
	u.breaker = breaker{Circuit: conf.Circuit, Backoff: conf.Backoff, changed: func(open bool) { p.circuit(u, open) }}
	u.owns.up = u
	u.reversals, u.citations = newReversals(u), newCitations(u)
	for range conf.Connections {
		u.links = append(u.links, newMachine(BackendIdle, BackendTable))
	}
	u.tenure = newTenure(conf.Connections)
	u.duty.begin()
	p.enroll(u)
	return u
}

// route is the route that has u now.
func (u *upstream) route() *route { return u.of.Load() }

// keep keeps connection n open until ctx is done, dialling again after each loss. It begins when the connection that it
// replaces has ended.
func (u *upstream) keep(ctx context.Context, n int) {
	m := u.links[n]
	defer close(u.tenure.left[n])
	defer u.fire(ctx, m, backendClose)
	if !u.tenure.enter(ctx, n) {
		return
	}
	for {
		if !u.duty.wait(ctx) || !u.breaker.pause(ctx) {
			return
		}
		if u.duty.get() == Disabled {
			u.breaker.untried()
			continue
		}
		life := u.tenure.life // a dial that the backend may have taken is not given up: then it would have one more than we know of
		b, err := u.connect(life, m, func() (*Backend, error) { return u.dial(life, n) })
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			u.fire(ctx, m, backendLose)
			u.failed(err)
			continue
		}
		u.route().logBackend(u, "backend connected", nil)
		u.pool.add(b)
		lasted, end := u.await(ctx, b)
		switch end {
		case awaitRest:
			u.rest(ctx, m, b)
			continue
		case awaitDone:
			u.fire(ctx, m, backendDrain)
			u.vacate(b)
			b.lose(errDrained)
			<-b.ended
			return
		}
		u.lost.Add(1)
		u.fire(ctx, m, backendLose)
		if lasted || b.useful.Load() {
			u.breaker.succeeded()
			u.breaker.note(b.cause)
			u.route().logBackend(u, "backend connection lost", b.cause)
		} else {
			u.failed(fmt.Errorf("closed without an answer: %w", b.cause))
		}
	}
}

// connect has dial make a connection, of which m is the machine, and signs on.
func (u *upstream) connect(ctx context.Context, m *machine, dial func() (*Backend, error)) (*Backend, error) {
	u.fire(ctx, m, backendDial)
	u.dials.Add(1)
	b, err := dial()
	if err != nil {
		return nil, err
	}
	b.machine = m
	u.fire(ctx, m, backendConnect)
	if err := b.signOn(ctx, u.route().timeouts.Connect); err != nil {
		return nil, err
	}
	u.fire(ctx, m, backendSignOn)
	return b, nil
}

// awaited is why await has returned.
type awaited uint8

const (
	awaitLost awaited = iota // the connection has ended
	awaitDone                // it is not wanted any more
	awaitRest                // nor is any other, for a time
)

// await waits until b has ended, or is to end. A connection that lasts is a success while it stands: others may be dialled
// beside it.
func (u *upstream) await(ctx context.Context, b *Backend) (lasted bool, end awaited) {
	t := time.NewTimer(u.conf.Circuit.Rest)
	defer t.Stop()
	p := newPulse(b)
	defer p.stop()
	for {
		select {
		case <-b.ended:
			return lasted, awaitLost
		case <-ctx.Done():
			return lasted, awaitDone
		case <-u.duty.ended():
			return lasted, awaitRest
		case <-t.C:
			lasted = true
			u.breaker.succeeded()
		case <-p.beat():
			p.feel()
		}
	}
}

// failed counts a failure, and says so unless it is the like of the last.
func (u *upstream) failed(err error) {
	u.breaker.note(err)
	if n := u.breaker.failed(); n == 1 || n == u.conf.Circuit.Failures || n%100 == 0 {
		u.route().logBackend(u, "backend cannot be reached", err)
	}
}

func (u *upstream) dial(ctx context.Context, n int) (*Backend, error) {
	conn, err := u.conf.dial(ctx, u.route().timeouts.Connect)
	if err != nil {
		return nil, err
	}
	return newBackend(u, conn, n, nil), nil
}

// dialOwn is dial for a connection that o will give to clients.
func (u *upstream) dialOwn(ctx context.Context, o *owns) (*Backend, error) {
	conn, err := u.conf.dial(ctx, u.route().timeouts.Connect)
	if err != nil {
		return nil, err
	}
	return newBackend(u, conn, int(u.dials.Load()), o), nil
}

// dial connects to the backend, within timeout.
func (b *BackendConfig) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := b.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
	if b.TLS != nil {
		return secure(ctx, conn, b.TLS, b.Address)
	}
	return conn, nil
}

// link moves the machine of b on, between ready and carrying. If b has ended meanwhile it
// stays where it is.
func (u *upstream) link(b *Backend, event string) {
	_ = b.machine.fire(context.Background(), event)
}

// fire moves the machine of a connection on. That the table does not allow it is a bug,
// which the log shows and the connection survives.
func (u *upstream) fire(ctx context.Context, m *machine, event string) {
	if err := m.fire(ctx, event); err != nil {
		u.route().logBackend(u, "state machine of a backend connection", err)
	}
}

func (u *upstream) snapshot() BackendSnapshot {
	s := BackendSnapshot{Name: u.conf.Name, Circuit: u.breaker.state(), Admin: u.duty.get().String(), Links: map[string]int{},
		Tx: u.tx.Load(), Rx: u.rx.Load(), Expired: u.expired.Load(), Pending: u.pending.Load(), Unknown: u.unknown.Load(),
		Dials: u.dials.Load(), Lost: u.lost.Load()}
	for _, m := range u.links {
		s.Links[m.state()]++
	}
	s.Own, s.OwnIdle = u.owns.open()
	return s
}

// breaker is the circuit of one upstream and the back-off of all its dials: one, so
// that many connections do not storm a backend that has just come back.
type breaker struct {
	Circuit
	Backoff
	changed func(open bool) // called without the lock

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // no dial before
	opened   bool
	probing  bool  // a dial is on its way while the circuit is open
	last     error // why the last connection was lost, or not made
}

// pause waits until the next dial may be made. It is false when ctx is done.
func (b *breaker) pause(ctx context.Context) bool {
	for {
		wait := b.next(time.Now())
		if wait <= 0 {
			return ctx.Err() == nil
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
	}
}

// next returns how long to wait, and takes the right to probe an open circuit.
func (b *breaker) next(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := b.until.Sub(now); wait > 0 {
		return wait
	}
	if b.opened {
		if b.probing {
			return b.Backoff.Min
		}
		b.probing = true
	}
	return 0
}

// try takes the right to dial for a client that waits: at any time while the circuit is closed, and after the rest of an
// open one for one client at a time.
func (b *breaker) try(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened {
		if b.probing || now.Before(b.until) {
			return false
		}
		b.probing = true
	}
	return true
}

// note keeps err for those who ask what is wrong.
func (b *breaker) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = err
}

// why returns what was noted last, "" if nothing was.
func (b *breaker) why() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		return ""
	}
	return b.last.Error()
}

// untried gives it back: the dial was given up, which tells nothing of the backend.
func (b *breaker) untried() {
	b.mu.Lock()
	b.probing = false
	b.mu.Unlock()
}

// succeeded says that a connection has shown itself of use.
func (b *breaker) succeeded() {
	b.mu.Lock()
	b.failures, b.until, b.probing = 0, time.Time{}, false
	was := b.opened
	b.opened = false
	b.mu.Unlock()
	if was {
		b.changed(false)
	}
}

// failed counts a failure and returns how many there were in a row.
func (b *breaker) failed() int {
	b.mu.Lock()
	b.failures++
	n := b.failures
	wait := time.Duration(rand.Int64N(int64(b.bound(n)) + 1)) // full jitter
	opens := !b.opened && n >= b.Circuit.Failures
	if b.opened || opens {
		b.opened, b.probing = true, false
		wait = max(wait, b.Circuit.Rest)
	}
	b.until = time.Now().Add(wait)
	b.mu.Unlock()
	if opens {
		b.changed(true)
	}
	return n
}

// bound is the longest pause after n failures: Min doubled with each, up to Max.
func (b *breaker) bound(n int) time.Duration {
	bound := b.Backoff.Min
	for range n - 1 {
		if bound > b.Backoff.Max/2 {
			return b.Backoff.Max
		}
		bound *= 2
	}
	return min(bound, b.Backoff.Max)
}

// state is closed, open, or half-open while a dial probes.
func (b *breaker) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.opened:
		return "closed"
	case b.probing:
		return "half-open"
	}
	return circuitOpen
}

const circuitOpen = "open"

// errDrained is the cause of a backend connection that was closed for a shutdown.
var errDrained = errors.New("closed: the gateway is shut down")
