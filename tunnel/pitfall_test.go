package tunnel

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// TestP03AnEndThatComesWithTheLastBytesLosesNone has a peer that writes and closes at once, before the tunnel starts and
// after it, and a target that reads only when nothing moves any more.
func TestP03AnEndThatComesWithTheLastBytesLosesNone(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{0, 1, 49, 50, 51, largeBlock, 10 * largeBlock} {
			want := pattern(n)
			for _, early := range []bool{true, false} {
				b.size = max(n, 1) // the source's pipe, which takes all at once
				near, in := b.pair()
				if early {
					feedIn(in, want, n+1, true)
				}
				b.size = 10
				way, out := b.target(100)
				way.CloseSource, way.CloseTarget = true, true
				c := newCarrier(way, -1)
				vc, own := b.shard.New("source", near, 100, c)
				c.given = true
				way.Carry(own, -1, func(n int64, err error) { c.done <- carried{n, err} })
				vc.Reenable()
				if !early {
					b.settle()
					feedIn(in, want, n+1, true)
				}
				b.settle()
				if b.pump && n > b.size {
					none(b, c.done, "done while the target has not read")
				}
				sees(b, out, want)
				seesEnd(b, out)
				c.want(b, int64(n), nil)
			}
		}
	})
}

// TestP03AnEndThatIsPendingIsToldToTheNewHandlerAfterItsData hands over while the end has been read, before it was told.
func TestP03AnEndThatIsPendingIsToldToTheNewHandlerAfterItsData(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{1, 50, 100} {
			events := make(chan string, 100)
			heir := &fake{
				data: func(_ *Owner, p []byte) int { events <- string(p); return len(p) },
				end:  func(_ *Owner, err error) { events <- err.Error() },
			}
			held := true
			vc, in := b.open(100, &fake{
				data: func(own *Owner, p []byte) int {
					if held {
						own.Pause()
						return 0
					}
					own.HandTo(heir)
					return 0
				},
				end: func(*Owner, error) { b.Error("the old handler was told of the end") },
			})
			want := string(pattern(n))
			write(b, in, want)
			_ = in.CloseWrite()
			b.settle()
			func() { // the handler runs on the Shard, which is at rest
				h := vc.Lock()
				defer h.Unlock()
				held = false
			}()
			vc.Reenable()
			got := ""
			for len(got) < n {
				got += await(b, events)
			}
			if got != want {
				b.Errorf("the new handler got %d other bytes", len(got))
			}
			if end := await(b, events); end != io.EOF.Error() {
				b.Errorf("after its data: got %q, want the end", end)
			}
		}
	})
}

// TestP06AKilledTargetHoldsNobodyUp kills a target that has stopped while the source waits for its room. The others go
// on with what was waiting, and in fake time no time may pass for it: no clock is what wakes them.
func TestP06AKilledTargetHoldsNobodyUp(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		kills := map[string]func(*spread){
			"its holder": func(x *spread) { kill(x.to[2], errCause) },
			"its peer":   func(x *spread) { _ = x.out[2].SetLinger(0); _ = x.out[2].Close() },
		}
		for name, strike := range kills {
			const size = 10_000
			x := b.spread(4, size, nil)
			n := 16 << 20 // more than the system takes for a peer that does not read
			if b.pump {
				n = 1 << 20
			}
			want := pattern(n)
			live := []peer{x.out[0], x.out[1], x.out[3]}
			read := make(chan int, len(live))
			for _, far := range live {
				go func() {
					got, _ := io.ReadAll(far)
					if !bytes.Equal(got, want) {
						b.Errorf("%s: got %d bytes, want the %d that were sent", name, len(got), n)
					}
					read <- len(got)
				}()
			}
			go feedIn(x.in, want, 50_000, true)
			for last := int64(-1); last != x.Moved(); { // until the source is held
				last = x.Moved()
				b.settle()
			}
			if x.Moved() == int64(n) {
				b.Fatal("the source was not held")
			}
			start := time.Now()
			strike(x)
			for range live {
				await(b, read)
			}
			if took := time.Since(start); b.fake && took != 0 {
				b.Errorf("%s: the others went on after %v, want at once", name, took)
			}
			x.want(b, nil)
		}
	})
}

// TestP07ATransformThatWantsMoreThanFitsIsNeverSilent has one that gives nothing until it has seen all, which is more
// than fits. It ends with ErrStalled if the source ends, and with ErrIdle if it does not.
func TestP07ATransformThatWantsMoreThanFitsIsNeverSilent(t *testing.T) {
	for _, ends := range []bool{true, false} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			way, out := b.target(100)
			way.CloseTarget = true
			var held []byte
			way.Transform = func(dst, src []byte, final bool) ([]byte, error) {
				held = append(held, src...)
				if final {
					return append(dst, held...), nil
				}
				return dst, nil
			}
			c := newCarrier(way, -1)
			near, in := b.pair()
			vc, own := b.shard.New("source", near, 100, c)
			own.SetIdle(50 * time.Millisecond)
			c.given = true
			way.Carry(own, -1, func(n int64, err error) { c.done <- carried{n, err} })
			vc.Reenable()
			feedIn(in, pattern(1000), 100, ends)
			if ends {
				c.want(b, 1000, ErrStalled)
			} else {
				c.want(b, 1000, ErrIdle)
			}
			seesReset(b, out)
		})
	}
}

// TestP07TwoSidesThatWaitForEachOtherEndIdle has two peers that write and do not read, so that both directions are full,
// and two that do nothing at all.
func TestP07TwoSidesThatWaitForEachOtherEndIdle(t *testing.T) {
	for _, full := range []bool{true, false} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			x := b.twoWay(100, func(t *TwoWay) { t.Idle = 200 * time.Millisecond })
			start := time.Now()
			written := make(chan error, 2)
			for _, far := range []peer{x.near, x.far} {
				go func() {
					if !full {
						written <- nil
						return
					}
					_, err := far.Write(make([]byte, 64<<20))
					written <- err
				}()
			}
			x.want(b, ErrIdle)
			if took := time.Since(start); took < 200*time.Millisecond || b.fake && took > 400*time.Millisecond {
				b.Errorf("ended after %v, want the limit of 200ms and at most one more", took)
			}
			for range 2 {
				if err := await(b, written); full && err == nil {
					b.Error("what a peer wrote found room, want a reset")
				}
			}
			if !full { // otherwise the write has seen it
				seesReset(b, x.near)
				seesReset(b, x.far)
			}
		})
	}
}
