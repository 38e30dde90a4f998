package gateway

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// send takes x, the request m, into the Ledger and puts it on its way. In one step, so
// that requests are written in the order in which their answers are paired. room is
// used up, and given back whatever happens. An error of Ledger.add, or of encoding m,
// leaves x to the caller; after nil x is whoever's who answers it. If m is a head, start
// has what follows carried.
func (b *Backend) send(w *worker, x *exchange, m *protocol.Message, room *tunnel.Reservation, now time.Time, start func(head []byte)) error {
	if b.dispatch != nil && start == nil {
		return b.admit(x, m, room, now)
	}
	var orphans []member
	defer func() { b.orphaned(orphans) }()
	defer room.Release()
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	if b.stopped {
		return errLedgerClosed
	}
	// Its end is not known before it is encoded, nor by then if it waits for others.
	x.from, x.to, x.lane, x.placeless = b.put, b.put+1, m.Lane, m.Tacit
	cited, err := b.cite(w, m, now)
	if err != nil {
		return err
	}
	ticket, err := b.ledger.add(x, m.ID, now)
	if err != nil {
		return err
	}
	sent := false
	defer func() {
		if !sent && b.ledger.drop(ticket) && x.party != nil { // it could not be encoded, or the codec has panicked
			orphans, x.party = x.party.members[1:], nil
		}
	}()
	var id protocol.ID
	if b.up.route().mode == protocol.Rewrite || x.renamed {
		w.ticket = b.up.rewriter.AppendTicket(w.ticket[:0], ticket)
		id = w.ticket
	}
	if err := b.forward(w, m, id, cited, room, start); err != nil {
		return err
	}
	b.up.citations.note(m.ID, ticket, now)
	sent = true
	if b.dispatch != nil {
		b.dispatch.left(m.Lane)
	}
	b.arm()
	b.up.tx.Add(1)
	b.up.pending.Add(1)
	if m.Tacit { // nobody knows when the backend is done with it
		b.release()
	}
	return nil
}

// orphaned tells those who have joined a request that was not sent after all.
func (b *Backend) orphaned(list []member) {
	for _, one := range list {
		b.done(one.x)
		b.end(one.x, fail, &protocol.Notice{Class: protocol.Later, Cause: protocol.BackendDown, RetryAfter: b.up.route().conf.RetryAfter})
	}
}

// sendOneWay is send for a message that is not answered. Its place is given back, and it is counted as answered, when it
// leaves: at once if it does not have to wait for its turn.
func (b *Backend) sendOneWay(w *worker, m *protocol.Message, room *tunnel.Reservation, start func(head []byte)) error {
	c := b.up.route().counters
	c.inFlight.Add(1)
	if b.dispatch != nil && start == nil {
		err := b.admitOneWay(m, room)
		if err != nil {
			c.inFlight.Add(-1)
		}
		return err
	}
	err := b.sendOneWayNow(w, m, room, start)
	c.inFlight.Add(-1)
	if err != nil {
		return err
	}
	c.answered.Add(1)
	if start == nil {
		b.release()
	}
	return nil
}

func (b *Backend) sendOneWayNow(w *worker, m *protocol.Message, room *tunnel.Reservation, start func(head []byte)) error {
	defer room.Release()
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	if b.stopped {
		return errLedgerClosed
	}
	if err := b.forward(w, m, nil, nil, room, start); err != nil {
		return err
	}
	b.up.tx.Add(1)
	return nil
}

// forward puts m under id on its way, alone or into the bundle; it names another request by cited, if that is not nil.
// b.sendMu is held.
func (b *Backend) forward(w *worker, m *protocol.Message, id, cited protocol.ID, room *tunnel.Reservation, start func(head []byte)) error {
	if start != nil {
		head, err := b.up.carrying.AppendHead(w.out[:0], m, id, nil)
		w.out = head[:0]
		if err != nil {
			return err
		}
		b.put += int64(len(head)) + m.Rest
		b.ledger.renew(time.Now().Add(b.up.route().timeouts.Body + b.up.route().timeouts.Answer))
		start(head)
		return nil
	}
	if b.up.conf.Batch.Max > 1 {
		body, err := b.up.codec.AppendWithID(w.out[:0], m, id)
		w.out = body[:0]
		if err != nil {
			return err
		}
		b.bundle.add(body, room)
		return nil
	}
	frame := b.up.codec.OpenFrame(w.out[:0], nil)
	var err error
	if cited != nil {
		frame, err = b.up.citations.codec.AppendWithIDs(frame, m, id, cited)
	} else {
		frame, err = b.up.codec.AppendWithID(frame, m, id)
	}
	if err == nil {
		frame, err = b.up.codec.CloseFrame(frame, 0)
	}
	w.out = frame[:0]
	if err != nil {
		return err
	}
	b.put += int64(len(frame))
	// It fails only if the connection has ended, and then End tells the client.
	_ = room.PutLast(frame)
	return nil
}

// arm starts the clock of the Ledger's deadlines, unless it runs. b.sendMu is held.
func (b *Backend) arm() {
	if b.armed {
		return
	}
	b.armed = true
	if b.clock == nil {
		b.clock = time.AfterFunc(b.up.route().timeouts.Answer, b.expire)
		return
	}
	b.clock.Reset(b.up.route().timeouts.Answer)
}

// overdue takes what the backend has not answered in time out of the Ledger, and has the clock come again.
func (b *Backend) overdue() (list []*exchange) {
	b.sendMu.Lock()
	defer b.sendMu.Unlock()
	if !b.suspended.IsZero() && !b.stopped {
		b.clock.Reset(b.up.route().timeouts.Answer) // it is looked at again
		return nil
	}
	list, next := b.ledger.expire(time.Now(), nil)
	b.armed = !next.IsZero() && !b.stopped
	if b.armed {
		b.clock.Reset(time.Until(next))
	}
	return list
}

// expire fails what the backend has not answered in time. It runs on the timer's
// goroutine: the Ledger gives each exchange to one taker only.
func (b *Backend) expire() {
	r := b.up.route()
	list := b.overdue()
	for _, x := range list {
		r.counters.limits[limitAnswerTime].Add(1)
		b.up.expired.Add(1)
		lane := x.lane
		b.up.apart.doubt(x)
		x.all(func(x *exchange) {
			b.done(x)
			if x.tacit {
				b.endTacitly(x)
				return
			}
			b.end(x, expire, &protocol.Notice{Class: protocol.Failed, Cause: protocol.AnswerTimeout, Unknown: true})
		})
		if b.dispatch != nil {
			b.advance(lane, false, time.Now())
		}
	}
	if len(list) > 0 && (r.mode == protocol.FIFO || r.mode == protocol.Exclusive || b.up.conf.Serial) {
		// An answer that still comes would be taken for the next one's.
		b.lose(errors.New("the backend did not answer in time, and answers are matched by order"))
	}
}
