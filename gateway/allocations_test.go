//go:build !race

// The race detector has pools forget, and so allocate.

package gateway_test

import "testing"

// TestExchangesDoNotAllocate counts what one exchange allocates on its way through all of the gateway and back, once the
// buffers have their sizes.
func TestExchangesDoNotAllocate(t *testing.T) {
	for _, s := range speeches(t) {
		t.Run(s.name, func(t *testing.T) {
			c := dial(t, serve(t, &s), &s)
			defer c.conn.Close()
			const depth = 4
			var batch []byte
			for i := range depth {
				batch = append(batch, s.ask(0, i)...)
			}
			for range 2000 {
				c.exchange(batch, depth)
			}
			// What is matched by key has the key as a text in the table of what is open.
			if got := testing.AllocsPerRun(1000, func() { c.exchange(batch, depth) }); got > float64(depth*s.keys) {
				t.Errorf("got %v allocations for %d exchanges, want %d", got, depth, depth*s.keys)
			}
		})
	}
}
