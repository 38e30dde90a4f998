package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// api answers under /v1/: what the gateway is doing now, as JSON.
type api struct {
	options *Options
	began   time.Time
	g       Gateway

	mu    sync.Mutex // over the making of a snapshot: whoever else wants one meanwhile gets the same
	taken time.Time
	last  any
}

// fresh is how old a snapshot may be that somebody gets: it asks every client, so that many who watch cost no more than one.
const fresh = 200 * time.Millisecond

// fallback and most are how many entries of a list are told.
const (
	fallback = 200
	most     = 1000
)

// Status is what /v1/status tells of the process.
type Status struct {
	Version  string       `json:"version"`
	Go       string       `json:"go"`
	Started  time.Time    `json:"started"`
	Uptime   int64        `json:"uptime_ms"`
	Draining bool         `json:"draining"`
	Panics   uint64       `json:"panics"`
	Config   ConfigStatus `json:"config"`
	Memory   MemoryStatus `json:"memory"`
}

// ConfigStatus is where the configuration came from, and what became of the attempts to read it again.
type ConfigStatus struct {
	File      string    `json:"file"`
	Loaded    time.Time `json:"loaded"`
	Reloads   uint64    `json:"reloads"`
	Failed    uint64    `json:"failed_reloads"`
	LastError string    `json:"last_error,omitempty"`
}

// MemoryStatus is what the process has.
type MemoryStatus struct {
	Heap       uint64 `json:"heap"` // bytes of objects
	Goroutines int    `json:"goroutines"`
}

// RouteView is a route of a snapshot.
type RouteView struct {
	gateway.RouteSnapshot
	States  gateway.States  `json:"states"`
	Latency gateway.Latency `json:"latency"` // of the last minute
}

func (a *api) register(m *http.ServeMux) {
	read := func(path string, answer func(q query) (any, *trouble)) {
		m.HandleFunc("GET /v1/"+path, func(w http.ResponseWriter, r *http.Request) {
			values, err := url.ParseQuery(r.URL.RawQuery)
			if err != nil {
				say(w, http.StatusBadRequest, &trouble{0, "the query cannot be read: " + err.Error()})
				return
			}
			v, wrong := answer(query{r, values})
			if wrong != nil {
				say(w, wrong.status, wrong)
				return
			}
			say(w, http.StatusOK, v)
		})
	}
	read("status", func(query) (any, *trouble) { return a.status(), nil })
	read("snapshot", func(query) (any, *trouble) { return a.snapshot(), nil })
	read("machines", func(query) (any, *trouble) { return gateway.Machines(), nil })
	read("backends", func(query) (any, *trouble) { return map[string]any{"backends": a.g.Backends()}, nil })
	read("sessions", func(q query) (any, *trouble) { return list(a, q, "sessions", a.g.Sessions) })
	read("exchanges", func(q query) (any, *trouble) { return list(a, q, "exchanges", a.g.Exchanges) })
	read("refusals", func(q query) (any, *trouble) { return list(a, q, "refusals", a.g.Refusals) })
	read("exchanges/{id}", a.exchange)
	read("ended", a.ended)
}

// trouble is why something was not done, for whoever asked.
type trouble struct {
	status int
	Error  string `json:"error"`
}

// query is what was asked.
type query struct {
	*http.Request
	values url.Values
}

// list answers with at most as many entries as are wanted, under name.
func list[T any](a *api, q query, name string, of func(route string, limit int) ([]T, bool)) (any, *trouble) {
	limit := fallback
	if text := q.values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > most {
			return nil, &trouble{http.StatusBadRequest, fmt.Sprintf("limit: want a number from 1 to %d", most)}
		}
		limit = n
	}
	route := q.values.Get("route")
	if route != "" && !a.has(route) {
		return nil, noRoute
	}
	entries, more := of(route, limit)
	answer := map[string]any{name: entries}
	if more {
		answer["truncated"] = true
	}
	return answer, nil
}

var noRoute = &trouble{http.StatusNotFound, "route: there is none with this name; /v1/snapshot names them all"}

func (a *api) has(route string) bool {
	for _, name := range a.g.Routes() {
		if name == route {
			return true
		}
	}
	return false
}

// ended lists requests that are over, in one state or in any.
func (a *api) ended(q query) (any, *trouble) {
	state := q.values.Get("state")
	if over := []string{gateway.ExchangeAnswered, gateway.ExchangeExpired, gateway.ExchangeFailed, gateway.ExchangeAbandoned}; state != "" && !slices.Contains(over, state) {
		return nil, &trouble{http.StatusBadRequest, "state: want one of " + strings.Join(over, ", ")}
	}
	return list(a, q, "exchanges", func(route string, limit int) ([]gateway.ExchangeView, bool) { return a.g.Ended(route, state, limit) })
}

// exchange tells the life of one request.
func (a *api) exchange(q query) (any, *trouble) {
	id, err := strconv.ParseUint(q.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return nil, &trouble{http.StatusBadRequest, "an id is a number, as /v1/exchanges and /v1/refusals have them"}
	}
	life, ok := a.g.Exchange(id)
	if !ok {
		return nil, &trouble{http.StatusNotFound, fmt.Sprintf("request %d is not known: it never was, or so many have ended since that it is forgotten", id)}
	}
	return life, nil
}

func (a *api) status() Status {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	s := Status{Version: a.options.Version, Go: runtime.Version(), Started: instant(a.began), Uptime: time.Since(a.began).Milliseconds(),
		Draining: a.g.Draining(), Panics: a.g.Panics(), Memory: MemoryStatus{Heap: sample[0].Value.Uint64(), Goroutines: runtime.NumGoroutine()}}
	s.Config.Loaded = s.Started
	if a.options.Config != nil {
		s.Config = a.options.Config()
	}
	return s
}

func (a *api) snapshot() any {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last != nil && time.Since(a.taken) < fresh {
		return a.last
	}
	s := a.g.Snapshot()
	routes := make([]RouteView, 0, len(s.Routes))
	for _, r := range s.Routes {
		routes = append(routes, RouteView{r, a.g.States(r.Name), a.g.Latency(r.Name)})
	}
	a.last, a.taken = map[string]any{"routes": routes, "panics": s.Panics}, time.Now()
	return a.last
}

// instant is t to the millisecond.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// say answers with v.
func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // whoever asked is gone
}
