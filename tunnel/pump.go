package tunnel

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// hurried is how long a Read may still go on once the connection has failed for writing.
const hurried = 50 * time.Millisecond

// pump serves one net.Conn with a goroutine that reads, a piece at a time, the next when the Shard has taken it, and,
// while there is something to write, one that writes. Both publish what they did and rouse the VConn; Handlers are
// called by the Shard.
type pump struct {
	vc       *VConn
	conn     net.Conn
	progress atomic.Int64  // time of the last write, since the Shard was made
	rests    atomic.Bool   // the Shard wants to hear of the next progress
	next     chan struct{} // of one slot: the reader may go on
	started  bool          // the reader; the Shard's alone

	mu       sync.Mutex // a leaf but for the buffer's
	in       []byte     // read, and not yet taken by the Shard
	readErr  error      // the reader has ended
	writeErr error      // a write failed
	busy     bool       // the writer runs
	finished bool       // the peer was sent the end, if the connection can
	dropping bool       // nobody wants what is read
	dead     bool       // the connection is, or is being, closed
	reset    bool       // and its peer is not to take that for the end

	few [61]byte // what a parked Read waits with
}

func newPump(vc *VConn, conn net.Conn) *pump {
	return &pump{vc: vc, conn: conn, next: make(chan struct{}, 1)}
}

// collect notes what the goroutines of vc have said. Under pump it begins each pass.
func (s *Shard) collect(vc *VConn) {
	p := vc.pump
	p.mu.Lock()
	writeErr, readErr, finished := p.writeErr, p.readErr, p.finished
	p.mu.Unlock()
	if finished {
		vc.finished = true
	}
	if vc.closing && readErr != nil && vc.end == nil {
		vc.end = readErr
	}
	if writeErr != nil {
		s.fail(vc, writeErr)
	}
	if c := vc.clock; c != nil && c.rests && !p.rests.Load() {
		c.rests = false
		s.remind(c)
	}
}

// receive offers what the reader has, and lets it go on.
func (s *Shard) receive(vc *VConn) {
	if vc.end != nil || !vc.listens() || vc.asked.Load()&askCloseRead != 0 {
		return
	}
	p := vc.pump
	p.start()
	p.mu.Lock()
	in, err := p.in, p.readErr
	p.mu.Unlock()
	if len(in) > 0 {
		s.moved(vc)
		s.deliver(vc, in)
		p.goOn(false)
	}
	if err != nil {
		s.ended(vc, err)
	}
}

// deliver offers what is kept with p behind it, and keeps what is not taken.
func (s *Shard) deliver(vc *VConn, p []byte) {
	k := len(vc.kept)
	switch {
	case k == 0:
		vc.keep(p[s.offer(vc, p):])
	case k <= joined && k+len(p) <= scratch:
		if s.joint == nil {
			s.joint = make([]byte, scratch)
		}
		copy(s.joint, vc.kept)
		copy(s.joint[k:], p)
		p = s.joint[:k+len(p)]
		vc.replace(p[s.offer(vc, p):])
	default:
		vc.keep(p)
		s.reoffer(vc)
	}
}

// start starts the reader if that was not done.
func (p *pump) start() {
	if !p.started {
		p.started = true
		p.vc.shard.pumps.Go(p.read)
	}
}

// goOn tells the reader that what it gave was taken, and whether to drop all that follows.
func (p *pump) goOn(drop bool) {
	p.mu.Lock()
	waits := p.in != nil
	p.in = nil
	p.dropping = p.dropping || drop
	p.mu.Unlock()
	if waits {
		p.next <- struct{}{}
	}
}

// discard has the reader drop what comes until the peer ends.
func (p *pump) discard() {
	p.start()
	p.goOn(true)
}

// hurry ends a Read that waits for a connection that has failed.
func (p *pump) hurry() {
	p.start()
	_ = p.conn.SetReadDeadline(time.Now().Add(hurried))
}

// writing says whether the writer runs, and may have pinned what the buffer holds.
func (p *pump) writing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy
}

// write has what was put written, and the end too if that is wanted.
func (p *pump) write() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy || p.dead || p.writeErr != nil {
		return // a writer that runs looks once more before it ends
	}
	p.busy = true
	p.vc.shard.pumps.Go(p.flush)
}

// close closes the connection and ends the goroutines.
func (p *pump) close(reset bool) {
	p.mu.Lock()
	p.dead, p.reset = true, reset
	busy := p.busy
	p.mu.Unlock()
	if !busy {
		p.vc.out.quit(&p.vc.out.first).send(p.vc)
	}
	p.vc.shard.pumps.Go(p.hangUp) // as it may say goodbye, it may wait
	p.goOn(true)
}

// read is the reader. It takes a block only if there was more than a few bytes, so that it does not wait with one.
func (p *pump) read() {
	size := 0
	for {
		buf := p.few[:]
		var b *block
		if size > 0 {
			b = newBlock(size)
			buf = b.buf
		}
		n, err := p.conn.Read(buf)
		if n > 0 {
			p.publish(buf[:n])
		}
		if b != nil {
			b.recycle()
		}
		if err != nil {
			p.mu.Lock()
			p.readErr = err
			p.mu.Unlock()
			p.vc.rouse()
			return
		}
		switch {
		case n < len(buf):
			size = 0
		case size == 0:
			size = smallBlock
		default:
			size = largeBlock
		}
	}
}

// publish leaves b to the Shard and returns when it was taken.
func (p *pump) publish(b []byte) {
	p.mu.Lock()
	if p.dropping {
		p.mu.Unlock()
		return
	}
	p.in = b
	p.mu.Unlock()
	p.vc.rouse()
	<-p.next
}

// flush is the writer. It ends when there is nothing left to write.
func (p *pump) flush() {
	var room [pieces][]byte
	for {
		out := &p.vc.out
		from, at := out, &out.first
		pinned := from.pin(at, room[:0], quantum)
		if f := out.extra(); f != nil && len(pinned) == 0 {
			from, at = f.from, f.at
			pinned = from.pin(at, pinned, quantum)
		}
		for _, b := range pinned {
			n, err := p.conn.Write(b)
			if n > 0 {
				p.moved()
				from.advance(at, n).send(p.vc)
			}
			if err != nil {
				from.unpin(at).send(p.vc)
				p.broke(err)
				return
			}
		}
		from.unpin(at).send(p.vc)
		if len(pinned) == 0 && !p.goesOn() {
			return
		}
	}
}

// moved notes progress.
func (p *pump) moved() {
	p.progress.Store(p.vc.shard.elapsed())
	if p.rests.Load() && p.rests.Swap(false) {
		p.vc.rouse()
	}
}

// broke ends the writer after a failed write.
func (p *pump) broke(err error) {
	p.mu.Lock()
	p.writeErr, p.busy = err, false
	p.mu.Unlock()
	p.vc.out.end(err).send(p.vc) // before the bytes are gone: who finds none must not take them for delivered
	p.vc.out.quit(&p.vc.out.first).send(p.vc)
	p.vc.rouse()
}

// goesOn says whether the writer, which found nothing, goes on. Under the lock it looks once more, so that who finds it
// busy can rely on it.
func (p *pump) goesOn() bool {
	p.mu.Lock()
	asked := p.vc.asked.Load()
	over := p.dead || asked&askAbort != 0
	more := !over && p.vc.unwritten() > 0
	finish := !over && !more && !p.finished && asked&(askClose|askCloseWrite) != 0
	p.busy = more || finish
	dead := p.dead
	p.mu.Unlock()
	if dead {
		p.vc.out.quit(&p.vc.out.first).send(p.vc)
	}
	if !finish {
		return more
	}
	if c, ok := p.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // if it fails, so does the Read that waits for the peer's end
	}
	p.mu.Lock()
	p.finished = true
	p.mu.Unlock()
	p.vc.rouse()
	return true
}

// hangUp closes the connection; with reset, so that the peer does not take it for an orderly end.
func (p *pump) hangUp() {
	for c := p.conn; p.reset; {
		if l, ok := c.(interface{ SetLinger(int) error }); ok {
			_ = l.SetLinger(0)
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			_ = c.Close() // before what lies over it can say goodbye
			break
		}
		c = inner.NetConn()
	}
	_ = p.conn.Close()
}
