package tunnel

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ShardConfig says how a Shard works. The zero value is good.
type ShardConfig struct {
	// Pump has every connection served by two goroutines of its own, which works for any net.Conn, in place of the
	// Shard's poll of plain sockets. A bubble of testing/synctest needs it.
	Pump bool

	// Linger is how long unsent bytes or a half-closed peer are waited for after a Close, in total. 0 means 2s.
	Linger time.Duration

	// Rest is how long nothing moves in a TwoWay between plain sockets before it is folded, so that it takes little memory
	// until something does. 0 means 2s; negative: never.
	Rest time.Duration

	// OnPanic, if not nil, is called for a Handler that panicked, from a turn: it must not block.
	OnPanic func(vc *VConn, err *PanicError)
}

// Shard serves many connections with one goroutine, that of Serve.
type Shard struct {
	config ShardConfig
	base   time.Time
	hooks  *hooks
	load   atomic.Int64
	bell
	list list

	mu     sync.Mutex // a leaf
	slots  []place    // every connection that is not released
	free   []int32
	over   bool
	orders []deed
	sealed bool // nothing more is ordered

	ordered atomic.Bool
	alarm   atomic.Bool // the timer has fired
	stopped atomic.Bool // the context is done
	turner  atomic.Uint64
	calling atomic.Pointer[VConn] // whose Handler is called; set by the goroutine of Serve alone

	// Of the goroutine of Serve alone.
	count    uint32   // of turns
	reads    []*VConn // to be read
	writes   []*VConn // to be written to
	again    []*VConn // scheduled, and had their pass in this turn
	spare    []*VConn
	clocks   clocks
	due      []*clock
	stirring []*TwoWay // those that may come to rest
	survey   int64     // when they are looked at; 0: there are none
	resters  []*resters
	roused   []roused
	joint    []byte // where what a pump read is joined with what was kept
	timer    *time.Timer
	armed    int64     // for when the timer is set; 0: it is not
	time     int64     // of the turn timeOf
	clock    time.Time // the same
	timeOf   uint32
	poll     *poll          // nil until the first connection under poll
	pumps    sync.WaitGroup // goroutines of the connections under pump
}

// place is a connection's in the Shard's table: of one that is at rest its TwoWay's. Empty: it is free.
type place struct {
	vc     *VConn
	folded *folded
}

// NewShard returns a Shard. It does nothing until Serve, but connections can be given to it before.
func NewShard(c ShardConfig) *Shard {
	if c.Linger <= 0 {
		c.Linger = 2 * time.Second
	}
	if c.Rest == 0 {
		c.Rest = 2 * time.Second
	}
	return &Shard{config: c, base: time.Now(), bell: bell{channel: make(chan struct{}, 1)}}
}

// Load returns how many connections the Shard has, those that linger included.
func (s *Shard) Load() int { return int(s.load.Load()) }

// New gives conn to the Shard, from anywhere. The name is what String returns; size is how many bytes the connection
// holds, at most, of what is put and not yet written. It begins paused, and nothing is read from it before its first
// Reenable, so that the caller can keep what New returned. Until then the caller may use the Owner.
//
// h may be nil until HandTo gives the connection to somebody; until then nothing is read. conn is the Shard's from now on.
// If Serve has returned conn is closed, and so is the VConn, with ErrStopped.
func (s *Shard) New(name string, conn net.Conn, size int, h Handler) (*VConn, *Owner) {
	vc := &VConn{shard: s, name: name, handler: h, fd: -1}
	vc.own.vc = vc
	vc.out.size = max(size, 0)
	vc.paused = true
	fd, ok := -1, false
	if !s.config.Pump {
		fd, ok = takeSocket(conn)
	}
	if ok {
		vc.fd = int32(fd)
	} else {
		vc.pump = newPump(vc, conn)
	}
	if !s.enter(vc) {
		vc.cause = ErrStopped
		vc.asked.Store(askAbort)
		vc.word.Store(scheduled)
		vc.released = true
		vc.out.end(ErrStopped)
		if vc.pump != nil {
			_ = conn.Close()
		} else {
			closeSocket(fd, false)
		}
	}
	return vc, &vc.own
}

// Serve makes the turns, on the caller's goroutine, until ctx is done; then it closes every connection, tells the
// Handlers ErrStopped and returns the context's cause. It is called once.
func (s *Shard) Serve(ctx context.Context) error {
	s.turner.Store(goroutine())
	defer s.turner.Store(0)
	defer context.AfterFunc(ctx, s.halt)()
	for !s.stopped.Load() {
		s.turn()
	}
	s.dismantle()
	return context.Cause(ctx)
}

func (s *Shard) halt() {
	s.stopped.Store(true)
	s.ring()
}

// turn serves all that is ready, once.
func (s *Shard) turn() {
	s.count++
	s.await()
	s.obey()
	s.expire()
	s.readAll()
	s.passAll()
	s.writeAll()
	s.arm()
}

// await waits until something is ready, unless something is left to do, and notes what.
func (s *Shard) await() {
	busy := len(s.reads)+len(s.writes)+len(s.again) > 0 || s.wanted()
	switch {
	case s.poll != nil:
		s.poll.wait(s, !busy)
	case !busy:
		s.sleep(s)
	}
}

// wanted says whether somebody has left something to do.
func (s *Shard) wanted() bool {
	return !s.list.empty() || s.alarm.Load() || s.ordered.Load() || s.stopped.Load()
}

func (s *Shard) readAll() {
	todo := s.reads
	s.reads, s.spare = s.spare, nil
	for i, vc := range todo {
		todo[i] = nil
		vc.reading = false
		s.read(vc)
	}
	s.spare = todo[:0]
}

// passAll looks at every VConn that was reenabled, once, those included that are reenabled meanwhile.
func (s *Shard) passAll() {
	todo := s.again
	s.again, s.spare = s.spare, nil
	for i, vc := range todo {
		todo[i] = nil
		s.pass(vc)
	}
	s.spare = todo[:0]
	for {
		vc := s.list.take()
		if vc == nil {
			return
		}
		for vc != nil {
			next := vc.next // read before the word changes
			vc.next = nil
			if vc.passed == s.count {
				s.again = append(s.again, vc)
				s.toWrite(vc) // what was put since then leaves in this turn all the same
			} else {
				s.pass(vc)
			}
			vc = next
		}
	}
}

func (s *Shard) writeAll() {
	todo := s.writes
	s.writes, s.spare = s.spare, nil
	for i, vc := range todo {
		todo[i] = nil
		vc.writing = false
		s.write(vc)
	}
	s.spare = todo[:0]
}

func (s *Shard) toRead(vc *VConn) {
	if !vc.reading {
		vc.reading = true
		s.reads = append(s.reads, vc)
	}
}

func (s *Shard) toWrite(vc *VConn) {
	if !vc.writing {
		vc.writing = true
		s.writes = append(s.writes, vc)
	}
}

// push puts vc, whose word the caller has changed to scheduled, on the list.
func (s *Shard) push(vc *VConn) {
	s.list.push(vc)
	s.ring()
}

// calls says whether the caller is in a call of vc's Handler by this Shard.
func (s *Shard) calls(vc *VConn) bool {
	return s.calling.Load() == vc && s.turner.Load() == goroutine() // the dear one last
}

// enter gives vc a slot, unless the Shard has ended.
func (s *Shard) enter(vc *VConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.load.Add(1)
	if n := len(s.free); n > 0 {
		vc.slot = s.free[n-1]
		s.free = s.free[:n-1]
		s.slots[vc.slot] = place{vc: vc}
		return true
	}
	vc.slot = int32(len(s.slots))
	s.slots = append(s.slots, place{vc: vc})
	return true
}

// leave takes the slot of vc back.
func (s *Shard) leave(vc *VConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[vc.slot] = place{}
	s.free = append(s.free, vc.slot)
	s.load.Add(-1)
}

// dismantle ends every connection that is left and waits for what they have running.
func (s *Shard) dismantle() {
	s.obey()
	s.rouse()
	for _, vc := range s.left() {
		abort(vc, ErrStopped)
		s.bury(vc)
		s.release(vc, !vc.finished || !vc.closing)
	}
	for !s.end() {
		s.obey()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.pumps.Wait()
	if s.poll != nil {
		s.shutBell()
		s.poll.close()
	}
}

// end refuses further orders, unless some are left.
func (s *Shard) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = len(s.orders) == 0
	return s.sealed
}

func (s *Shard) left() (all []*VConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, p := range s.slots {
		if p.vc != nil {
			all = append(all, p.vc)
		}
	}
	return all
}
