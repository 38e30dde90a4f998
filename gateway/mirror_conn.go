package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// mirrorConn is a connection to a shadow backend or to an audit sink. Writes and reads
// are made by two goroutines of the mirror's.
type mirrorConn struct {
	mirror *mirror
	conn   net.Conn
}

// dialMirror blocks until the connection is made or ctx is done.
func dialMirror(ctx context.Context, m *mirror) (target, error) {
	conn, err := m.conf.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
	return &mirrorConn{m, conn}, nil
}

// write fails if the peer has not taken a byte for as long as a backend may take to
// answer, or for twice as long if it took a part of p before.
func (c *mirrorConn) write(p []byte, _ bool) (int, error) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.mirror.route.timeouts.Answer))
	n, err := c.conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if n > 0 {
			return n, nil
		}
		return n, errMirrorStuck
	}
	return n, err
}

// cut does nothing: the peer sees a message that breaks off.
func (c *mirrorConn) cut(int64) {}

// read drops whatever is sent back, and counts it.
func (c *mirrorConn) read() error {
	var waste [4 << 10]byte
	for {
		n, err := c.conn.Read(waste[:])
		c.mirror.returned.Add(uint64(n))
		switch {
		case errors.Is(err, io.EOF):
			return errMirrorEnded
		case err != nil:
			return err
		}
	}
}

func (c *mirrorConn) finish() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = c.conn.Close()
}

func (c *mirrorConn) close() { _ = c.conn.Close() }
