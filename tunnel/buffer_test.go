package tunnel

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// drain reads n bytes from c.
func drain(b *buffer, c *cursor, n int) []byte {
	var out []byte
	for _, p := range b.pin(c, nil, n) {
		out = append(out, p...)
	}
	b.wrote(c, len(out))
	return out
}

func TestC17ABufferOfSizeNAcceptsNBytesAndNoMore(t *testing.T) {
	for _, n := range []int{1, 2, 100, smallBlock, smallBlock + 1, 3*largeBlock + 7} {
		b := &buffer{size: n}
		want := pattern(n)
		if err := b.put(make([]byte, n+1)); err != ErrTooLong {
			t.Errorf("size %d: got %v, want ErrTooLong", n, err)
		}
		for _, c := range want {
			if err := b.put([]byte{c}); err != nil {
				t.Fatalf("size %d: %v", n, err)
			}
		}
		if err := b.put([]byte{0}); err != ErrFull {
			t.Errorf("size %d: got %v, want ErrFull", n, err)
		}
		if got := drain(b, &b.first, n+1); !bytes.Equal(got, want) {
			t.Errorf("size %d: got %d bytes, want %d, the same", n, len(got), n)
		}
		if b.tail != nil {
			t.Errorf("size %d: a drained buffer holds a block", n)
		}
	}
}

func TestC17PutIsBoundedWhileThePeerDoesNotRead(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		room := make(chan struct{}, 10)
		near, far := b.pair()
		vc, _ := b.shard.New("test", near, 5, &fake{room: func(*Owner) { room <- struct{}{} }})
		for _, c := range []struct {
			p    string
			want error
		}{{"abc", nil}, {"abcdef", ErrTooLong}, {"def", ErrFull}, {"de", nil}, {"", nil}, {"f", ErrFull}} {
			if got := put(vc, []byte(c.p)); got != c.want {
				b.Errorf("Put %q: got %v, want %v", c.p, got, c.want)
			}
		}
		if got := queued(vc); got != 5 {
			b.Errorf("Queued: got %d, want 5", got)
		}
		vc.Reenable()
		if got := read(b, far, 5); got != "abcde" {
			b.Errorf("got %q", got)
		}
		await(b, room)
		b.settle()
		none(b, room, "Room")
		if got := queued(vc); got != 0 {
			b.Errorf("Queued: got %d, want 0", got)
		}
	})
}

// waits says whether anybody is noted as waiting.
func (b *buffer) waits() bool { return b.wait != nil }

func TestC18TheSlowestCursorHoldsTheSourceUntilTheLowMark(t *testing.T) {
	b := &buffer{size: 100}
	fast, slow := &b.first, b.join()
	source := &VConn{}
	if err := b.put(make([]byte, 90)); err != nil {
		t.Fatal(err)
	}
	b.wrote(fast, 90)
	if ok, _ := b.reserve(20, source, never0); ok {
		t.Error("admitted although the slow cursor leaves no room")
	}
	if e := b.wrote(slow, 39); e.who != nil {
		t.Error("woken above the low mark")
	}
	e := b.wrote(slow, 1)
	if e.who == nil || e.who.order[0] != source || !e.room {
		t.Errorf("at the low mark: got %+v, want the source and the room", e)
	}
	if ok, _ := b.reserve(20, source, never0); !ok {
		t.Error("not admitted at the low mark")
	}
	b.release(20)
	b.wrote(slow, 50)
}

func never0() bool { return false }

func TestC19ReleasingTheSlowestCursorAdmitsTheSourceAndFreesItsMemory(t *testing.T) {
	const size = 4 * largeBlock
	before := blockWatch.live.Load()
	b := &buffer{size: size}
	fast, slow := &b.first, b.join()
	if err := b.put(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	b.wrote(fast, size)
	if err := b.putFrom([]byte("x"), &VConn{}); err != ErrFull {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if e := b.quit(slow); e.who == nil {
		t.Error("the source was not woken")
	}
	if b.waits() {
		t.Error("the source still waits")
	}
	if got := blockWatch.live.Load(); got != before {
		t.Errorf("blocks: got %d, want %d", got, before)
	}
	if err := b.put([]byte("x")); err != nil {
		t.Errorf("put: %v", err)
	}
	b.quit(fast)
}

func TestC20ASharedBlockIsRecycledOnceWhenAllHavePassed(t *testing.T) {
	const k = 5
	before := blockWatch.live.Load()
	b := &buffer{size: 2 * largeBlock}
	readers := []*cursor{&b.first}
	for range k - 1 {
		readers = append(readers, b.join())
	}
	want := pattern(largeBlock + 1000)
	if err := b.put(want); err != nil {
		t.Fatal(err)
	}
	held := blockWatch.live.Load()
	for i, c := range readers {
		if got := drain(b, c, len(want)); !bytes.Equal(got, want) {
			t.Errorf("cursor %d read other bytes", i)
		}
		if got := blockWatch.live.Load(); i < k-1 && got != held {
			t.Errorf("blocks after %d cursors: got %d, want %d", i+1, got, held)
		}
	}
	if got := blockWatch.live.Load(); got != before {
		t.Errorf("blocks: got %d, want %d", got, before)
	}
	if n := blockWatch.bad.Load(); n != 0 {
		t.Errorf("spoiled blocks: got %d, want 0", n)
	}
}

// TestBufferModel compares a buffer and its cursors with a plain stream.
func TestBufferModel(t *testing.T) {
	before := blockWatch.live.Load()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 3*largeBlock)).Draw(t, "size")
		b := &buffer{size: size}
		type reader struct {
			*cursor
			at int
		}
		var stream []byte
		var next byte
		reserved, waits := 0, false
		readers := []*reader{{&b.first, 0}}
		source := &VConn{}
		slowest := func() int {
			at := len(stream)
			for _, r := range readers {
				at = min(at, r.at)
			}
			return at
		}
		eased := func(e easing) {
			low := len(stream)-slowest()+reserved <= size/2
			if woken := e.who != nil; woken != (waits && low) {
				t.Fatalf("woken: got %v, want %v", woken, waits && low)
			}
			waits = waits && !low
		}
		some := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = next
				next += 7
			}
			return p
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n := rapid.IntRange(0, size+1).Draw(t, "n")
				was := next
				p := some(n)
				err := b.putFrom(p, source)
				switch room := size - reserved - (len(stream) - slowest()); {
				case n > size:
					if err != ErrTooLong {
						t.Fatalf("got %v, want ErrTooLong", err)
					}
					next = was
				case n > room:
					if err != ErrFull {
						t.Fatalf("got %v, want ErrFull", err)
					}
					next, waits = was, true
				default:
					if err != nil {
						t.Fatal(err)
					}
					stream = append(stream, p...)
				}
			},
			"reserve": func(t *rapid.T) {
				n := rapid.IntRange(0, size).Draw(t, "n")
				ok, err := b.reserve(n, source, never0)
				if want := n <= size-reserved-(len(stream)-slowest()); ok != want || err != nil {
					t.Fatalf("got %v, %v, want %v", ok, err, want)
				}
				if ok {
					reserved += n
				} else {
					waits = true
				}
			},
			"spend": func(t *rapid.T) {
				p := some(rapid.IntRange(0, reserved).Draw(t, "n"))
				n := rapid.IntRange(len(p), reserved).Draw(t, "with what is given back")
				e, err := b.spend(p, n)
				if err != nil {
					t.Fatal(err)
				}
				reserved -= n
				stream = append(stream, p...)
				if n > len(p) {
					eased(e)
				}
			},
			"release": func(t *rapid.T) {
				n := rapid.IntRange(0, reserved).Draw(t, "n")
				reserved -= n
				eased(b.release(n))
			},
			"read": func(t *rapid.T) {
				r := rapid.SampledFrom(readers).Draw(t, "reader")
				n := rapid.IntRange(0, size).Draw(t, "n")
				var got []byte
				for _, p := range b.pin(r.cursor, nil, n) {
					got = append(got, p...)
				}
				want := stream[r.at:min(r.at+n, len(stream))]
				if !bytes.Equal(got, want) {
					t.Fatalf("read %d bytes, want %d, the same", len(got), len(want))
				}
				r.at += len(got)
				eased(b.wrote(r.cursor, len(got)))
			},
			"join": func(t *rapid.T) {
				if len(readers) < 4 {
					readers = append(readers, &reader{b.join(), slowest()})
				}
			},
			"quit": func(t *rapid.T) {
				if len(readers) < 2 {
					return
				}
				i := rapid.IntRange(0, len(readers)-1).Draw(t, "i")
				gone := readers[i]
				readers = append(readers[:i:i], readers[i+1:]...)
				eased(b.quit(gone.cursor))
			},
			"": func(t *rapid.T) {
				if got, want := b.queued(), len(stream)-slowest(); got != want || got > size {
					t.Fatalf("fill: got %d, want %d, at most %d", got, want, size)
				}
				if b.queued() == 0 && b.tail != nil {
					t.Fatal("a drained buffer holds a block")
				}
			},
		})
		for _, r := range readers {
			b.quit(r.cursor)
		}
	})
	if got := blockWatch.live.Load(); got != before {
		t.Errorf("blocks: got %d, want %d", got, before)
	}
}
