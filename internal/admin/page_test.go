package admin_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/validate"
)

var pictures = flag.Bool("pictures", false, "make the pictures of the page in docs/ anew")

// evil is markup and script in what a client sends.
const evil = `"><img src=x onerror=alert(1)><script>window.evil=1;alert(2)</script>`

// seen is a gateway of two routes with an admin listener, whose clients send evil beside the rest.
func seen(t *testing.T) (address, token string) {
	t.Helper()
	orders, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	wards, err := hl7.New(hl7.Options{Rules: hl7.Rules{Types: []string{"ADT^A01"}, Required: []string{"PID-3.1"}}}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	integer := 1.0
	rules, err := validate.Compile(orders, []validate.Rule{{Field: &validate.Field{Path: "/params/quantity", Type: "integer", Min: &integer}}}, validate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var routes []gateway.Route
	for _, r := range []gateway.Route{{Name: "orders", Codec: orders, Rules: rules}, {Name: "wards", Codec: wards}} {
		backend, at, err := sim.Listen(r.Codec, sim.BackendOptions{Seed: 1, Delay: 12 * time.Millisecond, Jitter: 50 * time.Millisecond, Late: 0.01, LateBy: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = backend.Close() })
		r.Listen = "127.0.0.1:0"
		r.Backends = []gateway.BackendConfig{{Name: map[string]string{"orders": "mainframe", "wards": "his"}[r.Name], Address: at, Connections: 3}}
		routes = append(routes, r)
	}
	g, err := gateway.New(gateway.Config{Routes: routes, Drain: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := g.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	token = "the token"
	a, err := admin.Listen(admin.Options{Listen: "127.0.0.1:0", Version: "1.0", Token: token}, g)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 9 {
		running.Go(func() { talk(ctx, g.Addr("orders").String(), '\n', func(id int) string { return order(id) }) })
		if n < 6 {
			running.Go(func() { talk(ctx, g.Addr("wards").String(), '\x1c', func(id int) string { return admission(n, id) }) })
		}
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		stop()
		running.Wait()
	})
	return "http://" + a.Addr().String(), token
}

func order(id int) string {
	quantity, method := "3", "order.place"
	switch rand.N(15) {
	case 0:
		quantity = `"many"`
	case 1:
		quantity = fmt.Sprintf("%q", evil)
	case 2:
		method = evil
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{"quantity":%s,"item":%q}}`+"\n", id, method, quantity, evil)
}

func admission(n, id int) string {
	number := "4711"
	if rand.N(15) == 0 {
		number = ""
	}
	name := strings.NewReplacer("&", "", "|", "").Replace(evil)
	return fmt.Sprintf("\x0bMSH|^~\\&|WARD%d %s|N|HIS|H|20261123083000||ADT^A01|%d|P|2.5\rPID|1||%s||%s\r\x1c\r", n, name, id, number, name)
}

// talk is a client that sends one request after the other, until ctx is done.
func talk(ctx context.Context, address string, end byte, request func(id int) string) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		for id, r := 1, bufio.NewReader(conn); ; id++ {
			if _, err := io.WriteString(conn, request(id)); err != nil {
				break
			}
			if _, err := r.ReadString(end); err != nil {
				break
			}
			t := time.NewTimer(20*time.Millisecond + rand.N(80*time.Millisecond))
			select {
			case <-ctx.Done():
			case <-t.C:
			}
		}
		stop()
		_ = conn.Close()
	}
}

// In a browser the charts move under load, refusals show their reasons, what clients send stays text, a paused route shows as
// paused, it works at the width of a telephone and by keyboard, and whoever has no token changes nothing.
func TestThePageInABrowser(t *testing.T) {
	folder := os.Getenv("SALLYPORT_PLAYWRIGHT_CORE")
	if folder == "" {
		t.Skip("SALLYPORT_PLAYWRIGHT_CORE does not name the folder in which npm has installed playwright-core")
	}
	node, chromium := need(t, "node"), need(t, "chromium")
	address, token := seen(t)
	args := []string{filepath.Join("testdata", "page.cjs"), address, token, evil}
	if *pictures {
		args = append(args, filepath.Join("..", "..", "docs"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"), "CHROMIUM="+chromium)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	return path
}

// A browser gets the page, with what keeps it from doing anything else; who asks by hand gets words. Neither needs a token.
func TestThePageAndItsPolicy(t *testing.T) {
	address, _ := seen(t)
	get := func(path, accept string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	if _, text := get("/", "*/*"); !strings.Contains(text, "/v1/snapshot") || strings.Contains(text, "<html") {
		t.Errorf("by hand: %.80q", text)
	}
	answer, text := get("/", "text/html,*/*")
	policy := answer.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q has no %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(text, "style=") || strings.Contains(text, "<script>") || strings.Contains(text, "onclick") {
		t.Error("something stands in the page that its policy forbids")
	}
	files, err := filepath.Glob("page/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		answer, text := get("/"+f, "*/*")
		if answer.StatusCode != http.StatusOK || len(text) == 0 || strings.Contains(text, "innerHTML") || strings.Contains(text, "https://") {
			t.Errorf("%s: %s, or it makes markup, or asks elsewhere", f, answer.Status)
		}
	}
	for _, path := range []string{"/page/", "/page/../server.go", "/page/%2e%2e/server.go", "/page/none", "/other"} {
		if answer, _ := get(path, "text/html"); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}
