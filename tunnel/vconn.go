package tunnel

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// VConn is one connection, as anyone may see it. Whatever changes it needs a lock and is a method of Held; what only
// the Handler behind it may do is a method of Owner.
type VConn struct {
	shard *Shard
	name  string
	own   Owner // points back here

	word    atomic.Uint32 // state of scheduling, see Reenable
	asked   atomic.Uint32 // what the methods of Held have asked the Shard for; bits are only ever added, under mu
	claimed atomic.Bool   // a tunnel has it as a source
	missed  atomic.Bool   // somebody found mu taken, or asked for something: Unlock reenables
	next    *VConn        // link of the Shard's list; of whoever made the word scheduled, then of the Shard

	mu    sync.Mutex
	epoch uint64 // of the lock; Unlock advances it
	cause error  // first one given to Close or Abort

	out buffer

	// The Shard's alone from the first pass on, and until then of whoever made the VConn.
	handler Handler
	end     error  // of the input: io.EOF, or why; told to each Handler
	broken  error  // why the connection is of no use any more
	kept    []byte // read and not taken
	store   *block // what kept lies in, if it is not too large for one
	clock   *clock // nil until a limit or a wake is asked for
	pump    *pump  // nil under poll
	zero    *flow  // the tunnel that splices what comes, in place of Data; nil: none does
	fd      int32  // under poll; -1 under pump and after release
	slot    int32  // in the Shard's table
	passed  uint32 // number of the turn of the last pass
	told    told   // which end the Handler knows
	marks
}

// marks are what the Shard remembers of a VConn.
type marks struct {
	live     bool // the first pass was made
	paused   bool // no Data and no End until a Reenable
	works    bool // the Handler is a worker
	owed     bool // Room, to the Handler that a tunnel has taken the place of
	fresh    bool // kept is to be offered even if nothing is added to it
	readable bool // poll: a read may find something
	blocked  bool // poll: a write found no room, and the event that there is some has not come
	drain    bool // poll: a short read does not mean that there is no more
	failed   bool // poll: an error is pending on the socket
	hung     bool // poll: the peer will send nothing more than what is unread, or is gone
	reading  bool // in the list of those to read
	writing  bool // in the list of those to write to
	finished bool // the peer sees the end of what it is sent, or will without our doing
	closing  bool // Close was seen: the Handler is gone, the rest is written
	patient  bool // closing: the peer's end is waited for, as it may still be reading
	released bool // the descriptor is closed
}

// told says which end a Handler knows.
type told uint8

const (
	toldNone told = iota
	toldEOF
	toldAll
)

// What can be asked of a Shard.
const (
	askClose uint32 = 1 << iota
	askAbort
	askCloseWrite
	askCloseRead
	askOwn // the Handler itself closed, in one of its calls: no End
)

const askEnd = askClose | askAbort

// States of a VConn's word, in its two lowest bits. resume is set beside scheduled or dirty if the pass to come ends a
// Pause, as the one that Reenable asks for does.
const (
	idle uint32 = iota
	scheduled
	running
	dirty

	state  uint32 = 3
	resume uint32 = 4
)

// Reenable has the VConn's Shard look at it: what was put is written, and a Pause ends, so that what is unread is
// offered again. It takes no lock and never blocks, it may be called from anywhere and at any time, also after close,
// and twice is the same as once. Publish first, reenable second.
//
// The word makes that so. Who changes idle to scheduled, and nobody else, puts the VConn on the list and wakes the
// Shard; a call during a pass makes the word dirty, and another pass follows.
func (vc *VConn) Reenable() { vc.schedule(resume) }

// rouse is a Reenable that leaves a Pause alone, for what a VConn's own driver has to say.
func (vc *VConn) rouse() { vc.schedule(0) }

func (vc *VConn) schedule(why uint32) {
	for {
		w := vc.word.Load()
		switch w & state {
		case idle:
			if vc.word.CompareAndSwap(w, scheduled|why) {
				vc.shard.push(vc)
				return
			}
		case running:
			if vc.word.CompareAndSwap(w, dirty|why) {
				return
			}
		default:
			if w&why == why || vc.word.CompareAndSwap(w, w|why) {
				return // the Shard will look
			}
		}
	}
}

// Lock takes vc. The caller holds no other VConn. It waits for a copy of bytes at most, so a Handler may call it.
func (vc *VConn) Lock() *Held {
	vc.lock()
	return &Held{vc: vc, epoch: vc.epoch}
}

// TryLock takes vc if it is free. If not it returns nil, and vc is reenabled once it is free.
func (vc *VConn) TryLock() *Held {
	if !vc.try() {
		return nil
	}
	return &Held{vc: vc, epoch: vc.epoch}
}

// String returns the name given to New, or the peer's address after the connection was at rest.
func (vc *VConn) String() string {
	if vc.name == "" && vc.fd >= 0 {
		return peerOf(int(vc.fd))
	}
	return vc.name
}

// lock stands apart, as try does, so that Lock can be inlined, which keeps the handle off the heap.
//
//go:noinline
func (vc *VConn) lock() { vc.mu.Lock() }

func (vc *VConn) try() bool {
	if vc.mu.TryLock() {
		return true
	}
	vc.shard.hooks.at(beforeNote, vc)
	vc.missed.Store(true)
	vc.shard.hooks.at(afterNote, vc)
	if vc.mu.TryLock() { // it may have become free before the note was there
		return true
	}
	vc.shard.hooks.at(afterMiss, vc)
	return false
}

// shut remembers the first cause, refuses all further puts and leaves the rest to the Shard. vc is held.
func (vc *VConn) shut(cause error, ask uint32) {
	if vc.cause == nil {
		if cause == nil || errors.Is(cause, io.EOF) {
			cause = ErrClosed // io.EOF would be taken for the peer's end
		}
		vc.cause = cause
	}
	if ask&askOwn == 0 && vc.shard.calls(vc) {
		ask |= askOwn
	}
	if ask&askAbort != 0 {
		vc.out.drop()
	}
	vc.ask(ask)
	vc.out.end(vc.cause).send(vc)
}

// ask leaves a wish for the Shard, which looks at it after Unlock. vc is held.
func (vc *VConn) ask(bits uint32) {
	vc.asked.Or(bits)
	vc.missed.Store(true)
}
