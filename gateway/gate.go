package gateway

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// gate is a listener, and the route that has who comes there. It may be given to another route while it is open.
type gate struct {
	at       string // Route.Listen; empty for a listener that was given
	listener net.Listener
	front    atomic.Pointer[front] // nil: nobody is taken yet
	shakes   handshakes
	log      *logrus.Entry
}

// openGate binds the listener of the route that conf describes, unless it brings one.
func openGate(conf *Route, log *logrus.Entry) (*gate, error) {
	if conf.Listener != nil {
		return &gate{listener: conf.Listener, log: log}, nil
	}
	network, address := splitAddress(conf.Listen)
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("route %s: %w", conf.Name, err)
	}
	return &gate{at: conf.Listen, listener: l, log: log}, nil
}

// serves reports whether conf asks for this listener.
func (g *gate) serves(conf *Route) bool {
	if conf.Listener != nil {
		return conf.Listener == g.listener
	}
	return g.at != "" && conf.Listen == g.at
}

// close closes the listener.
func (g *gate) close() error {
	if err := g.listener.Close(); err != nil && !isClosed(err) {
		return err
	}
	return nil
}

// accept gives each client that comes to the route, until the listener is closed.
func (g *gate) accept(ctx context.Context) {
	defer g.shakes.running.Wait()
	const first, last = 5 * time.Millisecond, time.Second
	for pause := first; ; {
		conn, err := g.listener.Accept()
		if err == nil {
			pause = first
			g.let(ctx, conn)
			continue
		}
		if ctx.Err() != nil || isClosed(err) {
			return
		}
		// Descriptors or memory have run out: others may end meanwhile.
		if g.log != nil {
			g.log.WithFields(logrus.Fields{"listen": g.listener.Addr().String(), "error": err.Error()}).Error("cannot accept connections; trying again")
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		pause = min(2*pause, last)
	}
}

// let lets conn in, after what its route wants settled first.
func (g *gate) let(ctx context.Context, conn net.Conn) {
	f := *g.front.Load()
	if p := f.preface(); p.wanted() {
		g.shake(ctx, conn, p)
		return
	}
	f.admit(conn, conn.RemoteAddr().String())
}
