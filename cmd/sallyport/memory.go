package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When memory is given back to the system: the program has allocated next to nothing for a while, and enough before that
// for it to matter. So what a rush of clients has needed is not kept after it; a rush that goes on is not held up.
const (
	quietFor   = 3 * time.Second
	quietBytes = 256 << 10
	worthwhile = 4 << 20
)

// giveBack gives memory back whenever the program has come to rest, until ctx is done.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(quietFor)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	allocated := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	last := allocated()
	given := last
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if now-last < quietBytes && now-given > worthwhile {
			debug.FreeOSMemory()
			given = allocated()
		}
		last = now
	}
}
