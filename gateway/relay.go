package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/validate"
)

// relay is a route of kind Relay of a running Gateway.
type relay struct {
	door
	conf      Route
	limits    Limits
	timeouts  Timeouts
	codec     protocol.Codec // of the first frame; nil: it is not looked at
	workers   []*relayWorker // one for each shard
	upstreams []*relayUpstream
	mirrors   []*relayMirror
	turn      atomic.Uint32 // of the round robin
	counters  relayCounters
	dials     sync.WaitGroup
	dialing   context.Context // ends with the Gateway
	stop      context.CancelFunc
}

// relayWorker is what the clients of a relay share on one shard.
type relayWorker struct {
	shard   *tunnel.Shard
	checker validate.Validator
	request protocol.Message
}

// relayUpstream is one backend of a relay.
type relayUpstream struct {
	conf    BackendConfig
	name    string // of its connections
	breaker breaker
	dials   atomic.Uint64
	open    atomic.Int64
	lost    atomic.Uint64
}

type relayCounters struct {
	accepted, relayed, unreachable, ended, failed atomic.Uint64
	toBackend, toClient                           atomic.Int64
	refused                                       [numRefusals]atomic.Uint64
	observed, warned                              atomic.Uint64
	limits                                        [numLimits]atomic.Uint64
}

func newRelay(conf Route, shards []*tunnel.Shard, log *logrus.Entry) *relay {
	l, t := conf.Limits, conf.Timeouts
	def(&l.Tunnel, relayTunnel)
	def(&t.Idle, relayIdle)
	r := &relay{conf: conf, limits: l.withDefaults(), timeouts: t.withDefaults(), codec: conf.Codec}
	def(&r.conf.Relay.Linger, relayLinger)
	def(&r.conf.RetryAfter, time.Second)
	r.build(&conf, r.limits, log)
	r.dialing, r.stop = context.WithCancel(context.Background())
	for _, shard := range shards {
		w := &relayWorker{shard: shard, checker: passAll{}}
		if conf.Rules != nil {
			w.checker = conf.Rules.Validator(relayObserver{r})
		}
		r.workers = append(r.workers, w)
	}
	for _, b := range conf.Backends {
		u := &relayUpstream{conf: b.withReach()}
		u.name = conf.Name + "/" + u.conf.Name
		u.breaker = breaker{Circuit: u.conf.Circuit, Backoff: u.conf.Backoff, changed: func(bool) {}}
		r.upstreams = append(r.upstreams, u)
	}
	for _, m := range conf.Mirrors {
		r.mirrors = append(r.mirrors, &relayMirror{relay: r, conf: m.withReach()})
	}
	return r
}

// relayObserver hears of every rule that was violated, in whatever mode.
type relayObserver struct{ r *relay }

func (o relayObserver) Violated(_ *protocol.Message, v *validate.Violation) {
	switch v.Mode {
	case validate.Observe:
		o.r.counters.observed.Add(1)
	case validate.Warn:
		o.r.counters.warned.Add(1)
	}
}

// admit begins with a new connection, or turns it away.
func (r *relay) admit(conn net.Conn) {
	peer := conn.RemoteAddr().String()
	c := &relayed{relay: r, peer: peer, began: time.Now().UnixNano(), w: r.lightest(), opening: &opening{relay: r}}
	c.opening.local, _ = netip.ParseAddrPort(conn.LocalAddr().String())
	c.opening.source, _ = netip.ParseAddrPort(peer)
	c.opening.proxied = !within(r.conf.Relay.ProxyFrom, c.opening.source.Addr())
	if c.opening.proxied && !r.allows(c.opening.source.Addr()) {
		r.refuse(c, &refusal{reason: refusedAddress, err: errNotAllowed})
		_ = conn.Close()
		return
	}
	if full, ok := r.enter(c, peer); !ok {
		r.counters.limits[full].Add(1)
		_ = conn.Close()
		return
	}
	r.counters.accepted.Add(1)
	c.vc, c.own = c.w.shard.New(r.conf.Name+" "+peer, conn, r.limits.Tunnel, c)
	if c.opening.needed() {
		c.own.Wake(time.Now().Add(r.timeouts.Frame))
	} else {
		c.dial()
	}
	c.vc.Reenable()
}

func (r *relay) lightest() *relayWorker {
	best := r.workers[0]
	for _, w := range r.workers[1:] {
		if w.shard.Load() < best.shard.Load() {
			best = w
		}
	}
	return best
}

// allows reports whether a client may come from address. What is no IP address, such as
// that of a Unix socket, may only if everybody may.
func (r *relay) allows(address netip.Addr) bool {
	return len(r.conf.Relay.Allow) == 0 || within(r.conf.Relay.Allow, address)
}

func within(networks []netip.Prefix, address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(address) {
			return true
		}
	}
	return false
}

// errNoBackend is why a client of a relay is closed that nobody serves.
var errNoBackend = errors.New("no backend can be reached")

// dial connects to a backend: the next in turn, or if it cannot be reached the one after it.
func (r *relay) dial(ctx context.Context) (*relayUpstream, net.Conn, error) {
	first := int(r.turn.Add(1))
	err := errNoBackend
	for i := range r.upstreams {
		u := r.upstreams[(first+i)%len(r.upstreams)]
		if u.breaker.state() == "open" && u.breaker.next(time.Now()) > 0 {
			continue
		}
		u.dials.Add(1)
		conn, failed := r.dialOne(ctx, u)
		if failed == nil {
			u.breaker.succeeded()
			return u, conn, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		u.lost.Add(1)
		if n := u.breaker.failed(); r.logger != nil && (n == 1 || n == u.conf.Circuit.Failures || n%100 == 0) {
			r.logger.WithFields(logrus.Fields{"backend": u.conf.Name, "circuit": u.breaker.state(), "error": failed.Error()}).Warn("backend cannot be reached")
		}
		err = fmt.Errorf("%w: %w", errNoBackend, failed)
	}
	return nil, nil, err
}

func (r *relay) dialOne(ctx context.Context, u *relayUpstream) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeouts.Connect)
	defer cancel()
	return u.conf.Dial(ctx)
}

// refuse counts and logs why a client may not go on.
func (r *relay) refuse(c *relayed, why *refusal) {
	r.counters.refused[why.reason].Add(1)
	if r.logger != nil {
		r.logger.WithFields(logrus.Fields{"peer": c.peer, "cause": refusalNames[why.reason], "error": why.Error()}).Info("refused")
	}
}

func (r *relay) snapshot() RouteSnapshot {
	c := &r.counters
	s := RouteSnapshot{Name: r.conf.Name, Clients: r.clients(), Relay: &RelayCounters{
		Accepted: c.accepted.Load(), Relayed: c.relayed.Load(), Unreachable: c.unreachable.Load(), Ended: c.ended.Load(), Failed: c.failed.Load(),
		ToBackend: c.toBackend.Load(), ToClient: c.toClient.Load(), Observed: c.observed.Load(), Warned: c.warned.Load(),
		Refused: map[string]uint64{}, Limits: map[string]uint64{},
	}}
	if a := r.address(); a != nil {
		s.Listen = a.String()
	}
	for reason, name := range refusalNames {
		s.Relay.Refused[name] = c.refused[reason].Load()
	}
	for _, l := range [...]limit{limitConnections, limitPerPeer} {
		s.Relay.Limits[limitNames[l]] = c.limits[l].Load()
	}
	for _, u := range r.upstreams {
		s.Backends = append(s.Backends, BackendSnapshot{Name: u.conf.Name, Circuit: u.breaker.state(), Dials: u.dials.Load(), Lost: u.lost.Load(),
			Links: map[string]int{BackendReady: int(u.open.Load())}})
	}
	for _, m := range r.mirrors {
		s.Mirrors = append(s.Mirrors, m.snapshot())
	}
	return s
}

// RelayCounters are what happened on a route of kind Relay since it was made. They balance:
//
//	Accepted = the sum of Refused, address excepted, + Unreachable + Ended + Failed + those that are in
type RelayCounters struct {
	Accepted    uint64            `json:"accepted"`    // clients
	Refused     map[string]uint64 `json:"refused"`     // by what they began with
	Unreachable uint64            `json:"unreachable"` // clients for whom there was no backend, or who left before
	Relayed     uint64            `json:"relayed"`     // clients that got a backend connection
	Ended       uint64            `json:"ended"`       // of these, in order
	Failed      uint64            `json:"failed"`      // of these, by a reset, a limit or the shutdown
	ToBackend   int64             `json:"to_backend"`  // bytes, of relays that have ended
	ToClient    int64             `json:"to_client"`
	Observed    uint64            `json:"observed"` // violations of rules in mode observe
	Warned      uint64            `json:"warned"`   // violations of rules in mode warn
	Limits      map[string]uint64 `json:"limits"`   // how often each limit was hit
}
