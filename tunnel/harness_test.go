package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	blockWatch = &watch{}
	code := m.Run()
	if code == 0 {
		if n := blockWatch.bad.Load(); n != 0 {
			fmt.Fprintln(os.Stderr, "blocks changed after they were given back:", n)
			code = 1
		}
		if n := blockWatch.live.Load(); n != 0 {
			fmt.Fprintln(os.Stderr, "blocks that were never given back:", n)
			code = 1
		}
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// patience is how long a test waits for what must happen. Under fake time it passes only if nothing else can.
const patience = 10 * time.Second

// bench is a Shard that runs, and makes connections to it.
type bench struct {
	testing.TB
	pump  bool
	fake  bool // the time
	shard *Shard
	stop  func() // once; returns when Serve has
	size  int    // of the pipes under pump
	pulse *VConn
	beats chan struct{}
}

// peer is the far end of a connection.
type peer interface {
	net.Conn
	CloseWrite() error
	SetLinger(int) error
}

// eachDriver runs f on poll, with loopback TCP, and on pump, with pipes and in fake time.
func eachDriver(t *testing.T, c ShardConfig, f func(b *bench)) {
	t.Helper()
	t.Run("poll", func(t *testing.T) {
		if !hasPoll() {
			t.Skip("this system has no poll")
		}
		f(newBench(t, c))
	})
	t.Run("pump", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c.Pump = true
			b := newBench(t, c)
			b.fake = true
			f(b)
		})
	})
}

func hasPoll() bool {
	a, b := tcpPair(nil)
	defer b.Close()
	fd, ok := takeSocket(a)
	if ok {
		closeSocket(fd, false)
	} else {
		_ = a.Close()
	}
	return ok
}

func newBench(t testing.TB, c ShardConfig) *bench { return newHookedBench(t, c, nil) }

func newHookedBench(t testing.TB, c ShardConfig, h *hooks) *bench {
	b := &bench{TB: t, pump: c.Pump, shard: NewShard(c), size: 64 << 10}
	b.shard.hooks = h
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.shard.Serve(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := await(t, served); !errors.Is(err, context.Canceled) {
			t.Errorf("Serve: got %v, want context.Canceled", err)
		}
		if n := b.shard.Load(); n != 0 {
			t.Errorf("connections after Serve: got %d, want 0", n)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// pair returns a connection's two ends.
func (b *bench) pair() (net.Conn, peer) {
	b.Helper()
	if b.pump {
		x, y := tunneltest.Pipe(b.size)
		b.Cleanup(func() { _ = y.Close() })
		return x, y
	}
	x, y := tcpPair(b.TB)
	b.Cleanup(func() { _ = y.Close() })
	_ = y.SetDeadline(time.Now().Add(patience))
	return x, y
}

func tcpPair(t testing.TB) (net.Conn, *net.TCPConn) {
	fail := func(err error) {
		if t == nil {
			panic(err)
		}
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fail(err)
	}
	near, err := l.Accept()
	if err != nil {
		fail(err)
	}
	return near, far.(*net.TCPConn)
}

// open makes a connection with h behind it and reenables it.
func (b *bench) open(size int, h Handler) (*VConn, peer) {
	b.Helper()
	near, far := b.pair()
	vc, _ := b.shard.New("test", near, size, h)
	vc.Reenable()
	return vc, far
}

// settle returns when nothing more will happen of itself. Under poll that is not known, so the Shard is made to turn.
func (b *bench) settle() {
	b.Helper()
	if b.fake {
		synctest.Wait()
		return
	}
	for range 3 {
		b.turn()
	}
}

// turn returns after the Shard has made a whole turn. It has a connection for that, with a byte that is never taken.
func (b *bench) turn() {
	b.Helper()
	if b.pulse == nil {
		b.beats = make(chan struct{}, 1)
		near, far := tunneltest.Pipe(1)
		write(b, far, "x")
		b.pulse, _ = b.shard.New("pulse", near, 1, &fake{data: func(*Owner, []byte) int {
			select {
			case b.beats <- struct{}{}:
			default:
			}
			return 0
		}})
	}
	for range 2 { // the first may be of a turn that was under way
		b.pulse.Reenable()
		await(b, b.beats)
	}
}

// load returns how many connections the Shard has, besides the one for turn.
func (b *bench) load() int {
	if b.pulse != nil {
		return b.shard.Load() - 1
	}
	return b.shard.Load()
}

// fake is a Handler made of functions; one that is nil does nothing, and takes all data.
type fake struct {
	data    func(*Owner, []byte) int
	end     func(*Owner, error)
	room    func(*Owner)
	tick    func(*Owner, time.Time)
	idle    func(*Owner)
	expired func(*Owner)
}

func (f *fake) Data(own *Owner, p []byte) int {
	if f.data == nil {
		return len(p)
	}
	return f.data(own, p)
}

func (f *fake) End(own *Owner, err error) {
	if f.end != nil {
		f.end(own, err)
	}
}

func (f *fake) Room(own *Owner) {
	if f.room != nil {
		f.room(own)
	}
}

func (f *fake) Tick(own *Owner, now time.Time) {
	if f.tick != nil {
		f.tick(own, now)
	}
}

func (f *fake) Idle(own *Owner) {
	if f.idle != nil {
		f.idle(own)
	}
}

func (f *fake) Expired(own *Owner) {
	if f.expired != nil {
		f.expired(own)
	}
}

// await returns what comes from c, or fails the test.
func await[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case v = <-c:
	case <-timeout.C:
		t.Error("nothing came in time")
		t.FailNow()
	}
	return v
}

// none fails the test if something lies in c.
func none[T any](t testing.TB, c <-chan T, what string) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("%s: got %v, want none", what, v)
	default:
	}
}

func put(vc *VConn, p []byte) error {
	h := vc.Lock()
	defer h.Unlock()
	return h.Put(p)
}

func finish(vc *VConn, cause error) {
	h := vc.Lock()
	defer h.Unlock()
	h.Close(cause)
}

func kill(vc *VConn, cause error) {
	h := vc.Lock()
	defer h.Unlock()
	h.Abort(cause)
}

func closeWrite(vc *VConn) {
	h := vc.Lock()
	defer h.Unlock()
	h.CloseWrite()
}

func closeRead(vc *VConn) {
	h := vc.Lock()
	defer h.Unlock()
	h.CloseRead()
}

func queued(vc *VConn) int {
	h := vc.Lock()
	defer h.Unlock()
	return h.Queued()
}

// send puts p and reenables.
func send(t testing.TB, vc *VConn, p []byte) {
	t.Helper()
	if err := put(vc, p); err != nil {
		t.Fatalf("put %d bytes: %v", len(p), err)
	}
	vc.Reenable()
}

// write writes p to the connection's far end.
func write(t testing.TB, c net.Conn, p string) {
	t.Helper()
	if _, err := c.Write([]byte(p)); err != nil {
		t.Fatal(err)
	}
}

// read reads n bytes.
func read(t testing.TB, c net.Conn, n int) string {
	t.Helper()
	p := make([]byte, n)
	if k, err := io.ReadFull(c, p); err != nil {
		t.Fatalf("after %d of %d bytes: %v", k, n, err)
	}
	return string(p)
}

// pattern returns n bytes that differ from those n further on.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}
