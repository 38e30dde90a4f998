package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

// spread is a OneWayMulti, with the far ends of its connections.
type spread struct {
	*OneWayMulti
	source *VConn
	in     peer
	to     []*VConn
	out    []peer
	ended  chan error
	told   chan error
	after  chan string
}

// spread makes one with k targets that are closed at its end; set may change what it is made of before it starts.
func (b *bench) spread(k, size int, set func(t *OneWayMulti, targets []Target)) *spread {
	b.Helper()
	x := b.readySpread(k, size, set)
	if err := x.Start(func(err error) { x.ended <- err }); err != nil {
		b.Fatal(err)
	}
	return x
}

func (b *bench) readySpread(k, size int, set func(t *OneWayMulti, targets []Target)) *spread {
	b.Helper()
	x := &spread{ended: make(chan error, 2), told: make(chan error, 100), after: make(chan string, 1<<14)}
	near, in := b.pair()
	var own *Owner
	x.source, own = b.shard.New("source", near, 100, &fake{
		data: func(_ *Owner, p []byte) int { x.after <- string(p); return len(p) },
		end:  func(_ *Owner, err error) { x.told <- err },
	})
	x.in = in
	var targets []Target
	for range k {
		vc, far := b.open(100, &fake{})
		x.to, x.out = append(x.to, vc), append(x.out, far)
		targets = append(targets, Target{To: vc, Close: true})
	}
	x.OneWayMulti = NewOneWayMulti(own, size)
	if set != nil {
		set(x.OneWayMulti, targets)
	}
	x.list = targets
	return x
}

func (x *spread) want(b *bench, err error) {
	b.Helper()
	if got := await(b, x.ended); !errors.Is(got, err) {
		b.Errorf("done: got %v, want %v", got, err)
	}
	b.settle()
	none(b, x.ended, "second done")
}

// allSee reads p and the end at each of the peers, at the same time.
func allSee(b *bench, p []byte, out ...peer) {
	b.Helper()
	var wg sync.WaitGroup
	for i, far := range out {
		wg.Go(func() {
			got, err := io.ReadAll(far)
			if err != nil || !bytes.Equal(got, p) {
				b.Errorf("target %d: got %d bytes and %v, want the %d that were sent", i, len(got), err, len(p))
			}
		})
	}
	wg.Wait()
}

func TestC50EveryTargetGetsEveryByte(t *testing.T) {
	for _, k := range []int{1, 4, 64} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			x := b.spread(k, 10_000, nil)
			want := pattern(300_000)
			go feedIn(x.in, want, 7_000, true)
			allSee(b, want, x.out...)
			x.want(b, nil)
			for i, r := range x.Results() {
				if r.Err != nil || r.Bytes != int64(len(want)) {
					b.Errorf("result of %d: got %v", i, r)
				}
			}
		})
	}
}

func TestC51ATargetThatEndsIsDetachedAlone(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.spread(5, 1000, func(_ *OneWayMulti, list []Target) { list[3].Idle = 50 * time.Millisecond })
		write(b, x.in, "start")
		for _, far := range x.out {
			read(b, far, 5)
		}
		kill(x.to[0], errCause)
		finish(x.to[1], nil)
		_ = x.out[2].SetLinger(0)
		_ = x.out[2].Close()
		b.settle()
		want := pattern(8 << 20) // more than a peer takes that does not read, so that the fourth is idle
		if b.pump {
			want = want[:300_000]
		}
		go feedIn(x.in, want, 50_000, true)
		allSee(b, want, x.out[4])
		x.want(b, nil)
		results := x.Results()
		for i, want := range []error{errCause, ErrClosed, ErrTargetGone, ErrIdle, nil} {
			if !errors.Is(results[i].Err, want) {
				b.Errorf("target %d: got %v, want %v", i, results[i].Err, want)
			}
		}
	})
}

func TestC52TheOthersGoOnWhenAStuckTargetIsClosed(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.spread(4, 10_000, nil)
		n := 16 << 20
		if b.pump {
			n = 1 << 20
		}
		want := pattern(n)
		go feedIn(x.in, want, 50_000, true)
		var wg sync.WaitGroup
		for _, far := range x.out[1:] {
			wg.Go(func() { sees(b, far, want[:10_000]) })
		}
		wg.Wait()
		b.settle()
		moved := x.Moved()
		if moved == int64(n) {
			b.Fatal("the source was not held")
		}
		kill(x.to[0], errCause)
		allSee(b, want[10_000:], x.out[1:]...)
		x.want(b, nil)
	})
}

func TestC53WithoutATargetTheTunnelEnds(t *testing.T) {
	for _, closes := range []bool{false, true} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			x := b.spread(3, 1000, func(t *OneWayMulti, _ []Target) { t.CloseSource = closes })
			b.settle()
			for _, vc := range x.to {
				kill(vc, nil)
			}
			x.want(b, ErrNoTargets)
			if closes {
				seesReset(b, x.in)
				return
			}
			write(b, x.in, "for the machine")
			if got := await(b, x.after); got != "for the machine" {
				b.Errorf("got %q", got)
			}
		})
	}
}

func TestC54TheDrainedAreCompleteAtOnceAndTheRestAfterTheirLastByte(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		if b.pump {
			b.size = 100
		}
		done := make(chan int, 3)
		x := b.spread(2, 8<<20, func(_ *OneWayMulti, list []Target) {
			for i := range list {
				list[i].Done = func(error) { done <- i }
			}
		})
		want := pattern(8 << 20) // more than a peer takes that does not read
		if b.pump {
			want = want[:100_000]
		}
		go feedIn(x.in, want, 100_000, true)
		allSee(b, want, x.out[1])
		if got := await(b, done); got != 1 {
			b.Errorf("complete: got %d, want 1", got)
		}
		b.settle()
		none(b, x.ended, "done")
		allSee(b, want, x.out[0])
		x.want(b, nil)
	})
}

func TestC55ASourceThatHadEndedBefore(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.readySpread(3, 1000, nil)
		write(b, x.in, "all of it")
		_ = x.in.CloseWrite()
		b.settle()
		if err := x.Start(func(err error) { x.ended <- err }); err != nil {
			b.Fatal(err)
		}
		allSee(b, []byte("all of it"), x.out...)
		x.want(b, nil)
	})
}

func TestC56NobodyIsFurtherAheadOfASlowTargetThanTheBuffer(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		if !b.pump {
			b.Skip("the system's buffers come between; the pipes have a size")
		}
		b.size = 10
		const size = 1000
		x := b.spread(2, size, nil)
		want := pattern(20_000)
		go feedIn(x.in, want, 333, true)
		var ahead int
		for slow := 0; slow < len(want); {
			b.settle()
			p := make([]byte, 4096)
			_ = x.out[1].SetReadDeadline(time.Now().Add(time.Millisecond))
			for {
				n, err := x.out[1].Read(p)
				ahead += n
				if err != nil {
					break
				}
			}
			if ahead-slow > size+2*b.size+61 { // the pipe, and what a write in it has
				b.Fatalf("ahead by %d, want no more than %d", ahead-slow, size)
			}
			n, err := x.out[0].Read(p[:min(100, len(want)-slow)])
			if err != nil {
				b.Fatal(err)
			}
			slow += n
		}
		x.want(b, nil)
	})
}

func TestC57AnErrorOfTheSourceIsNoCleanEndForAnyTarget(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, end := range []func(*spread){
			func(x *spread) { _ = x.in.SetLinger(0); _ = x.in.Close() },
			func(x *spread) { x.Stop(errCause) },
			func(x *spread) { kill(x.source, errCause) },
		} {
			x := b.spread(3, 1000, func(_ *OneWayMulti, list []Target) { list[2].Close = false })
			write(b, x.in, "start")
			for _, far := range x.out {
				read(b, far, 5)
			}
			end(x)
			if err := await(b, x.ended); err == nil {
				b.Error("done: got nil, want an error")
			}
			seesReset(b, x.out[0])
			seesReset(b, x.out[1])
			if r := x.Results()[2]; r.Err == nil {
				b.Error("the third's result is success")
			}
			send(b, x.to[2], []byte("it is open"))
			read(b, x.out[2], 10)
		}
	})
}

func TestABestEffortTargetThatLagsIsDetached(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.spread(2, 64<<10, func(_ *OneWayMulti, list []Target) { list[1].BestEffort, list[1].Lag = true, 20_000 })
		want := pattern(16 << 20)
		if b.pump {
			want = want[:1<<20]
		}
		go feedIn(x.in, want, 50_000, true)
		allSee(b, want, x.out[0]) // nobody reads the other
		x.want(b, nil)
		if r := x.Results(); !errors.Is(r[1].Err, ErrLag) || r[0].Err != nil {
			b.Errorf("results: got %v, want ErrLag for the second alone", r)
		}
	})
}

func TestABestEffortTargetThatReadsGetsEverything(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.spread(2, 256<<10, func(_ *OneWayMulti, list []Target) { list[1].BestEffort = true })
		want := pattern(200_000) // less than its bound, whoever is slow
		go feedIn(x.in, want, 5_000, true)
		allSee(b, want, x.out...)
		x.want(b, nil)
	})
}

func TestMultiStartRefuses(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.readySpread(2, 100, nil)
		nothing := func(error) { b.Error("done was called") }
		own := x.from
		if err := NewOneWayMulti(&own, 100).Start(nothing); err != ErrNoTargets {
			b.Errorf("no target: got %v, want ErrNoTargets", err)
		}
		for _, list := range [][]Target{{{To: x.source}}, {{To: x.to[0]}, {To: x.to[0]}}} {
			if err := NewOneWayMulti(&own, 100, list...).Start(nothing); err != ErrBusy {
				b.Errorf("got %v, want ErrBusy", err)
			}
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errCause)
		if err := x.Run(ctx); !errors.Is(err, errCause) {
			b.Errorf("Run: got %v, want %v", err, errCause)
		}
	})
}

func TestATeeNeverHoldsUpItsTunnel(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		good, goodFar := b.open(100, &fake{})
		stuck, stuckFar := b.open(100, &fake{})
		dead, _ := b.open(100, &fake{})
		kill(dead, errCause)
		ends := make(chan error, 3)
		x := b.twoWay(64<<10, func(t *TwoWay) {
			t.HalfClose, t.Linger = true, time.Second
			for _, vc := range []*VConn{good, stuck, dead} {
				t.Tee = append(t.Tee, Target{To: vc, BestEffort: vc != good, Close: true, Done: func(err error) { ends <- err }})
			}
		})
		want := pattern(16 << 20)
		if b.pump {
			want = want[:1<<20]
		}
		go feedIn(x.near, want, 10_000, true)
		var wg sync.WaitGroup
		wg.Go(func() { allSee(b, want, goodFar) })
		sees(b, x.far, want)
		seesEnd(b, x.far)
		write(b, x.far, "answer")
		_ = x.far.CloseWrite()
		read(b, x.near, 6)
		seesEnd(b, x.near)
		x.want(b, nil)
		wg.Wait()
		var lag, clean int
		for range 3 {
			switch err := await(b, ends); {
			case errors.Is(err, errCause):
			case errors.Is(err, ErrLag), errors.Is(err, ErrLinger):
				lag++
			case err == nil:
				clean++
			}
		}
		if lag != 1 || clean != 1 {
			b.Errorf("of the two, %d lagged and %d got everything, want one each", lag, clean)
		}
		_ = stuckFar.Close()
	})
}
