package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Load is many Clients at once.
type Load struct {
	// Codec and Speech are those of every client. Dial opens its connection.
	Codec  protocol.Codec
	Speech Speech
	Dial   func(ctx context.Context) (net.Conn, error)
	// Clients is their number, and Requests that of the requests of each.
	Clients, Requests int
	// Seed, Window, Batch, Deadline and Linger are those of ClientOptions.
	Seed             uint64
	Window, Batch    int
	Deadline, Linger time.Duration
}

// Run runs the clients and blocks until all have ended. Its error names what was wrong
// with the first ten of them.
func (l *Load) Run(ctx context.Context) (ClientStats, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		total ClientStats
		errs  []error
	)
	for n := range l.Clients {
		wg.Go(func() {
			stats, err := l.client(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			total.Add(stats)
			if err != nil && len(errs) < maxWrong {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return total, errors.Join(errs...)
}

func (l *Load) client(ctx context.Context, n int) (ClientStats, error) {
	conn, err := l.Dial(ctx)
	if err != nil {
		return ClientStats{}, fmt.Errorf("client %d, seed %d: %w", n, l.Seed, err)
	}
	return NewClient(conn, l.Codec, ClientOptions{Seed: l.Seed, Number: n, Speech: l.Speech, Window: l.Window,
		Batch: l.Batch, Deadline: l.Deadline, Linger: l.Linger}).Run(ctx, l.Requests)
}

// DialTCP returns a Dial of Load for address.
func DialTCP(address string) func(ctx context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}
