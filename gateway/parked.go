package gateway

import (
	"bytes"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
)

// parked is a request whose client has heard a wait notice that closes, and its result once that is there. The client
// asks for it by sending the same request again, under whatever ID.
type parked struct {
	request []byte // its body under ID 0
	result  []byte // the frame; nil: it is not there yet
	lost    bool   // there was no room for it
	read    bool   // it changes nothing
	lane    uint32
	until   time.Time // the result is kept
}

// parkedList is what a client is to ask for again, guarded by the lock of its VConn.
type parkedList []*parked

// maxParked is how many results one client may leave with the gateway. In bytes it is as much as may wait for it.
const maxParked = 64

// putOff tells the client of x to ask again. If there is no room for that, or too much is kept for it already, it goes on
// waiting.
func (s *Session) putOff(h *tunnel.Held, x *exchange, w *worker) bool {
	r := s.route
	s.desk.parked.sweep(time.Now())
	if len(s.desk.parked) >= maxParked || s.desk.parked.bytes() >= r.limits.Queue {
		r.counters.limits[limitParked].Add(1)
		return false
	}
	m := x.request(r.codec, &w.echo)
	key, err := s.unnamed(nil, m)
	if err != nil {
		return false
	}
	frame := r.say(w.out[:0], m, &protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess})
	w.out = frame[:0]
	if len(frame) == 0 || h.Put(frame) != nil {
		return false
	}
	x.waits(time.Now())
	x.parked = &parked{request: key, lane: m.Lane}
	if r.merging != nil {
		_, x.parked.read = r.merging.Range(m)
	}
	if !x.parked.read || !s.changes(h, x.next, m.Lane) {
		s.desk.parked = append(s.desk.parked, x.parked)
	}
	s.desk.settle(h, x)
	r.counters.waits.Add(1)
	r.counters.notices[protocol.Accepted].Add(1)
	return true
}

// changes reports whether the client has something open, from x on, that may change what is read of a lane: what was read
// before that is not for it when it asks again.
func (s *Session) changes(_ *tunnel.Held, x *exchange, lane uint32) bool {
	var m protocol.Message
	for ; x != nil; x = x.next {
		q := x.request(s.route.codec, &m)
		if _, read := s.route.merging.Range(q); !read && q.Lane == lane {
			return true
		}
	}
	return false
}

// outdate forgets what was read before m, which is no read itself: the client must not be told what was there before it
// has changed that. It asks again, and a read can be done twice.
func (s *Session) outdate(m *protocol.Message) {
	if s.route.merging == nil {
		return
	}
	if _, read := s.route.merging.Range(m); read {
		return
	}
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.parked.drop(func(p *parked) bool { return p.read && p.lane == m.Lane })
}

// unnamed appends the body of m under ID 0, by which two requests can be compared.
func (s *Session) unnamed(dst []byte, m *protocol.Message) ([]byte, error) {
	var id protocol.ID
	if c, ok := s.route.codec.(protocol.Rewriter); ok {
		id = c.AppendTicket(nil, 0)
	}
	return s.route.codec.AppendWithID(dst, m, id)
}

// park keeps the result of x until its client asks again. If there is no room for it the client will hear that it has
// failed: the request was carried out, and to forget it would have it carried out again.
func (s *Session) park(h *tunnel.Held, x *exchange, frame []byte) {
	p := x.parked
	if s.desk.parked.bytes()+len(frame) > s.route.limits.Queue {
		s.route.counters.limits[limitParked].Add(1)
		p.lost, frame = true, nil
	}
	p.result = append([]byte{}, frame...)
	p.until = time.Now().Add(s.route.wait.Keep)
	s.desk.leave(h, x)
	x.free()
}

// asksAgain returns what answers m if that is what was put off: its result, once, or the same notice again.
func (s *Session) asksAgain(m *protocol.Message) []byte {
	r := s.route
	key, err := s.unnamed(s.w.out[:0], m)
	s.w.out = key[:0]
	if err != nil {
		return nil
	}
	p := s.find(key)
	switch {
	case p == nil:
		return nil
	case p.result == nil:
		r.counters.notices[protocol.Accepted].Add(1)
		return r.say(nil, m, &protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess})
	case !p.lost:
		if frame, err := s.renamed(p.result, m); err == nil {
			return frame
		}
	}
	cause := protocol.BadAnswer
	if p.lost {
		cause = protocol.TooLarge
	}
	r.counters.notices[protocol.Failed].Add(1)
	return r.say(nil, m, &protocol.Notice{Class: protocol.Failed, Cause: cause})
}

// find returns what is parked under key. If its result is there it is parked no longer.
func (s *Session) find(key []byte) *parked {
	h := s.vc.Lock()
	defer h.Unlock()
	s.desk.parked.sweep(time.Now())
	for i, p := range s.desk.parked {
		if !bytes.Equal(p.request, key) {
			continue
		}
		if p.result != nil {
			s.desk.parked = append(s.desk.parked[:i], s.desk.parked[i+1:]...)
		}
		return p
	}
	return nil
}

// renamed makes a frame of a kept one, as an answer to m.
func (s *Session) renamed(frame []byte, m *protocol.Message) ([]byte, error) {
	codec := s.route.codec
	var kept protocol.Message
	if err := codec.Decode(protocol.FromBackend, frame, &kept); err != nil {
		return nil, err
	}
	out, err := codec.AppendWithID(codec.OpenFrame(nil, m.Head), &kept, m.ID)
	if err != nil {
		return nil, err
	}
	return codec.CloseFrame(out, 0)
}

// bytes is what the list holds.
func (l *parkedList) bytes() (n int) {
	for _, p := range *l {
		n += len(p.request) + len(p.result)
	}
	return n
}

// sweep drops results that were kept for long enough.
func (l *parkedList) sweep(now time.Time) {
	l.drop(func(p *parked) bool { return p.result != nil && !now.Before(p.until) })
}

func (l *parkedList) drop(f func(p *parked) bool) {
	kept := (*l)[:0]
	for _, p := range *l {
		if !f(p) {
			kept = append(kept, p)
		}
	}
	clear((*l)[len(kept):])
	*l = kept
}
