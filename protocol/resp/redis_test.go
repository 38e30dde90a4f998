package resp

import (
	"bytes"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// server starts a real Redis, or skips the test.
func server(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("there is no redis-server here")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	process := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("redis-server does not listen")
	return ""
}

// TestFaultA23: of each stream that the codec takes, a real Redis finds as many commands in it, and answers each. What
// the codec refuses Redis may take; it never gets it.
func TestFaultA23AgreesWithRedis(t *testing.T) {
	address := server(t)
	c := codec(t, Options{Inline: true, Unknown: "pass"})
	big := strings.Repeat("x", 20_000)
	pieces := []string{cmd("PING"), cmd("SET", "a", "b"), cmd("GET", "a"), cmd("SET", "k", "\r\n*1\r\n$4\r\nPING\r\n"), cmd("ECHO", ""), cmd("ECHO", big), cmd("NOSUCH", "x"), cmd("GET"), cmd("get", "a", "b"),
		cmd(""), "*0\r\n", "*-1\r\n", "\r\n", "PING\r\n", "  set  z \"a b\"\r\n", "ECHO 'it'\n", cmd("MSET", "a", "1", "b", "2"), cmd("EVAL", "return {1,{2,3},'x'}", "0"), cmd("ECHO", "$-1"), cmd("ECHO", "\x00\xff")}
	streams := append([]string{}, pieces...)
	for i := range pieces {
		for j := range pieces {
			streams = append(streams, pieces[i]+pieces[j]+pieces[(i+j)%len(pieces)])
		}
	}
	taken := 0
	for _, stream := range streams {
		want, ok := requests(c, stream)
		if !ok {
			continue
		}
		taken++
		if got := replies(t, c, address, stream); got != want {
			t.Errorf("%.200q: Redis has answered %d requests, want %d", stream, got, want)
		}
	}
	if taken < 300 {
		t.Errorf("only %d streams were taken", taken)
	}
}

// requests counts the frames of a stream that Redis would be sent, as they would be. It is false if one is out of step.
func requests(c *Codec, stream string) (n int, ok bool) {
	data := []byte(stream)
	var r protocol.Resume
	for len(data) > 0 {
		k, frame, err := c.Split(data, true, &r)
		if err != nil {
			return 0, false
		}
		var m protocol.Message
		_ = c.Decode(protocol.FromClient, frame, &m)
		if m.Kind != protocol.Keepalive {
			n++
		}
		data = data[k:]
	}
	return n, true
}

// replies sends a stream to Redis, and a last command with a nonce, and counts the answers before that one.
func replies(t *testing.T, c *Codec, address, stream string) (n int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	nonce := "the end of " + t.Name()
	go func() { _, _ = io.WriteString(conn, stream+cmd("ECHO", nonce)) }()
	var data []byte
	var r protocol.Resume
	buf := make([]byte, 64<<10)
	for {
		k, err := conn.Read(buf)
		if err != nil {
			return -1
		}
		data = append(data, buf[:k]...)
		for {
			k, frame, err := c.Split(data, false, &r)
			if err != nil {
				t.Fatalf("%.100q: what Redis has answered is out of step: %v", stream, err)
			}
			if k == 0 {
				break
			}
			if bytes.Contains(frame, []byte(nonce)) {
				return n
			}
			var m protocol.Message
			if err := c.Decode(protocol.FromBackend, frame, &m); err != nil {
				t.Errorf("%.100q: Redis' answer %.100q: %v", stream, frame, err)
			}
			n++
			data = data[k:]
		}
	}
}
