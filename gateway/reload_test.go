package gateway

import (
	"bufio"
	"errors"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// talk is one side of a connection, in lines.
type talk struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func newTalk(t *testing.T, conn net.Conn) talk {
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return talk{t, conn, bufio.NewReader(conn)}
}

func call(t *testing.T, address net.Addr) talk {
	t.Helper()
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	return newTalk(t, conn)
}

func (c talk) send(line string) {
	c.Helper()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		c.Fatal(err)
	}
}

// line returns the next line, "" at the end.
func (c talk) line() string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(line, "\n")
}

func (c talk) expect(want string) {
	c.Helper()
	if got := c.line(); got != want {
		c.Fatalf("got %q, want %q", got, want)
	}
}

// answers echoes n lines as answers.
func (c talk) answers(n int) {
	for range n {
		c.send("A" + c.line()[1:])
	}
}

// host is a backend whose connections the test has in its hands.
type host struct {
	*testing.T
	net.Listener
}

func newHost(t *testing.T) host {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return host{t, l}
}

func (h host) accept() talk {
	h.Helper()
	_ = h.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second))
	conn, err := h.Accept()
	if err != nil {
		h.Fatal(err)
	}
	return newTalk(h.T, conn)
}

func (h host) config() BackendConfig {
	return BackendConfig{Name: "host", Address: h.Addr().String(), Connections: 1, Revision: "host"}
}

// reloading returns a Gateway that serves routes.
func reloading(t *testing.T, routes ...Route) *Gateway {
	t.Helper()
	g, err := New(Config{Shards: 2, Drain: 10 * time.Second, Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(t.Context()) }()
	t.Cleanup(func() {
		_ = g.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	<-g.begun
	return g
}

func plainRoute(name, revision string, backends ...BackendConfig) Route {
	return Route{Name: name, Listen: "127.0.0.1:0", Codec: newPlain(), Speech: "plain", Revision: revision, Backends: backends}
}

func reload(t *testing.T, g *Gateway, routes ...Route) Change {
	t.Helper()
	c, err := g.Reload(Config{Drain: 10 * time.Second, Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What is open when a route changes is answered on the connection that has it, and the client hears nothing of the change.
func TestReloadLeavesWhatIsOpen(t *testing.T) {
	h := newHost(t)
	g := reloading(t, plainRoute("r", "1", h.config()))
	b, c := h.accept(), call(t, g.Addr("r"))
	c.send("Q 1 before")
	before := b.line()
	c.send("Q 2 half") // and another that has begun
	_, _ = c.Write([]byte("Q 3 hal"))
	half := b.line()
	changed := plainRoute("r", "2", h.config())
	changed.Limits.InFlight = 3
	if got := reload(t, g, changed); len(got.Changed) != 1 {
		t.Errorf("got %+v", got)
	}
	c.send("f")
	rest := b.line()
	for _, q := range []string{rest, half, before} {
		b.send("A" + q[1:])
	}
	c.expect("A 3 half")
	c.expect("A 2 half")
	c.expect("A 1 before")
	for _, id := range []string{"5", "6", "7", "8"} { // the new limit holds
		c.send("Q " + id + " x")
	}
	c.expect("! 8 later busy")
	b.answers(3)
}

// Clients of a route that speaks otherwise than before get what they have asked for, hear of the change, and are closed. The
// backend is reached anew when the connection that it had has ended.
func TestReloadOfAnotherSpeechDrains(t *testing.T) {
	h := newHost(t)
	g := reloading(t, plainRoute("r", "1", h.config()))
	at := g.Addr("r")
	b, c, idle := h.accept(), call(t, at), call(t, at)
	c.send("Q 1 before")
	q := b.line()
	other := plainRoute("r", "2", h.config())
	other.Speech = "other"
	if got := reload(t, g, other); len(got.Renewed) != 1 {
		t.Errorf("got %+v", got)
	}
	idle.expect("")
	c.send("Q 2 while")
	c.expect("! 2 later draining")
	late := call(t, at)
	late.send("Q 3 after")
	b.send("A" + q[1:])
	c.expect("A 1 before")
	c.expect("")
	b.expect("") // nothing was sent there that came later
	_ = b.Close()
	b = h.accept()
	b.answers(1)
	late.expect("A 3 after")
	s := g.Snapshot().Routes[0]
	if s.Counters.Answered != 2 || s.Counters.Refused != 1 || s.Counters.Received != 3 {
		t.Errorf("the counters go on: got %+v", s.Counters)
	}
	waitFor(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.retired) == 0 })
}

// A route that is removed has its clients end in order, and its listener closed.
func TestReloadWithoutARoute(t *testing.T) {
	h, other := newHost(t), newHost(t)
	keep := plainRoute("keep", "1", other.config())
	g := reloading(t, plainRoute("r", "1", h.config()), keep)
	at := g.Addr("r")
	b, c := h.accept(), call(t, at)
	c.send("Q 1 before")
	q := b.line()
	if got := reload(t, g, keep); len(got.Removed) != 1 || len(got.Kept) != 1 {
		t.Errorf("got %+v", got)
	}
	if _, err := net.Dial("tcp", at.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the listener: got %v", err)
	}
	b.send("A" + q[1:])
	c.expect("A 1 before")
	c.expect("")
	b.expect("")
	if n := len(g.Snapshot().Routes); n != 1 {
		t.Errorf("%d routes", n)
	}
}

// Of a reload that cannot be carried out nothing happens, though a part of it could.
func TestFaultE9AReloadThatFailsChangesNothing(t *testing.T) {
	h, taken := newHost(t), newHost(t)
	g := reloading(t, plainRoute("r", "1", h.config()))
	b, c := h.accept(), call(t, g.Addr("r"))
	more := plainRoute("more", "1", h.config())
	more.Listen = taken.Addr().String()
	changed := plainRoute("r", "2", h.config())
	if _, err := g.Reload(Config{Routes: []Route{changed, more}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	if _, err := g.Reload(Config{}); err == nil {
		t.Error("a configuration without routes is taken")
	}
	c.send("Q 1 x")
	b.answers(1)
	c.expect("A 1 x")
	if s := g.Snapshot(); len(s.Routes) != 1 || g.routes[0].conf.Revision != "1" {
		t.Errorf("got %+v", s)
	}
}

// Two routes can change places, with their listeners open all the time.
func TestReloadSwapsListeners(t *testing.T) {
	one, two := newHost(t), newHost(t)
	a, b := plainRoute("a", "1", one.config()), plainRoute("b", "1", two.config())
	g := reloading(t, a, b)
	a.Listen, b.Listen = g.Addr("a").String(), g.Addr("b").String()
	g.gates[0].at, g.gates[1].at = a.Listen, b.Listen // the ports that they have got
	a.Listen, b.Listen, a.Revision, b.Revision = b.Listen, a.Listen, "2", "2"
	was := g.Addr("a").String()
	reload(t, g, a, b)
	if g.Addr("b").String() != was {
		t.Errorf("b listens on %s, want %s", g.Addr("b"), was)
	}
	c, at := call(t, g.Addr("b")), two.accept()
	c.send("Q 1 x")
	at.answers(1)
	c.expect("A 1 x")
}

// The clients of a relay stay when it changes: new ones are bound by what is new.
func TestReloadOfARelay(t *testing.T) {
	h, other := newHost(t), newHost(t)
	r := Route{Name: "r", Kind: Relay, Listen: "127.0.0.1:0", Revision: "1", Backends: []BackendConfig{{Address: h.Addr().String()}}}
	g := reloading(t, r)
	c := call(t, g.Addr("r"))
	b := h.accept()
	c.send("hello")
	b.expect("hello")
	r.Revision, r.Backends = "2", []BackendConfig{{Address: other.Addr().String()}}
	if got := reload(t, g, r); len(got.Changed) != 1 {
		t.Errorf("got %+v", got)
	}
	c.send("again")
	b.expect("again")
	late := call(t, g.Addr("r"))
	at := other.accept()
	late.send("hello")
	at.expect("hello")
	if s := g.Snapshot().Routes[0]; s.Clients != 2 || s.Relay.Accepted != 2 {
		t.Errorf("got %+v", s)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}
