package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
)

// It paints on another screen and gives that back, says when the gateway is gone, and goes on when it is there again.
func TestTopWatches(t *testing.T) {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{Routes: []gateway.Route{{Name: "orders\x1b[31m", Listen: "127.0.0.1:0", Codec: codec, Backends: []gateway.BackendConfig{{Address: "127.0.0.1:1"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	o := admin.Options{Listen: "unix:" + filepath.Join(t.TempDir(), "admin")}
	serve := func() *admin.Server {
		s, err := admin.Listen(o, g)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := serve()
	ctx, cancel := context.WithCancel(t.Context())
	screen := make(paper, 100)
	v := viewer{client: admin.NewClient(o.Listen, ""), every: 10 * time.Millisecond}
	ended := make(chan error, 1)
	go func() { ended <- v.watch(ctx, screen, func() int { return 24 }) }()
	screen.expect(t, enterScreen)
	screen.expect(t, "orders\uFFFD[31m")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	screen.expect(t, "The gateway cannot be asked")
	s = serve()
	defer s.Close()
	screen.expect(t, "RECEIVED/s")
	cancel()
	screen.expect(t, leaveScreen)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// paper is a terminal: each write is one sheet.
type paper chan string

func (p paper) Write(b []byte) (int, error) {
	p <- string(b)
	return len(b), nil
}

func (p paper) expect(t *testing.T, want string) {
	t.Helper()
	end := time.After(20 * time.Second)
	for {
		select {
		case sheet := <-p:
			if strings.Contains(sheet, want) {
				return
			}
		case <-end:
			t.Fatalf("there is no %q", want)
		}
	}
}

func TestPaintLeavesOutWhatHasNoRoom(t *testing.T) {
	var b bytes.Buffer
	if err := paint(&b, "a\nb\nc\n", 2); err != nil {
		t.Fatal(err)
	}
	if want := home + "a" + clearLine + "\r\nb" + clearLine + clearRest; b.String() != want {
		t.Errorf("got %q, want %q", &b, want)
	}
}

// What a relay has counts as what a route has, and a time is written so that it can be read.
func TestTalliesAndSpans(t *testing.T) {
	r := admin.RouteView{RouteSnapshot: gateway.RouteSnapshot{Name: "a", Counters: gateway.Counters{Received: 1000, Answered: 900, Expired: 10}}}
	was := tallyOf(&r)
	if was.failed != 10 || was.answered != 900 {
		t.Errorf("got %+v", was)
	}
	r = admin.RouteView{RouteSnapshot: gateway.RouteSnapshot{Relay: &gateway.RelayCounters{Accepted: 9, Open: 1, Ended: map[string]uint64{"done": 5, "client": 1}, Refused: map[string]uint64{"rules": 2}}}}
	if got := tallyOf(&r); got != (tally{received: 9, refused: 2, answered: 5, failed: 1, inFlight: 1}) {
		t.Errorf("got %+v", got)
	}
	for ms, want := range map[float64]string{0: "0s", 0.0123: "12µs", 1.5: "1.5ms", 12.3456: "12.35ms", 1234.5: "1.23s", 12345: "12.3s", 125000: "2m5s", 3600000: "1h0m", 400 * 3600000: "16d"} {
		if got := span(ms); got != want {
			t.Errorf("%v: got %s, want %s", ms, got, want)
		}
	}
}
