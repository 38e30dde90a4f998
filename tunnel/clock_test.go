package tunnel

import (
	"testing"
	"time"
)

func TestC21IdleComesOnceEvenIfNeitherDirectionWantsAnything(t *testing.T) {
	const limit = 30 * time.Millisecond
	eachDriver(t, ShardConfig{}, func(b *bench) {
		idle, got := make(chan time.Duration, 10), make(chan string, 10)
		near, far := b.pair()
		start := time.Now()
		vc, own := b.shard.New("test", near, 100, &fake{
			data: func(_ *Owner, p []byte) int { got <- string(p); return len(p) },
			idle: func(own *Owner) { idle <- time.Since(start); own.Pause() },
		})
		own.SetIdle(limit)
		vc.Reenable()
		if d := await(b, idle); d < limit || b.fake && d != limit {
			b.Errorf("Idle after %v, want %v", d, limit)
		}
		wait(b, 3*limit)
		none(b, idle, "second Idle")
		// It can still be used, and the limit starts anew with the next progress.
		send(b, vc, []byte("there?"))
		if p := read(b, far, 6); p != "there?" {
			b.Errorf("got %q", p)
		}
		await(b, idle)
		vc.Reenable()
		write(b, far, "yes")
		if p := await(b, got); p != "yes" {
			b.Errorf("got %q", p)
		}
		await(b, idle)
	})
}

func TestC22ProgressInEitherDirectionStartsTheIdleLimitAnewAndNotTheTotal(t *testing.T) {
	const limit = 60 * time.Millisecond
	for _, direction := range []string{"read", "written"} {
		t.Run(direction, func(t *testing.T) {
			eachDriver(t, ShardConfig{}, func(b *bench) {
				idle, expired := make(chan time.Duration, 1), make(chan time.Duration, 1)
				near, far := b.pair()
				start := time.Now()
				vc, own := b.shard.New("test", near, 100, &fake{
					idle:    func(*Owner) { idle <- time.Since(start) },
					expired: func(*Owner) { expired <- time.Since(start) },
				})
				own.SetIdle(limit)
				own.SetTotal(3*limit - limit/2)
				vc.Reenable()
				for range 16 { // for four limits
					wait(b, limit/4)
					if direction == "read" {
						write(b, far, "x")
					} else {
						send(b, vc, []byte("x"))
						read(b, far, 1)
					}
				}
				if d := await(b, expired); d < 3*limit-limit/2 || b.fake && d != 3*limit-limit/2 {
					b.Errorf("Expired after %v, want %v", d, 3*limit-limit/2)
				}
				if d := await(b, idle); b.fake && d != 5*limit {
					b.Errorf("Idle after %v, want %v", d, 5*limit)
				}
			})
		})
	}
}

func TestLimitsAbortTheConnectionOfAHandlerThatDoesNotKnowThem(t *testing.T) {
	for _, c := range []struct {
		set  func(*Owner)
		want error
	}{
		{func(own *Owner) { own.SetIdle(time.Millisecond) }, ErrIdle},
		{func(own *Owner) { own.SetTotal(time.Millisecond) }, ErrExpired},
	} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			ended := make(chan error, 1)
			near, _ := b.pair()
			vc, own := b.shard.New("test", near, 100, struct{ Handler }{&fake{end: func(_ *Owner, err error) { ended <- err }}})
			c.set(own)
			vc.Reenable()
			if err := await(b, ended); err != c.want {
				b.Errorf("End: got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTheEarliestWakeThatWasAskedForWins(t *testing.T) {
	const unit = 20 * time.Millisecond
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ticks := make(chan time.Duration, 10)
		near, _ := b.pair()
		start := time.Now()
		vc, own := b.shard.New("test", near, 100, &fake{tick: func(own *Owner, now time.Time) {
			ticks <- now.Sub(start)
			if now.Sub(start) < 4*unit {
				own.Wake(start.Add(4 * unit))
				own.Pause() // does not hold it back
			}
		}})
		for _, d := range []time.Duration{3, 5, 2, 9, 2} {
			own.Wake(start.Add(d * unit))
		}
		own.Wake(time.Time{})
		vc.Reenable()
		for _, want := range []time.Duration{2 * unit, 4 * unit} {
			if got := await(b, ticks); got < want || b.fake && got != want {
				b.Errorf("Tick: got %v, want %v", got, want)
			}
		}
		wait(b, 6*unit)
		none(b, ticks, "third Tick")
	})
}

func TestManyWakesComeInTheirOrder(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const n = 50
		ticks := make(chan int, n)
		start := time.Now()
		for i := range n {
			at := (i*37)%n + 1
			near, _ := b.pair()
			vc, own := b.shard.New("test", near, 1, &fake{tick: func(*Owner, time.Time) { ticks <- at }})
			own.Wake(start.Add(50*time.Millisecond + time.Duration(at)*time.Millisecond))
			vc.Reenable()
		}
		for want := 1; want <= n; want++ {
			if got := await(b, ticks); got != want && b.fake {
				b.Errorf("Tick: got the one for %d, want %d", got, want)
			}
		}
	})
}

func TestAWakeOfTheOldHandlerIsForgottenAtTheHandOver(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ticks := make(chan string, 10)
		second := &fake{tick: func(*Owner, time.Time) { ticks <- "second" }}
		first := &fake{
			tick: func(*Owner, time.Time) { ticks <- "first" },
			data: func(own *Owner, p []byte) int {
				own.Wake(time.Now().Add(10 * time.Millisecond))
				own.HandTo(second)
				if p[0] == 'w' {
					own.Wake(time.Now().Add(20 * time.Millisecond))
				}
				return len(p)
			},
		}
		_, far := b.open(100, first)
		write(b, far, "x")
		wait(b, 40*time.Millisecond)
		none(b, ticks, "Tick")
		_, far = b.open(100, first)
		write(b, far, "w")
		if got := await(b, ticks); got != "second" {
			b.Errorf("Tick of the %s, want the second", got)
		}
	})
}

func TestAnIdleShardMakesNoTurns(t *testing.T) {
	c := ShardConfig{Pump: true}
	for _, c.Pump = range []bool{false, true} {
		turns := make(chan struct{}, 1000)
		b := newHookedBench(t, c, &hooks{reach: func(i instant, _ *VConn) {
			if i == beforeSleep {
				turns <- struct{}{}
			}
		}})
		vc, far := b.open(100, echo{})
		write(b, far, "x")
		read(b, far, 1)
		wait(b, 50*time.Millisecond)
		for len(turns) > 0 {
			<-turns
		}
		wait(b, 100*time.Millisecond)
		if n := len(turns); n != 0 {
			b.Errorf("pump %v: turns of an idle Shard: got %d, want 0", c.Pump, n)
		}
		_ = vc
		b.stop()
	}
}

// wait lets d pass.
func wait(t testing.TB, d time.Duration) {
	t.Helper()
	await(t, time.After(d))
}
