package faultproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tcp puts a proxy between two real connections. They have deadlines and are closed,
// like the proxy, when the test ends.
func tcp(t *testing.T, cfg Config) (p *Proxy, client, backend *net.TCPConn) {
	t.Helper()
	inner, outer := listen(t), listen(t)
	cfg.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", inner.Addr().String())
	}
	p = New(cfg)
	serve(t, p, outer)
	client = dial(t, outer)
	conn, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	backend = conn.(*net.TCPConn)
	t.Cleanup(func() { _ = backend.Close() })
	within(t, backend, 10*time.Second)
	return p, client, backend
}

// serve runs Serve until the test ends.
func serve(t *testing.T, p *Proxy, ln net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- p.Serve(ln) }()
	t.Cleanup(func() {
		p.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if t.Failed() {
			t.Log(p)
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func dial(t *testing.T, ln net.Listener) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	within(t, conn, 10*time.Second)
	return conn.(*net.TCPConn)
}

// wantReset fails t if a new client of ln is not reset. It may hear of it while it
// still connects.
func wantReset(t *testing.T, ln net.Listener) {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err == nil {
		defer func() { _ = c.Close() }()
		within(t, c, 10*time.Second)
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func within(t *testing.T, c net.Conn, d time.Duration) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("want %q: %v", want, err)
	}
	if string(got) != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// through sends chunks from a client to a backend and returns the writes that arrive.
func through(t *testing.T, cfg Config, chunks ...string) (writes []string) {
	t.Helper()
	p := New(cfg)
	defer p.Close()
	b := &sink{ended: make(chan struct{})}
	p.Join(&source{chunks: chunks}, b)
	if t.Failed() {
		t.Log(p)
	}
	return b.writes
}

// source is a client whose reads are chunks, and which takes what is written to it.
type source struct {
	net.Conn
	chunks []string
}

func (s *source) Read(p []byte) (int, error) {
	if len(s.chunks) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.chunks[0])
	if s.chunks[0] = s.chunks[0][n:]; s.chunks[0] == "" {
		s.chunks = s.chunks[1:]
	}
	return n, nil
}

func (s *source) Write(p []byte) (int, error) { return len(p), nil }
func (s *source) CloseWrite() error           { return nil }
func (s *source) Close() error                { return nil }

// sink is a backend that keeps what is written to it and ends when that ends.
type sink struct {
	net.Conn
	writes []string
	ended  chan struct{}
}

func (s *sink) Read([]byte) (int, error) {
	<-s.ended
	return 0, io.EOF
}

func (s *sink) Write(p []byte) (int, error) {
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sink) CloseWrite() error { close(s.ended); return nil }
func (s *sink) Close() error      { return nil }

// lines is a Split for frames that end in a line feed.
func lines(data []byte, _ bool) (int, []byte, error) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return 0, nil, nil
	}
	return i + 1, data[:i], nil
}

var _ bufio.SplitFunc = lines
