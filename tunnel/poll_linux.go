package tunnel

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

const (
	events = 512     // taken at once
	edge   = 1 << 31 // EPOLLET, which the standard library has as a negative number
)

// poll is a Shard's own epoll instance, which is itself parked in the runtime's poller: a Shard that waits is a
// goroutine like any other. A socket is registered once, edge-triggered.
type poll struct {
	fd      int
	parked  syscall.RawConn
	file    *os.File
	look    func(uintptr) bool // made once
	n       int                // events that look has found
	events  [events]syscall.EpollEvent
	scratch []byte
	pinned  [][]byte
	iov     [pieces]syscall.Iovec
}

const eventSlot = -1

func newPoll() (*poll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poll{fd: fd, file: os.NewFile(uintptr(fd), "epoll"), scratch: make([]byte, scratch)}
	p.look = func(uintptr) bool {
		p.n = p.poll()
		return p.n > 0
	}
	if p.parked, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// watch registers vc. The first one brings the Shard's epoll instance.
func (s *Shard) watch(vc *VConn) error {
	if s.poll == nil {
		p, err := newPoll()
		if err != nil {
			return err
		}
		event, err := newEvent()
		if err == nil {
			err = p.add(event, eventSlot, syscall.EPOLLIN|edge)
		}
		if err != nil {
			closeEvent(event)
			_ = p.file.Close()
			return err
		}
		s.openBell(event)
		s.poll = p
	}
	const want = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | syscall.EPOLLPRI | edge
	return s.poll.add(int(vc.fd), vc.slot, want)
}

func (p *poll) add(fd int, slot int32, want uint32) error {
	ev := syscall.EpollEvent{Events: want, Fd: slot}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &ev))
}

// close gives the instance back. The bell is shut before.
func (p *poll) close() { _ = p.file.Close() }

// poll takes what is ready, without waiting, and returns how many events that are.
func (p *poll) poll() int {
	for {
		// It returns at once, so the runtime need not be told.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), events, 0, 0, 0)
		if errno == 0 {
			return int(n)
		}
		if errno != syscall.EINTR {
			return 0
		}
	}
}

// wait notes what is ready, and waits for it if block is set and nobody has left anything to do.
func (p *poll) wait(s *Shard, block bool) {
	if block {
		s.hooks.at(beforeSleep, nil)
		s.sleeping.Store(byEvent)
		if block = !s.wanted(); block {
			s.hooks.at(onSleep, nil)
			p.n = 0
			_ = p.parked.Read(p.look)
		}
		s.sleeping.Store(awake)
	}
	if !block {
		p.n = p.poll()
	}
	if p.n > 0 {
		p.note(s)
		s.wakeRested()
	}
}

// note marks the connections that are ready.
func (p *poll) note(s *Shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range p.events[:p.n] {
		ev := &p.events[i]
		if ev.Fd < 0 || int(ev.Fd) >= len(s.slots) {
			continue // the bell
		}
		at := s.slots[ev.Fd]
		if vc := at.vc; vc != nil && vc.fd >= 0 && vc.live {
			s.ready(vc, ev.Events)
		} else if at.folded != nil {
			s.roused = append(s.roused, roused{at.folded, ev.Fd, ev.Events})
		}
	}
}

// wakeRested unfolds those that something has happened to.
func (s *Shard) wakeRested() {
	for i, r := range s.roused {
		s.roused[i] = roused{}
		s.unfold(r.folded)
		vc := r.folded.t.first.vc
		if r.folded.slot[0] != r.slot {
			vc = r.folded.t.second.vc
		}
		if vc != nil && !vc.released {
			s.ready(vc, r.events)
		}
	}
	s.roused = s.roused[:0]
}

// ready notes an event of vc.
func (s *Shard) ready(vc *VConn, ev uint32) {
	const hangUp = syscall.EPOLLRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
	if ev&(hangUp|syscall.EPOLLPRI) != 0 {
		vc.drain = true // the end, or urgent data, makes a read short that is not the last
	}
	if ev&(hangUp|syscall.EPOLLIN|syscall.EPOLLPRI) != 0 {
		vc.readable = true
		vc.hung = vc.hung || ev&hangUp != 0
		if ev&syscall.EPOLLERR != 0 {
			vc.failed = true
		}
		if vc.failed || vc.closing || vc.hung || vc.wantsRead() {
			s.toRead(vc)
		}
	}
	if vc.blocked && ev&(hangUp|syscall.EPOLLOUT) != 0 {
		vc.blocked = false
		s.toWrite(vc)
	}
}

// read reads from vc once. What it read is, behind what was kept, the p that it returns, good until the next read; or,
// if p is nil, it was put behind what is kept. An error may come with bytes.
func (p *poll) read(vc *VConn) (n int, joint []byte, err error) {
	k := len(vc.kept)
	var room int
	if k <= joined {
		copy(p.scratch, vc.kept)
		room = len(p.scratch) - k
		n, err = readSocket(int(vc.fd), p.scratch[k:])
	} else {
		spare := vc.kept[k:cap(vc.kept)]
		room = len(spare) + len(p.scratch)
		n, err = p.readv(int(vc.fd), spare)
	}
	switch {
	case err == syscall.EAGAIN:
		vc.readable = false
		if vc.broken != nil {
			return 0, nil, vc.broken
		}
		return 0, nil, nil
	case err != nil:
		return 0, nil, os.NewSyscallError("read", err)
	case n == 0:
		return 0, nil, io.EOF
	case n < room && !vc.drain:
		vc.readable = false
	}
	if k <= joined {
		return n, p.scratch[:k+n], nil
	}
	inPlace := min(n, cap(vc.kept)-k)
	vc.kept = vc.kept[:k+inPlace]
	vc.keep(p.scratch[:n-inPlace])
	return n, nil, nil
}

// readv reads into spare and then into the scratch.
func (p *poll) readv(fd int, spare []byte) (int, error) {
	if len(spare) == 0 {
		return readSocket(fd, p.scratch)
	}
	p.iov[0].Base, p.iov[1].Base = &spare[0], &p.scratch[0]
	p.iov[0].SetLen(len(spare))
	p.iov[1].SetLen(len(p.scratch))
	defer clear(p.iov[:2])
	return vectored(syscall.SYS_READV, fd, p.iov[:2])
}

// discard reads once and drops it. It returns how the input ended, or nil.
func (p *poll) discard(vc *VConn) error {
	n, err := readSocket(int(vc.fd), p.scratch)
	switch {
	case err == syscall.EAGAIN:
		vc.readable = false
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	return nil
}

// write writes what vc has queued, a quantum at most, once.
func (p *poll) write(vc *VConn) (n int, err error) {
	if vc.blocked {
		return 0, nil
	}
	b, c := &vc.out, &vc.out.first
	p.pinned = b.pin(c, p.pinned[:0], quantum)
	if len(p.pinned) == 0 {
		f := b.extra()
		if f == nil {
			return p.pour(vc)
		}
		b, c = f.from, f.at
		p.pinned = b.pin(c, p.pinned, quantum)
	}
	defer clear(p.pinned)
	p.pinned = p.pinned[:min(len(p.pinned), pieces)]
	size := 0
	for _, b := range p.pinned {
		size += len(b)
	}
	switch len(p.pinned) {
	case 0:
		return 0, nil
	case 1:
		n, err = writeSocket(int(vc.fd), p.pinned[0])
	default:
		n, err = p.writev(int(vc.fd))
	}
	switch {
	case err == syscall.EAGAIN:
		vc.blocked = true
		b.unpin(c).send(vc)
		return 0, nil
	case err != nil:
		b.unpin(c).send(vc)
		return 0, os.NewSyscallError("write", err)
	}
	vc.blocked = n < size
	b.wrote(c, n).send(vc)
	return n, nil
}

// pour writes what a tunnel has in its pipe.
func (p *poll) pour(vc *VConn) (int, error) {
	b := &vc.out
	q, n := b.drain()
	if q == nil {
		return 0, nil
	}
	m, err := splice(q.r, int(vc.fd), n)
	b.drained(q, m).send(vc)
	switch {
	case err == syscall.EAGAIN:
		vc.blocked = true
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("splice", err)
	}
	return m, nil
}

func (p *poll) writev(fd int) (int, error) {
	iov := p.iov[:len(p.pinned)]
	defer clear(iov)
	for i := range iov {
		iov[i].Base = &p.pinned[i][0]
		iov[i].SetLen(len(p.pinned[i]))
	}
	return vectored(syscall.SYS_WRITEV, fd, iov)
}

func vectored(call uintptr, fd int, iov []syscall.Iovec) (int, error) {
	return transfer(call, fd, unsafe.Pointer(&iov[0]), len(iov))
}

// takeSocket takes the descriptor of a plain stream socket out of conn, which is closed. If it cannot, conn is as it was.
func takeSocket(conn net.Conn) (fd int, ok bool) {
	var raw syscall.RawConn
	var err error
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		if a := c.LocalAddr(); a == nil || a.Network() != "unix" {
			return -1, false // datagrams
		}
		raw, err = c.SyscallConn()
	default:
		return -1, false
	}
	if err != nil {
		return -1, false
	}
	var errno syscall.Errno
	err = raw.Control(func(old uintptr) {
		var n uintptr
		n, _, errno = syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		fd = int(n)
	})
	if err != nil || errno != 0 {
		return -1, false
	}
	if _, tcp := conn.(*net.TCPConn); tcp {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	_ = syscall.SetNonblock(fd, true)
	_ = conn.Close()
	return fd, true
}

// socketError returns the error that is pending on fd, or nil, and takes it away.
func socketError(fd int) error {
	n, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && n != 0 {
		err = syscall.Errno(n)
	}
	return os.NewSyscallError("socket", err)
}

// peerOf returns the address of the peer of fd.
func peerOf(fd int) string {
	name, err := syscall.Getpeername(fd)
	if err != nil {
		return "a connection that has ended"
	}
	switch a := name.(type) {
	case *syscall.SockaddrInet4:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	case *syscall.SockaddrInet6:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	case *syscall.SockaddrUnix:
		return "unix:" + a.Name
	}
	return "a connection"
}

// finishSocket sends the end.
func finishSocket(fd int) { _ = syscall.Shutdown(fd, syscall.SHUT_WR) }

// closeSocket closes fd, with a reset if the kind of socket has one.
func closeSocket(fd int, reset bool) {
	if reset {
		_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	_ = syscall.Close(fd)
}

func newEvent() (int, error) {
	fd, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		return 0, os.NewSyscallError("eventfd2", errno)
	}
	return int(fd), nil
}

// signalEvent makes an edge. Nobody reads the counter, as it would take centuries to fill it.
func signalEvent(fd int) {
	one := [8]byte{1}
	_, _ = syscall.Write(fd, one[:])
}

func closeEvent(fd int) {
	if fd > 0 {
		_ = syscall.Close(fd)
	}
}
