package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// Config is what a Gateway is made of. The zero value of every optional field means
// its default. New copies it.
type Config struct {
	// Routes are the doors: at least one.
	Routes []Route
	// Log gets a line for each connection and each refusal. It must not block: give it
	// a writer that drops rather than waits. Nil logs nothing.
	Log *logrus.Entry
	// Shards is the number of event loops, GOMAXPROCS by default.
	Shards int
	// Drain bounds a Shutdown whose context has no deadline; 30 s by default.
	Drain time.Duration
	// Pump serves every connection with goroutines of its own instead of the shard's
	// event loop: for in-memory connections and fake time. Slower, and never needed otherwise.
	Pump bool
}

// Route is one door: a listener, a protocol, rules, and the backends behind it.
type Route struct {
	// Name is shown in logs and metrics. It must be unique.
	Name string
	// Kind is what the route does. Relay is set for one of that kind.
	Kind  Kind
	Relay RelayConfig
	// Listen is where clients come from, "host:port" or "unix:/path". Listener, if it is
	// set, is used in its place, and belongs to the Gateway.
	Listen   string
	Listener net.Listener
	// TLS is what clients must agree on before they are let in; nil: they speak in the clear. The first name in a client's
	// verified certificate is its identity; without one that is its address.
	TLS *tls.Config
	// ProxyFrom are the proxies in front: each of their connections begins with a PROXY header, which says where the client
	// is, and nobody else may come. None: clients come themselves. A relay has RelayConfig.ProxyFrom.
	ProxyFrom []netip.Prefix
	// Codec is the protocol that clients speak.
	Codec protocol.Codec
	// Rules are what a request must meet. Nil lets pass whatever the codec accepts.
	Rules *validate.Program
	// Mode is how results are matched to requests; nil: the codec's default.
	Mode *protocol.Mode
	// Backends are what is behind the door: at least one. They do the same work.
	Backends []BackendConfig
	// Balance chooses between connections.
	Balance Balance

	Limits   Limits
	Timeouts Timeouts
	Wait     WaitConfig
	// Keep has answers kept for requests that come again. It needs a codec that can tell them.
	Keep KeepConfig
	// RetryAfter is what a Later tells the client, 1 s by default.
	RetryAfter time.Duration
	// Mirrors get copies of the requests that are forwarded.
	Mirrors []MirrorConfig
	// LogMessages logs a line for each request that was verified, beside those refused.
	LogMessages bool
	// Revision and Speech say, for Reload, what the route was made of: two with the same Revision are the same in everything,
	// and two with the same Speech speak the same protocol in the same framing, whatever their limits. Empty: they differ
	// from all others.
	Revision, Speech string
}

// Limits bound what one route holds. Each zero means its default; at each limit the
// client concerned hears why, or is closed alone, and a counter shows it.
type Limits struct {
	// InFlight is the number of requests that one client may have open; 128.
	InFlight int
	// InFlightTotal is that of all clients of the route; 65,536.
	InFlightTotal int
	// Connections is the number of clients; 10,000.
	Connections int
	// ConnectionsPerPeer is that from one address; Connections by default.
	ConnectionsPerPeer int
	// Frame is the codec's limit on a frame, which Queue and Tunnel must at least hold; what the codec's Traits say, or 1 MiB.
	Frame int
	// Inline is the bytes of a frame that are held, in protocols whose frames say their
	// length in front: of a longer one only the head is, and the rest is carried as it
	// comes. 0: every frame is held whole. At most Frame.
	Inline int
	// Carry is the bytes of a body that is carried; 4 GiB.
	Carry int64
	// Queue is the bytes that may wait for a client that does not read; 4 MiB, at least two frames.
	Queue int
	// Tunnel is the bytes that may wait for a backend connection; 1 MiB, at least two frames.
	Tunnel int
	// Gather is the bytes of the answer to one batch of a client; half of Queue.
	Gather int
	// Strikes is the number of refusals in a row after which a client is closed; 100.
	Strikes int
}

// Timeouts bound how long one route waits. Each zero means its default; a negative
// Idle never ends a connection.
type Timeouts struct {
	// Frame is the time to receive one frame, first byte to last; what the codec's Traits say, or 10 s.
	Frame time.Duration
	// Body is the time to carry a body. If nothing of it moves for Frame it has ended
	// before; 10 min.
	Body time.Duration
	// Idle closes a client without traffic and without an open request; 10 min.
	Idle time.Duration
	// Queue is how long a request waits for room towards the backend; 5 s.
	Queue time.Duration
	// Answer is how long the backend may take; 30 s.
	Answer time.Duration
	// Connect bounds a dial; 5 s.
	Connect time.Duration
	// Linger is how long unsent bytes are waited for when a connection is closed; 2 s.
	Linger time.Duration
}

// WaitConfig says when a client hears that its request is being processed.
type WaitConfig struct {
	// On sends wait notices. The codec must have words for them.
	On bool
	// After delays the notice, which is not sent if the result comes first. With 0 it
	// is sent at once, before the request leaves for the backend.
	After time.Duration
	// Keep is how long a result is kept for a client that has heard to ask again, where that is what the notice means; 1 min.
	Keep time.Duration
}

// Balance is a way to choose a backend connection.
type Balance uint8

const (
	// RoundRobin takes one after the other.
	RoundRobin Balance = iota
	// LeastInFlight takes the one with the fewest requests open.
	LeastInFlight
	// ByKey gives each backend a part of all keys. The codec must be Keyed.
	ByKey
)

// ParseBalance returns the Balance that is called name in a configuration.
func ParseBalance(name string) (Balance, bool) {
	switch name {
	case "round-robin":
		return RoundRobin, true
	case "least-in-flight":
		return LeastInFlight, true
	case "key":
		return ByKey, true
	}
	return 0, false
}

// FieldError is one mistake in a Config: where it is, as in "routes[0].backends[1].batch",
// and what is wrong with it.
type FieldError struct {
	Field string
	Err   error
}

// Error returns field and error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *FieldError) Unwrap() error { return e.Err }

// Check reports everything that is wrong with c, each as a *FieldError, in one
// *multierror.Error. It opens nothing.
func (c *Config) Check() error {
	var errs *multierror.Error
	bad := func(field string, format string, args ...any) {
		errs = multierror.Append(errs, &FieldError{field, fmt.Errorf(format, args...)})
	}
	if len(c.Routes) == 0 {
		bad("routes", "there must be at least one")
	}
	c.checkMirrorFiles(bad)
	names := map[string]int{}
	for i := range c.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		r := &c.Routes[i]
		if r.Name == "" {
			bad(at+".name", "must not be empty")
		} else if first, ok := names[r.Name]; ok {
			bad(at+".name", "routes[%d] has the same name", first)
		} else {
			names[r.Name] = i
		}
		r.check(func(field, format string, args ...any) { bad(at+"."+field, format, args...) })
	}
	return errs.ErrorOrNil()
}

func (r *Route) check(bad func(field, format string, args ...any)) {
	if r.Listen == "" && r.Listener == nil {
		bad("listen", "must not be empty")
	}
	if len(r.Backends) == 0 {
		bad("backends", "there must be at least one")
	}
	if r.Kind == Relay {
		if len(r.ProxyFrom) > 0 {
			bad("proxy_from", "a relay has relay.proxy_from")
		}
		r.checkRelay(bad)
		r.checkBounds(bad)
		return
	}
	if !r.Relay.empty() {
		bad("relay", "the route is no relay: its kind must be relay, or this be left out")
	}
	if r.Codec == nil {
		bad("protocol", "must not be empty")
		return // nothing else can be judged
	}
	r.checkExchange(bad)
	r.checkBounds(bad)
}

func (r *Route) checkExchange(bad func(field, format string, args ...any)) {
	if network, _ := splitAddress(r.Listen); network == "unix" && len(r.ProxyFrom) > 0 {
		bad("proxy_from", "who comes through a unix socket has no address")
	}
	traits := r.Codec.Traits()
	mode := r.mode()
	if _, ok := r.Codec.(protocol.Keyed); r.Balance == ByKey && !ok {
		bad("balance", "the requests of %s have no keys", traits.Name)
	}
	if !traits.Can(mode) {
		bad("mode", "%s cannot match results by %s; it can by %s", traits.Name, mode, modeList(traits.Modes))
	}
	if _, ok := r.Codec.(protocol.Rewriter); mode == protocol.Rewrite && (!ok || traits.Tickets == 0) {
		bad("mode", "%s has no id that could be rewritten", traits.Name)
	}
	if r.Wait.On {
		switch traits.Wait {
		case protocol.NoWait:
			bad("wait", "%s has no words for a wait notice", traits.Name)
		case protocol.Promise:
			bad("wait", "a wait notice of %s is a promise, which needs a journal; there is none", traits.Name)
		}
		if traits.Wait == protocol.Closing && r.Wait.After == 0 {
			bad("wait.after", "a wait notice of %s ends the exchange for its client, who has to ask again: say how long a request may take before that", traits.Name)
		}
		if r.Wait.Keep < 0 {
			bad("wait.keep", "must not be negative")
		}
		if traits.Ordered && traits.Wait == protocol.Interim {
			bad("wait", "clients of %s pair answers by order: an interim wait notice would be taken for one", traits.Name)
		}
	}
	if _, ok := r.Codec.(protocol.Repeating); r.Keep != (KeepConfig{}) && !ok {
		bad("keep", "%s has no requests that could be told to be the same", traits.Name)
	}
	if r.Keep != (KeepConfig{}) && r.Keep.For == 0 {
		bad("keep.for", "must be said: how long an answer is kept for who sends the request again")
	}
	l := r.limits()
	if l.Inline > l.Frame {
		bad("limits.inline", "%d bytes are more than a frame of at most %d has (limits.frame)", l.Inline, l.Frame)
	}
	if l.Inline > 0 {
		r.checkCarries(bad)
	}
	if l.Queue < 2*l.Frame {
		bad("limits.queue", "%d bytes cannot hold two frames of %d", l.Queue, l.Frame)
	}
	if l.Tunnel < 2*l.Frame {
		bad("limits.tunnel", "%d bytes cannot hold two frames of %d", l.Tunnel, l.Frame)
	}
	for i := range r.Backends {
		at := fmt.Sprintf("backends[%d].", i)
		r.Backends[i].checkExchange(r, func(field, format string, args ...any) { bad(at+field, format, args...) })
	}
	r.checkMirrors(bad)
}

// checkBounds is for routes of every kind.
func (r *Route) checkBounds(bad func(field, format string, args ...any)) {
	for _, limit := range []struct {
		field string
		v     int
	}{
		{"in_flight", r.Limits.InFlight}, {"in_flight_total", r.Limits.InFlightTotal}, {"connections", r.Limits.Connections},
		{"connections_per_peer", r.Limits.ConnectionsPerPeer}, {"frame", r.Limits.Frame}, {"queue", r.Limits.Queue},
		{"inline", r.Limits.Inline}, {"carry", int(r.Limits.Carry)}, {"tunnel", r.Limits.Tunnel}, {"gather", r.Limits.Gather}, {"strikes", r.Limits.Strikes},
	} {
		if limit.v < 0 {
			bad("limits."+limit.field, "must not be negative")
		}
	}
	if r.Keep.For < 0 || r.Keep.Most < 0 || r.Keep.Bytes < 0 {
		bad("keep", "must not be negative")
	}
	for _, timeout := range []struct {
		field string
		v     time.Duration
	}{
		{"frame", r.Timeouts.Frame}, {"body", r.Timeouts.Body}, {"queue", r.Timeouts.Queue}, {"answer", r.Timeouts.Answer},
		{"connect", r.Timeouts.Connect}, {"linger", r.Timeouts.Linger},
	} {
		if timeout.v < 0 {
			bad("timeouts."+timeout.field, "must not be negative")
		}
	}
	backends := map[string]int{}
	for i := range r.Backends {
		b := &r.Backends[i]
		at := fmt.Sprintf("backends[%d].", i)
		if b.Dial == nil && sameDoor(r.Listen, b.Address) {
			bad(at+"address", "this is where the route itself listens: what it sends would come back to it")
		}
		b.checkReach(func(field, format string, args ...any) { bad(at+field, format, args...) })
		if first, ok := backends[b.name()]; ok {
			bad(at+"name", "backends[%d] has the same name", first)
		}
		backends[b.name()] = i
	}
}

// checkCarries says why nothing could be carried although it is wanted.
func (r *Route) checkCarries(bad func(field, format string, args ...any)) {
	if !r.Codec.Traits().Carries {
		bad("limits.inline", "%s, as it is declared, has no heads from which a longer frame could be routed", r.Codec.Traits().Name)
		return
	}
	for i := range r.Backends {
		if !r.Backends[i].codec(r).Traits().Carries {
			bad("limits.inline", "what backends[%d] speaks has no heads from which a longer frame could be routed", i)
		}
	}
	carrying := r.Codec.(protocol.Carrying)
	for _, path := range r.Rules.Paths() {
		if !carrying.InHead(path) {
			bad("limits.inline", "a rule looks at %s, which is not in the head of a frame: every frame must be held whole", path)
		}
	}
}

// carries reports whether frames may be carried.
func (r *Route) carries() bool { return r.Limits.Inline > 0 }

func modeList(modes []protocol.Mode) string {
	text := ""
	for i, m := range modes {
		if i > 0 {
			text += ", "
		}
		text += m.String()
	}
	return text
}

func (r *Route) mode() protocol.Mode {
	if r.Mode != nil {
		return *r.Mode
	}
	if modes := r.Codec.Traits().Modes; len(modes) > 0 {
		return modes[0]
	}
	return protocol.Exclusive
}

// limits and timeouts are those of r with their defaults.
func (r *Route) limits() Limits {
	l := r.Limits
	if r.Codec != nil {
		def(&l.Frame, r.Codec.Traits().Frame)
	}
	return l.withDefaults()
}

func (r *Route) timeouts() Timeouts {
	t := r.Timeouts
	if r.Codec != nil {
		def(&t.Frame, r.Codec.Traits().FrameTime)
	}
	return t.withDefaults()
}

func (l Limits) withDefaults() Limits {
	def(&l.InFlight, 128)
	def(&l.InFlightTotal, 1<<16)
	def(&l.Connections, 10_000)
	def(&l.ConnectionsPerPeer, l.Connections)
	def(&l.Frame, 1<<20)
	def(&l.Carry, 4<<30)
	def(&l.Queue, max(4<<20, 2*l.Frame))
	def(&l.Tunnel, max(1<<20, 2*l.Frame))
	def(&l.Gather, l.Queue/2)
	def(&l.Strikes, 100)
	return l
}

func (t Timeouts) withDefaults() Timeouts {
	def(&t.Frame, 10*time.Second)
	def(&t.Body, 10*time.Minute)
	def(&t.Idle, 10*time.Minute)
	def(&t.Queue, 5*time.Second)
	def(&t.Answer, 30*time.Second)
	def(&t.Connect, 5*time.Second)
	def(&t.Linger, 2*time.Second)
	return t
}

// sameDoor reports whether who connects to address comes to who listens on listen, as far as that can be told without
// asking anybody.
func sameDoor(listen, address string) bool {
	network, door := splitAddress(listen)
	other, to := splitAddress(address)
	if network != other || door == "" {
		return false
	}
	doorHost, doorPort, err := net.SplitHostPort(door)
	host, port, err2 := net.SplitHostPort(to)
	if network == "unix" || err != nil || err2 != nil {
		return door == to
	}
	at, from := net.ParseIP(host), net.ParseIP(doorHost)
	here := host == "localhost" || at != nil && (at.IsLoopback() || at.IsUnspecified())
	everywhere := doorHost == "" || from != nil && from.IsUnspecified()
	return port == doorPort && port != "0" && (host == doorHost || here && (everywhere || doorHost == "localhost"))
}

// anyPort reports whether address leaves the port to the system.
func anyPort(address string) bool { return strings.HasSuffix(address, ":0") }

// splitAddress returns network and address of "host:port" or "unix:/path".
func splitAddress(address string) (network, addr string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}

// def gives v its default if it has none.
func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// ErrClosed is the cause of what ends because the Gateway was shut down.
var ErrClosed = errors.New("the gateway is shut down")
