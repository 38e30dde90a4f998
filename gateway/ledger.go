package gateway

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Errors of Ledger.Add.
var (
	errLedgerClosed = errors.New("gateway: the backend connection has ended")
	errLedgerFull   = errors.New("gateway: every ticket is open or in quarantine")
	errKeyOpen      = errors.New("gateway: this key is open")
)

// verdict is what a Ledger says of an answer.
type verdict uint8

const (
	taken   verdict = iota // it belongs to the exchange that is returned
	late                   // its exchange has expired
	doubled                // its exchange was answered already
	unknown                // nothing was asked under this ticket or key
	unasked                // it is no answer, and was not meant to be one
	foreign                // it cannot be the answer to what it names
)

// Ledger says who asked for what on one backend connection: it gives each request a
// ticket and, once, gives back for the ticket the exchange that it stands for. A ticket
// that expired is a tombstone: it is known, and not used again, for a while.
//
// A Ledger belongs to one generation of a connection and ends with it, so that an
// answer of an old one can find nobody. Its lock is a leaf. It is safe for concurrent use.
type Ledger struct {
	mode      protocol.Mode
	timeout   time.Duration // to the answer
	tombstone time.Duration // from expiry until the ticket may be used again
	matcher   *matcher      // nil: an ID, a key or the order says all
	backend   *Backend      // whose it is
	register  *register     // of all Ledgers of the route; nil: keys need only be unique in this one
	scope     *scope        // of mode Key; nil: an answer names a request by all of its key

	mu     sync.Mutex
	closed bool
	slots  []slot
	free   ring[int32]      // slots that may be used, longest free first
	graves ring[int32]      // tombstones, oldest first
	keys   map[string]int32 // mode Key: slot by key
	first  int32            // open slots in the order of their deadlines, none: -1
	last   int32
	open   int

	maxSlots    uint64 // slots there can be
	generations uint64 // tickets of one slot; 1: every ticket is a slot
	spare       uint64 // slots that rest before the first of them is used again
	start       uint64 // the first ticket; unpredictable, so that tickets cannot be guessed
}

// slot is a place for one open exchange, or for a tombstone.
type slot struct {
	x          *exchange // nil: a tombstone, or free
	ticket     uint64
	generation uint64
	deadline   time.Time // of the answer, or of the tombstone
	key        string
	link       string
	sum        uint64 // of a tombstone of a scoped codec: what the request was
	state      slotState
	prev, next int32
}

type slotState uint8

const (
	slotFree slotState = iota
	slotOpen
	slotGrave
)

// ages is longer than anybody waits.
const ages = 100 * 365 * 24 * time.Hour

// restBetween is about how many other tickets are given before one is given again, where
// there are that many: a doubled answer that comes late must not find its successor.
const restBetween = 1 << 20

// NewLedger returns a Ledger that has the given number of tickets, 0 for a mode
// without. An exchange expires after timeout, and its tombstone stands for twice that.
func NewLedger(mode protocol.Mode, tickets uint64, timeout time.Duration) *Ledger {
	l := &Ledger{mode: mode, timeout: timeout, tombstone: 2 * timeout, first: -1, last: -1}
	if mode == protocol.Key {
		l.keys = map[string]int32{}
	}
	if mode != protocol.Rewrite || tickets == 0 {
		tickets = 1 << 52
	}
	// With few tickets every one of them is a slot, so that each rests as long as it can.
	// With many, a slot gives another ticket each time that it is used.
	l.maxSlots, l.generations = tickets, 1
	switch {
	case tickets > 1<<24:
		l.maxSlots, l.generations = 1<<20, tickets>>20
	case tickets > 1<<16:
		l.maxSlots, l.generations = 1<<16, tickets>>16
	}
	l.spare = max(1, restBetween/l.generations)
	l.start = rand.Uint64N(l.maxSlots * l.generations)
	return l
}

// add opens x and returns its ticket. In mode Key the key must not be open. The errors
// are errLedgerClosed, errLedgerFull and errKeyOpen; they change nothing.
func (l *Ledger) add(x *exchange, key protocol.ID, now time.Time) (ticket uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, errLedgerClosed
	}
	l.bury(now)
	var name string
	if l.mode == protocol.Key {
		if _, ok := l.keys[string(key)]; ok {
			return 0, errKeyOpen
		}
		name = string(key)
		if !l.register.claim(name, l) {
			return 0, errKeyOpen
		}
	}
	i, ok := l.slot()
	if !ok {
		l.register.drop(name)
		return 0, errLedgerFull
	}
	if l.scope != nil && !l.linkTo(i, x, name, key) {
		l.register.drop(name)
		l.free.push(i)
		return 0, errLedgerFull
	}
	s := &l.slots[i]
	wait := l.timeout + x.holds
	if x.holds < 0 {
		wait = ages
	}
	s.x, s.state, s.deadline = x, slotOpen, now.Add(wait)
	s.ticket = l.ticket(i, s.generation)
	if l.mode == protocol.Key {
		s.key = name
		l.keys[name] = i
	}
	s.prev, s.next = l.last, -1
	if l.last < 0 {
		l.first = i
	} else {
		l.slots[l.last].next = i
	}
	l.last = i
	l.open++
	return s.ticket, nil
}

// slot returns a slot that may be used. A new one is made while fewer than spare are
// free; otherwise it is the one that has been free the longest.
func (l *Ledger) slot() (int32, bool) {
	if uint64(l.free.len()) < l.spare && uint64(len(l.slots)) < l.maxSlots {
		l.slots = append(l.slots, slot{})
		return int32(len(l.slots) - 1), true
	}
	if l.free.len() == 0 {
		return 0, false
	}
	return l.free.pop(), true
}

// ticket is what slot i gives in its generation.
func (l *Ledger) ticket(i int32, generation uint64) uint64 {
	n := generation%l.generations*l.maxSlots + uint64(i)
	return (n + l.start) % (l.maxSlots * l.generations)
}

// origin is the reverse: the slot and the generation that ticket came from. It is false
// if that slot was never used.
func (l *Ledger) origin(ticket uint64) (i int32, generation uint64, ok bool) {
	all := l.maxSlots * l.generations
	if ticket >= all {
		return 0, 0, false
	}
	n := (ticket + all - l.start) % all
	i = int32(n % l.maxSlots)
	return i, n / l.maxSlots, uint64(i) < uint64(len(l.slots))
}

// take gives the exchange that ticket stands for, once: a final answer closes it, and
// one that is not leaves it open and begins its time anew, up to twice the timeout.
func (l *Ledger) take(ticket uint64, final bool, now time.Time) (*exchange, verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, generation, ok := l.origin(ticket)
	if !ok {
		return nil, unknown
	}
	if s := &l.slots[i]; s.ticket != ticket || s.state == slotFree {
		if generation < s.generation || s.state == slotFree && s.ticket == ticket {
			return nil, doubled // this ticket is spent
		}
		return nil, unknown
	}
	return l.takeSlot(i, final, now)
}

// takeKey is take in mode Key.
func (l *Ledger) takeKey(key protocol.ID, final bool, now time.Time) (*exchange, verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.keys[string(key)]
	if l.scope != nil {
		i, ok = l.scope.links[string(l.scope.codec.Link(key))]
	}
	if !ok {
		return nil, unknown
	}
	return l.takeSlot(i, final, now)
}

// takeFirst is take in the modes FIFO and Exclusive: whoever has waited the longest.
func (l *Ledger) takeFirst(final bool, now time.Time) (*exchange, verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first >= 0 {
		return l.takeSlot(l.first, final, now)
	}
	if l.matcher != nil {
		if _, v := l.matcher.judge(nil, final); v != taken {
			return nil, v
		}
	}
	return nil, unknown
}

// takeSlot is for a slot that is open or a tombstone.
func (l *Ledger) takeSlot(i int32, final bool, now time.Time) (*exchange, verdict) {
	s := &l.slots[i]
	if s.state == slotGrave {
		return nil, late
	}
	x := s.x
	if l.matcher != nil {
		var v verdict
		if final, v = l.matcher.judge(x, final); v != taken {
			return nil, v
		}
		if !final {
			l.matcher.part(x)
		}
	}
	if final {
		if l.scope != nil && !x.renamed { // a ticket is not given again soon anyway
			l.scope.spend(s, sum(s.key, x))
		}
		l.unlink(i)
		l.release(i)
		return x, taken
	}
	if l.mode != protocol.FIFO { // there the order is the pairing
		deadline := now.Add(l.timeout)
		if longest := x.began.time().Add(2 * l.timeout); longest.Before(deadline) {
			deadline = longest
		}
		if deadline.After(s.deadline) {
			s.deadline = deadline
			l.unlink(i)
			l.relink(i)
		}
	}
	return x, taken
}

// takeOnly takes every open exchange, if all of them went out in one frame, and appends
// them to list.
func (l *Ledger) takeOnly(list []*exchange) []*exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.first; i >= 0; i = l.slots[i].next {
		if l.slots[i].x.from != l.slots[l.first].x.from {
			return list
		}
	}
	return l.takeAll(list)
}

// takeSent takes every open exchange that stands at from in the output, and appends it to list.
func (l *Ledger) takeSent(from int64, list []*exchange) []*exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.first; i >= 0; {
		next := l.slots[i].next
		if x := l.slots[i].x; x.from == from {
			list = append(list, x)
			if l.scope != nil && !x.renamed {
				l.scope.spend(&l.slots[i], sum(l.slots[i].key, x))
			}
			l.unlink(i)
			l.release(i)
		}
		i = next
	}
	return list
}

// delay has everything that is open expire later, by d.
func (l *Ledger) delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.first; i >= 0; i = l.slots[i].next {
		l.slots[i].deadline = l.slots[i].deadline.Add(d)
	}
}

// renew has what is open expire at deadline, and no earlier or later. It is for a
// connection on which there is only one exchange.
func (l *Ledger) renew(deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := l.first; i >= 0; i = l.slots[i].next {
		l.slots[i].deadline = deadline
	}
}

// knows reports whether key is open or in quarantine, in mode Key.
func (l *Ledger) knows(key protocol.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.keys[string(key)]
	return ok
}

// used returns how many tickets are open or in quarantine, and tickets how many there can be.
func (l *Ledger) used(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bury(now)
	return l.open + l.graves.len()
}

// busy reports whether anything is open.
func (l *Ledger) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open > 0
}

func (l *Ledger) tickets() int { return int(min(l.maxSlots, 1<<30)) }

// drop takes back an Add, for what was not sent after all. It is false if somebody has taken it already.
func (l *Ledger) drop(ticket uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _, ok := l.origin(ticket)
	if !ok || l.slots[i].ticket != ticket || l.slots[i].state != slotOpen {
		return false
	}
	l.unlink(i)
	l.release(i)
	return true
}

// expire closes every exchange whose time is over and appends it to list. Its ticket
// becomes a tombstone. Next is when to come again, zero if nothing is open.
func (l *Ledger) expire(now time.Time, list []*exchange) (_ []*exchange, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.first >= 0 {
		i := l.first
		s := &l.slots[i]
		if s.deadline.After(now) {
			return list, s.deadline
		}
		list = append(list, s.x)
		l.unlink(i)
		if l.scope != nil {
			l.unkey(s)
		}
		s.x, s.state, s.deadline = nil, slotGrave, now.Add(l.tombstone)
		l.graves.push(i)
	}
	return list, time.Time{}
}

// close ends the Ledger and appends every open exchange to list.
func (l *Ledger) close(list []*exchange) []*exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for l.graves.len() > 0 {
		l.release(l.graves.pop()) // nothing late can come on this connection any more
	}
	return l.takeAll(list)
}

func (l *Ledger) takeAll(list []*exchange) []*exchange {
	for l.first >= 0 {
		i := l.first
		list = append(list, l.slots[i].x)
		l.unlink(i)
		l.release(i)
	}
	return list
}

// bury frees the slots of tombstones that have stood long enough.
func (l *Ledger) bury(now time.Time) {
	for l.graves.len() > 0 && !l.slots[l.graves.peek()].deadline.After(now) {
		l.release(l.graves.pop())
	}
}

// release makes slot i free. Its ticket stays known until the slot is used again.
func (l *Ledger) release(i int32) {
	s := &l.slots[i]
	if l.mode == protocol.Key {
		delete(l.keys, s.key)
		l.register.drop(s.key)
		s.key = ""
		if l.scope != nil {
			l.scope.unlinkFrom(i, s)
		}
	}
	s.x, s.state = nil, slotFree
	s.generation++
	l.free.push(i)
}

// unlink takes slot i out of the list of open ones.
func (l *Ledger) unlink(i int32) {
	s := &l.slots[i]
	if s.prev < 0 {
		l.first = s.next
	} else {
		l.slots[s.prev].next = s.next
	}
	if s.next < 0 {
		l.last = s.prev
	} else {
		l.slots[s.next].prev = s.prev
	}
	l.open--
}

// relink puts slot i behind all that are due before it.
func (l *Ledger) relink(i int32) {
	s := &l.slots[i]
	after := l.last
	for after >= 0 && l.slots[after].deadline.After(s.deadline) {
		after = l.slots[after].prev
	}
	s.prev = after
	if after < 0 {
		s.next = l.first
		l.first = i
	} else {
		s.next = l.slots[after].next
		l.slots[after].next = i
	}
	if s.next < 0 {
		l.last = i
	} else {
		l.slots[s.next].prev = i
	}
	l.open++
}

// ring is a queue in an array that grows by doubling.
type ring[T any] struct {
	items []T // a power of two
	head  int
	n     int
}

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) peek() T { return r.items[r.head] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		grown := make([]T, max(16, 2*r.n))
		n := copy(grown, r.items[r.head:])
		copy(grown[n:], r.items[:r.head])
		r.items, r.head = grown, 0
	}
	r.items[(r.head+r.n)&(len(r.items)-1)] = v
	r.n++
}

func (r *ring[T]) pop() T {
	v := r.items[r.head]
	var zero T
	r.items[r.head] = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.n--
	return v
}
