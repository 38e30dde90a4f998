package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// most is the resident memory, in KiB, that the gateway may ever have had.
const most = 64 << 10

// TestABodyOf2GiBNeedsLittleMemory has an image go each way through the gateway as a process of its own.
func TestABodyOf2GiBNeedsLittleMemory(t *testing.T) {
	size := int64(2 << 30)
	if testing.Short() {
		size = 256 << 20
	}
	address, process := gateway(t, archive(t))
	for _, op := range []string{"put", "get"} {
		var out bytes.Buffer
		if err := run(context.Background(), []string{op, "-to", address, "-size", strconv.FormatInt(size, 10)}, &out); err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if !strings.Contains(out.String(), "is right") {
			t.Errorf("%s: %s", op, out.String())
		}
		if peak, ok := peakMemory(process.Pid); !ok {
			t.Log("this system does not tell the memory of a process")
		} else if peak > most {
			t.Errorf("%s: the gateway had %d KiB, want at most %d", op, peak, most)
		} else {
			t.Logf("%s: %d bytes, the gateway had %d KiB at most", op, size, peak)
		}
	}
}

func TestARefusedImageIsPassedOverAndTheNextIsTaken(t *testing.T) {
	address, _ := gateway(t, archive(t))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := (header{"DROP", "00000009", "0000", 10 << 20}).write(conn); err != nil {
		t.Fatal(err)
	}
	if _, err := image(conn, 10<<20); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	h, err := read(r)
	if err != nil {
		t.Fatal(err)
	}
	if h.op != "FAIL" || h.id != "00000009" || h.status != "4030" {
		t.Errorf("got %+v, want FAIL 4030", h)
	}
	if _, err := r.Discard(int(h.size)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := ask(conn, "put", 1<<20, &out); err != nil {
		t.Error(err)
	}
}

func archive(t *testing.T) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go serve(l)
	return l.Addr().String()
}

// gateway runs the example's configuration, with other addresses, as a process.
func gateway(t *testing.T, backend string) (address string, process *os.Process) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	text, err := os.ReadFile("sallyport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_ = l.Close()
	config := strings.NewReplacer("127.0.0.1:7300", address, "127.0.0.1:7301", backend).Replace(string(text))
	file := filepath.Join(dir, "sallyport.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "-c", file)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("sallyport: %v\n%s", err, log.String())
		}
	})
	for range 500 { // until it listens
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return address, cmd.Process
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("sallyport does not listen")
	return "", nil
}

// peakMemory returns the most resident memory that a process has had, in KiB.
func peakMemory(pid int) (kib int, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, false
	}
	kib, err = strconv.Atoi(string(found[1]))
	return kib, err == nil
}
