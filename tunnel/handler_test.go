package tunnel

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestC03EventsFromSeveralGoroutinesAreHandledOneAfterAnother(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		var inside, events atomic.Int64
		event := func() {
			if inside.Add(1) != 1 {
				b.Error("two events at once")
			}
			events.Add(1)
			inside.Add(-1)
		}
		done := make(chan struct{})
		vc, far := b.open(4, &fake{
			data: func(own *Owner, p []byte) int { event(); own.Wake(time.Now()); own.Pause(); return len(p) / 2 },
			room: func(*Owner) { event() },
			tick: func(*Owner, time.Time) { event() },
			end:  func(*Owner, error) { event(); close(done) },
		})
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(io.Discard, far) })
		wg.Go(func() {
			for range 200 {
				_, _ = far.Write([]byte("0123456789"))
			}
		})
		for range 3 {
			wg.Go(func() {
				for range 500 {
					_ = put(vc, []byte("abc"))
					vc.Reenable()
				}
			})
		}
		wg.Go(func() { // let the bytes that were left come again
			for range 500 {
				vc.Reenable()
			}
		})
		b.settle()
		kill(vc, nil)
		await(b, done)
		wg.Wait()
		if events.Load() < 2 {
			b.Errorf("events: got %d", events.Load())
		}
	})
}

func TestC04DataComesBeforeTheEndWhichIsToldOnceAndToALaterHandlerAgain(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		events := make(chan string, 20)
		log := func(name string, take int) *fake {
			return &fake{
				data: func(_ *Owner, p []byte) int { events <- name + ":" + string(p); return min(take, len(p)) },
				end:  func(_ *Owner, err error) { events <- name + ":" + err.Error() },
			}
		}
		near, far := b.pair()
		first, second := log("first", 2), log("second", 100)
		tick := &fake{tick: func(own *Owner, _ time.Time) { own.HandTo(second) }}
		first.tick = tick.tick
		vc, own := b.shard.New("test", near, 100, first)
		write(b, far, "abc")
		_ = far.CloseWrite()
		b.settle()
		own.Wake(time.Now().Add(50 * time.Millisecond))
		vc.Reenable()
		for range 100 {
			vc.Reenable()
		}
		var got []string
		for {
			got = append(got, await(b, events))
			if got[len(got)-1] == "second:EOF" {
				break
			}
		}
		b.settle()
		none(b, events, "event")
		// The first may have been offered what it left more than once before it was told of the end.
		if got[0] != "first:abc" || got[len(got)-3] != "first:EOF" || got[len(got)-2] != "second:c" {
			b.Errorf("got %q", got)
		}
		n := 0
		for _, e := range got {
			if e == "first:EOF" {
				n++
			}
		}
		if n != 1 {
			b.Errorf("the first was told of the end %d times, want once: %q", n, got)
		}
	})
}

func TestNothingIsOfferedDuringAPause(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		got, ended := make(chan string, 10), make(chan error, 1)
		vc, far := b.open(100, &fake{
			data: func(own *Owner, p []byte) int { got <- string(p); own.Pause(); return 1 },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		write(b, far, "a")
		if p := await(b, got); p != "a" {
			b.Errorf("got %q", p)
		}
		write(b, far, "bc")
		_ = far.CloseWrite()
		b.settle()
		none(b, got, "Data")
		for _, want := range []string{"bc", "c"} {
			vc.Reenable()
			if p := await(b, got); p != want {
				b.Errorf("got %q, want %q", p, want)
			}
			none(b, ended, "End")
		}
		vc.Reenable()
		if err := await(b, ended); err != io.EOF {
			b.Errorf("End: got %v, want io.EOF", err)
		}
		none(b, got, "Data")
	})
}

func TestAReenableDuringThePausingCallCounts(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		calls := make(chan struct{}, 10)
		n := 0
		_, far := b.open(100, &fake{data: func(own *Owner, p []byte) int {
			calls <- struct{}{}
			if n++; n == 3 {
				return len(p)
			}
			own.VConn().Reenable()
			own.Pause()
			return 0
		}})
		write(b, far, "x")
		for range 3 {
			await(b, calls)
		}
	})
}

// TestC16 hands a connection over again and again while its peer sends.
func TestC16NoByteIsLostOverHandOversWhileThePeerSends(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		want := pattern(500_000)
		var got []byte
		all := make(chan struct{})
		rng := rand.New(rand.NewPCG(3, 4))
		var handlers [3]*fake
		for i := range handlers {
			handlers[i] = &fake{data: func(own *Owner, p []byte) int {
				n := rng.IntN(len(p) + 1)
				got = append(got, p[:n]...)
				if rng.IntN(2) == 0 {
					own.HandTo(handlers[rng.IntN(len(handlers))])
				}
				if n < len(p) {
					own.Pause() // or the rest would be taken for an unfinished frame at the end
					own.VConn().Reenable()
				}
				return n
			}, end: func(own *Owner, _ error) {
				if len(got) == len(want) {
					close(all)
				}
			}}
		}
		_, far := b.open(100, handlers[0])
		go func() {
			for p := want; len(p) > 0; {
				n := min(len(p), 1+rand.IntN(9000))
				_, _ = far.Write(p[:n])
				p = p[n:]
			}
			_ = far.CloseWrite()
		}()
		await(b, all)
		if !bytes.Equal(got, want) {
			b.Errorf("got %d bytes, want %d, the same", len(got), len(want))
		}
	})
}

func TestC23AfterTheHandOverEventsGoToTheNewHandlerAlone(t *testing.T) {
	for _, in := range []string{"Data", "End", "Room", "Tick", "Idle"} {
		t.Run(in, func(t *testing.T) {
			eachDriver(t, ShardConfig{}, func(b *bench) { handOver(b, in) })
		})
	}
}

// handOver hands over in one event of the first Handler and back in the first Data of the second.
func handOver(b *bench, in string) {
	events := make(chan string, 100)
	var first, second *fake
	given := false
	event := func(own *Owner, name string) {
		if given {
			events <- "late " + name
			return
		}
		if name == in {
			given = true
			own.VConn().Reenable()
			own.HandTo(second)
			events <- "handed over"
		}
	}
	first = &fake{
		data: func(own *Owner, p []byte) int { event(own, "Data"); return 0 },
		end:  func(own *Owner, _ error) { event(own, "End") },
		room: func(own *Owner) { event(own, "Room") },
		tick: func(own *Owner, _ time.Time) { event(own, "Tick") },
		idle: func(own *Owner) { event(own, "Idle") },
	}
	back := &fake{data: func(own *Owner, p []byte) int { events <- "back " + string(p); return len(p) }}
	second = &fake{
		data: func(own *Owner, p []byte) int {
			events <- "second " + string(p)
			own.HandTo(back)
			return 1
		},
	}
	near, far := b.pair()
	vc, own := b.shard.New("test", near, 1, first)
	switch in {
	case "Tick":
		own.Wake(time.Now().Add(time.Millisecond))
	case "Idle":
		own.SetIdle(5 * time.Millisecond)
	case "Room":
		_ = put(vc, []byte("x"))
		_ = put(vc, []byte("y"))
	}
	write(b, far, "abc")
	if in == "End" {
		_ = far.CloseWrite()
	}
	b.settle()
	vc.Reenable()
	for _, want := range []string{"handed over", "second abc", "back bc"} {
		if got := await(b, events); got != want {
			b.Fatalf("got %q, want %q", got, want)
		}
	}
	b.settle()
	none(b, events, "event")
}

func TestNothingIsReadUntilThereIsAHandler(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		got := make(chan string, 1)
		near, far := b.pair()
		vc, own := b.shard.New("test", near, 100, nil)
		vc.Reenable()
		write(b, far, "x")
		b.settle()
		finished := make(chan struct{})
		// A call that the Shard makes is where an Owner is used.
		other, _ := b.open(1, &fake{room: func(*Owner) {
			own.HandTo(&fake{data: func(_ *Owner, p []byte) int { got <- string(p); return len(p) }})
			close(finished)
		}})
		_ = put(other, []byte("x"))
		_ = put(other, []byte("y"))
		other.Reenable()
		await(b, finished)
		if p := await(b, got); p != "x" {
			b.Errorf("got %q", p)
		}
	})
}

// TestAnyCutOfTheStreamGivesTheSameFrames has frames of a length and as many bytes, some far longer than a read.
func TestAnyCutOfTheStreamGivesTheSameFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 300_000)), 1, 20).Draw(t, "sizes")
		cuts := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 70), rapid.IntRange(1, 200_000)), 1, 10).Draw(t, "cuts")
		var stream []byte
		for i, n := range sizes {
			stream = append(stream, byte(n>>16), byte(n>>8), byte(n))
			stream = append(stream, bytes.Repeat([]byte{byte(i)}, n)...)
		}
		s := NewShard(ShardConfig{Pump: true})
		var got []int
		vc := &VConn{shard: s, handler: &fake{data: func(_ *Owner, p []byte) (taken int) {
			for len(p)-taken >= 3 {
				f := p[taken:]
				n := int(f[0])<<16 | int(f[1])<<8 | int(f[2])
				if len(f) < 3+n {
					break
				}
				if bytes.Count(f[3:3+n], []byte{byte(len(got))}) != n {
					t.Fatalf("frame %d holds other bytes", len(got))
				}
				got = append(got, n)
				taken += 3 + n
			}
			return taken
		}}}
		for i := 0; len(stream) > 0; i++ {
			n := min(cuts[i%len(cuts)], len(stream))
			s.deliver(vc, stream[:n])
			stream = stream[n:]
		}
		if len(got) != len(sizes) {
			t.Fatalf("got %d frames, want %d", len(got), len(sizes))
		}
		if vc.kept != nil || vc.store != nil {
			t.Error("something is kept although all was taken")
		}
	})
}
