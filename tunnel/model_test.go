package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// The models of the tunnels: a list of random events is drawn, carried out one by one in a bubble, in which a Wait
// returns only when nothing turns any more, and what each end has seen is held against what it was sent.

// happening is one event, with a number that some need.
type happening struct {
	what string
	n    int
}

func (h happening) String() string { return fmt.Sprint(h.what, " ", h.n) }

func drawHappenings(t *rapid.T, kinds ...string) []happening {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) happening {
		return happening{rapid.SampledFrom(kinds).Draw(t, "what"), rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(0, 2000)).Draw(t, "n")}
	}), 1, 25).Draw(t, "events")
}

// reader collects what comes to a peer, without waiting.
type collector struct {
	peer
	got   []byte
	end   error // as it was seen; nil: there was none yet
	slack []byte
}

func (c *collector) read(n int) {
	if c.slack == nil {
		c.slack = make([]byte, 4096)
	}
	for n > 0 && c.end == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Nanosecond))
		k, err := c.Read(c.slack[:min(n, len(c.slack))])
		c.got = append(c.got, c.slack[:k]...)
		n -= k
		if err != nil {
			var timeout interface{ Timeout() bool }
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				c.end = err
			}
			break
		}
		synctest.Wait()
	}
	synctest.Wait()
}

// sender writes to a peer from a goroutine, as it may have to wait.
type sender struct {
	peer
	sent []byte
	work chan []byte
	fin  bool
}

func newSender(p peer) *sender {
	s := &sender{peer: p, work: make(chan []byte, 1000)}
	go func() {
		for b := range s.work {
			if b == nil {
				_ = p.CloseWrite()
			} else if _, err := p.Write(b); err != nil {
				for range s.work {
				}
				return
			}
		}
	}()
	return s
}

func (s *sender) write(n int) {
	if s.fin {
		return
	}
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + (len(s.sent)+i)*7%251) // never what others put
	}
	s.sent = append(s.sent, p...)
	s.work <- p
	synctest.Wait()
}

func (s *sender) end() {
	if !s.fin {
		s.fin = true
		s.work <- nil
		synctest.Wait()
	}
}

// inBubble runs f in a bubble with a bench, and reports what it returns outside of it, where rapid expects it.
func inBubble(t *testing.T, rt *rapid.T, f func(b *bench) error) {
	var err error
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, ShardConfig{Pump: true, Linger: time.Second})
		b.fake, b.size = true, 50
		err = f(b)
		b.stop()
	})
	if err != nil {
		rt.Fatal(err)
	}
}

func TestModelOfOneWay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(5, 500)).Draw(rt, "buffer")
		limit := rapid.OneOf(rapid.Just(-1), rapid.IntRange(0, 1000)).Draw(rt, "limit")
		closes := rapid.Bool().Draw(rt, "close")
		changes := rapid.Bool().Draw(rt, "transform")
		events := drawHappenings(rt, "write", "write", "write", "read", "read", "end", "reset", "reset target", "close target", "abort source", "stop", "limit", "idle", "others")
		inBubble(t, rt, func(b *bench) error { return modelOneWay(b, size, limit, closes, changes, events) })
	})
}

func modelOneWay(b *bench, size, limit int, closes, changes bool, events []happening) error {
	to, far := b.open(size, &fake{})
	way := NewOneWay(to)
	way.CloseSource, way.CloseTarget = closes, closes
	if changes {
		way.Transform = (&counting{}).same
	}
	c := newCarrier(way, int64(limit))
	near, peer := b.pair()
	vc, own := b.shard.New("source", near, 100, c)
	own.SetIdle(time.Hour)
	c.given = true
	way.Carry(own, int64(limit), func(n int64, err error) { c.done <- carried{n, err} })
	vc.Reenable()
	in, out := newSender(peer), &collector{peer: far}
	defer close(in.work)
	ended := false // by something that is no clean end
	others := 0
	for _, e := range events {
		switch e.what {
		case "write":
			in.write(e.n)
		case "read":
			out.read(e.n)
		case "end":
			in.end()
		case "reset":
			ended = true
			in.fin = true
			_ = peer.SetLinger(0)
			_ = peer.Close()
		case "reset target":
			ended = true
			_ = far.SetLinger(0)
			_ = far.Close()
		case "close target":
			ended = true
			finish(to, errCause)
		case "abort source":
			ended = true
			kill(vc, errCause)
		case "stop":
			ended = true
			way.Stop(errCause)
		case "limit":
			way.Limit(int64(e.n))
		case "idle":
			time.Sleep(time.Minute)
		case "others":
			others++
			_ = way.Put(&vc.own, []byte{0})
			to.Reenable()
		}
		synctest.Wait()
		if len(c.done) > 1 {
			return errors.New("done was called twice")
		}
	}
	in.end()
	out.read(1 << 20)
	time.Sleep(5 * time.Hour) // the idle limit is over too
	out.read(1 << 20)
	synctest.Wait()
	if len(c.done) != 1 {
		return fmt.Errorf("done was called %d times, want once", len(c.done))
	}
	got := <-c.done
	if got.n > int64(len(in.sent)) {
		return fmt.Errorf("%d bytes were carried of %d", got.n, len(in.sent))
	}
	want := append([]byte{}, in.sent[:got.n]...)
	for i := range want {
		if changes {
			want[i] ^= 0x55
		}
	}
	seen := out.got
	if others > 0 && !changes {
		seen = bytes.Trim(seen, "\x00") // they stand nowhere between the bytes of the tunnel
	}
	switch {
	case others > 0 && changes:
	case !bytes.HasPrefix(want, seen) && len(seen) <= len(want):
		return errors.New("the target got other bytes")
	case got.err == nil && !ended && !bytes.Equal(seen, want):
		return fmt.Errorf("the target got %d bytes, want %d, and the tunnel ended well", len(seen), len(want))
	}
	if got.err != nil && !ended && !errors.Is(got.err, ErrIdle) && !errors.Is(got.err, ErrShort) {
		return fmt.Errorf("the tunnel ended with %w and there was no reason", got.err)
	}
	if closes && got.err != nil && out.end == io.EOF && !errors.Is(got.err, ErrTargetGone) {
		return fmt.Errorf("the target sees a clean end although the tunnel ended with %w", got.err)
	}
	if closes && got.err == nil && !ended && out.end != io.EOF {
		return fmt.Errorf("the target sees %v, want its end", out.end)
	}
	if !closes && !ended && got.err == nil {
		rest := ""
		for len(c.data) > 0 {
			rest += <-c.data
		}
		if string(in.sent[got.n:]) != rest {
			return fmt.Errorf("the machine is offered %d bytes, want %d", len(rest), int64(len(in.sent))-got.n)
		}
	}
	return nil
}

func TestModelOfTwoWay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(5, 500)).Draw(rt, "buffer")
		half := rapid.Bool().Draw(rt, "half-close")
		events := drawHappenings(rt, "write", "write", "read", "read", "write back", "read back", "end", "end back", "reset", "reset back", "abort", "close", "stop", "idle")
		inBubble(t, rt, func(b *bench) error { return modelTwoWay(b, size, half, events) })
	})
}

func modelTwoWay(b *bench, size int, half bool, events []happening) error {
	x := b.twoWay(size, func(t *TwoWay) { t.HalfClose, t.Linger, t.Idle = half, time.Minute, time.Hour })
	synctest.Wait()
	there, back := newSender(x.near), newSender(x.far)
	defer close(there.work)
	defer close(back.work)
	far, near := &collector{peer: x.far}, &collector{peer: x.near}
	broken := false
	for _, e := range events {
		switch e.what {
		case "write":
			there.write(e.n)
		case "read":
			far.read(e.n)
		case "write back":
			back.write(e.n)
		case "read back":
			near.read(e.n)
		case "end":
			there.end()
		case "end back":
			back.end()
		case "reset", "reset back":
			broken = true
			p, s := x.near, there
			if e.what == "reset back" {
				p, s = x.far, back
			}
			s.fin = true
			_ = p.SetLinger(0)
			_ = p.Close()
		case "abort":
			broken = true
			kill(x.first, errCause)
		case "close":
			broken = true
			finish(x.second, errCause)
		case "stop":
			broken = true
			x.Stop(errCause)
		case "idle":
			time.Sleep(10 * time.Second)
		}
		synctest.Wait()
	}
	for range 3 {
		far.read(1 << 20)
		near.read(1 << 20)
		there.end()
		back.end()
	}
	time.Sleep(5 * time.Hour)
	far.read(1 << 20)
	near.read(1 << 20)
	if len(x.ended) != 1 {
		return fmt.Errorf("done was called %d times, want once", len(x.ended))
	}
	err := <-x.ended
	toSecond, toFirst := x.Results()
	for _, d := range []struct {
		name   string
		from   *sender
		to     *collector
		result error
	}{{"there", there, far, toSecond}, {"back", back, near, toFirst}} {
		if !bytes.HasPrefix(d.from.sent, d.to.got) {
			return fmt.Errorf("%s: other bytes", d.name)
		}
		if d.result == nil && !broken && !bytes.Equal(d.from.sent, d.to.got) { // who resets does not read on
			return fmt.Errorf("%s: %d of %d bytes, and the direction ended well", d.name, len(d.to.got), len(d.from.sent))
		}
		if err != nil && (d.result == nil || d.result == ErrTwinEnded) {
			return fmt.Errorf("%s: success, and the tunnel ended with %w", d.name, err)
		}
	}
	if err != nil && !broken && !errors.Is(err, ErrLinger) && !errors.Is(err, ErrIdle) {
		return fmt.Errorf("the tunnel ended with %w and there was no reason", err)
	}
	if b.load() != 0 {
		return fmt.Errorf("%d connections are left", b.load())
	}
	return nil
}

func TestModelOfOneWayMulti(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(5, 500)).Draw(rt, "buffer")
		k := rapid.IntRange(1, 4).Draw(rt, "targets")
		easy := rapid.SliceOfN(rapid.Bool(), k, k).Draw(rt, "best effort")
		events := drawHappenings(rt, "write", "write", "write", "read", "read", "read", "end", "reset", "reset target", "close target", "stop", "idle")
		inBubble(t, rt, func(b *bench) error { return modelMulti(b, size, easy, events) })
	})
}

func modelMulti(b *bench, size int, easy []bool, events []happening) error {
	x := b.spread(len(easy), size, func(_ *OneWayMulti, list []Target) {
		for i := range list {
			list[i].BestEffort, list[i].Idle = easy[i], time.Hour
		}
	})
	synctest.Wait()
	in := newSender(x.in)
	defer close(in.work)
	out := make([]*collector, len(x.out))
	hurt := make([]bool, len(x.out))
	for i := range out {
		out[i] = &collector{peer: x.out[i]}
	}
	broken := false
	for _, e := range events {
		i := e.n % len(out)
		switch e.what {
		case "write":
			in.write(e.n)
		case "read":
			out[i].read(e.n)
		case "end":
			in.end()
		case "reset":
			broken, in.fin = true, true
			_ = x.in.SetLinger(0)
			_ = x.in.Close()
		case "reset target":
			hurt[i] = true
			_ = x.out[i].SetLinger(0)
			_ = x.out[i].Close()
		case "close target":
			hurt[i] = true
			finish(x.to[i], errCause)
		case "stop":
			broken = true
			x.Stop(errCause)
		case "idle":
			time.Sleep(time.Minute)
		}
		synctest.Wait()
	}
	in.end()
	for range 100 {
		for _, o := range out {
			o.read(5000)
		}
	}
	time.Sleep(5 * time.Hour)
	for _, o := range out {
		o.read(1 << 20)
	}
	if len(x.ended) != 1 {
		return fmt.Errorf("done was called %d times, want once", len(x.ended))
	}
	err := <-x.ended
	complete := 0
	for i, r := range x.Results() {
		if !bytes.HasPrefix(in.sent, out[i].got) {
			return fmt.Errorf("target %d: other bytes", i)
		}
		switch {
		case r.Err == nil:
			complete++
			if !bytes.Equal(in.sent, out[i].got) && !hurt[i] {
				return fmt.Errorf("target %d: %d of %d bytes, and it is complete", i, len(out[i].got), len(in.sent))
			}
		case out[i].end == io.EOF && !hurt[i]:
			return fmt.Errorf("target %d sees a clean end although it was detached with %w", i, r.Err)
		case !hurt[i] && !broken && !easy[i] && !errors.Is(r.Err, ErrNoTargets):
			return fmt.Errorf("target %d was detached with %w and there was no reason", i, r.Err)
		}
	}
	if err == nil && complete == 0 || err != nil && complete == len(out) {
		return fmt.Errorf("done: got %v, with %d targets complete", err, complete)
	}
	return nil
}
