package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestWithoutFaultsAllPasses(t *testing.T) {
	_, client, backend := tcp(t, Config{})
	send(t, client, "hello")
	receive(t, backend, "hello")
	send(t, backend, "welcome")
	receive(t, client, "welcome")
}

func TestEndOfOneDirectionPassesAlone(t *testing.T) {
	_, client, backend := tcp(t, Config{})
	send(t, client, "last")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(backend); string(got) != "last" || err != nil {
		t.Fatalf("got %q, %v, want %q and the end", got, err, "last")
	}
	send(t, backend, "answer")
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Errorf("got %q, %v, want %q and the end", got, err, "answer")
	}
}

func TestResetPassesAsReset(t *testing.T) {
	_, client, backend := tcp(t, Config{})
	send(t, client, "x")
	receive(t, backend, "x")
	if err := client.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestAnswerBeforeTheEndArrivesThoughTheSenderGoesOn(t *testing.T) {
	_, client, backend := tcp(t, Config{})
	send(t, client, "x")
	receive(t, backend, "x")
	send(t, backend, "refused")
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	receive(t, client, "refused")
	var err error
	for err == nil { // until the reset has come through
		_, err = client.Write(make([]byte, 1<<10))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the client never heard that the backend has gone")
	}
}

func TestResetCutsAllThatIsOpen(t *testing.T) {
	p, client, backend := tcp(t, Config{})
	send(t, client, "x")
	receive(t, backend, "x")
	p.Reset()
	for _, c := range []net.Conn{client, backend} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	}
}

func TestClientIsResetIfTheBackendCannotBeReached(t *testing.T) {
	for name, dialer := range map[string]func(context.Context) (net.Conn, error){
		"error":  func(context.Context) (net.Conn, error) { return nil, errors.New("no") },
		"absent": nil,
	} {
		t.Run(name, func(t *testing.T) {
			ln := listen(t)
			serve(t, New(Config{Dial: dialer}), ln)
			wantReset(t, ln)
		})
	}
}

func TestCloseEndsADialThatHangs(t *testing.T) {
	ln := listen(t)
	dialing := make(chan struct{})
	p := New(Config{Dial: func(ctx context.Context) (net.Conn, error) {
		close(dialing)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	served := make(chan error, 1)
	go func() { served <- p.Serve(ln) }()
	dial(t, ln)
	<-dialing
	p.Close()
	if err := <-served; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestServeReturnsTheListenersError(t *testing.T) {
	ln := listen(t)
	p := New(Config{})
	defer p.Close()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Serve(ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	p := New(Config{})
	p.Close()
	p.Close()
	ln := listen(t)
	if err := p.Serve(ln); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: got %v, want %v", err, net.ErrClosed)
	}
	a, b := net.Pipe()
	p.Join(a, b)
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Read: got %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestJoinWorksOnConnectionsWithoutHalves(t *testing.T) {
	client, near := net.Pipe()
	far, backend := net.Pipe()
	p := New(Config{})
	defer p.Close()
	joined := make(chan struct{})
	go func() { defer close(joined); p.Join(near, far) }()
	send(t, client, "question")
	receive(t, backend, "question")
	send(t, backend, "answer")
	receive(t, client, "answer")
	if err := backend.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
	<-joined
}

func TestManyConnectionsAtOnce(t *testing.T) {
	echo, outer := listen(t), listen(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = echo.Close() }()
	wg.Go(func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	some := []Fault{Slice(7, 0), Delay(0, 1e6), ReorderFrames(0, 1, 0)}
	p := New(Config{Seed: 5, ToBackend: some, ToClient: some, Split: lines, Dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", echo.Addr().String())
	}})
	defer p.Close()
	wg.Go(func() { _ = p.Serve(outer) })
	var clients sync.WaitGroup
	for n := range 30 {
		c := dial(t, outer)
		clients.Go(func() {
			want := strings.Repeat(fmt.Sprintf("connection %d\n", n), 50)
			go func() { _, _ = io.WriteString(c, want); _ = c.CloseWrite() }()
			if got, err := io.ReadAll(c); string(got) != want || err != nil {
				t.Errorf("connection %d: got %d bytes, %v, want %d bytes, the same ones", n, len(got), err, len(want))
			}
		})
	}
	clients.Wait()
}

func TestStringHasTheSeedAndTheFaults(t *testing.T) {
	p := New(Config{Seed: 42, ToBackend: []Fault{Flip(0.5).On(0.25), ResetAfter(10, 20)}, Split: lines,
		ToClient: []Fault{Delay(5e6, 2e6), Slice(9, 0), ReorderFrames(0.1, 3, 1e9)}})
	defer p.Close()
	want := "faultproxy: seed 42; to backend: flip p=0.5 on=0.25, reset after=10..20; " +
		"to client: delay wait=5ms+2ms, slice n=9, reorder-frames p=0.1 n=3 wait=1s+0s"
	if got := p.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSeedZeroIsDrawnAndPrinted(t *testing.T) {
	a, b := New(Config{}), New(Config{})
	defer a.Close()
	defer b.Close()
	if a.String() == b.String() || strings.Contains(a.String(), "seed 0;") {
		t.Errorf("got %s and %s, want two seeds", a, b)
	}
}

func TestNewPanicsOnFrameFaultsWithoutSplit(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New(Config{ToClient: []Fault{DropFrames(1)}})
}
