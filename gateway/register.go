package gateway

import (
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// register says where in a route a key is open, or in quarantine, so that under one key nothing is forwarded twice, whoever
// asks and on whichever connection. Its locks are leaves. A nil register knows nothing.
type register struct{ parts [32]registerPart }

type registerPart struct {
	mu   sync.Mutex
	keys map[string]*Ledger
}

func newRegister() *register {
	r := &register{}
	for i := range r.parts {
		r.parts[i].keys = map[string]*Ledger{}
	}
	return r
}

func (r *register) part(key string) *registerPart {
	return &r.parts[maphash.String(seed, key)%uint64(len(r.parts))]
}

// claim notes key for l. It is false if another has it.
func (r *register) claim(key string, l *Ledger) bool {
	if r == nil {
		return true
	}
	p := r.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.keys[key]; taken {
		return false
	}
	p.keys[key] = l
	return true
}

// drop forgets key.
func (r *register) drop(key string) {
	if r == nil || key == "" {
		return
	}
	p := r.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, key)
}

// owner returns the Ledger that has key, nil if none has.
func (r *register) owner(key protocol.ID) *Ledger {
	if r == nil {
		return nil
	}
	p := r.part(string(key))
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[string(key)]
}

// errInProcess is the verdict on a repeat that is told so.
var errInProcess = errors.New("gateway: the request is in process")

// repeats returns errInProcess if m is what is open under its key. The other errors are those of join.
func (l *Ledger) repeats(m *protocol.Message, codec protocol.Repeating, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.same(m, codec, now)
	if err == nil {
		return errInProcess
	}
	return err
}

// same returns the slot of what is open under the key of m, if that is the same request. l is locked.
func (l *Ledger) same(m *protocol.Message, codec protocol.Repeating, now time.Time) (*slot, error) {
	l.bury(now)
	i, ok := l.keys[string(m.ID)]
	if !ok || l.closed {
		return nil, errLedgerClosed
	}
	s := &l.slots[i]
	if s.state != slotOpen || !codec.Repeats(s.x.body, m) {
		return nil, errKeyOpen
	}
	return s, nil
}

// join has x, the request m, hear the answer to what is open under its key, if that is the same request. The errors are
// errKeyOpen if it is not, and errLedgerClosed if there is nothing under that key any more: then it can be sent.
func (l *Ledger) join(x *exchange, m *protocol.Message, codec protocol.Repeating, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := l.same(m, codec, now)
	if err != nil {
		return err
	}
	// Whoever takes s.x out of the Ledger does so under this lock, and only then looks at its party.
	if s.x.party == nil {
		s.x.party = &party{members: []member{{x: s.x}}}
	}
	s.x.party.members = append(s.x.party.members, member{x: x})
	return nil
}
