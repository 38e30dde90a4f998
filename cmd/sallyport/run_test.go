package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/config"
)

func TestASecondSignalEndsAtOnce(t *testing.T) {
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	socket := filepath.Join(t.TempDir(), "s")
	text := "drain: 1h\nroutes:\n  - name: a\n    listen: unix:" + socket + "\n    protocol: { name: jsonrpc }\n" +
		"    timeouts: { answer: 1h }\n    backend: { address: \"" + backend.Addr().String() + "\", connections: 1 }\n"
	f, err := config.Parse("run.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := newRunCommand()
	log, logged := io.Pipe()
	cmd.SetErr(logged)
	cmd.SetContext(t.Context())
	signals := make(chan os.Signal, 2)
	ended := make(chan error, 1)
	go func() { ended <- runGateway(cmd, f, signals, false) }()

	lines := bufio.NewScanner(log)
	expect := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the log ends without %q", want)
	}
	expect("route is open")
	client, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"wait"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	conn, err := backend.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil { // open, and never answered
		t.Fatal(err)
	}

	signals <- syscall.SIGTERM
	expect("draining")
	signals <- syscall.SIGTERM
	expect("ended at once")
	if err := <-ended; !errors.Is(err, errTold) {
		t.Errorf("got %v, want %v", err, errTold)
	}
}
