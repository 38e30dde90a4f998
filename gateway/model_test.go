package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// TestModel runs random clients and backends against the invariants: every request
// carries a nonce of its own, and whatever comes back under an ID must be the answer to
// the request that its client sent under it (I1), once (I2, with wait notices before it),
// in every mode, with batches on either side, links that are lost, answers that are
// late, doubled and forged, and clients that leave. At the end the counters balance
// (I13) and nothing is left (I10, by goleak).
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any // a failure is a panic, which must not end a goroutine of the bubble
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			runModel(t, rt)
		})
		if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
			panic(failure) // from a place of its own: rapid tells failures apart by that
		}
		if failure != nil {
			panic(failure)
		}
	})
}

type model struct {
	*rapid.T
	g       *Gateway
	mode    protocol.Mode
	ordered bool
	conns   chan net.Conn
	clients []*modelClient
	links   []*modelLink
	dialed  chan *tunneltest.Conn
	nonce   int
}

// modelClient is a client and what it may still hear.
type modelClient struct {
	conn *tunneltest.Conn
	r    *bufio.Reader
	open map[string]*modelRequest // by ID
	seq  int
	gone bool
}

type modelRequest struct {
	nonce string
	id    string
	heard bool // a wait notice

}

// modelLink is one backend connection and what it was asked.
type modelLink struct {
	conn *tunneltest.Conn
	r    *bufio.Reader
	open []string // requests as they came, without kind: "ticket nonce"
	done []string // tickets that were answered
	dead bool
}

func runModel(t *testing.T, rt *rapid.T) {
	m := &model{T: rt, conns: make(chan net.Conn), dialed: make(chan *tunneltest.Conn, 1000)}
	m.mode = rapid.SampledFrom([]protocol.Mode{protocol.Rewrite, protocol.Key, protocol.FIFO, protocol.Exclusive}).Draw(rt, "mode")
	m.ordered = rapid.Bool().Draw(rt, "ordered")
	codec := newPlain(func(tr *protocol.Traits) { tr.Ordered = m.ordered })
	r := Route{Name: "model", Listener: newMemListener(m.conns), Codec: codec, Mode: new(m.mode),
		Backends: []BackendConfig{{Name: "b", Connections: rapid.IntRange(1, 3).Draw(rt, "connections"), Dial: m.dial,
			InFlight: rapid.IntRange(1, 8).Draw(rt, "in flight"), Circuit: Circuit{Failures: 1000}, Strikes: 1000}},
		Limits: Limits{InFlight: rapid.SampledFrom([]int{2, 100}).Draw(rt, "client in flight")}, Timeouts: Timeouts{Idle: -1},
		Balance: rapid.SampledFrom([]Balance{RoundRobin, LeastInFlight}).Draw(rt, "balance")}
	if m.mode == protocol.Exclusive {
		r.Backends[0].InFlight = 1
	} else if n := rapid.IntRange(0, r.Backends[0].InFlight).Draw(rt, "batch"); n > 1 {
		r.Backends[0].Batch = BatchConfig{Max: n, Linger: rapid.SampledFrom([]time.Duration{0, time.Millisecond}).Draw(rt, "linger")}
	} else if n := rapid.IntRange(0, r.Backends[0].InFlight).Draw(rt, "window"); n > 0 {
		r.Backends[0].Window = n
		r.Backends[0].Gap = rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond}).Draw(rt, "gap")
	}
	if !m.ordered {
		r.Wait = WaitConfig{On: rapid.Bool().Draw(rt, "wait"), After: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "wait after")}
	}
	var err error
	if m.g, err = New(Config{Routes: []Route{r}, Pump: true, Shards: rapid.IntRange(1, 3).Draw(rt, "shards")}); err != nil {
		rt.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = m.g.Serve(ctx) })
	defer func() {
		cancel()
		m.hangUp()
		wg.Wait()
	}()
	synctest.Wait()
	rt.Repeat(map[string]func(*rapid.T){
		"connect":      m.connect,
		"request":      m.request,
		"request ":     m.request, // most of what happens
		"request  ":    m.request,
		"batch":        m.batch,
		"invalid":      m.invalid,
		"one-way":      m.oneWay,
		"leave":        m.leave,
		"answer":       m.answer,
		"answer ":      m.answer,
		"answer batch": m.answerBatch,
		"answer again": m.answerAgain,
		"forge":        m.forge,
		"lose a link":  m.lose,
		"time passes":  m.pass,
		"":             m.check,
	})
	m.settle()
}

func (m *model) dial(context.Context) (net.Conn, error) {
	near, far := tunneltest.Pipe(256 << 10)
	m.dialed <- far
	return near, nil
}

func (m *model) connect(t *rapid.T) {
	if len(m.clients) > 5 {
		t.Skip()
	}
	near, far := tunneltest.Pipe(256 << 10)
	m.conns <- near
	m.clients = append(m.clients, &modelClient{conn: far, r: bufio.NewReader(far), open: map[string]*modelRequest{}})
}

// client draws one that is there.
func (m *model) client(t *rapid.T) *modelClient {
	if len(m.clients) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(m.clients).Draw(t, "client")
}

// next makes a request. In the modes that cannot rewrite IDs these are different for
// each client; elsewhere all clients use the same.
func (m *model) next(t *rapid.T, c *modelClient) string {
	m.nonce++
	c.seq++
	id := fmt.Sprint(c.seq)
	if m.mode != protocol.Rewrite {
		id = fmt.Sprintf("n%d", m.nonce)
	}
	q := &modelRequest{id: id, nonce: fmt.Sprintf("nonce%d", m.nonce)}
	c.open[id] = q
	return "Q " + id + " " + q.nonce
}

func (m *model) request(t *rapid.T) {
	c := m.client(t)
	c.send(m.next(t, c))
}

func (m *model) batch(t *rapid.T) {
	c := m.client(t)
	var members []string
	for range rapid.IntRange(1, 4).Draw(t, "members") {
		members = append(members, m.next(t, c))
	}
	c.send("B " + strings.Join(members, "|"))
}

func (m *model) invalid(t *rapid.T) {
	c := m.client(t)
	c.send(m.next(t, c) + " bad")
}

func (m *model) oneWay(t *rapid.T) {
	c := m.client(t)
	m.nonce++
	c.send(fmt.Sprintf("N nonce%d", m.nonce))
}

func (m *model) leave(t *rapid.T) {
	c := m.client(t)
	if rapid.Bool().Draw(t, "reset") {
		_ = c.conn.SetLinger(0)
	}
	_ = c.conn.Close()
	m.forget(c)
}

func (m *model) forget(c *modelClient) {
	for i, o := range m.clients {
		if o == c {
			m.clients = append(m.clients[:i], m.clients[i+1:]...)
		}
	}
}

// link draws one that has something to answer. It answers in order where it must.
func (m *model) link(t *rapid.T) (l *modelLink, i int) {
	var with []*modelLink
	for _, l := range m.links {
		if len(l.open) > 0 && !l.dead {
			with = append(with, l)
		}
	}
	if len(with) == 0 {
		t.Skip()
	}
	l = rapid.SampledFrom(with).Draw(t, "link")
	if m.mode == protocol.Rewrite || m.mode == protocol.Key {
		i = rapid.IntRange(0, len(l.open)-1).Draw(t, "which")
	}
	return l, i
}

func (l *modelLink) take(i int) string {
	q := l.open[i]
	l.open = append(l.open[:i], l.open[i+1:]...)
	ticket, _, _ := strings.Cut(q, " ")
	l.done = append(l.done, ticket)
	return q
}

func (m *model) answer(t *rapid.T) {
	l, i := m.link(t)
	l.send("A " + l.take(i))
}

func (m *model) answerBatch(t *rapid.T) {
	l, _ := m.link(t)
	var members []string
	for len(l.open) > 0 {
		i := 0
		if m.mode == protocol.Rewrite || m.mode == protocol.Key {
			i = rapid.IntRange(0, len(l.open)-1).Draw(t, "which")
		}
		members = append(members, "A "+l.take(i))
	}
	l.send("B " + strings.Join(members, "|"))
}

// answerAgain answers what was answered, where that can be told from an answer.
func (m *model) answerAgain(t *rapid.T) {
	if m.mode != protocol.Rewrite && m.mode != protocol.Key || len(m.links) == 0 {
		t.Skip()
	}
	l := rapid.SampledFrom(m.links).Draw(t, "link")
	if len(l.done) == 0 || l.dead {
		t.Skip()
	}
	l.send("A " + rapid.SampledFrom(l.done).Draw(t, "ticket") + " foreign")
}

func (m *model) forge(t *rapid.T) {
	if m.mode != protocol.Rewrite && m.mode != protocol.Key || len(m.links) == 0 {
		t.Skip()
	}
	l := rapid.SampledFrom(m.links).Draw(t, "link")
	l.send(fmt.Sprintf("A %d foreign", rapid.Uint64Range(0, 1<<20).Draw(t, "guess")))
}

func (m *model) lose(t *rapid.T) {
	if len(m.links) == 0 {
		t.Skip()
	}
	l := rapid.SampledFrom(m.links).Draw(t, "link")
	if rapid.Bool().Draw(t, "reset") {
		_ = l.conn.SetLinger(0)
	}
	_ = l.conn.Close()
	l.dead = true
}

func (m *model) pass(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 6 * time.Second, 31 * time.Second}).Draw(t, "time"))
}

// check reads whatever has come and holds it against the model.
func (m *model) check(t *rapid.T) {
	synctest.Wait()
	for len(m.dialed) > 0 {
		far := <-m.dialed
		m.links = append(m.links, &modelLink{conn: far, r: bufio.NewReader(far)})
	}
	for _, l := range m.links {
		for !l.dead {
			line, ok := read(l.conn, l.r)
			if !ok {
				break
			}
			if line == "" {
				l.dead = true
				break
			}
			for _, q := range messages(line) {
				if strings.HasPrefix(q, "N nonce") {
					continue
				}
				if !strings.HasPrefix(q, "Q ") || strings.Contains(q, "bad") {
					t.Fatalf("the backend got %q", q) // I3
				}
				l.open = append(l.open, q[2:])
			}
		}
	}
	for _, c := range m.clients {
		for {
			line, ok := read(c.conn, c.r)
			if !ok {
				break
			}
			if line == "" {
				c.gone = true
				break
			}
			for _, a := range messages(line) {
				c.hear(t, a)
			}
		}
	}
	for _, c := range append([]*modelClient(nil), m.clients...) {
		if c.gone {
			m.forget(c)
		}
	}
}

// hear holds one message for a client against what it has open.
func (c *modelClient) hear(t *rapid.T, line string) {
	f := strings.Fields(line)
	q := c.open[f[1]]
	if q == nil {
		t.Fatalf("heard %q, and has nothing open under that ID", line) // I2
	}
	switch f[0] {
	case "W":
		if q.heard {
			t.Fatalf("heard Wait twice: %q", line)
		}
		q.heard = true
		return
	case "A":
		if f[2] != q.nonce {
			t.Fatalf("heard %q, but sent %s under that ID", line, q.nonce) // I1
		}
	case "!":
		if f[2] == "duplicate" {
			t.Fatalf("heard %q, though every ID is used once", line)
		}
	default:
		t.Fatalf("heard %q", line)
	}
	delete(c.open, f[1])
}

// settle lets everything that is open come to its end: then nobody waits for anything. Where answers keep an order a
// client's requests wait for its own, each for as long as an answer may take.
func (m *model) settle() {
	for range 60 {
		m.check(m.T)
		time.Sleep(time.Minute)
	}
	m.check(m.T)
	for _, c := range m.clients {
		for id, q := range c.open {
			m.Fatalf("%s, %s, was never answered", id, q.nonce)
		}
	}
	c := m.g.Snapshot().Routes[0].Counters
	if c.Queued != 0 || c.InFlight != 0 || c.Received != c.Forwarded+c.Refused || c.Forwarded != c.Answered+c.Failed+c.Expired+c.Abandoned {
		m.Fatalf("the counters do not balance: %+v", c)
	}
}

// hangUp closes what the model holds.
func (m *model) hangUp() {
	for _, c := range m.clients {
		_ = c.conn.Close()
	}
	for _, l := range m.links {
		_ = l.conn.Close()
	}
	for len(m.dialed) > 0 {
		_ = (<-m.dialed).Close()
	}
}

func (c *modelClient) send(line string) { _, _ = io.WriteString(c.conn, line+"\n") }

func (l *modelLink) send(line string) { _, _ = io.WriteString(l.conn, line+"\n") }

// messages takes a batch apart.
func messages(line string) []string {
	if rest, ok := strings.CutPrefix(line, "B "); ok {
		return strings.Split(rest, "|")
	}
	return []string{line}
}

// read returns a line that is there, "" at the end of the stream, and false if there is
// nothing.
func read(conn *tunneltest.Conn, r *bufio.Reader) (string, bool) {
	_ = conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	line, err := r.ReadString('\n')
	switch {
	case err == nil:
		return strings.TrimSuffix(line, "\n"), true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", false
	}
	return "", true
}
