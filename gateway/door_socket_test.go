package gateway

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// A shutdown finds clients in every state of coming in. Each time all ends in order, and nobody is left.
func TestShutdownWhileClientsCome(t *testing.T) {
	for name, route := range map[string]Route{
		"exchange": {Codec: newPlain(), Backends: []BackendConfig{{Address: greeter(t)}}},
		"relay":    {Kind: Relay, Backends: []BackendConfig{{Address: greeter(t)}}},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 20 {
				r := route
				r.Name, r.Listen = "r", "127.0.0.1:0"
				g, err := New(Config{Routes: []Route{r}, Shards: 2, Drain: 50 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := g.Serve(ctx); err != nil {
						t.Error(err)
					}
				})
				address := g.Addr("r").String()
				came := make(chan struct{}, 100)
				for range 4 {
					wg.Go(func() {
						for {
							c, err := net.Dial("tcp", address)
							if err != nil {
								return // it does not listen any more
							}
							_, _ = c.Write([]byte("Q 1 x\n"))
							_ = c.Close()
							select {
							case came <- struct{}{}:
							default:
							}
						}
					})
				}
				for range 1 + round {
					<-came
				}
				cancel()
				wg.Wait()
				if n := g.load(); n != 0 {
					t.Errorf("%d connections are left", n)
				}
			}
		})
	}
}
