package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// rester is a TwoWay between two sockets, and what a test holds of it.
type rester struct {
	*bench
	way     *TwoWay
	in, out *net.TCPConn // the far ends
	ended   chan error
	machine [2]*fake
}

const briefly = 10 * time.Millisecond

// newRester starts a TwoWay that rests after a moment.
func newRester(t testing.TB, change func(*TwoWay)) *rester {
	t.Helper()
	if !hasPoll() {
		t.Skip("no poll: nothing is folded")
	}
	b := newBench(t, ShardConfig{Rest: briefly, Linger: 100 * time.Millisecond})
	return b.rester(change)
}

func (b *bench) rester(change func(*TwoWay)) *rester {
	r := &rester{bench: b, ended: make(chan error, 1)}
	near, in := tcpPair(b)
	end, out := tcpPair(b)
	b.Cleanup(func() { _ = in.Close(); _ = out.Close() })
	r.in, r.out = in, out
	r.machine = [2]*fake{{}, {}}
	_, first := b.shard.New("first", near, 64<<10, r.machine[0])
	_, second := b.shard.New("second", end, 64<<10, r.machine[1])
	r.way = NewTwoWay(first, second)
	r.way.HalfClose, r.way.Linger = true, time.Second
	if change != nil {
		change(r.way)
	}
	if err := r.way.Start(func(err error) { r.ended <- err }); err != nil {
		b.Fatal(err)
	}
	return r
}

func (r *rester) isFolded() bool {
	r.way.mu.Lock()
	defer r.way.mu.Unlock()
	return r.way.folded != nil
}

// rests waits until the tunnel is folded.
func (r *rester) rests() {
	r.Helper()
	for deadline := time.Now().Add(patience); !r.isFolded(); {
		if time.Now().After(deadline) {
			r.Fatal("the tunnel is not folded")
		}
		time.Sleep(time.Millisecond)
	}
}

// moves sends text from one end to the other.
func (r *rester) moves(from, to *net.TCPConn, text string) {
	r.Helper()
	write(r, from, text)
	read(r, to, len(text))
}

func TestATunnelAtRestIsFoldedAndGoesOn(t *testing.T) {
	r := newRester(t, nil)
	for i := range 5 {
		r.moves(r.in, r.out, fmt.Sprint("there ", i))
		r.rests()
		r.moves(r.out, r.in, fmt.Sprint("and back ", i))
		r.rests()
	}
	if a, b := r.way.Moved(); a != 5*7 || b != 5*10 {
		t.Errorf("moved %d and %d, want 35 and 50", a, b)
	}
	write(r, r.in, "the last")
	_ = r.in.CloseWrite()
	if got, err := io.ReadAll(r.out); string(got) != "the last" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	_ = r.out.Close()
	if err := await(t, r.ended); err != nil {
		t.Errorf("ended with %v", err)
	}
	if a, b := r.way.Results(); a != nil || b != nil {
		t.Errorf("results: %v, %v", a, b)
	}
}

// An end of one side, in order, passes through a tunnel at rest, and the other side goes on.
func TestAnEndWhileFolded(t *testing.T) {
	r := newRester(t, nil)
	r.moves(r.in, r.out, "x")
	r.rests()
	_ = r.in.CloseWrite()
	if got, err := io.ReadAll(r.out); len(got) != 0 || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	r.moves(r.out, r.in, "still here")
	_ = r.out.Close()
	if err := await(t, r.ended); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestAResetWhileFolded(t *testing.T) {
	r := newRester(t, nil)
	r.moves(r.in, r.out, "x")
	r.rests()
	_ = r.out.SetLinger(0)
	_ = r.out.Close()
	if err := await(t, r.ended); err == nil {
		t.Error("a reset has ended the tunnel in order")
	}
	if _, err := io.ReadAll(r.in); err == nil {
		t.Error("the other side has seen an orderly end")
	}
}

func TestStopWhileFolded(t *testing.T) {
	r := newRester(t, nil)
	r.rests()
	cause := errors.New("stopped")
	r.way.Stop(cause)
	if err := await(t, r.ended); !errors.Is(err, cause) {
		t.Errorf("ended with %v", err)
	}
	r.way.Stop(cause) // does nothing
}

func TestTheIdleLimitWhileFolded(t *testing.T) {
	r := newRester(t, func(w *TwoWay) { w.Idle = 150 * time.Millisecond })
	r.moves(r.in, r.out, "x")
	began := time.Now()
	r.rests()
	if err := await(t, r.ended); !errors.Is(err, ErrIdle) {
		t.Errorf("ended with %v", err)
	}
	if d := time.Since(began); d < 140*time.Millisecond {
		t.Errorf("ended after %v", d)
	}
}

func TestAShardEndsWithTunnelsAtRest(t *testing.T) {
	b := newBench(t, ShardConfig{Rest: briefly})
	if !hasPoll() {
		t.Skip("no poll: nothing is folded")
	}
	var all []*rester
	for range 20 {
		all = append(all, b.rester(nil))
	}
	for _, r := range all {
		r.rests()
	}
	b.stop()
	for _, r := range all {
		if err := await(t, r.ended); !errors.Is(err, ErrStopped) {
			t.Errorf("ended with %v", err)
		}
		r.way.Stop(nil) // there is nobody who could unfold it
	}
}

func TestWhatIsNotFolded(t *testing.T) {
	for name, change := range map[string]func(*TwoWay){
		"a transform": func(w *TwoWay) {
			w.ToFirst = func(dst, p []byte, _ bool) ([]byte, error) { return append(dst, p...), nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRester(t, change)
			r.moves(r.in, r.out, "x")
			time.Sleep(10 * briefly)
			if r.isFolded() {
				t.Error("it is folded")
			}
		})
	}
	b := newBench(t, ShardConfig{Rest: -1})
	r := b.rester(nil)
	r.moves(r.in, r.out, "x")
	time.Sleep(10 * briefly)
	if r.isFolded() {
		t.Error("a Shard that folds nothing has folded it")
	}
}

// Bytes, ends and stops come while the Shard folds and unfolds: nothing is lost, and each tunnel ends once.
func TestTrafficAgainstFolding(t *testing.T) {
	if !hasPoll() {
		t.Skip("no poll: nothing is folded")
	}
	b := newBench(t, ShardConfig{Rest: time.Millisecond, Linger: 100 * time.Millisecond})
	var wg sync.WaitGroup
	for i := range 16 {
		r := b.rester(nil)
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for n := range 100 {
				text := bytes.Repeat([]byte{byte(n)}, 1+rnd.IntN(5000))
				from, to := r.in, r.out
				if rnd.IntN(2) == 0 {
					from, to = to, from
				}
				if _, err := from.Write(text); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				got := make([]byte, len(text))
				if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, text) {
					t.Errorf("round %d: %v", n, err)
					return
				}
				_, _ = r.way.Moved()
				time.Sleep(time.Duration(rnd.IntN(4000)) * time.Microsecond)
			}
			switch i % 3 {
			case 0:
				r.way.Stop(ErrIdle)
			case 1:
				_ = r.in.Close()
				_ = r.out.Close()
			case 2:
				_ = r.out.SetLinger(0)
				_ = r.out.Close()
			}
			await(t, r.ended)
		})
	}
	wg.Wait()
}

// A tunnel at rest takes a fraction of what one that moves does.
func TestATunnelAtRestHoldsLittle(t *testing.T) {
	if raceEnabled || !hasPoll() {
		t.Skip("no poll, or the race detector")
	}
	b := newBench(t, ShardConfig{Rest: briefly})
	const n = 300
	b.turn()
	held := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	ends := make([][4]net.Conn, n)
	for i := range ends { // the sockets and what a test has of them first
		near, in := tcpPair(b)
		end, out := tcpPair(b)
		ends[i] = [4]net.Conn{near, in, end, out}
	}
	before := held()
	ways := make([]*TwoWay, n)
	for i, e := range ends {
		_, first := b.shard.New("first", e[0], 64<<10, nil)
		_, second := b.shard.New("second", e[2], 64<<10, nil)
		ways[i] = NewTwoWay(first, second)
		ways[i].Idle = time.Hour
		if err := ways[i].Start(func(error) {}); err != nil {
			t.Fatal(err)
		}
		ends[i][0], ends[i][2] = nil, nil
	}
	for _, w := range ways {
		(&rester{bench: b, way: w}).rests()
	}
	after := held()
	each := (int64(after) - int64(before)) / n
	t.Logf("%d bytes for each tunnel at rest, its TwoWay included", each)
	if each > 450 {
		t.Errorf("%d bytes for each tunnel at rest, want at most 450", each)
	}
	for _, e := range ends {
		_ = e[1].Close()
		_ = e[3].Close()
	}
}
