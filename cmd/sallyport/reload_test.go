package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/config"
)

// running is a program whose configuration the test changes.
type running struct {
	*testing.T
	dir, file string
	signals   chan os.Signal
	log       *bufio.Scanner
}

func run(t *testing.T, text string, watch bool) *running {
	t.Helper()
	dir := t.TempDir()
	r := &running{T: t, dir: dir, file: filepath.Join(dir, "sallyport.yaml"), signals: make(chan os.Signal, 2)}
	r.write(r.file, text)
	f, err := config.Load(r.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := newRunCommand()
	log, logged := io.Pipe()
	cmd.SetErr(logged)
	cmd.SetContext(t.Context())
	r.log = bufio.NewScanner(log)
	patience := time.AfterFunc(30*time.Second, func() { _ = log.CloseWithError(errors.New("nothing more came in time")) })
	t.Cleanup(func() { patience.Stop() })
	ended := make(chan error, 1)
	go func() { ended <- runGateway(cmd, f, r.signals, watch) }()
	t.Cleanup(func() {
		go func() { _, _ = io.Copy(io.Discard, log) }()
		r.signals <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r.expect("route is open")
	return r
}

// write replaces a file at once, as an editor does.
func (r *running) write(file, text string) {
	r.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		r.Fatal(err)
	}
}

// expect reads the log to the line that has all of want.
func (r *running) expect(want ...string) string {
	r.Helper()
	for r.log.Scan() {
		all := true
		for _, w := range want {
			all = all && strings.Contains(r.log.Text(), w)
		}
		if all {
			return r.log.Text()
		}
	}
	r.Fatalf("the log ends without %q", want)
	return ""
}

// asks sends one request and returns the answer's error code, or its result.
func asks(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"add","params":[2]}` + "\n")); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// route is a route called name on a socket in dir, with more behind it.
func (r *running) route(name, more string) string {
	return routeText(r.dir, name, more)
}

func routeText(dir, name, more string) string {
	return fmt.Sprintf("  - name: %s\n    listen: unix:%s\n    protocol: { name: jsonrpc }\n    timeouts: { queue: 10ms }\n    backend: { address: \"127.0.0.1:1\", connections: 1 }\n%s", name, filepath.Join(dir, name), more)
}

const small = "routes:\n  - name: a\n    listen: 127.0.0.1:0\n    protocol: { name: jsonrpc }\n    timeouts: { queue: 10ms }\n    backend: { address: \"127.0.0.1:1\", connections: 1 }\n"

// A signal takes the new configuration over: its rules hold for clients that were there, its routes are open, and the log says
// which.
func TestASignalReloads(t *testing.T) {
	r := run(t, small, false)
	r.write(r.file, small+r.route("b", ""))
	r.signals <- syscall.SIGHUP
	line := r.expect("the configuration was taken over")
	if !strings.Contains(line, `added="b"`) || !strings.Contains(line, `kept="a"`) {
		t.Errorf("got %q", line)
	}
	conn, err := net.Dial("unix", filepath.Join(r.dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := asks(t, conn); strings.Contains(got, "Method not found") {
		t.Errorf("got %q", got)
	}
	r.write(r.file, "log: { level: debug }\nadmin: { listen: \"unix:"+filepath.Join(r.dir, "admin")+"\" }\n"+
		small+r.route("b", "    validate: [ { name: none, deny: [ add ] } ]\n"))
	r.signals <- syscall.SIGHUP
	r.expect("the configuration was taken over", `changed="b"`, `kept="a"`)
	r.expect("the next time", `options="admin"`)
	if got := asks(t, conn); !strings.Contains(got, "Method not found") {
		t.Errorf("got %q", got)
	}
}

// Whatever is wrong with a configuration, the old one goes on, and the log says where it is.
func TestFaultE9AWrongConfigurationIsNotTakenOver(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	text := "routes:\n" + routeText(dir, "a", "")
	r := run(t, text, false)
	conn, err := net.Dial("unix", filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, c := range map[string]struct{ text, want string }{
		"not YAML":          {"routes: [", r.file + ":1:"},
		"an unknown key":    {text + "    lisen: 1\n", r.file + ":7:5: "},
		"a value":           {strings.Replace(text, "10ms", "soon", 1), r.file + ":5:"},
		"a rule":            {text + "    validate: [ { name: x, rule: \"a ==\" } ]\n", r.file + ":7:"},
		"a missing file":    {text + "    validate: [ { name: x, schema: { file: none.json } } ]\n", r.file + ":7:"},
		"nothing":           {"", r.file + ":1:1"},
		"an address in use": {text + strings.Replace(routeText(dir, "b", ""), "unix:"+filepath.Join(dir, "b"), taken.Addr().String(), 1), "address already in use"},
	} {
		r.write(r.file, c.text)
		r.signals <- syscall.SIGHUP
		if c.want[0] == '/' {
			r.expect("the configuration is wrong", c.want)
			r.expect("was not taken over")
		} else {
			r.expect("was not taken over", c.want)
		}
		if got := asks(t, conn); !strings.Contains(got, "busy") && !strings.Contains(got, "retry") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	r.signals <- syscall.SIGHUP
	r.expect("was not taken over", "no such file")
	r.write(r.file, text)
	r.signals <- syscall.SIGHUP
	r.expect("was taken over", `kept="a"`)
}

// With --watch a change is seen, of a file that is mentioned too, and one that is wrong is tried once.
func TestWatchReloads(t *testing.T) {
	dir := t.TempDir()
	schema := filepath.Join(dir, "s.json")
	if err := os.WriteFile(schema, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, small+"    validate: [ { name: x, schema: { file: "+schema+" } } ]\n", true)
	r.write(schema, `{"type": 7}`)
	r.expect("the configuration is wrong", schema)
	r.expect("was not taken over", `why="a file has changed"`)
	r.write(schema, `{"type": "object"}`)
	line := r.expect("the configuration was")
	if !strings.Contains(line, "was taken over") || !strings.Contains(line, `changed="a"`) {
		t.Errorf("got %q", line)
	}
}
