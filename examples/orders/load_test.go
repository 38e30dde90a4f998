package orders

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/internal/sim/stage"
)

// TestFaultB01EveryNonceReturnsToItsOwnClient is the main job at full width: a thousand
// clients with colliding ids, a hundred requests each, over two backend connections that
// delay, reorder, batch, and now and then answer twice or without being asked. None is
// missing, none is doubled, none is another's (the clients see to that), the counters
// balance, and what a second run needs beyond the first is no memory.
func TestFaultB01EveryNonceReturnsToItsOwnClient(t *testing.T) {
	clients, requests := 1000, 100
	if testing.Short() || raced {
		clients, requests = 200, 25
	}
	s := stage.Open(t, "testdata/open.yaml", stage.Options{
		Backend: sim.BackendOptions{Seed: 11, Jitter: 2 * time.Millisecond, Reorder: 9, Batch: 8, Twice: 0.01, Stranger: 0.01},
		Change: func(r *gateway.Route) {
			r.Backends[0].Connections = 2
			r.Backends[0].InFlight = 512
			r.Backends[0].Strikes = 1000
			r.Backends[0].Batch = gateway.BatchConfig{Max: 32, Linger: time.Millisecond}
			r.Timeouts.Queue, r.Timeouts.Answer = time.Minute, time.Minute
		},
	})
	speech, err := sim.JSONRPC(s.Codec)
	if err != nil {
		t.Fatal(err)
	}
	load := sim.Load{Codec: s.Codec, Speech: speech, Dial: sim.DialTCP(s.Address()), Clients: clients, Requests: requests, Seed: 11,
		Window: 8, Deadline: 2 * time.Minute, Linger: 50 * time.Millisecond}
	run := func() uint64 {
		stats, err := load.Run(context.Background())
		if err != nil {
			t.Error(err)
		}
		if stats.Answered != clients*requests {
			t.Errorf("got %d answers, want %d: %+v", stats.Answered, clients*requests, stats)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what the pools kept through the first
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first := run()
	if second := run(); second > first+first/2+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes from one run to the next", first, second)
	}
	if got := s.Backend.Stats().Connections; got != 2 {
		t.Errorf("got %d backend connections, want 2", got)
	}
	c := s.Gateway.Snapshot().Routes[0].Counters
	if c.Received != c.Forwarded+c.Refused || c.Forwarded != c.Answered || c.Refused != 0 || c.InFlight != 0 || c.Queued != 0 {
		t.Errorf("the counters do not balance: %+v", c)
	}
}
