// Package tunneltest has connections in memory for tests of what is built on package tunnel.
package tunneltest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe returns two ends of a connection in memory that behaves as TCP does: each direction holds up to size bytes (1
// at least) that were written and not yet read; CloseWrite ends one direction; Close with bytes unread, or after
// SetLinger(0), resets the other end, which then reads what it has and gets ECONNRESET. Reads and writes block without
// taking a real descriptor, so the ends can be used in a bubble of testing/synctest.
func Pipe(size int) (a, b *Conn) {
	p := &pipe{}
	p.change.L = &p.mu
	size = max(size, 1)
	a = &Conn{pipe: p, in: &stream{size: size}, out: &stream{size: size}}
	b = &Conn{pipe: p, in: a.out, out: a.in}
	a.peer, b.peer = b, a
	return a, b
}

// pipe is what both ends share.
type pipe struct {
	mu     sync.Mutex
	change sync.Cond // of anything below
}

// stream is one direction.
type stream struct {
	size  int
	data  []byte
	ended bool // nothing more is written
}

// Conn is one end of a Pipe.
type Conn struct {
	pipe   *pipe
	peer   *Conn
	in     *stream
	out    *stream
	closed bool
	reset  bool // by the peer
	abrupt bool // SetLinger(0)
	reads  deadline
	writes deadline
}

var _ net.Conn = (*Conn)(nil)

// Read reads what the peer wrote. It blocks until there is something.
func (c *Conn) Read(p []byte) (int, error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.fault("read", net.ErrClosed)
		case c.reads.over():
			return 0, c.fault("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case len(c.in.data) > 0:
			n := copy(p, c.in.data)
			c.in.data = c.in.data[n:]
			c.pipe.change.Broadcast()
			return n, nil
		case c.reset:
			return 0, c.fault("read", syscall.ECONNRESET)
		case c.in.ended:
			return 0, io.EOF
		}
		c.pipe.change.Wait()
	}
}

// Write writes the whole of p. It blocks while the peer has not read enough.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for {
		switch {
		case c.closed:
			return n, c.fault("write", net.ErrClosed)
		case c.reset:
			return n, c.fault("write", syscall.ECONNRESET)
		case c.out.ended, c.peer.closed:
			return n, c.fault("write", syscall.EPIPE)
		case c.writes.over():
			return n, c.fault("write", os.ErrDeadlineExceeded)
		case n == len(p):
			return n, nil
		}
		if room := c.out.size - len(c.out.data); room > 0 {
			k := min(room, len(p)-n)
			c.out.data = append(c.out.data, p[n:n+k]...)
			n += k
			c.pipe.change.Broadcast()
			continue
		}
		c.pipe.change.Wait()
	}
}

// Close closes both directions. It is a reset if the peer's bytes were not all read, or after SetLinger(0).
func (c *Conn) Close() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.closed = true
	c.out.ended = true
	if c.abrupt || len(c.in.data) > 0 {
		c.peer.reset = true
	}
	c.reads.stop()
	c.writes.stop()
	c.pipe.change.Broadcast()
	return nil
}

// CloseWrite ends what this end sends: the peer reads io.EOF after the rest, and may go on sending.
func (c *Conn) CloseWrite() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return c.fault("close", net.ErrClosed)
	}
	c.out.ended = true
	c.pipe.change.Broadcast()
	return nil
}

// SetLinger with 0 makes the next Close a reset; other values mean nothing.
func (c *Conn) SetLinger(sec int) error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.abrupt = sec == 0
	return nil
}

// Closed says whether this end was closed.
func (c *Conn) Closed() bool {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return c.closed
}

// Buffered returns how many bytes the peer has written that this end has not read.
func (c *Conn) Buffered() int {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return len(c.in.data)
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets when reads fail with os.ErrDeadlineExceeded, those that wait included.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.set(&c.reads, t) }

// SetWriteDeadline sets when writes fail with os.ErrDeadlineExceeded, those that wait included.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.set(&c.writes, t) }

// LocalAddr names the pipe.
func (c *Conn) LocalAddr() net.Addr { return addr{} }

// RemoteAddr names the pipe.
func (c *Conn) RemoteAddr() net.Addr { return addr{} }

func (c *Conn) set(d *deadline, t time.Time) error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	d.stop()
	d.at = t
	if left := time.Until(t); !t.IsZero() && left > 0 && !c.closed {
		d.timer = time.AfterFunc(left, c.pipe.stir)
	}
	c.pipe.change.Broadcast()
	return nil
}

// stir has everybody look again.
func (p *pipe) stir() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change.Broadcast()
}

func (c *Conn) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Addr: addr{}, Err: err}
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) over() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

type addr struct{}

func (addr) Network() string { return "pipe" }
func (addr) String() string  { return "pipe" }
