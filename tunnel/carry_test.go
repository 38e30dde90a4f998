package tunnel

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestC01ALimitOfExactlyWhatIsSent(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{1, 10, 100, 5000, 300_000} {
			way, out := b.target(100)
			c := newCarrier(way, int64(n))
			_, in := c.start(b)
			want := pattern(n)
			go feedIn(in, want, 7777, false)
			sees(b, out, want)
			c.want(b, int64(n), nil)
			none(b, c.data, "Data")
			none(b, c.end, "End")
		}
	})
}

func TestC02WhatFollowsTheLimitIsOfferedToTheMachine(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, k := range []int{1, 50, 500} {
			for _, early := range []bool{true, false} { // already in memory when the tunnel starts
				way, out := b.target(100)
				c := newCarrier(way, 300)
				c.head = 3
				_, in := b.open(100, c)
				stream := "abc" + string(pattern(300)) + string(bytes.Repeat([]byte("k"), k))
				if early {
					write(b, in, stream)
				} else {
					go feedIn(in, []byte(stream), 1, false)
				}
				sees(b, out, pattern(300))
				c.want(b, 300, nil)
				c.after(b, string(bytes.Repeat([]byte("k"), k)))
			}
		}
	})
}

func TestC05EndedOrLimitedAtExactlyTheCount(t *testing.T) {
	for name, f := range map[string]func(*OneWay){
		"End":   func(w *OneWay) { w.End() },
		"Limit": func(w *OneWay) { w.Limit(5) },
		"less":  func(w *OneWay) { w.Limit(3) },
	} {
		t.Run(name, func(t *testing.T) {
			eachDriver(t, ShardConfig{}, func(b *bench) {
				way, out := b.target(100)
				c := newCarrier(way, -1)
				_, in := c.start(b)
				write(b, in, "hello")
				sees(b, out, []byte("hello"))
				b.settle()
				none(b, c.done, "done")
				f(way)
				c.want(b, 5, nil)
				write(b, in, "more")
				c.after(b, "more")
			})
		})
	}
}

func TestC06ALimitOfZero(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(100)
		c := newCarrier(way, 0)
		_, in := c.start(b)
		c.want(b, 0, nil)
		write(b, in, "x")
		c.after(b, "x")
		finish(way.to, nil)
		seesEnd(b, out)
	})
}

func TestC29AllBytesAndThenTheEnd(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{0, 1, 49, 50, 51, 4096, 65536, 10 * largeBlock, 3 << 20} {
			way, out := b.target(100)
			if n > 100_000 {
				way, out = b.target(256 << 10)
			}
			way.CloseSource, way.CloseTarget = true, true
			c := newCarrier(way, -1)
			_, in := c.start(b)
			want := pattern(n)
			go feedIn(in, want, n+1, true)
			sees(b, out, want)
			seesEnd(b, out)
			c.want(b, int64(n), nil)
		}
	})
}

func TestC30EverythingIsWrittenBeforeDone(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		if b.pump {
			b.size = 10
		}
		n := 16 << 20 // more than a peer takes that does not read
		if b.pump {
			n = 1000
		}
		way, out := b.target(n)
		c := newCarrier(way, -1)
		_, in := c.start(b)
		want := pattern(n)
		go feedIn(in, want, n, true)
		b.settle()
		none(b, c.done, "done before all was written")
		sees(b, out, want)
		c.want(b, int64(n), nil)
	})
}

func TestC31TheEndOfASourceWithAnEmptyBuffer(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, _ := b.target(100)
		c := newCarrier(way, -1)
		_, in := c.start(b)
		_ = in.CloseWrite()
		c.want(b, 0, nil)
	})
}

func TestC32AResetOfTheTarget(t *testing.T) {
	for _, closes := range []bool{true, false} {
		eachDriver(t, ShardConfig{}, func(b *bench) {
			way, out := b.target(100)
			way.CloseSource = closes
			c := newCarrier(way, -1)
			_, in := c.start(b)
			b.settle()
			_ = out.SetLinger(0)
			_ = out.Close()
			if b.pump { // which learns of it when it writes
				write(b, in, "x")
			}
			got := await(b, c.done)
			if !errors.Is(got.err, ErrTargetGone) {
				b.Errorf("done: got %v, want ErrTargetGone", got.err)
			}
			if closes {
				seesReset(b, in)
				return
			}
			write(b, in, "rest")
			for got := ""; !strings.HasSuffix(got, "rest"); { // perhaps behind what the tunnel did not take
				got += await(b, c.data)
			}
		})
	}
}

func TestC33ASourceThatEndsBeforeTheLimit(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, _ := b.target(1000)
		c := newCarrier(way, 500)
		_, in := c.start(b)
		go feedIn(in, pattern(499), 100, true)
		c.want(b, 499, ErrShort)
		if err := await(b, c.end); err != io.EOF {
			b.Errorf("the machine is told: got %v, want io.EOF", err)
		}
	})
}

func TestC34ExactlyTheLimitIsForwarded(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		const n = 1 << 20
		stream := pattern(n + 1000)
		way, out := b.target(64 << 10)
		c := newCarrier(way, n)
		_, in := c.start(b)
		go feedIn(in, stream, len(stream), false)
		sees(b, out, stream[:n])
		c.want(b, n, nil)
		c.after(b, string(stream[n:]))
		finish(way.to, nil)
		seesEnd(b, out)
	})
}

func TestC35WithoutCloseOptionsBothStayOpen(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(100)
		c := newCarrier(way, 5)
		src, in := c.start(b)
		for _, cause := range []error{nil, errCause} {
			if cause != nil {
				c.given = false
				write(b, in, "y")
				b.settle()
				way.Stop(cause)
				got := await(b, c.done)
				if !errors.Is(got.err, cause) {
					b.Errorf("done: got %v, want %v", got.err, cause)
				}
				read(b, out, 1)
			} else {
				write(b, in, "hello")
				read(b, out, 5)
				c.want(b, 5, nil)
			}
			send(b, src, []byte("to the source"))
			read(b, in, len("to the source"))
			send(b, way.to, []byte("to the target"))
			read(b, out, len("to the target"))
		}
	})
}

func TestC36WithCloseOptionsAnErrorAbortsBoth(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(100)
		way.CloseSource, way.CloseTarget = true, true
		c := newCarrier(way, -1)
		src, in := c.start(b)
		write(b, in, "x")
		read(b, out, 1)
		way.Stop(errCause)
		c.want(b, 1, errCause)
		seesReset(b, in)
		seesReset(b, out)
		for _, vc := range []*VConn{src, way.to} {
			if err := put(vc, []byte("x")); err != errCause {
				b.Errorf("cause of %v: got %v, want %v", vc, err, errCause)
			}
		}
	})
}

func TestC40TheSourceIsReadAgainAtTheLowMark(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		to, far := b.open(100, &fake{})
		b.settle()
		r, _ := NewOneWay(to).Reserve(&to.own, 0)
		r.Release()
		way := NewOneWay(to)
		c := newCarrier(way, -1)
		// The target's Shard is another one that does not turn, so that the buffer stays full.
		src, in := c.start(b)
		b.settle()
		_ = src
		go feedIn(in, pattern(1000), 1000, false)
		sees(b, far, pattern(1000))
		way.Stop(errCause)
		c.want(b, 1000, errCause)
	})
	// At the buffer itself.
	vc := newVConn(t) // of 100 bytes
	f := &flow{from: newVConn(t)}
	if err := vc.out.grab(f, 0); err != nil {
		t.Fatal(err)
	}
	if n, _ := vc.out.fillUp(make([]byte, 150)); n != 100 {
		t.Fatalf("taken: got %d, want 100", n)
	}
	woken := func() bool { return f.from.word.Load() != idle }
	vc.out.pin(&vc.out.first, nil, quantum)
	vc.out.advance(&vc.out.first, 49).send(vc)
	if woken() {
		t.Error("woken above the low mark")
	}
	vc.out.advance(&vc.out.first, 1).send(vc)
	if !woken() {
		t.Error("not woken at the low mark")
	}
	f.from.word.Store(idle)
	vc.out.advance(&vc.out.first, 1).send(vc)
	if woken() {
		t.Error("woken twice")
	}
	vc.out.unpin(&vc.out.first)
	vc.out.quit(&vc.out.first)
}

func TestC41WhatIsInTheBufferGoesFirst(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		to, far := b.open(1000, &fake{})
		if err := put(to, []byte("first")); err != nil {
			b.Fatal(err)
		}
		c := newCarrier(NewOneWay(to), 6)
		_, in := c.start(b)
		write(b, in, "second")
		if got := read(b, far, 11); got != "firstsecond" {
			b.Errorf("got %q", got)
		}
		c.want(b, 6, nil)
	})
}

func TestC42AnEndThatAnEarlierHandlerWasTold(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(100)
		way.CloseTarget = true
		done := make(chan carried, 1)
		ended := make(chan error, 10)
		var machine *fake
		machine = &fake{
			data: func(*Owner, []byte) int { return 0 },
			end: func(own *Owner, err error) {
				ended <- err
				if len(ended) == 1 {
					own.HandTo(machine) // and so the rest is offered again
					way.Carry(own, -1, func(n int64, err error) { done <- carried{n, err} })
				}
			},
		}
		_, in := b.open(100, machine)
		write(b, in, "left over")
		_ = in.CloseWrite()
		if got := await(b, done); got.n != 9 || got.err != nil {
			b.Errorf("done: got %v", got)
		}
		read(b, out, 9)
		seesEnd(b, out)
	})
}

func TestC43OneCompletionForTheFirstCause(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for range 20 {
			way, out := b.target(100)
			c := newCarrier(way, 5)
			src, in := c.start(b)
			write(b, in, "hello")
			_ = in.CloseWrite()
			way.Stop(errCause)
			way.Stop(io.ErrUnexpectedEOF)
			way.End()
			kill(src, errors.New("another cause"))
			got := await(b, c.done)
			if got.err != nil && !errors.Is(got.err, errCause) {
				b.Errorf("done: got %v, want nil or the first cause", got.err)
			}
			b.settle()
			none(b, c.done, "second done")
			finish(way.to, nil)
			_, _ = io.Copy(io.Discard, out)
		}
	})
}

func TestC68TheMachineGoesOnAtTheByteAfterTheBody(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(50)
		var log []byte // what the machine takes itself
		bodies := 0
		machine := &fake{data: func(own *Owner, p []byte) int {
			if len(p) < 3 { // a head of three bytes: the length of the body
				return 0
			}
			n := int(p[0])<<16 | int(p[1])<<8 | int(p[2])
			log = append(log, p[:3]...)
			way.Carry(own, int64(n), func(got int64, err error) {
				if got != int64(n) || err != nil {
					b.Errorf("carried: got %d, %v, want %d", got, err, n)
				}
				bodies++
			})
			return 3
		}}
		_, in := b.open(100, machine)
		var stream, want []byte
		sizes := []int{0, 1, 49, 50, 51, 200, 0, 70_000, 3}
		for _, n := range sizes {
			stream = append(stream, byte(n>>16), byte(n>>8), byte(n))
			stream = append(stream, pattern(n)...)
			want = append(want, pattern(n)...)
		}
		go feedIn(in, stream, 13, false)
		sees(b, out, want)
		b.settle()
		b.stop()
		if bodies != len(sizes) || len(log) != 3*len(sizes) {
			b.Errorf("bodies: got %d with %d bytes of heads, want %d with %d", bodies, len(log), len(sizes), 3*len(sizes))
		}
	})
}

func TestC71AResetOfTheSourceIsNoCleanEnd(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{0, 1, 50, 1000, 200_000} {
			way, out := b.target(1000)
			way.CloseTarget = true
			c := newCarrier(way, -1)
			_, in := c.start(b)
			go func() { _, _ = io.CopyN(io.Discard, out, int64(n)); _ = in.SetLinger(0); _ = in.Close() }()
			feedIn(in, pattern(n), 997, false)
			got := await(b, c.done)
			if got.err == nil || errors.Is(got.err, io.EOF) {
				b.Errorf("done: got %v, want an error", got.err)
			}
			if err := put(way.to, []byte("x")); err == nil {
				b.Error("the target is open")
			}
		}
	})
}

func TestIdleEndsACarryUnlessItsTargetMoves(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, _ := b.target(100)
		c := newCarrier(way, -1)
		near, in := b.pair()
		vc, own := b.shard.New("source", near, 100, c)
		own.SetIdle(20 * time.Millisecond)
		c.given = true
		way.Carry(own, -1, func(n int64, err error) { c.done <- carried{n, err} })
		vc.Reenable()
		write(b, in, "x")
		c.want(b, 1, ErrIdle)
	})
}

func TestWhatOthersPutMeanwhileFollowsWhole(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(1000)
		way.Window = 500
		c := newCarrier(way, 10_000)
		_, in := c.start(b)
		body := pattern(10_000)
		feedIn(in, body[:5000], 100, false)
		sees(b, out, body[:5000])
		send(b, way.to, []byte("notice"))
		feedIn(in, body[5000:], 100, false)
		sees(b, out, body[5000:])
		c.want(b, 10_000, nil)
		if got := read(b, out, 6); got != "notice" {
			b.Errorf("got %q", got)
		}
	})
}

func TestASourceWithBytesLeftDoesNotSpinWhileItsTunnelDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose Wait returns only if nothing turns
		b := newBench(t, ShardConfig{Pump: true})
		b.size = 10
		way, out := b.target(1000)
		c := newCarrier(way, 100)
		_, in := c.start(b)
		go feedIn(in, pattern(120), 120, false)
		synctest.Wait()
		none(t, c.done, "done")
		b.fake = true
		sees(b, out, pattern(120)[:100])
		c.want(b, 100, nil)
		c.after(b, string(pattern(120)[100:]))
	})
}
