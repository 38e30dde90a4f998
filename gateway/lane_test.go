package gateway

import (
	"strings"
	"testing"
	"time"
)

// The requests of a unit that rests do not wait for the others.
func TestAUnitThatRestsIsRefusedWhileTheWindowIsFull(t *testing.T) {
	inPlant(t, func(r *Route) {
		r.Backends[0].Lane = LaneConfig{Failures: 1, Rest: 10 * time.Second}
		r.Timeouts.Answer = 4 * time.Second
	}, func(w *world, d *peer) {
		dead, other := w.client(), w.client()
		dead.frame("9/1 03 0001 0001")
		d.asked("9/03 0001 0001")
		dead.gets("9/1 83 0B")
		other.frame("1 06 0001 0001")
		d.asked("06 0001 0001")
		began := time.Now()
		dead.frame("9/2 03 0001 0001")
		dead.gets("9/2 83 0A")
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it heard after %v, want at once", waited)
		}
		if n := w.counters().Limits["lane"]; n != 1 {
			t.Errorf("limit lane: got %d, want 1", n)
		}
	})
}

// With a window of two a unit that does not answer has one of them.
func TestADeadUnitHasHalfOfAWindowOfTwo(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Window = 2 }, func(w *world, d *peer) {
		dead, other := w.client(), w.client()
		dead.frame("9/1 06 0001 0001")
		dead.frame("9/2 06 0001 0002")
		d.asked("9/06 0001 0001")
		d.silent()
		other.frame("1 03 0001 0001")
		id := d.asked("03 0001 0001")
		d.frame(id + " 03 02 0001")
		other.gets("1 03 02 0001")
	})
}

func TestLanesOfAProtocolWithoutAreRefused(t *testing.T) {
	c := Config{Routes: []Route{{Name: "r", Listen: "127.0.0.1:0", Codec: newPlain(),
		Backends: []BackendConfig{{Address: "127.0.0.1:1", Lane: LaneConfig{Failures: 2}}}}}}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "routes[0].backends[0].lane: plain has no parts") {
		t.Errorf("got %v", err)
	}
}
