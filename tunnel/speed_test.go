package tunnel

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

func TestAnExchangeUnderPollDoesNotAllocate(t *testing.T) {
	if raceEnabled || !hasPoll() {
		t.Skip("no poll, or the race detector, which drops what pools hold")
	}
	b := newBench(t, ShardConfig{})
	to, backend := b.open(64<<10, echo{})
	f := &forward{way: NewOneWay(to), size: 100}
	_, client := b.open(64<<10, f)
	p := make([]byte, 250) // two frames and a part of the third
	q := make([]byte, 200)
	n := testing.AllocsPerRun(500, func() {
		if _, err := client.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(backend, q); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write(p[:50]); err != nil { // and its rest
			t.Fatal(err)
		}
		if _, err := io.ReadFull(backend, q[:100]); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("allocations: got %v, want 0", n)
	}
}

func TestAnIdleConnectionUnderPollHoldsLittle(t *testing.T) {
	if raceEnabled || !hasPoll() {
		t.Skip("no poll, or the race detector")
	}
	b := newBench(t, ShardConfig{})
	const n = 400
	far := make([]peer, n)
	b.open(1<<20, echo{})
	runtime.GC()
	runtime.GC() // what other tests have left in pools takes two
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range far {
		a, z := b.pair()
		vc, own := b.shard.New("client", a, 1<<20, echo{})
		own.SetIdle(1 << 40)
		vc.Reenable()
		write(t, z, "x")
		read(t, z, 1)
		far[i] = z
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n
	t.Logf("%d bytes a connection, with its peer's end of the test", held)
	if held > 2500 {
		t.Errorf("bytes held for each connection and its peer: got %d, want at most 2500", held)
	}
	if got := blockWatch.live.Load(); got != 0 {
		t.Errorf("blocks held by idle connections: got %d, want 0", got)
	}
}

func BenchmarkEcho(b *testing.B) {
	for _, n := range []int{1, 50} {
		for _, pump := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d connections, pump %v", n, pump), func(b *testing.B) {
				defer unwatched()()
				s := newBench(b, ShardConfig{Pump: pump})
				far := make([]peer, n)
				for i := range far {
					near, z := tcpPair(b)
					vc, _ := s.shard.New("client", near, 64<<10, echo{})
					vc.Reenable()
					far[i] = z
				}
				p := make([]byte, 1024)
				b.ReportAllocs()
				for b.Loop() {
					for _, f := range far {
						_, _ = f.Write(p)
					}
					for _, f := range far {
						if _, err := io.ReadFull(f, p); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
				s.stop()
				for _, f := range far {
					_ = f.Close()
				}
			})
		}
	}
}

// unwatched leaves blocks alone, which costs time, until what it returns is called.
func unwatched() (again func()) {
	watched := blockWatch
	blockWatch = nil
	return func() { blockWatch = watched }
}

func BenchmarkReenable(b *testing.B) {
	b.Run("scheduled", func(b *testing.B) {
		vc := newVConn(b)
		vc.word.Store(scheduled | resume)
		for b.Loop() {
			vc.Reenable()
		}
	})
	b.Run("idle", func(b *testing.B) {
		vc := newVConn(b)
		for b.Loop() {
			vc.Reenable()
			vc.shard.list.take()
			vc.next = nil
			vc.word.Store(idle)
		}
	})
}

func BenchmarkLock(b *testing.B) {
	near, far := tunneltest.Pipe(1)
	defer near.Close()
	defer far.Close()
	vc := newVConn(b)
	b.ReportAllocs()
	for b.Loop() {
		h := vc.Lock()
		h.Unlock()
	}
}

func BenchmarkReserveAndPut(b *testing.B) {
	defer unwatched()()
	vc := newVConn(b)
	way := NewOneWay(vc)
	p := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		r, _ := way.Reserve(&vc.own, len(p))
		_ = r.Put(p)
		r.Release()
		vc.out.advance(&vc.out.first, len(p)).send(vc)
	}
}

func BenchmarkGoroutine(b *testing.B) {
	for b.Loop() {
		goroutine()
	}
}
