//go:build unix && !solaris && !aix

package main

import (
	"os"
	"syscall"
	"unsafe"
)

// rowsOf returns how many lines the terminal f has. It is false if f is no terminal.
func rowsOf(f *os.File) (int, bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	var size struct{ rows, columns, width, height uint16 }
	var failed syscall.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	})
	return int(size.rows), err == nil && failed == 0
}
