package tunnel

// carry is one Carry of a OneWay.
type carry struct {
	flow
	way  *OneWay
	sink single
	done func(int64, error)
}

// Carry moves n bytes from from to where the OneWay leads, or, if n is negative, all until from ends. from's Handler
// calls it; when that call returns the tunnel is the Handler, and what the call did not take is the first that is
// carried. Until it ends nothing comes between its bytes: what others put meanwhile is kept aside, and follows.
//
// done is called once, in a turn of from's Shard, never from within Carry: with the bytes taken from from, and nil if
// all of them were delivered. The Handler is then again who it was, and is offered byte n+1 after done has returned; in
// done it may hand over anew. The errors are ErrShort, ErrTargetGone, ErrIdle and ErrExpired of from's own limits,
// ErrStalled, what the Transform or from has failed with, the cause given to Stop, ErrEnded, and ErrBusy if a tunnel has
// from or the target already. After an error what was not yet written to the target is dropped.
//
// Where both are plain sockets under poll and there is no Transform, many bytes at once go by splice(2).
func (t *OneWay) Carry(from *Owner, n int64, done func(n int64, err error)) {
	t.CarryAfter(nil, from, n, done)
}

// CarryAfter is Carry with head, which is copied, in front of what is carried, and nothing between the two. The Transform
// does not see it, and done does not count it.
func (t *OneWay) CarryAfter(head []byte, from *Owner, n int64, done func(n int64, err error)) {
	c := &carry{way: t, sink: single{to: t.to, window: t.Window}, done: done}
	if t.Transform != nil || len(head) > 0 {
		c.through = &through{transform: t.Transform, held: append([]byte(nil), head...)}
	}
	c.init(c, from.vc, n, &c.sink)
	switch {
	case !from.vc.claimed.CompareAndSwap(false, true):
		c.refuse(ErrBusy)
	case t.ended.Load():
		from.vc.claimed.Store(false)
		c.refuse(ErrEnded)
	case !t.carry.CompareAndSwap(nil, c):
		from.vc.claimed.Store(false)
		c.refuse(ErrBusy)
	default:
		c.begin()
	}
}

// refuse is for what cannot begin.
func (c *carry) refuse(err error) {
	c.from.shard.order(c.from, func() { c.done(0, err) })
}

// Limit lowers the limit of the Carry that runs to n bytes, or to those it has taken by now. It may be called from
// anywhere. Without a Carry it does nothing.
func (t *OneWay) Limit(n int64) {
	c := t.carry.Load()
	if c == nil {
		return
	}
	for n = max(n, 0); ; {
		limit := c.limit.Load()
		if limit >= 0 && limit <= n || c.limit.CompareAndSwap(limit, n) {
			break
		}
	}
	c.wake()
}

// Stop ends the Carry that runs with cause, as an error. It may be called from anywhere. Without a Carry it does nothing.
func (t *OneWay) Stop(cause error) {
	if c := t.carry.Load(); c != nil {
		c.Stop(cause)
		c.wake()
	}
}

func (c *carry) ended(_ *flow, err error) {
	if c.way.CloseSource {
		shut(c.from, err, true)
	}
	if c.way.CloseTarget {
		shut(c.sink.to, err, false)
	}
	c.way.carry.Store(nil)
	c.handBack()
	c.done(c.taken.Load(), err)
	c.bequeath()
}

func (c *carry) idled(*flow) { c.stalled() }
func (c *carry) part(*flow)  {}
func (c *carry) rested()     {}

// shut closes vc at the end of a tunnel: in order after nil, and otherwise so that its peer does not take it for one.
// With own the caller is in a call of vc's own Handler.
func shut(vc *VConn, err error, own bool) {
	ask := askClose
	if err != nil {
		ask = askAbort
	}
	if own {
		ask |= askOwn
	}
	h := vc.Lock()
	defer h.Unlock()
	h.locked().shut(err, ask)
}
