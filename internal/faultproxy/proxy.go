// Package faultproxy is a proxy for tests that stands between any two ends of a
// stream and does what networks and peers do to it: late, in slices, slow, cut off,
// silent, with a bit wrong, and, as it can be told where frames end, with frames
// lost, doubled and out of order.
//
// Every decision comes from one seed, which String prints. A decision depends on the
// seed, the number of the connection, the direction and the place in the stream, not
// on how the bytes happened to be cut into reads, so that a run can be repeated. Two
// things depend on the clock too: where a Delay is drawn anew, which is at the start of
// each read or frame, and a ReorderFrames whose hold has passed.
package faultproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
)

// Config says what a Proxy does.
type Config struct {
	// Seed is where every decision comes from; 0 has one chosen at random.
	Seed uint64
	// Dial opens the connection to the backend, once for each connection that Serve
	// accepts. Ctx is done when the proxy is closed. It may be nil if only Join is used.
	Dial func(ctx context.Context) (net.Conn, error)
	// ToBackend and ToClient are what happens on the way to each end.
	ToBackend, ToClient []Fault
	// Split finds the frames in both directions, if there are faults that concern whole
	// frames. It keeps nothing between two calls. What it skips goes with the next
	// frame; after an error the rest of the stream passes as plain bytes.
	Split bufio.SplitFunc
}

// Proxy connects clients to a backend and does to their streams what its Config says.
// It is safe for concurrent use.
type Proxy struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	counts counts

	mu        sync.Mutex
	closed    bool
	accepted  uint64 // connections so far; the next one's number
	listeners map[net.Listener]bool
	conns     map[net.Conn]bool
}

// New returns a proxy that does as cfg says. It panics if a fault of cfg concerns
// frames and cfg has no Split, as that is a mistake in the test.
func New(cfg Config) *Proxy {
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	for _, f := range append(append([]Fault(nil), cfg.ToBackend...), cfg.ToClient...) {
		if f.kind.framed() && cfg.Split == nil {
			panic("faultproxy: " + f.String() + ": Config.Split is nil")
		}
	}
	p := &Proxy{cfg: cfg, listeners: map[net.Listener]bool{}, conns: map[net.Conn]bool{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// String returns the seed and the faults, which is all that it takes to repeat a run.
func (p *Proxy) String() string {
	return fmt.Sprintf("faultproxy: seed %d; to backend: %s; to client: %s",
		p.cfg.Seed, list(p.cfg.ToBackend), list(p.cfg.ToClient))
}

func list(faults []Fault) string {
	if len(faults) == 0 {
		return "nothing"
	}
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = f.String()
	}
	return strings.Join(texts, ", ")
}

// Count returns how often the faults of that name, such as "reset" or "drop-frames",
// have happened so far. Faults that always happen (delay, bandwidth) count pieces.
func (p *Proxy) Count(name string) int { return p.counts.of(name) }

// Serve accepts from ln and joins each connection to one from Config.Dial, until ln
// fails or the proxy is closed. It returns nil in the second case. If the backend
// cannot be reached the client is reset. Close closes ln.
func (p *Proxy) Serve(ln net.Listener) error {
	if !p.listen(ln) {
		_ = ln.Close()
		return nil
	}
	defer p.wg.Done()
	for {
		client, err := ln.Accept()
		if err != nil {
			if p.ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("accept: %w", err)
		}
		if n, ok := p.join(client); ok {
			go p.serve(n, client)
		}
	}
}

// listen notes ln and counts Serve among what Close waits for, unless p is closed.
func (p *Proxy) listen(ln net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.listeners[ln] = true
	p.wg.Add(1)
	return true
}

// join notes conns as a new connection and returns its number. It is false, and they
// are closed, if p is.
func (p *Proxy) join(conns ...net.Conn) (n uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		for _, c := range conns {
			_ = c.Close()
		}
		return 0, false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	p.accepted++
	p.wg.Add(1)
	return p.accepted - 1, true
}

// serve connects client, which is number n, to the backend until both are done.
func (p *Proxy) serve(n uint64, client net.Conn) {
	defer p.wg.Done()
	backend, err := p.dial()
	if err != nil {
		reset(client)
		p.forget(client)
		return
	}
	if !p.add(backend) {
		return
	}
	newLink(p, n, client, backend).run()
}

func (p *Proxy) dial() (net.Conn, error) {
	if p.cfg.Dial == nil {
		return nil, errors.New("no Dial")
	}
	return p.cfg.Dial(p.ctx)
}

// add notes c, which Close then closes, or closes it if p is closed.
func (p *Proxy) add(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

// Join does with client and backend as Serve does with what it accepts. It takes both
// over and returns when no bytes can pass any more in either direction.
func (p *Proxy) Join(client, backend net.Conn) {
	n, ok := p.join(client, backend)
	if !ok {
		return
	}
	defer p.wg.Done()
	newLink(p, n, client, backend).run()
}

// Reset resets every connection that is open now, at both ends. Later ones are served.
func (p *Proxy) Reset() {
	for _, c := range p.open() {
		reset(c)
	}
}

// open returns the connections that are open now.
func (p *Proxy) open() []net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := make([]net.Conn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	return conns
}

// forget closes c and strikes it from what Close closes.
func (p *Proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Close closes the listeners and every connection, the black ones too, and waits for
// all goroutines of p. It may be called more than once.
func (p *Proxy) Close() {
	p.shut()
	p.wg.Wait()
}

func (p *Proxy) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cancel()
	for ln := range p.listeners {
		_ = ln.Close()
	}
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.listeners)
	clear(p.conns)
}
