package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// head handles the head of an answer that is too long to be held. It returns how many
// bytes it took, and whether Data has to stop: it needs more, has to offer the head again,
// or what follows is the tunnel's. An error ends the connection.
func (b *Backend) head(own *tunnel.Owner, p []byte) (n int, stop bool, err error) {
	r := b.up.route()
	head, rest, err := b.up.carrying.SplitHead(p, r.limits.Inline)
	switch {
	case err != nil:
		return 0, true, err
	case rest > r.limits.Carry:
		return 0, true, fmt.Errorf("a result of more than limits.carry, which is %d bytes", r.limits.Carry)
	case rest == 0:
		return 0, false, nil
	case head == nil:
		return 0, true, nil
	}
	m := &b.w.answer
	if err := b.up.carrying.DecodeHead(protocol.FromBackend, head, rest, m); err != nil {
		return 0, true, fmt.Errorf("the backend's answer: %w", err)
	}
	if m.Kind != protocol.Response {
		r.counters.unasked.Add(1)
		b.skip = rest
		return len(head), false, nil
	}
	x, v := b.take(m, false) // it may have to wait: it is taken when it need not
	if v != taken {
		b.skip = rest
		return len(head), false, b.stray(m, v)
	}

	switch b.claim(x) {
	case claimLater:
		own.Pause()
		return 0, true, nil
	case claimNever:
		b.skip = rest
		if _, v := b.take(m, !m.More); v == taken && !m.More {
			b.done(x)
			b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.TooLarge})
		}
		return len(head), false, nil
	}
	b.useful.Store(true)
	b.up.breaker.succeeded()
	b.strikes = 0
	b.up.rx.Add(1)
	final := !m.More
	if _, v := b.take(m, final); v != taken {
		b.free(x.session, nil)
		b.skip = rest
		return len(head), false, nil // its time was over just now
	}
	out, err := r.carrying.AppendHead(b.out[:0], m, x.id, x.head)
	b.out = out[:0]
	if err != nil {
		b.free(x.session, nil)
		b.skip = rest
		if final {
			b.done(x)
			b.end(x, fail, &protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer, Unknown: true})
		}
		return len(head), false, nil
	}
	if r.results {
		b.copy(x, m)
	}
	b.bring(own, x, out, rest, final)
	return len(head), true, nil
}

type claimVerdict uint8

const (
	claimNow   claimVerdict = iota // the client is this Backend's until free
	claimLater                     // another one brings it a great result: this one is reenabled afterwards
	claimNever                     // it has no place in what the client gets next
)

// claim asks for the client of x, for a result that is carried to it.
func (b *Backend) claim(x *exchange) claimVerdict {
	s := x.session
	h := s.vc.Lock()
	defer h.Unlock()
	switch d := &s.desk; {
	case d.closed:
		return claimNow // the tunnel finds out, and what is left is dropped
	case x.gather != nil, s.route.ordered && x != d.first:
		s.route.counters.limits[limitInline].Add(1)
		return claimNever
	case d.carrier != nil && d.carrier != b:
		d.waiting = append(d.waiting, b)
		return claimLater
	default:
		d.carrier = b
		if x.state != answering {
			x.parted(time.Now())
		}
	}
	return claimNow
}

// free gives the client of a result that was carried back, and calls those who wait for it.
func (b *Backend) free(s *Session, cause error) {
	h := s.vc.Lock()
	defer h.Unlock()
	if cause != nil {
		s.desk.close(h, cause)
		h.Abort(cause) // it has a part of a frame
	}
	if s.desk.carrier != b {
		return
	}
	s.desk.carrier = nil
	for _, w := range s.desk.waiting {
		w.vc.Reenable()
	}
	s.desk.waiting = nil
}

// bring hands the connection over to the tunnel until the result is with its client.
// Nobody is sent here meanwhile, as he would have to wait for that client.
func (b *Backend) bring(own *tunnel.Owner, x *exchange, head []byte, rest int64, final bool) {
	r := b.up.route()
	b.up.pool.shun(b, true)
	r.counters.carried.Add(1)
	b.up.link(b, backendCarry)
	b.suspend()
	own.SetIdle(r.timeouts.Frame)
	own.SetTotal(r.timeouts.Body)
	way := tunnel.NewOneWay(x.session.vc)
	way.Window = r.limits.Queue / 2
	way.CarryAfter(head, own, rest, func(n int64, err error) {
		b.brought(own, x, rest-n, final, err)
	})
}

// brought is the end of bring: left bytes of the result were not taken from the backend.
func (b *Backend) brought(own *tunnel.Owner, x *exchange, left int64, final bool, err error) {
	r, s := b.up.route(), x.session
	own.SetTotal(0)
	own.SetIdle(0)
	b.proceed()
	e := answer
	var cause error
	if err != nil {
		r.counters.cutBodies.Add(1)
		e, cause = fail, errCutResult
		if errors.Is(err, tunnel.ErrIdle) && s.queued() > 0 || errors.Is(err, tunnel.ErrTargetGone) {
			cause = errSlowResult
			b.skip = left // the backend goes on: only this client is lost
		}
	}
	b.free(s, cause)
	if final {
		b.done(x)
		if s.deliver(x, nil, true, e, time.Now()) {
			s.vc.Reenable()
		}
	}
	if cause == errCutResult {
		b.lose(err)
		return
	}
	b.up.link(b, backendCarried)
	b.up.pool.shun(b, false)
}

// suspend stops the time for answers: they are behind a result that its client takes in its own time. What the backend has
// answered by then is not late because of that.
func (b *Backend) suspend() {
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	b.suspended = time.Now()
}

// proceed has it go on.
func (b *Backend) proceed() {
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	b.ledger.delay(time.Since(b.suspended))
	b.suspended = time.Time{}
}

// queued returns how many bytes wait for the backend.
func (b *Backend) queued() int {
	h := b.vc.Lock()
	defer h.Unlock()
	return h.Queued()
}

// queued returns how many bytes wait for the client.
func (s *Session) queued() int {
	h := s.vc.Lock()
	defer h.Unlock()
	return h.Queued()
}

// answerFromNow begins the time for the answer: the backend has the whole request.
func (b *Backend) answerFromNow() {
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	if b.stopped {
		return
	}
	b.ledger.renew(time.Now().Add(b.up.route().timeouts.Answer))
	b.armed = false
	b.arm()
}
