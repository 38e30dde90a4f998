//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"unsafe"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// The server is a process of its own, so that its time is not counted as a proxy's. A connection begins with a byte
// that says what it is for, and a number:
//
//	S n    the client sends n bytes, which are counted and thrown away; the server then sends a byte
//	G n    the server sends n bytes
//	E 0    everything comes back
const serverCommand = "server-of-the-benchmark"

// serve runs the server until its input ends, which ends the process, and returns why it cannot. It prints its address.
func serve(out io.Writer) error {
	_ = rig.RaiseLimit()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = answer(conn.(*net.TCPConn)) // the client has left
		}()
	}
}

func answer(conn *net.TCPConn) error {
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint64(head[1:]))
	switch head[0] {
	case 'S':
		if err := discard(conn, n); err != nil {
			return err
		}
		_, err := conn.Write([]byte{'.'})
		return err
	case 'G':
		return fill(conn, n)
	}
	buf := make([]byte, 512) // small: there are many of these
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// discard takes n bytes without copying them out of the kernel, so that the ends cost little.
func discard(conn *net.TCPConn, n int64) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 1)
	for n > 0 {
		var k int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			most := min(n, 4<<20)
			k, failed = recvTruncated(int(fd), buf, int(most))
			return failed != syscall.EAGAIN
		})
		switch {
		case err != nil:
			return err
		case failed != nil:
			return failed
		case k == 0:
			return io.ErrUnexpectedEOF
		}
		n -= int64(k)
	}
	return nil
}

// fill sends n bytes.
func fill(w io.Writer, n int64) error {
	block := make([]byte, 1<<20)
	for n > 0 {
		k, err := w.Write(block[:min(n, int64(len(block)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

type server struct {
	address string
	cmd     *exec.Cmd
	in      io.Closer
}

func startServer(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, serverCommand)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	return &server{address: strings.TrimSpace(line), cmd: cmd, in: in}, nil
}

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// recvTruncated takes up to n bytes off a socket and drops them in the kernel (MSG_TRUNC, tcp(7)).
func recvTruncated(fd int, buf []byte, n int) (int, error) {
	k, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(n),
		syscall.MSG_TRUNC|syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(k), nil
}
