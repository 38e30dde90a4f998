package tunnel

import "sync"

// buffer holds at most size bytes, in blocks, for each of its cursors. What the slowest cursor has not passed counts,
// and so does what is reserved. Its lock is a leaf, held while bytes are copied. A drained buffer holds no block.
type buffer struct {
	mu       sync.Mutex
	size     int
	head     int64 // bytes ever put
	slow     int64 // of these, passed by the slowest cursor
	reserved int
	tail     *block    // the last block; nil if the buffer is empty
	first    cursor    // of the connection that the buffer leads to
	more     []*cursor // the others
	wait     *waiting  // sources to be reenabled when there is room; nil: none
	err      error     // why nothing more is put
	dropped  bool      // nothing more is written either
	missed   bool      // somebody found no room
	room     bool      // and now there is some
	claim    *claim    // of a tunnel that has the buffer to itself; nil: anyone puts
	feed     *feed     // what the connection writes after what is in here; nil: nothing
}

// cursor is one reader's place. Only that reader moves it.
type cursor struct {
	block *block // nil: at the end of an empty buffer
	off   int    // in block
	pos   int64  // bytes passed
	tried int64  // of those before it, given to a write that may not be over
	easy  bool   // nobody waits for it
	busy  bool   // some bytes are pinned
	leave bool   // it goes when they are not any more
	gone  bool
}

// waiting is a set of sources in the order in which they came.
type waiting struct {
	set   map[*VConn]struct{}
	order []*VConn
}

var waitings = sync.Pool{New: func() any { return &waiting{set: make(map[*VConn]struct{})} }}

// easing is whom to wake after a change of a buffer, when its lock is free again.
type easing struct {
	room bool     // the connection that the buffer leads to: its Handler's Room is due
	who  *waiting // sources
	flow *flow    // the tunnel
}

// send wakes them. vc is the connection that the buffer leads to.
func (e easing) send(vc *VConn) {
	if e.room {
		vc.rouse()
	}
	if e.flow != nil {
		e.flow.wake()
	}
	if e.who == nil {
		return
	}
	for _, w := range e.who.order {
		w.Reenable()
	}
	clear(e.who.set)
	clear(e.who.order)
	e.who.order = e.who.order[:0]
	waitings.Put(e.who)
}

// put copies p into b, whole or not at all.
func (b *buffer) put(p []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.admit(len(p)); err != nil {
		return err
	}
	b.add(p)
	return nil
}

// putFrom is put, and notes from as waiting if there is no room.
func (b *buffer) putFrom(p []byte, from *VConn) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.admit(len(p))
	switch err {
	case nil:
		b.add(p)
	case ErrFull:
		b.note(from)
	}
	return err
}

// reserve sets n bytes aside. If there is no room it notes from as waiting; false and a nil error say so.
func (b *buffer) reserve(n int, from *VConn, ended func() bool) (ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ended() {
		return false, ErrEnded
	}
	switch err := b.admit(n); err {
	case nil:
		b.reserved += n
		return true, nil
	case ErrFull:
		b.note(from)
		return false, nil
	default:
		return false, err
	}
}

// spend puts p in the place of n bytes that were reserved, as many or more.
func (b *buffer) spend(p []byte, n int) (easing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return easing{}, b.err
	}
	b.reserved -= n
	b.add(p)
	if n == len(p) {
		return easing{}, nil
	}
	return b.eased(), nil
}

// release gives n reserved bytes back.
func (b *buffer) release(n int) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= n
	return b.eased()
}

// end refuses all further puts with cause and wakes who waits; what is in b stays. A later cause replaces
// ErrWriteClosed and nothing else.
func (b *buffer) end(cause error) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil || b.err == ErrWriteClosed {
		b.err = cause
	}
	e := b.dismissed()
	if b.claim != nil {
		e.flow = b.claim.flow
	}
	return e
}

// drop has nothing more pinned: what has not left by now never will.
func (b *buffer) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped = true
}

// dismiss wakes who waits.
func (b *buffer) dismiss() easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dismissed()
}

// queued returns the bytes that the slowest cursor has before it, and those that were put aside.
func (b *buffer) queued() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fill() + b.apart()
}

// fault returns why nothing more is put, or nil.
func (b *buffer) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// owe has the Handler told that there is room.
func (b *buffer) owe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.room = true
}

// take returns the fill and whether Room is due, once.
func (b *buffer) take() (fill int, room bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room, b.room = b.room, false
	return b.fill(), room
}

// pin appends to dst what lies before c, limit bytes at most. It stays as it is until c passes it.
func (b *buffer) pin(c *cursor, dst [][]byte, limit int) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.busy = false
	if b.dropped || c.gone || c.leave {
		return dst
	}
	off := c.off
	for k := c.block; k != nil && limit > 0; k, off = k.next, 0 {
		p := k.buf[off:k.n]
		if len(p) > limit {
			p = p[:limit]
		}
		if len(p) > 0 {
			dst = append(dst, p)
			limit -= len(p)
		}
	}
	c.tried = c.pos
	for _, p := range dst {
		c.tried += int64(len(p))
	}
	c.busy = len(dst) > 0
	return dst
}

// unpin says that the write of what was pinned is over, and that nothing left but what c has passed.
func (b *buffer) unpin(c *cursor) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.unpinned(c)
}

// left returns how many of the bytes ever put have left over c, those of a write that is not over included.
func (b *buffer) left(c *cursor) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(c.pos, c.tried)
}

// over returns how many bytes have left over c. A write that was begun before the end may still be.
func (b *buffer) over(c *cursor) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.pos
}

// wrote is advance and unpin: the write is over, and n bytes of it have left.
func (b *buffer) wrote(c *cursor, n int) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.move(c, n)
	if c.leave {
		return b.unpinned(c)
	}
	c.tried, c.busy = c.pos, false
	return b.eased()
}

// advance moves c over n bytes.
func (b *buffer) advance(c *cursor, n int) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.move(c, n)
	return b.eased()
}

// quit takes c away, with all that only it needed, once nothing before it is pinned any more.
func (b *buffer) quit(c *cursor) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.busy {
		c.leave = true
		return easing{}
	}
	return b.parted(c)
}

// join adds a cursor. It begins with the oldest byte that is still held.
func (b *buffer) join() *cursor {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &cursor{pos: b.head}
	b.cursors(func(o *cursor) {
		if o.pos < c.pos || c.block == nil {
			c.block, c.off, c.pos = o.block, o.off, o.pos
		}
	})
	for k := c.block; k != nil; k = k.next {
		k.refs++
	}
	b.more = append(b.more, c)
	return c
}

// The rest is called with b locked.

// move moves c over n bytes.
func (b *buffer) move(c *cursor, n int) {
	c.pos += int64(n)
	for n > 0 {
		k := c.block
		step := min(n, k.n-c.off)
		c.off += step
		n -= step
		if c.off == k.n && k.next != nil {
			c.block, c.off = k.next, 0
			b.unref(k)
		}
	}
	b.passed()
}

func (b *buffer) unpinned(c *cursor) easing {
	c.tried, c.busy = c.pos, false
	if c.leave {
		return b.parted(c)
	}
	return easing{}
}

func (b *buffer) parted(c *cursor) easing {
	if c.gone {
		return easing{}
	}
	for k := c.block; k != nil; {
		next := k.next
		b.unref(k)
		k = next
	}
	c.block, c.gone = nil, true
	b.passed()
	return b.eased()
}

func (b *buffer) fill() int { return int(b.head - b.slow) }

// admit says whether n bytes more may come in.
func (b *buffer) admit(n int) error {
	switch {
	case b.err != nil:
		return b.err
	case n > b.size:
		return ErrTooLong
	case n > b.free():
		b.missed = true
		return ErrFull
	}
	return nil
}

func (b *buffer) note(from *VConn) {
	if b.wait == nil {
		b.wait = waitings.Get().(*waiting)
	}
	if _, ok := b.wait.set[from]; !ok {
		b.wait.set[from] = struct{}{}
		b.wait.order = append(b.wait.order, from)
	}
}

// free returns how many bytes more may come in from anyone.
func (b *buffer) free() int {
	if c := b.claim; c != nil {
		return b.size - c.window - b.reserved - b.apart()
	}
	return b.size - b.fill() - b.reserved
}

// eased returns whom to wake if the fill is at or below the low mark, half the size.
func (b *buffer) eased() (e easing) {
	if b.claim != nil {
		return easing{flow: b.due()}
	}
	if b.fill()+b.reserved > b.size/2 {
		return easing{}
	}
	e = b.dismissed()
	if b.missed {
		b.missed, b.room, e.room = false, true, true
	}
	return e
}

func (b *buffer) dismissed() (e easing) {
	e.who, b.wait = b.wait, nil
	return e
}

// append copies p behind the last byte. There is room for it.
func (b *buffer) append(p []byte) {
	b.head += int64(len(p))
	for len(p) > 0 {
		if b.tail == nil || b.tail.n == len(b.tail.buf) {
			b.grow(len(p))
		}
		n := copy(b.tail.buf[b.tail.n:], p)
		b.tail.n += n
		p = p[n:]
	}
	if b.first.gone && b.cursors(func(*cursor) {}) == 0 {
		b.passed() // nobody reads
	}
}

// grow adds a block: a small one to an empty buffer if n bytes fit, as most of what is put fits one.
func (b *buffer) grow(n int) {
	if b.tail != nil && b.size > smallBlock {
		n = largeBlock
	}
	k := newBlock(n)
	last := b.tail
	b.tail = k
	if last != nil {
		last.next = k
	}
	b.cursors(func(c *cursor) {
		k.refs++
		switch {
		case c.block == nil:
			c.block, c.off = k, 0
		case c.block == last && c.off == last.n:
			c.block, c.off = k, 0
			b.unref(last)
		}
	})
}

// passed counts anew what the slowest cursor has passed, and gives the last block back if that is all.
func (b *buffer) passed() {
	b.slow = b.head
	if !b.first.gone {
		b.slow = b.first.pos
	}
	for _, c := range b.more {
		if !c.gone {
			b.slow = min(b.slow, c.pos)
		}
	}
	if b.slow < b.head-int64(b.piped()) || b.tail == nil {
		return
	}
	b.cursors(func(c *cursor) { c.block, c.off = nil, 0 })
	b.tail.recycle()
	b.tail = nil
}

// unref notes that a cursor has passed k.
func (b *buffer) unref(k *block) {
	k.refs--
	if k.refs > 0 {
		return
	}
	if k == b.tail {
		b.tail = nil
	}
	k.recycle()
}

// cursors calls f for each cursor and returns how many there are.
func (b *buffer) cursors(f func(*cursor)) (n int) {
	if !b.first.gone {
		n++
		f(&b.first)
	}
	for _, c := range b.more {
		if !c.gone {
			n++
			f(c)
		}
	}
	return n
}
