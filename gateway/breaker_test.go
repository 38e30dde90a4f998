package gateway

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// trial is a breaker and what it has said of its circuit.
type trial struct {
	breaker
	changes []bool
}

func newTrial(least, most time.Duration, failures int) *trial {
	b := &trial{breaker: breaker{Circuit: Circuit{Failures: failures, Rest: time.Minute}, Backoff: Backoff{Min: least, Max: most}}}
	b.changed = func(open bool) { b.changes = append(b.changes, open) }
	return b
}

// paused returns how long the next dial has to wait.
func (b *trial) paused(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	if !b.pause(t.Context()) {
		t.Fatal("no dial may be made")
	}
	return time.Since(began)
}

// Full jitter: anywhere below Min doubled with each failure, up to Max.
func TestPauseIsBelowABoundThatDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const least, most = 100 * time.Millisecond, time.Second
		for n, bound := range []time.Duration{0, least, 2 * least, 4 * least, 8 * least, most, most, most} {
			longest, shortest := time.Duration(0), most
			for range 200 {
				b := newTrial(least, most, 1000)
				for range n {
					b.failed()
				}
				d := b.paused(t)
				longest, shortest = max(longest, d), min(shortest, d)
			}
			if longest > bound || longest < bound*3/4 || shortest > bound/4 {
				t.Errorf("after %d failures: between %v and %v, want anything up to %v", n, shortest, longest, bound)
			}
		}
	})
}

// However often it fails, and however long the pauses, the bound does not overflow.
func TestPauseAfterManyFailures(t *testing.T) {
	b := newTrial(time.Hour, 30*24*time.Hour, 1)
	for range 200 {
		b.failed()
	}
	if got, want := b.bound(1<<30), b.Backoff.Max; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSuccessEndsThePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrial(time.Hour, time.Hour, 1000)
		b.failed()
		b.failed()
		b.succeeded()
		if got := b.paused(t); got != 0 {
			t.Errorf("got a pause of %v, want none", got)
		}
		if got := b.failed(); got != 1 {
			t.Errorf("failures in a row: got %d, want 1", got)
		}
		if len(b.changes) > 0 {
			t.Errorf("got %v, want no change of a circuit that never opened", b.changes)
		}
	})
}

// The circuit opens with the last of Failures in a row, rests at least for Rest, and
// closes with the first success: each is said once.
func TestCircuitOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrial(time.Millisecond, time.Second, 3)
		for n := range 2 {
			b.failed()
			if got := b.state(); got != "closed" || len(b.changes) > 0 {
				t.Fatalf("after %d failures: %s, %v", n+1, got, b.changes)
			}
		}
		for range 4 { // and the probes fail too
			b.failed()
			if got := b.state(); got != "open" {
				t.Fatalf("got %s, want open", got)
			}
			if got := b.paused(t); got < b.Rest {
				t.Errorf("rested for %v, want at least %v", got, b.Rest)
			}
			if got := b.state(); got != "half-open" {
				t.Errorf("got %s, want half-open", got)
			}
		}
		b.succeeded()
		b.succeeded()
		if got := b.state(); got != "closed" {
			t.Errorf("got %s, want closed", got)
		}
		if want := []bool{true, false}; !slices.Equal(b.changes, want) {
			t.Errorf("the circuit opened: got %v, want %v", b.changes, want)
		}
	})
}

// While the circuit is open one dial at a time finds out whether the backend is back;
// the others wait for what it says.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrial(time.Second, time.Second, 1)
		b.failed()
		var mu sync.Mutex
		var probes int
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if b.pause(t.Context()) {
					mu.Lock()
					probes++
					mu.Unlock()
				}
			})
		}
		count := func() int {
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return probes
		}
		for _, want := range []int{1, 2} {
			if got := count(); got != want {
				t.Fatalf("got %d probes, want %d", got, want)
			}
			if want == 1 {
				b.failed()
			}
		}
		b.succeeded()
		if got := count(); got != 5 {
			t.Errorf("after a success %d may dial, want 5", got)
		}
		wg.Wait()
	})
}

func TestPauseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTrial(time.Hour, time.Hour, 1)
		b.failed()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if b.pause(ctx) {
			t.Error("a dial may be made, want not")
		}
		if got := time.Since(began); got != time.Second {
			t.Errorf("waited for %v, want 1s", got)
		}
		b.succeeded()
		if b.pause(ctx) {
			t.Error("a dial may be made with a context that is done, want not")
		}
	})
}

// A backend that comes back gets all of its connections again, not the probe alone: a
// connection that lasts closes the circuit while it stands.
func TestFaultC08AllConnectionsComeBack(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Backends[0].Connections = 3
		r.Backends[0].Circuit = Circuit{Failures: 3, Rest: 5 * time.Second}
	}, func(w *world) {
		first := []*peer{w.backend(), w.backend(), w.backend()}
		w.refuse.Store(true)
		for _, b := range first {
			b.close()
		}
		time.Sleep(time.Minute)
		if got := w.g.Snapshot().Routes[0].Backends[0].Circuit; got != "open" && got != "half-open" {
			t.Fatalf("the circuit is %s, want open", got)
		}
		w.refuse.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		s := w.g.Snapshot().Routes[0].Backends[0]
		if s.Circuit != "closed" || s.Links[BackendReady] != 3 {
			t.Errorf("circuit %s, connections %v, want closed with 3 that are ready", s.Circuit, s.Links)
		}
	})
}
