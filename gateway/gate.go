package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// gate is a listener, and the route that has who comes there. It may be given to another route while it is open.
type gate struct {
	at       string // Route.Listen; empty for a listener that was given
	listener net.Listener
	front    atomic.Pointer[front] // nil: nobody is taken yet
	shakes   handshakes
	spare    *os.File // that is given up to turn clients away when descriptors have run out
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
	g.save()
	defer g.spend()
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
		(*g.front.Load()).entrance().starved.Add(1)
		if g.log != nil {
			g.log.WithFields(logrus.Fields{"listen": g.listener.Addr().String(), "error": err.Error()}).Error("cannot accept connections; trying again")
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			g.turnAway()
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

// save keeps a descriptor for when there are no more.
func (g *gate) save() { g.spare, _ = os.Open(os.DevNull) } // without it nobody is turned away, and they wait

func (g *gate) spend() {
	if g.spare != nil {
		_ = g.spare.Close()
		g.spare = nil
	}
}

// turnAway closes the connection of who has waited the longest to be let in, for which there is no descriptor, so that he knows.
func (g *gate) turnAway() {
	if g.spare == nil {
		return
	}
	g.spend()
	defer g.save()
	l, ok := g.listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return
	}
	_ = l.SetDeadline(time.Now().Add(10 * time.Millisecond)) // he may have gone
	defer func() { _ = l.SetDeadline(time.Time{}) }()
	if conn, err := g.listener.Accept(); err == nil {
		(*g.front.Load()).refuse(conn)
	}
}
