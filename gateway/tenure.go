package gateway

import (
	"context"
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

	life  context.Context   // ends with the gateway, or with cut
	after []<-chan struct{} // for each connection the end of the one that it replaces; nil: it replaces none
	left  []chan struct{}   // for each connection, closed when it has ended for good
}

func newTenure(connections int) tenure {
	t := tenure{after: make([]<-chan struct{}, connections)}
	for range connections {
		t.left = append(t.left, make(chan struct{}))
	}
	return t
}

// enter waits until connection n may be dialled. It is false if ctx was done first.
func (t *tenure) enter(ctx context.Context, n int) bool {
	if t.after[n] == nil {
		return ctx.Err() == nil
	}
	select {
	case <-t.after[n]:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// gone waits until every connection has ended for good, or ctx is done.
func (t *tenure) gone(ctx context.Context) bool {
	for _, c := range t.left {
		select {
		case <-c:
		case <-ctx.Done():
			return false
		}
	}
	return true
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
	u.reversals.close()
}

// vacancies is how often a connection that is to end is looked at.
const vacancies = 10 * time.Millisecond

// vacate waits until nothing is open on b any more, to which nobody comes, or until the life of its upstream ends.
func (u *upstream) vacate(b *Backend) {
	if u.tenure.life.Err() != nil {
		return
	}
	u.pool.retire(b)
	t := time.NewTicker(vacancies)
	defer t.Stop()
	for !b.idle() {
		select {
		case <-t.C:
		case <-b.ended:
			return
		case <-u.tenure.life.Done():
			return
		}
	}
}

// idle reports whether nothing is open on b, nor on its way there.
func (b *Backend) idle() bool {
	return b.up.pool.vacant(b) && !b.ledger.busy() && b.queued() == 0
}
