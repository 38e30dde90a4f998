//go:build !linux

package admin

import "net"

// userOf knows nobody here: the mode of the socket says who may come.
func userOf(net.Conn) (uid int, ok bool) { return 0, false }
