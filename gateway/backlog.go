package gateway

import (
	"errors"
	"sync"

	"github.com/sallyport/sallyport/tunnel"
)

// backlog is the copies that wait for one mirror: whole messages in the order in which
// they came, together with what is reserved at most size bytes. Sessions and Backends of
// every shard put; one writer, a goroutine of the mirror, takes. Nothing here waits but
// that writer. Its lock is a leaf, held while bytes are copied.
//
// It outlives the target that it is written to: what a target did not take goes to the
// next one, from the beginning of the message that was cut off.
type backlog struct {
	size int
	work chan struct{} // capacity 1: there is something to write again
	slow chan struct{} // capacity 1: the target was left behind

	mu       sync.Mutex
	there    bool // there is a target
	on       bool // it keeps up, or has not yet been looked for
	down     bool // there is none, and none is expected soon
	idle     bool // the writer has found nothing
	blocks   []*backlogBlock
	base     int64    // position of the first byte of blocks
	head     int64    // bytes ever put
	sent     int64    // of these, written
	start    int64    // of these, in messages that were written whole, or dropped
	lens     []uint32 // of messages: those from first on are not written
	first    int
	reserved int
	waiting  map[*tunnel.VConn]struct{} // sources to be reenabled when there is room
	copied   uint64                     // messages that were written whole
	missed   uint64                     // messages that were not, and never will be
}

const backlogBlockSize = 32 << 10

type backlogBlock [backlogBlockSize]byte

var backlogBlocks = sync.Pool{New: func() any { return new(backlogBlock) }}

// errMirrorDown is why nothing is reserved: there is nobody to copy to.
var errMirrorDown = errors.New("a required mirror cannot be reached")

func newBacklog(size int) *backlog {
	return &backlog{size: size, work: make(chan struct{}, 1), slow: make(chan struct{}, 1), on: true}
}

// offer takes a copy of p if there is a target, or is about to be the first, and room.
// If there is no room it has fallen behind: it is left, and misses what is put until the
// next attach.
func (b *backlog) offer(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.on:
		b.missed++
	case len(p) > b.size:
		b.missed++ // it would not fit an empty one either
	case b.held()+len(p) > b.size:
		b.missed++
		b.on = false
		signal(b.slow)
	default:
		b.append(p)
	}
}

// miss counts a message of which no copy could be made.
func (b *backlog) miss() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed++
}

// reserve sets n bytes aside. False and no error: there is no room, and from is
// reenabled once there may be. It returns tunnel.ErrTooLong if there never will be, and
// errMirrorDown if there is nobody to copy to.
func (b *backlog) reserve(n int, from *tunnel.VConn) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.down && !b.there:
		return false, errMirrorDown
	case n > b.size:
		return false, tunnel.ErrTooLong
	case b.held()+n > b.size:
		if b.waiting == nil {
			b.waiting = map[*tunnel.VConn]struct{}{}
		}
		b.waiting[from] = struct{}{}
		return false, nil
	}
	b.reserved += n
	return true, nil
}

// spend puts p, in the place of as many bytes that were reserved.
func (b *backlog) spend(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= len(p)
	b.append(p)
}

// release gives n reserved bytes back.
func (b *backlog) release(n int) {
	b.mu.Lock()
	b.reserved -= n
	who := b.eased()
	b.mu.Unlock()
	reenableAll(who)
}

// attach says that there is a target.
func (b *backlog) attach() {
	select {
	case <-b.slow:
	default:
	}
	b.mu.Lock()
	b.there, b.on = true, true
	who := b.dismissed()
	b.mu.Unlock()
	reenableAll(who)
}

// detach says that the target is gone, and its writer has ended; or that there is none.
func (b *backlog) detach() {
	b.mu.Lock()
	b.there, b.on = false, false
	b.sent = b.start // the next target begins where a message begins
	who := b.dismissed()
	b.mu.Unlock()
	reenableAll(who)
}

// drop forgets what was not written and returns how many messages that were. There is no
// target.
func (b *backlog) drop() int {
	b.mu.Lock()
	n := len(b.lens) - b.first
	b.missed += uint64(n)
	b.start, b.sent, b.lens, b.first = b.head, b.head, nil, 0
	b.recycle()
	who := b.dismissed()
	b.mu.Unlock()
	reenableAll(who)
	return n
}

// expect says whether a target is expected soon. Without one, and without the prospect
// of one, nothing is reserved.
func (b *backlog) expect(soon bool) {
	b.mu.Lock()
	b.down = !soon
	who := b.dismissed()
	b.mu.Unlock()
	reenableAll(who)
}

// next returns what is to be written, without waiting: nil if that is nothing, and then
// work is told of the next message. It stays as it is until wrote. It ends where a
// message does, unless that is too long, and whole is true if it begins where one does.
func (b *backlog) next() (p []byte, whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.idle = b.sent == b.head; b.idle {
		return nil, true
	}
	i, off := (b.sent-b.base)/backlogBlockSize, (b.sent-b.base)%backlogBlockSize
	limit := min(b.head, b.sent-off+backlogBlockSize)
	if end := b.whole(limit); end > b.sent {
		limit = end
	}
	return b.blocks[i][off : off+limit-b.sent], b.sent == b.start
}

// wrote says that n bytes of what next returned were written. It returns how many bytes
// of a message were that is not written whole.
func (b *backlog) wrote(n int) (begun int64) {
	b.mu.Lock()
	b.sent += int64(n)
	for b.first < len(b.lens) && b.start+int64(b.lens[b.first]) <= b.sent {
		b.start += int64(b.lens[b.first])
		b.first++
		b.copied++
	}
	if b.first > len(b.lens)/2 { // so that moving the rest costs no more than what was passed
		b.lens = b.lens[:copy(b.lens, b.lens[b.first:])]
		b.first = 0
	}
	b.recycle()
	begun = b.sent - b.start
	who := b.eased()
	b.mu.Unlock()
	reenableAll(who)
	return begun
}

// counts returns the messages that were copied and missed, and those that wait, with
// their bytes.
func (b *backlog) counts() (copied, missed uint64, waiting, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.copied, b.missed, len(b.lens) - b.first, int(b.head - b.start)
}

// state is attached, detached while a target is expected, or down.
func (b *backlog) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.there && b.on:
		return "attached"
	case b.down:
		return "down"
	}
	return "detached"
}

// The rest is called with b locked.

// whole returns where the last message ends that ends at limit or before.
func (b *backlog) whole(limit int64) int64 {
	end := b.start
	for _, n := range b.lens[b.first:] {
		if end+int64(n) > limit {
			break
		}
		end += int64(n)
	}
	return end
}

func (b *backlog) held() int { return int(b.head-b.start) + b.reserved }

// append copies p behind the last byte. There is room for it.
func (b *backlog) append(p []byte) {
	b.lens = append(b.lens, uint32(len(p)))
	for len(p) > 0 {
		off := int((b.head - b.base) % backlogBlockSize)
		if int((b.head-b.base)/backlogBlockSize) == len(b.blocks) {
			b.blocks = append(b.blocks, backlogBlocks.Get().(*backlogBlock))
		}
		n := copy(b.blocks[len(b.blocks)-1][off:], p)
		b.head += int64(n)
		p = p[n:]
	}
	if b.idle {
		b.idle = false
		signal(b.work)
	}
}

// recycle gives the blocks back that hold nothing any more. The writer is in no write.
func (b *backlog) recycle() {
	n := int((b.start - b.base) / backlogBlockSize)
	if b.start == b.head {
		n = len(b.blocks)
	}
	for _, block := range b.blocks[:n] {
		backlogBlocks.Put(block)
	}
	left := copy(b.blocks, b.blocks[n:])
	clear(b.blocks[left:])
	b.blocks = b.blocks[:left]
	b.base += int64(n) * backlogBlockSize
	if left == 0 {
		b.base = b.head
	}
}

// eased returns whom to reenable if what is held is at or below half the size.
func (b *backlog) eased() map[*tunnel.VConn]struct{} {
	if b.held() > b.size/2 {
		return nil
	}
	return b.dismissed()
}

func (b *backlog) dismissed() map[*tunnel.VConn]struct{} {
	who := b.waiting
	b.waiting = nil
	return who
}

// reenableAll is called without the lock.
func reenableAll(who map[*tunnel.VConn]struct{}) {
	for vc := range who {
		vc.Reenable()
	}
}

// signal leaves a note in c, which has a capacity of 1, unless there is one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
