package gateway

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/tunnel"
)

// Gateway is a running sallyport: its routes, the shards that serve them, and the
// connections to the backends. It is safe for concurrent use.
type Gateway struct {
	conf   Config
	shards []*tunnel.Shard
	fronts []front  // one for each route of the configuration
	routes []*route // of these, the ones of kind Exchange
	relays []*relay // and of kind Relay
	panics atomic.Uint64

	stop     chan struct{} // closed by the first Shutdown
	stopOnce sync.Once
	hard     chan struct{} // closed when what is open is no longer waited for
	hardOnce sync.Once
	served   chan struct{} // closed when Serve has ended
	serving  sync.Once
}

// New checks c and binds the listeners. Nothing is accepted before Serve; who never
// calls that calls Close.
func New(c Config) (*Gateway, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	def(&c.Shards, runtime.GOMAXPROCS(0))
	def(&c.Drain, 30*time.Second)
	g := &Gateway{conf: c, stop: make(chan struct{}), hard: make(chan struct{}), served: make(chan struct{})}
	for range c.Shards {
		// The routes share the shards, so the longest linger of theirs is that of all.
		linger := time.Duration(0)
		for i := range c.Routes {
			linger = max(linger, c.Routes[i].timeouts().Linger)
		}
		g.shards = append(g.shards, tunnel.NewShard(tunnel.ShardConfig{Pump: c.Pump, Linger: linger, OnPanic: g.panicked}))
	}
	var errs *multierror.Error
	for _, conf := range c.Routes {
		f := g.add(conf)
		g.fronts = append(g.fronts, f)
		if err := f.entrance().listen(&conf); err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, errors.Join(err, g.closeListeners())
	}
	return g, nil
}

// front is what routes of every kind have.
type front interface {
	entrance() *door
	admit(net.Conn)
	snapshot() RouteSnapshot
	backends() []BackendView
}

// add makes the route that conf describes.
func (g *Gateway) add(conf Route) front {
	if conf.Kind == Relay {
		r := newRelay(conf, g.shards, g.conf.Log)
		g.relays = append(g.relays, r)
		return r
	}
	r := newRoute(conf, g.shards, g.conf.Log)
	g.routes = append(g.routes, r)
	return r
}

// Serve runs the Gateway until ctx is done or Shutdown is called, and then until what is
// open is answered, or for Config.Drain at most. It returns nil after that, and an error
// only if it was called twice. When it returns nothing of the Gateway runs any more.
func (g *Gateway) Serve(ctx context.Context) error {
	first := false
	g.serving.Do(func() { first = true })
	if !first {
		return errors.New("gateway: Serve was called twice")
	}
	defer close(g.served)

	shardCtx, stopShards := context.WithCancel(context.WithoutCancel(ctx))
	var shards sync.WaitGroup
	for _, s := range g.shards {
		shards.Go(func() { _ = s.Serve(shardCtx) }) // it ends with its context, and says so
	}
	dialCtx, stopDialing := context.WithCancel(shardCtx)
	mirrorCtx, stopMirrors := context.WithCancel(shardCtx)
	var dialers, acceptors, mirrors sync.WaitGroup
	for _, r := range g.routes {
		for _, u := range r.upstreams {
			u.owns.dialing = dialCtx
			for n := range u.conf.Connections {
				dialers.Go(func() { u.keep(dialCtx, n) })
			}
		}
		for _, m := range r.mirrors {
			mirrors.Go(func() { m.keep(mirrorCtx) })
		}
	}
	for _, f := range g.fronts {
		acceptors.Go(func() { f.entrance().accept(ctx, f.admit) })
	}

	select {
	case <-ctx.Done():
	case <-g.stop:
	}
	_ = g.closeListeners()
	acceptors.Wait()
	g.drain()
	stopDialing() // the backends' connections fail what is still open, and close
	dialers.Wait()
	for _, r := range g.routes {
		for _, u := range r.upstreams {
			u.owns.close()
			u.reversals.close()
		}
	}
	for _, r := range g.relays {
		r.stop()
		r.dials.Wait()
	}
	for _, f := range g.fronts {
		f.entrance().abort(ErrClosed)
	}
	g.settle(g.linger())
	stopMirrors() // nothing is copied any more; what was is still written
	mirrors.Wait()
	stopShards()
	shards.Wait()
	return nil
}

// drain waits until every client has its answers and has left, or has waited long enough.
func (g *Gateway) drain() {
	for _, f := range g.fronts {
		f.entrance().drain()
	}
	t := time.NewTimer(g.conf.Drain)
	defer t.Stop()
	for _, f := range g.fronts {
		select {
		case <-f.entrance().empty:
		case <-t.C:
			return
		case <-g.hard:
			return
		}
	}
}

// settle waits until what was put is written and every connection is closed, at most for d.
func (g *Gateway) settle(d time.Duration) {
	end := time.Now().Add(d)
	for g.load() > 0 && time.Now().Before(end) {
		t := time.NewTimer(5 * time.Millisecond)
		<-t.C
	}
}

// load returns the number of connections, those that linger included.
func (g *Gateway) load() (n int) {
	for _, s := range g.shards {
		n += s.Load()
	}
	return n
}

// linger is how long what was put may still take to be written.
func (g *Gateway) linger() time.Duration {
	d := time.Duration(0)
	for i := range g.conf.Routes {
		d = max(d, g.conf.Routes[i].timeouts().Linger)
	}
	return d
}

// Shutdown takes no more clients and no more requests, waits until what is open is
// answered, or until ctx is done, and then ends: what is still open has failed. It
// returns the error of ctx if it did not wait for everything.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.stopOnce.Do(func() { close(g.stop) })
	select {
	case <-g.served:
		return nil
	case <-ctx.Done():
	}
	g.hardOnce.Do(func() { close(g.hard) })
	<-g.served
	return ctx.Err()
}

// Close ends at once: what is open has failed. Without Serve it only closes the listeners.
func (g *Gateway) Close() error {
	idle := false
	g.serving.Do(func() { idle = true })
	if idle {
		close(g.served)
		return g.closeListeners()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = g.Shutdown(ctx)
	return nil
}

func (g *Gateway) closeListeners() error {
	var errs *multierror.Error
	for _, f := range g.fronts {
		if err := f.entrance().unlisten(); err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	return errs.ErrorOrNil()
}

// Addr returns the address that the route called name listens on, or nil.
func (g *Gateway) Addr(name string) net.Addr {
	for _, f := range g.fronts {
		if d := f.entrance(); d.name == name {
			return d.address()
		}
	}
	return nil
}

// Draining reports whether no more clients are taken, since the Gateway is about to end.
func (g *Gateway) Draining() bool {
	for _, f := range g.fronts {
		if f.entrance().draining.Load() {
			return true
		}
	}
	return false
}

// Routes returns the names of the routes.
func (g *Gateway) Routes() []string {
	names := make([]string, 0, len(g.fronts))
	for _, f := range g.fronts {
		names = append(names, f.entrance().name)
	}
	return names
}

// Panics returns how many handlers have panicked; each cost one connection.
func (g *Gateway) Panics() uint64 { return g.panics.Load() }

// Snapshot returns the counters and states of this moment.
func (g *Gateway) Snapshot() Snapshot {
	s := Snapshot{Panics: g.panics.Load()}
	for _, f := range g.fronts {
		s.Routes = append(s.Routes, f.snapshot())
	}
	return s
}

// panicked counts a handler that panicked. The value may hold what came from the wire,
// so only where it happened is logged.
func (g *Gateway) panicked(vc *tunnel.VConn, err *tunnel.PanicError) {
	g.panics.Add(1)
	if g.conf.Log != nil {
		g.conf.Log.WithFields(logrus.Fields{"connection": vc.String(), "error": err.Error(), "stack": string(err.Stack)}).
			Error("a bug: a connection's handler panicked; the connection is closed, the others go on")
	}
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
