package tunnel

import (
	"sync"
	"syscall"
)

const (
	pipeSize = 1 << 20
	leastful = 64 << 10 // a pipe that can hold less is no gain

	setPipeSize = 1031 // F_SETPIPE_SZ
	getPipeSize = 1032 // F_GETPIPE_SZ

	spliceMove     = 1 // SPLICE_F_MOVE
	spliceNonblock = 2 // SPLICE_F_NONBLOCK
)

// pipe takes the place of a buffer for bytes that nobody looks at: splice(2) moves them into it and out of it, and no
// copy of them is made. The buffer that it stands in guards n, busy and left.
type pipe struct {
	r, w int
	size int
	n    int  // bytes in it that are accounted for
	busy bool // a write from it is under way
	left bool // nobody needs it any more
}

// pipes are those that are empty and not in use. Making one costs more than moving a frame through it. There are few, as
// the system counts what they could hold against the user's limit.
var pipes struct {
	mu   sync.Mutex
	free []*pipe
}

const sparePipes = 64

// newPipe returns an empty pipe, or nil if the system gives none that is large enough.
func newPipe() *pipe {
	if p := sparePipe(); p != nil {
		return p
	}
	var fd [2]int
	if err := syscall.Pipe2(fd[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC); err != nil {
		return nil
	}
	p := &pipe{r: fd[0], w: fd[1]}
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(p.w), setPipeSize, pipeSize)
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(p.w), getPipeSize, 0)
	p.size = int(n)
	if errno != 0 || p.size < leastful {
		p.close()
		return nil
	}
	return p
}

func sparePipe() *pipe {
	pipes.mu.Lock()
	defer pipes.mu.Unlock()
	n := len(pipes.free)
	if n == 0 {
		return nil
	}
	p := pipes.free[n-1]
	pipes.free = pipes.free[:n-1]
	return p
}

func (p *pipe) close() {
	_ = syscall.Close(p.r)
	_ = syscall.Close(p.w)
}

// leave gives p back: at once, or when the write that is under way is over.
func (p *pipe) leave() {
	p.left = true
	if !p.busy {
		p.free()
	}
}

// free keeps p for the next if it is empty.
func (p *pipe) free() {
	if p.n > 0 || !p.keep() {
		p.close()
	}
}

func (p *pipe) keep() bool {
	pipes.mu.Lock()
	defer pipes.mu.Unlock()
	if len(pipes.free) == sparePipes {
		return false
	}
	p.left = false
	pipes.free = append(pipes.free, p)
	return true
}

// tap returns the pipe of b, which it gets if it had none, and how much is in it. It is nil if there is none to be had,
// or nothing more can be put.
func (b *buffer) tap() (p *pipe, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, 0
	}
	if b.claim.pipe == nil {
		b.claim.pipe = newPipe()
	}
	if b.claim.pipe == nil {
		return nil, 0
	}
	return b.claim.pipe, b.claim.pipe.n
}

// untap gives the pipe of b back, if nothing is in it.
func (b *buffer) untap() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.claim.pipe; p != nil && p.n == 0 && !p.busy {
		b.claim.pipe = nil
		p.leave()
	}
}

// entered notes n bytes that went into the pipe.
func (b *buffer) entered(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claim.pipe.n += n
	b.head += int64(n)
}

// drain returns the pipe if it has the next bytes to write, and how many. It is not given back before drained.
func (b *buffer) drain() (p *pipe, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n = b.piped(); n == 0 || n < b.fill() || b.dropped {
		return nil, 0
	}
	p = b.claim.pipe
	p.busy = true
	return p, n
}

// drained ends a write of which n bytes have left p.
func (b *buffer) drained(p *pipe, n int) easing {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.busy = false
	p.n -= n
	if p.left {
		p.free() // the tunnel has ended meanwhile, and with it the count of these bytes
		return easing{}
	}
	b.first.pos += int64(n)
	b.passed()
	return b.eased()
}

// splice moves up to n bytes from one descriptor to another, of which one is a pipe, and does not wait.
//
// The runtime is not told of the call: it takes long enough to be thought blocked, and the processor would be given to
// another thread for nothing, each time.
func splice(from, to, n int) (int, error) {
	for {
		m, _, errno := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), spliceMove|spliceNonblock)
		switch errno {
		case 0:
			return int(m), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
