package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// fake is a gateway in a state.
type fake struct {
	s        gateway.Snapshot
	draining bool

	mu    sync.Mutex
	calls []string
}

// does notes what is asked for, of which nothing called "none" is there.
func (f *fake) does(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.Contains(what, "none") {
		return fmt.Errorf("%s: %w", what, gateway.ErrNotFound)
	}
	f.calls = append(f.calls, what)
	return nil
}

func (f *fake) Kick(id uint64) error      { return f.does(fmt.Sprint("kick ", id)) }
func (f *fake) Pause(route string) error  { return f.does("pause " + route) }
func (f *fake) Resume(route string) error { return f.does("resume " + route) }
func (f *fake) Assign(route, backend string, d gateway.Duty) error {
	return f.does(fmt.Sprint(d, " ", route, " ", backend))
}

func (f *fake) Snapshot() gateway.Snapshot { return f.s }
func (f *fake) Draining() bool             { return f.draining }
func (f *fake) Panics() uint64             { return f.s.Panics }
func (f *fake) States(string) gateway.States {
	return gateway.States{Session: map[string]int{"serving": 3}}
}
func (f *fake) Latency(string) gateway.Latency { return gateway.Latency{Count: 4, P50: 1.5} }
func (f *fake) Durations(string) gateway.Durations {
	return gateway.Durations{Count: 9, Sum: 3 * time.Second, Upto: map[time.Duration]uint64{128 * time.Microsecond: 4}}
}
func (f *fake) Backends() []gateway.BackendView {
	return []gateway.BackendView{{Route: "wards", Name: "b", Admin: "enabled"}}
}

func (f *fake) Routes() (names []string) {
	for _, r := range f.s.Routes {
		names = append(names, r.Name)
	}
	return names
}

func (f *fake) Sessions(_ string, limit int) ([]gateway.SessionView, bool) {
	return make([]gateway.SessionView, min(3, limit)), limit < 3
}

func (f *fake) Exchanges(string, int) ([]gateway.ExchangeView, bool) {
	return []gateway.ExchangeView{{ID: 7, State: "queued"}}, false
}

func (f *fake) Ended(_, state string, _ int) ([]gateway.ExchangeView, bool) {
	return []gateway.ExchangeView{{ID: 6, State: state}}, false
}

func (f *fake) Exchange(id uint64) (gateway.ExchangeLife, bool) {
	return gateway.ExchangeLife{ID: id, State: "answered"}, id == 7
}

func (f *fake) Refusals(string, int) ([]gateway.RefusalView, bool) {
	return []gateway.RefusalView{{ID: 8, Class: "fix"}}, false
}

func route(name string, ready int) gateway.RouteSnapshot {
	return gateway.RouteSnapshot{Name: name, Clients: 3, Counters: gateway.Counters{Received: 7, Forwarded: 5, InFlight: 2, Notices: map[string]uint64{"later": 4}, Limits: map[string]uint64{"queue_time": 9}},
		Backends: []gateway.BackendSnapshot{{Name: "b", Circuit: "closed", Admin: "enabled", Links: map[string]int{gateway.BackendReady: ready, gateway.BackendBackingOff: 1}, Tx: 5, Rx: 3, Pending: 2}},
		Mirrors:  []gateway.MirrorSnapshot{{Name: "audit", State: "attached", Copied: 5}}}
}

func listen(t *testing.T, address string, g Gateway) *Server {
	t.Helper()
	s, err := Listen(Options{Listen: address, Version: "1.2.3"}, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// get asks a server, under a name.
func get(t *testing.T, s *Server, host, path string) (status int, body string, header http.Header) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, s.Addr().Network(), s.Addr().String())
	}}}
	req, err := http.NewRequest(http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(data), res.Header
}

func TestWhatIsTold(t *testing.T) {
	g := &fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("wards", 2)}, Panics: 1}}
	s := listen(t, "127.0.0.1:0", g)
	status, text, header := get(t, s, "localhost", "/metrics")
	for _, want := range []string{`sallyport_info{version="1.2.3"} 1`, "sallyport_panics_total 1", `sallyport_requests_received_total{route="wards"} 7`, `sallyport_requests_in_flight{route="wards"} 2`,
		`sallyport_notices_total{class="later",route="wards"} 4`, `sallyport_limits_total{limit="queue_time",route="wards"} 9`, `sallyport_backend_connections{backend="b",route="wards",state="ready"} 2`,
		`sallyport_backend_connections{backend="b",route="wards",state="dialing"} 0`, `sallyport_backend_circuit_open{backend="b",route="wards"} 0`, `sallyport_mirror_copied_total{mirror="audit",route="wards"} 5`,
		`sallyport_request_seconds_bucket{route="wards",le="0.000128"} 4`, `sallyport_request_seconds_sum{route="wards"} 3`, `sallyport_request_seconds_count{route="wards"} 9`,
		`sallyport_route_paused{route="wards"} 0`, `sallyport_backend_enabled{backend="b",route="wards"} 1`, "go_goroutines"} {
		if !strings.Contains(text, want+"\n") && !strings.Contains(text, want+" ") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if status != http.StatusOK || header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("status %d, header %v", status, header)
	}
	_, text, _ = get(t, s, "127.0.0.1:1", "/v1/snapshot")
	var got gateway.Snapshot
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Routes[0].Counters.Received != 7 {
		t.Errorf("got %s, %v", text, err)
	}
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 200, "/nothing": 404, "/v2/snapshot": 404} {
		if status, text, _ := get(t, s, "[::1]", path); status != want {
			t.Errorf("%s: got %d %q, want %d", path, status, text, want)
		}
	}
}

func TestReady(t *testing.T) {
	open, relay := route("open", 0), route("relay", 0)
	open.Backends[0].Circuit = "open"
	relay.Relay = &gateway.RelayCounters{}
	dead := route("dead relay", 0)
	dead.Relay, dead.Backends[0].Circuit = &gateway.RelayCounters{}, "open"
	for name, v := range map[string]struct {
		g    *fake
		want string
	}{
		"all":         {&fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("a", 1), relay}}}, "ok"},
		"no backend":  {&fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("a", 1), route("b", 0)}}}, "route b: no backend"},
		"circuit":     {&fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{open}}}, "route open: no backend"},
		"dead relay":  {&fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{dead}}}, "route dead relay: no backend"},
		"is draining": {&fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("a", 1)}}, draining: true}, "draining"},
	} {
		s := listen(t, "127.0.0.1:0", v.g)
		if status, text, _ := get(t, s, "localhost", "/readyz"); (status == 200) != (v.want == "ok") || !strings.Contains(text, v.want) {
			t.Errorf("%s: got %d %q, want %q", name, status, text, v.want)
		}
	}
}

// F7: a page of another site whose name points here is not answered, and another address than this machine's is not taken.
func TestFaultF07OnlyThisMachineMayAsk(t *testing.T) {
	s := listen(t, "127.0.0.1:0", &fake{})
	for _, host := range []string{"evil.example", "evil.example:9901", "192.0.2.1", "localhost.evil.example", "127.0.0.1.evil.example"} {
		if status, text, _ := get(t, s, host, "/v1/snapshot"); status != http.StatusForbidden || strings.Contains(text, "routes") {
			t.Errorf("%s: got %d %q", host, status, text)
		}
	}
	for address, ok := range map[string]bool{"127.0.0.1:9901": true, "[::1]:9901": true, "localhost:1": true, "unix:/run/x": true, "0.0.0.0:9901": false, ":9901": false, "192.0.2.1:1": false, "unix:": false, "9901": false, "example.com:1": false} {
		if err := Check(address); (err == nil) != ok {
			t.Errorf("%s: got %v", address, err)
		}
	}
	if _, err := Listen(Options{Listen: "0.0.0.0:0"}, &fake{}); err == nil {
		t.Error("it listens at every address")
	}
}

func TestASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin")
	first := listen(t, "unix:"+path, &fake{})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if status, _, _ := get(t, first, "whatever", "/healthz"); status != 200 {
		t.Errorf("got %d", status)
	}
	if _, err := Listen(Options{Listen: "unix:" + path}, &fake{}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("the socket is taken away from its owner: %v", err)
	}
	left := filepath.Join(t.TempDir(), "left") // by a process that was killed
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	listen(t, "unix:"+left, &fake{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(Options{Listen: "unix:" + file}, &fake{}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file is taken for a socket: %v", err)
	}
}
