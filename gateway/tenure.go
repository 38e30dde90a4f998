package gateway

import (
	"context"
	"slices"
	"sync"
	"time"
)

// tenure is how long an upstream stays: until the gateway ends, or until it is retired, when each of its connections ends once
// nothing is open there.
type tenure struct {
	open bool // the circuit, as the pool knows it; guarded by the pool's lock

	// Of who starts and retires the upstream.
	retire context.CancelFunc // nil: it has not begun
	cut    context.CancelFunc // of what is still open, when it was waited for long enough

	life  context.Context // ends with the gateway, or with cut
	after []chan struct{} // for each connection the end of the one that it replaces; nil: it replaces none
	left  []chan struct{} // for each connection, closed when it and all that it replaces have ended for good
}

// berths are, by backend, the ends of the connections that are to end and that none has replaced yet.
type berths map[string][]chan struct{}

// sweep forgets those that have ended.
func (b berths) sweep() {
	for at, list := range b {
		b[at] = slices.DeleteFunc(list, func(c chan struct{}) bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		})
		if len(b[at]) == 0 {
			delete(b, at)
		}
	}
}

func newTenure(connections int) tenure {
	t := tenure{after: make([]chan struct{}, connections)}
	for range connections {
		t.left = append(t.left, make(chan struct{}))
	}
	return t
}

// enter waits until connection n may be dialled. It is false if that is not wanted any more: even then who replaces this one
// must wait for the one before.
func (t *tenure) enter(ctx context.Context, n int) bool {
	if t.after[n] != nil {
		select {
		case <-t.after[n]:
		case <-t.life.Done():
		}
	}
	return ctx.Err() == nil
}

// gone waits until every connection has ended for good, or for d at most.
func (t *tenure) gone(d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	for _, c := range t.left {
		select {
		case <-c:
		case <-t.life.Done():
			return
		case <-end.C:
			return
		}
	}
}

// berth names the place that a connection takes at the backend.
func (u *upstream) berth() string {
	if u.conf.Address != "" {
		return u.conf.Address
	}
	return u.conf.Name
}

// inherit takes over what was noted for the backend while was reached it.
func (u *upstream) inherit(was *upstream) {
	if u.citations != nil && was.citations != nil {
		u.citations = was.citations
	}
	if u.reversals != nil && was.reversals != nil {
		u.reversals = was.reversals
		u.reversals.of.Store(u)
	}
	u.put(was.duty.get())
}

// end waits until u, which was retired, has nothing open any more, or for d at most, and ends it.
func (u *upstream) end(d time.Duration) {
	u.tenure.gone(d)
	u.tenure.cut()
	for _, c := range u.tenure.left {
		<-c
	}
	u.closeUp()
}

// start has the connections of u dialled and kept until life is done or u is retired, unless that was done before.
func (u *upstream) start(life context.Context, goroutines *sync.WaitGroup) {
	t := &u.tenure
	if t.retire != nil {
		return
	}
	t.life, t.cut = context.WithCancel(life)
	ctx, retire := context.WithCancel(t.life)
	t.retire = retire
	u.owns.dialing = t.life
	for n := range u.conf.Connections {
		goroutines.Go(func() { u.keep(ctx, n) })
	}
}

// closeUp is the end of u, whose connections have ended or are about to.
func (u *upstream) closeUp() {
	u.owns.close()
	u.owns.running.Wait()
	u.reversals.close(u)
}

// vacancies is how often a connection that is to end is looked at.
const vacancies = 10 * time.Millisecond

// farewell is how long a backend may take to close a connection that was closed for it.
const farewell = time.Second

// vacate waits until nothing is open on b any more, to which nobody comes, and until its backend has closed it too and has
// room for another; or until the life of u ends.
func (u *upstream) vacate(b *Backend) {
	if u.tenure.life.Err() != nil {
		return
	}
	u.pool.retire(b)
	if u.emptied(b) {
		b.closeWrite()
		await(u.tenure.life, b.ended, farewell)
	}
}

// emptied waits until nothing is open on b. It is false if b has ended, or u.
func (u *upstream) emptied(b *Backend) bool {
	t := time.NewTicker(vacancies)
	defer t.Stop()
	for !b.idle() {
		select {
		case <-t.C:
		case <-b.ended:
			return false
		case <-u.tenure.life.Done():
			return false
		}
	}
	return true
}

// closeWrite tells the backend that nothing more comes.
func (b *Backend) closeWrite() {
	h := b.vc.Lock()
	defer h.Unlock()
	h.CloseWrite()
}

// idle reports whether nothing is open on b, nor on its way there.
func (b *Backend) idle() bool {
	return b.up.pool.vacant(b) && !b.ledger.busy() && b.queued() == 0
}
