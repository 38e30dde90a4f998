package tunnel

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// TestC28 lets sessions of random events run on two Shards, side by side, with OneWays and locks across them. TestMain
// counts the blocks and the goroutines at the end.
func TestC28RandomSessionsLeaveNothingBehind(t *testing.T) {
	sessions := 10_000
	if testing.Short() {
		sessions = 1_000
	}
	c := ShardConfig{Linger: 20 * time.Millisecond}
	left, right := newBench(t, c), newBench(t, c)
	shards := []*Shard{left.shard, right.shard}
	var ways [4]*OneWay
	for i := range ways {
		vc, far := [...]*bench{left, right}[i%2].open(2000, &fake{})
		_ = far.SetDeadline(time.Time{})
		ways[i] = NewOneWay(vc)
		go swallow(far)
	}
	var ended, made atomic.Int64
	var wg sync.WaitGroup
	const parallel = 64
	for g := range parallel {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 28))
			for range sessions / parallel {
				made.Add(1)
				session(t, rng, shards[rng.IntN(2)], ways[rng.IntN(len(ways))], &ended)
			}
		})
	}
	wg.Wait()
	for _, w := range ways {
		kill(w.to, nil)
	}
	left.stop()
	right.stop()
	if ended.Load() != made.Load() {
		t.Errorf("sessions that came to an end: got %d, want %d", ended.Load(), made.Load())
	}
}

// swallow reads from c until it ends.
func swallow(c net.Conn) {
	defer c.Close()
	p := make([]byte, 4096)
	for {
		if _, err := c.Read(p); err != nil {
			return
		}
	}
}

// session opens a connection, does at random what can be done with it, and ends it, in one of the ways there are.
func session(t *testing.T, rng *rand.Rand, s *Shard, way *OneWay, ended *atomic.Int64) {
	var near net.Conn
	var far peer
	if rng.IntN(8) == 0 {
		a, b := tcpPair(t)
		near, far = a, b
	} else {
		near, far = tunneltest.Pipe(1 + rng.IntN(300))
	}
	gone := make(chan struct{})
	h := &random{rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), way: way}
	over := sync.OnceFunc(func() { ended.Add(1); close(gone) })
	h.over = over
	vc, own := s.New("session", near, 1+rng.IntN(500), h)
	own.SetIdle(time.Duration(1+rng.IntN(10)) * time.Millisecond)
	own.SetTotal(time.Duration(5+rng.IntN(20)) * time.Millisecond) // ends it if nothing else does
	vc.Reenable()
	go func() {
		_ = far.SetDeadline(time.Now().Add(time.Second))
		swallow(far)
	}()
	for range rng.IntN(12) {
		switch rng.IntN(5) {
		case 0:
			_, _ = far.Write(make([]byte, rng.IntN(200)))
		case 1:
			_ = put(vc, make([]byte, rng.IntN(400)))
			vc.Reenable()
		case 2:
			vc.Reenable()
		case 3:
			if h := vc.TryLock(); h != nil {
				_ = h.Put([]byte("x"))
				h.Unlock()
			}
		case 4:
			closeRead(vc)
		}
	}
	switch rng.IntN(5) {
	case 0:
		_ = far.CloseWrite()
	case 1:
		_ = far.SetLinger(0)
		_ = far.Close()
	case 2:
		kill(vc, nil)
	case 3:
		finish(vc, nil)
	default:
		closeWrite(vc)
	}
	await(t, gone)
	_ = far.Close()
}

// random is a Handler that does anything.
type random struct {
	rng  *rand.Rand
	way  *OneWay
	held []Reservation
	over func()
}

func (r *random) Data(own *Owner, p []byte) int {
	n := r.rng.IntN(len(p) + 1)
	switch r.rng.IntN(8) {
	case 0:
		own.Pause()
	case 1:
		own.HandTo(r)
	case 2:
		if x, ok := r.way.Reserve(own, r.rng.IntN(300)); ok {
			r.held = append(r.held, x)
		} else {
			own.Pause()
		}
	case 3:
		_ = r.way.Put(own, p[:n])
		r.way.to.Reenable()
	case 4:
		own.Wake(time.Now().Add(time.Duration(r.rng.IntN(3)) * time.Millisecond))
	case 5:
		if h := r.way.to.TryLock(); h != nil {
			_ = h.Put(p[:n])
			h.Unlock()
		}
	case 6:
		_ = put(own.VConn(), p[:n])
		own.VConn().Reenable()
	case 7:
		r.spend()
	}
	return n
}

// spend puts or gives back what was reserved.
func (r *random) spend() {
	for i := range r.held {
		_ = r.held[i].Put([]byte("y"))
		r.held[i].Release()
	}
	r.held = nil
	r.way.to.Reenable()
}

func (r *random) End(own *Owner, _ error) {
	r.spend()
	finish(own.VConn(), nil)
	r.over()
}

func (r *random) Room(own *Owner)              { own.VConn().Reenable() }
func (r *random) Tick(own *Owner, _ time.Time) { own.VConn().Reenable() }
func (r *random) Idle(own *Owner)              { own.VConn().Reenable() }

func (r *random) Expired(own *Owner) {
	r.spend()
	kill(own.VConn(), nil)
	r.over()
}
