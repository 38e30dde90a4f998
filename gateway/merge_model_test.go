package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestMergeModel has clients read and write through a gateway that merges, shares, waits, lets units rest and joins repeats;
// the device answers in its own time, refuses, says nothing, or is lost. Each answer has what its own request asked for, each
// request is answered once, and who reads what he has written sees that or what came later.
func TestMergeModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := BackendConfig{Name: "b", Connections: 1, Share: rapid.Bool().Draw(rt, "share"), InFlight: rapid.SampledFrom([]int{3, 1000}).Draw(rt, "in flight"),
			Merge: MergeConfig{On: rapid.Bool().Draw(rt, "merge"), Wait: time.Duration(rapid.IntRange(0, 3).Draw(rt, "wait")) * time.Millisecond,
				Gap: rapid.IntRange(0, 3).Draw(rt, "gap")},
			Gap:  time.Duration(rapid.IntRange(0, 1).Draw(rt, "pause")) * 5 * time.Millisecond,
			Lane: LaneConfig{Failures: rapid.IntRange(1, 4).Draw(rt, "failures"), Rest: 2 * time.Second}}
		if b.Serial = rapid.IntRange(0, 3).Draw(rt, "serial") == 0; !b.Serial {
			b.Window = rapid.IntRange(1, 3).Draw(rt, "window")
		}
		var wait WaitConfig
		if rapid.IntRange(0, 3).Draw(rt, "closing") == 0 {
			wait = WaitConfig{On: true, After: 300 * time.Millisecond}
		}
		var failure any // a failure is a panic, which must not end a goroutine of the bubble
		inPlant(t, func(r *Route) {
			r.Backends[0], r.Wait = b, wait
		}, func(w *world, d *peer) {
			defer func() { failure = recover() }()
			m := &mergeModel{T: rt, w: w, holds: b.InFlight < 1000, stale: map[int]string{}, device: &slowDevice{t: rt, peer: d, values: map[int]int{}, done: map[int]bool{}}}
			for i := range 3 {
				m.clients = append(m.clients, &mergeClient{model: m, n: i, peer: w.client(), open: map[int]mergeRequest{}, maybe: map[int]mergeRequest{}})
			}
			rt.Repeat(map[string]func(*rapid.T){
				"ask": m.ask, "ask ": m.ask, "ask  ": m.ask, "repeat": m.repeat, "give up": m.giveUp,
				"device": m.step, "device ": m.step, "device  ": m.step, "lose": m.lose, "time": m.pass, "": m.check,
			})
			for range 30 { // a client that is held is read on as its requests are answered, or their time is over
				for range 100 {
					m.device.step(rt)
				}
				time.Sleep(10 * time.Second)
				m.check(rt)
			}
			for _, c := range m.clients {
				if len(c.open) > 0 {
					rt.Fatalf("never answered: %v", c.open)
				}
			}
			for value, text := range m.stale {
				if m.device.done[value] {
					rt.Fatal(text)
				}
			}
			if n := w.counters(); n.InFlight != 0 || n.Queued != 0 {
				rt.Fatalf("in flight %d, queued %d", n.InFlight, n.Queued)
			}
		})
		if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
			panic(failure) // from a place of its own: rapid tells failures apart by that
		}
		if failure != nil {
			panic(failure)
		}
	})
}

type mergeModel struct {
	*rapid.T
	w       *world
	clients []*mergeClient
	device  *slowDevice
	nonce   int
	holds   bool           // clients are not always read at once
	stale   map[int]string // what somebody has read who had written this value before: it must never be carried out
}

// mergeClient writes to a register that is its own, greater values each time.
type mergeClient struct {
	model *mergeModel
	n     int
	peer  *peer
	tid   int
	open  map[int]mergeRequest // by transaction id
	maybe map[int]mergeRequest // may be answered once more
	wrote [2]int               // to its register of each unit, last
}

type mergeRequest struct {
	adu      []byte
	wrote    int    // to its client's own register, by then
	repeated bool   // it was sent again
	givenUp  []byte // the request that had the id before
}

// fits reports whether a answers adu, as far as unit and function say.
func fits(a, adu []byte) bool { return adu != nil && a[6] == adu[6] && a[7]&0x7f == adu[7] }

// own is where the register of client n stands.
func own(n int) int { return 10 + n }

func (m *mergeModel) ask(t *rapid.T) {
	c := rapid.SampledFrom(m.clients).Draw(t, "client")
	c.tid++
	c.send(t, c.tid, rapid.IntRange(1, 2).Draw(t, "unit"))
}

// send asks something new under tid.
func (c *mergeClient) send(t *rapid.T, tid, unit int) {
	q := mergeRequest{wrote: c.wrote[unit-1], givenUp: c.open[tid].adu}
	if rapid.IntRange(0, 3).Draw(t, "writes") == 0 {
		c.model.nonce++
		c.wrote[unit-1] = c.model.nonce
		q.adu = aduOf(fmt.Sprintf("%d/%x 06 %04x %04x", unit, tid, own(c.n), c.model.nonce))
	} else {
		first := rapid.IntRange(7, 14).Draw(t, "first")
		q.adu = aduOf(fmt.Sprintf("%d/%x 03 %04x %04x", unit, tid, first, rapid.IntRange(1, 6).Draw(t, "n")))
	}
	c.put(q.adu)
	c.open[tid] = q
}

func (c *mergeClient) put(adu []byte) {
	_, _ = c.peer.conn.Write(adu)
	synctest.Wait()
}

// one draws a client that has something open, and which.
func (m *mergeModel) one(t *rapid.T) (*mergeClient, int) {
	m.check(t)
	c := rapid.SampledFrom(m.clients).Draw(t, "client")
	for tid := range c.tid + 1 {
		if _, ok := c.open[tid]; ok {
			return c, tid
		}
	}
	t.Skip()
	return nil, 0
}

func (m *mergeModel) repeat(t *rapid.T) {
	c, tid := m.one(t)
	q := c.open[tid]
	if m.holds && (q.repeated || q.adu[7] == 6) {
		t.Skip() // a repeat that is read when the first was answered is a new request
	}
	q.repeated = true
	c.open[tid] = q
	c.put(q.adu)
}

// giveUp uses the id of an open request for another one, of the other unit, so that their answers can be told apart.
func (m *mergeModel) giveUp(t *rapid.T) {
	c, tid := m.one(t)
	if q := c.open[tid]; q.givenUp == nil && !q.repeated {
		c.send(t, tid, 3-int(q.adu[6]))
	}
}

func (m *mergeModel) step(t *rapid.T) { m.device.step(t) }

func (m *mergeModel) lose(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip()
	}
	_ = m.device.peer.conn.Close()
	synctest.Wait()
	time.Sleep(time.Second)
}

func (m *mergeModel) pass(t *rapid.T) {
	time.Sleep(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
}

// check reads what has come.
func (m *mergeModel) check(t *rapid.T) {
	synctest.Wait()
	for len(m.w.dials) > 0 {
		m.device.peer, m.device.open = <-m.w.dials, nil
	}
	for _, c := range m.clients {
		for {
			_ = c.peer.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
			if _, err := c.peer.r.Peek(1); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("client %d: %v", c.n, err)
				}
				break
			}
			c.hear(t, c.peer.adu())
		}
	}
}

// hear holds an answer against its request.
func (c *mergeClient) hear(t *rapid.T, a []byte) {
	tid := int(binary.BigEndian.Uint16(a))
	q, ok := c.open[tid]
	if !ok {
		if q, ok = c.maybe[tid]; !ok {
			t.Fatalf("an answer that nobody waits for: % x", a)
		}
		delete(c.maybe, tid)
	}
	switch {
	case fits(a, q.adu):
	case c.model.holds && fits(a, q.givenUp):
		return // it was answered before the gateway had read that it is given up
	default:
		t.Fatalf("% x is no answer to % x", a, q.adu)
	}
	delete(c.open, tid)
	if q.repeated && c.model.holds {
		q.repeated = false
		c.maybe[tid] = q // it may have been answered before the gateway had read that it is repeated
	}
	if a[7] >= 0x80 {
		return
	}
	if q.adu[7] == 6 {
		if !bytes.Equal(a[7:], q.adu[7:]) {
			t.Fatalf("% x is no answer to % x", a, q.adu)
		}
		return
	}
	first, n := int(binary.BigEndian.Uint16(q.adu[8:])), int(binary.BigEndian.Uint16(q.adu[10:]))
	if len(a) != 9+2*n {
		t.Fatalf("% x is no answer to % x", a, q.adu)
	}
	for i := range n {
		got := int(binary.BigEndian.Uint16(a[9+2*i:]))
		switch addr := first + i; {
		case addr < own(0) || addr > own(2):
			if want := int(q.adu[6])<<8 | addr; got != want {
				t.Fatalf("% x has %x for register %d, want %x", a, got, addr, want)
			}
		case addr == own(c.n) && got < q.wrote:
			c.model.stale[q.wrote] = fmt.Sprintf("% x has %d for what was %d before", a, got, q.wrote)
		}
	}
}

// slowDevice carries out what it is asked when that comes, and answers some of it, in any order.
type slowDevice struct {
	t      *rapid.T
	peer   *peer
	open   [][]byte     // answers
	values map[int]int  // of the registers that are written
	done   map[int]bool // values that were written
}

func (d *slowDevice) step(t *rapid.T) {
	for d.peer.waits() > 0 {
		d.carryOut(t, d.peer.adu())
	}
	if len(d.open) == 0 {
		return
	}
	i := rapid.IntRange(0, len(d.open)-1).Draw(t, "answers")
	out := d.open[i]
	d.open = append(d.open[:i], d.open[i+1:]...)
	if rapid.IntRange(0, 9).Draw(t, "silent") > 0 {
		_, _ = d.peer.conn.Write(out)
		synctest.Wait()
	}
}

func (d *slowDevice) carryOut(t *rapid.T, q []byte) {
	out := append([]byte(nil), q[:7]...)
	unit, first, n := int(q[6]), int(binary.BigEndian.Uint16(q[8:])), int(binary.BigEndian.Uint16(q[10:]))
	switch how := rapid.IntRange(0, 9).Draw(t, "how"); {
	case how == 0, how == 1 && n > 4:
		out = append(out, q[7]|0x80, 2)
	case q[7] == 6:
		if d.done[n] {
			t.Fatalf("% x was carried out before", q)
		}
		d.values[unit<<16|first], d.done[n] = n, true
		out = append(out, q[7:]...)
	default:
		out = append(out, q[7], byte(2*n))
		for addr := first; addr < first+n; addr++ {
			v := unit<<8 | addr
			if addr >= own(0) && addr <= own(2) {
				v = d.values[unit<<16|addr]
			}
			out = binary.BigEndian.AppendUint16(out, uint16(v))
		}
	}
	out[5] = byte(len(out) - 6)
	d.open = append(d.open, out)
}
