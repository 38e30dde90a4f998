package gateway

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

func neverConnects(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (p *peer) reset() {
	_ = p.conn.SetLinger(0)
	p.close()
}

func networks(list ...string) (networks []netip.Prefix) {
	for _, text := range list {
		networks = append(networks, netip.MustParsePrefix(text))
	}
	return networks
}

func TestAShutdownDoesNotWaitForARelayThatHasNotBegun(t *testing.T) {
	inRelay(t, func(r *Route) { r.Codec = newPlain() }, func(w *world) {
		quiet, half := w.client(), w.client()
		half.raw("Q 1")
		start := time.Now()
		if err := w.g.Shutdown(w.t.Context()); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 2*time.Second { // for the clients to close, too
			t.Errorf("the shutdown took %v", d)
		}
		quiet.expect("! - later draining", "<EOF>")
		half.expect("! - later draining", "<EOF>")
	})
}

func TestAShutdownEndsDials(t *testing.T) {
	for _, codec := range []protocol.Codec{nil, newPlain()} {
		inRelay(t, func(r *Route) {
			r.Codec, r.Backends[0].Dial, r.Timeouts.Connect = codec, neverConnects, time.Hour
		}, func(w *world) {
			w.client().send("Q 1 x")
			start := time.Now()
			_ = w.g.Close()
			if d := time.Since(start); d > time.Minute {
				t.Errorf("the shutdown took %v", d)
			}
		})
	}
}

// Padding in front of the first frame is bounded as the frame is.
func TestARelayKeepsNoMoreThanAFrameOfPadding(t *testing.T) {
	inRelay(t, func(r *Route) { r.Codec, r.Limits.Frame = newPlain(), 4<<10 }, func(w *world) {
		c := w.client()
		c.raw(strings.Repeat("K\n", 100_000))
		c.expect("! - fix too-large")
		if n := w.relay(); n.Refused["frame"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestWhatIsNoRequestDoesNotPassTheRulesOfARelay(t *testing.T) {
	rules, err := validate.Compile(newPlain(), []validate.Rule{{Name: "few", Limits: &validate.Limits{Bytes: 20}}}, validate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ sent, why, heard string }{
		{"A 7 a response\n", "frame", "! 7 fix bad-shape"},
		{"B Q 1 good|Q 2 bad\n", "frame", "! 2 fix bad-shape"},
		{"B Q 1 good|A 2 good\n", "frame", "! 2 fix bad-shape"},
		{"B Q 1 good|Q 2 this is far too much\n", "rules", "! 2 fix "},
		{"Q 9 this is far too much to say\n", "rules", "! 9 fix "},
	} {
		inRelay(t, func(r *Route) { r.Codec, r.Rules = newPlain(), rules }, func(w *world) {
			c := w.client()
			c.raw(x.sent)
			if got := c.line(); !strings.HasPrefix(got, x.heard) {
				t.Errorf("%q: got %q, want %q", x.sent, got, x.heard)
			}
			if len(w.dials) != 0 || w.relay().Refused[x.why] != 1 {
				t.Errorf("%q: %d dials, counters %+v", x.sent, len(w.dials), *w.relay())
			}
		})
	}
	inRelay(t, func(r *Route) { r.Codec, r.Rules = newPlain(), rules }, func(w *world) {
		w.client().send("K", "B Q 1 a|Q 2 b")
		w.backend().expect("K", "B Q 1 a|Q 2 b")
	})
}

func TestAFirstFrameThatIsNotWholeInTimeIsAnswered(t *testing.T) {
	inRelay(t, func(r *Route) { r.Codec = newPlain() }, func(w *world) {
		c := w.client()
		for range 9 {
			c.raw("x")
			time.Sleep(time.Second)
		}
		c.silent()
		time.Sleep(time.Second)
		c.expect("! - fix too-large", "<EOF>")
		if n := w.relay(); n.Refused["slow"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestAClientHearsUnderItsIDThatNoBackendIsThere(t *testing.T) {
	inRelay(t, func(r *Route) { r.Codec = newPlain() }, func(w *world) {
		w.refuse.Store(true)
		c := w.client()
		c.send("K", "Q 5 good", "Q 6 good")
		c.expect("! 5 later backend-down", "<EOF>")
	})
	inRelay(t, func(r *Route) { r.Codec, r.Limits.Connections = newPlain(), 1 }, func(w *world) {
		w.client()
		w.client().expect("! - later busy", "<EOF>")
	})
}

func TestOnlyOneClientTriesABackendWhoseCircuitIsOpen(t *testing.T) {
	inRelay(t, func(r *Route) {
		r.Backends = []BackendConfig{{Name: "gone", Dial: neverConnects, Circuit: Circuit{Failures: 1, Rest: time.Minute}}, {Name: "b"}}
		r.Timeouts.Connect = 10 * time.Second
	}, func(w *world) {
		dials := func() uint64 { return w.g.Snapshot().Routes[0].Backends[0].Dials }
		for range 2 { // whosever turn it is, one of them finds it gone
			w.client()
			time.Sleep(11 * time.Second)
		}
		if n := dials(); n != 1 {
			t.Fatalf("%d dials before the rest, want 1", n)
		}
		time.Sleep(time.Minute)
		for range 10 {
			w.client()
		}
		if n := dials(); n != 2 {
			t.Errorf("%d dials, want 2: one client tries, the others go on to the next backend", n)
		}
		time.Sleep(11 * time.Second)
		if n := w.relay(); n.Open != 12 {
			t.Errorf("%d relays are open, want 12: %+v", n.Open, *n)
		}
	})
}

func TestOneFailureDoesNotKeepClientsFromTheOnlyBackend(t *testing.T) {
	inRelay(t, nil, func(w *world) {
		w.refuse.Store(true)
		w.client().expect("<EOF>")
		w.refuse.Store(false)
		w.client().send("hello")
		w.backend().expect("hello")
	})
}

func TestAStrangerMayNotComeWhereProxiesDo(t *testing.T) {
	inRelay(t, func(r *Route) { r.Relay.ProxyFrom = networks("192.0.2.0/24") }, func(w *world) {
		for range 3 {
			w.clientFrom("198.51.100.1:5").expect("<EOF>")
		}
		w.client().expect("<EOF>") // it has no address
		if n := w.relay(); n.Refused["proxy_header"] != 4 || len(w.dials) != 0 {
			t.Errorf("%d dials, counters %+v", len(w.dials), *n)
		}
	})
}

func TestBehindAProxyClientsAreCountedByTheirOwnAddress(t *testing.T) {
	inRelay(t, func(r *Route) {
		r.Relay.ProxyFrom, r.Limits.ConnectionsPerPeer = networks("192.0.2.0/24"), 1
		r.Relay.Allow = networks("10.0.0.0/8")
	}, func(w *world) {
		from := func(address string) *peer {
			c := w.clientFrom("192.0.2.1:5")
			c.raw("PROXY TCP4 " + address + " 10.9.9.9 4369 80\r\nhello\n")
			return c
		}
		one := from("10.0.0.1")
		w.backend().expect("hello")
		from("10.0.0.2")
		w.backend().expect("hello")
		from("10.0.0.1").expect("<EOF>")
		from("11.0.0.1").expect("<EOF>")
		n := w.relay()
		if n.Refused["connections_per_peer"] != 1 || n.Refused["address"] != 1 || n.Open != 2 {
			t.Errorf("counters: %+v", *n)
		}
		one.reset()
		from("10.0.0.1")
		w.backend().expect("hello")
	})
}

func TestTheProxyHeaderForABackendSaysWhatTheOneOfTheClientSaid(t *testing.T) {
	for _, x := range []struct{ came, goes string }{
		{"PROXY TCP4 10.0.0.1 10.0.0.2 4369 80\r\n", "PROXY TCP4 10.0.0.1 10.0.0.2 4369 80\r"},
		{"PROXY TCP6 2001:db8::1 2001:db8::2 4369 80\r\n", "PROXY TCP6 2001:db8::1 2001:db8::2 4369 80\r"},
		{"PROXY UNKNOWN\r\n", "PROXY TCP4 192.0.2.1 192.0.2.9 5 7000\r"},
	} {
		inRelay(t, func(r *Route) { r.Relay.ProxyFrom, r.Relay.SendProxy = networks("192.0.2.0/24"), 1 }, func(w *world) {
			c := w.clientFrom("192.0.2.1:5")
			c.raw(x.came + "hello\n")
			w.backend().expect(x.goes, "hello")
		})
	}
	// Both ends of a connection may be of different families where one is translated.
	four, six := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[2001:db8::1%eth0]:2")
	for version := 1; version <= 2; version++ {
		header := appendProxyHeader(nil, version, proxyHeader{six, four})
		h, n, err := readProxyHeader(header)
		if err != nil || n != len(header) || h.source != netip.MustParseAddrPort("[2001:db8::1]:2") || h.target != four {
			t.Errorf("version %d: got %v, %d, %v", version, h, n, err)
		}
	}
}

func TestRelaysAreCountedByWhatHasEndedThem(t *testing.T) {
	for _, x := range []struct {
		how string
		end func(c, b *peer)
	}{
		{"done", func(c, b *peer) { c.close(); b.close() }},
		{"client", func(c, _ *peer) { c.reset() }},
		{"backend", func(_, b *peer) { b.reset() }},
		{"idle", func(c, b *peer) { time.Sleep(2 * time.Hour) }},
		{"linger", func(c, b *peer) {
			_ = c.conn.CloseWrite()
			for range 70 {
				_, _ = b.conn.Write([]byte("x"))
				time.Sleep(time.Second)
			}
		}},
	} {
		inRelay(t, func(r *Route) { r.Relay.Linger = time.Minute }, func(w *world) {
			c := w.client()
			b := w.backend()
			c.send("hello")
			b.expect("hello")
			b.send("welcome")
			c.expect("welcome")
			if n := w.relay(); n.Open != 1 || n.ToBackend != 6 || n.ToClient != 8 {
				t.Errorf("%s: counters while it is open: %+v", x.how, *n)
			}
			x.end(c, b)
			synctest.Wait()
			if n := w.relay(); n.Ended[x.how] != 1 || n.Open != 0 || n.ToBackend != 6 {
				t.Errorf("%s: counters: %+v", x.how, *n)
			}
		})
	}
	inRelay(t, nil, func(w *world) {
		c := w.client()
		w.backend()
		_ = w.g.Close()
		if got := c.line(); !strings.Contains(got, "reset") {
			t.Errorf("got %q, want a reset", got)
		}
		if n := w.relay(); n.Ended["shutdown"] != 1 {
			t.Errorf("counters: %+v", *n)
		}
	})
}

func TestAClientThatIsResetDuringTheDialIsNotServed(t *testing.T) {
	for _, says := range []string{"", "something\n"} {
		var hold chan struct{}
		var far net.Conn
		inRelay(t, func(r *Route) {
			hold = make(chan struct{})
			r.Backends[0].Dial = func(context.Context) (net.Conn, error) {
				<-hold
				near, other := net.Pipe()
				far = other
				return near, nil
			}
		}, func(w *world) {
			c := w.client()
			if says != "" {
				c.raw(says)
			}
			c.reset()
			close(hold)
			synctest.Wait()
			got := make([]byte, 100)
			for n, err := far.Read(got); err == nil; n, err = far.Read(got) {
				if string(got[:n]) != says {
					t.Errorf("the backend got %q", got[:n])
				}
			}
			synctest.Wait()
			if n := w.relay(); n.Open+n.Waiting != 0 {
				t.Errorf("counters: %+v", *n)
			}
		})
	}
}

func TestTwoServerNamesAreRefused(t *testing.T) {
	name := func(host string) string {
		return "\x00\x00\x00" + string(byte(len(host)+5)) + "\x00" + string(byte(len(host)+3)) + "\x00\x00" + string(byte(len(host))) + host
	}
	hello := func(extensions string) []byte {
		body := "\x03\x03" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" + fmt.Sprintf("%c%c", len(extensions)>>8, len(extensions)) + extensions
		message := "\x01\x00" + fmt.Sprintf("%c%c", len(body)>>8, len(body)) + body
		return []byte("\x16\x03\x01" + fmt.Sprintf("%c%c", len(message)>>8, len(message)) + message)
	}
	if got, ok, err := readServerName(hello(name("a.org"))); got != "a.org" || !ok || err != nil {
		t.Fatalf("got %q, %v, %v", got, ok, err)
	}
	for _, bad := range []string{name("a.org") + name("b.org"), "\x00\x00\x00\x0b\x00\x09" + "\x00\x00\x01a" + "\x00\x00\x02bb"} {
		if got, ok, err := readServerName(hello(bad)); ok || err == nil {
			t.Errorf("got %q, %v, %v, want an error", got, ok, err)
		}
	}
	if got, ok, err := readServerName(append(hello("")[:len(hello(""))-2], 0, 1)); ok || err == nil {
		t.Errorf("extensions that are cut off: got %q, %v, %v, want an error", got, ok, err)
	}
}

// A ClientHello in many small pieces is not read anew from its beginning for each of them.
func TestAClientHelloByteByByteIsCheap(t *testing.T) {
	message := "\x01\x00\x3f\x00" + strings.Repeat("x", 0x3f00)
	hello := []byte("\x16\x03\x01\x3f\x04" + message)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for n := range hello {
		if _, ok, err := readServerName(hello[:n]); ok || err != nil {
			t.Fatalf("%d bytes: %v, %v", n, ok, err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("%d bytes were allocated", got)
	}
}

func TestCheckFindsWhatDoesNotGoTogetherInARelay(t *testing.T) {
	good := Route{Name: "r", Kind: Relay, Listen: ":0", Backends: []BackendConfig{{Address: "x"}}}
	for field, change := range map[string]func(*Route){
		"relay.server_names[1]":        func(r *Route) { r.Relay.ServerNames = []string{"a.example.org", "https://b"} },
		"relay.server_names[0]":        func(r *Route) { r.Relay.ServerNames = []string{"*"} },
		"relay.allow":                  func(r *Route) { r.Listen, r.Relay.Allow = "unix:/x", networks("10.0.0.0/8") },
		"relay.proxy_from":             func(r *Route) { r.Listen, r.Relay.ProxyFrom = "unix:/x", networks("10.0.0.0/8") },
		"limits.tunnel":                func(r *Route) { r.Limits.Tunnel = 100 },
		"limits.carry":                 func(r *Route) { r.Limits.Carry = 100 },
		"limits.frame":                 func(r *Route) { r.Limits.Frame = 100 },
		"timeouts.answer":              func(r *Route) { r.Timeouts.Answer = 1 },
		"timeouts.queue":               func(r *Route) { r.Timeouts.Queue = 1 },
		"timeouts.body":                func(r *Route) { r.Timeouts.Body = 1 },
		"timeouts.frame":               func(r *Route) { r.Timeouts.Frame = 1 },
		"retry_after":                  func(r *Route) { r.RetryAfter = 1 },
		"balance":                      func(r *Route) { r.Balance = LeastInFlight },
		"backends[0].circuit.failures": func(r *Route) { r.Backends = []BackendConfig{{Address: "x", Circuit: Circuit{Failures: -1}}} },
		"relay":                        func(r *Route) { r.Kind, r.Codec, r.Relay.EndTogether = Exchange, newPlain(), true },
	} {
		r := good
		change(&r)
		if err := (&Config{Routes: []Route{r}}).Check(); err == nil || !strings.Contains(err.Error(), "routes[0]."+field+":") {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestAClientThatLeavesDuringATryOfAnOpenCircuitLeavesItToTheNext(t *testing.T) {
	inRelay(t, func(r *Route) {
		r.Backends[0].Dial, r.Backends[0].Circuit = neverConnects, Circuit{Failures: 1, Rest: time.Minute}
		r.Timeouts.Connect = 10 * time.Second
	}, func(w *world) {
		dials := func() uint64 { return w.g.Snapshot().Routes[0].Backends[0].Dials }
		w.client().expect("<EOF>")
		w.client().expect("<EOF>") // the circuit is open: nobody is dialled
		time.Sleep(2 * time.Minute)
		w.client().reset()
		if n := dials(); n != 2 {
			t.Fatalf("%d dials, want 2", n)
		}
		w.client()
		if n := dials(); n != 3 {
			t.Errorf("%d dials, want 3", n)
		}
	})
}

func TestBothSidesOfARelayMayEndTogether(t *testing.T) {
	for _, together := range []bool{true, false} {
		for _, side := range []string{"client", "backend"} {
			inRelay(t, func(r *Route) { r.Relay.EndTogether = together }, func(w *world) {
				one := w.client()
				two := w.backend()
				if side == "backend" {
					one, two = two, one
				}
				two.send("taken before the end")
				one.send("all that I say")
				_ = one.conn.CloseWrite()
				two.expect("all that I say", "<EOF>")
				if !together {
					two.send("and still")
					one.expect("taken before the end", "and still")
					two.close()
				} else {
					one.expect("taken before the end")
				}
				one.expect("<EOF>")
				synctest.Wait()
				if n := w.relay(); n.Ended["done"] != 1 {
					t.Errorf("counters: %+v", *n)
				}
			})
		}
	}
}
