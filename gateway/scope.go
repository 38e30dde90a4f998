package gateway

import (
	"hash/maphash"

	"github.com/sallyport/sallyport/protocol"
)

// linkTo notes what an answer to x names it by, of which slot i will be the place: a part of its key or, if that is open or in
// quarantine for somebody else, a ticket, under which it is then forwarded. It is false if there is none. l is locked.
//
// A message that comes again after nobody has answered it in time keeps its name: an answer to the first of them that still
// comes says of this one what it says of that.
func (l *Ledger) linkTo(i int32, x *exchange, name string, key protocol.ID) bool {
	if l.links == nil {
		l.links = map[string]int32{}
	}
	s := &l.slots[i]
	link := name[:len(l.scoped.Link(key))]
	if j, open := l.links[link]; open && !l.slots[j].was(name, x) {
		link = string(l.scoped.AppendTicket(nil, l.ticket(i, s.generation)))
		if _, open := l.links[link]; open {
			return false // a client has guessed it
		}
		x.renamed = true
	}
	s.link = link
	l.links[link] = i
	return true
}

// unkey has what is under the key of s, which becomes a tombstone, asked for again: its sender repeats it.
func (l *Ledger) unkey(s *slot) {
	delete(l.keys, s.key)
	l.register.drop(s.key)
	s.sum = sum(s.key, s.x)
	s.key = ""
}

// was reports whether s is the tombstone of the same message under the same key.
func (s *slot) was(key string, x *exchange) bool {
	return s.state == slotGrave && s.sum == sum(key, x)
}

func sum(key string, x *exchange) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_, _ = h.WriteString(key)
	_, _ = h.Write(x.body)
	return h.Sum64()
}
