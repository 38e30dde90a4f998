package faultproxy

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
)

// Fault is one thing that happens to a stream in one direction. Its functions make it:
// Delay, Slice, Bandwidth, ResetAfter, BlackAfter, StallAfter, Flip, SwallowFIN, and
// for whole frames DropFrames, DoubleFrames, ReorderFrames and DelayFrames. Of a reset,
// a black and a stall in one direction only the first one happens.
type Fault struct {
	kind     kind
	p        float64 // of each byte or frame
	on       float64 // share of connections spared, so that the zero value spares none
	from, to int64   // bytes
	n        int     // bytes, frames or bytes per second
	wait     time.Duration
	jitter   time.Duration
}

type kind uint8

const (
	delay kind = iota
	slice
	bandwidth
	resetAfter
	blackAfter
	stallAfter
	flip
	swallowFIN
	dropFrames
	doubleFrames
	reorderFrames
	delayFrames
	numKinds = iota
)

var kindNames = [numKinds]string{"delay", "slice", "bandwidth", "reset", "black", "stall", "flip", "swallow-fin",
	"drop-frames", "double-frames", "reorder-frames", "delay-frames"}

// framed is true of faults that concern whole frames.
func (k kind) framed() bool { return k >= dropFrames }

// Delay has every byte arrive later by d and up to jitter more. The order is kept.
func Delay(d, jitter time.Duration) Fault { return Fault{kind: delay, wait: d, jitter: jitter} }

// Slice cuts the stream into writes of mean bytes on average, 1 being byte for byte,
// with a pause between two of them.
func Slice(mean int, pause time.Duration) Fault {
	return Fault{kind: slice, n: max(mean, 1), wait: pause}
}

// Bandwidth lets through that many bytes per second.
func Bandwidth(perSecond int) Fault { return Fault{kind: bandwidth, n: max(perSecond, 1)} }

// ResetAfter resets both ends after a number of bytes that is drawn between from and
// to, both included. After no bytes means at once. What was just written may be lost.
func ResetAfter(from, to int64) Fault { return Fault{kind: resetAfter, from: from, to: max(from, to)} }

// BlackAfter has the direction go silent, as a host does that lost its power: after a
// number of bytes drawn between from and to, bytes are taken and never arrive, and
// neither does the end of the stream. The connection stays half-open until Close.
func BlackAfter(from, to int64) Fault { return Fault{kind: blackAfter, from: from, to: max(from, to)} }

// StallAfter is BlackAfter of a peer that lives and does not read: bytes are not taken
// either, but for a few reads that are under way, so that the sender's buffers fill.
func StallAfter(from, to int64) Fault { return Fault{kind: stallAfter, from: from, to: max(from, to)} }

// Flip turns one bit of each byte with probability p.
func Flip(p float64) Fault { return Fault{kind: flip, p: p} }

// SwallowFIN has the end of the stream, and a reset, not arrive.
func SwallowFIN() Fault { return Fault{kind: swallowFIN} }

// DropFrames loses each frame with probability p.
func DropFrames(p float64) Fault { return Fault{kind: dropFrames, p: p} }

// DoubleFrames sends each frame twice with probability p.
func DoubleFrames(p float64) Fault { return Fault{kind: doubleFrames, p: p} }

// ReorderFrames keeps each frame back with probability p, until 1 to window others
// have overtaken it, or hold has passed, or the stream ends. With a hold of 0 time does
// not matter, and a conversation in lockstep stops for ever.
func ReorderFrames(p float64, window int, hold time.Duration) Fault {
	return Fault{kind: reorderFrames, p: p, n: max(window, 1), wait: hold}
}

// DelayFrames has each frame, and with it all that comes after, wait for d and up to
// jitter more with probability p.
func DelayFrames(p float64, d, jitter time.Duration) Fault {
	return Fault{kind: delayFrames, p: p, wait: d, jitter: jitter}
}

// On returns f for a share p of the connections; the others are spared.
func (f Fault) On(p float64) Fault {
	f.on = 1 - p
	return f
}

// String returns f's name and numbers, as String of Proxy prints them.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(kindNames[f.kind])
	if f.p != 0 {
		fmt.Fprintf(&b, " p=%g", f.p)
	}
	if f.from != 0 || f.to != 0 {
		fmt.Fprintf(&b, " after=%d..%d", f.from, f.to)
	}
	if f.n != 0 {
		fmt.Fprintf(&b, " n=%d", f.n)
	}
	if f.wait != 0 || f.jitter != 0 {
		fmt.Fprintf(&b, " wait=%v+%v", f.wait, f.jitter)
	}
	if f.on != 0 {
		fmt.Fprintf(&b, " on=%g", 1-f.on)
	}
	return b.String()
}

// plan is the faults of one direction of one connection.
type plan struct {
	faults []planned
	counts *counts
}

type planned struct {
	Fault
	key uint64
	off int64 // where a fault that happens once happens
}

// newPlan chooses among faults for direction dir of connection n.
func newPlan(seed, n uint64, dir direction, faults []Fault, counts *counts) plan {
	pl := plan{counts: counts}
	for i, f := range faults {
		d := planned{Fault: f, key: mix(mix(mix(seed, n), uint64(dir)), uint64(i))}
		if chance(d.draw(-1)) < f.on {
			continue
		}
		d.off = f.from + int64(d.draw(-2)%uint64(f.to-f.from+1))
		pl.faults = append(pl.faults, d)
	}
	return pl
}

// has is true if there is a fault of kind k.
func (pl *plan) has(k kind) bool {
	for i := range pl.faults {
		if pl.faults[i].kind == k {
			return true
		}
	}
	return false
}

// once returns the first fault that ends the stream, and where; it is false if none does.
func (pl *plan) once() (k kind, off int64, ok bool) {
	off = math.MaxInt64
	for i := range pl.faults {
		switch f := &pl.faults[i]; f.kind {
		case resetAfter, blackAfter, stallAfter:
			if f.off < off {
				k, off, ok = f.kind, f.off, true
			}
		}
	}
	return k, off, ok
}

// frame decides about frame number n: how many times it is sent, how many frames
// overtake it, if any, for how long at most, and how long it waits in its place.
func (pl *plan) frame(n int64) (copies, overtaken int, hold, wait time.Duration) {
	copies = 1
	for i := range pl.faults {
		f := &pl.faults[i]
		if !f.kind.framed() || chance(f.draw(n)) >= f.p {
			continue
		}
		pl.counts.add(f.kind)
		switch f.kind {
		case dropFrames:
			copies = 0
		case doubleFrames:
			copies *= 2
		case reorderFrames:
			overtaken, hold = 1+int(mix(f.draw(n), 1)%uint64(f.n)), f.wait
		case delayFrames:
			wait += f.between(n)
		}
	}
	return copies, overtaken, hold, wait
}

// delay returns how much later the byte at off arrives.
func (pl *plan) delay(off int64) (d time.Duration) {
	for i := range pl.faults {
		if f := &pl.faults[i]; f.kind == delay {
			pl.counts.add(delay)
			d += f.between(off)
		}
	}
	return d
}

// cut returns how many bytes of data, which stands at off, go into one write, and how
// long to pause after it if there are more.
func (pl *plan) cut(off int64, data []byte) (n int, pause time.Duration) {
	n = len(data)
	for i := range pl.faults {
		f := &pl.faults[i]
		if f.kind != slice {
			continue
		}
		for j := range n - 1 {
			if f.draw(off+int64(j))%uint64(f.n) == 0 {
				n, pause = j+1, f.wait
				pl.counts.add(slice)
				break
			}
		}
	}
	return n, pause
}

// step returns how many bytes may be written at once, given the bandwidth.
func (pl *plan) step() int {
	most := math.MaxInt
	for i := range pl.faults {
		if f := &pl.faults[i]; f.kind == bandwidth {
			most = min(most, max(f.n/100, 1)) // a hundred steps in a second
		}
	}
	return most
}

// takes returns how long n bytes take, given the bandwidth.
func (pl *plan) takes(n int) (d time.Duration) {
	for i := range pl.faults {
		if f := &pl.faults[i]; f.kind == bandwidth {
			pl.counts.add(bandwidth)
			d = max(d, time.Duration(float64(n)/float64(f.n)*float64(time.Second)))
		}
	}
	return d
}

// flip turns bits of data, which stands at off.
func (pl *plan) flip(off int64, data []byte) {
	for i := range pl.faults {
		f := &pl.faults[i]
		if f.kind != flip {
			continue
		}
		for j := range data {
			if d := f.draw(off + int64(j)); chance(d) < f.p {
				data[j] ^= 1 << (mix(d, 1) % 8)
				pl.counts.add(flip)
			}
		}
	}
}

// between returns the wait at place n.
func (f *planned) between(n int64) time.Duration {
	return f.wait + time.Duration(chance(mix(f.draw(n), 2))*float64(f.jitter))
}

// draw returns the random number of place n.
func (f *planned) draw(n int64) uint64 { return mix(f.key, uint64(n)) }

// chance returns a number from 0 up to, and without, 1.
func chance(n uint64) float64 { return float64(n>>11) / (1 << 53) }

// mix returns a number that looks random and depends on a and b alone (SplitMix64).
func mix(a, b uint64) uint64 {
	x := a ^ (b+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// counts is how often each kind of fault has happened.
type counts [numKinds]atomic.Int64

func (c *counts) add(k kind) { c[k].Add(1) }

func (c *counts) of(name string) int {
	for k, n := range kindNames {
		if n == name {
			return int(c[k].Load())
		}
	}
	return 0
}
