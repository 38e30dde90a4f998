//go:build race

package tunnel

import "syscall"

// Under the race detector the standard library's own calls are used, which tell it that what is read was written before.

func readSocket(fd int, p []byte) (int, error) { return again(syscall.Read, fd, p) }

func writeSocket(fd int, p []byte) (int, error) { return again(syscall.Write, fd, p) }

func again(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
