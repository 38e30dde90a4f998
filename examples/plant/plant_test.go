// Package plant tests the example in this folder, with the clients and the device that it is for.
package plant

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/peertest"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/modbus"
)

// python returns an interpreter that has pymodbus, or skips the test.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import pymodbus").Run() == nil {
			return name
		}
	}
	t.Skip("there is no pymodbus here (Debian: python3-pymodbus)")
	return ""
}

// open runs the example in front of a device.
func open(t *testing.T, device string) (g *gateway.Gateway, plant, patient string) {
	t.Helper()
	g, at := peertest.Gateway(t, "sallyport.yaml", map[string][]string{"plant": {device}, "patient": {device}})
	return g, at["plant"], at["patient"]
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func host(address string) string {
	host, _, _ := net.SplitHostPort(address)
	return host
}

func TestPymodbusAndMbpoll(t *testing.T) {
	python := python(t)
	device := peertest.Free(t)
	peertest.Start(t, device, exec.Command(python, "device.py", port(device), host(device)))
	_, plant, _ := open(t, device)
	got := peertest.Output(t, exec.Command(python, "testdata/client.py", port(plant)))
	want := `read [1040, 1041, 1042]
write ok
read [7, 8, 1042]
inputs [5, 6]
coil ok
coils [True, False, False, False, False, False, False, False]
too high exception 2
not there exception 2
other unit exception 2
function exception 1
beyond exception 2`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	mbpoll := peertest.Need(t, "mbpoll")
	poll := func(args ...string) string {
		out, _ := exec.Command(mbpoll, append([]string{"-m", "tcp", "-p", port(plant), "-a", "1", "-0", "-1"}, args...)...).CombinedOutput()
		return string(out)
	}
	if got := poll("-r", "40", "-c", "2", "127.0.0.1"); !strings.Contains(got, "[40]: \t7") || !strings.Contains(got, "[41]: \t8") {
		t.Errorf("mbpoll reads: got\n%s", got)
	}
	if got := poll("-r", "41", "127.0.0.1", "9"); !strings.Contains(got, "Written 1 references.") {
		t.Errorf("mbpoll writes: got\n%s", got)
	}
	if got := poll("-r", "50", "127.0.0.1", "9"); !strings.Contains(got, "Illegal data address") {
		t.Errorf("mbpoll writes where it may not: got\n%s", got)
	}
}

// simulated starts a simulated device.
func simulated(t *testing.T, o sim.BackendOptions) (*sim.Backend, string) {
	t.Helper()
	codec, err := modbus.New(modbus.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	device, address, err := sim.Listen(codec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	return device, address
}

// Ten clients that read registers side by side at the same time cause one request at the device.
func TestReadsOfTenClientsAreOneAtTheDevice(t *testing.T) {
	var frames atomic.Int64
	device, address := simulated(t, sim.BackendOptions{Trace: func(e sim.Event) {
		if e.What == "request" {
			frames.Add(1)
		}
	}})
	g, plant, _ := open(t, address)
	conns := make([]net.Conn, 10)
	for i := range conns {
		conns[i] = dial(t, plant)
	}
	for range 20 { // as often as it takes for them to meet within the 2 ms
		frames.Store(0)
		var wg sync.WaitGroup
		for i, c := range conns {
			wg.Go(func() { ask(t, c, 7, 1, 4, 10*i, 10) })
		}
		wg.Wait()
		if frames.Load() == 1 {
			break
		}
	}
	if n := frames.Load(); n != 1 {
		t.Errorf("%d requests at the device, want 1", n)
	}
	if n := g.Snapshot().Routes[0].Counters.Merged; n < 10 {
		t.Errorf("merged: got %d, want at least 10", n)
	}
	if s := device.Stats(); s.Connections != 2 { // one for each route
		t.Errorf("%d connections to the device, want 2", s.Connections)
	}
}

// Twenty clients with the same transaction ids, and a device that answers late and in another order: each gets its own.
func TestTwentyClientsWithTheSameIDs(t *testing.T) {
	_, address := simulated(t, sim.BackendOptions{Jitter: 5 * time.Millisecond, Reorder: 4, Seed: 1})
	codec, err := modbus.New(modbus.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{Routes: []gateway.Route{{Name: "wide", Listen: "127.0.0.1:0", Codec: codec,
		Backends: []gateway.BackendConfig{{Address: address, Connections: 1, Window: 32, Lane: gateway.LaneConfig{Window: 32}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.Serve(t.Context()) })
	t.Cleanup(func() { _ = g.Close(); wg.Wait() })
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			c := dial(t, g.Addr("wide").String())
			for n := range 50 {
				ask(t, c, n, 1, 4, 13*i+n, 1+i) // input registers hold their own addresses: a nonce that must come back
			}
		})
	}
	clients.Wait()
}

// A write outside its range is refused with 02 and does not reach the device; one inside does.
func TestAWriteOutsideItsRange(t *testing.T) {
	var seen atomic.Int64
	_, address := simulated(t, sim.BackendOptions{Trace: func(e sim.Event) {
		if e.What == "request" {
			seen.Add(1)
		}
	}})
	_, plant, _ := open(t, address)
	c := dial(t, plant)
	for _, pdu := range [][]byte{{6, 0, 48, 0, 1}, {6, 0, 40, 0x03, 0xE9}, {16, 0, 47, 0, 2, 4, 0, 1, 0, 2}} {
		if got := exchange(t, c, 5, 1, pdu); !bytes.Equal(got, []byte{pdu[0] | 0x80, 2}) {
			t.Errorf("% x: got % x, want exception 02", pdu, got)
		}
	}
	if n := seen.Load(); n != 0 {
		t.Errorf("the device has seen %d requests, want none", n)
	}
	if got := exchange(t, c, 5, 1, []byte{6, 0, 40, 0x03, 0xE8}); !bytes.Equal(got, []byte{6, 0, 40, 0x03, 0xE8}) || seen.Load() != 1 {
		t.Errorf("a write within its range: got % x, and the device has seen %d", got, seen.Load())
	}
}

// A client that cannot wait hears 05, and gets the result when it asks again.
func TestAClientThatAsksAgain(t *testing.T) {
	var seen atomic.Int64
	_, address := simulated(t, sim.BackendOptions{Delay: 500 * time.Millisecond, Trace: func(e sim.Event) {
		if e.What == "request" {
			seen.Add(1)
		}
	}})
	_, _, patient := open(t, address)
	c := dial(t, patient)
	pdu := []byte{4, 0, 20, 0, 1}
	tries := 0
	for {
		got := exchange(t, c, 100+tries, 1, pdu)
		if bytes.Equal(got, []byte{4, 2, 0, 20}) {
			break
		}
		if !bytes.Equal(got, []byte{0x84, 5}) || tries > 100 {
			t.Fatalf("try %d: got % x", tries, got)
		}
		tries++
		time.Sleep(20 * time.Millisecond)
	}
	if tries == 0 || seen.Load() != 1 {
		t.Errorf("the result came after %d notices and %d requests at the device, want some and 1", tries, seen.Load())
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask reads n input registers and checks that they hold their own addresses.
func ask(t *testing.T, c net.Conn, tid, unit int, fc byte, addr, n int) {
	pdu := []byte{fc, byte(addr >> 8), byte(addr), 0, byte(n)}
	want := []byte{fc, byte(2 * n)}
	for i := range n {
		want = binary.BigEndian.AppendUint16(want, uint16(addr+i))
	}
	if got := exchange(t, c, tid, unit, pdu); !bytes.Equal(got, want) {
		t.Errorf("registers %d to %d: got % x, want % x", addr, addr+n-1, got, want)
	}
}

// exchange sends a PDU and returns that of the answer, whose header must be that of the request.
func exchange(t *testing.T, c net.Conn, tid, unit int, pdu []byte) []byte {
	frame := append([]byte{byte(tid >> 8), byte(tid), 0, 0, 0, byte(len(pdu) + 1), byte(unit)}, pdu...)
	if _, err := c.Write(frame); err != nil {
		t.Errorf("write: %v", err)
		return nil
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	head := make([]byte, 7)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Errorf("read: %v", err)
		return nil
	}
	body := make([]byte, int(head[5])-1)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Errorf("read: %v", err)
		return nil
	}
	if want := fmt.Sprintf("%x", frame[:4]); fmt.Sprintf("%x", head[:4]) != want || head[6] != byte(unit) {
		t.Errorf("got the header % x for % x", head, frame[:7])
	}
	return body
}
