package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

// pairing is a TwoWay between two connections, with what its done was called with.
type pairing struct {
	*TwoWay
	first, second       *VConn
	near, far           peer // of the first and of the second
	ended               chan error
	told, toldSecond    chan error // Ends of the machines
	offered, offeredTwo chan string
}

// twoWay makes one; set may change it before it starts.
func (b *bench) twoWay(size int, set func(*TwoWay)) *pairing {
	b.Helper()
	x := &pairing{ended: make(chan error, 2), told: make(chan error, 100), toldSecond: make(chan error, 100),
		offered: make(chan string, 1<<14), offeredTwo: make(chan string, 1<<14)}
	machine := func(told chan error, offered chan string) *fake {
		return &fake{end: func(_ *Owner, err error) { told <- err }, data: func(_ *Owner, p []byte) int { offered <- string(p); return len(p) }}
	}
	a, near := b.pair()
	c, far := b.pair()
	first, one := b.shard.New("first", a, size, machine(x.told, x.offered))
	second, two := b.shard.New("second", c, size, machine(x.toldSecond, x.offeredTwo))
	x.TwoWay, x.first, x.second, x.near, x.far = NewTwoWay(one, two), first, second, near, far
	if set != nil {
		set(x.TwoWay)
	}
	if err := x.Start(func(err error) { x.ended <- err }); err != nil {
		b.Fatal(err)
	}
	return x
}

func (x *pairing) want(b *bench, err error) {
	b.Helper()
	if got := await(b, x.ended); !errors.Is(got, err) {
		b.Errorf("done: got %v, want %v", got, err)
	}
	b.settle()
	none(b, x.ended, "second done")
}

func TestC44BothDirectionsAtTheSameTime(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, size := range []int{1, 100, 64 << 10} {
			n := min(size*5000, 4<<20)
			x := b.twoWay(size, nil)
			there, back := pattern(n), bytes.Repeat([]byte("back"), n/4+1)[:n]
			go feedIn(x.near, there, 50_000, false)
			go feedIn(x.far, back, 60_000, false)
			checked := make(chan bool, 1)
			go func() {
				got := make([]byte, n)
				_, err := io.ReadFull(x.near, got)
				checked <- err == nil && bytes.Equal(got, back)
			}()
			sees(b, x.far, there)
			if !await(b, checked) {
				b.Error("the first got other bytes")
			}
			_ = x.near.CloseWrite()
			x.want(b, nil)
			if there, back := x.Moved(); there != int64(n) || back != int64(n) {
				b.Errorf("moved: got %d and %d, want %d", there, back, n)
			}
		}
	})
}

func TestC45OneDirectionEndsAndTheTwinIsTold(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, side := range []string{"first", "second"} {
			x := b.twoWay(100, nil)
			write(b, x.near, "question")
			read(b, x.far, 8)
			write(b, x.far, "answer")
			read(b, x.near, 6)
			if side == "first" {
				_ = x.near.CloseWrite()
			} else {
				_ = x.far.CloseWrite()
			}
			seesEnd(b, x.near)
			seesEnd(b, x.far)
			x.want(b, nil)
			toSecond, toFirst := x.Results()
			if side == "second" {
				toSecond, toFirst = toFirst, toSecond
			}
			if toSecond != nil || toFirst != ErrTwinEnded {
				b.Errorf("results: got %v and %v, want nil and ErrTwinEnded", toSecond, toFirst)
			}
		}
	})
}

func TestC46AFailureOfOneDirectionIsNoSuccessOfTheOther(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, half := range []bool{false, true} {
			x := b.twoWay(100, func(t *TwoWay) { t.HalfClose = half })
			write(b, x.near, "question")
			read(b, x.far, 8)
			_ = x.far.SetLinger(0)
			_ = x.far.Close()
			err := await(b, x.ended)
			if err == nil {
				b.Error("done: got nil, want an error")
			}
			seesReset(b, x.near)
			if toSecond, toFirst := x.Results(); toSecond == nil || toFirst == nil || toSecond == ErrTwinEnded || toFirst == ErrTwinEnded {
				b.Errorf("results: got %v and %v, want errors", toSecond, toFirst)
			}
		}
	})
}

func TestC47HalfCloseLetsTheAnswerThrough(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		want := pattern(1 << 20)
		for _, half := range []bool{true, false} {
			x := b.twoWay(64<<10, func(t *TwoWay) { t.HalfClose = half })
			write(b, x.near, "question")
			_ = x.near.CloseWrite()
			read(b, x.far, 8)
			seesEnd(b, x.far)
			go feedIn(x.far, want, 10_000, true)
			if half {
				sees(b, x.near, want)
				seesEnd(b, x.near)
			} else {
				got, _ := io.ReadAll(x.near)
				if !bytes.HasPrefix(want, got) {
					b.Error("the first got other bytes")
				}
			}
			x.want(b, nil)
		}
	})
}

func TestC48TheLingerEndsAHalfClosedTunnel(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, drips := range []bool{false, true} {
			x := b.twoWay(100, func(t *TwoWay) { t.HalfClose, t.Linger = true, 100*time.Millisecond })
			_ = x.near.CloseWrite()
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				for drips {
					if _, err := x.far.Write([]byte("x")); err != nil {
						return
					}
					tick := time.NewTimer(10 * time.Millisecond)
					<-tick.C
				}
			}()
			x.want(b, ErrLinger)
			seesReset(b, x.near) // the second was sent the end before
			await(b, stop)
		}
		b.settle()
		if n := b.load(); n != 0 {
			b.Errorf("connections left: got %d, want 0", n)
		}
	})
}

func TestC49AnOwnerInUseIsRefused(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.twoWay(100, nil)
		other, far := b.open(100, &fake{})
		nothing := func(error) { b.Error("done was called") }
		for _, pair := range [][2]*Owner{{&x.first.own, &other.own}, {&other.own, &x.second.own}, {&other.own, &other.own}} {
			if err := NewTwoWay(pair[0], pair[1]).Start(nothing); err != ErrBusy {
				b.Errorf("got %v, want ErrBusy", err)
			}
		}
		send(b, other, []byte("it was left alone"))
		read(b, far, len("it was left alone"))
		write(b, x.near, "and this works")
		read(b, x.far, len("and this works"))
		x.Stop(errCause)
		x.want(b, errCause)
		y := NewTwoWay(&other.own, &other.own)
		y.Stop(nil) // before it starts: nothing
	})
}

func TestTwoWayStopAbortsBoth(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.twoWay(100, nil)
		x.Stop(errCause)
		x.want(b, errCause)
		seesReset(b, x.near)
		seesReset(b, x.far)
	})
}

func TestTwoWayIdleCountsBothDirections(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.twoWay(100, func(t *TwoWay) { t.Idle = 50 * time.Millisecond })
		began := time.Now()
		for range 20 {
			write(b, x.near, "x")
			read(b, x.far, 1)
			tick := time.NewTimer(10 * time.Millisecond)
			<-tick.C
		}
		x.want(b, ErrIdle)
		if d := time.Since(began); d < 240*time.Millisecond {
			b.Errorf("idle after %v, although there was traffic for 200 ms", d)
		}
		seesReset(b, x.near)
	})
}

func TestTwoWayWithoutCloseHandsBoth(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.twoWay(100, func(t *TwoWay) { t.CloseFirst, t.CloseSecond, t.HalfClose = false, false, false })
		write(b, x.near, "abc")
		read(b, x.far, 3)
		_ = x.near.CloseWrite()
		x.want(b, nil)
		if err := await(b, x.told); err != io.EOF {
			b.Errorf("the first's machine: got %v, want io.EOF", err)
		}
		write(b, x.far, "to the machine")
		if got := await(b, x.offeredTwo); got != "to the machine" {
			b.Errorf("got %q", got)
		}
		send(b, x.first, []byte("still open"))
		read(b, x.near, 10)
	})
}

func TestTwoWayAcrossShards(t *testing.T) {
	c := ShardConfig{}
	left, right := newBench(t, c), newBench(t, c)
	for range 20 {
		a, near := left.pair()
		z, far := right.pair()
		_, one := left.shard.New("left", a, 64<<10, nil)
		_, two := right.shard.New("right", z, 64<<10, nil)
		x := NewTwoWay(one, two)
		x.HalfClose = true
		ended := make(chan error, 1)
		go func() { ended <- x.Run(context.Background()) }()
		want := pattern(3 << 20)
		go feedIn(near, want, 1<<20, true)
		go func() {
			p := make([]byte, len(want))
			_, _ = io.ReadFull(far, p)
			_, _ = far.Write(p)
			_ = far.CloseWrite()
		}()
		sees(left, near, want)
		seesEnd(left, near)
		if err := await(t, ended); err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		a, _ := b.pair()
		z, _ := b.pair()
		_, one := b.shard.New("a", a, 100, nil)
		_, two := b.shard.New("z", z, 100, nil)
		ctx, cancel := context.WithCancelCause(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- NewTwoWay(one, two).Run(ctx) }()
		b.settle()
		cancel(errCause)
		if err := await(b, ended); !errors.Is(err, errCause) {
			b.Errorf("Run: got %v, want %v", err, errCause)
		}
	})
}

func TestTunnelsEndWithTheirShard(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		x := b.twoWay(100, nil)
		way, _ := b.target(100)
		c := newCarrier(way, -1)
		_, _ = c.start(b)
		b.settle()
		b.stop()
		if err := await(b, x.ended); !errors.Is(err, ErrStopped) && !errors.Is(err, ErrTargetGone) {
			b.Errorf("TwoWay: got %v, want ErrStopped", err)
		}
		if got := await(b, c.done); !errors.Is(got.err, ErrStopped) && !errors.Is(got.err, ErrTargetGone) {
			b.Errorf("OneWay: got %v, want ErrStopped", got.err)
		}
		if err := NewTwoWay(&x.first.own, &x.second.own).Start(func(error) {}); err != ErrStopped {
			b.Errorf("Start: got %v, want ErrStopped", err)
		}
	})
}
