package tunnel

import (
	"syscall"
	"unsafe"
)

// transfer reads or writes n bytes or pieces at p. A socket that does not block returns at once, so the runtime need not be
// told.
func transfer(call uintptr, fd int, p unsafe.Pointer, n int) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(p), uintptr(n))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
