//go:build !linux

package tunnel

import (
	"errors"
	"net"
)

// poll is there under Linux only. Elsewhere every connection is a pump's, and none of this is reached.
type poll struct{}

var errNoPoll = errors.New("tunnel: no poll on this system")

func (s *Shard) watch(*VConn) error { return errNoPoll }

func (*poll) wait(*Shard, bool)                {}
func (*poll) close()                           {}
func (*poll) read(*VConn) (int, []byte, error) { return 0, nil, errNoPoll }
func (*poll) write(*VConn) (int, error)        { return 0, errNoPoll }
func (*poll) discard(*VConn) error             { return errNoPoll }

func takeSocket(net.Conn) (int, bool) { return -1, false }
func socketError(int) error           { return nil }
func finishSocket(int)                {}
func peerOf(int) string               { return "" }
func closeSocket(int, bool)           {}
func signalEvent(int)                 {}
func closeEvent(int)                  {}

type (
	zeroCopy struct{}
	pipe     struct {
		n    int
		busy bool
	}
)

func (*flow) adapt(int, int)   {}
func (*Shard) spliceIn(*VConn) {}
func (*pipe) leave()           {}
