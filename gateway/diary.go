package gateway

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// diary is what one worker remembers of requests that are over: the last of those that were passed on, the last that were
// refused, and how long answers took. It is bounded, and grows to its bounds only as it is needed. Its lock is a leaf.
type diary struct {
	mu       sync.Mutex
	ended    pages[page]
	refusals pages[rebuff]
	tempo    tempo
}

// diaryEnded and diaryRefusals are how many a worker remembers.
const (
	diaryEnded    = 1024
	diaryRefusals = 256
)

// page is one exchange that is over. It has no pointer to what the exchange was made of, which is used again, nor to a
// connection, which must be able to go.
type page struct {
	number  uint64
	session uint64
	peer    string
	who     string // its identity
	began   moment
	ended   moment
	track   track
	outcome outcome
	state   state
	joined  bool
}

// track is what is noted of an exchange while it goes on.
type track struct {
	link   *link // the backend connection that it was given to
	queued lapse // how long it had waited for room before it began
	heard  lapse // from the beginning until its client heard a wait notice; 0: it has not
	parted lapse // until the first part of its answer; 0: there was none
}

// outcome is the notice that an exchange has ended with; none, if its Cause is NoCause. Whoever has taken the exchange out
// of its Ledger writes it, and others may read it when the exchange is over.
type outcome struct {
	class protocol.Class
	cause protocol.Cause
}

// lapse is a time in tenths of a millisecond, up to five days. What is noted as one is never 0.
type lapse uint32

const lapseUnit = 100 * time.Microsecond

func lapseOf(d time.Duration) lapse { return lapse(min(max(d/lapseUnit, 1), 1<<32-1)) }

func (l lapse) duration() time.Duration { return time.Duration(l) * lapseUnit }

// rebuff is one request that was refused.
type rebuff struct {
	number  uint64 // 0: it was a client of a relay, and no request
	session uint64
	peer    string
	who     string // its identity
	at      moment
	queued  lapse // how long it had waited for room; 0: it had not
	class   protocol.Class
	cause   string
	text    string            // of the cause, for a person
	reasons []protocol.Reason // its own
	more    int               // reasons that are left out
}

// rebuffReasons is how many reasons of one refusal are kept.
const rebuffReasons = 8

// note writes down that x is over, whose last event has been fired. The lock of its client's VConn is held.
func (d *diary) note(x *exchange, now time.Time) {
	s, ended := x.session, momentOf(now)
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.ended.next(diaryEnded) // field by field: there is one for each request
	p.number, p.session, p.peer, p.who = x.number, s.number, s.peer, s.identity
	p.began, p.ended, p.track, p.outcome, p.state, p.joined = x.began, ended, x.track, x.outcome, x.state, x.joined
	if x.state == answered && !x.joined {
		d.tempo.add(time.Duration(ended-x.began)+x.track.queued.duration(), ended)
	}
}

// refused writes down that s was refused something with n.
func (d *diary) refused(s *Session, number uint64, queued lapse, n *protocol.Notice, now time.Time) {
	q := rebuff{number: number, session: s.number, peer: s.peer, who: s.identity, at: momentOf(now), queued: queued, class: n.Class, cause: n.Cause.String(), text: n.Cause.Text()}
	d.keep(&q, n.Reasons)
}

// keep writes q down, with reasons, which it copies.
func (d *diary) keep(q *rebuff, reasons []protocol.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.refusals.next(diaryRefusals)
	some := reasons[:min(len(reasons), rebuffReasons)]
	kept := append(r.reasons[:0], some...)
	*r = *q
	r.reasons, r.more = kept, len(reasons)-len(some)
}

// pages is a ring that grows by doubling until it has its size, and then forgets the oldest for each that comes.
type pages[T any] struct {
	list []T
	at   int // of the oldest, once it is full
}

// next returns the place for one more, in which what stood there last may still stand.
func (p *pages[T]) next(most int) *T {
	if len(p.list) < most {
		var zero T
		p.list = append(p.list, zero)
		return &p.list[len(p.list)-1]
	}
	v := &p.list[p.at]
	p.at++
	if p.at == len(p.list) {
		p.at = 0
	}
	return v
}

// backwards calls f for each, the newest first, until it is false.
func (p *pages[T]) backwards(f func(*T) bool) {
	for i := range p.list {
		j := p.at - 1 - i
		if j < 0 {
			j += len(p.list)
		}
		if !f(&p.list[j]) {
			return
		}
	}
}
