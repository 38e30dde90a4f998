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
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/validate"
)

// relay is a route of kind Relay of a running Gateway.
type relay struct {
	*door
	*relayBook
	conf      Route
	limits    Limits
	timeouts  Timeouts
	codec     protocol.Codec    // of the first frame; nil: it is not looked at
	splitter  splitter.Splitter // nil: there are no batches
	workers   []*worker         // one for each shard
	upstreams []*relayUpstream
	mirrors   []*relayMirror
	checkers  []validate.Validator
	turn      atomic.Uint32 // of the round robin
}

// relayBook is what a relay has done, and what it is doing.
type relayBook struct {
	rules   counters // what the rules have found, and nothing else
	dials   sync.WaitGroup
	dialing context.Context // ends with the Gateway
	stop    context.CancelFunc

	bookMu sync.Mutex // above that of the door and that of each client
	sum    relaySums
}

func newRelayBook() *relayBook {
	b := &relayBook{}
	b.dialing, b.stop = context.WithCancel(context.Background())
	return b
}

// relayUpstream is one backend of a relay.
type relayUpstream struct {
	conf    BackendConfig
	name    string // of its connections
	breaker breaker
	dials   atomic.Uint64
	open    atomic.Int64
	lost    atomic.Uint64 // relays that its side has broken off
	duty    atomic.Uint32 // a Duty
}

// newRelay returns the relay that conf describes, with the clients and the books of old, if that is not nil.
func newRelay(conf Route, shards []*tunnel.Shard, log *logrus.Entry, old *relay) *relay {
	l, t := conf.Limits, conf.Timeouts
	def(&l.Tunnel, relayTunnel)
	def(&t.Idle, relayIdle)
	r := &relay{conf: conf, limits: l.withDefaults(), timeouts: t.withDefaults(), codec: conf.Codec}
	if old != nil {
		r.door, r.relayBook = old.door, old.relayBook
		r.door.bound(r.limits)
	} else {
		r.door, r.relayBook = newDoor(&conf, r.limits, log), newRelayBook()
	}
	def(&r.conf.Relay.Linger, relayLinger)
	def(&r.conf.RetryAfter, time.Second)
	if r.codec != nil {
		r.splitter = splitter.New(r.codec)
	}
	for n, shard := range shards {
		r.workers = append(r.workers, &worker{shard: shard, n: n})
	}
	r.checkers = newCheckers(conf.Rules, len(shards), observer{&r.rules, r.logger})
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

// preface is what must be settled with clients before they are let in. PROXY headers it reads itself, with what comes behind.
func (r *relay) preface() preface { return preface{tls: r.conf.TLS} }

// admit begins with a new connection, or turns it away.
func (r *relay) admit(conn net.Conn, peer string) {
	c := &relayed{relay: r, number: sessionsNumbered.Add(1), w: lightest(r.workers), began: time.Now().UnixNano(), peer: peer}
	c.opening = &opening{relay: r, proxied: len(r.conf.Relay.ProxyFrom) == 0, who: proxyHeader{addressOf(conn.RemoteAddr()), addressOf(conn.LocalAddr())}}
	if why := r.enters(c); why != nil {
		r.rebuffed(c, why)
		turnAway(conn, why.say)
		return
	}
	vc, own := c.w.shard.New(r.conf.Name+" "+c.peer, conn, r.limits.Tunnel, c)
	c.vc, c.own = vc, own
	if c.opening.needed() {
		own.Wake(time.Now().Add(r.timeouts.Frame))
	} else {
		c.dial()
	}
	r.settle(c)
	vc.Reenable()
}

// refuse says that there is no room, and closes conn. Who was to speak TLS hears nothing.
func (r *relay) refuse(conn net.Conn) {
	var words []byte
	if r.conf.TLS == nil || certified(conn) {
		words = r.later(nil, protocol.Busy)
	}
	turnAway(conn, words)
}

// enters counts c, and returns why it may not come in, or nil. Where there are proxies nobody else may come: anybody
// could say anything in a header.
func (r *relay) enters(c *relayed) *refusal {
	r.bookMu.Lock()
	defer r.bookMu.Unlock()
	r.sum.accepted++
	peer, source := c.peer, c.opening.who.source.Addr()
	switch proxies := r.conf.Relay.ProxyFrom; {
	case len(proxies) > 0 && !within(proxies, source):
		return r.sum.refuse(&refusal{reason: refusedProxy, err: errNoProxy})
	case len(proxies) > 0:
		peer = "" // the client's is not known yet
	case !r.allows(source):
		return r.sum.refuse(&refusal{reason: refusedAddress, err: errNotAllowed})
	}
	if r.paused.Load() {
		return r.sum.refuse(&refusal{reason: refusedPaused, say: r.later(nil, protocol.Paused), err: errPaused})
	}
	full, ok := r.enter(c, peer)
	switch {
	case ok:
		return nil
	case full == limitPerPeer:
		return r.sum.refuse(r.crowded(refusedPerPeer))
	}
	return r.sum.refuse(r.crowded(refusedConnections))
}

// crowded is the refusal of a client for whom there is no room.
func (r *relay) crowded(reason refusalReason) *refusal {
	return &refusal{reason: reason, say: r.later(nil, protocol.Busy), err: fmt.Errorf("limits.%s is reached", refusalNames[reason])}
}

// later says that the client is to come again, about m, which may be nil. It is empty without a protocol.
func (r *relay) later(m *protocol.Message, cause protocol.Cause) []byte {
	if r.codec == nil {
		return nil
	}
	return sayNotice(r.codec, nil, m, &protocol.Notice{Class: protocol.Later, Cause: cause, RetryAfter: r.conf.RetryAfter})
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

// addressOf returns the address and port of a, and nothing valid if it has none.
func addressOf(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

var (
	errNotAllowed = errors.New("relay.allow does not name this client's address")
	errNoProxy    = errors.New("relay.proxy_from does not name this address, and nobody else may come")
	errNoBackend  = errors.New("no backend can be reached")
	errPaused     = errors.New("an operator has paused the route")
)

// dial connects to a backend: the next in turn, or if it cannot be reached the one after it. One whose circuit is open is
// passed by, but for one client that tries it after its rest.
func (r *relay) dial(ctx context.Context) (*relayUpstream, net.Conn, error) {
	first := int(r.turn.Add(1)-1) % len(r.upstreams)
	err := errNoBackend
	for i := range r.upstreams {
		u := r.upstreams[(first+i)%len(r.upstreams)]
		if Duty(u.duty.Load()) != Enabled || !u.breaker.try(time.Now()) {
			continue
		}
		u.dials.Add(1)
		conn, failed := u.conf.dial(ctx, r.timeouts.Connect)
		if failed == nil {
			u.breaker.succeeded()
			return u, conn, nil
		}
		if ctx.Err() != nil {
			u.breaker.untried()
			return nil, nil, ctx.Err()
		}
		u.breaker.note(failed)
		if n := u.breaker.failed(); r.logger != nil && (n == 1 || n == u.conf.Circuit.Failures || n%100 == 0) {
			r.logger.WithFields(logrus.Fields{"backend": u.conf.Name, "circuit": u.breaker.state(), "error": failed.Error()}).Warn("backend cannot be reached")
		}
		err = fmt.Errorf("%w: %w", errNoBackend, failed)
	}
	return nil, nil, err
}
