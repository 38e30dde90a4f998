package tunnel

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
)

// forward is a Handler that reserves room for a fixed number of bytes and puts them.
type forward struct {
	way    *OneWay
	size   int
	paused atomic.Int64
}

func (f *forward) Data(own *Owner, p []byte) (taken int) {
	for len(p)-taken >= f.size {
		r, ok := f.way.Reserve(own, f.size)
		if !ok {
			f.paused.Add(1)
			own.Pause()
			break
		}
		_ = r.Put(p[taken : taken+f.size])
		r.Release()
		taken += f.size
	}
	f.way.to.Reenable()
	return taken
}

func (*forward) End(*Owner, error) {}
func (*forward) Room(*Owner)       {}

func TestC07AWaitingSourceIsReenabledOnceAndTheTargetIsLeftAlone(t *testing.T) {
	var source, target atomic.Pointer[VConn]
	var sources, targets atomic.Int64
	hooked(t, func(_ *bench, i instant, vc *VConn) {
		switch {
		case i != onPass:
		case vc == source.Load():
			sources.Add(1)
		case vc == target.Load():
			targets.Add(1)
		}
	}, func(b *bench) {
		to, far := b.open(4, &fake{})
		from, _ := b.open(4, &fake{})
		b.settle()
		way := NewOneWay(to)
		r, ok := way.Reserve(&from.own, 4)
		if !ok {
			b.Fatal("no room in an empty buffer")
		}
		if err := r.Put([]byte("abcd")); err != nil {
			b.Fatal(err)
		}
		for range 3 {
			if _, ok := way.Reserve(&from.own, 1); ok {
				b.Fatal("room in a full buffer")
			}
		}
		sources.Store(0)
		targets.Store(0)
		source.Store(from)
		target.Store(to)
		to.Reenable()
		if got := read(b, far, 4); got != "abcd" {
			b.Errorf("got %q", got)
		}
		b.settle()
		if n := sources.Load(); n != 1 {
			b.Errorf("passes of the source: got %d, want 1", n)
		}
		n := targets.Load()
		b.settle()
		if more := targets.Load() - n; n == 0 || more != 0 {
			b.Errorf("passes of the target: got %d and then %d, want some and then 0", n, more)
		}
	})
}

func TestManySourcesShareAOneWayAndNoFrameIsParted(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const sources, frames, size = 8, 300, 16
		to, far := b.open(100, &fake{})
		f := &forward{way: NewOneWay(to), size: size}
		var wg sync.WaitGroup
		for i := range sources {
			_, from := b.open(1, f)
			wg.Go(func() {
				for range frames {
					_, _ = from.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
				}
			})
		}
		var count [sources]int
		for range sources * frames {
			frame := read(b, far, size)
			for _, c := range frame {
				if byte(c) != frame[0] {
					b.Fatalf("a frame is parted: %q", frame)
				}
			}
			count[frame[0]-'a']++
		}
		wg.Wait()
		for i, n := range count {
			if n != frames {
				b.Errorf("source %d: got %d frames, want %d", i, n, frames)
			}
		}
		if f.paused.Load() == 0 {
			b.Error("no source was ever held")
		}
	})
}

func TestReservationHoldsItsRoomUntilItIsPutOrReleased(t *testing.T) {
	vc := newVConn(t) // of 100 bytes
	way := NewOneWay(vc)
	r, ok := way.Reserve(&vc.own, 60)
	if !ok {
		t.Fatal("no room")
	}
	if err := way.Put(&vc.own, make([]byte, 41)); err != ErrFull {
		t.Errorf("Put: got %v, want ErrFull", err)
	}
	if err := put(vc, make([]byte, 40)); err != nil {
		t.Errorf("Put: %v", err)
	}
	if err := r.Put(make([]byte, 61)); err != ErrTooLong {
		t.Errorf("longer than reserved: got %v, want ErrTooLong", err)
	}
	if err := r.Put(make([]byte, 50)); err != nil {
		t.Errorf("Put: %v", err)
	}
	if got := queued(vc); got != 90 {
		t.Errorf("Queued: got %d, want 90", got)
	}
	r.Release()
	r.Release()
	if err := put(vc, make([]byte, 10)); err != nil {
		t.Errorf("after Release: %v", err)
	}
	if _, ok := way.Reserve(&vc.own, 101); ok {
		t.Error("reserved more than the size")
	}
	if err := way.Put(&vc.own, make([]byte, 101)); err != ErrTooLong {
		t.Errorf("Put: got %v, want ErrTooLong", err)
	}
	vc.out.quit(&vc.out.first)
}

func TestPutLastGivesTheRestOfTheReservationBack(t *testing.T) {
	vc := newVConn(t) // of 100 bytes
	way := NewOneWay(vc)
	r, _ := way.Reserve(&vc.own, 60)
	if err := r.PutLast(make([]byte, 61)); err != ErrTooLong || r.Len() != 60 {
		t.Errorf("longer than reserved: got %v, %d left", err, r.Len())
	}
	if err := r.PutLast(make([]byte, 50)); err != nil || r.Len() != 0 {
		t.Errorf("PutLast: %v, %d left", err, r.Len())
	}
	if err := put(vc, make([]byte, 50)); err != nil {
		t.Errorf("what was given back: %v", err)
	}
	r, _ = way.Reserve(&vc.own, 0)
	vc.out.end(errCause)
	if err := r.PutLast(nil); err != errCause {
		t.Errorf("after the end: got %v", err)
	}
	vc.out.quit(&vc.out.first)
}

func TestWhoWaitsIsReenabledWhenTheOneWayEnds(t *testing.T) {
	for name, end := range map[string]func(*OneWay){
		"End":   func(w *OneWay) { w.End() },
		"Close": func(w *OneWay) { finish(w.to, errCause) },
		"Abort": func(w *OneWay) { kill(w.to, errCause) },
	} {
		t.Run(name, func(t *testing.T) {
			to, from := newVConn(t), newVConn(t)
			way := NewOneWay(to)
			r, _ := way.Reserve(&from.own, 100)
			if _, ok := way.Reserve(&from.own, 1); ok {
				t.Fatal("room in a full buffer")
			}
			if from.word.Load() != idle || way.Err() != nil {
				t.Fatal("reenabled, or ended, before the end")
			}
			end(way)
			if from.word.Load() != scheduled|resume {
				t.Error("the source was not reenabled")
			}
			want := errCause
			if name == "End" {
				want = ErrEnded
				if err := r.Put([]byte("x")); err != nil {
					t.Errorf("what was reserved: %v", err)
				}
			} else if err := r.Put([]byte("x")); err != want {
				t.Errorf("what was reserved: got %v, want %v", err, want)
			}
			if err := way.Err(); err != want {
				t.Errorf("Err: got %v, want %v", err, want)
			}
			late := newVConn(t)
			if _, ok := way.Reserve(&late.own, 1); ok || late.word.Load() != scheduled|resume {
				t.Error("who comes late is not reenabled at once")
			}
			if err := way.Put(&late.own, nil); err != want {
				t.Errorf("Put: got %v, want %v", err, want)
			}
			to.out.quit(&to.out.first)
		})
	}
}
