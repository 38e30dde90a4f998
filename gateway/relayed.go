package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// relayed is one client of a relay. It reads what the client must begin with, has a
// backend dialled, and hands both connections to a tunnel. What it reads it leaves
// untaken, all but a PROXY header: it is the first that the tunnel carries.
type relayed struct {
	relay  *relay
	w      *worker // of its shard
	vc     *tunnel.VConn
	own    *tunnel.Owner
	peer   string // of the connection
	number uint64 // of all sessions of the process
	began  int64  // Unix time in nanoseconds

	// Of the client's shard, and then of the dial. Nil once there is a tunnel: there may be many, and they stay.
	opening *opening

	mu      sync.Mutex // below that of the relay
	state   relayState
	source  string             // the client, where a PROXY header has said so
	abandon context.CancelFunc // of the dial, until that is over: a client may stay for days
	way     *tunnel.TwoWay     // once it is relayOpen
	up      *relayUpstream     // likewise
	summed  bool               // guarded by the relay's bookMu
}

type relayState uint8

const (
	relayOpening  relayState = iota // the client is to begin
	relayDialing                    // a backend is dialled
	relayUnserved                   // none could be reached, and the client is about to be told
	relayOpen                       // a tunnel has both connections
	relayOver
)

// Data looks at the beginning.
func (c *relayed) Data(own *tunnel.Owner, p []byte) (taken int) {
	switch c.is() {
	case relayUnserved:
		c.refuse(&refusal{reason: refusedBackend, say: c.relay.later(c.opening.about(c.w, p), protocol.BackendDown), err: errNoBackend})
		return len(p)
	case relayOpening:
	default:
		own.Pause()
		return 0
	}
	n, done, err := c.opening.read(c, p)
	if err != nil {
		c.refuse(err)
		return len(p)
	}
	if done {
		own.Pause()
		c.dial()
	}
	return n
}

// End is the end of a client before the tunnel has it.
func (c *relayed) End(_ *tunnel.Owner, err error) {
	switch c.is() {
	case relayOpening:
		if bug, ok := errors.AsType[*tunnel.PanicError](err); ok {
			c.refuse(&refusal{reason: refusedBug, err: bug})
			return
		}
		c.leave(endedEarly, fmt.Errorf("%w: %w", errUnfinished, err))
		c.close(errUnfinished)
	case relayDialing:
		if !errors.Is(err, io.EOF) { // of which the tunnel is told again
			c.leave(endedEarly, fmt.Errorf("the client has left: %w", err))
			c.close(err)
			c.giveUp()
		}
	case relayUnserved:
		c.refuse(&refusal{reason: refusedBackend, err: errNoBackend})
	}
}

// Room does nothing: a notice is all that is put, and it fits.
func (c *relayed) Room(*tunnel.Owner) {}

// Tick ends a client that does not begin in time.
func (c *relayed) Tick(*tunnel.Owner, time.Time) {
	if c.is() == relayOpening {
		c.refuse(c.opening.late())
	}
}

// refuse tells the client why, in words of its protocol, and closes it in order, so that it reads them.
func (c *relayed) refuse(err error) {
	why, ok := errors.AsType[*refusal](err)
	if !ok {
		why = &refusal{reason: refusedFrame, err: err}
	}
	if !c.finish(func(s *relaySums) { s.refuse(why) }) {
		return
	}
	c.tell(why)
}

// tell is the end of refuse: the client is counted out.
func (c *relayed) tell(why *refusal) {
	c.relay.rebuffed(c, why)
	h := c.vc.Lock()
	defer h.Unlock()
	if len(why.say) > 0 {
		_ = h.Put(why.say) // nothing was put before; what does not fit limits.tunnel is not said
	}
	h.Close(why)
}

// leave counts and logs the end of a client that was not refused.
func (c *relayed) leave(how relayEnd, cause error) {
	if c.finish(func(s *relaySums) { s.ended[how]++ }) {
		c.relay.logEnd(c, how, cause)
	}
}

// finish counts the client out, once. It is false if that was done before.
func (c *relayed) finish(count func(*relaySums)) bool {
	r := c.relay
	if !c.finished(count) {
		return false
	}
	r.forget(c)
	return true
}

func (c *relayed) finished(count func(*relaySums)) bool {
	c.relay.bookMu.Lock()
	defer c.relay.bookMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over(count)
}

// unbegun is finish for a client that has not begun: from then on it cannot.
func (c *relayed) unbegun(count func(*relaySums)) bool {
	c.relay.bookMu.Lock()
	defer c.relay.bookMu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == relayOpening && c.over(count)
}

// over ends c, once. Both locks are held.
func (c *relayed) over(count func(*relaySums)) bool {
	if c.state == relayOver {
		return false
	}
	c.state, c.summed = relayOver, true
	count(&c.relay.sum)
	c.relay.sum.add(c.way)
	return true
}

// dial connects to a backend, on a goroutine of its own, and starts the tunnel. It does nothing if the client was
// closed meanwhile.
func (c *relayed) dial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != relayOpening {
		return
	}
	c.state = relayDialing
	ctx, cancel := context.WithCancel(c.relay.dialing)
	c.abandon = cancel
	c.relay.dials.Go(func() {
		defer c.giveUp()
		u, conn, err := c.relay.dial(ctx)
		switch {
		case err == nil:
			vc, own := c.w.shard.New(u.name, conn, c.relay.limits.Tunnel, nil)
			if v := c.relay.conf.Relay.SendProxy; v > 0 {
				putHeader(vc, appendProxyHeader(nil, v, c.opening.who))
			}
			c.start(u, vc, own)
		case c.relay.codec != nil && c.unserved():
			c.vc.Reenable() // what it began with is offered again, so that the notice can be about it
		default:
			c.refuse(&refusal{reason: refusedBackend, err: err})
		}
	})
}

// giveUp ends the dial, and forgets it.
func (c *relayed) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandon != nil {
		c.abandon()
		c.abandon = nil
	}
}

func (c *relayed) unserved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != relayDialing {
		return false
	}
	c.state = relayUnserved
	return true
}

// start connects the client and the backend, on the client's shard, so that nothing has to
// cross. It runs on the goroutine of the dial.
func (c *relayed) start(u *relayUpstream, vc *tunnel.VConn, own *tunnel.Owner) {
	if err := c.begin(u, own); err != nil {
		abortConn(vc, err)
		c.leave(endedShutdown, err)
		c.close(err)
	}
}

// begin starts the tunnel. The lock is held meanwhile, so that its end and its Stop come after that.
func (c *relayed) begin(u *relayUpstream, own *tunnel.Owner) error {
	r := c.relay
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != relayDialing {
		return errUnfinished
	}
	way := tunnel.NewTwoWay(c.own, own)
	way.HalfClose, way.Linger, way.Idle = !r.conf.Relay.EndTogether, r.conf.Relay.Linger, max(r.timeouts.Idle, 0)
	for _, m := range r.mirrors {
		way.Tee = append(way.Tee, m.target(c))
	}
	if err := way.Start(c.done); err != nil {
		return err
	}
	if s := c.opening.who.source; s.IsValid() && s.String() != c.peer {
		c.source = s.String()
	}
	c.state, c.way, c.up, c.opening = relayOpen, way, u, nil
	c.vc, c.own = nil, nil // the tunnel's, which lets go of them while they rest
	u.open.Add(1)
	return nil
}

// done is the end of the tunnel, which has closed both sides.
func (c *relayed) done(err error) {
	way, u := c.tunnel()
	how := endOf(way, err)
	u.open.Add(-1)
	if how == endedBackend {
		u.lost.Add(1)
	}
	c.leave(how, err)
}

func (c *relayed) tunnel() (*tunnel.TwoWay, *relayUpstream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.way, c.up
}

func (c *relayed) client() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source
}

// endOf says what has ended way, whose done was called with err.
func endOf(way *tunnel.TwoWay, err error) relayEnd {
	toBackend, toClient := way.Results()
	switch {
	case err == nil:
		return endedDone
	case errors.Is(err, errMirror):
		return endedMirror
	case errors.Is(err, ErrKicked), errors.Is(err, errDisabled):
		return endedOperator
	case errors.Is(err, tunnel.ErrIdle):
		return endedIdle
	case errors.Is(err, tunnel.ErrLinger):
		return endedLinger
	case errors.Is(err, ErrClosed), errors.Is(err, tunnel.ErrStopped):
		return endedShutdown
	case errors.Is(toBackend, tunnel.ErrTwin): // the other direction was the first to fail
		if errors.Is(toClient, tunnel.ErrTargetGone) {
			return endedClient
		}
		return endedBackend
	case errors.Is(toBackend, tunnel.ErrTargetGone):
		return endedBackend
	}
	return endedClient
}

// drain ends a client that has not begun. The others go on: a relay does not know when nothing is open.
func (c *relayed) drain() {
	why := &refusal{reason: refusedDraining, say: c.relay.later(nil, protocol.Draining), err: ErrClosed}
	if c.unbegun(func(s *relaySums) { s.refuse(why) }) { // while its shard, or who admits it, may have it begin
		c.relay.forget(c)
		c.tell(why)
	}
}

// abort ends the client now.
func (c *relayed) abort(cause error) {
	vc := c.conn() // before the tunnel is looked for, which takes it
	if way, _ := c.tunnel(); way != nil {
		way.Stop(cause)
		return
	}
	how := endedShutdown
	if errors.Is(cause, ErrKicked) {
		how = endedOperator
	}
	c.leave(how, cause)
	abortConn(vc, cause)
}

// conn returns the client's connection, nil once the tunnel has it.
func (c *relayed) conn() *tunnel.VConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vc
}

func (c *relayed) is() relayState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// close ends the client in order, or, if there is a tunnel by now, that.
func (c *relayed) close(cause error) {
	vc := c.conn()
	if vc == nil {
		c.abort(cause)
		return
	}
	h := vc.Lock()
	defer h.Unlock()
	h.Close(cause)
}

func abortConn(vc *tunnel.VConn, cause error) {
	h := vc.Lock()
	defer h.Unlock()
	h.Abort(cause)
}

func putHeader(vc *tunnel.VConn, header []byte) {
	h := vc.Lock()
	defer h.Unlock()
	_ = h.Put(header) // the buffer is empty, and not smaller than relayLeast
}
