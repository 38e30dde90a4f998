package tunnel

// keep puts p behind what is kept.
func (vc *VConn) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	n := len(vc.kept)
	if cap(vc.kept)-n < len(p) {
		vc.grow(n + len(p))
	}
	vc.kept = append(vc.kept, p...)
}

// replace keeps p in place of all that was kept. p does not lie there.
func (vc *VConn) replace(p []byte) {
	if vc.store == nil || len(p) == 0 {
		vc.drop(len(vc.kept))
	} else {
		vc.kept = vc.store.buf[:0]
	}
	vc.keep(p)
}

// grow moves what is kept to where n bytes fit: to a block while one is large enough, and then to twice what is needed,
// so that a long frame is not copied once for each read.
func (vc *VConn) grow(n int) {
	old, block := vc.kept, vc.store
	if n <= largeBlock/2 {
		vc.store = newBlock(n)
		vc.kept = append(vc.store.buf[:0], old...)
	} else {
		vc.store = nil
		vc.kept = append(make([]byte, 0, 2*n), old...)
	}
	if block != nil {
		block.recycle()
	}
}

// drop takes the first n bytes of what is kept away.
func (vc *VConn) drop(n int) {
	vc.kept = vc.kept[n:]
	if len(vc.kept) > 0 {
		return
	}
	vc.kept = nil
	if vc.store != nil {
		vc.store.recycle()
		vc.store = nil
	}
}
