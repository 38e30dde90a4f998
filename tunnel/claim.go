package tunnel

// claim is a tunnel's hold on a buffer. As long as it lasts nothing comes between the bytes of the tunnel: what others
// put is kept aside, and follows when the claim ends.
type claim struct {
	flow   *flow
	window int     // bytes that the tunnel may have in the buffer
	want   int     // flow is woken when no more than this is in it; -1: it does not wait
	every  bool    // of several cursors: flow is woken for each that has come to the end
	aside  *buffer // what others have put; nil: nothing
	pipe   *pipe   // bytes of the tunnel that go past the memory, after all that is in blocks; nil: none
}

// low is the fill at which a source that waits is woken.
func (c *claim) low() int { return c.window / 2 }

// feed is a buffer that is not the connection's own, which it writes from: that of a tunnel with many targets.
type feed struct {
	from *buffer
	at   *cursor
}

// grab gives b to the tunnel f, with a window of so many bytes, 0 for all that fit. It returns ErrBusy if another tunnel
// has it, and the cause if nothing more can be put.
func (b *buffer) grab(f *flow, window int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return b.err
	case b.claim != nil:
		return ErrBusy
	}
	if window <= 0 || window > b.size {
		window = b.size
	}
	b.claim = &claim{flow: f, window: window, want: -1}
	return nil
}

// fillUp puts as much of p as the window has room for. If that is not all, the tunnel is woken when there is more.
func (b *buffer) fillUp(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	c := b.claim
	room := c.window - b.fill()
	switch {
	case b.piped() > 0: // what is put now would come before it
		room, c.want = 0, 0
	case room < len(p):
		c.want = c.low()
	}
	n = min(len(p), max(room, 0))
	b.append(p[:n])
	return n, nil
}

// empty reports whether all that was put has been written. If not, the tunnel is woken when it is.
func (b *buffer) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fill() == 0 {
		return true
	}
	b.claim.want = 0
	return false
}

// awaits has the tunnel woken when no more than low bytes are left, and is false if that is so already.
func (b *buffer) awaits(low int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fill() <= low {
		return false
	}
	b.claim.want = low
	return true
}

// place returns how many bytes are left to write, those aside not counted, and how many the slowest has passed.
func (b *buffer) place() (left int, passed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fill(), b.slow
}

// yield ends the claim: what others have put meanwhile follows. With drop, what no write was given yet is dropped.
func (b *buffer) yield(drop bool) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.claim
	b.claim, b.feed = nil, nil
	if q := c.pipe; q != nil {
		if q.busy {
			b.first.pos += int64(q.n) // it may leave yet
		} else {
			b.head -= int64(q.n)
		}
		q.leave()
		b.passed()
	}
	if drop {
		b.cut()
	}
	b.graft(c.aside)
	return b.eased()
}

// follow has the connection write from f too.
func (b *buffer) follow(f *feed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed = f
}

// announce has the tunnel woken for each cursor that comes to the end.
func (b *buffer) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claim.every = true
}

// at returns how many bytes c has passed, and whether some are before it.
func (b *buffer) at(c *cursor) (passed int64, lags bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return c.pos, c.pos < b.head
}

// extra returns what the connection writes beside b, nil if there is nothing or it is being closed.
func (b *buffer) extra() *feed {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || b.dropped {
		return nil
	}
	return b.feed
}

// fed returns how many bytes of a tunnel with many targets vc has before it.
func (vc *VConn) fed() int {
	f := vc.out.extra()
	if f == nil {
		return 0
	}
	return f.from.before(f.at)
}

// before returns how many bytes c has before it.
func (b *buffer) before(c *cursor) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.gone || c.leave {
		return 0
	}
	return int(b.head - c.pos)
}

// The rest is called with b locked.

// add appends p, or puts it aside.
func (b *buffer) add(p []byte) {
	c := b.claim
	if c == nil {
		b.append(p)
		return
	}
	if c.aside == nil {
		c.aside = &buffer{size: b.size}
	}
	c.aside.append(p)
}

// apart returns how many bytes were put aside.
func (b *buffer) apart() int {
	if b.claim == nil || b.claim.aside == nil {
		return 0
	}
	return b.claim.aside.fill()
}

// piped returns how many bytes of the fill are in the pipe.
func (b *buffer) piped() int {
	if b.claim == nil || b.claim.pipe == nil {
		return 0
	}
	return b.claim.pipe.n
}

// due returns the tunnel if what it waits for is there.
func (b *buffer) due() *flow {
	c := b.claim
	if c.want >= 0 && b.awaited() <= c.want {
		c.want = -1
		return c.flow
	}
	if c.every {
		done := false
		b.cursors(func(o *cursor) { done = done || o.pos == b.head })
		if done {
			return c.flow
		}
	}
	return nil
}

// awaited returns the fill for those cursors that the tunnel waits for.
func (b *buffer) awaited() int {
	if len(b.more) == 0 {
		return b.fill()
	}
	slow := b.head
	b.cursors(func(c *cursor) {
		if !c.easy {
			slow = min(slow, c.pos)
		}
	})
	return int(b.head - slow)
}

// cut drops what no write was given yet, of a buffer with the one cursor of its connection.
func (b *buffer) cut() {
	c := &b.first
	if c.gone || c.block == nil {
		return
	}
	stay := max(c.tried-c.pos, 0)
	k, off := c.block, c.off
	for left := stay; left > 0; {
		if off == k.n {
			k, off = k.next, 0
		}
		step := min(left, int64(k.n-off))
		off += int(step)
		left -= step
	}
	for x := k.next; x != nil; {
		next := x.next
		b.unref(x)
		x = next
	}
	k.next, k.n, b.tail = nil, off, k
	b.head = c.pos + stay
	b.passed()
}

// graft appends what was put aside.
func (b *buffer) graft(aside *buffer) {
	if aside == nil || aside.tail == nil {
		return
	}
	if b.first.gone {
		aside.parted(&aside.first)
		return
	}
	b.head += aside.head - aside.slow
	if b.tail == nil {
		b.first.block, b.first.off = aside.first.block, aside.first.off
	} else {
		b.tail.next = aside.first.block
	}
	b.tail = aside.tail
}
