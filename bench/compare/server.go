//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// The server is a process of its own, so that its time is not counted as a proxy's.
const serverCommand = "server-of-the-benchmark"

// serve answers what comes, until its input ends, which ends the process. It prints its address.
func serve(name string, out io.Writer) error {
	s := speeches[name]
	if s == nil || s.answer == nil {
		return fmt.Errorf("there is no server for %q", name)
	}
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
			_ = s.answers(conn) // the client has left
		}()
	}
}

// answers answers every request that is whole with one write.
func (s *speech) answers(conn net.Conn) error {
	in, n := make([]byte, 64<<10), 0
	var out []byte
	for {
		k, err := conn.Read(in[n:])
		if err != nil {
			return err
		}
		n += k
		taken := 0
		out = out[:0]
		for {
			size := s.split(in[taken:n])
			if size == 0 {
				break
			}
			out = s.answer(out, in[taken:taken+size])
			taken += size
		}
		if n = copy(in, in[taken:n]); n == len(in) {
			in = append(in, make([]byte, len(in))...)
		}
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
}

// server is one that runs.
type server struct {
	address string
	cmd     *exec.Cmd
	in      io.Closer
}

func startServer(ctx context.Context, name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, serverCommand, name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the server has not said where it listens: %w", err)
	}
	return &server{strings.TrimSpace(line), cmd, in}, nil
}

func (s *server) used() rig.Usage { return rig.UsedBy(s.cmd.Process.Pid) }

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}
