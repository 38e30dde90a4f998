package tunnel

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
	"pgregory.net/rapid"
)

// hooked runs f on both drivers with a Shard that calls reach.
func hooked(t *testing.T, reach func(b *bench, i instant, vc *VConn), f func(b *bench)) {
	t.Helper()
	with := func(t *testing.T, c ShardConfig, fake bool) {
		var b *bench
		var ready atomic.Bool
		b = newHookedBench(t, c, &hooks{reach: func(i instant, vc *VConn) {
			if ready.Load() {
				reach(b, i, vc)
			}
		}})
		b.fake = fake
		ready.Store(true)
		f(b)
		b.stop()
	}
	t.Run("poll", func(t *testing.T) { with(t, ShardConfig{}, false) })
	t.Run("pump", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { with(t, ShardConfig{Pump: true}, true) })
	})
}

func TestC08ReenableOfAVConnThatCannotGoOnMakesNoEvent(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		events := make(chan string, 10)
		vc, _ := b.open(100, &fake{
			data: func(*Owner, []byte) int { events <- "Data"; return 0 },
			end:  func(*Owner, error) { events <- "End" },
			room: func(*Owner) { events <- "Room" },
		})
		for range 1000 {
			vc.Reenable()
		}
		b.settle()
		none(b, events, "event")
		finish(vc, nil)
	})
}

func TestC08CallsWhileAPassIsScheduledAddNone(t *testing.T) {
	var watched atomic.Pointer[VConn]
	var passes atomic.Int64
	hooked(t, func(_ *bench, i instant, vc *VConn) {
		if i == onPass && vc == watched.Load() {
			passes.Add(1)
		}
	}, func(b *bench) {
		vc, _ := b.open(100, &fake{})
		b.settle()
		inside, resume := make(chan struct{}), make(chan struct{})
		_, far := b.open(100, &fake{data: func(_ *Owner, p []byte) int {
			close(inside)
			<-resume // only a test does this
			return len(p)
		}})
		write(b, far, "x")
		await(b, inside)
		watched.Store(vc)
		passes.Store(0)
		for range 1000 {
			vc.Reenable()
		}
		close(resume)
		b.settle()
		if n := passes.Load(); n != 1 {
			b.Errorf("passes: got %d, want 1", n)
		}
	})
}

func TestC08CallsWhileAPassRunsAddExactlyOne(t *testing.T) {
	var watched atomic.Pointer[VConn]
	var passes, during atomic.Int64
	hooked(t, func(_ *bench, i instant, vc *VConn) {
		if vc == nil || vc != watched.Load() {
			return
		}
		switch i {
		case onPass:
			passes.Add(1)
		case beforeIdle:
			if during.Swap(0) == 0 {
				return
			}
			for range 1000 {
				vc.Reenable()
			}
		}
	}, func(b *bench) {
		vc, _ := b.open(100, &fake{})
		b.settle()
		during.Store(1)
		passes.Store(0)
		watched.Store(vc)
		vc.Reenable()
		b.settle()
		if n := passes.Load(); n != 2 {
			b.Errorf("passes: got %d, want 2", n)
		}
	})
}

func TestC09WhatIsPutBetweenFoundNothingAndIdleIsWritten(t *testing.T) {
	lateWakeUp(t, beforeIdle)
}

func TestP01WhatIsPutBetweenTheLastLookAtTheListAndSleepIsWritten(t *testing.T) {
	lateWakeUp(t, beforeSleep)
}

func TestP01WhatIsPutWhenTheShardHasSaidThatItSleepsIsWritten(t *testing.T) {
	lateWakeUp(t, onSleep)
}

// lateWakeUp puts a byte at one instant and wants it to leave without any other wake-up.
func lateWakeUp(t *testing.T, at instant) {
	var watched atomic.Pointer[VConn]
	hooked(t, func(b *bench, i instant, vc *VConn) {
		if i != at || vc != nil && vc != watched.Load() {
			return
		}
		if vc := watched.Swap(nil); vc != nil {
			if err := put(vc, []byte("x")); err != nil {
				b.Error(err)
			}
			vc.Reenable()
		}
	}, func(b *bench) {
		vc, far := b.open(100, &fake{})
		b.settle()
		watched.Store(vc)
		vc.Reenable()
		if got := read(b, far, 1); got != "x" {
			b.Errorf("got %q", got)
		}
	})
}

// TestWordModel drives the word of a VConn as a Shard does, with Reenable at every point, and wants every one of them
// followed by a look, a Pause ended only by Reenable, and the VConn on the list once at most.
func TestWordModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewShard(ShardConfig{})
		vc := &VConn{shard: s}
		asked, resumes, inPass := false, false, false
		look := func() {
			resumed := vc.word.Swap(running)&resume != 0
			if resumed != resumes {
				t.Fatalf("resumed: got %v, want %v", resumed, resumes)
			}
			asked, resumes, inPass = false, false, true
		}
		onList := func() int {
			n := 0
			for v := s.list.head.Load(); v != nil; v = v.next {
				n++
			}
			return n + len(s.again)
		}
		t.Repeat(map[string]func(*rapid.T){
			"reenable": func(*rapid.T) { vc.Reenable(); asked, resumes = true, true },
			"rouse":    func(*rapid.T) { vc.rouse(); asked = true },
			"begin": func(t *rapid.T) {
				if inPass {
					return
				}
				if v := s.list.take(); v != nil {
					v.next = nil
					look()
				} else if len(s.again) > 0 {
					s.again = nil
					look()
				}
			},
			"end": func(*rapid.T) {
				if inPass {
					s.rest(vc)
					inPass = false
				}
			},
			"": func(t *rapid.T) {
				n := onList()
				if n > 1 || inPass && n > 0 {
					t.Fatalf("on the list %d times, in a pass: %v", n, inPass)
				}
				if asked && !inPass && n == 0 {
					t.Fatal("a wake-up is lost")
				}
				if asked && inPass && vc.word.Load()&state != dirty {
					t.Fatal("a wake-up during a pass is lost")
				}
			},
		})
	})
}

func TestReenableFromManyGoroutinesLosesNoByte(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const writers, each = 8, 2000
		vc, far := b.open(writers*each, &fake{})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if err := put(vc, []byte("x")); err != nil {
						b.Error(err)
						return
					}
					vc.Reenable()
				}
			})
		}
		read(b, far, writers*each)
		wg.Wait()
	})
}

// TestP01OneByteMessagesMakeProgress sends single bytes back and forth between two Shards, with buffers of one byte
// and pauses of random length, so that every step is at an edge: a million rounds, half of them on each driver.
func TestP01OneByteMessagesMakeProgress(t *testing.T) {
	rounds := 500_000
	if testing.Short() || raceEnabled {
		rounds = 2_000
	}
	for _, c := range []ShardConfig{{}, {Pump: true}} {
		left, right := newBench(t, c), newBench(t, c)
		left.size, right.size = 1, 1
		near, far := left.pair()
		count := make(chan int, 1)
		n := 0
		one := func(own *Owner, p []byte) int {
			if err := put(own.VConn(), p[:1]); err != nil {
				own.Pause()
				return 0
			}
			for range rand.IntN(20) {
				runtime.Gosched()
			}
			own.VConn().Reenable()
			return 1
		}
		a, _ := left.shard.New("left", near, 1, &fake{data: func(own *Owner, p []byte) int {
			if n++; n%1000 == 0 {
				select {
				case count <- n:
				default:
				}
			}
			return one(own, p)
		}, room: func(own *Owner) { own.VConn().Reenable() }})
		z, _ := right.shard.New("right", far, 1, &fake{data: one, room: func(own *Owner) { own.VConn().Reenable() }})
		a.Reenable()
		send(t, z, []byte("x"))
		for await(t, count) < rounds {
		}
		left.stop()
		right.stop()
	}
}

// TestP01NothingIsLeftUndoneWhenAllSleep looks, whenever nothing moves any more, for bytes that could go on.
func TestP01NothingIsLeftUndoneWhenAllSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		b := newBench(t, ShardConfig{Pump: true})
		b.size = 1 + rng.IntN(3)
		var got atomic.Int64
		sink, out := b.open(2, &fake{room: func(*Owner) {}})
		tunnel := NewOneWay(sink)
		source := &fake{data: func(own *Owner, p []byte) int {
			if err := tunnel.Put(own, p[:1]); err != nil {
				own.Pause()
				return 0
			}
			sink.Reenable()
			if len(p) > 1 {
				own.VConn().Reenable()
			}
			return 1
		}}
		var ins []peer
		for range 3 {
			_, in := b.open(1, source)
			ins = append(ins, in)
		}
		sent := 0
		for range 2000 {
			switch rng.IntN(3) {
			case 0:
				in := ins[rng.IntN(len(ins))].(*tunneltest.Conn)
				_ = in.SetWriteDeadline(time.Now().Add(time.Nanosecond))
				n, _ := in.Write(make([]byte, 1+rng.IntN(3)))
				sent += n
			case 1:
				_ = out.SetReadDeadline(time.Now().Add(time.Nanosecond))
				n, _ := out.Read(make([]byte, 1+rng.IntN(3)))
				got.Add(int64(n))
			}
			synctest.Wait()
			if n := queued(sink); n > 0 && out.(*tunneltest.Conn).Buffered() < b.size {
				t.Fatalf("%d bytes in the buffer, a peer that would take them, and the Shard asleep", n)
			}
		}
		_ = out.SetReadDeadline(time.Time{})
		for int(got.Load()) < sent {
			n, err := out.Read(make([]byte, 100))
			if err != nil {
				t.Fatal(err)
			}
			got.Add(int64(n))
		}
		synctest.Wait()
		if n := out.(*tunneltest.Conn).Buffered(); n != 0 {
			t.Errorf("got %d bytes more than were sent", n)
		}
	})
}
