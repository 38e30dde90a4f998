package tunnel

import (
	"bytes"
	"errors"
	"io"
	"net"
)

// carried is what done was called with.
type carried struct {
	n   int64
	err error
}

// carrier is a machine that hands its connection to a OneWay in its first Data, or at the start, and keeps what it is
// offered when it has it back.
type carrier struct {
	way   *OneWay
	n     int64
	head  int // bytes that the machine takes before
	done  chan carried
	data  chan string // what comes afterwards
	end   chan error
	given bool
}

func newCarrier(way *OneWay, n int64) *carrier {
	return &carrier{way: way, n: n, done: make(chan carried, 10), data: make(chan string, 1<<14), end: make(chan error, 100)}
}

func (c *carrier) Data(own *Owner, p []byte) int {
	if !c.given {
		if len(p) < c.head {
			return 0
		}
		c.given = true
		c.way.Carry(own, c.n, func(n int64, err error) { c.done <- carried{n, err} })
		return c.head
	}
	c.data <- string(p)
	return len(p)
}

func (c *carrier) End(_ *Owner, err error) { c.end <- err }
func (c *carrier) Room(*Owner)             {}

// start hands the connection over before its first byte.
func (c *carrier) start(b *bench) (*VConn, peer) {
	near, far := b.pair()
	vc, own := b.shard.New("source", near, 100, c)
	c.given = true
	c.way.Carry(own, c.n, func(n int64, err error) { c.done <- carried{n, err} })
	vc.Reenable()
	return vc, far
}

func (c *carrier) want(b *bench, n int64, err error) {
	b.Helper()
	got := await(b, c.done)
	if got.n != n || !errors.Is(got.err, err) {
		b.Errorf("done: got %d, %v, want %d, %v", got.n, got.err, n, err)
	}
	b.settle()
	none(b, c.done, "second done")
}

func (c *carrier) after(b *bench, want string) {
	b.Helper()
	got := ""
	for len(got) < len(want) {
		got += await(b, c.data)
	}
	if got != want {
		b.Errorf("after the tunnel: got %q, want %q", got, want)
	}
}

// target makes a connection that a OneWay leads to.
func (b *bench) target(size int) (*OneWay, peer) {
	b.Helper()
	to, far := b.open(size, &fake{})
	return NewOneWay(to), far
}

// feedIn writes p in pieces, and ends if told to.
func feedIn(far peer, p []byte, piece int, end bool) {
	for len(p) > 0 {
		n := min(piece, len(p))
		if _, err := far.Write(p[:n]); err != nil {
			return
		}
		p = p[n:]
	}
	if end {
		_ = far.CloseWrite()
	}
}

// sees reads n bytes and compares them.
func sees(b *bench, far net.Conn, want []byte) {
	b.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(far, got); err != nil {
		b.Fatalf("after %d of %d bytes: %v", n, len(want), err)
	}
	if !bytes.Equal(got, want) {
		b.Error("got other bytes")
	}
}

func seesEnd(b *bench, far net.Conn) {
	b.Helper()
	if n, err := far.Read(make([]byte, 1)); err != io.EOF {
		b.Errorf("the peer sees: got %d bytes and %v, want its end", n, err)
	}
}

func seesReset(b *bench, far net.Conn) {
	b.Helper()
	_, err := io.Copy(io.Discard, far)
	if err == nil {
		b.Error("the peer sees a clean end, want a reset")
	}
}
