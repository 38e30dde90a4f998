package stage_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/faultproxy"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/internal/sim/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Between clients, gateway and backend stands a network that delays and slices, and one
// that loses, doubles and reorders the backend's answers and cuts its connections. Every
// client hears its own nonce or a notice, once, for everything it sent (I1, I2), and
// the counters balance (I13).
func TestChaos(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { chaos(t, seed) })
	}
}

func chaos(t *testing.T, seed uint64) {
	const clients, requests = 20, 50
	var s *stage.Stage
	opened := make(chan struct{})
	toBackend := listen(t)
	answers := faultproxy.New(faultproxy.Config{Seed: seed,
		Dial: func(ctx context.Context) (net.Conn, error) {
			<-opened
			return sim.DialTCP(s.BackendAddress)(ctx)
		},
		ToBackend: []faultproxy.Fault{faultproxy.Slice(200, 100*time.Microsecond)},
		ToClient: []faultproxy.Fault{faultproxy.DropFrames(0.01), faultproxy.DoubleFrames(0.02), faultproxy.ReorderFrames(0.1, 5, 2*time.Millisecond),
			faultproxy.ResetAfter(5_000, 60_000).On(0.5)},
		Split: bufio.ScanLines,
	})
	serve(t, answers, toBackend)
	s = stage.Open(t, "testdata/chaos.yaml", stage.Options{
		Backend: sim.BackendOptions{Seed: seed, Jitter: time.Millisecond, Stranger: 0.01},
		Change: func(r *gateway.Route) {
			r.Backends[0].Dial = func(ctx context.Context) (net.Conn, error) { return sim.DialTCP(toBackend.Addr().String())(ctx) }
		},
	})
	close(opened)

	toGateway := listen(t)
	network := faultproxy.New(faultproxy.Config{Seed: seed, Dial: sim.DialTCP(s.Address()),
		ToBackend: []faultproxy.Fault{faultproxy.Slice(40, 50*time.Microsecond)},
		ToClient:  []faultproxy.Fault{faultproxy.Slice(40, 50*time.Microsecond)},
	})
	serve(t, network, toGateway)
	t.Logf("%s; %s", answers, network)

	speech, err := sim.JSONRPC(s.Codec)
	if err != nil {
		t.Fatal(err)
	}
	load := sim.Load{Codec: s.Codec, Speech: speech, Dial: sim.DialTCP(toGateway.Addr().String()), Clients: clients, Requests: requests,
		Seed: seed, Window: 8, Deadline: time.Minute, Linger: 20 * time.Millisecond}
	stats, err := load.Run(context.Background())
	if err != nil {
		t.Error(err)
	}
	if stats.Answered+stats.Refused != clients*requests || stats.Answered == 0 {
		t.Errorf("of %d requests %d were answered and %d heard a notice", clients*requests, stats.Answered, stats.Refused)
	}
	c := s.Counters()
	if c.Received != c.Forwarded+c.Refused+uint64(c.Queued) || c.Forwarded != c.Answered+c.Failed+c.Expired+c.Abandoned+uint64(c.InFlight) {
		t.Errorf("the counters do not balance: %+v", c)
	}
	t.Logf("answered %d, failed %d, expired %d, later %d; doubled %d, late %d, unknown %d", c.Answered, c.Failed, c.Expired, c.Refused, c.Doubled, c.Late, c.Unknown)
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs p until the end of the test.
func serve(t *testing.T, p *faultproxy.Proxy, l net.Listener) {
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Serve(l) })
	t.Cleanup(func() {
		p.Close()
		wg.Wait()
	})
}
