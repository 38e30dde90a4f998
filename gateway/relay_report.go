package gateway

import (
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/tunnel"
)

// RelayCounters are what happened on a route of kind Relay since it was made. They balance:
//
//	Accepted = the sum of Refused + the sum of Ended + Waiting + Open
type RelayCounters struct {
	Accepted  uint64            `json:"accepted"`   // clients that came
	Waiting   int               `json:"waiting"`    // now, for what they must begin with or for a backend
	Open      int               `json:"open"`       // now, with a backend connection
	Refused   map[string]uint64 `json:"refused"`    // by reason
	Ended     map[string]uint64 `json:"ended"`      // by what has ended them
	ToBackend int64             `json:"to_backend"` // bytes
	ToClient  int64             `json:"to_client"`  // bytes
	Observed  uint64            `json:"observed"`   // violations of rules in mode observe
	Warned    uint64            `json:"warned"`     // violations of rules in mode warn
}

// refusalReason is why a client gets no backend connection.
type refusalReason uint8

const (
	refusedAddress     refusalReason = iota // it comes from where nobody may
	refusedProxy                            // it is no proxy that may come, or one without a good header
	refusedName                             // it asks for another server, or for none
	refusedFrame                            // its first frame is no request
	refusedRules                            // its first frame does not meet the rules
	refusedSlow                             // it does not begin in time
	refusedConnections                      // there are too many
	refusedPerPeer                          // there are too many from its address
	refusedBackend                          // no backend can be reached
	refusedDraining                         // the gateway is shut down
	refusedPaused                           // an operator has paused the route
	refusedBug                              // a handler has panicked
	numRefusals
)

var refusalNames = [numRefusals]string{"address", "proxy_header", "server_name", "frame", "rules", "slow", "connections",
	"connections_per_peer", "backend", "draining", "paused", "bug"}

// relayEnd is what has ended a client that was not refused.
type relayEnd uint8

const (
	endedDone     relayEnd = iota // both sides, in order
	endedEarly                    // the client left before it had a backend connection
	endedClient                   // the client's connection has failed
	endedBackend                  // the backend's connection has failed
	endedIdle                     // no byte has moved for timeouts.idle
	endedMirror                   // a mirror that is required has failed
	endedLinger                   // one side had ended, and the other went on for longer than relay.linger
	endedShutdown                 // the gateway
	endedOperator                 // somebody who runs it
	numRelayEnds
)

var relayEndNames = [numRelayEnds]string{"done", "early", "client", "backend", "idle", "mirror", "linger", "shutdown", "operator"}

// relaySums is what is behind RelayCounters, but for the clients that are in. Guarded by the relay's mu.
type relaySums struct {
	accepted            uint64
	refused             [numRefusals]uint64
	ended               [numRelayEnds]uint64
	toBackend, toClient int64
}

// refuse counts a refusal, and returns it.
func (s *relaySums) refuse(why *refusal) *refusal {
	s.refused[why.reason]++
	return why
}

// add counts what way, which may be nil, has moved so far.
func (s *relaySums) add(way *tunnel.TwoWay) {
	if way == nil {
		return
	}
	toBackend, toClient := way.Moved()
	s.toBackend += toBackend
	s.toClient += toClient
}

func (r *relay) snapshot() RouteSnapshot {
	s := RouteSnapshot{Name: r.conf.Name, Paused: r.paused.Load(), Starved: r.starved.Load(), Clients: r.clients(), Relay: r.counts(), Handshakes: r.shakes.snapshot(r.preface())}
	if a := r.address(); a != nil {
		s.Listen = a.String()
	}
	if r.codec != nil {
		s.Protocol = r.codec.Traits().Name
	}
	for _, u := range r.upstreams {
		s.Backends = append(s.Backends, BackendSnapshot{Name: u.conf.Name, Circuit: u.breaker.state(), Admin: Duty(u.duty.Load()).String(), Dials: u.dials.Load(), Lost: u.lost.Load(),
			Links: map[string]int{BackendReady: int(u.open.Load())}})
	}
	for _, m := range r.mirrors {
		s.Mirrors = append(s.Mirrors, m.snapshot())
	}
	return s
}

// counts returns the counters, in which those who are in are counted as they are now.
func (r *relay) counts() *RelayCounters {
	r.bookMu.Lock()
	defer r.bookMu.Unlock()
	sum := r.sum
	c := &RelayCounters{Accepted: sum.accepted, Refused: map[string]uint64{}, Ended: map[string]uint64{},
		Observed: r.rules.observed.Load(), Warned: r.rules.warned.Load()}
	for _, g := range r.all(false) {
		g := g.(*relayed)
		if g.summed {
			continue
		}
		way, _ := g.tunnel()
		if way != nil {
			c.Open++
		} else {
			c.Waiting++
		}
		sum.add(way)
	}
	for i, n := range sum.refused {
		c.Refused[refusalNames[i]] = n
	}
	for i, n := range sum.ended {
		c.Ended[relayEndNames[i]] = n
	}
	c.ToBackend, c.ToClient = sum.toBackend, sum.toClient
	return c
}

// logRefusal is the one line of a client that was refused. It has no byte of what that sent.
func (r *relay) logRefusal(c *relayed, why *refusal) {
	if r.logger == nil || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	r.logger.WithFields(logrus.Fields{"peer": c.peer, "cause": refusalNames[why.reason], "error": why.Error()}).Info("refused")
}

// logEnd is the one line of a client that was not.
func (r *relay) logEnd(c *relayed, how relayEnd, cause error) {
	if r.logger == nil || !r.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return
	}
	fields := logrus.Fields{"peer": c.peer, "end": relayEndNames[how], "seconds": time.Since(time.Unix(0, c.began)).Seconds()}
	if way, u := c.tunnel(); way != nil {
		fields["backend"] = u.conf.Name
		fields["to_backend"], fields["to_client"] = way.Moved()
	}
	if source := c.client(); source != "" {
		fields["client"] = source
	}
	if cause != nil {
		fields["cause"] = cause.Error()
	}
	r.logger.WithFields(fields).Info("client left")
}
