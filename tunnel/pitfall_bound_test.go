package tunnel

import (
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestP05AConsumerThatReadsNothingCostsNoMoreThanTheBuffers lets 200 tunnels run from producers at full speed to
// consumers that read nothing for five seconds. Then all arrives.
func TestP05AConsumerThatReadsNothingCostsNoMoreThanTheBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ShardConfig{Pump: true})
		b.fake = true
		b.size = 1000
		const tunnels, size, n = 200, 10_000, 30_000
		body := pattern(n)
		var pairs []*pairing
		for range tunnels {
			pairs = append(pairs, b.twoWay(size, nil))
		}
		before := liveBytes()
		for _, x := range pairs {
			go feedIn(x.near, body, 64<<10, true)
		}
		time.Sleep(5 * time.Second) // of fake time, which passes when nothing moves
		for _, x := range pairs {
			if moved, _ := x.Moved(); moved < size || moved > size+2*int64(b.size) {
				t.Errorf("taken from the source: got %d, want what fits a buffer of %d and a pipe of %d", moved, size, b.size)
			}
		}
		if grown := liveBytes() - before; grown > tunnels*(size+largeBlock+3*1000+8<<10) {
			t.Errorf("the heap grew by %d bytes for each tunnel, want no more than its buffer and one read", grown/tunnels)
		}
		for _, x := range pairs {
			sees(b, x.far, body)
			seesEnd(b, x.far)
			x.want(b, nil)
		}
	})
}

// TestP05ABulkProducerIsHeldByAConsumerThatReadsNothing is the same with real sockets, for one tunnel and a gibibyte.
func TestP05ABulkProducerIsHeldByAConsumerThatReadsNothing(t *testing.T) {
	if !hasPoll() {
		t.Skip("this system has no poll")
	}
	n := int64(1 << 30)
	if testing.Short() || raceEnabled {
		n = 64 << 20
	}
	for name, transform := range map[string]Transform{
		"as it is": nil,
		"through a transform": func(dst, src []byte, _ bool) ([]byte, error) {
			return append(dst, src...), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, ShardConfig{})
			x := b.twoWay(64<<10, func(w *TwoWay) { w.ToSecond = transform })
			for _, far := range []peer{x.near, x.far} {
				_ = far.SetDeadline(time.Now().Add(6 * patience))
			}
			before := liveBytes()
			fed := make(chan error, 1)
			go func() {
				p := make([]byte, 1<<20)
				for left := n; left > 0; left -= int64(len(p)) {
					if _, err := x.near.Write(p); err != nil {
						fed <- err
						return
					}
				}
				fed <- x.near.CloseWrite()
			}()
			var moved int64
			for still := 0; still < 200; still++ { // turns without a byte
				b.turn()
				if now, _ := x.Moved(); now != moved {
					moved, still = now, 0
				}
			}
			none(t, fed, "the producer's end")
			if grown := liveBytes() - before; grown > 4<<20 {
				t.Errorf("the heap grew by %d bytes while nothing was read", grown)
			}
			if got, err := io.Copy(io.Discard, x.far); got != n || err != nil {
				t.Errorf("arrived: got %d bytes and %v, want %d", got, err, n)
			}
			if err := await(t, fed); err != nil {
				t.Error(err)
			}
			x.want(b, nil)
		})
	}
}

// TestP05NoticesAreBoundedToo puts for a peer that does not read, as who sends notices or parts of a result does, until
// there is no room. Everything that was accepted arrives.
func TestP05NoticesAreBoundedToo(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		b.size = 100
		const size = 1000
		vc, far := b.open(size, &fake{})
		notice := pattern(37)
		accepted := 0
		for full := 0; full < 10; {
			switch err := put(vc, notice); err {
			case nil:
				accepted, full = accepted+1, 0
			case ErrFull:
				full++
				vc.Reenable()
				b.settle()
			default:
				b.Fatal(err)
			}
			if n := queued(vc); n > size {
				b.Fatalf("queued: got %d, want at most %d", n, size)
			}
		}
		for range accepted {
			sees(b, far, notice)
		}
	})
}

// TestP10ABulkTunnelLeavesAHundredOthersTheirTurns bounds the p99 of 100 tunnels of pings beside one that is never out
// of work.
func TestP10ABulkTunnelLeavesAHundredOthersTheirTurns(t *testing.T) {
	if !hasPoll() {
		t.Skip("this system has no poll")
	}
	const tunnels, rounds, bound = 100, 20, 5 * time.Second
	b := newBench(t, ShardConfig{})
	bulk := b.twoWay(1<<20, nil)
	go swallow(bulk.far)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		p := make([]byte, 1<<20)
		for {
			if _, err := bulk.near.Write(p); err != nil {
				return
			}
		}
	}()
	took := make(chan time.Duration, tunnels*rounds)
	for range tunnels {
		x := b.twoWay(100, nil)
		go func() { _, _ = io.Copy(struct{ io.Writer }{x.far}, struct{ io.Reader }{x.far}) }()
		go func() {
			p := make([]byte, 4)
			for range rounds {
				start := time.Now()
				_, err := x.near.Write(p)
				if err == nil {
					_, err = io.ReadFull(x.near, p)
				}
				if err != nil {
					b.Errorf("a ping: %v", err)
				}
				took <- time.Since(start)
			}
		}()
	}
	slow := 0
	for range tunnels * rounds {
		if await(t, took) > bound {
			slow++
		}
	}
	if slow > tunnels*rounds/100 {
		t.Errorf("pings that took longer than %v: got %d of %d, want at most one in a hundred", bound, slow, tunnels*rounds)
	}
	if moved, _ := bulk.Moved(); moved == 0 {
		t.Error("the bulk tunnel moved nothing meanwhile")
	}
	bulk.Stop(errCause)
	bulk.want(b, errCause)
	await(t, fed)
}

// liveBytes returns how many bytes the heap holds.
func liveBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
