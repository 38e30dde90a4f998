package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/modbus"
)

// windowed has the world's only backend take n frames at once.
func windowed(n int) func(*Route) {
	return func(r *Route) { r.Backends[0].Window, r.Timeouts.Answer = n, time.Second }
}

// looking is Modbus with a look at what is going on when a merged read is encoded for the device.
type looking struct {
	*modbus.Codec
	look func()
}

func (c *looking) AppendRead(dst []byte, r protocol.Range, id protocol.ID) ([]byte, error) {
	if len(id) > 0 {
		c.look()
	}
	return c.Codec.AppendRead(dst, r, id)
}

// An answer may come as soon as its exchange is in the Ledger, before the goroutine that sends the request goes on. By then
// everybody must know whose answer it is.
func TestWhoTakesAMergedReadFindsAllOfIt(t *testing.T) {
	codec := &looking{}
	inPlant(t, func(r *Route) {
		merging(r)
		codec.Codec = r.Codec.(*modbus.Codec)
		r.Codec = codec
	}, func(w *world, d *peer) {
		looks := 0
		codec.look = func() {
			l := w.g.routes[0].pools[0].ready[0].ledger
			l.mu.Lock()
			defer l.mu.Unlock()
			x := l.slots[l.first].x
			if x.party == nil || len(x.party.members) != 2 || x.to == 0 {
				t.Errorf("it has the party %v and stands at %d", x.party, x.to)
			}
			looks++
		}
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0011 0001")
		id := d.asked("03 0010 0002")
		d.frame(id + " 03 04 0001 0002")
		a.gets("1 03 02 0001")
		b.gets("1 03 02 0002")
		if looks == 0 {
			t.Error("no look was taken")
		}
	})
}

// An answer that comes before its frame has left costs the connection, and every client of the frame hears that.
func TestFaultB16AnAnswerBeforeAMergedReadWasSent(t *testing.T) {
	inPlant(t, func(r *Route) {
		merging(r)
		r.Backends[0].Window, r.Backends[0].InFlight, r.Backends[0].Lane.Window = 2000, 2000, 2000
		r.Limits.InFlight = 2000
		r.Limits.Tunnel = 256 << 10
		r.Timeouts.Answer = time.Hour
	}, func(w *world, d *peer) {
		c := w.client()
		var first string
		for i := range 1000 { // more than a device that does not read takes
			_, _ = c.conn.Write(aduOf(fmt.Sprintf("%x 10 0000 007B F6 %s", i, strings.Repeat("00", 246))))
		}
		synctest.Wait()
		first = fmt.Sprintf("%x", d.adu()[:2])
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0011 0001")
		time.Sleep(10 * time.Millisecond) // longer than they wait for others
		synctest.Wait()
		var n int
		_, _ = fmt.Sscanf(first, "%x", &n)
		d.frame(fmt.Sprintf("%x 03 04 0001 0002", (n+1000)&0xffff))
		a.gets("1 83 04")
		b.gets("1 83 04")
	})
}

// A backend that names no request in its error has answered all that is out, if that went as one frame: the next may leave.
func TestARefusalWithoutAnIDOpensTheWindow(t *testing.T) {
	inWorld(t, windowed(1), func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x", "Q 2 y")
		b.request()
		b.send("E - what?")
		c.expect("! 1 failed bad-answer")
		ticket, text := b.request()
		if text != "y" {
			t.Fatalf("got %q", text)
		}
		b.send("A " + ticket + " z")
		c.expect("A 2 z")
	})
}

// Where pairing is by key the key is open while its request waits, and until it is answered.
func TestAWindowInModeKey(t *testing.T) {
	inWorld(t, func(r *Route) {
		windowed(1)(r)
		r.Mode = new(protocol.Key)
	}, func(w *world) {
		b, c, other := w.backend(), w.client(), w.client()
		c.send("Q k1 x", "Q k2 y")
		other.send("Q k1 x")
		other.expect("! k1 duplicate still-open")
		other.send("Q k2 x")
		other.expect("! k2 duplicate still-open")
		b.expect("Q k1 x")
		b.silent()
		b.send("A k1 1")
		b.expect("Q k2 y")
		b.send("A k2 2")
		c.expect("A k1 1", "A k2 2")
		other.send("Q k1 x")
		b.expect("Q k1 x")
	})
}

// A protocol without lanes has all of the window, however long the backend takes.
func TestAWindowOfAProtocolWithoutLanes(t *testing.T) {
	inWorld(t, windowed(4), func(w *world) {
		b, c := w.backend(), w.client()
		for i := range 4 {
			c.send(fmt.Sprintf("Q %d x", i))
			b.request()
		}
		for i := range 4 {
			c.expect(fmt.Sprintf("! %d failed answer-timeout unknown", i))
		}
		c.send("Q 5 y")
		ticket, _ := b.request()
		b.send("A " + ticket + " z")
		c.expect("A 5 z")
	})
}

// What is not answered keeps its place behind what came before it.
func TestAOneWayMessagePassesNothing(t *testing.T) {
	inWorld(t, func(r *Route) {
		windowed(1)(r)
		r.Timeouts.Queue = 500 * time.Millisecond
		r.Backends[0].Gap = 20 * time.Millisecond
	}, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 a", "Q 2 b", "N c", "N d", "Q 3 e")
		ticket, _ := b.request()
		b.silent()
		b.send("A " + ticket + " 1")
		began := time.Now()
		if ticket, text := b.request(); text == "b" {
			b.send("A " + ticket + " 2")
		}
		b.expect("N c", "N d")
		if ticket, text := b.request(); text == "e" {
			b.send("A " + ticket + " 3")
		}
		if took := time.Since(began); took.Round(time.Millisecond) != 80*time.Millisecond {
			t.Errorf("four frames after %v, want 80ms", took)
		}
		c.expect("A 1 1", "A 2 2", "A 3 3")

		c.send("Q 4 f", "N late")
		b.request()
		time.Sleep(time.Second) // longer than it may wait
		c.expect("! 4 failed answer-timeout unknown")
		b.silent()
		c.send("Q 5 g", "N lost")
		b.request()
		b.close()
		c.expect("! 5 failed backend-lost unknown")
	})
}

// What is carried is one of the frames of the window.
func TestACarriedRequestCountsInTheWindow(t *testing.T) {
	inWorld(t, func(r *Route) {
		windowed(1)(r)
		r.Codec = newPlain(func(tr *protocol.Traits) { tr.Carries = true })
		r.Limits.Inline = 100
	}, func(w *world) {
		b, c := w.backend(), w.client()
		for i := range 3 {
			c.send(fmt.Sprintf("Q %d x @200", i) + "\n" + strings.Repeat("y", 199))
			ticket, _ := b.request()
			b.expect(strings.Repeat("y", 199))
			b.send("A " + ticket + " z")
			c.expect(fmt.Sprintf("A %d z", i))
		}
		c.send("Q 7 x", "Q 8 x")
		b.request()
		b.silent()
	})
}

// What has waited the longest is over first, also where reads that are asked for again stand before it.
func TestTheTimeOfWhatWaitsBehindAPartedRead(t *testing.T) {
	inPlant(t, func(r *Route) {
		merging(r)
		r.Timeouts.Answer, r.Timeouts.Queue = time.Minute, 5*time.Second
	}, func(w *world, d *peer) {
		a, b, c := w.client(), w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0011 0001")
		id := d.asked("03 0010 0002")
		began := time.Now()
		c.frame("1 06 0010 0001")
		time.Sleep(4 * time.Second)
		d.frame(id + " 83 02")
		d.asked("03 0010 0001")
		c.gets("1 86 06")
		if waited := time.Since(began); waited != 5*time.Second {
			t.Errorf("it heard after %v, want 5s", waited)
		}
		b.gets("1 83 06")
		if waited := time.Since(began); waited != 9*time.Second {
			t.Errorf("the read that was asked for again: after %v, want 9s", waited)
		}
	})
}

// Two clients that want the same of a range that was refused are still answered with one request.
func TestTheSameReadsOfARefusedRange(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b, c := w.client(), w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0012 0001")
		c.frame("1 03 0010 0001")
		id := d.asked("03 0010 0003")
		d.frame(id + " 83 02")
		id = d.asked("03 0010 0001")
		d.frame(id + " 03 02 0001")
		a.gets("1 03 02 0001")
		c.gets("1 03 02 0001")
		id = d.asked("03 0012 0001")
		d.frame(id + " 83 02")
		b.gets("1 83 02")
	})
}

// A read within one that was refused as a whole is asked for by itself from then on, and merged again after a while.
func TestARefusedRangeIsForgottenAfterAWhile(t *testing.T) {
	inPlant(t, func(r *Route) { merging(r); r.Timeouts.Idle = -1 }, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		ask := func(tid int) {
			a.frame(fmt.Sprintf("%x 03 0010 0004", tid))
			b.frame(fmt.Sprintf("%x 03 0011 0001", tid))
		}
		apart := func(tid int) {
			id := d.asked("03 0010 0004")
			d.frame(id + " 83 02")
			a.gets(fmt.Sprintf("%x 83 02", tid))
			id = d.asked("03 0011 0001")
			d.frame(id + " 03 02 0007")
			b.gets(fmt.Sprintf("%x 03 02 0007", tid))
		}
		ask(1)
		id := d.asked("03 0010 0004")
		d.frame(id + " 83 02")
		apart(1)
		ask(2)
		apart(2)
		if n := w.counters(); n.Parted != 1 {
			t.Errorf("parted: got %d, want 1", n.Parted)
		}
		time.Sleep(apartRest)
		ask(3)
		id = d.asked("03 0010 0004")
		d.frame(id + " 03 08 0001 0002 0003 0004")
		a.gets("3 03 08 0001 0002 0003 0004")
		b.gets("3 03 02 0002")
	})
}

// A backend that does not read takes what its buffer has room for; the rest leaves when it reads, or its time is over.
func TestADispatchWithoutRoom(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Backends[0].Window, r.Backends[0].InFlight, r.Limits.InFlight = 400, 400, 400
		r.Limits.Tunnel = 4 << 10
		r.Timeouts.Queue, r.Timeouts.Answer = time.Minute, time.Hour
	}, func(w *world) {
		b, c := w.backend(), w.client()
		text := strings.Repeat("x", 900)
		go func() { // the client is held when nothing has room any more
			for i := range 200 {
				_, _ = fmt.Fprintf(c.conn, "Q %d %s\n", i, text)
			}
		}()
		time.Sleep(time.Second)
		for i := range 200 {
			ticket, got := b.request()
			if got != text {
				t.Fatalf("request %d has %d bytes", i, len(got))
			}
			b.send("A " + ticket + " y")
			c.expect(fmt.Sprintf("A %d y", i))
		}
	})
}
