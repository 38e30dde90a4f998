package gateway

import (
	"hash/maphash"

	"github.com/sallyport/sallyport/protocol"
)

// scope is what a Ledger of a scoped codec knows beside its keys: by what part of its key an answer names each request. It is
// guarded as the Ledger is.
type scope struct {
	codec protocol.Scoped
	links map[string]int32 // slots, open or in quarantine
	spent spentLinks
}

func newScope(codec protocol.Scoped) *scope {
	return &scope{codec: codec, links: map[string]int32{}, spent: spentLinks{sums: map[uint64]uint64{}}}
}

// spentLinks are the last links that were answered, and for what, as hashes: an answer that comes twice must not find another
// request.
type spentLinks struct {
	sums map[uint64]uint64
	ring [1024]uint64
	n    int
}

func (s *spentLinks) add(link, sum uint64) {
	if _, there := s.sums[link]; !there {
		at := s.n % len(s.ring)
		if s.n >= len(s.ring) {
			delete(s.sums, s.ring[at])
		}
		s.ring[at] = link
		s.n++
	}
	s.sums[link] = sum
}

// linkTo notes what an answer to x names it by, of which slot i will be the place: a part of its key or, if that is open, in
// quarantine or was answered lately for something else, a ticket, under which it is then forwarded. It is false if there is none.
// l is locked.
//
// A message that comes again keeps its name: an answer to the first that still comes says of this one what it says of that.
func (l *Ledger) linkTo(i int32, x *exchange, name string, key protocol.ID) bool {
	s := &l.slots[i]
	link := name[:len(l.scope.codec.Link(key))]
	if l.scope.taken(l, link, name, x) {
		link = string(l.scope.codec.AppendTicket(nil, l.ticket(i, s.generation)))
		if _, open := l.scope.links[link]; open {
			return false // a client has guessed it
		}
		x.renamed = true
	}
	s.link = link
	l.scope.links[link] = i
	return true
}

// taken reports whether an answer that names link could be for something else than x.
func (c *scope) taken(l *Ledger, link, name string, x *exchange) bool {
	if j, open := c.links[link]; open {
		s := &l.slots[j]
		return s.state != slotGrave || s.sum != sum(name, x)
	}
	was, spent := c.spent.sums[maphash.String(seed, link)]
	return spent && was != sum(name, x)
}

// spend notes that the link of s was answered.
func (c *scope) spend(s *slot, sum uint64) { c.spent.add(maphash.String(seed, s.link), sum) }

// unkey has what is under the key of s, which becomes a tombstone, asked for again: its sender repeats it.
func (l *Ledger) unkey(s *slot) {
	delete(l.keys, s.key)
	l.register.drop(s.key)
	s.sum = sum(s.key, s.x)
	s.key = ""
}

// unlinkFrom forgets the link of slot i, unless the same message has it again.
func (c *scope) unlinkFrom(i int32, s *slot) {
	if j, ok := c.links[s.link]; ok && j == i {
		delete(c.links, s.link)
	}
	if s.state == slotGrave {
		c.spend(s, s.sum)
	}
	s.link = ""
}

// sum is a hash of what x is, under key.
func sum(key string, x *exchange) uint64 {
	return mix(maphash.String(seed, key)) ^ maphash.Bytes(seed, x.body)
}
