package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/modbus"
)

// inPlant is inWorld with a route that speaks Modbus to one device.
func inPlant(t *testing.T, change func(*Route), f func(w *world, device *peer)) {
	t.Helper()
	inWorld(t, func(r *Route) {
		codec, err := modbus.New(modbus.Options{}, protocol.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		r.Codec = codec
		r.Timeouts.Answer = time.Second
		if change != nil {
			change(r)
		}
	}, func(w *world) { f(w, w.backend()) })
}

// frame sends a frame of unit 1, or of another that stands before a slash: "tid pdu" or "unit/tid pdu" in hexadecimal digits.
func (p *peer) frame(text string) {
	p.t.Helper()
	if _, err := p.conn.Write(aduOf(text)); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	synctest.Wait()
}

func aduOf(text string) []byte {
	unit, rest, ok := strings.Cut(text, "/")
	if !ok {
		unit, rest = "1", text
	}
	var u, tid int
	id, digits, _ := strings.Cut(rest, " ")
	_, _ = fmt.Sscan(unit, &u)
	_, _ = fmt.Sscanf(id, "%x", &tid)
	pdu, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(tid))
	b = append(b, 0, 0, 0, byte(len(pdu)+1), byte(u))
	return append(b, pdu...)
}

// adu reads a frame.
func (p *peer) adu() []byte {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	head := make([]byte, 6)
	if _, err := io.ReadFull(p.r, head); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	rest := make([]byte, int(head[5]))
	if _, err := io.ReadFull(p.r, rest); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return append(head, rest...)
}

// gets reads a frame and compares it.
func (p *peer) gets(text string) {
	p.t.Helper()
	if got, want := p.adu(), aduOf(text); !bytes.Equal(got, want) {
		p.t.Fatalf("%s: got % x, want % x", p.name, got, want)
	}
}

// asked reads a frame at the device, whose unit and PDU must be these, and returns its transaction id.
func (p *peer) asked(pdu string) string {
	p.t.Helper()
	got, want := p.adu(), aduOf("0 "+pdu)
	if unit, rest, ok := strings.Cut(pdu, "/"); ok {
		want = aduOf(unit + "/0 " + rest)
	}
	if !bytes.Equal(got[2:], want[2:]) {
		p.t.Fatalf("%s: got % x, want % x", p.name, got[6:], want[6:])
	}
	return fmt.Sprintf("%x", got[:2])
}

// One frame at once: what comes meanwhile waits, in order, and leaves when an answer comes or its time is over.
func TestAWindowOfOne(t *testing.T) {
	inPlant(t, nil, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 06 0001 0007")
		b.frame("1 06 0002 0008")
		a.frame("2 03 0001 0001")
		id := d.asked("06 0001 0007")
		d.silent()
		d.frame(id + " 06 0001 0007")
		a.gets("1 06 0001 0007")
		d.asked("06 0002 0008")
		d.silent()
		time.Sleep(time.Second)
		b.gets("1 86 0B")
		id = d.asked("03 0001 0001")
		d.frame(id + " 03 02 0009")
		a.gets("2 03 02 0009")
	})
}

// What waits for its turn for too long was not forwarded, and hears that.
func TestWhatWaitsForTheWindowForTooLong(t *testing.T) {
	inPlant(t, func(r *Route) { r.Timeouts.Answer, r.Timeouts.Queue = 10*time.Second, 2*time.Second }, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 03 0001 0001")
		c.frame("2 03 0002 0001")
		id := d.asked("03 0001 0001")
		began := time.Now()
		c.gets("2 83 06")
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("it heard after %v, want 2s", waited)
		}
		d.frame(id + " 03 02 0005")
		c.gets("1 03 02 0005")
		d.silent()
	})
}

func TestPausesBetweenFrames(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Gap, r.Backends[0].Settle = 50*time.Millisecond, 300*time.Millisecond }, func(w *world, d *peer) {
		began := time.Now()
		c := w.client()
		for i := range 3 {
			c.frame(fmt.Sprintf("%x 03 000%d 0001", i, i))
		}
		for i, want := range []time.Duration{300, 350, 400} {
			id := d.asked(fmt.Sprintf("03 000%d 0001", i))
			if got := time.Since(began); got != want*time.Millisecond {
				t.Errorf("frame %d after %v, want %v", i, got, want*time.Millisecond)
			}
			d.frame(id + " 03 02 0000")
			c.gets(fmt.Sprintf("%x 03 02 0000", i))
		}
	})
}

// A device that has answered late has its pause after that too. So has one whose frame was written late, as the shard was busy.
func TestAPauseFollowsAnAnswer(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Gap = 50 * time.Millisecond }, func(w *world, d *peer) {
		began, c := time.Now(), w.client()
		c.frame("1 03 0001 0001")
		c.frame("2 03 0002 0001")
		id := d.asked("03 0001 0001")
		time.Sleep(120 * time.Millisecond)
		d.frame(id + " 03 02 0000")
		c.gets("1 03 02 0000")
		d.silent()
		d.asked("03 0002 0001")
		if got := time.Since(began); got != 170*time.Millisecond {
			t.Errorf("the second came after %v, want 170ms", got)
		}
	})
}

// merging has reads leave as one.
func merging(r *Route) {
	r.Backends[0].Merge = MergeConfig{On: true, Wait: 5 * time.Millisecond, Gap: 2}
	r.Backends[0].Share = true
}

func TestReadsSideBySideLeaveAsOne(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b, c, other := w.client(), w.client(), w.client(), w.client()
		a.frame("1 03 0010 0002")
		b.frame("1 03 0012 0001")
		c.frame("1 03 0010 0002")
		other.frame("1 03 0020 0001") // too far away
		id := d.asked("03 0010 0003")
		d.silent()
		d.frame(id + " 03 06 0A0B 0C0D 0E0F")
		a.gets("1 03 04 0A0B 0C0D")
		b.gets("1 03 02 0E0F")
		c.gets("1 03 04 0A0B 0C0D")
		id = d.asked("03 0020 0001")
		d.frame(id + " 03 02 0042")
		other.gets("1 03 02 0042")
		if n := w.counters(); n.Merged != 3 || n.Answered != 4 {
			t.Errorf("merged %d, answered %d; want 3 and 4", n.Merged, n.Answered)
		}
	})
}

func TestBitsAreSliced(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 01 0003 000A")
		b.frame("1 01 000D 0003")
		id := d.asked("01 0003 000D")
		d.frame(id + " 01 02 B5 13") // from the first: 1010 1101 1100 1
		a.gets("1 01 02 B5 03")
		b.gets("1 01 01 04")
	})
}

// A read must not be answered with what was there before a write that its client may know of.
func TestNoReadPassesAWrite(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 06 0010 0005")
		b.frame("2 03 0010 0001")
		id := d.asked("03 0010 0001")
		d.frame(id + " 03 02 0000")
		a.gets("1 03 02 0000")
		id = d.asked("06 0010 0005")
		d.frame(id + " 06 0010 0005")
		b.gets("1 06 0010 0005")
		id = d.asked("03 0010 0001")
		d.frame(id + " 03 02 0005")
		b.gets("2 03 02 0005")
	})
}

// Some devices refuse a range with holes: then each is asked for by itself, and next time at once.
func TestADeviceThatRefusesAMergedRange(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0012 0001")
		id := d.asked("03 0010 0003")
		d.frame(id + " 83 02")
		id = d.asked("03 0010 0001")
		d.frame(id + " 03 02 0001")
		a.gets("1 03 02 0001")
		id = d.asked("03 0012 0001")
		d.frame(id + " 83 02") // that one does not exist
		b.gets("1 83 02")

		a.frame("2 03 0010 0001")
		b.frame("2 03 0012 0001")
		id = d.asked("03 0010 0001")
		d.frame(id + " 03 02 0001")
		a.gets("2 03 02 0001")
		d.asked("03 0012 0001")
		if n := w.counters(); n.Parted != 1 {
			t.Errorf("parted: got %d, want 1", n.Parted)
		}
	})
}

func TestTheClientsOfAMergedReadHearThatItFailed(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0011 0001")
		d.asked("03 0010 0002")
		a.gets("1 83 0B")
		b.gets("1 83 0B")
		a.frame("2 03 0010 0001") // a device may say nothing because the range is too great for it
		b.frame("2 03 0011 0001")
		id := d.asked("03 0010 0001")
		d.frame(id + " 03 02 0001")
		a.gets("2 03 02 0001")
		id = d.asked("03 0011 0001")
		d.frame(id + " 03 02 0002")
		b.gets("2 03 02 0002")

		a.frame("3 03 0020 0001")
		b.frame("3 03 0021 0001")
		d.asked("03 0020 0002")
		d.close()
		a.gets("3 83 0B")
		b.gets("3 83 0B")
		if n := w.counters(); n.Expired != 2 || n.Failed != 2 || n.InFlight != 0 {
			t.Errorf("expired %d, failed %d, in flight %d; want 2, 2 and 0", n.Expired, n.Failed, n.InFlight)
		}
	})
}

// A client of a merged read that has left costs the others nothing.
func TestAClientOfAMergedReadLeaves(t *testing.T) {
	inPlant(t, merging, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("1 03 0010 0001")
		b.frame("1 03 0011 0001")
		id := d.asked("03 0010 0002")
		_ = a.conn.SetLinger(0)
		a.close()
		d.frame(id + " 03 04 0001 0002")
		b.gets("1 03 02 0002")
	})
}

// A unit that does not answer costs the others its timeouts, a few times, and then nothing for a while.
func TestADeadUnit(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Lane = LaneConfig{Failures: 2, Rest: 10 * time.Second} }, func(w *world, d *peer) {
		dead, other := w.client(), w.client()
		for i := range 2 {
			dead.frame(fmt.Sprintf("9/%x 03 0001 0001", i))
			d.asked("9/03 0001 0001")
			dead.gets(fmt.Sprintf("9/%x 83 0B", i))
		}
		began := time.Now()
		for i := range 3 {
			dead.frame(fmt.Sprintf("9/%x 03 0001 0001", i))
			dead.gets(fmt.Sprintf("9/%x 83 0A", i))
			other.frame(fmt.Sprintf("%x 03 0001 0001", i))
			id := d.asked("03 0001 0001")
			d.frame(id + " 03 02 0001")
			other.gets(fmt.Sprintf("%x 03 02 0001", i))
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a dead unit held things up for %v", waited)
		}
		time.Sleep(10 * time.Second)
		dead.frame("9/5 03 0001 0001") // tries it
		dead.frame("9/6 03 0001 0001") // waits for that
		id := d.asked("9/03 0001 0001")
		d.silent()
		d.frame("9/" + id + " 03 02 0001")
		dead.gets("9/5 03 02 0001")
		d.asked("9/03 0001 0001")
	})
}

// With a window for several, a unit that does not answer never has all of it.
func TestADeadUnitNeverHasTheWholeWindow(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Window = 4 }, func(w *world, d *peer) {
		dead, other := w.client(), w.client()
		for i := range 6 {
			dead.frame(fmt.Sprintf("9/%x 06 0001 000%d", i, i))
		}
		for i := range 3 {
			d.asked(fmt.Sprintf("9/06 0001 000%d", i))
		}
		d.silent()
		other.frame("1 03 0001 0001")
		id := d.asked("03 0001 0001")
		d.frame(id + " 03 02 0001")
		other.gets("1 03 02 0001")
	})
}

// TestFaultB13: the right id with another unit, another function or another shape is not believed, and neither is
// anything after it.
func TestFaultB13AnAnswerThatDoesNotFit(t *testing.T) {
	for name, answer := range map[string]string{
		"unit": "2/%s 03 02 0001", "function": "%s 04 02 0001", "count": "%s 03 04 0001 0002", "exception of another": "%s 84 02",
	} {
		t.Run(name, func(t *testing.T) {
			inPlant(t, nil, func(w *world, d *peer) {
				c, other := w.client(), w.client()
				c.frame("1 03 0001 0001")
				other.frame("1 03 0002 0001")
				id := d.asked("03 0001 0001")
				d.frame(fmt.Sprintf(answer, id))
				c.gets("1 83 0B")
				other.gets("1 83 06") // it had not left
				if got := d.line(); got != aborted {
					t.Errorf("the link: got %q", got)
				}
				if n := w.counters(); n.Misfits != 1 {
					t.Errorf("misfits: got %d, want 1", n.Misfits)
				}
			})
		})
	}
}

// TestFaultB14: a device that never gives the id back is served by order, one request at a time, and given up after one
// that it did not answer in time.
func TestFaultB14ASerialDevice(t *testing.T) {
	inPlant(t, func(r *Route) { r.Backends[0].Serial = true }, func(w *world, d *peer) {
		a, b := w.client(), w.client()
		a.frame("7 03 0001 0001")
		b.frame("7 03 0002 0001")
		d.asked("03 0001 0001")
		d.silent()
		d.frame("0 03 02 0001")
		a.gets("7 03 02 0001")
		d.asked("03 0002 0001")
		b.gets("7 83 0B")
		if got := d.line(); got != aborted {
			t.Errorf("the link: got %q", got)
		}
		d = w.backend()
		a.frame("8 03 0003 0001")
		d.asked("03 0003 0001")
		d.frame("0 03 02 0003")
		a.gets("8 03 02 0003")
	})
}

// A client that repeats an open request means the same one. One that uses its id for another has given it up.
func TestFaultB11ARepeatOnModbus(t *testing.T) {
	inPlant(t, nil, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 03 0001 0001")
		c.frame("1 03 0001 0001")
		id := d.asked("03 0001 0001")
		d.frame(id + " 03 02 0001")
		c.gets("1 03 02 0001")
		c.silent()
		d.silent()

		c.frame("2 03 0001 0001")
		id = d.asked("03 0001 0001")
		c.frame("2 03 0005 0001")
		d.frame(id + " 03 02 0001") // nobody's
		id = d.asked("03 0005 0001")
		c.silent()
		d.frame(id + " 03 02 0005")
		c.gets("2 03 02 0005")
		if n := w.counters(); n.Joined != 1 || n.Abandoned != 1 {
			t.Errorf("joined %d, abandoned %d; want 1 and 1", n.Joined, n.Abandoned)
		}
	})
}

// A wait notice that closes: the client asks again, hears the same until the result is there, and then that, once.
func TestAWaitNoticeThatCloses(t *testing.T) {
	inPlant(t, func(r *Route) {
		r.Wait = WaitConfig{On: true, After: 100 * time.Millisecond}
		r.Timeouts.Answer = 10 * time.Second
	}, func(w *world, d *peer) {
		c := w.client()
		c.frame("1 06 0001 0007")
		id := d.asked("06 0001 0007")
		c.gets("1 86 05")
		c.frame("2 06 0001 0007")
		c.gets("2 86 05")
		d.silent()
		d.frame(id + " 06 0001 0007")
		c.silent()
		c.frame("3 06 0001 0007")
		c.gets("3 06 0001 0007")
		c.frame("4 06 0001 0007") // another one
		id = d.asked("06 0001 0007")
		c.gets("4 86 05")
		d.frame(id + " 06 0001 0007")
		time.Sleep(time.Minute + time.Second)
		c.frame("5 06 0001 0007") // the result of that is gone
		d.asked("06 0001 0007")
		if n := w.counters(); n.Joined != 2 || n.Waits != 2 {
			t.Errorf("joined %d, waits %d; want 2 and 2", n.Joined, n.Waits)
		}
	})
}

// TestFaultB09: 65,536 requests open on one link. The next one hears that there is no room, and an id that has expired is
// not used again while its tombstone stands.
func TestFaultB09EveryTransactionIDIsOpen(t *testing.T) {
	const all = 1 << 16
	inPlant(t, func(r *Route) {
		r.Limits.InFlight, r.Limits.InFlightTotal, r.Limits.Tunnel = all, 2*all, 4<<20
		r.Backends[0].InFlight, r.Backends[0].Window, r.Backends[0].Lane.Window = all, all, all
		r.Backends[0].Lane.Failures = 2 * all
		r.Timeouts.Answer = 10 * time.Second
	}, func(w *world, d *peer) {
		ids := make(chan map[string]bool)
		go func() {
			seen := map[string]bool{}
			for range all {
				seen[string(d.adu()[:2])] = true
			}
			ids <- seen
		}()
		clients := [2]*peer{w.client(), w.client()}
		for _, c := range clients {
			var burst []byte
			for i := range all / 2 {
				burst = append(burst, aduOf(fmt.Sprintf("%x 03 0001 0001", i))...)
			}
			go func() { _, _ = c.conn.Write(burst) }()
		}
		if n := len(<-ids); n != all {
			t.Fatalf("%d different ids, want %d", n, all)
		}
		c := w.client()
		c.frame("1 03 0001 0001")
		c.gets("1 83 06")
		go func() { // each hears that its time was over
			for _, c := range clients {
				_, _ = io.CopyN(io.Discard, c.r, all/2*9)
			}
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		c.frame("2 03 0001 0001")
		c.gets("2 83 06") // every id is in quarantine
		time.Sleep(20 * time.Second)
		c.frame("3 03 0001 0001")
		id := d.asked("03 0001 0001")
		d.frame(id + " 03 02 0001")
		c.gets("3 03 02 0001")
	})
}
