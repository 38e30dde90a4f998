package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// relayed is one client of a relay. It reads what the client must begin with, has a
// backend dialled, and hands both connections to a tunnel.
type relayed struct {
	relay *relay
	w     *relayWorker // of its shard
	vc    *tunnel.VConn
	own   *tunnel.Owner
	peer  string
	began int64 // Unix time in nanoseconds

	opening *opening // nil once the tunnel has the client: there may be many, and they stay
	source  string   // the client, where a PROXY header has said so
	dialing bool
	over    bool
	abandon atomic.Pointer[context.CancelFunc] // of the dial
	way     atomic.Pointer[tunnel.TwoWay]
}

// Data looks at the beginning. All of it but a PROXY header is still there for the tunnel.
func (c *relayed) Data(own *tunnel.Owner, p []byte) (taken int) {
	if c.dialing || c.over {
		own.Pause()
		return 0
	}
	n, done, err := c.opening.read(c.w, p)
	if err != nil {
		c.refuse(err)
		return len(p)
	}
	if done {
		c.dial()
		own.Pause()
	}
	return n
}

// End is the end of a client before the tunnel has it.
func (c *relayed) End(_ *tunnel.Owner, err error) {
	if c.over || c.dialing && errors.Is(err, io.EOF) {
		return // the tunnel is told again
	}
	if c.dialing {
		c.leave()
		if abandon := c.abandon.Load(); abandon != nil {
			(*abandon)()
		}
		return
	}
	if !errors.Is(err, io.EOF) {
		err = fmt.Errorf("the client has left: %w", err)
	} else {
		err = errUnfinished
	}
	c.refuse(&refusal{reason: refusedFrame, err: err})
}

// Room does nothing: nothing is put before the tunnel starts.
func (c *relayed) Room(*tunnel.Owner) {}

// Tick ends a client that does not begin in time.
func (c *relayed) Tick(*tunnel.Owner, time.Time) {
	if !c.dialing && !c.over {
		c.refuse(&refusal{reason: refusedSlow, err: errSlow})
	}
}

// refuse tells the client why, in words of its protocol, and closes it.
func (c *relayed) refuse(err error) {
	why, ok := errors.AsType[*refusal](err)
	if !ok {
		why = &refusal{reason: refusedFrame, err: err}
	}
	c.relay.refuse(c, why)
	c.close(why.say, why)
}

// close ends the client, in order, so that it reads what is said.
func (c *relayed) close(say []byte, cause error) {
	c.leave()
	if err := c.put(say, cause); err != nil {
		c.vc.Reenable()
	}
}

func (c *relayed) put(say []byte, cause error) error {
	h := c.vc.Lock()
	defer h.Unlock()
	defer h.Close(cause)
	return h.Put(say)
}

func (c *relayed) leave() {
	c.over = true
	c.relay.forget(c)
}

// dial connects to a backend, on a goroutine of its own, and starts the tunnel.
func (c *relayed) dial() {
	c.dialing = true
	ctx, cancel := context.WithCancel(c.relay.dialing)
	c.abandon.Store(&cancel)
	c.relay.dials.Go(func() {
		defer cancel()
		defer c.abandon.Store(nil) // a client may stay for days
		u, conn, err := c.relay.dial(ctx)
		if err != nil {
			c.unreachable(err)
			return
		}
		c.start(u, conn)
	})
}

// unreachable closes a client for whom there is no backend. It runs on the goroutine of the dial.
func (c *relayed) unreachable(err error) {
	r := c.relay
	r.counters.unreachable.Add(1)
	var say []byte
	if r.codec != nil {
		say = sayNotice(r.codec, nil, nil, &protocol.Notice{Class: protocol.Later, Cause: protocol.BackendDown, RetryAfter: r.conf.RetryAfter})
	}
	_ = c.put(say, err) // it is closed, whether it hears this or not
	r.forget(c)
	c.logEnd("", err)
}

// start connects the client and the backend, on the client's shard, so that nothing has to
// cross. It runs on the goroutine of the dial.
func (c *relayed) start(u *relayUpstream, conn net.Conn) {
	r := c.relay
	u.open.Add(1)
	vc, own := c.w.shard.New(u.name, conn, r.limits.Tunnel, nil)
	if v := r.conf.Relay.SendProxy; v > 0 {
		putHeader(vc, appendProxyHeader(nil, v, c.opening.source, c.opening.local))
	}
	way := tunnel.NewTwoWay(c.own, own)
	way.HalfClose, way.Linger, way.Idle = !r.conf.Relay.EndTogether, r.conf.Relay.Linger, max(r.timeouts.Idle, 0)
	for _, m := range r.mirrors {
		way.Tee = append(way.Tee, m.target(c))
	}
	r.counters.relayed.Add(1)
	c.way.Store(way)
	if o := c.opening; o.source.IsValid() && o.source.String() != c.peer {
		c.source = o.source.String()
	}
	c.opening = nil
	if err := way.Start(func(err error) { c.ended(u, way, err) }); err != nil {
		c.ended(u, way, err)
	}
}

func putHeader(vc *tunnel.VConn, header []byte) {
	h := vc.Lock()
	defer h.Unlock()
	_ = h.Put(header) // the buffer is empty
}

// ended counts and logs the end of a tunnel, which has closed both sides.
func (c *relayed) ended(u *relayUpstream, way *tunnel.TwoWay, err error) {
	r := c.relay
	u.open.Add(-1)
	toBackend, toClient := way.Moved()
	r.counters.toBackend.Add(toBackend)
	r.counters.toClient.Add(toClient)
	if err == nil {
		r.counters.ended.Add(1)
	} else {
		r.counters.failed.Add(1)
	}
	c.over = true
	r.forget(c)
	c.logEnd(u.conf.Name, err)
}

// logEnd is the one line of a connection.
func (c *relayed) logEnd(backend string, err error) {
	r := c.relay
	if r.logger == nil || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	fields := logrus.Fields{"peer": c.peer, "seconds": time.Since(time.Unix(0, c.began)).Seconds()}
	if c.source != "" {
		fields["client"] = c.source
	}
	if backend != "" {
		fields["backend"] = backend
	}
	if way := c.way.Load(); way != nil {
		fields["to_backend"], fields["to_client"] = way.Moved()
	}
	if err != nil {
		fields["cause"] = err.Error()
	}
	r.logger.WithFields(fields).Info("client left")
}

// drain lets the client go on: a relay does not know when nothing is open.
func (c *relayed) drain() {}

// abort ends the client now.
func (c *relayed) abort(cause error) {
	if way := c.way.Load(); way != nil {
		way.Stop(cause)
		return
	}
	h := c.vc.Lock()
	defer h.Unlock()
	h.Abort(cause)
}
