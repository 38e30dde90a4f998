package tunnel

import (
	"bytes"
	"io"
	"testing"
)

// offsets are the twenty places at which a stream of n bytes is broken off.
func offsets(n int) (list []int) {
	for i := range 20 {
		list = append(list, i*n/19)
	}
	return list
}

// breakOff has the peer reset its connection.
func breakOff(far peer) {
	_ = far.SetLinger(0)
	_ = far.Close()
}

// TestP11ABrokenOneWayIsNeverASuccess breaks the source off, and then the target, at each of twenty offsets.
func TestP11ABrokenOneWayIsNeverASuccess(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const n = 20_000
		for _, at := range offsets(n) {
			for _, side := range []string{"source", "target"} {
				way, out := b.target(1000)
				way.CloseSource, way.CloseTarget = true, true
				c := newCarrier(way, -1)
				_, in := c.start(b)
				want := pattern(n)
				go feedIn(in, want[:at], 997, false)
				sees(b, out, want[:at])
				broken, left := in, out
				if side == "target" {
					broken, left = out, in
				}
				breakOff(broken)
				if b.pump && side == "target" { // it is seen by the write that fails
					_, _ = left.Write([]byte("x"))
				}
				if got := await(b, c.done); got.err == nil {
					b.Errorf("%s broken off at %d: done got nil, want an error", side, at)
				}
				seesReset(b, left)
				b.settle()
				none(b, c.done, "second done")
			}
		}
	})
}

// TestP11ABrokenTwoWayIsNeverASuccess breaks each side off at each of twenty offsets, with half-close and without, also
// when the side that is left has ended its own direction before.
func TestP11ABrokenTwoWayIsNeverASuccess(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const n = 20_000
		for _, at := range offsets(n) {
			for mode := range 8 {
				second, half, ended := mode&1 != 0, mode&2 != 0, mode&4 != 0
				if ended && !half {
					continue // the whole tunnel ends then
				}
				x := b.twoWay(1000, func(w *TwoWay) { w.HalfClose = half })
				broken, left := x.near, x.far
				if second {
					broken, left = x.far, x.near
				}
				if ended {
					_ = left.CloseWrite()
					seesEnd(b, broken)
				}
				want := pattern(n)
				go feedIn(broken, want[:at], 997, false)
				sees(b, left, want[:at])
				breakOff(broken)
				if b.pump && !ended {
					_, _ = left.Write([]byte("x"))
				}
				if err := await(b, x.ended); err == nil {
					b.Errorf("second %v, half %v, ended %v: broken off at %d: done got nil, want an error", second, half, ended, at)
				}
				if there, back := x.Results(); there == nil && back == nil {
					b.Errorf("second %v, half %v, ended %v: both directions show success", second, half, ended)
				}
				seesReset(b, left)
			}
		}
	})
}

// TestP11ABrokenSourceIsNoCleanEndForAnyOfMany breaks the source of a OneWayMulti off at each of twenty offsets.
func TestP11ABrokenSourceIsNoCleanEndForAnyOfMany(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const n = 20_000
		for _, at := range offsets(n) {
			x := b.spread(3, 1000, nil)
			want := pattern(n)
			go feedIn(x.in, want[:at], 997, false)
			for _, far := range x.out {
				sees(b, far, want[:at])
			}
			breakOff(x.in)
			if err := await(b, x.ended); err == nil {
				b.Errorf("broken off at %d: done got nil, want an error", at)
			}
			for _, far := range x.out {
				seesReset(b, far)
			}
			for i, r := range x.Results() {
				if r.Err == nil {
					b.Errorf("broken off at %d: target %d shows success", at, i)
				}
			}
		}
	})
}

// TestP13AnyCutAroundTheHandOverGivesThePlainCopy cuts the stream at every byte: a head that the machine puts on by
// itself, a body that the tunnel carries, and what comes after, which the machine puts on again. What arrives is what was
// sent.
func TestP13AnyCutAroundTheHandOverGivesThePlainCopy(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const head, body, rest = 3, 40, 5
		stream := pattern(head + body + rest)
		for cut := range len(stream) + 1 {
			way, out := b.target(30)
			done := make(chan carried, 2)
			stage := 0
			_, in := b.open(100, &fake{data: func(own *Owner, p []byte) int {
				if stage == 0 && len(p) < head {
					return 0
				}
				if stage == 0 {
					p = p[:head]
				}
				if err := way.Put(own, p); err != nil {
					b.Errorf("stage %d: %v", stage, err)
				}
				if stage == 0 { // residue: nobody but the tunnel reenables the target
					stage = 1
					way.Carry(own, body, func(n int64, err error) { stage = 2; done <- carried{n, err} })
				} else {
					way.to.Reenable()
				}
				return len(p)
			}})
			for _, piece := range [][]byte{stream[:cut], stream[cut:]} {
				write(b, in, string(piece))
				b.settle()
			}
			sees(b, out, stream)
			if got := await(b, done); got.n != body || got.err != nil {
				b.Errorf("cut at %d: done got %d and %v, want %d", cut, got.n, got.err, body)
			}
			_ = in.CloseWrite()
			b.settle()
			none(b, done, "second done")
			finish(way.to, nil)
			if more, _ := io.ReadAll(out); len(more) > 0 {
				b.Errorf("cut at %d: %d bytes more than were sent", cut, len(more))
			}
		}
	})
}

// TestP13AnyCutAroundAStopLosesNothing is the way back without a limit: a TwoWay is stopped with the stream cut at every
// byte, and what it did not take the machine is offered.
func TestP13AnyCutAroundAStopLosesNothing(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		stream := pattern(40)
		for cut := range len(stream) + 1 {
			x := b.twoWay(100, func(w *TwoWay) { w.CloseFirst, w.CloseSecond = false, false })
			write(b, x.near, string(stream[:cut]))
			sees(b, x.far, stream[:cut])
			b.settle()
			go x.Stop(errCause)
			write(b, x.near, string(stream[cut:]))
			x.want(b, errCause)
			moved, _ := x.Moved()
			got := bytes.Clone(stream[:moved])
			for len(got) < len(stream) {
				got = append(got, await(b, x.offered)...)
			}
			if !bytes.Equal(got, stream) {
				b.Errorf("cut at %d: the tunnel took %d bytes, and the machine was not offered the rest", cut, moved)
			}
			send(b, x.second, []byte("and on"))
			kill(x.first, nil)
			finish(x.second, nil)
			_, _ = io.Copy(io.Discard, x.far)
		}
	})
}

// TestP11AFailedWriteOfTheLastBytesIsNoSuccess has the target's peer gone when the byte is written with which the source
// reaches its limit, or after which it ends.
func TestP11AFailedWriteOfTheLastBytesIsNoSuccess(t *testing.T) {
	for _, limit := range []int64{1, -1} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			way, out := b.target(1000)
			way.CloseSource, way.CloseTarget = true, true
			c := newCarrier(way, limit)
			_, in := c.start(b)
			b.settle()
			breakOff(out)
			feedIn(in, []byte("x"), 1, limit < 0)
			if got := await(b, c.done); got.err == nil {
				b.Errorf("limit %d: done got nil though the byte was not delivered, want an error", limit)
			}
		})
	}
}
