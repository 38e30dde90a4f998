package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// The manager hears when the program is ready, when it reloads, that it lives, and that it ends.
func TestTheServiceManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "100000")
	hears := func(want string) {
		t.Helper()
		buf := make([]byte, 1000)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("the manager does not hear %s: %v", want, err)
			}
			if strings.HasPrefix(string(buf[:n]), want) {
				return
			}
		}
	}
	r := run(t, small, false)
	hears("READY=1")
	hears("WATCHDOG=1")
	r.signals <- syscall.SIGHUP
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	r.signals <- syscall.SIGTERM
	hears("STOPPING=1")
}

// A socket of the manager is the listener of the route that it is called after, and one that is called after none is told.
func TestSocketsOfTheServiceManager(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &service{listeners: map[string]net.Listener{"orders": l}}
	c := gateway.Config{Routes: []gateway.Route{{Name: "other"}, {Name: "orders"}}}
	if err := s.lend(&c); err != nil || c.Routes[0].Listener != nil || c.Routes[1].Listener != l {
		t.Errorf("got %v, %v", err, c.Routes)
	}
	c.Routes = c.Routes[:1]
	if err := s.lend(&c); err == nil || !strings.Contains(err.Error(), "orders") {
		t.Errorf("got %v, want it to name the socket", err)
	}
}
