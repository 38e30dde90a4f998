package gateway

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// inRelay runs f in a bubble with a gateway that has one relay.
func inRelay(t *testing.T, change func(*Route), f func(w *world)) {
	t.Helper()
	inWorld(t, func(r *Route) {
		*r = Route{Name: "r", Kind: Relay, Listener: r.Listener, Backends: []BackendConfig{{Name: "b"}}}
		if change != nil {
			change(r)
		}
	}, f)
}

func (w *world) relay() *RelayCounters { return w.g.Snapshot().Routes[0].Relay }

// from has the clients that come next come from address.
type from struct {
	net.Conn
	address string
}

func (c from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.address))
}

func (c from) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.9:7000"))
}

func (w *world) clientFrom(address string) *peer {
	near, far := tunneltest.Pipe(64 << 10)
	w.clients <- from{near, address}
	synctest.Wait()
	return newPeer(w.t, "client", far)
}

func TestARelayMovesBytesBothWays(t *testing.T) {
	inRelay(t, nil, func(w *world) {
		c := w.client()
		b := w.backend()
		b.send("the server speaks first")
		c.expect("the server speaks first")
		c.send("\x00\xffanything")
		b.expect("\x00\xffanything")
		_ = c.conn.CloseWrite()
		if got := b.line(); got != "<EOF>" {
			t.Errorf("the backend sees %q, want the end", got)
		}
		b.raw(body(great) + "\n")
		if got := c.line(); got != body(great) {
			t.Errorf("the client got %d bytes, want %d", len(got), great)
		}
		b.close()
		c.expect("<EOF>")
		if n := w.relay(); n.Accepted != 1 || n.Ended["done"] != 1 || n.ToBackend != 11 || n.ToClient != great+25 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestARelayPassesAResetOn(t *testing.T) {
	inRelay(t, nil, func(w *world) {
		c := w.client()
		b := w.backend()
		_ = b.conn.SetLinger(0)
		b.close()
		if got := c.line(); got == "<EOF>" {
			t.Error("the client sees a clean end")
		}
		if n := w.relay(); n.Ended["backend"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestTheFirstFrameOfARelayIsJudged(t *testing.T) {
	judged := func(r *Route) { r.Codec = newPlain() }
	for _, c := range []struct{ name, send, want string }{
		{"malformed", "Q 1 bad\n", "! 1 fix bad-shape"},
		{"too long", strings.Repeat("x", 2000), "! - fix too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRelay(t, judged, func(w *world) {
				client := w.client()
				client.raw(c.send)
				client.expect(c.want, "<EOF>")
				select {
				case <-w.dials:
					t.Error("the backend was dialled")
				default:
				}
				if n := w.relay(); n.Refused["frame"] != 1 {
					t.Errorf("counters: %+v", *n)
				}
			})
		})
	}
	t.Run("good, byte by byte, and what follows is not lost", func(t *testing.T) {
		inRelay(t, judged, func(w *world) {
			c := w.client()
			for _, b := range "K\nQ 1 good\nanything bad" {
				c.raw(string(b))
			}
			b := w.backend()
			b.expect("K", "Q 1 good")
			if got := b.bytes(len("anything bad")); got != "anything bad" {
				t.Errorf("got %q", got)
			}
		})
	})
	t.Run("never", func(t *testing.T) {
		inRelay(t, judged, func(w *world) {
			c := w.client()
			c.raw("Q 1 ")
			time.Sleep(11 * time.Second)
			c.expect("! - fix too-large", "<EOF>")
			if n := w.relay(); n.Refused["slow"] != 1 {
				t.Errorf("counters: %+v", *n)
			}
		})
	})
	t.Run("nobody there", func(t *testing.T) {
		inRelay(t, judged, func(w *world) {
			w.refuse.Store(true)
			c := w.client()
			c.send("Q 1 good")
			c.expect("! 1 later backend-down", "<EOF>")
			if n := w.relay(); n.Refused["backend"] != 1 {
				t.Errorf("counters: %+v", *n)
			}
		})
	})
}

func TestARelayGoesOnToTheNextBackend(t *testing.T) {
	inRelay(t, func(r *Route) { r.Backends = append(r.Backends, BackendConfig{Name: "c"}) }, func(w *world) {
		w.refuse.Store(true)
		w.client().expect("<EOF>")
		w.refuse.Store(false)
		for range 3 {
			c := w.client()
			b := w.backend()
			c.send("hello")
			b.expect("hello")
		}
	})
}

func TestARelaysAllowList(t *testing.T) {
	inRelay(t, func(r *Route) { r.Relay.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, func(w *world) {
		w.clientFrom("192.0.2.1:5").expect("<EOF>")
		c := w.clientFrom("[::ffff:10.1.2.3]:5")
		b := w.backend()
		c.send("hello")
		b.expect("hello")
		if n := w.relay(); n.Refused["address"] != 1 || n.Accepted != 2 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestAProxyHeaderIsWantedFromProxiesAndFromNobodyElse(t *testing.T) {
	v2, _ := hex.DecodeString("0d0a0d0a000d0a515549540a" + "2111000c" + "0a000001" + "0a000002" + "1111" + "2222")
	proxies := func(r *Route) {
		r.Relay.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		r.Relay.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		r.Relay.SendProxy = 1
	}
	inRelay(t, proxies, func(w *world) {
		for _, header := range []string{"PROXY TCP4 10.0.0.1 10.0.0.2 4369 8738\r\n", string(v2)} {
			c := w.clientFrom("192.0.2.1:5")
			for _, b := range header + "hello\n" {
				c.raw(string([]byte{byte(b)}))
			}
			if header == string(v2) { // not text
				c = w.clientFrom("192.0.2.1:5")
				c.raw(header + "hello\n")
			}
			b := w.backend()
			b.expect("PROXY TCP4 10.0.0.1 10.0.0.2 4369 8738\r", "hello")
		}
		for _, wrong := range []string{"GET / HTTP/1.1\r\n", "PROXY TCP4 10.0.0.1\r\n", "PROXY TCP4 192.0.2.77 10.0.0.2 1 2\r\n"} {
			c := w.clientFrom("192.0.2.1:5")
			c.raw(wrong)
			c.expect("<EOF>")
		}
		if n := w.relay(); n.Refused["proxy_header"] < 2 || n.Refused["address"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestProxyHeaders(t *testing.T) {
	source, target := netip.MustParseAddrPort("[2001:db8::1]:1234"), netip.MustParseAddrPort("[2001:db8::2]:80")
	for version := 1; version <= 2; version++ {
		header := appendProxyHeader(nil, version, proxyHeader{source, target})
		for n := range header {
			if _, k, err := readProxyHeader(header[:n]); k != 0 || err != nil {
				t.Errorf("version %d, %d bytes: got %d, %v", version, n, k, err)
			}
		}
		if got, n, err := readProxyHeader(append(header, "more"...)); n != len(header) || got.source != source || got.target != target || err != nil {
			t.Errorf("version %d: got %d, %v, %v", version, n, got, err)
		}
		none := appendProxyHeader(nil, version, proxyHeader{target: target})
		if got, n, err := readProxyHeader(none); n != len(none) || got.source.IsValid() || err != nil {
			t.Errorf("version %d, unknown: got %d, %v, %v", version, n, got, err)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 10.0.0.1 10.0.0.2 4369 8738\r\n"))
	f.Add([]byte(sealed(0)))
	f.Add(appendProxyHeader(nil, 2, proxyHeader{netip.MustParseAddrPort("1.2.3.4:5"), netip.MustParseAddrPort("1.2.3.4:6")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, n, err := readProxyHeader(data)
		if n < 0 || n > len(data) || err != nil && n > 0 || n == 0 && h.source.IsValid() {
			t.Fatalf("got %d, %v, %v", n, h, err)
		}
		for i := range min(n, 200) { // no part of a header is a header
			if _, k, err := readProxyHeader(data[:i]); k != 0 || err != nil {
				t.Fatalf("%d of %d bytes: got %d, %v", i, n, k, err)
			}
		}
	})
}

// hello returns the ClientHello of a real client.
func hello(t testing.TB, name string) []byte {
	near, far := net.Pipe()
	go func() { _ = tls.Client(near, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() }()
	defer near.Close()
	defer far.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(far, head); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(far, rest); err != nil {
		t.Fatal(err)
	}
	return append(head, rest...)
}

// inRecords cuts a ClientHello into records of n bytes.
func inRecords(hello []byte, n int) (cut []byte) {
	for body := hello[5:]; len(body) > 0; {
		k := min(n, len(body))
		cut = append(append(cut, 22, 3, 1, byte(k>>8), byte(k)), body[:k]...)
		body = body[k:]
	}
	return cut
}

func TestTheServerNameOfAClientHello(t *testing.T) {
	for _, name := range []string{"www.example.org", ""} {
		data := hello(t, name)
		for n := range data {
			if got, ok, err := readServerName(data[:n]); ok || err != nil {
				t.Fatalf("%d bytes: got %q, %v, %v", n, got, ok, err)
			}
		}
		for _, size := range []int{1, 7, 100, 1 << 14} {
			if got, ok, err := readServerName(append(inRecords(data, size), "more"...)); got != name || !ok || err != nil {
				t.Errorf("in records of %d: got %q, %v, %v", size, got, ok, err)
			}
		}
	}
	for _, data := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01\x00\x00", "\x16\x03\x01\x00\x04\x02\x00\x00\x00", "\x16\x03\x01\x00\x04\x01\xff\x00\x00"} {
		if got, ok, err := readServerName([]byte(data)); err == nil {
			t.Errorf("%q: got %q, %v, want an error", data, got, ok)
		}
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(hello(f, "www.example.org"))
	f.Add(inRecords(hello(f, "x"), 9))
	f.Fuzz(func(t *testing.T, data []byte) {
		name, ok, err := readServerName(data)
		if err != nil && ok || !ok && name != "" {
			t.Fatalf("got %q, %v, %v", name, ok, err)
		}
		if again, _, err := readServerName(append(data[:len(data):len(data)], 0)); ok && (err != nil || again != name) {
			t.Fatalf("with a byte more: got %q, %v, want %q", again, err, name)
		}
	})
}

func TestMatchName(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.example", "A.example.", true}, {"a.example", "b.a.example", false}, {"*.example", "a.example", true},
		{"*.example", "b.a.example", false}, {"*.example", "example", false}, {"*.example", ".example", false}, {"", "", false},
	} {
		if got := matchName(c.pattern, c.name); got != c.want {
			t.Errorf("matchName(%q, %q): got %v", c.pattern, c.name, got)
		}
	}
}

func TestARelayGoesByTheServerName(t *testing.T) {
	names := func(r *Route) { r.Relay.ServerNames = []string{"www.example.org"} }
	inRelay(t, names, func(w *world) {
		good := string(inRecords(hello(t, "www.example.org"), 50))
		c := w.client()
		c.raw(good)
		if got := w.backend().bytes(len(good)); got != good {
			t.Error("the backend got another hello")
		}
		for send, want := range map[string]string{
			string(hello(t, "other.example.org")): string(alert(alertUnrecognizedName)),
			"SSH-2.0-x\r\n":                       string(alert(alertDecodeError)),
		} {
			c := w.client()
			c.raw(send)
			if got := c.bytes(7); got != want {
				t.Errorf("got %x, want %x", got, want)
			}
			c.expect("<EOF>")
		}
		if n := w.relay(); n.Refused["server_name"] != 2 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestAClientThatLeavesWhileItsBackendIsDialled(t *testing.T) {
	dialling := make(chan struct{})
	inWorld(t, func(r *Route) {
		*r = Route{Name: "r", Kind: Relay, Listener: r.Listener, Backends: []BackendConfig{{Name: "b"}}}
	}, func(w *world) {
		close(dialling)
		for range 100 {
			c := w.client()
			_ = c.conn.SetLinger(0)
			c.close()
		}
		synctest.Wait()
		if n := w.g.Snapshot().Routes[0]; n.Clients != 0 || n.Relay.Accepted != 100 || n.Relay.Waiting+n.Relay.Open != 0 {
			t.Errorf("clients %d, counters %+v", n.Clients, *n.Relay)
		}
	})
	<-dialling
}

func TestTheMirrorsOfARelay(t *testing.T) {
	sinks := make(chan *tunneltest.Conn, 10)
	mirror := func(change func(*MirrorConfig)) func(*Route) {
		return func(r *Route) {
			m := MirrorConfig{Name: "m", Buffer: 100_000, Dial: func(context.Context) (net.Conn, error) {
				near, far := tunneltest.Pipe(1000)
				sinks <- far
				return near, nil
			}}
			if change != nil {
				change(&m)
			}
			r.Mirrors = []MirrorConfig{m}
		}
	}
	t.Run("gets what the client sends", func(t *testing.T) {
		inRelay(t, mirror(nil), func(w *world) {
			c := w.client()
			b := w.backend()
			sink := newPeer(t, "mirror", <-sinks)
			c.raw(body(50_000) + "\n")
			if got := b.line(); got != body(50_000) {
				t.Error("the backend got other bytes")
			}
			b.send("answer")
			c.expect("answer")
			_ = c.conn.CloseWrite()
			synctest.Wait()
			b.close()
			if got := sink.line(); got != body(50_000) {
				t.Error("the mirror got other bytes")
			}
			sink.expect("<EOF>")
			c.expect("<EOF>")
			if m := w.g.Snapshot().Routes[0].Mirrors[0]; m.Copied != 1 || m.Missed != 0 {
				t.Errorf("mirror: %+v", m)
			}
		})
	})
	t.Run("stuck", func(t *testing.T) {
		inRelay(t, mirror(nil), func(w *world) {
			c := w.client()
			b := w.backend()
			far := <-sinks
			began := time.Now()
			c.raw(body(great) + "\n")
			if got := b.line(); got != body(great) || !time.Now().Equal(began) {
				t.Errorf("the backend got %d bytes after %v, want all at once", len(got), time.Since(began))
			}
			if m := w.g.Snapshot().Routes[0].Mirrors[0]; m.Detached != 1 || m.Missed != 1 {
				t.Errorf("mirror: %+v", m)
			}
			_ = far.Close()
		})
	})
	t.Run("not there", func(t *testing.T) {
		fails := func(m *MirrorConfig) {
			m.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("refused") }
		}
		inRelay(t, mirror(fails), func(w *world) {
			c := w.client()
			b := w.backend()
			c.send("hello")
			b.expect("hello")
		})
	})
	t.Run("never there", func(t *testing.T) {
		hangs := func(m *MirrorConfig) {
			m.Dial = func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}
		inRelay(t, mirror(hangs), func(w *world) {
			c := w.client()
			b := w.backend()
			c.send("hello")
			b.expect("hello")
			b.close()
			c.expect("<EOF>")
		})
	})
	t.Run("required, stuck and gone", func(t *testing.T) {
		inRelay(t, mirror(func(m *MirrorConfig) { m.Required = true }), func(w *world) {
			c := w.client()
			b := w.backend()
			far := <-sinks
			c.raw(body(great) + "\n")
			_ = b.conn.SetReadDeadline(time.Now().Add(time.Second))
			got, _ := io.ReadAll(b.r)
			if !strings.HasPrefix(body(great), string(got)) || len(got) < relayTunnel || len(got) > relayTunnel+2000 {
				t.Errorf("the backend got %d bytes, want those that the buffer holds for the mirror", len(got))
			}
			_ = far.SetLinger(0)
			_ = far.Close()
			synctest.Wait()
			if got := c.line(); !strings.HasPrefix(got, "<") {
				t.Errorf("the client got %q, want its end", got)
			}
			if n := w.relay(); n.Ended["mirror"] != 1 {
				t.Errorf("counters: %+v", *n)
			}
		})
	})
}

func TestAnIdleRelayEnds(t *testing.T) {
	inRelay(t, func(r *Route) { r.Timeouts.Idle = time.Minute }, func(w *world) {
		c := w.client()
		b := w.backend()
		for range 5 {
			time.Sleep(50 * time.Second)
			c.send("x")
			b.expect("x")
		}
		time.Sleep(2 * time.Minute)
		if got := c.line(); !strings.HasPrefix(got, "<") {
			t.Errorf("got %q, want the end", got)
		}
		if n := w.relay(); n.Ended["idle"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestTheLimitsOfARelay(t *testing.T) {
	inRelay(t, func(r *Route) { r.Limits.Connections = 2 }, func(w *world) {
		w.client()
		w.client()
		w.client().expect("<EOF>")
		if n := w.relay(); n.Refused["connections"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestAThousandRelaysLeaveNothing(t *testing.T) {
	inRelay(t, nil, func(w *world) {
		for i := range 1000 {
			c := w.client()
			b := w.backend()
			c.send(fmt.Sprint("hello ", i))
			b.expect(fmt.Sprint("hello ", i))
			if i%2 == 0 {
				c.close()
			} else {
				b.close()
			}
			if i%3 == 0 {
				_ = c.conn.Close()
			}
			_ = c.conn.CloseWrite()
			_ = b.conn.CloseWrite()
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		if n := w.g.Snapshot().Routes[0]; n.Clients != 0 || w.g.load() != 0 {
			t.Errorf("clients %d, connections %d, counters %+v", n.Clients, w.g.load(), *n.Relay)
		}
	})
}

func TestCheckOfARelay(t *testing.T) {
	good := Route{Name: "r", Kind: Relay, Listen: ":0", Backends: []BackendConfig{{Address: "x"}}}
	if err := (&Config{Routes: []Route{good}}).Check(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(*Route){
		"wait":                    func(r *Route) { r.Wait.On = true },
		"mode":                    func(r *Route) { r.Mode = new(protocol.Mode) },
		"limits.in_flight":        func(r *Route) { r.Limits.InFlight = 1 },
		"relay.send_proxy":        func(r *Route) { r.Relay.SendProxy = 3 },
		"relay.linger":            func(r *Route) { r.Relay.Linger = -1 },
		"relay.server_names":      func(r *Route) { r.Codec = newPlain(); r.Relay.ServerNames = []string{"x"} },
		"backends[0].connections": func(r *Route) { r.Backends = []BackendConfig{{Address: "x", Connections: 1}} },
		"backends[0].address":     func(r *Route) { r.Backends = []BackendConfig{{}} },
		"timeouts.connect":        func(r *Route) { r.Timeouts.Connect = -1 },
	} {
		r := good
		change(&r)
		if err := (&Config{Routes: []Route{r}}).Check(); err == nil || !strings.Contains(err.Error(), "routes[0]."+field+":") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
