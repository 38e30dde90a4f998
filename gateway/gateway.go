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
	shards []*tunnel.Shard
	log    *logrus.Entry
	panics atomic.Uint64
	crew   crew

	longest time.Duration // that the shards linger

	mu      sync.Mutex // over a change of what follows, and the start of its goroutines
	conf    Config
	fronts  []front  // one for each route of the configuration
	routes  []*route // of these, the ones of kind Exchange
	relays  []*relay // and of kind Relay
	gates   []*gate
	retired map[front]bool // that were changed or removed, while they have clients or connections
	berths  berths
	ends    bool

	begun    chan struct{} // closed when Serve has started everything
	stop     chan struct{} // closed by the first Shutdown
	stopOnce sync.Once
	hard     chan struct{} // closed when what is open is no longer waited for
	hardOnce sync.Once
	served   chan struct{} // closed when Serve has ended
	serving  sync.Once
}

// crew are the goroutines of a Gateway that serves, beside those of its connections.
type crew struct {
	accept, dial, mirror                 context.Context
	acceptors, dialers, mirrors, retires sync.WaitGroup
}

// New checks c and binds the listeners. Nothing is accepted before Serve; who never
// calls that calls Close.
func New(c Config) (*Gateway, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	def(&c.Shards, runtime.GOMAXPROCS(0))
	def(&c.Drain, 30*time.Second)
	g := &Gateway{conf: c, log: c.Log, retired: map[front]bool{}, berths: berths{}, begun: make(chan struct{}), stop: make(chan struct{}), hard: make(chan struct{}), served: make(chan struct{})}
	g.longest = g.linger() // the routes share the shards, so the longest linger of theirs is that of all
	for range c.Shards {
		g.shards = append(g.shards, tunnel.NewShard(tunnel.ShardConfig{Pump: c.Pump, Linger: g.longest, OnPanic: g.panicked}))
	}
	var errs *multierror.Error
	for i := range c.Routes {
		conf := &c.Routes[i]
		l, err := openGate(conf, c.Log)
		if err != nil {
			errs = multierror.Append(errs, err)
			continue
		}
		g.gates = append(g.gates, l)
		g.lead(l, g.add(*conf))
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, errors.Join(err, closeGates(g.gates))
	}
	return g, nil
}

// front is what routes of every kind have.
type front interface {
	entrance() *door
	preface() preface
	admit(conn net.Conn, peer string)
	refuse(conn net.Conn) // that there is no room for
	snapshot() RouteSnapshot
	backends() []BackendView
	crew() []*worker
	assign(backend string, d Duty) bool
	duties() map[string]Duty
}

// add makes the route that conf describes.
func (g *Gateway) add(conf Route) front {
	if conf.Kind == Relay {
		return g.list(newRelay(conf, g.shards, g.log, nil))
	}
	return g.list(newRoute(conf, g.shards, g.log))
}

// list has f be one of the routes.
func (g *Gateway) list(f front) front {
	g.fronts = append(g.fronts, f)
	switch f := f.(type) {
	case *route:
		g.routes = append(g.routes, f)
	case *relay:
		g.relays = append(g.relays, f)
	}
	return f
}

// lead gives who comes to l to f.
func (g *Gateway) lead(l *gate, f front) {
	f.entrance().gate.Store(l)
	l.front.Store(&f)
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
	acceptCtx, stopAccepting := context.WithCancel(ctx)
	g.begin(acceptCtx, dialCtx, mirrorCtx)

	select {
	case <-ctx.Done():
	case <-g.stop:
	}
	fronts := g.end()
	stopAccepting() // and handshakes that are under way
	g.crew.acceptors.Wait()
	g.drain(fronts)
	stopDialing() // the backends' connections fail what is still open, and close
	g.crew.dialers.Wait()
	g.crew.retires.Wait()
	for _, f := range fronts {
		switch f := f.(type) {
		case *route:
			for _, u := range f.upstreams {
				u.closeUp()
			}
		case *relay:
			f.stop()
			f.dials.Wait()
		}
	}
	for _, f := range fronts {
		f.entrance().abort(ErrClosed)
	}
	g.settle(g.longest)
	stopMirrors() // nothing is copied any more; what was is still written
	g.crew.mirrors.Wait()
	stopShards()
	shards.Wait()
	return nil
}

// begin starts what every route needs.
func (g *Gateway) begin(accept, dial, mirror context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.crew.accept, g.crew.dial, g.crew.mirror = accept, dial, mirror
	defer close(g.begun)
	for _, r := range g.routes {
		g.start(r)
	}
	for _, l := range g.gates {
		g.crew.acceptors.Go(func() { l.accept(accept) })
	}
}

// start has the backends of r dialled, and the targets of its mirrors, as far as that was not done before. g is locked.
func (g *Gateway) start(r *route) {
	for _, u := range r.upstreams {
		u.start(g.crew.dial, &g.crew.dialers)
	}
	for _, m := range r.mirrors {
		m.start(g.crew.mirror, &g.crew.mirrors)
	}
}

// end takes no more clients and no more changes, and returns every route that has clients.
func (g *Gateway) end() []front {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ends = true
	_ = closeGates(g.gates)
	fronts := append([]front(nil), g.fronts...)
	for f := range g.retired {
		fronts = append(fronts, f)
	}
	return fronts
}

// drain waits until every client has its answers and has left, or has waited long enough.
func (g *Gateway) drain(fronts []front) {
	for _, f := range fronts {
		f.entrance().drain()
	}
	t := time.NewTimer(g.drainTime())
	defer t.Stop()
	for _, f := range fronts {
		select {
		case <-f.entrance().empty:
		case <-t.C:
			return
		case <-g.hard:
			return
		}
	}
}

func (g *Gateway) drainTime() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conf.Drain
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
	g.mu.Lock()
	defer g.mu.Unlock()
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
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ends = true
		close(g.served)
		return closeGates(g.gates)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = g.Shutdown(ctx)
	return nil
}

func closeGates(gates []*gate) error {
	var errs *multierror.Error
	for _, l := range gates {
		if err := l.close(); err != nil {
			errs = multierror.Append(errs, err)
		}
	}
	return errs.ErrorOrNil()
}

// Addr returns the address that the route called name listens on, or nil.
func (g *Gateway) Addr(name string) net.Addr {
	for _, f := range g.all() {
		if d := f.entrance(); d.name == name {
			return d.address()
		}
	}
	return nil
}

// Draining reports whether no more clients are taken, since the Gateway is about to end.
func (g *Gateway) Draining() bool {
	for _, f := range g.all() {
		if f.entrance().draining.Load() {
			return true
		}
	}
	return false
}

// Routes returns the names of the routes.
func (g *Gateway) Routes() []string {
	fronts := g.all()
	names := make([]string, 0, len(fronts))
	for _, f := range fronts {
		names = append(names, f.entrance().name)
	}
	return names
}

// Panics returns how many handlers have panicked; each cost one connection.
func (g *Gateway) Panics() uint64 { return g.panics.Load() }

// Snapshot returns the counters and states of this moment.
func (g *Gateway) Snapshot() Snapshot {
	s := Snapshot{Panics: g.panics.Load()}
	for _, f := range g.all() {
		s.Routes = append(s.Routes, f.snapshot())
	}
	return s
}

// all returns the routes of the configuration.
func (g *Gateway) all() []front {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fronts // which is replaced, and never changed
}

// panicked counts a handler that panicked. The value may hold what came from the wire,
// so only where it happened is logged.
func (g *Gateway) panicked(vc *tunnel.VConn, err *tunnel.PanicError) {
	g.panics.Add(1)
	if g.log != nil {
		g.log.WithFields(logrus.Fields{"connection": vc.String(), "error": err.Error(), "stack": string(err.Stack)}).
			Error("a bug: a connection's handler panicked; the connection is closed, the others go on")
	}
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
