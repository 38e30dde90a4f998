package gateway

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
)

// BackendConfig is one system behind a route.
type BackendConfig struct {
	// Name is shown in logs and metrics; Address by default.
	Name string
	// Address is "host:port" or "unix:/path". Dial, if it is set, is used in its place.
	Address string
	Dial    func(ctx context.Context) (net.Conn, error)
	// TLS is how the backend is spoken to; nil: in the clear. Its ServerName is the host of Address by default.
	TLS *tls.Config
	// Codec is what the backend speaks: the route's protocol, perhaps in another framing.
	// Nil: the route's codec.
	Codec protocol.Codec
	// Connections is how many are kept open; 2.
	Connections int
	// Own is the number of connections beside these that clients may have to themselves, for requests that need that; 64.
	Own int
	// InFlight is the number of requests open on one connection; what the codec's Traits say, or 64. It is 1 in mode Exclusive.
	InFlight int
	// Window is the number of frames without an answer on one connection; what is admitted beyond that waits, in order. 0:
	// what the codec's Traits say, or no bound but InFlight.
	Window int
	// Gap is the least pause between two frames, Settle that before the first.
	Gap, Settle time.Duration
	// Serial is for a backend that takes one request at a time and need not give its id back: Window is 1, answers are
	// matched by order, and the connection is closed after one that did not come in time.
	Serial bool
	// Merge and Share are for reads of a Merging codec: of ranges that can be read as one, and of the same range.
	Merge MergeConfig
	Share bool
	// Lane is about parts that can be slow or dead by themselves. It needs a Window.
	Lane LaneConfig
	// Batch sends requests together.
	Batch BatchConfig
	// Strikes is the number of answers without a request after which a connection is
	// closed; 100. In mode FIFO the first one closes it.
	Strikes int
	// Backoff bounds the pause before a dial: full jitter below Min doubled with each
	// failure in a row, up to Max; 100 ms and 10 s.
	Backoff Backoff
	// Circuit opens after Failures in a row, 5, and clients then hear Later at once, until
	// a dial after Rest, 5 s, has worked.
	Circuit Circuit
	// Probe asks for signs of life, if the codec can.
	Probe ProbeConfig
	// Revision says, for Reload, what the backend was made of: two with the same one are the same. Empty: it differs from all
	// others.
	Revision string
}

// BatchConfig sends up to Max requests as one batch, none of them later than Linger
// after it came. Max 0 or 1 sends each by itself.
type BatchConfig struct {
	Max    int
	Linger time.Duration
}

// Backoff is the pause between failed dials.
type Backoff struct{ Min, Max time.Duration }

// Circuit is the breaker of a backend.
type Circuit struct {
	Failures int
	Rest     time.Duration
}

// checkReach is about how the backend is connected to.
func (b *BackendConfig) checkReach(bad func(field, format string, args ...any)) {
	if b.Address == "" && b.Dial == nil {
		bad("address", "must not be empty")
	}
	if b.Circuit.Failures < 0 {
		bad("circuit.failures", "must not be negative")
	}
	if b.Backoff.Min < 0 || b.Backoff.Max < 0 || b.Backoff.Max > 0 && b.Backoff.Min > b.Backoff.Max {
		bad("backoff", "min must be at least 0 and at most max")
	}
}

func (b *BackendConfig) checkExchange(r *Route, bad func(field, format string, args ...any)) {
	codec := b.codec(r)
	if got, want := codec.Traits().Name, r.Codec.Traits().Name; got != want {
		bad("protocol", "the backend speaks %s and the route %s", got, want)
	}
	for _, limit := range []struct {
		field string
		v     int
	}{
		{"connections", b.Connections}, {"own", b.Own}, {"in_flight", b.InFlight}, {"batch.max", b.Batch.Max},
		{"strikes", b.Strikes}, {"window", b.Window}, {"gap", int(b.Gap)}, {"settle", int(b.Settle)}, {"merge.wait", int(b.Merge.Wait)},
		{"merge.gap", b.Merge.Gap}, {"lane.window", b.Lane.Window}, {"lane.failures", b.Lane.Failures}, {"lane.rest", int(b.Lane.Rest)},
		{"probe.every", int(b.Probe.Every)}, {"probe.timeout", int(b.Probe.Timeout)}, {"probe.missed", b.Probe.Missed},
	} {
		if limit.v < 0 {
			bad(limit.field, "must not be negative")
		}
	}
	if r.mode() == protocol.Exclusive && b.InFlight > 1 {
		bad("in_flight", "mode exclusive has one request at a time on a connection")
	}
	if tickets := codec.Traits().Tickets; r.mode() == protocol.Rewrite && tickets > 0 && uint64(max(b.InFlight, 0)) > tickets {
		bad("in_flight", "%s has only %d ids", codec.Traits().Name, tickets)
	}
	if _, ok := codec.(protocol.Merging); !ok {
		if b.Merge.On {
			bad("merge", "%s has no reads that could leave as one", codec.Traits().Name)
		}
		if b.Share {
			bad("share", "%s has no reads that could leave as one", codec.Traits().Name)
		}
	}
	if _, ok := codec.(protocol.Repeating); ok && (b.Window > 0 || b.Serial || b.Gap > 0 || b.Settle > 0) {
		bad("window", "what waits in a row could not be told from its repeat: limit %s by in_flight, and leave out window, serial, gap and settle", codec.Traits().Name)
	}
	if c, ok := codec.(protocol.Reversing); ok && c.Reverses() && r.mode() != protocol.Key {
		bad("protocol", "a reversal names a request by the numbers that its client has given it, which the backend sees in mode key only")
	}
	if c, ok := codec.(protocol.Citing); ok && r.mode() == protocol.Rewrite {
		if err := c.CanCite(); err != nil {
			bad("protocol", "mode rewrite: %w", err)
		}
	}
	if _, ok := codec.(protocol.Probing); !ok && b.Probe != (ProbeConfig{}) {
		bad("probe", "%s has nothing to ask a backend with", codec.Traits().Name)
	}
	if b.Probe != (ProbeConfig{}) && b.Probe.Every == 0 {
		bad("probe.every", "must be said: how long nothing comes before the backend is asked")
	}
	if b.Window > b.inFlight(r) {
		bad("window", "%d frames at once, but in_flight allows %d requests on a connection", b.Window, b.inFlight(r))
	}
	if b.Lane != (LaneConfig{}) && !codec.Traits().Lanes {
		bad("lane", "%s has no parts behind one connection that could be told apart", codec.Traits().Name)
	}
	if b.Window > 0 && b.Lane.Window > b.Window {
		bad("lane.window", "%d frames of one lane, but window allows %d of all", b.Lane.Window, b.Window)
	}
	if r.carries() && (b.Gap > 0 || b.Settle > 0) {
		bad("gap", "a frame that is carried (limits.inline) does not wait for gap or settle: hold every frame whole, or leave them out")
	}
	if b.Serial && b.Window > 1 {
		bad("window", "serial has one frame at a time")
	}
	if b.Batch.Max > 1 && (b.Window > 0 || b.Serial || b.Merge.On || b.Share || b.Gap > 0 || b.Settle > 0) {
		bad("batch", "requests go as a batch or one by one: window, serial, merge, share, gap and settle cannot stand beside it")
	}
	if b.Batch.Max > 1 {
		if splitter.New(codec) == nil {
			bad("batch", "%s has no batches", codec.Traits().Name)
		}
		if r.mode() == protocol.Exclusive {
			bad("batch", "mode exclusive has one request at a time on a connection")
		}
		if n := b.inFlight(r); b.Batch.Max > n {
			bad("batch.max", "%d requests in a batch, but in_flight allows %d on a connection", b.Batch.Max, n)
		}
	}
	if b.Batch.Linger < 0 {
		bad("batch.linger", "must not be negative")
	}
}

func (b BackendConfig) withDefaults(r *Route) BackendConfig {
	b.Codec = b.codec(r)
	traits := b.Codec.Traits()
	def(&b.Connections, traits.Connections)
	def(&b.Connections, 2)
	def(&b.Own, 64)
	def(&b.Window, traits.Window)
	if b.Serial {
		b.Window = 1
	}
	if b.Window == 0 && (b.Merge.On || b.Share || b.Gap > 0 || b.Settle > 0 || b.Lane != (LaneConfig{})) {
		b.Window = b.inFlight(r)
	}
	if traits.Lanes {
		def(&b.Lane.Window, max(1, b.Window-max(1, b.Window/4)))
		def(&b.Lane.Failures, 3)
	} else { // all is one lane, and never rests
		b.Lane.Window, b.Lane.Failures = math.MaxInt, math.MaxInt
	}
	def(&b.Lane.Rest, 5*time.Second)
	b.InFlight = b.inFlight(r)
	def(&b.Batch.Max, 1)
	def(&b.Strikes, 100)
	def(&b.Probe.Timeout, 5*time.Second)
	def(&b.Probe.Missed, 3)
	if r.mode() == protocol.FIFO {
		b.Strikes = 1
	}
	return b.withReach()
}

// withReach has the defaults of what concerns every kind of route.
func (b BackendConfig) withReach() BackendConfig {
	b.Name = b.name()
	def(&b.Backoff.Min, 100*time.Millisecond)
	def(&b.Backoff.Max, 10*time.Second)
	def(&b.Circuit.Failures, 5)
	def(&b.Circuit.Rest, 5*time.Second)
	if b.Dial == nil {
		network, address := splitAddress(b.Address)
		b.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}
	return b
}

// dispatches reports whether what is admitted may have to wait. It is for a config that has its defaults.
func (b *BackendConfig) dispatches() bool { return b.Window > 0 }

func (b *BackendConfig) codec(r *Route) protocol.Codec {
	if b.Codec != nil {
		return b.Codec
	}
	return r.Codec
}

func (b *BackendConfig) name() string {
	if b.Name != "" {
		return b.Name
	}
	return b.Address
}

func (b *BackendConfig) inFlight(r *Route) int {
	switch {
	case r.mode() == protocol.Exclusive:
		return 1
	case b.InFlight > 0:
		return b.InFlight
	case b.codec(r).Traits().InFlight > 0:
		return b.codec(r).Traits().InFlight
	}
	return 64
}
