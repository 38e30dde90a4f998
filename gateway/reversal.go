package gateway

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
)

// What bounds the reversals of one backend.
const (
	maxReversals     = 10_000 // that are not answered
	reversalTries    = 10
	reversalInterval = 5 * time.Second // before the second try; twice as long before each that follows
	reversalLongest  = 5 * time.Minute
)

// reversals take back what a backend may have done without anybody having heard of it: a request that was not answered in
// time, or whose connection was lost. Each is sent until it is answered. Its answer is nobody's.
//
// They are kept in memory: those that are open when the gateway ends are lost, and the log says how many.
type reversals struct {
	of    atomic.Pointer[upstream] // to whose connections they are sent
	codec protocol.Reversing

	mu     sync.Mutex // above the pool's and a Backend's
	open   map[string]*reversal
	timer  *time.Timer
	next   time.Time // when it fires; zero: it does not
	closed bool
}

// reversal is one that is not answered.
type reversal struct {
	body, repeat []byte
	expect       uint64 // of its answer
	tries        int
	due          time.Time
}

// newReversals returns nil if the backend's codec takes nothing back.
func newReversals(u *upstream) *reversals {
	codec, ok := u.codec.(protocol.Reversing)
	if !ok || !codec.Reverses() {
		return nil
	}
	r := &reversals{codec: codec, open: map[string]*reversal{}}
	r.of.Store(u)
	if u.route().logger != nil {
		u.route().logger.WithField("backend", u.conf.Name).Info("what nobody knows the outcome of is taken back; reversals that are open when the gateway ends are lost")
	}
	return r
}

func (r *reversals) up() *upstream { return r.of.Load() }

// note takes back x, which ends with n, if the codec has a word for that. A nil reversals takes nothing back.
func (r *reversals) note(x *exchange, n *protocol.Notice) {
	if r == nil || !n.Unknown || x.joined {
		return
	}
	var m protocol.Message
	body, err := r.codec.AppendReversal(nil, x.request(r.up().route().codec, &m), n, false)
	if err != nil || len(body) == 0 {
		r.count(err, "a reversal could not be made")
		return
	}
	repeat, err := r.codec.AppendReversal(nil, x.request(r.up().route().codec, &m), n, true)
	if err == nil {
		err = r.up().codec.DecodeBody(protocol.FromClient, body, &m)
	}
	if err == nil && len(m.ID) == 0 {
		err = errNoID
	}
	if err != nil {
		r.count(err, "a reversal could not be made")
		return
	}
	r.add(string(m.ID), &reversal{body: body, repeat: repeat, expect: m.Expect})
}

var errNoID = errors.New("the reversal has no id by which its answer could be found")

// add has v sent.
func (r *reversals) add(id string, v *reversal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.open[id]; twice || r.closed {
		return // it is taken back already
	}
	if len(r.open) >= maxReversals {
		r.up().route().counters.limits[limitReversals].Add(1)
		r.log("there are too many reversals that are not answered: one is left out", nil)
		return
	}
	r.up().route().counters.reversals.Add(1)
	r.open[id] = v
	r.send(v, time.Now())
	r.arm(v.due)
}

// send sends v, if there is a connection, and says when it is due again. r is locked.
func (r *reversals) send(v *reversal, now time.Time) {
	wait := reversalInterval << min(v.tries, 10)
	v.due = now.Add(min(wait, reversalLongest))
	b := r.up().pool.any(r.up())
	if b == nil {
		v.due = now.Add(reversalInterval) // nothing was tried
		return
	}
	body := v.body
	if v.tries > 0 {
		body = v.repeat
	}
	frame := r.up().codec.OpenFrame(nil, nil)
	frame, err := r.up().codec.CloseFrame(append(frame, body...), 0)
	if err != nil {
		r.log("a reversal does not fit its framing", err)
		v.tries = reversalTries
		return
	}
	if b.putOwn(frame) {
		v.tries++
	}
}

// tick sends what is due, and gives up what was sent often enough.
func (r *reversals) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.next = time.Time{}
	for id, v := range r.open {
		switch {
		case now.Before(v.due):
		case v.tries >= reversalTries:
			delete(r.open, id)
			r.up().route().counters.limits[limitReversals].Add(1)
			r.log("a reversal was not answered, and is given up: look for the transaction at the backend", nil)
		default:
			r.send(v, now)
		}
		if r.open[id] != nil {
			r.arm(v.due)
		}
	}
}

// arm has what is due be looked at by then. r is locked.
func (r *reversals) arm(due time.Time) {
	switch {
	case r.closed, !r.next.IsZero() && !due.Before(r.next):
		return
	case r.timer == nil:
		r.timer = time.AfterFunc(time.Until(due), r.tick)
	default:
		r.timer.Reset(time.Until(due))
	}
	r.next = due
}

// answered reports whether m, which answers nothing that a client has asked, answers a reversal. That is then done.
func (r *reversals) answered(m *protocol.Message) bool {
	if r == nil || m.Kind != protocol.Response {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.open[string(m.ID)]
	if !ok || r.up().route().matching != nil && r.up().route().matching.Match(v.expect, true, m) != protocol.Answers {
		return false
	}
	delete(r.open, string(m.ID))
	return true
}

// close ends it, unless another upstream has it by now.
func (r *reversals) close(u *upstream) {
	if r == nil || r.up() != u {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if n := len(r.open); n > 0 && r.up().route().logger != nil {
		r.up().route().logger.WithFields(logrus.Fields{"backend": r.up().conf.Name, "reversals": n}).
			Error("the gateway ends with reversals that were not answered: look for these transactions at the backend")
	}
}

// count notes that there is no reversal where there should be one.
func (r *reversals) count(err error, what string) {
	if err == nil {
		return // the codec takes nothing back here
	}
	r.up().route().counters.limits[limitReversals].Add(1)
	r.log(what, err)
}

func (r *reversals) log(what string, err error) {
	if r.up().route().logger == nil {
		return
	}
	e := r.up().route().logger.WithField("backend", r.up().conf.Name)
	if err != nil {
		e = e.WithField("error", err.Error())
	}
	e.Error(what)
}
