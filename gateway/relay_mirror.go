package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/tunnel"
)

// relayMirror is a mirror of a relay: it gets a copy of what each client sends, on a
// connection for each.
type relayMirror struct {
	relay                           *relay
	conf                            MirrorConfig
	copied, missed, detached, dials atomic.Uint64
}

// target returns where the bytes of one client are copied to. The connection is made
// meanwhile: what is sent before it is there waits for it, up to the buffer, and nobody
// else does.
func (m *relayMirror) target(c *relayed) tunnel.Target {
	m.dials.Add(1)
	conn := newLateConn(m.relay.dialing, m.relay.timeouts.Connect, m.conf.Dial)
	vc, _ := c.w.shard.New(m.relay.conf.Name+"/"+m.conf.Name+" for "+c.peer, conn, m.conf.Buffer, ignore{})
	vc.Reenable()
	return tunnel.Target{To: vc, BestEffort: !m.conf.Required, Lag: m.conf.Buffer, Idle: m.relay.timeouts.Frame, Close: true,
		Done: func(err error) { m.done(c, err) }}
}

// done counts a copy that is whole, or was cut. Without a required mirror its client goes
// no further.
func (m *relayMirror) done(c *relayed, err error) {
	if err != nil && m.conf.Required {
		if way, _ := c.tunnel(); way != nil {
			way.Stop(fmt.Errorf("%w: %s: %w", errMirror, m.conf.Name, err))
		}
	}
	if err == nil {
		m.copied.Add(1)
		return
	}
	m.missed.Add(1)
	if n := m.detached.Add(1); m.relay.logger != nil && (n == 1 || n%100 == 0) {
		m.relay.logger.WithFields(logrus.Fields{"mirror": m.conf.Name, "error": err.Error(), "detached": n}).Warn("mirror detached")
	}
}

// errMirror is the end of a client whose copy cannot be made.
var errMirror = errors.New("a mirror is required and has failed")

func (m *relayMirror) snapshot() MirrorSnapshot {
	return MirrorSnapshot{Name: m.conf.Name, Copied: m.copied.Load(), Missed: m.missed.Load(), Detached: m.detached.Load(), Dials: m.dials.Load()}
}

// ignore is the Handler of a mirror's connection: what it answers is dropped.
type ignore struct{}

func (ignore) Data(_ *tunnel.Owner, p []byte) int { return len(p) }
func (ignore) Room(*tunnel.Owner)                 {}

// End does nothing: that the connection has failed is heard by the tunnel, which closes it.
func (ignore) End(*tunnel.Owner, error) {}

// lateConn is a connection that is still being made. Reads and writes wait for it.
type lateConn struct {
	cancel context.CancelFunc
	ready  chan struct{} // closed when conn or err is there
	conn   net.Conn
	err    error

	mu     sync.Mutex
	closed bool
}

func newLateConn(ctx context.Context, timeout time.Duration, dial func(context.Context) (net.Conn, error)) *lateConn {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	l := &lateConn{cancel: cancel, ready: make(chan struct{})}
	go func() {
		defer cancel()
		conn, err := dial(ctx)
		l.arrived(conn, err)
	}()
	return l
}

func (l *lateConn) arrived(conn net.Conn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.closed {
		_ = conn.Close()
		err = net.ErrClosed
	}
	l.conn, l.err = conn, err
	close(l.ready)
}

func (l *lateConn) Read(p []byte) (int, error) {
	if <-l.ready; l.err != nil {
		return 0, l.err
	}
	return l.conn.Read(p)
}

func (l *lateConn) Write(p []byte) (int, error) {
	if <-l.ready; l.err != nil {
		return 0, l.err
	}
	return l.conn.Write(p)
}

// CloseWrite ends what is sent, if the connection can.
func (l *lateConn) CloseWrite() error {
	if <-l.ready; l.err != nil {
		return l.err
	}
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close ends the connection, or that it is being made.
func (l *lateConn) Close() error {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn == nil || l.err != nil {
		return nil
	}
	return l.conn.Close()
}

// SetLinger is for an end that is no orderly one.
func (l *lateConn) SetLinger(seconds int) error {
	return l.after(func() error {
		if c, ok := l.conn.(interface{ SetLinger(int) error }); ok {
			return c.SetLinger(seconds)
		}
		return nil
	})
}

func (l *lateConn) LocalAddr() net.Addr  { return nil }
func (l *lateConn) RemoteAddr() net.Addr { return nil }

// Deadlines are those of the connection, once it is there.

func (l *lateConn) SetDeadline(t time.Time) error {
	return l.after(func() error { return l.conn.SetDeadline(t) })
}
func (l *lateConn) SetReadDeadline(t time.Time) error {
	return l.after(func() error { return l.conn.SetReadDeadline(t) })
}
func (l *lateConn) SetWriteDeadline(t time.Time) error {
	return l.after(func() error { return l.conn.SetWriteDeadline(t) })
}

func (l *lateConn) after(set func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil || l.err != nil {
		return nil
	}
	return set()
}
