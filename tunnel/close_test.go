package tunnel

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var errCause = errors.New("the cause")

func TestC10ReenableOfAClosedVConnDoesNothing(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 1)
		var late atomic.Int64
		vc, _ := b.open(100, &fake{
			data: func(_ *Owner, p []byte) int { late.Add(1); return len(p) },
			end:  func(_ *Owner, err error) { ended <- err },
			room: func(*Owner) { late.Add(1) },
		})
		kill(vc, errCause)
		if err := await(b, ended); err != errCause {
			b.Errorf("End: got %v, want the cause", err)
		}
		b.settle()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 1000 {
					vc.Reenable()
				}
			})
		}
		wg.Wait()
		b.settle()
		none(b, ended, "End after the end")
		if n := late.Load(); n != 0 {
			b.Errorf("events of a closed connection: got %d, want 0", n)
		}
		if got := vc.word.Load() & state; got != scheduled {
			b.Errorf("word of a closed connection: got %d, want scheduled", got)
		}
		if err := put(vc, []byte("x")); err != errCause {
			b.Errorf("Put: got %v, want the cause", err)
		}
	})
}

func TestC11NoEventAfterCloseFromInsideAnEvent(t *testing.T) {
	for _, how := range []struct {
		name string
		end  func(*VConn, error)
	}{{"Close", finish}, {"Abort", kill}} {
		for _, in := range []string{"Data", "End", "Room", "Tick", "Idle", "Expired"} {
			t.Run(how.name+" in "+in, func(t *testing.T) {
				eachDriver(t, ShardConfig{Linger: 50 * time.Millisecond}, func(b *bench) {
					closeInside(b, in, how.end)
				})
			})
		}
	}
}

// closeInside closes, twice, in the handling of one event while as many others as possible are at hand.
func closeInside(b *bench, in string, end func(*VConn, error)) {
	closed, late := make(chan struct{}, 1), make(chan string, 100)
	over := false
	event := func(own *Owner, name string) {
		if over {
			late <- name
			return
		}
		if name != in {
			return
		}
		over = true
		own.Wake(time.Now())
		for range 100 {
			own.VConn().Reenable()
		}
		end(own.VConn(), errCause)
		end(own.VConn(), nil)
		closed <- struct{}{}
	}
	h := &fake{
		data:    func(own *Owner, p []byte) int { event(own, "Data"); return len(p) / 2 },
		end:     func(own *Owner, _ error) { event(own, "End") },
		room:    func(own *Owner) { event(own, "Room") },
		tick:    func(own *Owner, _ time.Time) { event(own, "Tick") },
		idle:    func(own *Owner) { event(own, "Idle") },
		expired: func(own *Owner) { event(own, "Expired") },
	}
	near, far := b.pair()
	vc, own := b.shard.New("test", near, 1, h)
	switch in {
	case "Tick":
		own.Wake(time.Now().Add(time.Millisecond))
	case "Idle":
		own.SetIdle(time.Millisecond)
	case "Expired":
		own.SetTotal(time.Millisecond)
	case "Room":
		_ = put(vc, []byte("x"))
		if err := put(vc, []byte("y")); err != ErrFull {
			b.Fatalf("second put: got %v, want ErrFull", err)
		}
	case "Data", "End":
		write(b, far, "some bytes")
		_ = far.CloseWrite()
	}
	vc.Reenable()
	await(b, closed)
	_ = far.CloseWrite()
	_, _ = io.Copy(io.Discard, far)
	b.settle()
	none(b, late, "event after the close")
	if n := b.load(); n != 0 {
		b.Errorf("connections: got %d, want 0", n)
	}
	if err := put(vc, nil); err != errCause {
		b.Errorf("Put: got %v, want the first cause", err)
	}
}

func TestC12ACloseFromElsewhereClosesAnIdleConnectionAtOnce(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 1)
		vc, far := b.open(100, &fake{end: func(_ *Owner, err error) { ended <- err }})
		send(b, vc, []byte("hello"))
		if got := read(b, far, 5); got != "hello" {
			b.Fatalf("got %q", got)
		}
		b.settle()
		start := time.Now()
		go finish(vc, errCause)
		if _, err := far.Read(make([]byte, 1)); err != io.EOF {
			b.Errorf("the peer's read: got %v, want io.EOF", err)
		}
		if err := await(b, ended); err != errCause {
			b.Errorf("End: got %v, want the cause", err)
		}
		b.settle()
		if took := time.Since(start); took > 100*time.Millisecond {
			b.Errorf("took %v, want at most 100ms", took)
		}
		if n := b.load(); n != 0 {
			b.Errorf("connections: got %d, want 0", n)
		}
	})
}

func TestC13AbortIsAReset(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		vc, far := b.open(100, &fake{})
		b.settle()
		kill(vc, nil)
		if _, err := io.ReadAll(far); !errors.Is(err, syscall.ECONNRESET) {
			b.Errorf("the peer's read: got %v, want a reset", err)
		}
		if err := put(vc, nil); err != ErrClosed {
			b.Errorf("Put: got %v, want ErrClosed", err)
		}
	})
}

func TestC13CloseDeliversAllThatWasPutAndThenTheEnd(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const size = 3 << 20
		want := pattern(size)
		vc, far := b.open(size, &fake{data: func(own *Owner, p []byte) int { own.Pause(); return 0 }})
		// The peer sends what nobody reads, which must not turn the end into a reset.
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = far.Write(pattern(1 << 20))
			_ = far.CloseWrite()
		}()
		if err := put(vc, want); err != nil {
			b.Fatal(err)
		}
		finish(vc, nil)
		got, err := io.ReadAll(far)
		if err != nil || !bytes.Equal(got, want) {
			b.Errorf("got %d bytes and %v, want all %d and the end", len(got), err, size)
		}
		await(b, sent)
	})
}

func TestLingerEndsACloseThatThePeerDoesNotFinish(t *testing.T) {
	for _, c := range []struct {
		name  string
		size  int
		reads bool
	}{{"unsent bytes", 8 << 20, false}, {"half-closed peer", 5, true}} {
		t.Run(c.name, func(t *testing.T) {
			const linger = 80 * time.Millisecond
			eachDriver(t, ShardConfig{Linger: linger}, func(b *bench) {
				gone := make(chan struct{})
				vc, far := b.open(c.size, &fake{})
				b.settle()
				if err := put(vc, make([]byte, c.size)); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				finish(vc, nil)
				go func() {
					defer close(gone)
					if c.reads {
						_, _ = io.ReadAll(far)
					}
					drip := time.NewTicker(linger / 8)
					defer drip.Stop()
					for range drip.C { // does not stretch it
						if _, err := far.Write([]byte("x")); err != nil {
							return
						}
					}
				}()
				await(b, gone)
				if took := time.Since(start); took < linger || took > linger+2*time.Second {
					b.Errorf("took %v, want about %v", took, linger)
				}
				b.settle()
				if n := b.load(); n != 0 {
					b.Errorf("connections: got %d, want 0", n)
				}
			})
		})
	}
}

func TestC14CloseWriteLeavesTheOtherDirection(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		got, ended := make(chan string, 10), make(chan error, 2)
		vc, far := b.open(100, &fake{
			data: func(_ *Owner, p []byte) int { got <- string(p); return len(p) },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		if err := put(vc, []byte("last words")); err != nil {
			b.Fatal(err)
		}
		closeWrite(vc)
		if p, err := io.ReadAll(far); err != nil || string(p) != "last words" {
			b.Errorf("the peer: got %q and %v", p, err)
		}
		if err := put(vc, []byte("x")); err != ErrWriteClosed {
			b.Errorf("Put: got %v, want ErrWriteClosed", err)
		}
		write(b, far, "answer")
		if p := await(b, got); p != "answer" {
			b.Errorf("got %q, want the answer", p)
		}
		_ = far.CloseWrite()
		if err := await(b, ended); err != io.EOF {
			b.Errorf("End: got %v, want io.EOF", err)
		}
		finish(vc, errCause)
		b.settle()
		if err := await(b, ended); err != errCause {
			b.Errorf("second End: got %v, want the cause", err)
		}
		if err := put(vc, nil); err != errCause {
			b.Errorf("Put: got %v, want the cause", err)
		}
		if n := b.load(); n != 0 {
			b.Errorf("connections: got %d, want 0", n)
		}
	})
}

func TestC15NoReadEventAfterCloseRead(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		got, ended := make(chan string, 10), make(chan error, 2)
		vc, far := b.open(100, &fake{
			data: func(_ *Owner, p []byte) int { got <- string(p); return len(p) - 1 },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		write(b, far, "ab")
		await(b, got)
		closeRead(vc)
		b.settle()
		write(b, far, "more")
		_ = far.CloseWrite()
		vc.Reenable()
		b.settle()
		none(b, got, "Data")
		none(b, ended, "End")
		send(b, vc, []byte("still there"))
		finish(vc, nil)
		if p, err := io.ReadAll(far); err != nil || string(p) != "still there" {
			b.Errorf("the peer: got %q and %v", p, err)
		}
		if err := await(b, ended); err != ErrClosed {
			b.Errorf("End: got %v, want ErrClosed", err)
		}
		b.settle()
		if n := b.load(); n != 0 {
			b.Errorf("connections: got %d, want 0", n)
		}
	})
}

func TestAResetIsAnErrorAndComesAfterTheData(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		var got strings.Builder
		ended := make(chan error, 2)
		near, far := b.pair()
		vc, own := b.shard.New("test", near, 100, &fake{
			data: func(_ *Owner, p []byte) int { got.Write(p); return len(p) },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		write(b, far, "data")
		_ = far.SetLinger(0)
		_ = far.Close()
		vc.Reenable()
		if err := await(b, ended); !errors.Is(err, syscall.ECONNRESET) {
			b.Errorf("End: got %v, want a reset", err)
		}
		if s := got.String(); s != "data" && s != "" { // a system may drop what was not read
			b.Errorf("data: got %q", s)
		}
		if err := put(vc, nil); !errors.Is(err, syscall.ECONNRESET) {
			b.Errorf("Put: got %v, want a reset", err)
		}
		finish(vc, nil)
		b.settle()
		none(b, ended, "second End")
		_ = own
	})
}

func TestAResetDuringAPauseWakesWhoWaitsForRoomAndIsToldAfterIt(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 2)
		vc, far := b.open(8<<20, &fake{
			data: func(own *Owner, p []byte) int { own.Pause(); return 0 },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		write(b, far, "x")
		b.settle()
		woken := make(chan struct{}, 1)
		tunnel := NewOneWay(vc)
		source, _ := b.open(1, &fake{})
		_ = source
		near, from := b.pair()
		src, own := b.shard.New("source", near, 1, &fake{data: func(own *Owner, p []byte) int {
			if tunnel.Err() != nil {
				woken <- struct{}{}
				return len(p)
			}
			if _, ok := tunnel.Reserve(own, 8<<20); !ok {
				own.Pause()
			}
			return 0
		}})
		_ = own
		send(b, vc, make([]byte, 8<<20-1))
		write(b, from, "y")
		src.Reenable()
		b.settle()
		_ = far.SetLinger(0)
		_ = far.Close()
		await(b, woken)
		none(b, ended, "End during a Pause")
		vc.Reenable()
		b.settle()
		vc.Reenable()
		finish(vc, nil)
		await(b, ended)
	})
}
