package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport/sallyport/gateway"
)

// collector makes metrics of a Snapshot when they are asked for. No label has a value from the wire: routes, backends, classes and
// limits are of the configuration and of the program.
type collector struct {
	g       Gateway
	version string
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sallyport_"+name, help, labels, nil)
}

// counted is a number of a route that grows.
type counted struct {
	desc  *prometheus.Desc
	value func(c *gateway.Counters) uint64
}

func count(name, help string, value func(c *gateway.Counters) uint64) counted {
	return counted{desc(name+"_total", help, "route"), value}
}

// counters balance: received = forwarded + refused + joined + queued, and forwarded = answered + failed + expired + abandoned + in flight.
var counters = []counted{
	count("requests_received", "Requests that came whole, members of batches each for itself.", func(c *gateway.Counters) uint64 { return c.Received }),
	count("requests_forwarded", "Requests that went to a backend.", func(c *gateway.Counters) uint64 { return c.Forwarded }),
	count("requests_refused", "Requests that were refused.", func(c *gateway.Counters) uint64 { return c.Refused }),
	count("requests_joined", "Repeats of a request that was open, or whose result was kept.", func(c *gateway.Counters) uint64 { return c.Joined }),
	count("requests_answered", "Requests with the backend's result.", func(c *gateway.Counters) uint64 { return c.Answered }),
	count("requests_failed", "Requests whose backend connection was lost, or whose answer was of no use.", func(c *gateway.Counters) uint64 { return c.Failed }),
	count("requests_expired", "Requests that were not answered in time.", func(c *gateway.Counters) uint64 { return c.Expired }),
	count("requests_abandoned", "Requests whose client had gone.", func(c *gateway.Counters) uint64 { return c.Abandoned }),
	count("answers_late", "Answers after their time, dropped.", func(c *gateway.Counters) uint64 { return c.Late }),
	count("answers_doubled", "Second answers, dropped.", func(c *gateway.Counters) uint64 { return c.Doubled }),
	count("answers_unknown", "Answers to nothing that was asked, dropped.", func(c *gateway.Counters) uint64 { return c.Unknown }),
	count("answers_misfit", "Answers that did not fit the request that they named.", func(c *gateway.Counters) uint64 { return c.Misfits }),
	count("answers_unasked", "What came unasked, dropped.", func(c *gateway.Counters) uint64 { return c.Unasked }),
	count("frames_malformed", "Frames that were no message.", func(c *gateway.Counters) uint64 { return c.Malformed }),
	count("clients_out_of_step", "Clients closed because their framing was lost.", func(c *gateway.Counters) uint64 { return c.OutOfStep }),
	count("clients_wrong_protocol", "Of these, the ones that spoke another protocol.", func(c *gateway.Counters) uint64 { return c.WrongProtocol }),
	count("clients_truncated", "Clients that ended inside a frame.", func(c *gateway.Counters) uint64 { return c.Truncated }),
	count("rules_observed", "Violations of rules that are only tried out.", func(c *gateway.Counters) uint64 { return c.Observed }),
	count("rules_warned", "Violations of rules that warn, and deviations that are tolerated.", func(c *gateway.Counters) uint64 { return c.Warned }),
	count("waits", "Wait notices.", func(c *gateway.Counters) uint64 { return c.Waits }),
	count("reversals", "Requests that were taken back.", func(c *gateway.Counters) uint64 { return c.Reversals }),
}

var (
	info     = desc("info", "The version that runs.", "version")
	panics   = desc("panics_total", "Handlers that panicked; each cost one connection.")
	clients  = desc("clients", "Clients that are connected.", "route")
	inFlight = desc("requests_in_flight", "Requests at a backend now.", "route")
	queued   = desc("requests_queued", "Requests that wait for room now.", "route")
	notices  = desc("notices_total", "Notices to clients.", "route", "class")
	limits   = desc("limits_total", "How often each limit was hit.", "route", "limit")
	seconds  = desc("request_seconds", "How long answers took, from the request's coming.", "route")
	paused   = desc("route_paused", "1 while an operator has the clients of a route hear that they are to come again later.", "route")
	starved  = desc("no_descriptor_total", "Times that the system had no descriptor for a client of the route: raise the limit.", "route")
	shakes   = desc("handshakes_total", "What was settled with clients before they were let in (PROXY headers, TLS), by its result: done, failed, or crowded.", "route", "result")

	accepted = desc("relay_clients_total", "Clients that came to a relay.", "route")
	rejected = desc("relay_refused_total", "Of these, the ones that got no backend connection.", "route", "reason")
	ended    = desc("relay_ended_total", "Of these, the ones that have ended otherwise.", "route", "end")
	open     = desc("relay_open", "Of these, the ones that are still there.", "route")
	moved    = desc("relay_bytes_total", "Bytes that a relay has moved.", "route", "to")

	sent     = desc("backend_requests_total", "Requests sent to a backend.", "route", "backend")
	results  = desc("backend_results_total", "Results of a backend that were matched.", "route", "backend")
	pending  = desc("backend_pending", "Requests that a backend has now.", "route", "backend")
	links    = desc("backend_connections", "Connections to a backend by state.", "route", "backend", "state")
	dials    = desc("backend_dials_total", "Attempts to connect.", "route", "backend")
	lost     = desc("backend_connections_lost_total", "Connections that ended without being asked to.", "route", "backend")
	enabled  = desc("backend_enabled", "0 while an operator has a backend get no requests.", "route", "backend")
	circuit  = desc("backend_circuit_open", "1 while clients are told at once that a backend is not there.", "route", "backend")
	copied   = desc("mirror_copied_total", "Messages that a mirror got.", "route", "mirror")
	missed   = desc("mirror_missed_total", "Messages that a mirror missed.", "route", "mirror")
	attached = desc("mirror_attached", "1 while a mirror gets copies.", "route", "mirror")
)

// states are those of a connection to a backend that there may be none of.
var states = []string{gateway.BackendIdle, gateway.BackendDialing, gateway.BackendSigningOn, gateway.BackendReady, gateway.BackendCarrying, gateway.BackendDraining, gateway.BackendBackingOff}

// Describe tells of all metrics.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for i := range counters {
		ch <- counters[i].desc
	}
	for _, d := range []*prometheus.Desc{info, panics, clients, inFlight, queued, notices, limits, seconds, paused, starved, shakes, accepted, rejected, ended, open, moved, enabled, sent, results, pending, links, dials, lost, circuit, copied, missed, attached} {
		ch <- d
	}
}

// Collect takes a Snapshot apart.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	grown := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	now := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.g.Snapshot()
	now(info, 1, c.version)
	grown(panics, s.Panics)
	for i := range s.Routes {
		r := &s.Routes[i]
		now(clients, float64(r.Clients), r.Name)
		now(paused, truth(r.Paused), r.Name)
		grown(starved, r.Starved, r.Name)
		if h := r.Handshakes; h != nil {
			grown(shakes, h.Done, r.Name, "done")
			grown(shakes, h.Failed, r.Name, "failed")
			grown(shakes, h.Crowded, r.Name, "crowded")
		}
		if n := r.Relay; n != nil {
			relay(grown, r.Name, n)
			now(open, float64(n.Open+n.Waiting), r.Name)
		} else {
			ch <- histogram(r.Name, c.g.Durations(r.Name))
			for i := range counters {
				grown(counters[i].desc, counters[i].value(&r.Counters), r.Name)
			}
			now(inFlight, float64(r.Counters.InFlight), r.Name)
			now(queued, float64(r.Counters.Queued), r.Name)
			for class, n := range r.Counters.Notices {
				grown(notices, n, r.Name, class)
			}
			for limit, n := range r.Counters.Limits {
				grown(limits, n, r.Name, limit)
			}
		}
		for i := range r.Backends {
			backend(grown, now, r.Name, &r.Backends[i])
		}
		for _, m := range r.Mirrors {
			grown(copied, m.Copied, r.Name, m.Name)
			grown(missed, m.Missed, r.Name, m.Name)
			now(attached, truth(m.State == "attached"), r.Name, m.Name)
		}
	}
}

func relay(grown func(*prometheus.Desc, uint64, ...string), route string, n *gateway.RelayCounters) {
	grown(accepted, n.Accepted, route)
	for reason, n := range n.Refused {
		grown(rejected, n, route, reason)
	}
	for end, n := range n.Ended {
		grown(ended, n, route, end)
	}
	grown(moved, uint64(n.ToBackend), route, "backend")
	grown(moved, uint64(n.ToClient), route, "client")
}

func histogram(route string, d gateway.Durations) prometheus.Metric {
	buckets := map[float64]uint64{}
	for bound, n := range d.Upto {
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(seconds, d.Count, d.Sum.Seconds(), buckets, route)
}

func backend(grown func(*prometheus.Desc, uint64, ...string), now func(*prometheus.Desc, float64, ...string), route string, b *gateway.BackendSnapshot) {
	grown(sent, b.Tx, route, b.Name)
	grown(results, b.Rx, route, b.Name)
	grown(dials, b.Dials, route, b.Name)
	grown(lost, b.Lost, route, b.Name)
	now(pending, float64(b.Pending), route, b.Name)
	now(circuit, truth(b.Circuit == "open"), route, b.Name)
	now(enabled, truth(b.Admin == gateway.Enabled.String()), route, b.Name)
	for _, state := range states {
		now(links, float64(b.Links[state]), route, b.Name, state)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
