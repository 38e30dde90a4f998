// Package relay tests the example in this folder, with the clients and servers that it is for.
package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
)

// open runs the example's configuration with other ports. It returns where each route listens.
func open(t *testing.T, backends map[string]string) map[string]string {
	t.Helper()
	f, err := config.Load("sallyport.yaml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Config()
	for i := range c.Routes {
		r := &c.Routes[i]
		r.Listen = "127.0.0.1:0"
		r.Backends[0].Address = "127.0.0.1:1" // nobody is there
		if address, ok := backends[r.Name]; ok {
			r.Backends[0].Address = address
		}
	}
	c.Drain = time.Second
	g, err := gateway.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	addresses := map[string]string{}
	for _, r := range g.Snapshot().Routes {
		addresses[r.Name] = r.Listen
	}
	return addresses
}

func TestRedisCLI(t *testing.T) {
	server, cli := need(t, "redis-server"), need(t, "redis-cli")
	address := free(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, address, exec.Command(server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()))
	_, port, _ = net.SplitHostPort(open(t, map[string]string{"cache": address})["cache"])
	ask := func(args ...string) string {
		return output(t, exec.Command(cli, append([]string{"-p", port}, args...)...))
	}
	if got := ask("set", "greeting", "hello"); got != "OK" {
		t.Errorf("set: got %q", got)
	}
	if got := ask("get", "greeting"); got != "hello" {
		t.Errorf("get: got %q", got)
	}
	great := exec.Command(cli, "-p", port, "-x", "set", "great")
	great.Stdin = bytes.NewReader(bytes.Repeat([]byte("0123456789"), 1<<20))
	if got := output(t, great); got != "OK" {
		t.Errorf("set of 10 MiB: got %q", got)
	}
	if got := ask("strlen", "great"); got != "10485760" {
		t.Errorf("strlen: got %q", got)
	}
}

func TestCurl(t *testing.T) {
	curl := need(t, "curl")
	page := strings.Repeat("a page\n", 100_000)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path+"\n"+page) }))
	defer web.Close()
	url := "http://" + open(t, map[string]string{"web": web.Listener.Addr().String()})["web"]
	if got := output(t, exec.Command(curl, "-s", url+"/one", url+"/two")); got != "/one\n"+page+"/two\n"+strings.TrimSpace(page) {
		t.Errorf("got %d bytes, want two pages", len(got))
	}
	if got := output(t, exec.Command(curl, "-s", "-w", "%{http_code}", "-d", "x=1", url)); got != "403" {
		t.Errorf("POST: got %s, want 403", got)
	}
}

func TestCurlHearsThatNobodyIsThere(t *testing.T) {
	url := "http://" + open(t, nil)["web"]
	if got := output(t, exec.Command(need(t, "curl"), "-s", "-w", "%{http_code}", url)); got != "503" {
		t.Errorf("got %s, want 503", got)
	}
}

func TestPSQL(t *testing.T) {
	psql := need(t, "psql")
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		t.Skip("there is no PostgreSQL server here (Debian: postgresql)")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "relay")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	address := free(t)
	_, port, _ := net.SplitHostPort(address)
	as := func(name string, args ...string) *exec.Cmd { return exec.Command(filepath.Join(bin, name), args...) }
	if u, err := user.Current(); err == nil && u.Uid == "0" { // the server refuses to run as root
		if _, err := user.Lookup("postgres"); err != nil {
			t.Skip("there is no user postgres to run the server as")
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		as = func(name string, args ...string) *exec.Cmd {
			line := filepath.Join(bin, name)
			for _, a := range args {
				line += " '" + a + "'"
			}
			return exec.Command("su", "postgres", "-s", "/bin/sh", "-c", "exec "+line)
		}
	}
	output(t, as("initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync"))
	start(t, address, as("postgres", "-D", data, "-p", port, "-k", dir, "-h", "127.0.0.1", "-F"))
	host, port, _ := net.SplitHostPort(open(t, map[string]string{"database": address})["database"])
	got := output(t, exec.Command(psql, "-h", host, "-p", port, "-U", "tester", "-d", "postgres", "-At", "-c", "select sum(n), count(*) from generate_series(1, 100000) n"))
	if got != "5000050000|100000" {
		t.Errorf("got %q", got)
	}
}

func TestTLSGoesByItsServerName(t *testing.T) {
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer web.Close()
	address := open(t, map[string]string{"tls": web.Listener.Addr().String()})["tls"]
	for name, want := range map[string]bool{"www.example.org": true, "a.api.example.org": true, "other.example.org": false, "": false} {
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if (err == nil) != want {
			t.Errorf("%q: got %v, want a connection: %v", name, err, want)
		}
		if err == nil {
			_ = conn.Close()
		} else if !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%q: got %v, want the alert unrecognized name", name, err)
		}
	}
}

// need returns where a program is, or skips the test.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	return path
}

// free returns an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs a server until the test has ended, and returns when it listens.
func start(t *testing.T, address string, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for range 300 {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("%s does not listen on %s:\n%s", cmd.Path, address, log.String())
}

// output runs cmd and returns what it printed.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd.Path, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}
