package tunnel

// Held is a VConn that is locked. It ends with Unlock, in the function that took it, and is never stored. Nothing that
// can block is done before that: encode first, then lock, put, unlock.
type Held struct {
	_     noCopy
	vc    *VConn
	epoch uint64 // of vc, when it was locked
}

// noCopy makes go vet report a copy of what contains it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Put copies p and queues it, whole, to be written. It does not wait. It returns ErrFull if there is no room now,
// and then Room is called once there is; ErrTooLong if p can never fit; and the cause if the connection is closed or has
// failed. Whoever put something reenables the VConn when all is put.
func (h *Held) Put(p []byte) error { return h.locked().out.put(p) }

// Queued returns how many bytes were put, by whomever, and are not yet written.
func (h *Held) Queued() int { return h.locked().out.queued() }

// Left returns how many of the bytes that were ever put have left for the peer, or may have: it counts those of a
// write that is not over. What was put after the first Left bytes the peer has not seen, and after the connection has
// ended never will.
func (h *Held) Left() int64 {
	out := &h.locked().out
	return out.left(&out.first)
}

// Close ends the connection: nothing more is put, what was put is written, then the peer sees EOF. What is not
// written when the Shard's Linger is over is dropped. A nil cause stands for ErrClosed.
//
// As a peer that is still sending would be told of a reset instead of reading to the end, what it sends is read and
// dropped until it ends too, up to the Linger in total, unless there was nothing left to write.
func (h *Held) Close(cause error) { h.locked().shut(cause, askClose) }

// Abort ends the connection: what was put is dropped, then the peer sees a reset, where the kind of connection has
// one. A nil cause stands for ErrClosed.
func (h *Held) Abort(cause error) { h.locked().shut(cause, askAbort) }

// CloseWrite is as Close for one direction: the peer sees EOF after what was put, and may go on sending. A connection
// of a kind that cannot be closed for one direction stays open.
func (h *Held) CloseWrite() {
	vc := h.locked()
	vc.ask(askCloseWrite)
	vc.out.end(ErrWriteClosed).send(vc)
}

// CloseRead stops the read events: no more Data, and no End for the peer's EOF. Close is still needed. That the
// connection broke is still told, once it is known.
func (h *Held) CloseRead() { h.locked().ask(askCloseRead) }

// Unlock gives the VConn back. Any later use of h, or of a copy of it, panics.
func (h *Held) Unlock() {
	vc := h.locked()
	vc.epoch++
	vc.mu.Unlock()
	if vc.missed.Load() && vc.missed.Swap(false) {
		vc.Reenable()
	}
}

// locked returns the VConn of h. Every method of Held begins with it.
func (h *Held) locked() *VConn {
	if h.epoch != h.vc.epoch {
		panic("tunnel: Held used after Unlock")
	}
	return h.vc
}
