package tunnel

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// echo puts back what it gets, as much as there is room for.
type echo struct{}

func (echo) Data(own *Owner, p []byte) int {
	h := own.VConn().Lock()
	defer h.Unlock()
	n := len(p)
	for n > 0 && h.Put(p[:n]) != nil {
		n /= 2
	}
	if n < len(p) {
		own.Pause()
	}
	own.VConn().Reenable()
	return n
}

func (echo) End(own *Owner, err error) {
	h := own.VConn().Lock()
	defer h.Unlock()
	h.Close(err)
}

func (echo) Room(own *Owner) { own.VConn().Reenable() }

func TestEchoReturnsEveryByteAndThenTheEnd(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		for _, size := range []int{1, 100, 4096, 64 << 10} {
			_, far := b.open(size, echo{})
			want := pattern(300_000)
			if size == 1 {
				want = want[:300]
			}
			go func() {
				_, _ = far.Write(want)
				_ = far.CloseWrite()
			}()
			got, err := io.ReadAll(far)
			if err != nil {
				b.Fatalf("size %d: after %d bytes: %v", size, len(got), err)
			}
			if !bytes.Equal(got, want) {
				b.Errorf("size %d: got %d bytes, want %d, the same", size, len(got), len(want))
			}
			_ = far.Close()
		}
	})
}

func TestServeEndsEveryConnection(t *testing.T) {
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 3)
		h := &fake{end: func(_ *Owner, err error) { ended <- err }}
		_, far := b.open(100, h)
		near, _ := b.pair()
		b.shard.New("never reenabled", near, 100, h)
		b.settle()
		b.stop()
		for range 2 {
			if err := await(b, ended); err != ErrStopped {
				b.Errorf("End: got %v, want ErrStopped", err)
			}
		}
		if _, err := far.Read(make([]byte, 1)); err == nil {
			b.Error("the peer read something")
		}
		near, late := b.pair()
		vc, _ := b.shard.New("late", near, 100, h)
		vc.Reenable()
		if err := put(vc, nil); err != ErrStopped {
			b.Errorf("Put: got %v, want ErrStopped", err)
		}
		if _, err := late.Read(make([]byte, 1)); err == nil {
			b.Error("the late peer read something")
		}
		none(b, ended, "End")
	})
}

func TestAPanicCostsOneConnection(t *testing.T) {
	panics := make(chan *PanicError, 1)
	c := ShardConfig{OnPanic: func(_ *VConn, err *PanicError) { panics <- err }}
	eachDriver(t, c, func(b *bench) {
		ended := make(chan error, 2)
		vc, far := b.open(100, &fake{
			data: func(*Owner, []byte) int { panic("secret") },
			end:  func(_ *Owner, err error) { ended <- err },
		})
		_, other := b.open(100, echo{})
		write(b, far, "x")
		err := await(b, ended)
		p := await(b, panics)
		if err != p {
			b.Errorf("End: got %v, want the reported error", err)
		}
		if strings.Contains(p.Error(), "secret") || !bytes.Contains(p.Stack, []byte("TestAPanic")) {
			b.Errorf("got %q with stack\n%s", p, p.Stack)
		}
		if err := put(vc, nil); err != p {
			b.Errorf("Put: got %v, want the reported error", err)
		}
		write(b, other, "still here")
		if got := read(b, other, 10); got != "still here" {
			b.Errorf("got %q", got)
		}
	})
	eachDriver(t, ShardConfig{}, func(b *bench) {
		ended := make(chan error, 2)
		_, far := b.open(100, &fake{
			data: func(_ *Owner, p []byte) int { return len(p) + 1 },
			end:  func(_ *Owner, err error) { ended <- err; panic("again") },
		})
		write(b, far, "x")
		await(b, ended)
		b.settle()
		none(b, ended, "End")
	})
}
