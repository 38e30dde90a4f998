package tunneltest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPipeHoldsSizeBytesAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(3)
		written := make(chan int, 1)
		go func() {
			n, _ := a.Write([]byte("abcd"))
			written <- n
		}()
		synctest.Wait()
		if len(written) != 0 || b.Buffered() != 3 {
			t.Errorf("held: got %d, want 3", b.Buffered())
		}
		p := make([]byte, 10)
		n, _ := b.Read(p)
		if n += first(b.Read(p[n:])); string(p[:n]) != "abcd" {
			t.Errorf("got %q", p[:n])
		}
		if n := <-written; n != 4 {
			t.Errorf("written: got %d, want 4", n)
		}
	})
}

func first(n int, _ error) int { return n }

func TestCloseWriteEndsOneDirection(t *testing.T) {
	a, b := Pipe(10)
	_, _ = a.Write([]byte("x"))
	_ = a.CloseWrite()
	if p, err := io.ReadAll(b); string(p) != "x" || err != nil {
		t.Errorf("got %q and %v", p, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write: got %v, want EPIPE", err)
	}
	if _, err := b.Write([]byte("y")); err != nil {
		t.Errorf("the other direction: %v", err)
	}
}

func TestCloseIsAResetWithBytesUnreadOrWithoutLinger(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(a, b *Conn)
		want    error
	}{
		"plain":     {func(*Conn, *Conn) {}, io.EOF},
		"unread":    {func(_, b *Conn) { _, _ = b.Write([]byte("x")) }, syscall.ECONNRESET},
		"no linger": {func(a, _ *Conn) { _ = a.SetLinger(0) }, syscall.ECONNRESET},
	} {
		a, b := Pipe(10)
		c.prepare(a, b)
		_ = a.Close()
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if !a.Closed() || b.Closed() {
			t.Errorf("%s: closed: got %v and %v, want the first alone", name, a.Closed(), b.Closed())
		}
		if _, err := a.Read(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: read of the closed end: got %v", name, err)
		}
	}
}

func TestDeadlinesEndReadsAndWritesThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := Pipe(1)
		start := time.Now()
		_ = a.SetDeadline(start.Add(time.Minute))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read: got %v", err)
		}
		if _, err := a.Write([]byte("ab")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write: got %v", err)
		}
		if got := time.Since(start); got != time.Minute {
			t.Errorf("took %v, want a minute", got)
		}
	})
}
