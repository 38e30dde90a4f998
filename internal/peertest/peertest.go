// Package peertest starts real clients and servers for tests, as far as they are installed, and gateways from the
// configurations of the examples.
package peertest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
)

// Gateway runs the configuration in file until the test has ended, with every route on a free port and the backends
// elsewhere: what backends has for a route's name are the addresses of its backends, one after the other, and nobody is
// behind a route that it does not name. It returns the Gateway and where each route listens.
func Gateway(t *testing.T, file string, backends map[string][]string) (*gateway.Gateway, map[string]string) {
	t.Helper()
	f, err := config.Load(file, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Config()
	for i := range c.Routes {
		r := &c.Routes[i]
		r.Listen = "127.0.0.1:0"
		for n := range r.Backends {
			r.Backends[n].Address = "127.0.0.1:1"
			if addresses := backends[r.Name]; n < len(addresses) {
				r.Backends[n].Address = addresses[n]
			}
		}
	}
	c.Drain = time.Second
	g, err := gateway.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	addresses := map[string]string{}
	for _, r := range g.Snapshot().Routes {
		addresses[r.Name] = r.Listen
	}
	return g, addresses
}

// Need returns where a program is, or skips the test.
func Need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	return path
}

// Free returns an address that nobody listens on. Where all of 127/8 is the loopback it is one that no other process has
// a reason to take before the server does, or while that is started again.
func Free(t *testing.T) string {
	t.Helper()
	pid := os.Getpid()
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.1:0", 100+pid>>8&0x7f, pid&0xff))
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Server is a process that was started.
type Server struct {
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer
}

// Start runs a server until the test has ended, and returns when it listens on address.
func Start(t *testing.T, address string, cmd *exec.Cmd) *Server {
	t.Helper()
	s := &Server{t: t, cmd: cmd}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(os.Interrupt) })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return s
		}
		<-tick.C
	}
	s.end(os.Kill)
	t.Fatalf("%s does not listen on %s:\n%s", cmd.Path, address, s.log.String())
	return nil
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() { s.end(os.Kill) }

func (s *Server) end(how os.Signal) {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(how)
	_ = s.cmd.Wait()
}

// Output runs cmd and returns what it printed, without white space at its ends.
func Output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd.Path, err, out, errs.String())
	}
	return strings.TrimSpace(string(out))
}
