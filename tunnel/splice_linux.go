package tunnel

import (
	"io"
	"os"
	"syscall"
)

// zeroCopy is how a flow decides between reading and splicing. To splice takes more calls for a few bytes and saves the
// copies of many.
type zeroCopy struct {
	never bool  // it has failed
	few   uint8 // splices in a row that moved little
}

const (
	manyBytes = scratch / 2 // read at once: it splices from now on
	fewBytes  = 8 << 10     // spliced at once: it may read again
	fewLimit  = 4
)

// adapt looks at a Data of n bytes.
func (f *flow) adapt(n, taken int) {
	if n < manyBytes || taken < n || f.zero.never || f.changes() || f.from.pump != nil {
		return
	}
	if s, ok := f.sink.(*single); ok && s.to.pump == nil {
		f.from.zero, f.zero.few = f, 0
	}
}

// read goes back to reading.
func (f *flow) read() {
	f.from.zero = nil
	f.sink.(*single).to.out.untap()
}

// spliceIn moves what has come for vc into the pipe of its tunnel.
func (s *Shard) spliceIn(vc *VConn) {
	f := vc.zero
	if f.state == flowOpen && f.stopped.Load() == nil {
		if err := f.splice(); err != nil {
			s.ended(vc, err)
		}
	}
	s.settle(vc)
	if vc.wantsRead() {
		s.toRead(vc)
	}
}

// splice moves once what there is room for. It returns how the source has ended, or nil.
func (f *flow) splice() error {
	vc, to := f.from, f.sink.(*single).to
	q, before := to.out.tap()
	switch {
	case q == nil:
		f.zero.never = true
		f.read()
		return nil
	case before > q.size/2 && to.out.awaits(q.size/2):
		vc.paused = true
		return nil
	}
	most := q.size
	if limit := f.limit.Load(); limit >= 0 {
		most = int(min(int64(most), limit-f.taken.Load()))
	}
	if most <= 0 {
		vc.paused = true
		f.wake()
		return nil
	}
	n, err := splice(int(vc.fd), q.w, most)
	switch {
	case err == syscall.EAGAIN && before > 0:
		vc.paused = to.out.awaits(0) // the pipe may be full, with fewer bytes than its size
	case err == syscall.EAGAIN:
		vc.readable = false
		if f.zero.few >= fewLimit {
			f.read()
		} else {
			to.out.untap()
		}
		return vc.broken
	case err == syscall.EINVAL || err == syscall.ENOSYS:
		f.zero.never = true
		f.read()
	case err != nil:
		return os.NewSyscallError("splice", err)
	case n == 0:
		return io.EOF
	default:
		f.spliced(to, n)
	}
	return nil
}

func (f *flow) spliced(to *VConn, n int) {
	f.zero.few = min(f.zero.few+1, fewLimit)
	if n >= fewBytes {
		f.zero.few = 0
	}
	taken := f.taken.Add(int64(n))
	to.out.entered(n)
	f.from.shard.moved(f.from)
	to.Reenable()
	if limit := f.limit.Load(); limit >= 0 && taken >= limit {
		f.from.paused = true
		f.wake()
	}
}
