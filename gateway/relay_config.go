package gateway

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Kind is what a route does.
type Kind uint8

const (
	// Exchange judges each request, and gives each result to who asked for it.
	Exchange Kind = iota
	// Relay moves the bytes of each client to a backend connection of its own, and back. It
	// is for protocols that sallyport does not speak: what is looked at is how a connection
	// begins.
	Relay
)

// RelayConfig is for a Route of kind Relay. What a client must begin with is, in this
// order: the PROXY header, if it comes from a network of ProxyFrom; the ClientHello, if
// there are ServerNames; the first frame, if the route has a Codec, which Rules judge.
// With none of them nothing is waited for before the backend is dialled.
type RelayConfig struct {
	// Allow are the networks that clients may come from; none: everybody may. Who comes
	// with a PROXY header comes from where that says.
	Allow []netip.Prefix
	// ServerNames are the names that a client may ask for by TLS, exact or "*.example.org".
	ServerNames []string
	// ProxyFrom are the networks of proxies, which must send a PROXY header of version 1 or
	// 2. If there are any nobody else may come, with a header or without.
	ProxyFrom []netip.Prefix
	// SendProxy is the version of the PROXY header that the backend gets; 0: none. It says
	// what the client's own header says, if that had one.
	SendProxy int
	// EndTogether ends both directions with the first. By default a client may end its
	// direction and still get the answer, for at most Linger.
	EndTogether bool
	// Linger is how long the other direction may take when one has ended; 30 s.
	Linger time.Duration
}

// empty reports whether nothing is set.
func (c *RelayConfig) empty() bool {
	return len(c.Allow) == 0 && len(c.ServerNames) == 0 && len(c.ProxyFrom) == 0 && c.SendProxy == 0 && !c.EndTogether && c.Linger == 0
}

// What a relay holds for each direction, and how long it may rest: the protocols behind it
// keep connections open for later, so it has more patience than a route that knows whether
// something is open.
const (
	relayTunnel = 64 << 10
	relayLeast  = 4 << 10 // for a notice to a client, or a PROXY header to a backend
	relayIdle   = time.Hour
	relayLinger = 30 * time.Second
)

func (r *Route) checkRelay(bad func(field, format string, args ...any)) {
	if r.Rules != nil && r.Codec == nil {
		bad("validate", "rules judge the first frame, which needs a protocol")
	}
	if r.Codec != nil && len(r.Relay.ServerNames) > 0 {
		bad("relay.server_names", "behind TLS there is no frame to be read; choose this or protocol")
	}
	for i, name := range r.Relay.ServerNames {
		if !isServerName(strings.TrimPrefix(name, "*.")) {
			bad(fmt.Sprintf("relay.server_names[%d]", i), "this is no name of a server; want db.example.org or *.example.org")
		}
	}
	if network, _ := splitAddress(r.Listen); network == "unix" {
		if len(r.Relay.Allow) > 0 {
			bad("relay.allow", "who comes through a unix socket has no address")
		}
		if len(r.Relay.ProxyFrom) > 0 {
			bad("relay.proxy_from", "who comes through a unix socket has no address")
		}
	}
	if r.TLS != nil && len(r.Relay.ServerNames) > 0 {
		bad("relay.server_names", "a relay that ends TLS itself needs no server names: leave out tls, or this")
	}
	if r.TLS != nil && len(r.Relay.ProxyFrom) > 0 {
		bad("relay.proxy_from", "the PROXY header would have to come inside of TLS: leave out tls, or this")
	}
	if t := r.Limits.Tunnel; t > 0 && t < relayLeast {
		bad("limits.tunnel", "%d bytes cannot hold what a relay says itself; want at least %d", t, relayLeast)
	}
	r.checkUnused(bad)
	for _, o := range []struct {
		field string
		set   bool
	}{
		{"mode", r.Mode != nil}, {"wait", r.Wait.On}, {"limits.inline", r.Limits.Inline > 0}, {"limits.in_flight", r.Limits.InFlight > 0},
		{"limits.in_flight_total", r.Limits.InFlightTotal > 0}, {"limits.gather", r.Limits.Gather > 0}, {"limits.queue", r.Limits.Queue > 0},
		{"limits.strikes", r.Limits.Strikes > 0}, {"limits.carry", r.Limits.Carry > 0}, {"balance", r.Balance != RoundRobin},
		{"timeouts.body", r.Timeouts.Body > 0}, {"timeouts.queue", r.Timeouts.Queue > 0}, {"timeouts.answer", r.Timeouts.Answer > 0},
	} {
		if o.set {
			bad(o.field, "a relay has no requests and results, only bytes")
		}
	}
	if v := r.Relay.SendProxy; v < 0 || v > 2 {
		bad("relay.send_proxy", "there is no version %d of the PROXY header; want 1 or 2", v)
	}
	if r.Relay.Linger < 0 {
		bad("relay.linger", "must not be negative")
	}
	for i := range r.Mirrors {
		r.Mirrors[i].checkRelay(func(field, format string, args ...any) { bad(fmt.Sprintf("mirror[%d].%s", i, field), format, args...) })
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		for _, o := range []struct {
			field string
			set   bool
		}{
			{"connections", b.Connections > 0}, {"in_flight", b.InFlight > 0}, {"batch", b.Batch.Max > 0}, {"strikes", b.Strikes > 0},
			{"protocol", b.Codec != nil},
		} {
			if o.set {
				bad(fmt.Sprintf("backends[%d].%s", i, o.field), "a relay gives each client a connection of its own")
			}
		}
	}
}

// checkUnused is about what only matters if the client must begin with something.
func (r *Route) checkUnused(bad func(field, format string, args ...any)) {
	if r.Codec != nil {
		return
	}
	if r.Limits.Frame > 0 {
		bad("limits.frame", "without a protocol no frame is read")
	}
	if r.RetryAfter > 0 {
		bad("retry_after", "without a protocol there are no words for it")
	}
	if r.Timeouts.Frame > 0 && len(r.Relay.ServerNames) == 0 && len(r.Relay.ProxyFrom) == 0 && len(r.Mirrors) == 0 {
		bad("timeouts.frame", "nothing is waited for: there is no protocol, no relay.server_names, no relay.proxy_from and no mirror")
	}
}
