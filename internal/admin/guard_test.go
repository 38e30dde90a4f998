package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

const (
	full    = "the-token-that-may-change"
	reading = "the-token-that-may-read"
)

// asked is one request, and what it gets.
type asked struct {
	what   string // method and path
	header string // "Name: value", separated by "|"
	status int
	text   string // in the answer
}

// ask sends one request to s.
func ask(t *testing.T, s *Server, q asked) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(q.what, " ")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, s.Addr().Network(), s.Addr().String())
	}}}
	body := ""
	if method == "POST" && strings.HasSuffix(path, "/log") {
		body = `{"level": "debug", "for_ms": 1000}`
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(q.header, "|") {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		} else if name != "" {
			r.Header.Set(name, value)
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// audits are the lines that were written.
type audits struct {
	mu   sync.Mutex
	list []Audit
}

func (a *audits) add(line Audit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, line)
}

func (a *audits) drain() []Audit {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return list
}

// F7: without authentication, in a wrong role, from another site's page, under another name, with a path that leads out:
// refused, with words, and an audit line. What was changed has one too.
func TestFaultF07WhoMayAskAndChange(t *testing.T) {
	json := "Content-Type: application/json"
	with := func(token string) string { return "Authorization: Bearer " + token + "|" + json }
	var written audits
	serve := func(token, readToken string) (*Server, *fake) {
		g := &fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("wards", 1)}}}
		s, err := Listen(Options{Listen: "127.0.0.1:0", Token: token, ReadToken: readToken, Pprof: true, Audit: written.add,
			Level: func(level string, _ time.Duration) error {
				if level != "debug" {
					return errors.New("there is no such level")
				}
				return nil
			}}, g)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s, g
	}
	try := func(t *testing.T, s *Server, g *fake, list []asked) {
		for _, q := range list {
			before := len(g.calls)
			time.Sleep(time.Second / deniedPerSecond) // so that every line is written
			written.drain()
			status, text := ask(t, s, q)
			if status != q.status || !strings.Contains(text, q.text) {
				t.Errorf("%+v: got %d %s", q, status, text)
			}
			lines := written.drain()
			changed, denied := strings.HasPrefix(q.what, "POST") && status == 200, status == 401 || status == 403 || status == 415
			if (changed || denied) && (len(lines) != 1 || lines[0].Denied != denied || lines[0].Who == "" || strings.ContainsAny(lines[0].What, "\r\n")) {
				t.Errorf("%+v: the audit has %+v", q, lines)
			}
			if denied && len(g.calls) != before {
				t.Errorf("%+v: it was done all the same", q)
			}
			if strings.Contains(fmt.Sprint(lines, text), full) || strings.Contains(fmt.Sprint(lines, text), reading) {
				t.Errorf("%+v: a token is told: %+v %s", q, lines, text)
			}
		}
	}
	t.Run("tokens", func(t *testing.T) {
		s, g := serve(full, reading)
		try(t, s, g, []asked{
			{"GET /healthz", "", 200, "ok"},
			{"GET /readyz", "", 200, "ok"},
			{"GET /", "", 200, "sallyport"},
			{"GET /v1/snapshot", "", 401, "token"},
			{"GET /metrics", "", 401, "token"},
			{"GET /debug/pprof/", with(reading), 403, "reading only"},
			{"GET /v1/snapshot", with("wrong"), 401, "token"},
			{"GET /v1/snapshot", with(""), 401, "token"},
			{"GET /v1/snapshot", "Authorization: " + full, 401, "token"},
			{"GET /v1/snapshot", with(full + "x"), 401, "token"},
			{"GET /v1/snapshot", with(reading), 200, "wards"},
			{"GET /metrics", with(reading), 200, "sallyport_"},
			{"GET /v1/snapshot", with(full), 200, "wards"},
			{"POST /v1/routes/wards/pause", with(reading), 403, "reading only"},
			{"POST /v1/routes/wards/pause", json, 401, "token"},
			{"POST /v1/routes/wards/pause", with(full), 200, "is paused"},
			{"POST /v1/routes/wards/resume", with(full), 200, "goes on"},
			{"POST /v1/routes/none/pause", with(full), 404, "there is none"},
			{"POST /v1/sessions/7/kick", with(full), 200, "session 7"},
			{"POST /v1/sessions/x/kick", with(full), 400, "an id is a number"},
			{"POST /v1/backends/wards/b/drain", with(full), 200, "is draining"},
			{"POST /v1/backends/wards/b/disable", with(full), 200, "is disabled"},
			{"POST /v1/backends/wards/b/enable", with(full), 200, "is enabled"},
			{"POST /v1/log", with(full), 200, "debug for 1s"},
			{"POST /v1/backends/wards/..%2f..%2fetc%0aX/enable", with(full), 200, ""},
			{"POST /v1/../v1/../../etc/passwd", with(full), 404, ""},
			{"GET /v1/../../etc/passwd", with(full), 404, ""},
			{"DELETE /v1/routes/wards/pause", with(full), 405, ""},
			// A form of another site needs no preflight, and is not JSON.
			{"POST /v1/routes/wards/pause", "Authorization: Bearer " + full + "|Content-Type: application/x-www-form-urlencoded", 415, "application/json"},
			{"POST /v1/routes/wards/pause", "Authorization: Bearer " + full + "|Content-Type: text/plain", 415, "application/json"},
			{"POST /v1/routes/wards/pause", with(full) + "|Origin: http://evil.example", 403, "another site"},
			{"POST /v1/routes/wards/pause", with(full) + "|Origin: null", 403, "another site"},
			{"POST /v1/routes/wards/pause", with(full) + "|Sec-Fetch-Site: cross-site", 403, "another site"},
			{"POST /v1/routes/wards/pause", with(full) + "|Origin: http://localhost|Sec-Fetch-Site: same-origin", 200, "is paused"},
			{"POST /v1/routes/wards/pause", with(full) + "|Host: evil.example", 403, "localhost"},
			{"GET /v1/snapshot", with(full) + "|Host: localhost.evil.example", 403, "localhost"},
		})
	})
	t.Run("no token", func(t *testing.T) {
		s, g := serve("", "")
		try(t, s, g, []asked{
			{"GET /v1/snapshot", "", 200, "wards"},
			{"POST /v1/routes/wards/pause", json, 403, "admin.token"},
			{"POST /v1/routes/wards/pause", with(""), 403, "admin.token"},
			{"GET /debug/pprof/", "", 403, "admin.token"},
		})
	})
	t.Run("unix", func(t *testing.T) {
		g := &fake{}
		s, err := Listen(Options{Listen: "unix:" + filepath.Join(t.TempDir(), "admin"), Token: full, Audit: written.add}, g)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		try(t, s, g, []asked{
			{"POST /v1/routes/wards/pause", json, 200, "is paused"},
			{"POST /v1/routes/wards/pause", json + "|Origin: http://evil.example", 403, "another site"},
			{"GET /debug/pprof/", "", 404, ""}, // it was not asked for
			{"POST /v1/log", json, 404, ""},    // nor was this
		})
		ask(t, s, asked{what: "POST /v1/routes/wards/resume", header: json})
		if lines := written.drain(); runtime.GOOS == "linux" && (len(lines) != 1 || lines[0].Who != fmt.Sprint("unix socket, user ", os.Geteuid())) {
			t.Errorf("got %+v", lines)
		}
		if want := []string{"pause wards", "resume wards"}; !slices.Equal(g.calls, want) {
			t.Errorf("got %q, want %q", g.calls, want)
		}
	})
	t.Run("open metrics", func(t *testing.T) {
		s, err := Listen(Options{Listen: "127.0.0.1:0", Token: full, OpenMetrics: true}, &fake{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if status, _ := ask(t, s, asked{what: "GET /metrics"}); status != 200 {
			t.Errorf("got %d", status)
		}
	})
}

// A flood of wrong tokens fills no disk: it is counted.
func TestADenialIsWrittenSoOftenInASecond(t *testing.T) {
	var written audits
	a := auditor{to: written.add}
	for range 1000 {
		a.say(Audit{What: "GET", Denied: true})
	}
	a.say(Audit{What: "POST"})
	lines := written.drain()
	if n := len(lines); n < 2 || n > 3*deniedPerSecond+1 {
		t.Errorf("%d lines were written", n)
	}
	sum := 0
	for _, l := range lines {
		sum += 1 + l.Missed
	}
	if sum != 1001 {
		t.Errorf("%d are accounted for", sum)
	}
}

// D9: a storm of those who ask, and some who do not read, cost a bounded number of connections and of answers at once.
func TestFaultD09AStormOfScrapes(t *testing.T) {
	g := &fake{s: gateway.Snapshot{Routes: []gateway.RouteSnapshot{route("wards", 1)}}}
	s := listen(t, "127.0.0.1:0", g)
	for range 20 { // they ask, and read nothing
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	for i := range 400 {
		wg.Go(func() {
			status, _ := ask(t, s, asked{what: []string{"GET /metrics", "GET /v1/snapshot", "GET /v1/exchanges", "GET /v1/sessions?limit=1000"}[i%4]})
			mu.Lock()
			defer mu.Unlock()
			seen[status]++
		})
	}
	wg.Wait()
	if seen[200] == 0 || seen[200]+seen[503] != 400 {
		t.Errorf("got %v", seen)
	}
	if status, _ := ask(t, s, asked{what: "GET /healthz"}); status != 200 {
		t.Errorf("got %d after the storm", status)
	}
}

// F12: whichever part of a token is wrong, and whatever is sent in its place, the answer is the same, to the byte. The comparison
// takes as long for every token: it is one of digests, in constant time.
func TestFaultF12EveryWrongTokenHearsTheSame(t *testing.T) {
	s, err := Listen(Options{Listen: "127.0.0.1:0", Token: full, ReadToken: reading}, &fake{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	status, want := ask(t, s, asked{what: "GET /v1/snapshot"})
	for _, token := range []string{"", "x", full[:len(full)-1], full + "x", "X" + full[1:], strings.ToUpper(full), reading[:5], full + " ", strings.Repeat("x", 4000)} {
		for _, scheme := range []string{"Bearer ", "bearer ", "Basic ", ""} {
			if strings.TrimSpace(token) == full && scheme == "Bearer " {
				continue // the space at the end of a header is none
			}
			if code, text := ask(t, s, asked{what: "GET /v1/snapshot", header: "Authorization: " + scheme + token}); code != status || text != want {
				t.Errorf("%q: got %d %s, want %d %s", scheme+token, code, text, status, want)
			}
		}
	}
	if equal("", "") || equal("x", "") || !equal(full, full) {
		t.Error("a token that is not set is equal to something")
	}
}
