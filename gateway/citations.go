package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// What bounds the requests that a backend's citations remember.
const (
	maxCitations = 100_000
	citedFor     = 24 * time.Hour
)

// errUncited is why a request is refused that names another which is not remembered: under the number that its client has
// given, the backend may know another one.
var errUncited = errors.New("gateway: the request names another that is not remembered")

// citations remember, in mode Rewrite, which ticket a request had, for those that name it later. Its lock is a leaf.
type citations struct {
	codec protocol.Citing
	most  int
	keep  time.Duration

	mu      sync.Mutex
	tickets map[string]citation
	order   ring[cited]
}

type citation struct {
	ticket uint64
	at     time.Time
}

// cited is a place in the order in which requests came.
type cited struct {
	id string
	at time.Time
}

// newCitations returns nil if nothing is named later, or by the numbers that the backend knows.
func newCitations(u *upstream) *citations {
	codec, ok := u.codec.(protocol.Citing)
	if !ok || u.route().mode != protocol.Rewrite {
		return nil
	}
	return &citations{codec: codec, most: maxCitations, keep: citedFor, tickets: map[string]citation{}}
}

// note remembers that the request id has this ticket.
func (c *citations) note(id protocol.ID, ticket uint64, now time.Time) {
	if c == nil || len(id) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.order.len() > 0 && (c.order.len() >= c.most || now.Sub(c.order.peek().at) >= c.keep) {
		old := c.order.pop()
		if c.tickets[old.id].at.Equal(old.at) { // if not it has come again since
			delete(c.tickets, old.id)
		}
	}
	name := string(id)
	c.tickets[name] = citation{ticket, now}
	c.order.push(cited{name, now})
}

// ticket returns that of the request id, if it is remembered.
func (c *citations) ticket(id protocol.ID, now time.Time) (uint64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	is, ok := c.tickets[string(id)]
	return is.ticket, ok && now.Sub(is.at) < c.keep
}

// cite returns the ID under which the backend knows the request that m names, nil if m names none.
func (b *Backend) cite(w *worker, m *protocol.Message, now time.Time) (protocol.ID, error) {
	c := b.up.citations
	if c == nil {
		return nil, nil
	}
	id, path := c.codec.Cites(m)
	if path == "" {
		return nil, nil
	}
	ticket, ok := c.ticket(id, now)
	if !ok {
		return nil, errUncited
	}
	w.cited = b.up.rewriter.AppendTicket(w.cited[:0], ticket)
	return w.cited, nil
}

// uncited says what is wrong with m.
func (s *Session) uncited(m *protocol.Message) *protocol.Notice {
	n := s.notice(protocol.Fix, protocol.BadContent)
	_, path := s.route.codec.(protocol.Citing).Cites(m)
	n.Reasons = []protocol.Reason{{Path: path, Off: -1, Rule: "cited", Want: "a request that has gone through here lately", Got: "another"}}
	s.route.counters.limits[limitCitations].Add(1)
	return n
}
