package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// mirror is a further target of a route. Sessions and Backends leave copies in its
// backlog, which is all they ever do with it; goroutines of its own take them from there
// and write them to the target. So whatever a target does, no shard waits for it.
type mirror struct {
	route    *route
	conf     MirrorConfig
	rewriter protocol.Rewriter // nil: IDs stay as they are
	ids      uint64            // that it can write
	breaker  breaker
	backlog  *backlog
	stop     context.CancelFunc // nil: it has not begun
	after    <-chan struct{}    // the end of the one that it replaces; nil: it replaces none
	left     chan struct{}      // closed when it has ended

	tickets, refused, detached, dials, returned atomic.Uint64
}

func newMirror(r *route, conf MirrorConfig) *mirror {
	m := &mirror{route: r, conf: conf, backlog: newBacklog(conf.Buffer), left: make(chan struct{})}
	if r.mode == protocol.Rewrite && conf.Format == MirrorFrames {
		if m.ids = conf.Codec.Traits().Tickets; m.ids > 0 {
			m.rewriter, _ = conf.Codec.(protocol.Rewriter)
		}
	}
	m.breaker = breaker{Circuit: BackendConfig{}.withDefaults(&r.conf).Circuit, Backoff: conf.Backoff,
		changed: func(open bool) { m.backlog.expect(!open) }}
	return m
}

// reserve makes a copy of m for each required mirror and sets room for it aside, so that
// m can be forwarded. If it is false m cannot be now: the notice says why, or if there is
// none the Session is reenabled once there is room. In between belongs to copy.
func (s *Session) reserve(own *tunnel.Owner, m *protocol.Message) (bool, *protocol.Notice) {
	s.w.fit(len(s.route.mirrors))
	for i, t := range s.route.mirrors {
		if !t.conf.Required {
			continue
		}
		out, err := t.request(s, s.w.copies[i][:0], m)
		s.w.copies[i] = out
		ok := false
		if err == nil {
			ok, err = t.backlog.reserve(len(out), own.VConn())
		}
		if ok {
			s.w.rooms = i + 1
			continue
		}
		s.release()
		switch {
		case err == nil:
			return false, nil
		case errors.Is(err, errMirrorDown):
			t.refused.Add(1)
			n := s.notice(protocol.Later, protocol.BackendDown)
			n.Reasons = []protocol.Reason{{Off: -1, Rule: "mirror.required", Want: "the record that is made of every request to be within reach"}}
			return false, n
		case errors.Is(err, tunnel.ErrTooLong):
			return false, s.notice(protocol.Fix, protocol.TooLarge)
		}
		s.route.log(s, "a verified request could not be encoded for a required mirror", err)
		return false, s.notice(protocol.Fix, protocol.BadShape)
	}
	return true, nil
}

// release gives back what was reserved.
func (s *Session) release() {
	for i, t := range s.route.mirrors[:s.w.rooms] {
		if t.conf.Required {
			t.backlog.release(len(s.w.copies[i]))
		}
	}
	s.w.rooms = 0
}

// copy leaves a copy of m for each mirror, in the room that was reserved, or where there
// is some. If m was not forwarded it only gives back what was reserved.
func (s *Session) copy(m *protocol.Message, forwarded bool) {
	s.w.fit(len(s.route.mirrors))
	if !forwarded {
		s.release()
		return
	}
	for i, t := range s.route.mirrors {
		if t.conf.Required {
			t.backlog.spend(s.w.copies[i])
		}
	}
	s.w.rooms = 0
	for i, t := range s.route.mirrors {
		if t.conf.Required {
			continue
		}
		out, err := t.request(s, s.w.copies[i][:0], m)
		s.w.copies[i] = out
		if err != nil {
			t.backlog.miss()
			continue
		}
		t.backlog.offer(out)
	}
}

// copy leaves a copy of m, a result for x, for each mirror that wants results. The caller
// has taken x from the Ledger, and nobody has got the result yet.
func (b *Backend) copy(x *exchange, m *protocol.Message) {
	r := b.up.route()
	b.w.fit(len(r.mirrors))
	for i, t := range r.mirrors {
		if !t.conf.Results {
			continue
		}
		body, err := r.codec.AppendWithID(b.w.out[:0], m, x.id)
		b.w.out = body[:0]
		if err != nil {
			t.backlog.miss()
			continue
		}
		b.copyTo(r, i, x, m, body)
	}
}

// copyBody is copy of an answer whose body was made for x.
func (b *Backend) copyBody(x *exchange, m *protocol.Message, body []byte) {
	r := b.up.route()
	b.w.fit(len(r.mirrors))
	for i, t := range r.mirrors {
		if t.conf.Results {
			b.copyTo(r, i, x, m, body)
		}
	}
}

func (b *Backend) copyTo(r *route, i int, x *exchange, m *protocol.Message, body []byte) {
	l := mirrorLine{at: time.Now(), route: r.conf.Name, peer: x.session.peer, what: "result", more: m.More, id: x.id, body: body, rest: m.Rest}
	l.mask(r.masking, m)
	b.w.copies[i] = l.appendTo(b.w.copies[i][:0])
	r.mirrors[i].backlog.offer(b.w.copies[i])
}

// errCarried is why a target for frames misses a message.
var errCarried = errors.New("a message that is carried is not held, and so not copied")

// request appends the copy of a client's request, in memory of the client's shard.
func (m *mirror) request(s *Session, dst []byte, q *protocol.Message) ([]byte, error) {
	if m.conf.Format == MirrorLines {
		l := mirrorLine{at: time.Now(), route: m.route.conf.Name, peer: s.peer, what: q.Kind.String(), id: q.ID, name: q.Name, body: q.Body, rest: q.Rest}
		l.mask(m.route.masking, q)
		return l.appendTo(dst), nil
	}
	if q.Rest > 0 {
		return dst, errCarried
	}
	var id protocol.ID
	if m.rewriter != nil && q.Kind == protocol.Request {
		s.w.ticket = m.rewriter.AppendTicket(s.w.ticket[:0], m.tickets.Add(1)%m.ids)
		id = s.w.ticket
	}
	dst = m.conf.Codec.OpenFrame(dst, nil)
	dst, err := m.conf.Codec.AppendWithID(dst, q, id)
	if err != nil {
		return dst[:0], err
	}
	return m.conf.Codec.CloseFrame(dst, 0)
}

// target is what copies are written to.
type target interface {
	// write writes what it can of p. Whole is true if p begins where a message begins.
	// Written and an error is progress all the same.
	write(p []byte, whole bool) (n int, err error)
	// cut takes back the last n bytes, those of a message that was not written whole, if
	// that can be done.
	cut(n int64)
	// read waits for the end of the target and returns why it has ended. It ends with close.
	read() error
	// finish says that nothing more is written. After that read ends soon, as a rule.
	finish()
	close()
}

// start has a target looked for until ctx is done or stop is called, unless that was done before.
func (m *mirror) start(ctx context.Context, goroutines *sync.WaitGroup) {
	if m.stop != nil {
		return
	}
	ctx, m.stop = context.WithCancel(ctx)
	goroutines.Go(func() {
		defer close(m.left)
		if m.after != nil {
			<-m.after // which ends soon: it was told to
		}
		m.keep(ctx)
	})
}

// keep keeps a target until ctx is done, looking for one again after each loss.
func (m *mirror) keep(ctx context.Context) {
	for m.breaker.pause(ctx) {
		m.dials.Add(1)
		t, err := m.open(ctx)
		if err == nil {
			m.route.logMirror(m, "mirror attached", 0, nil)
			err = m.serve(ctx, t)
		}
		m.backlog.detach()
		if ctx.Err() != nil {
			break
		}
		m.lost(err)
	}
	if n := m.backlog.drop(); n > 0 {
		m.route.logMirror(m, "mirror: what it was still to get is lost with the end of the gateway", n, nil)
	}
}

// lost notes that there is no target, and says so unless it has just done so.
func (m *mirror) lost(cause error) {
	missed := 0
	if !m.conf.Required {
		missed = m.backlog.drop()
	}
	if n := m.breaker.failed(); n == 1 || n == m.breaker.Failures || n%100 == 0 {
		m.route.logMirror(m, "mirror detached", missed, cause)
	}
}

func (m *mirror) open(ctx context.Context) (target, error) {
	if m.conf.File != "" {
		return openMirrorFile(m.conf.File, m.conf.Format)
	}
	ctx, cancel := context.WithTimeout(ctx, m.route.timeouts.Connect)
	defer cancel()
	return dialMirror(ctx, m)
}

// Causes with which a mirror leaves a target.
var (
	errMirrorSlow  = errors.New("it does not keep up: its buffer is full")
	errMirrorStuck = errors.New("it has not taken a byte for too long")
	errMirrorEnded = errors.New("it closed the connection")
)

// serve writes to t until it ends, falls behind, or ctx is done and what is left was
// written. It returns why it ended; nothing of t runs then any more.
func (m *mirror) serve(ctx context.Context, t target) error {
	var wg sync.WaitGroup
	wrote, read := make(chan error, 1), make(chan error, 1)
	last, quit := make(chan struct{}), make(chan struct{})
	m.backlog.attach()
	wg.Go(func() { wrote <- m.write(t, last, quit) })
	wg.Go(func() { read <- t.read() })
	defer wg.Wait()
	defer t.close()
	defer close(quit)
	rest := time.NewTimer(m.breaker.Rest)
	defer rest.Stop()
	for {
		select {
		case err := <-wrote:
			m.detached.Add(1)
			return err
		case err := <-read:
			m.detached.Add(1)
			return err
		case <-m.backlog.slow:
			m.detached.Add(1)
			return errMirrorSlow
		case <-rest.C:
			m.breaker.succeeded() // it has stood for long enough to be dialled at once when it is lost
		case <-ctx.Done():
			close(last)
			m.finish(t, wrote, read)
			return ctx.Err()
		}
	}
}

// finish waits until what is left was written and t has seen its end, or for the linger
// at most.
func (m *mirror) finish(t target, wrote, read <-chan error) {
	linger := time.NewTimer(m.route.timeouts.Linger)
	defer linger.Stop()
	select {
	case err := <-wrote:
		if err != nil {
			return
		}
	case <-read:
		return
	case <-linger.C:
		return
	}
	t.finish()
	select {
	case <-read:
	case <-linger.C:
	}
}

// write writes what is in the backlog to t, until it fails, quit is closed, or last is
// and nothing is left.
func (m *mirror) write(t target, last, quit <-chan struct{}) error {
	for {
		p, whole := m.backlog.next()
		for p == nil {
			select {
			case <-m.backlog.work:
				p, whole = m.backlog.next()
			case <-quit:
				return nil
			case <-last:
				if p, whole = m.backlog.next(); p == nil {
					return nil
				}
			}
		}
		n, err := t.write(p, whole)
		begun := m.backlog.wrote(n)
		if err != nil {
			t.cut(begun)
			return err
		}
	}
}

func (m *mirror) snapshot() MirrorSnapshot {
	s := MirrorSnapshot{Name: m.conf.Name, State: m.backlog.state(), Refused: m.refused.Load(), Detached: m.detached.Load(),
		Dials: m.dials.Load(), Returned: m.returned.Load()}
	s.Copied, s.Missed, s.Waiting, s.Queued = m.backlog.counts()
	return s
}

// logMirror is a line about a mirror's target, and about copies that were to go there
// and will not.
func (r *route) logMirror(m *mirror, what string, missed int, err error) {
	if r.logger == nil {
		return
	}
	e := r.logger.WithField("mirror", m.conf.Name)
	if err != nil {
		e = e.WithField("error", err.Error())
	}
	if missed > 0 {
		e = e.WithField("missed", missed)
	}
	if err != nil || missed > 0 {
		e.Warn(what)
		return
	}
	e.Info(what)
}
