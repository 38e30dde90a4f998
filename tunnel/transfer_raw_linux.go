//go:build !race

package tunnel

import (
	"syscall"
	"unsafe"
)

func readSocket(fd int, p []byte) (int, error) {
	return transfer(syscall.SYS_READ, fd, unsafe.Pointer(&p[0]), len(p))
}

func writeSocket(fd int, p []byte) (int, error) {
	return transfer(syscall.SYS_WRITE, fd, unsafe.Pointer(&p[0]), len(p))
}
