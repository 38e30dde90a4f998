package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// greets is what a Backend says before it lets requests in, where the codec has something to say.
type greets struct {
	frames []byte
	open   int // answers that are still to come
	all    int
	done   chan struct{}
	memo   uint64 // that of the connection when all are there
}

func newGreets(codec protocol.Codec) greets {
	c, ok := codec.(protocol.Greeting)
	if !ok {
		return greets{}
	}
	frames, n := c.AppendGreeting(nil)
	return greets{frames: frames, open: n, all: n, done: make(chan struct{})}
}

var errSlowSignOn = errors.New("the backend did not answer the sign-on in time")

// signOn begins to read, says what is to be said first, and waits for the answers, at most for timeout.
func (b *Backend) signOn(ctx context.Context, timeout time.Duration) error {
	waits := b.greets.open > 0
	b.putGreeting()
	b.vc.Reenable()
	if !waits {
		return nil
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-b.greets.done:
		return nil
	case <-b.ended:
		return fmt.Errorf("sign-on: %w", b.cause)
	case <-t.C:
		b.lose(errSlowSignOn)
		return errSlowSignOn
	case <-ctx.Done():
		b.lose(errDrained)
		return ctx.Err()
	}
}

func (b *Backend) putGreeting() {
	if len(b.greets.frames) == 0 {
		return
	}
	b.put += int64(len(b.greets.frames))
	h := b.vc.Lock()
	defer h.Unlock()
	_ = h.Put(b.greets.frames) // if it fails the connection has ended, and End tells
}

// greet judges one answer to the sign-on.
func (b *Backend) greet(m *protocol.Message) error {
	if err := b.up.codec.(protocol.Greeting).Greeted(b.greets.all-b.greets.open, m); err != nil {
		return fmt.Errorf("sign-on: %w", err)
	}
	b.memo, b.greets.memo = m.Memo, m.Memo
	b.greets.open--
	if b.greets.open == 0 {
		close(b.greets.done)
	}
	return nil
}
