package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// BackendOptions say how a Backend misbehaves. The zero value answers everything at
// once, in order, once. A probability is from 0 to 1 and counts for each request.
type BackendOptions struct {
	// Seed makes the run repeatable.
	Seed uint64
	// Handler answers the requests. Nil: the method table of Methods for JSON-RPC, and for
	// others the request as it came.
	Handler Handler
	// Delay is how long each answer takes, and Jitter bounds what chance adds.
	Delay, Jitter time.Duration
	// Reorder is a number of answers that are gathered and sent in random order.
	Reorder int
	// Batch is a number of answers that are gathered and sent as one frame, where the
	// codec can. Requests that came as a batch are answered as one anyway.
	Batch int
	// Hold is how long Reorder and Batch wait for their number; 2 ms.
	Hold time.Duration
	// Miss is the probability of no answer.
	Miss float64
	// Late is the probability of an answer that takes LateBy longer; 1 s.
	Late   float64
	LateBy time.Duration
	// Twice is the probability of a second, equal answer.
	Twice float64
	// Stranger is the probability of one more answer with an ID that nobody asked for. It
	// needs a codec that is a protocol.Rewriter.
	Stranger float64
	// Garbage is the probability of one more frame that is no message.
	Garbage float64
	// CloseAfter closes a connection after so many answers, 0 never.
	CloseAfter int
	// Trace is told of each event. It is called from several goroutines.
	Trace func(Event)
}

// Event is something that happened at a Backend.
type Event struct {
	Conn int    // number of the connection, from 1
	What string // "connected", "request", "one-way", "answer", "no answer", "refused", "lost step", "closed", ...
	// Kind, ID and Name are those of the request concerned, if there is one.
	Kind protocol.Kind
	ID   string
	Name string
	// Size is the bytes of the message.
	Size int
	// Body is that of a request or an answer, a batch whole. It is good during the call.
	Body []byte
	// Err is why, of what went wrong.
	Err error
}

// BackendStats is what a Backend has counted.
type BackendStats struct {
	Connections uint64 // accepted
	Requests    uint64 // that want an answer, members of batches each for itself
	OneWays     uint64 // that want none
	Batches     uint64 // frames that held several requests
	Answers     uint64 // sent, notices included
	Bundles     uint64 // frames sent that held several answers
	Missed      uint64 // requests that got no answer on purpose
	Late        uint64
	Twice       uint64
	Strangers   uint64
	Garbage     uint64
	Refused     uint64 // frames and members that were no message
	OutOfStep   uint64 // connections closed for it
}

// Backend simulates a backend. It is safe for concurrent use.
type Backend struct {
	codec    protocol.Codec
	batching protocol.Batching // nil if the codec has no batches
	o        BackendOptions
	wg       sync.WaitGroup
	stop     chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool
	lns    map[net.Listener]struct{}
	conns  map[net.Conn]struct{}

	connections, requests, oneWays, batches, answers, bundles atomic.Uint64
	missed, late, twice, strangers, garbage, refused, lost    atomic.Uint64
}

// NewBackend returns a Backend that speaks codec. It has no connection yet.
func NewBackend(codec protocol.Codec, o BackendOptions) *Backend {
	if o.Handler == nil {
		o.Handler = defaultHandler(codec)
	}
	if o.Hold == 0 {
		o.Hold = 2 * time.Millisecond
	}
	if o.LateBy == 0 {
		o.LateBy = time.Second
	}
	b := &Backend{codec: codec, o: o, lns: map[net.Listener]struct{}{}, conns: map[net.Conn]struct{}{},
		stop: make(chan struct{})}
	b.batching, _ = codec.(protocol.Batching)
	return b
}

// Listen returns a Backend that serves an ephemeral port of the loopback address, and
// that address. Close ends it.
func Listen(codec protocol.Codec, o BackendOptions) (b *Backend, address string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("listen: %w", err)
	}
	b = NewBackend(codec, o)
	b.wg.Add(1)
	go b.listen(ln)
	return b, ln.Addr().String(), nil
}

func (b *Backend) listen(ln net.Listener) {
	defer b.wg.Done()
	_ = b.Serve(ln) // its error is the listener's end
}

// Serve serves the connections of ln, which it closes at the end. It blocks until
// Close, and returns nil then.
func (b *Backend) Serve(ln net.Listener) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ln.Close()
	}
	b.lns[ln] = struct{}{}
	b.mu.Unlock()
	for {
		conn, err := ln.Accept()
		if err != nil {
			_ = ln.Close()
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.lns, ln)
			if b.closed || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		b.ServeConn(conn)
	}
}

// ServeConn serves conn in goroutines of its own, and closes it at the end. It does
// not block.
func (b *Backend) ServeConn(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = conn.Close()
		return
	}
	b.conns[conn] = struct{}{}
	n := int(b.connections.Add(1))
	l := &link{b: b, conn: conn, n: n, in: make(chan answer, 1024), done: make(chan struct{}),
		rand: rand.New(rand.NewPCG(b.o.Seed, uint64(n)))}
	b.wg.Add(2)
	go l.requests()
	go l.answers()
}

func (b *Backend) forget(l *link) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, l.conn)
}

// Drop closes every connection at once, as a crash does, and goes on serving.
func (b *Backend) Drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.conns {
		_ = conn.Close()
	}
}

// Close closes listeners and connections and waits until every goroutine has ended.
func (b *Backend) Close() error {
	b.mu.Lock()
	if !b.closed {
		close(b.stop)
	}
	b.closed = true
	for ln := range b.lns {
		_ = ln.Close()
	}
	for conn := range b.conns {
		_ = conn.Close()
	}
	b.mu.Unlock()
	b.wg.Wait()
	return nil
}

// Stats returns what was counted so far.
func (b *Backend) Stats() BackendStats {
	return BackendStats{
		Connections: b.connections.Load(), Requests: b.requests.Load(), OneWays: b.oneWays.Load(), Batches: b.batches.Load(),
		Answers: b.answers.Load(), Bundles: b.bundles.Load(), Missed: b.missed.Load(), Late: b.late.Load(), Twice: b.twice.Load(),
		Strangers: b.strangers.Load(), Garbage: b.garbage.Load(), Refused: b.refused.Load(), OutOfStep: b.lost.Load(),
	}
}

// String says what repeats the run.
func (b *Backend) String() string {
	return fmt.Sprintf("backend of %s, seed %d", b.codec.Traits().Name, b.o.Seed)
}

func (b *Backend) trace(e Event) {
	if b.o.Trace != nil {
		b.o.Trace(e)
	}
}
