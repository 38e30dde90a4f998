//go:build unix

package gateway

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// When the process has no descriptors left clients are turned away in words, those who are in go on, and when there are some
// again everybody may come.
func TestFaultD1NoDescriptors(t *testing.T) {
	h := newHost(t)
	g := reloading(t, plainRoute("r", "1", h.config()))
	b, in := h.accept(), call(t, g.Addr("r"))
	in.send("Q 1 before")
	b.answers(1)
	in.expect("A 1 before")
	var sockets [3]int // of clients that come when there are no more
	for i := range sockets {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		sockets[i] = fd
	}
	giveBack := takeDescriptors(t)
	defer giveBack()
	at := g.Addr("r").(*net.TCPAddr)
	for _, fd := range sockets {
		_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 20})
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := syscall.Read(fd, buf)
		if err != nil || !strings.Contains(string(buf[:max(n, 0)]), "later busy") {
			t.Errorf("who is turned away hears %q, %v", buf[:max(n, 0)], err)
		}
	}
	in.send("Q 2 while")
	b.answers(1)
	in.expect("A 2 while")
	if n := g.Snapshot().Routes[0].Starved; n < 3 {
		t.Errorf("counted %d times, want 3", n)
	}
	giveBack()
	c := call(t, g.Addr("r"))
	c.send("Q 1 after")
	b.answers(1)
	c.expect("A 1 after")
}

// takeDescriptors takes all that the process may have, until it is called that is returned.
func takeDescriptors(t *testing.T) (giveBack func()) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = min(limit.Cur, 512)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if errors.Is(err, syscall.EMFILE) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return func() {
		for _, f := range files {
			_ = f.Close()
		}
		files = nil
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
}
