package tunnel

import (
	"bytes"
	"io"
	"testing"
)

// counting sees every byte, and counts its calls with final.
type counting struct {
	in    []byte
	final int
	after int // calls after the final one
}

func (c *counting) same(dst, src []byte, final bool) ([]byte, error) {
	if c.final > 0 {
		c.after++
	}
	c.in = append(c.in, src...)
	if final {
		c.final++
	}
	for _, x := range src {
		dst = append(dst, x^0x55)
	}
	return dst, nil
}

func TestC37EveryByteGoesThroughTheTransformAndFinalComesOnce(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, limit := range []int64{-1, 0, 1, 100, 70_000} {
			for _, extra := range []int{0, 10} {
				n := int(limit)
				if limit < 0 {
					n = 50_000
				}
				stream := pattern(n + extra)
				if limit < 0 {
					stream = stream[:n]
				}
				x := &counting{}
				way, out := b.target(1000)
				way.Transform = x.same
				c := newCarrier(way, limit)
				_, in := c.start(b)
				go feedIn(in, stream, 999, limit < 0)
				want := append([]byte{}, stream[:n]...)
				for i := range want {
					want[i] ^= 0x55
				}
				sees(b, out, want)
				c.want(b, int64(n), nil)
				if x.final != 1 || x.after != 0 || !bytes.Equal(x.in, stream[:n]) {
					b.Errorf("limit %d: final %d times, %d calls after it, %d bytes seen, want once, none, %d", limit, x.final, x.after, len(x.in), n)
				}
			}
		}
	})
}

func TestC38ATransformThatShrinksGrowsHoldsBackAndFlushes(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for name, f := range map[string]func() (Transform, func([]byte) []byte){
			"shrinks": func() (Transform, func([]byte) []byte) {
				odd := false
				half := func(dst, src []byte, _ bool) ([]byte, error) {
					for _, x := range src {
						if odd = !odd; odd {
							dst = append(dst, x)
						}
					}
					return dst, nil
				}
				return half, func(p []byte) []byte { odd = false; q, _ := half(nil, p, true); return q }
			},
			"grows": func() (Transform, func([]byte) []byte) {
				double := func(dst, src []byte, _ bool) ([]byte, error) {
					for _, x := range src {
						dst = append(dst, x, x)
					}
					return dst, nil
				}
				return double, func(p []byte) []byte { q, _ := double(nil, p, true); return q }
			},
			"holds back": func() (Transform, func([]byte) []byte) {
				var held []byte
				return func(dst, src []byte, final bool) ([]byte, error) {
						held = append(held, src...)
						for len(held) >= 100 {
							dst = append(dst, held[:100]...)
							dst = append(dst, '|')
							held = held[100:]
						}
						if final {
							dst = append(append(dst, held...), '.')
						}
						return dst, nil
					}, func(p []byte) (q []byte) {
						for len(p) >= 100 {
							q = append(append(q, p[:100]...), '|')
							p = p[100:]
						}
						return append(append(q, p...), '.')
					}
			},
		} {
			transform, expect := f()
			way, out := b.target(500)
			way.Transform, way.CloseTarget = transform, true
			c := newCarrier(way, -1)
			_, in := c.start(b)
			stream := pattern(33_333)
			go feedIn(in, stream, 1234, true)
			got, err := io.ReadAll(out)
			if err != nil {
				b.Fatal(err)
			}
			if want := expect(stream); !bytes.Equal(got, want) {
				b.Errorf("%s: got %d bytes, want %d, others or not the same", name, len(got), len(want))
			}
			c.want(b, int64(len(stream)), nil)
		}
	})
}

func TestC39WhatTheTransformRefusesDoesNotReachTheTarget(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, out := b.target(1000)
		way.CloseTarget = true
		way.Transform = func(dst, src []byte, _ bool) ([]byte, error) {
			if bytes.IndexByte(src, '!') >= 0 {
				return append(dst, src...), errCause
			}
			return append(dst, src...), nil
		}
		c := newCarrier(way, -1)
		_, in := c.start(b)
		write(b, in, "good")
		read(b, out, 4)
		write(b, in, "bad!")
		c.want(b, 4, errCause)
		if got, _ := io.ReadAll(out); len(got) > 0 {
			b.Errorf("the target got %q", got)
		}
	})
}

func TestATransformThatGivesMoreThanFitsIsStalled(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		way, _ := b.target(100)
		way.Transform = func(dst, src []byte, _ bool) ([]byte, error) { return append(dst, make([]byte, 101)...), nil }
		c := newCarrier(way, -1)
		_, in := c.start(b)
		write(b, in, "x")
		c.want(b, 0, ErrStalled)
	})
}

func TestCarryAfterPutsItsHeadInFront(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, n := range []int{0, 1, 1000} {
			way, out := b.target(10) // less than the head
			way.Transform = (&counting{}).same
			done := make(chan carried, 1)
			near, in := b.pair()
			_, own := b.shard.New("source", near, 100, &fake{})
			way.CarryAfter([]byte("a head of some length|"), own, int64(n), func(n int64, err error) { done <- carried{n, err} })
			go feedIn(in, pattern(n), 100, false)
			want := pattern(n)
			for i := range want {
				want[i] ^= 0x55
			}
			sees(b, out, append([]byte("a head of some length|"), want...))
			if got := await(b, done); got.n != int64(n) || got.err != nil {
				b.Errorf("done: got %v, want %d", got, n)
			}
		}
	})
}
