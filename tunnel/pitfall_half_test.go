package tunnel

import (
	"io"
	"runtime"
	"testing"
	"time"
)

// TestP04TheAnswerToAHalfClosedRequestArrives answers a request with 1 MiB, 200 ms after the peer has ended its
// direction. With half-close all of it arrives. Without, the tunnel has ended by then: the peer gets an end, and nothing.
func TestP04TheAnswerToAHalfClosedRequestArrives(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		answer := pattern(1 << 20)
		for _, half := range []bool{true, false} {
			x := b.twoWay(64<<10, func(w *TwoWay) { w.HalfClose = half })
			write(b, x.near, "request")
			_ = x.near.CloseWrite()
			read(b, x.far, 7)
			seesEnd(b, x.far)
			<-time.NewTimer(200 * time.Millisecond).C
			go feedIn(x.far, answer, 10_000, true)
			if half {
				sees(b, x.near, answer)
			}
			seesEnd(b, x.near)
			x.want(b, nil)
		}
	})
}

// TestP04APeerThatNeverFinishesLeavesNothing has peers that are silent, and some that drip, after the other side has
// ended. After the linger the descriptors and goroutines are those from before.
func TestP04APeerThatNeverFinishesLeavesNothing(t *testing.T) {
	if !hasPoll() {
		t.Skip("this system has no poll")
	}
	for _, drips := range []bool{false, true} {
		b := newBench(t, ShardConfig{})
		first := b.twoWay(100, nil) // with which the Shard makes what it needs
		first.Stop(errCause)
		first.want(b, errCause)
		_, _ = first.near.Close(), first.far.Close()
		files, goroutines := descriptors(), runtime.NumGoroutine()
		for range 5 {
			x := b.twoWay(100, func(w *TwoWay) { w.HalfClose, w.Linger = true, 20*time.Millisecond })
			_ = x.near.CloseWrite()
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				for drips {
					if _, err := x.far.Write([]byte("x")); err != nil {
						return
					}
					<-time.NewTimer(5 * time.Millisecond).C
				}
			}()
			x.want(b, ErrLinger)
			await(b, stopped)
			_, _ = io.Copy(io.Discard, x.near)
			_, _ = x.near.Close(), x.far.Close()
		}
		for range 1000 { // the test's own are ending
			if descriptors() <= files && runtime.NumGoroutine() <= goroutines {
				break
			}
			b.turn()
		}
		if got := descriptors(); got > files {
			t.Errorf("drips %v: descriptors: got %d, want %d", drips, got, files)
		}
		if got := runtime.NumGoroutine(); got > goroutines {
			t.Errorf("drips %v: goroutines: got %d, want %d", drips, got, goroutines)
		}
		if n := b.load(); n != 0 {
			t.Errorf("drips %v: connections: got %d, want 0", drips, n)
		}
		b.stop()
	}
}
