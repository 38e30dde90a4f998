// Package payments tests the example in this folder, with terminals and a host that others have made.
package payments

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/peertest"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583"
)

// open runs the example in front of a host.
func open(t *testing.T, host string) (g *gateway.Gateway, terminals, concentrators string) {
	t.Helper()
	g, at := peertest.Gateway(t, "sallyport.yaml", map[string][]string{"terminals": {host}, "concentrators": {host}})
	return g, at["terminals"], at["concentrators"]
}

// codec returns what a route speaks.
func codec(t *testing.T, route int) *iso8583.Codec {
	t.Helper()
	f, err := config.Load("sallyport.yaml", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return f.Config().Routes[route].Codec.(*iso8583.Codec)
}

// simulated starts a simulated host.
func simulated(t *testing.T) string {
	t.Helper()
	host, address, err := sim.Listen(codec(t, 0), sim.BackendOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	return address
}

// script returns a command that runs one of the scripts with iso_8583, or skips the test.
func script(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	folder := os.Getenv("SALLYPORT_ISO_8583")
	if folder == "" {
		t.Skip("SALLYPORT_ISO_8583 does not name the folder in which npm has installed iso_8583")
	}
	cmd := exec.Command(peertest.Need(t, "node"), append([]string{filepath.Join("testdata", name)}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(folder, "node_modules"))
	return cmd
}

func cut(t *testing.T, address string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// Terminals and a host made of another library, unchanged: twenty terminals with the same numbers, answers in any order.
func TestTerminalsAndAHostOfOthers(t *testing.T) {
	at := peertest.Free(t)
	host, port := cut(t, at)
	peertest.Start(t, at, script(t, "host.js", host, port))
	g, terminals, _ := open(t, at)
	host, port = cut(t, terminals)
	const n, each = 20, 50
	var wg sync.WaitGroup
	for i := range n {
		cmd := script(t, "terminal.js", host, port, fmt.Sprintf("TERM%04d", i), fmt.Sprint(each))
		wg.Go(func() {
			out, err := cmd.CombinedOutput()
			if want := fmt.Sprintf("answered %d, declined %d\n", each, each/10); err != nil || string(out) != want {
				t.Errorf("terminal %d: %v: got %q, want %q", i, err, out, want)
			}
		})
	}
	wg.Wait()
	if c := g.Snapshot().Routes[0].Counters; c.Answered != n*each || c.Refused != 0 || c.Unknown+c.Late+c.Doubled != 0 {
		t.Errorf("got %+v", c)
	}
}

// A host of others that breaks on what it does not understand hears none of it.
func TestWhatIsWrongNeverReachesTheHost(t *testing.T) {
	at := peertest.Free(t)
	host, port := cut(t, at)
	peertest.Start(t, at, script(t, "host.js", host, port))
	_, terminals, _ := open(t, at)
	c := dial(t, terminals, codec(t, 0))
	for line, want := range map[string]string{
		"0200 3=000000 4=0 41=TERM0001 49=978":        "13 DE4 ",
		"0200 3=000000 4=100 41=term0001 49=978":      "30 DE41 ",
		"0200 3=000000 4=100 41=TERM0001 49=840":      "30 DE49 ",
		"0320 3=000000 41=TERM0001":                   "58 ",
		"0200 3=000000 4=100 41=TERM0001 48=1 49=978": "30 DE48 ",
	} {
		if got := c.ask(line); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
		if got := c.ask("0200 3=000000 4=100 41=TERM0001 49=978"); !strings.HasPrefix(got, "00 ") {
			t.Errorf("after %s: got %q", line, got)
		}
	}
}

// client is a terminal.
type client struct {
	t     *testing.T
	conn  net.Conn
	codec *iso8583.Codec
	n     int
}

func dial(t *testing.T, address string, codec *iso8583.Codec) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t: t, conn: conn, codec: codec}
}

// ask sends what a line means, and returns code and reason of the answer.
func (c *client) ask(line string) string {
	c.t.Helper()
	c.n++
	body, err := c.codec.AppendTyped(nil, []byte(line), c.n)
	if err != nil {
		// What cannot be typed is made by hand: the rest is in order.
		body, err = c.codec.AppendTyped(nil, []byte(strings.Replace(line, " 48=1 ", " ", 1)), c.n)
		if err != nil {
			c.t.Fatal(err)
		}
	}
	return c.send(body)
}

func (c *client) send(body []byte) string {
	c.t.Helper()
	frame, err := c.codec.CloseFrame(append(c.codec.OpenFrame(nil, nil), body...), 0)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write(frame); err != nil {
		c.t.Fatal(err)
	}
	var m protocol.Message
	answer := c.frame()
	if err := c.codec.Decode(protocol.FromBackend, answer, &m); err != nil {
		c.t.Fatalf("%v: %q", err, answer)
	}
	text := func(path string) string {
		get, err := c.codec.Getter(path)
		if err != nil {
			c.t.Fatal(err)
		}
		v, _ := get(&m)
		return string(v.Text)
	}
	if stan := text("DE11"); stan != fmt.Sprintf("%06d", c.n) {
		c.t.Errorf("the answer is to %s, want %06d", stan, c.n)
	}
	return text("DE39") + " " + text("DE44")
}

func (c *client) frame() []byte {
	c.t.Helper()
	frame := make([]byte, 2)
	if _, err := io.ReadFull(c.conn, frame); err != nil {
		c.t.Fatal(err)
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint16(frame))...)
	if _, err := io.ReadFull(c.conn, frame[2:]); err != nil {
		c.t.Fatal(err)
	}
	return frame
}

// The door with a TPDU: the answer carries the addresses the other way round, a refusal too.
func TestConcentrators(t *testing.T) {
	_, _, concentrators := open(t, simulated(t))
	c := dial(t, concentrators, codec(t, 1))
	for line, want := range map[string]string{"0200 3=000000 4=100 41=TERM0001 49=978": "00 ", "0200 3=000000 4=0 41=TERM0001 49=978": "13 DE4 "} {
		c.n++
		body, err := c.codec.AppendTyped(nil, []byte(line), c.n)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := c.codec.CloseFrame(append(c.codec.OpenFrame(nil, nil), body...), 0)
		if err != nil {
			t.Fatal(err)
		}
		copy(frame[2:], "\x60\x00\x01\x00\x02")
		if _, err := c.conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		answer := c.frame()
		if got := string(answer[2:7]); got != "\x60\x00\x02\x00\x01" {
			t.Errorf("%s: the answer has the TPDU %x", line, got)
		}
		var m protocol.Message
		if err := c.codec.Decode(protocol.FromBackend, answer, &m); err != nil {
			t.Error(err)
		}
		get, _ := c.codec.Getter("DE39")
		if v, _ := get(&m); !strings.HasPrefix(want, string(v.Text)) {
			t.Errorf("%s: got %s, want %s", line, v.Text, want)
		}
	}
}
