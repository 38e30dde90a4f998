package gateway

import (
	"sync/atomic"

	"github.com/sallyport/sallyport/protocol"
)

// Counters are what happened on one route since it was made. They balance:
//
//	Received  = Forwarded + Refused + Joined + Queued
//	Forwarded = Answered + Failed + Expired + Abandoned + InFlight
//
// where requests are counted one by one, the members of a batch each for itself, and
// what needs no answer is Answered when it has been forwarded.
type Counters struct {
	Received  uint64 `json:"received"`  // requests, whole frames or members of a batch
	Forwarded uint64 `json:"forwarded"` // to a backend
	Refused   uint64 `json:"refused"`   // Fix, Denied, Duplicate, Later; see Notices
	Joined    uint64 `json:"joined"`    // repeats of a request that is open, or whose result was kept
	Reversals uint64 `json:"reversals"` // requests that were taken back, as nobody knows what has become of them
	Answered  uint64 `json:"answered"`  // with the backend's result
	Failed    uint64 `json:"failed"`    // the backend connection was lost, or its answer unusable
	Expired   uint64 `json:"expired"`   // no answer in time
	Abandoned uint64 `json:"abandoned"` // the client was gone when the result came, or when it would have
	Queued    int64  `json:"queued"`    // now waiting for room
	InFlight  int64  `json:"in_flight"` // now at a backend

	Notices map[string]uint64 `json:"notices"`     // by class
	Waits   uint64            `json:"waits"`       // wait notices sent
	Divided uint64            `json:"divided"`     // requests whose keys lay with several backends
	Batches uint64            `json:"batches"`     // requests that came as batches of a client
	Bundles uint64            `json:"bundles"`     // batches sent to backends
	Split   uint64            `json:"split"`       // responses of a backend that held several results
	Merged  uint64            `json:"merged"`      // reads that left together with others
	Parted  uint64            `json:"parted"`      // frames of several reads that were refused, and asked for one by one
	Carried uint64            `json:"carried"`     // requests and results of which only the head was held
	Cut     uint64            `json:"carried_cut"` // of these, the ones that did not come to their end

	Late    uint64 `json:"late"`    // answers after their timeout, dropped
	Doubled uint64 `json:"doubled"` // second answers, dropped
	Unknown uint64 `json:"unknown"` // answers to nothing that was asked, dropped
	Misfits uint64 `json:"misfits"` // answers that did not fit the request that they named; each cost a connection
	Unasked uint64 `json:"unasked"` // what a backend sent without having been asked, and what a client has answered, dropped
	Pushed  uint64 `json:"pushed"`  // the same, for the client whose own the connection is

	Malformed     uint64 `json:"malformed"`      // frames that were no message, in step
	OutOfStep     uint64 `json:"out_of_step"`    // connections closed because framing was lost
	WrongProtocol uint64 `json:"wrong_protocol"` // of these, the ones that spoke a foreign protocol
	Truncated     uint64 `json:"truncated"`      // connections that ended inside a frame
	Observed      uint64 `json:"observed"`       // violations of rules in mode observe
	Warned        uint64 `json:"warned"`         // violations of rules in mode warn, and deviations that are tolerated

	Limits map[string]uint64 `json:"limits"` // how often each limit was hit
}

// Snapshot is the state of a Gateway at one moment.
type Snapshot struct {
	Routes []RouteSnapshot `json:"routes"`
	Panics uint64          `json:"panics"` // handlers that panicked; each cost one connection
}

// RouteSnapshot is the state of one route.
type RouteSnapshot struct {
	Name     string            `json:"name"`
	Listen   string            `json:"listen"`
	Protocol string            `json:"protocol,omitempty"`
	Mode     string            `json:"mode,omitempty"` // how results are matched to requests; "" of a relay
	Paused   bool              `json:"paused"`
	Clients  int               `json:"clients"`
	Starved  uint64            `json:"starved,omitempty"` // times that the system had no descriptor for a client
	Counters Counters          `json:"counters"`
	Backends []BackendSnapshot `json:"backends"`
	Relay    *RelayCounters    `json:"relay,omitempty"` // of a route of kind Relay, in place of Counters
	Mirrors  []MirrorSnapshot  `json:"mirrors,omitempty"`
	// Handshakes are of a route whose clients speak TLS, or come through proxies.
	Handshakes *HandshakeCounters `json:"handshakes,omitempty"`
}

// MirrorSnapshot is the state of one mirror. It balances: what was copied to it or missed
// by it, and what waits, is every request that was forwarded, and every result if it gets those.
type MirrorSnapshot struct {
	Name     string `json:"name"`
	State    string `json:"state"`    // attached, detached, or down after too many failures in a row
	Copied   uint64 `json:"copied"`   // messages written whole
	Missed   uint64 `json:"missed"`   // messages that it had no room for, or that came while it was not there
	Waiting  int    `json:"waiting"`  // messages in its buffer
	Queued   int    `json:"queued"`   // bytes of these
	Refused  uint64 `json:"refused"`  // requests refused because it is required and down
	Detached uint64 `json:"detached"` // targets that were lost, or left because they did not keep up
	Dials    uint64 `json:"dials"`    // attempts to reach a target
	Returned uint64 `json:"returned"` // bytes that came back, dropped
}

// BackendSnapshot is the state of one backend: what its connections are doing, and the
// five counters that users of multiplexers know.
type BackendSnapshot struct {
	Name    string         `json:"name"`
	Circuit string         `json:"circuit"` // closed, open, half-open
	Admin   string         `json:"admin"`   // enabled, draining, disabled: by an operator
	Links   map[string]int `json:"links"`   // number of connections by state
	Tx      uint64         `json:"tx"`      // requests sent
	Rx      uint64         `json:"rx"`      // results received and matched
	Expired uint64         `json:"rx_expired"`
	Pending int64          `json:"tx_pending"`
	Unknown uint64         `json:"rx_unhandled"`
	Dials   uint64         `json:"dials"`
	Lost    uint64         `json:"lost"`     // connections that ended without being asked to
	Own     int            `json:"own"`      // connections that clients have to themselves
	OwnIdle int            `json:"own_idle"` // of these, the ones that nobody has now
}

// limit is a bound that can be hit.
type limit uint8

const (
	limitFrame limit = iota
	limitFrameTime
	limitIdle
	limitInFlight
	limitInFlightTotal
	limitConnections
	limitPerPeer
	limitQueueBytes
	limitQueueTime
	limitAnswerTime
	limitBodyTime
	limitInline
	limitGather
	limitParked
	limitLane
	limitStrikes
	limitBackendStrikes
	limitProbes
	limitReversals
	limitCitations
	limitAbandoned
	numLimits
)

var limitNames = [numLimits]string{"frame", "frame_time", "idle", "in_flight", "in_flight_total", "connections", "connections_per_peer",
	"queue", "queue_time", "answer_time", "body_time", "inline", "gather", "parked", "lane", "strikes", "backend_strikes", "probes", "reversals", "citations", "abandoned"}

// counters is what is behind Counters while a route runs.
type counters struct {
	received, forwarded, refused, answered, failed, expired, abandoned atomic.Uint64
	queued, inFlight                                                   atomic.Int64

	notices                                    [protocol.NumClasses]atomic.Uint64
	waits, batches, bundles, split             atomic.Uint64
	carried, cutBodies                         atomic.Uint64
	late, doubled, unknown, unasked            atomic.Uint64
	malformed, outOfStep, foreign, cut         atomic.Uint64
	merged, parted, joined, reversals          atomic.Uint64
	observed, warned, pushed, divided, misfits atomic.Uint64
	limits                                     [numLimits]atomic.Uint64
}

func (c *counters) snapshot() Counters {
	s := Counters{
		Received: c.received.Load(), Forwarded: c.forwarded.Load(), Refused: c.refused.Load(), Answered: c.answered.Load(),
		Failed: c.failed.Load(), Expired: c.expired.Load(), Abandoned: c.abandoned.Load(),
		Queued: c.queued.Load(), InFlight: c.inFlight.Load(),
		Notices: map[string]uint64{}, Limits: map[string]uint64{},
		Waits: c.waits.Load(), Batches: c.batches.Load(), Bundles: c.bundles.Load(), Split: c.split.Load(),
		Carried: c.carried.Load(), Cut: c.cutBodies.Load(),
		Late: c.late.Load(), Doubled: c.doubled.Load(), Unknown: c.unknown.Load(), Unasked: c.unasked.Load(),
		Malformed: c.malformed.Load(), OutOfStep: c.outOfStep.Load(), WrongProtocol: c.foreign.Load(), Truncated: c.cut.Load(), Pushed: c.pushed.Load(), Divided: c.divided.Load(), Misfits: c.misfits.Load(), Merged: c.merged.Load(), Joined: c.joined.Load(), Reversals: c.reversals.Load(), Parted: c.parted.Load(),
		Observed: c.observed.Load(), Warned: c.warned.Load(),
	}
	for class := range protocol.Class(protocol.NumClasses) {
		s.Notices[class.String()] = c.notices[class].Load()
	}
	for l := range numLimits {
		s.Limits[limitNames[l]] = c.limits[l].Load()
	}
	return s
}

// ended counts the end of an exchange.
func (c *counters) ended(e event) {
	switch e {
	case answer:
		c.answered.Add(1)
	case expire:
		c.expired.Add(1)
	case fail:
		c.failed.Add(1)
	case abandon:
		c.abandoned.Add(1)
	}
}
