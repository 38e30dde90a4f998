package gateway

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// KeepConfig has the answers to requests kept, for clients that send one again which was answered already: they did not get
// that answer, or have forgotten it. Such a repeat is answered, and not forwarded. Another request under the ID is refused.
type KeepConfig struct {
	// For is how long an answer is kept; 0: none is.
	For time.Duration
	// Most is how many are kept, 10,000, and Bytes how much of requests and answers, 64 MiB. The oldest make room.
	Most  int
	Bytes int
}

func (k KeepConfig) withDefaults() KeepConfig {
	def(&k.Most, 10_000)
	def(&k.Bytes, 64<<20)
	return k
}

// kept are the answers of one route that its clients may ask for again. Only a result that says that the request was carried
// out is kept: who has heard of an error may well try again. Its lock is a leaf. A nil kept keeps nothing.
type kept struct {
	conf  KeepConfig
	codec protocol.Repeating

	mu    sync.Mutex
	byID  map[string]*keptAnswer
	order ring[*keptAnswer]
	bytes int
}

type keptAnswer struct {
	id              string
	request, answer []byte // bodies
	until           time.Time
}

func (a *keptAnswer) size() int { return len(a.id) + len(a.request) + len(a.answer) }

func newKept(conf KeepConfig, codec protocol.Repeating) *kept {
	if conf.For == 0 || codec == nil {
		return nil
	}
	return &kept{conf: conf.withDefaults(), codec: codec, byID: map[string]*keptAnswer{}}
}

// note keeps answer, the body of the final result for x.
func (k *kept) note(x *exchange, answer []byte, now time.Time) {
	if k == nil || len(x.id) == 0 {
		return
	}
	a := &keptAnswer{id: string(x.id), request: append([]byte(nil), x.body...), answer: append([]byte(nil), answer...), until: now.Add(k.conf.For)}
	if a.size() > k.conf.Bytes {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.byID[a.id]; there {
		return
	}
	k.byID[a.id] = a
	k.order.push(a)
	k.bytes += a.size()
	k.sweep(now)
}

// sweep forgets what is too old or too much. k is locked.
func (k *kept) sweep(now time.Time) {
	for k.order.len() > 0 {
		a := k.order.peek()
		if now.Before(a.until) && k.order.len() <= k.conf.Most && k.bytes <= k.conf.Bytes {
			return
		}
		k.order.pop()
		k.bytes -= a.size()
		delete(k.byID, a.id)
	}
}

// find returns the body of the answer to m, if that was answered before; other is true if something else was, under its ID.
// The body is not to be changed.
func (k *kept) find(m *protocol.Message, now time.Time) (answer []byte, other bool) {
	if k == nil || len(m.ID) == 0 {
		return nil, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(now)
	a := k.byID[string(m.ID)]
	switch {
	case a == nil:
		return nil, false
	case k.codec.Repeats(a.request, m):
		return a.answer, false
	}
	return nil, true
}

// answersAgain gives m, a member of g or not, the answer that the same request has had. It is not done if there is none, and
// not ok if the frame must be offered again.
func (s *Session) answersAgain(own *tunnel.Owner, m *protocol.Message, g *gather) (done, ok bool, n *protocol.Notice) {
	r := s.route
	if r.kept == nil || m.Kind != protocol.Request {
		return false, false, nil
	}
	body, other := r.kept.find(m, own.Now())
	switch {
	case other:
		return false, false, s.notice(protocol.Duplicate, protocol.AnsweredBefore)
	case body == nil:
		return false, false, nil
	}
	r.counters.joined.Add(1)
	if g != nil {
		s.placeInBatch(g, body)
		return true, true, nil
	}
	frame, err := r.codec.CloseFrame(append(r.codec.OpenFrame(s.w.out[:0], m.Head), body...), 0)
	s.w.out = frame[:0]
	if err != nil {
		return false, false, s.notice(protocol.Failed, protocol.BadAnswer)
	}
	done, ok = s.sayOnce(frame)
	return done, ok, nil
}

// placeInBatch gives body its place in the answer to the batch.
func (s *Session) placeInBatch(g *gather, body []byte) {
	h := s.vc.Lock()
	defer h.Unlock()
	g.Force(g.Slot(), body)
}
