package gateway

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
)

// exchange is one request that a client has open, from the moment it is accepted until
// its final answer. It stands in two places: on its client's desk, and in the Ledger of
// the backend connection that has it. The lock of the client's VConn guards it; its
// place in a Ledger is guarded by that Ledger.
type exchange struct {
	course
	id    protocol.ID // the client's, byte for byte
	head  []byte      // what the client's framing wants back
	body  []byte      // the request's body, kept only for a codec whose notices echo it
	reply []byte      // the final answer, while the client must hear another one first
}

// course is of an exchange all that ends with it. The rest is memory that the next one uses again. It is kept small, and what
// every exchange needs is in front: there may be thousands, and most of what one costs is that it is not in the cache.
type course struct {
	session   *Session // never changes
	number    uint64   // of all exchanges of the process
	began     moment
	hash      uint64 // of id
	expect    uint64 // of its answer (see protocol.Message)
	lane      uint32
	state     state
	bind      protocol.Bind
	parts     bool // after it the client needs no connection of its own any more
	void      bool // its client has given it up, and its answer is nobody's
	heard     bool // a wait notice was sent
	done      bool // reply is there, whole
	tacit     bool // if nothing comes it ends, and nobody is told
	placeless bool // it has no place on its connection any more, though it is open
	renamed   bool // it was forwarded under a ticket, though the mode is Key
	joined    bool // it hears the answer to another's request, and was counted as that

	prev, next *exchange // on the desk, in the order of arrival
	same       *exchange // on the desk, the next with the same hash
	from, to   int64     // where it stands in the output of its backend connection, if alone

	holds   time.Duration // how much longer than others it may take
	party   *party        // with whom it has left in one frame
	gather  *gather       // the batch that it is a member of, or nil
	slot    int           // its place there
	parked  *parked       // its client has heard that it is to ask again
	track   track
	outcome outcome
}

// gather is a client's batch that was taken apart, or a request whose keys lie with several backends, and what its
// answer will be framed with.
type gather struct {
	splitter.Gather
	head     []byte
	division *division // nil: a batch
}

// divided reports whether x is one of the parts of a request, which stands on the desk in their place.
func (x *exchange) divided() bool { return x.gather != nil && x.gather.division != nil }

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// newExchange returns an exchange for m, which is copied as far as it is needed.
func newExchange(s *Session, m *protocol.Message, g *gather, now time.Time) *exchange {
	x := exchanges.Get().(*exchange)
	x.session, x.gather, x.began, x.number = s, g, momentOf(now), s.held.number
	if x.number == 0 {
		x.number = s.w.numbers.draw()
	}
	x.expect, x.bind, x.holds, x.parts = m.Expect, m.Bind, m.Holds, m.Bind == protocol.Alone || m.Bind == protocol.Parting
	x.tacit = m.Tacit
	x.state = exchangeMachine.step(received, verify)
	if len(m.ID) > 0 { // what is empty is not touched
		x.id, x.hash = append(x.id, m.ID...), hashID(m.ID)
	}
	if len(m.Head) > 0 {
		x.head = append(x.head, m.Head...)
	}
	if s.route.keep {
		x.body = append(x.body, m.Body...)
	}
	return x
}

// free gives x back. Nothing may know it any more.
func (x *exchange) free() {
	x.course = course{}
	for _, p := range [...]*[]byte{(*[]byte)(&x.id), &x.head, &x.body, &x.reply} {
		if len(*p) > 0 {
			*p = (*p)[:0]
		}
	}
	exchanges.Put(x)
}

// request makes m the request of x, as far as a notice needs it.
func (x *exchange) request(codec protocol.Codec, m *protocol.Message) *protocol.Message {
	m.Reset()
	if len(x.body) > 0 {
		_ = codec.DecodeBody(protocol.FromClient, x.body, m) // it was decoded before
	}
	m.Dir, m.Kind, m.ID, m.Head = protocol.FromClient, protocol.Request, x.id, x.head
	return m
}

// end is the last event of x, counted and written down.
func (x *exchange) end(c *counters, e event, now time.Time) {
	x.fire(e)
	if !x.joined {
		c.ended(e)
	}
	x.session.w.diary.note(x, now)
}

// since is how long x has gone on.
func (x *exchange) since(now time.Time) lapse { return lapseOf(now.Sub(x.began.time())) }

// waits is the event that its client has heard a wait notice, and parts that a part of its answer came.
func (x *exchange) waits(now time.Time) {
	x.fire(wait)
	x.track.heard = x.since(now)
}

func (x *exchange) parted(now time.Time) {
	x.fire(part)
	x.track.parted = x.since(now)
}

func (x *exchange) fire(e event) { x.state = exchangeMachine.step(x.state, e) }

var seed = maphash.MakeSeed()

func hashID(id protocol.ID) uint64 {
	if len(id) == 0 {
		return 0 // it is in no table
	}
	return maphash.Bytes(seed, id)
}
