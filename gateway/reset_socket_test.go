package gateway

import (
	"net"
	"strings"
	"testing"
	"time"
)

func (c talk) reset() {
	c.Helper()
	if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		c.Fatal(err)
	}
	_ = c.Close()
}

// A reset in the middle of a frame, on either side, costs what was open there and nothing else. A notice before an end is read
// by a client that goes on sending.
func TestFaultC11Resets(t *testing.T) {
	h := newHost(t)
	r := plainRoute("r", "1", h.config())
	r.Backends[0].Backoff = Backoff{Min: time.Millisecond, Max: time.Millisecond}
	g := reloading(t, r)
	b, other := h.accept(), call(t, g.Addr("r"))

	half := call(t, g.Addr("r"))
	_, _ = half.Write([]byte("Q 1 hal"))
	waitFor(t, func() bool { return g.Snapshot().Routes[0].Clients == 2 })
	half.reset()
	waitFor(t, func() bool { s := g.Snapshot().Routes[0]; return s.Clients == 1 && s.Counters.Truncated == 1 })

	after := call(t, g.Addr("r")) // right after it was answered
	after.send("Q 1 x")
	b.answers(1)
	after.expect("A 1 x")
	after.reset()
	waitFor(t, func() bool { return g.Snapshot().Routes[0].Clients == 1 })

	gone := call(t, g.Addr("r")) // with a request open
	gone.send("Q 1 gone")
	other.send("Q 1 y")
	first, second := b.line(), b.line()
	gone.reset()
	waitFor(t, func() bool { return g.Snapshot().Routes[0].Clients == 1 })
	b.send("A" + first[1:])
	b.send("A" + second[1:])
	other.expect("A 1 y")

	other.send("Q 2 z") // the backend resets in the middle of its answer
	line := b.line()
	_, _ = b.Write([]byte("A" + line[1:4]))
	b.reset()
	other.expect("! 2 failed backend-lost unknown")
	b = h.accept()
	other.send("Q 3 z")
	b.answers(1)
	other.expect("A 3 z")

	loud := call(t, g.Addr("r")) // what ends it is said, though it does not stop
	if _, err := loud.Write([]byte("Q 1 " + strings.Repeat("x", 1<<20) + "\n")); err != nil {
		t.Fatal(err)
	}
	if got := loud.line(); !strings.Contains(got, "fix too-large") {
		t.Errorf("got %q, want why it ends", got)
	}
	loud.expect("")
	if c := g.Snapshot().Routes[0].Counters; c.InFlight != 0 || c.Abandoned != 1 || c.Failed != 1 {
		t.Errorf("got %+v", c)
	}
}
