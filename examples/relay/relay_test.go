// Package relay tests the example in this folder, with the clients and servers that it is for.
package relay

import (
	"bytes"
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
	"testing"

	"github.com/sallyport/sallyport/internal/peertest"
)

// open runs the example's configuration with other ports. It returns where each route listens.
func open(t *testing.T, backends map[string]string) map[string]string {
	t.Helper()
	lists := map[string][]string{}
	for name, address := range backends {
		lists[name] = []string{address}
	}
	_, addresses := peertest.Gateway(t, "sallyport.yaml", lists)
	return addresses
}

func TestRedisCLI(t *testing.T) {
	server, cli := peertest.Need(t, "redis-server"), peertest.Need(t, "redis-cli")
	address := peertest.Free(t)
	host, port, _ := net.SplitHostPort(address)
	peertest.Start(t, address, exec.Command(server, "--port", port, "--bind", host, "--save", "", "--dir", t.TempDir()))
	_, port, _ = net.SplitHostPort(open(t, map[string]string{"cache": address})["cache"])
	ask := func(args ...string) string {
		return peertest.Output(t, exec.Command(cli, append([]string{"-p", port}, args...)...))
	}
	if got := ask("set", "greeting", "hello"); got != "OK" {
		t.Errorf("set: got %q", got)
	}
	if got := ask("get", "greeting"); got != "hello" {
		t.Errorf("get: got %q", got)
	}
	great := exec.Command(cli, "-p", port, "-x", "set", "great")
	great.Stdin = bytes.NewReader(bytes.Repeat([]byte("0123456789"), 1<<20))
	if got := peertest.Output(t, great); got != "OK" {
		t.Errorf("set of 10 MiB: got %q", got)
	}
	if got := ask("strlen", "great"); got != "10485760" {
		t.Errorf("strlen: got %q", got)
	}
}

func TestCurl(t *testing.T) {
	curl := peertest.Need(t, "curl")
	page := strings.Repeat("a page\n", 100_000)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path+"\n"+page) }))
	defer web.Close()
	url := "http://" + open(t, map[string]string{"web": web.Listener.Addr().String()})["web"]
	if got := peertest.Output(t, exec.Command(curl, "-s", url+"/one", url+"/two")); got != "/one\n"+page+"/two\n"+strings.TrimSpace(page) {
		t.Errorf("got %d bytes, want two pages", len(got))
	}
	if got := peertest.Output(t, exec.Command(curl, "-s", "-w", "%{http_code}", "-d", "x=1", url)); got != "403" {
		t.Errorf("POST: got %s, want 403", got)
	}
}

func TestCurlHearsThatNobodyIsThere(t *testing.T) {
	url := "http://" + open(t, nil)["web"]
	if got := peertest.Output(t, exec.Command(peertest.Need(t, "curl"), "-s", "-w", "%{http_code}", url)); got != "503" {
		t.Errorf("got %s, want 503", got)
	}
}

func TestPSQL(t *testing.T) {
	psql := peertest.Need(t, "psql")
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
	address := peertest.Free(t)
	on, port, _ := net.SplitHostPort(address)
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
	peertest.Output(t, as("initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync"))
	peertest.Start(t, address, as("postgres", "-D", data, "-p", port, "-k", dir, "-h", on, "-F"))
	host, port, _ := net.SplitHostPort(open(t, map[string]string{"database": address})["database"])
	got := peertest.Output(t, exec.Command(psql, "-h", host, "-p", port, "-U", "tester", "-d", "postgres", "-At", "-c", "select sum(n), count(*) from generate_series(1, 100000) n"))
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
