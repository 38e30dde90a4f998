// Package admin lets those who run a gateway see what it does: metrics for Prometheus, health, and the state of each route.
package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport/sallyport/gateway"
)

// Server answers over HTTP what a Gateway tells of itself, and changes it for those who may. It shows nothing that came from the wire.
type Server struct {
	listener net.Listener
	http     http.Server
	done     chan error
}

// Listen opens o.Listen and answers there until Close. Check says why another address is not taken.
func Listen(o Options, g Gateway) (*Server, error) {
	if err := Check(o.Listen); err != nil {
		return nil, err
	}
	network, at := "tcp", o.Listen
	if path, ok := strings.CutPrefix(o.Listen, "unix:"); ok {
		network, at = "unix", path
		if err := forget(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen(network, at)
	if err == nil && network == "unix" {
		err = os.Chmod(at, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{listener: l, done: make(chan error, 1)}
	guard := &guard{options: &o, unix: network == "unix", audit: auditor{to: o.Audit}}
	s.http = http.Server{Handler: guard.over(busy(mux(&o, g))), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, ConnContext: remember, MaxHeaderBytes: 16 << 10}
	go func() { s.done <- s.http.Serve(&narrow{Listener: l, room: make(chan struct{}, mostConnections)}) }()
	return s, nil
}

// forget removes a socket that an earlier process has left, and nothing else.
func forget(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("admin: %w", err)
	case info.Mode()&os.ModeSocket == 0:
		return fmt.Errorf("admin: %s is there, and is no socket", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return fmt.Errorf("admin: another process listens at %s", path)
	}
	return os.Remove(path)
}

// Check says what is wrong with an address: only this machine may ask, as nothing is encrypted.
func Check(address string) error {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if path == "" {
			return errors.New("unix: is followed by a path")
		}
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("want host:port, or unix:/path")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("want an address of this machine alone (127.0.0.1:9901, [::1]:9901 or unix:/path), as what is said here is not encrypted")
	}
	return nil
}

// Addr returns where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close ends it, and waits for what is being answered for at most a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func mux(o *Options, g Gateway) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{g: g, version: o.Version})
	m := http.NewServeMux()
	m.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, g) })
	a := &api{options: o, began: time.Now(), g: g}
	a.register(m)
	a.changes(m)
	if o.Pprof {
		profiles(m)
	}
	servePage(m, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, index, o.Version) })
	return m
}

// index is what there is, for a person.
const index = `sallyport %s

/                    in a browser: all of this, live
/metrics             for Prometheus
/healthz             the process lives
/readyz              each route has a backend, and the gateway is not draining

As JSON (?limit=N and ?route=NAME where there is a list):
/v1/status           the process and its configuration
/v1/snapshot         counters, clients and backends of each route
/v1/sessions         clients
/v1/backends         backends
/v1/exchanges        requests that are not over, the oldest first
/v1/ended            the last requests that are over (?state=failed)
/v1/exchanges/ID     what became of one request
/v1/refusals         the last requests that were refused, and why
/v1/machines         the states of clients, requests and backend connections
`

// ready tells of each route whether it can pass anything on.
func ready(w http.ResponseWriter, g Gateway) {
	var wrong []string
	if g.Draining() {
		wrong = append(wrong, "the gateway is draining")
	}
	for _, r := range g.Snapshot().Routes {
		if !reaches(&r) {
			wrong = append(wrong, fmt.Sprintf("route %s: no backend can be reached", r.Name))
		}
	}
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Join(wrong, "\n"))
		return
	}
	fmt.Fprintln(w, "ok")
}

// reaches reports whether a route has a connection to a backend, or is a relay, which dials for each client, none of whose circuits is open.
func reaches(r *gateway.RouteSnapshot) bool {
	for i := range r.Backends {
		b := &r.Backends[i]
		if b.Links[gateway.BackendReady]+b.Links[gateway.BackendCarrying] > 0 || r.Relay != nil && b.Circuit != "open" {
			return true
		}
	}
	return false
}
