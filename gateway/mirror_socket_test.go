package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Over real sockets: one mirror never reads, one is required, and one is a file that gets
// results too. The clients notice none of them, and the last two miss nothing.
func TestMirrorsOverSockets(t *testing.T) {
	const clients, each = 4, 1000
	path := filepath.Join(t.TempDir(), "audit")
	required := newCollector(t)
	g, err := New(Config{Shards: 2, Routes: []Route{{Name: "sockets", Listen: "127.0.0.1:0", Codec: newPlain(),
		Backends: []BackendConfig{{Address: echoBackend(t), InFlight: 4096}}, Limits: Limits{Frame: 1 << 10},
		Mirrors: []MirrorConfig{
			{Name: "stuck", Dial: narrow(sink(t, false)), Buffer: 64 << 10},
			{Name: "required", Address: required.address, Required: true, Buffer: 16 << 10},
			{Name: "audit", File: path, Results: true, Buffer: 64 << 20},
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(t.Context()) }()
	text := strings.Repeat("x", 800)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() { converse(t, g.Addr("sockets").String(), c, each, text) })
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := g.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	mirrors := g.Snapshot().Routes[0].Mirrors
	if m := mirrors[0]; m.Missed == 0 || m.Copied+m.Missed != clients*each {
		t.Errorf("got %+v", m)
	}
	for client, got := range required.wait() {
		if got != each {
			t.Errorf("the required mirror got %d requests of client %d", got, client)
		}
	}
	if m := mirrors[1]; m.Copied != clients*each || m.Missed != 0 {
		t.Errorf("got %+v", m)
	}
	if m := mirrors[2]; m.Copied != 2*clients*each || m.Missed != 0 {
		t.Errorf("got %+v", m)
	}
	auditHas(t, path, map[string]int{"request": clients * each, "result": clients * each})
}

// narrow dials address with so small a buffer that the system does not take much for a
// peer that does not read.
func narrow(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
}

// converse is a client that sends n requests, 50 at a time, and reads their answers.
func converse(t *testing.T, address string, client, n int, text string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(conn)
	for i := 0; i < n; i += 50 {
		var batch bytes.Buffer
		for j := i; j < i+50; j++ {
			fmt.Fprintf(&batch, "Q %d %d %d %s\n", j, client, j, text)
		}
		if _, err := conn.Write(batch.Bytes()); err != nil {
			t.Error(err)
			return
		}
		for range 50 {
			if line, err := r.ReadString('\n'); err != nil || line[:2] != "A " {
				t.Errorf("client %d: got %.40q, %v", client, line, err)
				return
			}
		}
	}
}

// collector is a sink that notes what each client sent, which must be in order.
type collector struct {
	t       *testing.T
	address string
	ended   chan map[int]int // the next number that each client's is, when the connection has ended
}

func newCollector(t *testing.T) *collector {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &collector{t: t, address: l.Addr().String(), ended: make(chan map[int]int, 1)}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c.ended <- c.collect(conn)
	}()
	return c
}

func (c *collector) collect(conn net.Conn) map[int]int {
	next := map[int]int{}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		var ticket, client, n int
		if _, err := fmt.Sscanf(lines.Text(), "Q %d %d %d ", &ticket, &client, &n); err != nil || n != next[client] {
			c.t.Errorf("got %.40q, want request %d of client %d", lines.Text(), next[client], client)
			break
		}
		next[client]++
	}
	return next
}

func (c *collector) wait() map[int]int {
	select {
	case next := <-c.ended:
		return next
	case <-time.After(30 * time.Second):
		c.t.Fatal("the connection of the required mirror has not ended")
		return nil
	}
}

// auditHas counts the lines of the file at path by what they are.
func auditHas(t *testing.T, path string, want map[string]int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for line := range bytes.Lines(data) {
		var l struct{ What, ID, Body string }
		if err := json.Unmarshal(line, &l); err != nil || !strings.Contains(l.Body, " "+l.ID+" ") {
			t.Fatalf("%.80q: %v", line, err)
		}
		got[l.What]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the file has %v, want %v", got, want)
	}
}
