package admin

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/faultproxy"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
)

// chaosFor is how long clients and backends misbehave: SALLYPORT_CHAOS says it otherwise, such as 1m.
func chaosFor(t *testing.T) time.Duration {
	text := os.Getenv("SALLYPORT_CHAOS")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal("SALLYPORT_CHAOS: ", err)
	}
	return d
}

// After clients that leave, send rubbish, send again and do not read, and backends that are late, silent, doubled, confused,
// cut off, drained and disabled, the counters that everybody can scrape balance exactly, and nothing is in flight.
func TestCountersBalanceAfterChaos(t *testing.T) {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var backends []gateway.BackendConfig
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	for i := range 3 {
		b := sim.NewBackend(codec, sim.BackendOptions{Seed: uint64(i), Jitter: 3 * time.Millisecond, Reorder: 4, Miss: 0.01, Late: 0.02, LateBy: 400 * time.Millisecond,
			Twice: 0.02, Stranger: 0.01, Garbage: 0.0005, CloseAfter: 3000})
		behind, front := socket(t), socket(t)
		wg.Go(func() { _ = b.Serve(behind) })
		dial := func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", behind.Addr().String())
		}
		p := faultproxy.New(faultproxy.Config{Seed: uint64(i + 1), Dial: dial, ToBackend: []faultproxy.Fault{faultproxy.ResetAfter(100_000, 1_000_000).On(0.5)},
			ToClient: []faultproxy.Fault{faultproxy.ResetAfter(100_000, 1_000_000).On(0.5), faultproxy.Slice(300, 0)}})
		wg.Go(func() { _ = p.Serve(front) })
		t.Cleanup(func() {
			_ = b.Close()
			p.Close()
		})
		backends = append(backends, gateway.BackendConfig{Name: fmt.Sprint("b", i), Address: front.Addr().String(), Connections: 2, InFlight: 16,
			Backoff: gateway.Backoff{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}, Circuit: gateway.Circuit{Failures: 5, Rest: 50 * time.Millisecond}})
	}
	g, err := gateway.New(gateway.Config{Drain: 5 * time.Second, Routes: []gateway.Route{{Name: "r", Listen: "127.0.0.1:0", Codec: codec, Backends: backends,
		Wait:     gateway.WaitConfig{On: true, After: 50 * time.Millisecond},
		Limits:   gateway.Limits{InFlight: 64, Frame: 4 << 10, Queue: 16 << 10, Strikes: 50},
		Timeouts: gateway.Timeouts{Queue: 100 * time.Millisecond, Answer: 250 * time.Millisecond, Frame: 200 * time.Millisecond}}}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { served <- g.Serve(ctx) }()
	s := listen(t, "127.0.0.1:0", g)
	stop := time.Now().Add(chaosFor(t))
	var clients sync.WaitGroup
	for i := range 24 {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for time.Now().Before(stop) {
				misbehave(r, g.Addr("r").String(), stop)
			}
		})
	}
	clients.Go(func() { operate(g, stop) })
	clients.Go(func() {
		for time.Now().Before(stop) { // somebody watches, meanwhile
			_, _ = ask(t, s, asked{what: "GET /v1/exchanges?limit=10"})
			_, _ = ask(t, s, asked{what: "GET /v1/snapshot"})
		}
	})
	clients.Wait()
	end := time.Now().Add(10 * time.Second)
	n := scrape(t, s)
	for (n["requests_in_flight"] > 0 || n["requests_queued"] > 0 || n["clients"] > 0) && time.Now().Before(end) {
		tick := time.NewTimer(50 * time.Millisecond)
		<-tick.C
		n = scrape(t, s)
	}
	if n["requests_in_flight"] != 0 || n["requests_queued"] != 0 || n["clients"] != 0 || n["panics_total"] != 0 {
		t.Errorf("something is left: %v", n)
	}
	sum := n["requests_refused_total"] + n["requests_joined_total"] + n["requests_answered_total"] + n["requests_failed_total"] + n["requests_expired_total"] + n["requests_abandoned_total"]
	if n["requests_received_total"] != sum {
		t.Errorf("received %v, and %v are accounted for: %v", n["requests_received_total"], sum, n)
	}
	if n["request_seconds_count"] > n["requests_answered_total"] || n["request_seconds_count"] == 0 { // what wants no answer has no time
		t.Errorf("%v answers have a time, of %v", n["request_seconds_count"], n["requests_answered_total"])
	}
	for _, name := range []string{"requests_refused_total", "requests_answered_total", "requests_failed_total", "requests_expired_total", "requests_abandoned_total"} {
		if n[name] == 0 {
			t.Errorf("%s is 0: there was too little chaos", name)
		}
	}
	list, more := g.Exchanges("", 1000)
	if len(list) != 0 || more {
		t.Errorf("these are in flight: %+v", list)
	}
	t.Logf("received %v: answered %v, refused %v, failed %v, expired %v, abandoned %v", n["requests_received_total"], n["requests_answered_total"],
		n["requests_refused_total"], n["requests_failed_total"], n["requests_expired_total"], n["requests_abandoned_total"])
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func socket(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// misbehave is the life of one client.
func misbehave(r *rand.Rand, address string, stop time.Time) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	in := bufio.NewReader(conn)
	for n := range 1 + r.IntN(60) {
		if time.Now().After(stop) {
			return
		}
		var b strings.Builder
		window := 1 + r.IntN(32)
		for i := range window {
			switch id := n*100 + i; r.IntN(20) {
			case 0:
				fmt.Fprintf(&b, `{"jsonrpc":"2.0","method":7,"id":%d}`+"\n", id)
			case 1:
				fmt.Fprintf(&b, `{"jsonrpc":"2.0","method":"note"}`+"\n")
			case 2:
				fmt.Fprintf(&b, `[{"jsonrpc":"2.0","method":"a","id":%d},{"jsonrpc":"2.0","method":"b","id":%d},1]`+"\n", id, id+1000)
			default:
				fmt.Fprintf(&b, `{"jsonrpc":"2.0","method":"echo","params":["%s"],"id":%d}`+"\n", strings.Repeat("x", r.IntN(200)), id)
			}
		}
		text := b.String()
		switch r.IntN(40) {
		case 0:
			text = text[:len(text)/2] // and no more, in the middle of a frame
			_, _ = conn.Write([]byte(text))
			return
		case 1:
			text += "GET / HTTP/1.1\r\n\r\n"
		case 2:
			text += strings.Repeat("y", 8<<10)
		}
		if _, err := conn.Write([]byte(text)); err != nil {
			return
		}
		switch r.IntN(10) {
		case 0: // it goes without its answers
			if tcp, ok := conn.(*net.TCPConn); ok && r.IntN(2) == 0 {
				_ = tcp.SetLinger(0)
			}
			return
		case 1: // it does not read
			continue
		}
		for range r.IntN(window + 1) {
			if _, err := in.ReadSlice('\n'); err != nil {
				return
			}
		}
	}
}

// operate has somebody drain, disable, pause and kick all the time.
func operate(g *gateway.Gateway, stop time.Time) {
	t := time.NewTicker(30 * time.Millisecond)
	defer t.Stop()
	for n := 0; time.Now().Before(stop); n++ {
		<-t.C
		backend := fmt.Sprint("b", n/3%3)
		_ = g.Assign("r", backend, []gateway.Duty{gateway.Draining, gateway.Disabled, gateway.Enabled}[n%3])
		switch n % 40 {
		case 20:
			_ = g.Pause("r")
		case 21:
			_ = g.Resume("r")
		}
		if list, _ := g.Sessions("r", 3); len(list) > 0 && n%4 == 0 {
			_ = g.Kick(list[len(list)-1].ID)
		}
	}
	_ = g.Resume("r")
	for i := range 3 {
		_ = g.Assign("r", fmt.Sprint("b", i), gateway.Enabled)
	}
}

// scrape returns the metrics of the one route, by name.
func scrape(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	_, text := ask(t, s, asked{what: "GET /metrics"})
	n := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		name, found := strings.CutPrefix(name, "sallyport_")
		if base, labels, _ := strings.Cut(name, "{"); ok && found && (labels == "" || labels == `route="r"}`) {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			n[base] = v
		}
	}
	return n
}
