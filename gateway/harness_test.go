package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a gateway with one route, in memory and in fake time, and what a test holds of it.
type world struct {
	t       *testing.T
	g       *Gateway
	clients chan net.Conn // to the listener
	dials   chan *peer    // backend connections, as they are made
	refuse  atomic.Bool   // dials fail
	only    *peer         // the backend connection of a test with one
}

// inWorld runs f in a bubble with a gateway that change has made of a default route.
func inWorld(t *testing.T, change func(*Route), f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, clients: make(chan net.Conn), dials: make(chan *peer, 1000)}
		r := Route{Name: "r", Listener: newMemListener(w.clients), Codec: newPlain(), Backends: []BackendConfig{{Name: "b", Connections: 1}},
			Limits: Limits{Frame: 1 << 10}}
		if change != nil {
			change(&r)
		}
		for i := range r.Backends {
			if r.Backends[i].Dial == nil {
				r.Backends[i].Dial = w.dial
			}
		}
		g, err := New(Config{Routes: []Route{r}, Pump: true, Shards: 2})
		if err != nil {
			t.Fatal(err)
		}
		w.g = g
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.Serve(ctx); err != nil {
				t.Error(err)
			}
		})
		defer func() { // after a Fatal too
			cancel()
			wg.Wait()
			w.balance()
		}()
		synctest.Wait()
		f(w)
	})
}

func (w *world) dial(context.Context) (net.Conn, error) {
	if w.refuse.Load() {
		return nil, fmt.Errorf("refused")
	}
	near, far := tunneltest.Pipe(64 << 10)
	w.dials <- newPeer(w.t, "backend", far)
	return near, nil
}

// client returns a new client.
func (w *world) client() *peer {
	near, far := tunneltest.Pipe(64 << 10)
	w.clients <- near
	synctest.Wait()
	return newPeer(w.t, "client", far)
}

// backend returns the next backend connection that was made.
func (w *world) backend() *peer {
	w.t.Helper()
	select {
	case p := <-w.dials:
		synctest.Wait()
		return p
	case <-time.After(time.Hour):
		w.t.Fatal("no backend connection was made")
		return nil
	}
}

func (w *world) counters() Counters { return w.g.Snapshot().Routes[0].Counters }

// balance holds the sums of I13.
func (w *world) balance() {
	w.t.Helper()
	if len(w.g.routes) == 0 {
		n := w.relay()
		sum := uint64(0)
		for _, by := range []map[string]uint64{n.Refused, n.Ended} {
			for _, k := range by {
				sum += k
			}
		}
		if n.Accepted != sum || n.Waiting+n.Open != 0 {
			w.t.Errorf("accepted %d, and %d have ended: %+v", n.Accepted, sum, *n)
		}
		return
	}
	c := w.counters()
	if c.Received != c.Forwarded+c.Refused+c.Joined+uint64(c.Queued) {
		w.t.Errorf("received %d is not forwarded %d + refused %d + joined %d + queued %d", c.Received, c.Forwarded, c.Refused, c.Joined, c.Queued)
	}
	if sum := c.Answered + c.Failed + c.Expired + c.Abandoned + uint64(c.InFlight); c.Forwarded != sum {
		w.t.Errorf("forwarded %d is not answered %d + failed %d + expired %d + abandoned %d + in flight %d",
			c.Forwarded, c.Answered, c.Failed, c.Expired, c.Abandoned, c.InFlight)
	}
	if n := w.g.routes[0].debts.all.Load(); c.InFlight == 0 && n != 0 {
		w.t.Errorf("%d requests of clients that have left are held against others, and none is in flight", n)
	}
	for _, m := range w.g.routes[0].mirrors {
		s := m.snapshot()
		if n := s.Copied + s.Missed + uint64(s.Waiting); n != c.Forwarded && !m.conf.Results {
			w.t.Errorf("mirror %s: forwarded %d is not copied %d + missed %d + waiting %d", s.Name, c.Forwarded, s.Copied, s.Missed, s.Waiting)
		}
		if held := m.backlog.reserved; held != 0 {
			w.t.Errorf("mirror %s: %d bytes are still reserved", s.Name, held)
		}
	}
}

// peer is the other end of a connection of the gateway.
type peer struct {
	t    *testing.T
	name string
	conn *tunneltest.Conn
	r    *bufio.Reader
}

func newPeer(t *testing.T, name string, conn *tunneltest.Conn) *peer {
	return &peer{t: t, name: name, conn: conn, r: bufio.NewReader(conn)}
}

// send writes lines.
func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	synctest.Wait()
}

// line reads one line, or says how the stream ended.
func (p *peer) line() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	line, err := p.r.ReadString('\n')
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return strings.TrimSuffix(line, "\n")
}

// expect reads lines and compares them.
func (p *peer) expect(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		if got := p.line(); got != want {
			p.t.Fatalf("%s: got %q, want %q", p.name, got, want)
		}
	}
}

// request reads a request and returns its ticket and its text.
func (p *peer) request() (ticket, text string) {
	p.t.Helper()
	line := p.line()
	if !strings.HasPrefix(line, "Q ") {
		p.t.Fatalf("%s: got %q, want a request", p.name, line)
	}
	ticket, text, _ = strings.Cut(line[2:], " ")
	return ticket, text
}

// silent fails if something is there to be read.
func (p *peer) silent() {
	p.t.Helper()
	synctest.Wait()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	if b, err := p.r.Peek(1); err == nil {
		line, _ := p.r.ReadString('\n')
		p.t.Fatalf("%s: got %q, want nothing", p.name, string(b[:0])+line)
	}
}

func (p *peer) close() {
	_ = p.conn.Close()
	synctest.Wait()
}

// memListener accepts what comes through a channel.
type memListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemListener(conns chan net.Conn) *memListener {
	return &memListener{conns: conns, closed: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

var _ protocol.Codec = (*plain)(nil)
