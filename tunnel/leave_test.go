package tunnel

import (
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestTenThousandTunnelsLeaveNothing opens and closes tunnels of each kind, in every way there is. TestMain counts the
// blocks and the goroutines at the end.
func TestTenThousandTunnelsLeaveNothing(t *testing.T) {
	n := 10_000
	if testing.Short() || raceEnabled {
		n = 1_000
	}
	b := newBench(t, ShardConfig{Linger: 50 * time.Millisecond})
	b.turn()
	before := descriptors()
	var wg sync.WaitGroup
	turn := make(chan struct{}, 16)
	for i := range n {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			oneTunnel(b, i)
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(patience); b.load() > 0 && time.Now().Before(deadline); {
		b.turn()
		runtime.Gosched()
	}
	if n := b.load(); n != 0 {
		t.Errorf("connections left: %d", n)
	}
	// Pipes that are spare stay: two descriptors for each of 64 at most.
	if after := descriptors(); after > before+2*64 {
		t.Errorf("descriptors: %d before and %d after", before, after)
	}
}

func oneTunnel(b *bench, i int) {
	c := newCarrier(nil, -1)
	near, in := tcpPair(b)
	defer in.Close()
	end, out := tcpPair(b)
	defer out.Close()
	to, second := b.shard.New("to", end, 4<<10, &fake{})
	vc, own := b.shard.New("from", near, 4<<10, c)
	ended := make(chan error, 1)
	switch i % 3 {
	case 0:
		to.Reenable()
		way := NewOneWay(to)
		way.CloseSource, way.CloseTarget = true, true
		c.given = true
		way.Carry(own, -1, func(_ int64, err error) { ended <- err })
		vc.Reenable()
	case 1:
		way := NewTwoWay(own, second)
		way.HalfClose, way.Linger = i%2 == 0, 100*time.Millisecond
		if err := way.Start(func(err error) { ended <- err }); err != nil {
			b.Error(err)
		}
	case 2:
		to.Reenable()
		way := NewOneWayMulti(own, 4<<10, Target{To: to, Close: true})
		way.CloseSource = true
		if err := way.Start(func(err error) { ended <- err }); err != nil {
			b.Error(err)
		}
		vc.Reenable()
	}
	size := 100
	if i%50 == 0 {
		size = 500_000 // it is spliced
	}
	go func() {
		_, _ = in.Write(make([]byte, size))
		if i%7 == 0 {
			_ = in.SetLinger(0)
			_ = in.Close()
			return
		}
		_ = in.CloseWrite()
	}()
	if i%5 == 0 {
		_ = out.SetLinger(0)
		_ = out.Close()
	} else {
		_, _ = io.Copy(io.Discard, out)
		_ = out.CloseWrite()
	}
	await(b, ended)
	_, _ = io.Copy(io.Discard, in)
}

// descriptors returns how many the process has open, 0 where that cannot be told.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
