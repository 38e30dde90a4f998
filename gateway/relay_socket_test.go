package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// greeter is a server that speaks first, gives back what it gets, and then says goodbye.
func greeter(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("welcome"))
				if _, err := io.Copy(conn, conn); err == nil {
					_, _ = conn.Write([]byte("goodbye"))
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// relaying runs a relay on real sockets, and returns its address and what ends it.
func relaying(t *testing.T, change func(*Route)) (g *Gateway, address string, end func()) {
	t.Helper()
	r := Route{Name: "r", Kind: Relay, Listen: "127.0.0.1:0", Backends: []BackendConfig{{Address: greeter(t)}}}
	if change != nil {
		change(&r)
	}
	g, err := New(Config{Routes: []Route{r}, Shards: 2, Drain: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Serve(context.Background()); err != nil {
			t.Error(err)
		}
	})
	end = sync.OnceFunc(func() {
		_ = g.Close()
		wg.Wait()
		c := g.Snapshot().Routes[0].Relay
		if !balanced(c) || c.Waiting+c.Open != 0 || g.load() != 0 {
			t.Errorf("%d connections are left: %+v", g.load(), *c)
		}
	})
	t.Cleanup(end)
	return g, g.Addr("r").String(), end
}

// balanced reports whether every client that came is somewhere, once.
func balanced(c *RelayCounters) bool {
	sum := uint64(c.Waiting + c.Open)
	for _, by := range []map[string]uint64{c.Refused, c.Ended} {
		for _, n := range by {
			sum += n
		}
	}
	return c.Accepted == sum
}

func dialTCP(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn.(*net.TCPConn)
}

func TestManyRelaysOnRealSockets(t *testing.T) {
	g, address, end := relaying(t, nil)
	const clients = 1000
	tickets := make(chan struct{}, 50)
	var wg, watch sync.WaitGroup
	over := make(chan struct{})
	watch.Go(func() {
		moved := int64(0)
		for {
			c := g.Snapshot().Routes[0].Relay
			if !balanced(c) || c.ToBackend+c.ToClient < moved {
				t.Errorf("in the middle, after %d bytes: %+v", moved, *c)
				return
			}
			moved = c.ToBackend + c.ToClient
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for i := range clients {
		tickets <- struct{}{}
		wg.Go(func() {
			defer func() { <-tickets }()
			c := dialTCP(t, address)
			defer c.Close()
			said := bytes.Repeat([]byte{byte(i)}, 1+i*37%5000)
			if i%10 == 0 { // leaves in the middle
				_, _ = c.Write(said)
				if i%20 == 0 {
					_ = c.SetLinger(0)
				}
				return
			}
			if _, err := c.Write(said); err != nil {
				t.Error(err)
				return
			}
			_ = c.CloseWrite()
			got, err := io.ReadAll(c)
			if want := "welcome" + string(said) + "goodbye"; err != nil || string(got) != want {
				t.Errorf("client %d: got %d bytes and %v, want %d", i, len(got), err, len(want))
			}
		})
	}
	wg.Wait()
	close(over)
	watch.Wait()
	for end := time.Now().Add(20 * time.Second); g.load() > 0 && time.Now().Before(end); {
		tick := time.NewTimer(time.Millisecond)
		<-tick.C
	}
	c := g.Snapshot().Routes[0].Relay
	if c.Accepted != clients || c.Open+c.Waiting != 0 || g.load() != 0 || c.Ended["done"] < clients*9/10 {
		t.Errorf("%d connections are left: %+v", g.load(), *c)
	}
	end()
}

func TestABulkStreamThroughARelayIsTheSameAtTheOtherEnd(t *testing.T) {
	_, address, _ := relaying(t, nil)
	c := dialTCP(t, address)
	defer c.Close()
	const n = 64 << 20
	sent := sha256.New()
	go func() {
		seed := rand.NewChaCha8([32]byte{1})
		_, _ = io.CopyN(io.MultiWriter(c, sent), seed, n)
		_ = c.CloseWrite()
	}()
	if _, err := io.CopyN(io.Discard, c, 7); err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	if _, err := io.CopyN(got, c, n); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); string(rest) != "goodbye" || err != nil {
		t.Errorf("got %q and %v at the end", rest, err)
	}
	if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("the bytes are others")
	}
}

// Clients begin, and are dialled for, while the gateway is shut down.
func TestAShutdownInTheMiddleOfManyBeginnings(t *testing.T) {
	for range 20 {
		_, address, end := relaying(t, func(r *Route) { r.Codec = newPlain() })
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, err := net.DialTimeout("tcp", address, time.Second)
					if err != nil {
						continue
					}
					_, _ = c.Write([]byte("Q 1 hello\n"))
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
					if _, err := io.ReadAll(c); err == nil || errors.Is(err, io.EOF) {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
				}
			})
		}
		tick := time.NewTimer(10 * time.Millisecond)
		<-tick.C
		end()
		close(stop)
		wg.Wait()
	}
}

func TestARefusedBackendOnRealSockets(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	_, address, _ := relaying(t, func(r *Route) { r.Backends = []BackendConfig{{Address: nobody}} })
	c := dialTCP(t, address)
	defer c.Close()
	if got, err := io.ReadAll(c); len(got) > 0 || err != nil {
		t.Errorf("got %q and %v, want the end", got, err)
	}
}
