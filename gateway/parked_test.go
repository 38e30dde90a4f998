package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func patient(r *Route) {
	r.Wait = WaitConfig{On: true, After: 100 * time.Millisecond}
	r.Timeouts.Answer = 10 * time.Second
}

// A request that its client has given up hears nothing more, and above all nothing under the id of its successor.
func TestARequestThatWasGivenUpHearsNoWait(t *testing.T) {
	inPlant(t, func(r *Route) { patient(r); r.Backends[0].Window = 4 }, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 06 0001 0007")
		id := d.asked("06 0001 0007")
		time.Sleep(50 * time.Millisecond)
		c.frame("1 06 0002 0008")
		second := d.asked("06 0002 0008")
		time.Sleep(70 * time.Millisecond)
		c.silent()
		d.frame(id + " 06 0001 0007")
		c.silent()
		time.Sleep(30 * time.Millisecond)
		c.gets("1 86 05")
		d.frame(second + " 06 0002 0008")
		c.frame("2 06 0002 0008")
		c.gets("2 06 0002 0008")
		if n := w.counters(); n.Abandoned != 1 || n.Joined != 1 {
			t.Errorf("abandoned %d, joined %d; want 1 and 1", n.Abandoned, n.Joined)
		}
	})
}

// What its client has given up, or has left, before it has left for the device is not sent.
func TestWhatIsGivenUpWhileItWaitsIsNotSent(t *testing.T) {
	inPlant(t, nil, func(w *world, d *peer) {
		a, b, c := w.client(), w.client(), w.client()
		a.frame("1 06 0001 0001")
		b.frame("1 06 0002 0002")
		b.frame("1 06 0003 0003")
		c.frame("1 06 0004 0004")
		_ = c.conn.SetLinger(0)
		c.close()
		id := d.asked("06 0001 0001")
		d.frame(id + " 06 0001 0001")
		a.gets("1 06 0001 0001")
		id = d.asked("06 0003 0003")
		d.frame(id + " 06 0003 0003")
		b.gets("1 06 0003 0003")
		d.silent()
		if n := w.counters(); n.Abandoned != 2 {
			t.Errorf("abandoned: got %d, want 2", n.Abandoned)
		}
	})
}

// Requests that were given up count among those that a client has open: it is they that the backend works on.
func TestWhatIsGivenUpCountsInTheLimit(t *testing.T) {
	inPlant(t, func(r *Route) { r.Limits.InFlight, r.Backends[0].Window = 3, 3; r.Backends[0].Lane.Window = 3 }, func(w *world, d *peer) {
		c := w.client()
		for i := range 3 {
			c.frame(fmt.Sprintf("1 06 0001 %04x", i))
			d.asked(fmt.Sprintf("06 0001 %04x", i))
		}
		c.frame("1 06 0001 0003")
		c.gets("1 86 06")
		d.silent()
	})
}

// A client that does not read loses no result: it is not read either until there is room.
func TestAKeptResultWaitsForRoom(t *testing.T) {
	inPlant(t, func(r *Route) {
		patient(r)
		r.Limits.Frame, r.Limits.Queue, r.Limits.Strikes = 300, 600, 1<<20
	}, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 03 0000 007D")
		id := d.asked("03 0000 007D")
		c.gets("1 83 05")
		data := "03 FA " + strings.Repeat("01", 250)
		d.frame(id + " " + data)
		// It asks for what is refused and does not read the refusals: they fill the pipe and then its queue.
		go func() {
			for range 20_000 {
				if _, err := c.conn.Write(aduOf("5 63 00")); err != nil {
					return
				}
			}
			_, _ = c.conn.Write(aduOf("2 03 0000 007D"))
		}()
		synctest.Wait()
		for {
			a := c.adu()
			if a[1] == 2 {
				if got, want := fmt.Sprintf("%x", a), fmt.Sprintf("%x", aduOf("2 "+data)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				break
			}
		}
		c.silent()
	})
}

// The results that are kept for one client have a bound in bytes: what is beyond it is said to have failed.
func TestKeptResultsAreBounded(t *testing.T) {
	inPlant(t, func(r *Route) {
		patient(r)
		r.Limits.Frame, r.Limits.Queue = 300, 600
	}, func(w *world, d *peer) {
		c := w.client()
		data := "03 FA " + strings.Repeat("01", 250)
		for i := range 3 {
			c.frame(fmt.Sprintf("%d 03 000%d 007D", i, i))
			id := d.asked(fmt.Sprintf("03 000%d 007D", i))
			c.gets(fmt.Sprintf("%d 83 05", i))
			d.frame(id + " " + data)
		}
		for i, want := range []string{data, data, "83 04"} {
			c.frame(fmt.Sprintf("%d 03 000%d 007D", i+5, i))
			c.gets(fmt.Sprintf("%d %s", i+5, want))
		}
		if n := w.counters().Limits["parked"]; n != 1 {
			t.Errorf("limit parked: got %d, want 1", n)
		}
	})
}

// A client that has changed something is not told what it has read before.
func TestAWriteOutdatesTheReadsThatAreKept(t *testing.T) {
	inPlant(t, func(r *Route) { patient(r); r.Backends[0].Window = 4 }, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 03 0001 0001") // its result is kept
		id := d.asked("03 0001 0001")
		c.gets("1 83 05")
		d.frame(id + " 03 02 0000")
		c.frame("2 03 0001 0002") // this one's is still to come
		late := d.asked("03 0001 0002")
		c.gets("2 83 05")
		c.frame("3 06 0001 0007")
		id = d.asked("06 0001 0007")
		d.frame(id + " 06 0001 0007")
		c.gets("3 06 0001 0007")
		d.frame(late + " 03 04 0000 0000")
		c.frame("4 03 0001 0001")
		id = d.asked("03 0001 0001")
		d.frame(id + " 03 02 0007")
		c.gets("4 03 02 0007")
		c.frame("5 03 0001 0002")
		id = d.asked("03 0001 0002")
		d.frame(id + " 03 04 0007 0000")
		c.gets("5 03 04 0007 0000")
	})
}

// What is kept of a write outlives another one: to ask for it again must not carry it out again.
func TestAWriteOutdatesNoWrite(t *testing.T) {
	inPlant(t, patient, func(w *world, d *peer) {
		c := w.client()
		for i, pdu := range []string{"06 0001 0007", "06 0002 0008"} {
			c.frame(fmt.Sprintf("%d %s", i, pdu))
			id := d.asked(pdu)
			c.gets(fmt.Sprintf("%d 86 05", i))
			d.frame(id + " " + pdu)
		}
		c.frame("5 06 0001 0007")
		c.gets("5 06 0001 0007")
		c.frame("6 06 0002 0008")
		c.gets("6 06 0002 0008")
		d.silent()
	})
}

// A read that is put off after its client has asked for a change behind it is not kept: who asks again wants to know what is
// there after the change.
func TestWhatWasReadBeforeAChangeIsNotKept(t *testing.T) {
	inPlant(t, func(r *Route) { patient(r); r.Backends[0].Window = 1 }, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 03 0001 0001")
		c.frame("2 06 0001 0007")
		c.frame("3 03 0020 0001") // another read, behind the change: it is kept
		read := d.asked("03 0001 0001")
		time.Sleep(150 * time.Millisecond)
		c.gets("1 83 05")
		c.gets("2 86 05")
		c.gets("3 83 05")
		d.frame(read + " 03 02 0000")
		d.frame(d.asked("06 0001 0007") + " 06 0001 0007")
		d.frame(d.asked("03 0020 0001") + " 03 02 0005")
		c.frame("4 03 0020 0001")
		c.gets("4 03 02 0005")
		c.frame("5 03 0001 0001")
		d.frame(d.asked("03 0001 0001") + " 03 02 0007")
		c.gets("5 03 02 0007")
	})
}
