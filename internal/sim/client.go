package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// ClientOptions say what a Client does.
type ClientOptions struct {
	// Seed and Number make the nonces, which differ if one of them does.
	Seed   uint64
	Number int
	// Speech is how it talks. It must be given.
	Speech Speech
	// Window is the number of requests that are open at once; 8.
	Window int
	// Batch is the number of requests in one frame, where the codec can; 1.
	Batch int
	// Deadline is how long an answer may take; 10 s.
	Deadline time.Duration
	// Linger is how long it listens after the last answer, for what should not come.
	Linger time.Duration
}

// ClientStats is what Clients have counted.
type ClientStats struct {
	Sent     int // requests
	Answered int // with their own nonce
	Refused  int // with an error, or a notice
	Waits    int // wait notices
	Latency  time.Duration
	// Max is the longest that one answer took; Latency is the sum of all.
	Max time.Duration
}

// Add adds o to s.
func (s *ClientStats) Add(o ClientStats) {
	s.Sent += o.Sent
	s.Answered += o.Answered
	s.Refused += o.Refused
	s.Waits += o.Waits
	s.Latency += o.Latency
	s.Max = max(s.Max, o.Max)
}

// Client sends requests and finds out whether what it gets back is its own. It is
// good for one Run and not safe for concurrent use.
type Client struct {
	conn  net.Conn
	codec protocol.Codec
	o     ClientOptions
	batch protocol.Batching
	rand  *rand.Rand
	stats ClientStats
	sent  map[string]*call // by ID, all of them: none is used twice
	open  int
	buf   []byte
	wrong []error
}

// call is one request.
type call struct {
	nonce string
	at    time.Time
	final bool
}

// NewClient returns a Client on conn, which Run closes.
func NewClient(conn net.Conn, codec protocol.Codec, o ClientOptions) *Client {
	if o.Window == 0 {
		o.Window = 8
	}
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	c := &Client{conn: conn, codec: codec, o: o, sent: map[string]*call{},
		rand: rand.New(rand.NewPCG(o.Seed, uint64(o.Number)))}
	if b, ok := codec.(protocol.Batching); ok && o.Batch > 1 {
		c.batch = b
		c.o.Window = max(o.Window, o.Batch)
	}
	return c
}

// String says what repeats the run.
func (c *Client) String() string {
	return fmt.Sprintf("client %d, seed %d", c.o.Number, c.o.Seed)
}

// Run sends n requests and blocks until each has its answer, something is wrong or ctx
// is done. Its error names every foreign nonce, second final answer, wait notice after
// the answer, and request without an answer.
func (c *Client) Run(ctx context.Context, n int) (ClientStats, error) {
	defer c.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := NewStream(c.conn, c.codec, protocol.FromBackend)
	var m protocol.Message
	for c.stats.Sent < n || c.open > 0 || c.o.Linger > 0 {
		if err := c.fill(n); err != nil {
			c.bad(fmt.Errorf("send: %w", err))
			break
		}
		wait := c.o.Deadline
		if c.open == 0 {
			wait = c.o.Linger
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			c.bad(err)
			break
		}
		if ctx.Err() != nil {
			break
		}
		if _, err := s.Next(&m); err != nil {
			if ctx.Err() == nil && c.open > 0 {
				c.bad(fmt.Errorf("%d of %d requests have no answer: %w", c.open, c.stats.Sent, err))
			}
			break
		}
		c.frame(&m)
		if len(c.wrong) >= maxWrong {
			break
		}
	}
	if len(c.wrong) == 0 && ctx.Err() != nil {
		c.wrong = append(c.wrong, context.Cause(ctx))
	}
	if len(c.wrong) > 0 {
		return c.stats, fmt.Errorf("%v: %w", c, errors.Join(c.wrong...))
	}
	return c.stats, nil
}

// maxWrong is the number of mistakes after which a Client gives up.
const maxWrong = 10

func (c *Client) bad(err error) { c.wrong = append(c.wrong, err) }

// fill sends until the window is full or n are sent.
func (c *Client) fill(n int) error {
	c.buf = c.buf[:0]
	size := 1
	if c.batch != nil {
		size = c.o.Batch
	}
	for c.open+min(size, n-c.stats.Sent) <= c.o.Window && c.stats.Sent < n {
		var bodies [][]byte
		for range min(size, n-c.stats.Sent) {
			bodies = append(bodies, c.request())
		}
		body := bodies[0]
		if len(bodies) > 1 {
			var err error
			if body, err = c.batch.AppendBatch(nil, bodies); err != nil {
				return err
			}
		}
		var err error
		if c.buf, err = appendFrame(c.buf, c.codec, nil, body); err != nil {
			return err
		}
	}
	if len(c.buf) == 0 {
		return nil
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.o.Deadline))
	_, err := c.conn.Write(c.buf)
	return err
}

func (c *Client) request() []byte {
	id := c.o.Speech.ID(c.stats.Sent)
	x := &call{nonce: c.nonce(), at: time.Now()}
	c.sent[string(id)] = x
	c.stats.Sent++
	c.open++
	return c.o.Speech.Request(nil, id, x.nonce)
}

// noncePrefix begins every nonce, so that a foreign one is seen to be one.
const noncePrefix = "Nx"

// nonce returns the next nonce: no other client, seed or request has it but by a
// chance of one in 2^56.
func (c *Client) nonce() string {
	return fmt.Sprintf("%s%014x", noncePrefix, c.rand.Uint64()>>8)
}

// frame looks at one frame: a message, or a batch of them.
func (c *Client) frame(m *protocol.Message) {
	if m.Kind == protocol.Keepalive || m.Kind == protocol.SignOn {
		if s, ok := c.codec.(protocol.Sessioning); ok {
			if reply, err := s.AppendReply(nil, m); err == nil && len(reply) > 0 {
				_, _ = c.conn.Write(reply) // a broken connection shows itself when it is read
			}
		}
		return
	}
	err := Each(c.codec, m, func(m *protocol.Message, err error) {
		if err != nil {
			c.bad(fmt.Errorf("member of a batch: %w", err))
			return
		}
		c.message(m)
	})
	if err != nil {
		c.bad(err)
	}
}

func (c *Client) message(m *protocol.Message) {
	if id, ok := c.o.Speech.Wait(m); ok {
		c.stats.Waits++
		if x := c.sent[string(id)]; x == nil {
			c.bad(fmt.Errorf("wait notice for %q, which was not asked", id))
		} else if x.final {
			c.bad(fmt.Errorf("wait notice for %q after its answer", id))
		}
		return
	}
	if m.Kind != protocol.Response {
		c.bad(fmt.Errorf("got a message of kind %s", m.Kind))
		return
	}
	x := c.sent[string(m.ID)]
	switch {
	case x == nil:
		c.bad(fmt.Errorf("answer to %q, which was not asked", m.ID))
		return
	case x.final:
		c.bad(fmt.Errorf("second answer to %q", m.ID))
		return
	case m.More:
		return
	}
	x.final = true
	c.open--
	took := time.Since(x.at)
	c.stats.Latency += took
	c.stats.Max = max(c.stats.Max, took)
	switch {
	case bytes.Contains(m.Body, []byte(x.nonce)):
		c.stats.Answered++
	case bytes.Contains(m.Body, []byte(noncePrefix)):
		c.bad(fmt.Errorf("answer to %q has a foreign nonce, want %s", m.ID, x.nonce))
	default:
		c.stats.Refused++
		if !m.Failed && c.marked() {
			c.bad(fmt.Errorf("answer to %q has no nonce, want %s", m.ID, x.nonce))
		}
	}
}

// marked tells whether the protocol marks each answer that says no: one that is not JSON
// may refuse in a record that looks like any other.
func (c *Client) marked() bool { return c.codec.Traits().JSON }
