package admin

import (
	"net"
	"syscall"
)

// userOf returns who is at the other end of a Unix socket. It is false if nobody knows.
func userOf(conn net.Conn) (uid int, ok bool) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var who *syscall.Ucred
	failed := raw.Control(func(fd uintptr) { who, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED) })
	if failed != nil || err != nil {
		return 0, false
	}
	return int(who.Uid), true
}
