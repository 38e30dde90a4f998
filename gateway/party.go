package gateway

import (
	"errors"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// MergeConfig has reads of several clients leave as one.
type MergeConfig struct {
	// On merges reads of adjacent or overlapping ranges that wait at the same time.
	On bool
	// Wait is how long a read waits for others. With 0 it meets those that wait for their turn.
	Wait time.Duration
	// Gap is the number of items between two ranges that may be read with them for nothing.
	Gap int
}

// party is several reads in one frame. It belongs to the exchange whose ticket the frame has, and to who has that.
type party struct {
	whole   protocol.Range
	apart   bool     // the ranges differ
	expect  uint64   // of the frame, if they do (see protocol.Message)
	members []member // the first is the one whose ticket it is
}

type member struct {
	x    *exchange
	what protocol.Range
}

// party returns those that may leave with errand i, nil if there is nobody: reads of the same lane with no other request
// of that lane between them.
func (d *dispatch) party(i int, now time.Time) *party {
	conf := &d.b.up.conf
	first := d.queue.at(i)
	if !first.read || !conf.Share && !conf.Merge.On {
		return nil
	}
	p := party{whole: first.what}
	taken := map[*exchange]bool{first.x: true}
	p.members = append(p.members, member{first.x, first.what})
	for again := true; again; {
		again = false
		for _, e := range d.queue.all()[i+1:] {
			if e.lane != first.lane || taken[e.x] {
				continue
			}
			if !e.read {
				break // nothing may pass it
			}
			if e.what != first.what && (first.single || e.single) {
				continue
			}
			if whole, ok := d.union(p.whole, e.what, now); ok {
				again = again || whole != p.whole
				p.whole = whole
				p.apart = p.apart || e.what != first.what
				p.members = append(p.members, member{e.x, e.what})
				taken[e.x] = true
			}
		}
	}
	if len(p.members) == 1 {
		return nil
	}
	p.apart = p.apart || p.whole != first.what
	return &p
}

// union returns the range that has both a and b, if they may be read as one.
func (d *dispatch) union(a, b protocol.Range, now time.Time) (protocol.Range, bool) {
	conf := &d.b.up.conf
	switch {
	case a == b:
		return a, true
	case a.Space != b.Space:
		return a, false
	case b.First >= a.First && b.First+b.Count <= a.First+a.Count:
		return a, conf.Merge.On && !d.b.up.apart.has(a, now)
	case !conf.Merge.On:
		return a, false
	}
	end := max(a.First+a.Count, b.First+b.Count)
	u := protocol.Range{Space: a.Space, First: min(a.First, b.First), Most: a.Most}
	u.Count = end - u.First
	if u.Count > u.Most || int(u.Count) > int(a.Count)+int(b.Count)+conf.Merge.Gap {
		return a, false
	}
	return u, !d.b.up.apart.has(u, now)
}

func (p *party) has(x *exchange) bool {
	for i := range p.members {
		if p.members[i].x == x {
			return true
		}
	}
	return false
}

// follow has the others stand where the first stands in the output.
func (p *party) follow(first *exchange) {
	if p == nil {
		return
	}
	for _, m := range p.members {
		m.x.from, m.x.to = first.from, first.to
	}
}

// all calls f for x, or for everybody whose request left with it.
func (x *exchange) all(f func(x *exchange)) {
	p := x.party
	if p == nil {
		f(x)
		return
	}
	x.party = nil
	for _, m := range p.members {
		f(m.x)
	}
}

// answerAll gives each member of the party of x its part of m.
func (b *Backend) answerAll(x *exchange, m *protocol.Message) {
	p, lane := x.party, x.lane
	x.party = nil
	if p.apart && b.up.merging.Splits(m) {
		b.askOneByOne(p, lane)
		return
	}
	r := b.up.route()
	for _, one := range p.members {
		out := r.open(b.out[:0], one.x)
		start := len(out)
		var err error
		if m.Failed || one.what == p.whole {
			out, err = r.codec.AppendWithID(out, m, one.x.id)
		} else {
			out, err = r.merging.AppendSlice(out, m, p.whole, one.what, one.x.id)
		}
		if err == nil {
			if !m.Failed && !one.x.joined {
				r.kept.note(one.x, out[start:], b.own.Now())
			}
			if r.results {
				b.copyBody(one.x, m, out[start:])
			}
			out, err = r.close(out, one.x)
		}
		b.out = out[:0]
		b.done(one.x)
		if err != nil {
			b.end(one.x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer})
			continue
		}
		b.deliver(one.x, out, true)
	}
}

// askOneByOne asks again for each range of a party that was refused as a whole: some devices have holes. They are reads,
// so that nothing is done twice.
func (b *Backend) askOneByOne(p *party, lane uint32) {
	now := time.Now()
	err := b.dispatched(now, func(d *dispatch) error {
		b.up.apart.add(p.whole, now.Add(apartRest))
		b.up.route().counters.parted.Add(1)
		again := make([]*errand, 0, len(p.members)+d.queue.len())
		for _, one := range p.members {
			again = append(again, &errand{x: one.x, lane: lane, since: now, read: true, what: one.what, single: true})
			d.lanes.queued(lane, 1)
		}
		d.queue = errands{list: append(again, d.queue.all()...)}
		return nil
	})
	if errors.Is(err, errLedgerClosed) {
		for _, one := range p.members {
			b.up.pending.Add(-1)
			b.end(one.x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BackendLost})
		}
	}
}

// apartRest is how long a range that a device has refused as one is not read as one: what it refuses may change with its
// configuration, and a refusal may have had another reason.
const apartRest = 10 * time.Minute

// apartDoubt is how long one is not read as one after an answer to it that did not come, or could not be used: some devices
// say nothing, close, or send less, when they are asked for more than they can give. It may also have had another reason.
const apartDoubt = time.Minute

// apart are ranges that a device has not given as one, the latest of them. Its lock is a leaf.
type apart struct {
	mu     sync.Mutex
	ranges [32]protocol.Range
	until  [32]time.Time
	n      int
}

func (a *apart) add(r protocol.Range, until time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.n % len(a.ranges)
	a.ranges[i], a.until[i] = r, until
	a.n++
}

// doubt adds what x has asked for, if that was a range of several.
func (a *apart) doubt(x *exchange) {
	if p := x.party; p != nil && p.apart {
		a.add(p.whole, time.Now().Add(apartDoubt))
	}
}

// has reports whether r contains one of them.
func (a *apart) has(r protocol.Range, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, o := range a.ranges[:min(a.n, len(a.ranges))] {
		if o.Space == r.Space && r.First <= o.First && o.First+o.Count <= r.First+r.Count && now.Before(a.until[i]) {
			return true
		}
	}
	return false
}
