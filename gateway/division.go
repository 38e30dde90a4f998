package gateway

import (
	"hash/fnv"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
	"github.com/sallyport/sallyport/tunnel"
)

// division is a request whose keys lie with several backends. It stands on the client's desk as one exchange; its parts
// are exchanges of their own, whose answers are gathered and joined.
type division struct {
	whole *exchange
	g     *gather
	body  []byte // of the request
	owner []int  // for each key, its part
	pools []*pool
	next  int  // part to be sent
	bad   bool // a part has failed; guarded by the lock of the client's VConn
}

// directByKey is direct where each backend has a part of all keys.
func (s *Session) directByKey(m *protocol.Message) (*division, *protocol.Notice) {
	r := s.route
	keys, all := r.keyed.Keys(m, s.w.keys[:0])
	s.w.keys = keys
	switch {
	case all:
		return nil, s.refusal("keys", "a request about certain keys: each backend has only a part of them all", "one about every key")
	case len(keys) == 0 && m.Bind != protocol.Any:
		return nil, s.refusal("keys", "a request that any backend can answer by itself", "one that would bind the client to one of several")
	case len(keys) == 0:
		switch {
		case s.held.on && s.at != nil: // it may wait there
		case s.open > 0 && s.home != nil:
			s.at = s.home
		default:
			s.at = r.pools[s.w.turn()%len(r.pools)]
		}
		return nil, nil
	}
	s.at = r.pools[r.poolOf(keys[0])]
	for _, k := range keys[1:] {
		if r.pools[r.poolOf(k)] != s.at {
			if !r.keyed.Divides(m) || m.Bind != protocol.Any {
				return nil, s.refusal("keys", "keys that lie with one backend", "keys that lie with several")
			}
			return s.newDivision(m, keys), nil
		}
	}
	return nil, nil
}

// refusal is a notice about a request that these backends cannot answer.
func (s *Session) refusal(rule, want, got string) *protocol.Notice {
	n := s.notice(protocol.Fix, protocol.BadContent)
	n.Reasons = []protocol.Reason{{Off: -1, Rule: rule, Want: want, Got: got}}
	return n
}

// poolOf returns which backend has key: of all it is the one whose name and the key together have the greatest hash, so
// that every gateway with the same backends finds the same one, and a backend that is added takes keys from all others alike.
func (r *route) poolOf(key []byte) int {
	best, most := 0, uint64(0)
	for i, u := range r.upstreams {
		h := fnv.New64a()
		_, _ = h.Write(key)
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(u.conf.Name))
		if v := mix(h.Sum64()); i == 0 || v > most {
			best, most = i, v
		}
	}
	return best
}

// mix spreads a difference in any bit of v over all others (the finaliser of SplitMix64).
func mix(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

func (s *Session) newDivision(m *protocol.Message, keys [][]byte) *division {
	r := s.route
	d := &division{body: append([]byte(nil), m.Body...), owner: make([]int, len(keys))}
	d.g = &gather{Gather: *splitter.NewGather(r.limits.Gather), head: append([]byte(nil), m.Head...), division: d}
	part := make([]int, len(r.pools)) // of each pool, from 1 on
	for i, k := range keys {
		p := r.poolOf(k)
		if part[p] == 0 {
			d.pools = append(d.pools, r.pools[p])
			part[p] = len(d.pools)
		}
		d.owner[i] = part[p] - 1
	}
	return d
}

// divide sends the parts of m. It is false, without a notice, if there is no room for one of them: it is called again.
func (s *Session) divide(own *tunnel.Owner, m *protocol.Message, d *division) (bool, *protocol.Notice) {
	r := s.route
	if d.whole == nil {
		if n := s.overdue(time.Now()); n != nil {
			return false, n
		}
		if ok, n := s.reserve(own, m); !ok {
			if n == nil {
				s.hold(own, time.Now().Add(r.timeouts.Queue))
			}
			return false, n
		}
		s.copy(m, true)
		d.whole = newExchange(s, m, nil, time.Now())
		d.whole.fire(forward)
		r.counters.forwarded.Add(1)
		r.counters.inFlight.Add(1)
		r.counters.divided.Add(1)
		s.place(d.whole)
	}
	for d.next < len(d.pools) {
		part := &s.w.part
		part.Reset()
		body, err := r.keyed.AppendPart(s.w.partBody[:0], m, d.owner, d.next)
		s.w.partBody = body
		if err == nil {
			part.Memo = m.Memo
			err = r.codec.DecodeBody(protocol.FromClient, body, part)
		}
		if err != nil {
			r.log(s, "a part of a request could not be made", err)
			s.miss(d, s.notice(protocol.Failed, protocol.BadContent))
			d.next++
			continue
		}
		s.at = d.pools[d.next]
		ok, n := s.pass(own, part, d.g)
		if n == nil && !ok {
			s.held.division = d
			return false, nil
		}
		if n != nil {
			s.miss(d, n)
		}
		d.next++
		s.unhold()
		s.held.verified, s.held.division = true, d
	}
	return s.seal(d.g), nil
}

// reserveWhole is reserve, but for the parts of a request, of which mirrors get the whole.
func (s *Session) reserveWhole(own *tunnel.Owner, m *protocol.Message, g *gather) (bool, *protocol.Notice) {
	if g != nil && g.division != nil {
		return true, nil
	}
	return s.reserve(own, m)
}

// place lays the whole on the desk.
func (s *Session) place(x *exchange) {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.enter(h, x)
}

// miss puts a notice in the place of the answer to the part that is next.
func (s *Session) miss(d *division, n *protocol.Notice) {
	if x := s.held.x; x != nil {
		s.held.x = nil
		x.free()
	}
	part := &s.w.part
	body, err := s.route.codec.AppendNotice(s.w.out[:0], part, n)
	s.w.out = body[:0]
	if err != nil {
		body = nil
	}
	s.route.counters.notices[n.Class].Add(1)
	h := s.vc.Lock()
	defer h.Unlock()
	d.bad = true
	d.g.Force(d.g.Slot(), body)
}

// deliverPart gives the answer to a part of a request its place, and puts the joined answer when that was the last. It
// reports whether the client has something to write.
func (s *Session) deliverPart(x *exchange, body []byte, e event, now time.Time) bool {
	h := s.vc.Lock()
	defer h.Unlock()
	g := x.gather
	d := g.division
	d.bad = d.bad || e != answer
	if g.Put(x.slot, body) != nil {
		s.route.counters.limits[limitGather].Add(1)
		n := protocol.Notice{Class: protocol.Failed, Cause: protocol.TooLarge}
		body, _ := s.route.codec.AppendNotice(nil, x.request(s.route.codec, new(protocol.Message)), &n)
		g.Force(x.slot, body)
		d.bad = true
	}
	x.free()
	if !g.Complete() {
		return false
	}
	s.join(h, d, now)
	return true
}

// join answers the whole.
func (s *Session) join(h *tunnel.Held, d *division, now time.Time) {
	r := s.route
	x := d.whole
	s.repayOne(h)
	r.counters.inFlight.Add(-1)
	if s.desk.closed {
		x.end(r.counters, abandon, now)
		s.desk.settle(h, x)
		s.desk.leave(h, x)
		x.free()
		return
	}
	e := answer
	if d.bad {
		e = fail
	}
	x.end(r.counters, e, now)
	frame, err := s.joined(d)
	if err != nil {
		frame = r.answer(nil, x, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer, Unknown: true}, new(protocol.Message))
	}
	s.finish(h, x, frame, true)
}

// joined makes the frame of the answer to the whole.
func (s *Session) joined(d *division) ([]byte, error) {
	c := s.route.codec
	m := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromClient, d.body, m); err != nil {
		return nil, err
	}
	m.Head = d.g.head
	frame, err := s.route.keyed.Join(c.OpenFrame(nil, d.g.head), m, d.owner, d.g.Answers())
	if err != nil {
		return nil, err
	}
	return c.CloseFrame(frame, 0)
}
