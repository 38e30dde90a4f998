package gateway

import (
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// life returns the life so far of the request with that number, if it is one of the Session's that are not over.
func (s *Session) life(number uint64) (ExchangeLife, bool) {
	h := s.vc.Lock()
	defer h.Unlock()
	now := momentOf(time.Now())
	for x := s.desk.first; x != nil; x = x.next {
		if x.number == number && !x.done {
			p := page{number: number, session: s.number, peer: s.peer, who: s.identity, began: x.began, ended: now, track: x.track, state: x.state}
			return p.life(s.route, false), true
		}
	}
	if q := &s.desk.shown; s.desk.waits && q.queued == number {
		p := page{number: number, session: s.number, peer: s.peer, who: s.identity, began: q.since, ended: now, state: queued}
		return p.life(s.route, false), true
	}
	return ExchangeLife{}, false
}

// life returns the life of the request with that number, if it is remembered.
func (d *diary) life(r *route, number uint64) (l ExchangeLife, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended.backwards(func(p *page) bool {
		if ok = p.number == number; ok {
			l = p.life(r, true)
		}
		return !ok
	})
	if !ok {
		d.refusals.backwards(func(q *rebuff) bool {
			if ok = q.number == number; ok {
				l = q.life(r)
			}
			return !ok
		})
	}
	return l, ok
}

// life makes a page readable. If it is not over, ended is now.
func (p *page) life(r *route, over bool) ExchangeLife {
	t := &p.track
	came := p.began.time().Add(-t.queued.duration())
	l := ExchangeLife{ID: p.number, Route: r.name, Session: p.session, Peer: p.peer, Identity: p.who, State: exchangeMachine.states[p.state], Over: over, Joined: p.joined,
		Began: instant(came), Took: millis(p.ended.time().Sub(came)), Notices: []LifeNotice{}}
	l.Backend, l.Link = t.link.names()
	from := received
	step := func(e event, at time.Time, what string) {
		from = exchangeMachine.step(from, e)
		l.Events = append(l.Events, LifeEvent{At: instant(at), After: millis(at.Sub(came)), Event: exchangeMachine.events[e], State: exchangeMachine.states[from], What: what})
	}
	l.Events = append(l.Events, LifeEvent{At: instant(came), Event: "receive", State: ExchangeReceived, What: "the request came whole"})
	step(verify, came, "it is a message of the protocol, and met the rules")
	if t.queued > 0 || p.state == queued {
		step(queue, came, "there was no room for it at a backend")
	}
	if p.state == queued {
		return l
	}
	began := p.began.time()
	where := "passed on"
	switch {
	case p.joined:
		where = "the same request was open; it waits for the same answer"
	case l.Link != "":
		where = "given to backend connection " + l.Link
	}
	step(forward, began, where)
	if t.heard > 0 {
		at := began.Add(t.heard.duration())
		step(wait, at, "the client was told that it is being processed")
		l.Notices = append(l.Notices, LifeNotice{At: instant(at), Class: protocol.Accepted.String(), Cause: protocol.InProcess.String(), Text: protocol.InProcess.Text()})
	}
	if t.parted > 0 {
		step(part, began.Add(t.parted.duration()), "the first part of the answer came")
	}
	if !over {
		return l
	}
	at := p.ended.time()
	switch p.state {
	case answered:
		step(answer, at, "the answer went to the client")
	case expired:
		step(expire, at, "the backend did not answer in time")
	case failed:
		step(fail, at, "there was no answer that the client could get")
	case abandoned:
		step(abandon, at, "the client had gone, or given it up, when its answer came")
	}
	if o := p.outcome; o.cause != protocol.NoCause && p.state != abandoned {
		l.Notices = append(l.Notices, LifeNotice{At: instant(at), Class: o.class.String(), Cause: o.cause.String(), Text: o.cause.Text()})
	}
	return l
}

// life makes a rebuff readable.
func (q *rebuff) life(r *route) ExchangeLife {
	at := q.at.time()
	came := at.Add(-q.queued.duration())
	l := ExchangeLife{ID: q.number, Route: r.name, Session: q.session, Peer: q.peer, Identity: q.who, State: ExchangeRefused, Over: true, Began: instant(came), Took: millis(at.Sub(came))}
	l.Events = append(l.Events, LifeEvent{At: instant(came), Event: "receive", State: ExchangeReceived, What: "it came"})
	if q.queued > 0 {
		l.Events = append(l.Events, LifeEvent{At: instant(came), Event: exchangeVerify, State: ExchangeVerified, What: "it is a message of the protocol, and met the rules"},
			LifeEvent{At: instant(came), Event: exchangeQueue, State: ExchangeQueued, What: "there was no room for it at a backend"})
	}
	l.Events = append(l.Events, LifeEvent{At: instant(at), After: millis(at.Sub(came)), Event: exchangeRefuse, State: ExchangeRefused, What: "refused: " + q.text})
	l.Notices = []LifeNotice{{At: instant(at), Class: q.class.String(), Cause: q.cause, Text: q.text, Reasons: viewReasons(q.reasons), More: q.more}}
	return l
}
