package gateway

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// narrowBackend answers each request after a moment, and fails the test when it has more connections than it allows.
type narrowBackend struct {
	t       *testing.T
	address string
	most    int32
	open    atomic.Int32
	came    atomic.Int32
}

func newNarrowBackend(t *testing.T, most int32) *narrowBackend {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &narrowBackend{t: t, address: l.Addr().String(), most: most}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return b
}

func (b *narrowBackend) serve(conn net.Conn) {
	defer conn.Close()
	b.came.Add(1)
	if n := b.open.Add(1); n > b.most {
		b.t.Errorf("%d connections, %d are allowed", n, b.most)
	}
	defer b.open.Add(-1)
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte("A" + line[1:])); err != nil {
			return
		}
	}
}

// reloads is a gateway under load whose configuration changes.
type reloads struct {
	*testing.T
	g        *Gateway
	backends []*narrowBackend
	stop     chan struct{}
	load     sync.WaitGroup
	answered atomic.Uint64
}

func newReloads(t *testing.T, c Config, backends ...*narrowBackend) *reloads {
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &reloads{T: t, g: g, backends: backends, stop: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- g.Serve(context.Background()) }()
	t.Cleanup(func() {
		_ = g.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	for g.Snapshot().Routes[0].Backends[0].Links[BackendReady] == 0 {
		runtime.Gosched()
	}
	return r
}

// client sends requests, up to window open at once, until the end, and must get every answer on its one connection.
func (r *reloads) client(n, window int, address string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		r.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	in := bufio.NewReader(conn)
	for i := 0; ; {
		select {
		case <-r.stop:
			return
		default:
		}
		want := map[string]bool{}
		var out strings.Builder
		for range 1 + rand.IntN(window) {
			i++
			fmt.Fprintf(&out, "Q %d nonce-%d-%d\n", i, n, i)
			want[fmt.Sprintf("A %d nonce-%d-%d\n", i, n, i)] = true
		}
		if _, err := conn.Write([]byte(out.String())); err != nil {
			r.Errorf("client %d: %v", n, err)
			return
		}
		for len(want) > 0 {
			line, err := in.ReadString('\n')
			if err != nil || !want[line] {
				r.Errorf("client %d: got %q, %v", n, line, err)
				return
			}
			delete(want, line)
			r.answered.Add(1)
		}
	}
}

// times is how often a test that reloads does so: SALLYPORT_RELOADS, or few.
func times(t *testing.T, few int) int {
	n, err := strconv.Atoi(os.Getenv("SALLYPORT_RELOADS"))
	if err == nil {
		return n
	}
	if testing.Short() {
		return few / 10
	}
	return few
}

// Clients stay connected, and get every answer, while limits, rules, backends, and other listeners change a thousand times under
// load, and no backend has a connection more than it allows. When it is over nothing is left of what was.
func TestFaultE10AThousandReloadsUnderLoad(t *testing.T) {
	one, two := newNarrowBackend(t, 2), newNarrowBackend(t, 1)
	config := func(n int) Config {
		r := Route{Name: "r", Listen: "127.0.0.1:0", Codec: newPlain(), Speech: "plain", Revision: fmt.Sprint("r", n),
			Limits:   Limits{InFlight: 100 + n%7, Connections: 10 + n%3},
			Backends: []BackendConfig{{Name: "one", Address: one.address, Connections: 2, Revision: fmt.Sprint("one", n/5)}}}
		if n%3 == 1 {
			r.Backends = append(r.Backends, BackendConfig{Name: "two", Address: two.address, Connections: 1, Revision: "two"})
		}
		if n%11 == 10 {
			r.Timeouts.Answer = time.Minute // with which every connection is another
		}
		c := Config{Shards: 2, Routes: []Route{r}}
		if n%4 == 2 {
			c.Routes = append(c.Routes, Route{Name: "other", Listen: "127.0.0.1:0", Codec: newPlain(), Revision: "other",
				Backends: []BackendConfig{{Name: "none", Address: "127.0.0.1:1"}}})
		}
		return c
	}
	r := newReloads(t, config(0), one, two)
	address := r.g.Addr("r").String()
	for n := range 6 {
		r.load.Go(func() { r.client(n, 1+n, address) })
	}
	all := times(t, 1000)
	var heap, goroutines uint64
	for n := 1; n <= all && !t.Failed(); n++ {
		before := r.answered.Load()
		change, err := r.g.Reload(config(n))
		if err != nil {
			t.Fatal(err)
		}
		if len(change.Changed) != 1 || len(change.Added) != btoi(n%4 == 2) || len(change.Removed) != btoi(n%4 == 3) {
			t.Fatalf("reload %d: %+v", n, change)
		}
		for deadline := time.Now().Add(20 * time.Second); r.answered.Load() < before+5 && !t.Failed(); { // it goes on
			if time.Now().After(deadline) {
				t.Fatalf("nothing is answered after reload %d: %+v", n, r.g.Snapshot())
			}
			runtime.Gosched()
		}
		if n == all/2 {
			heap, goroutines = inUse()
		}
	}
	close(r.stop)
	r.load.Wait()
	if h, n := inUse(); h > heap+heap/2+1<<20 || n > goroutines+20 {
		t.Errorf("heap %d and %d goroutines, halfway %d and %d", h, n, heap, goroutines)
	}
	c := r.g.Snapshot().Routes[0].Counters
	if c.Answered != r.answered.Load() || c.Received != c.Answered || c.Failed+c.Expired+c.Refused != 0 {
		t.Errorf("the clients got %d answers; counted: %+v", r.answered.Load(), c)
	}
	t.Logf("%d answers, %d and %d connections of the backends", r.answered.Load(), one.came.Load(), two.came.Load())
}

func inUse() (heap, goroutines uint64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, uint64(runtime.NumGoroutine())
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
