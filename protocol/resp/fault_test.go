package resp

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// broken returns why a stream is out of step, or fails.
func broken(t *testing.T, c *Codec, stream string) *protocol.FrameError {
	t.Helper()
	var r protocol.Resume
	n, _, err := c.Split([]byte(stream), false, &r)
	var bad *protocol.FrameError
	if !errors.As(err, &bad) {
		t.Errorf("%.60q: got %d, %v, want an error", stream, n, err)
		return &protocol.FrameError{}
	}
	return bad
}

// TestFaultA04: negative lengths and signs.
func TestFaultA04NegativeLengths(t *testing.T) {
	c := codec(t, Options{})
	for _, stream := range []string{"$-2\r\n", "*-5\r\n", "*1\r\n$-7\r\n", "$-0\r\n", "*+3\r\n", "$2147483648\r\n", "*4294967295\r\n", "!-1\r\n", "%-1\r\n", "*--1\r\n"} {
		broken(t, c, stream)
	}
}

// TestFaultA19: limits hold before anything is kept, and what is no array of bulk strings is refused.
func TestFaultA19LimitsAndForms(t *testing.T) {
	c, err := New(Options{}, protocol.Limits{Frame: 1 << 20, Items: 1 << 16, Depth: 32})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"*1000000\r\n", "*65537\r\n", "$1048577\r\n", "+" + strings.Repeat("x", maxLine+1), "*65536\r\n" + strings.Repeat("*65536\r\n", 5)} {
		if got := broken(t, c, stream); got.Cause != protocol.TooLarge {
			t.Errorf("%.30q: got %v, want that it is too large", stream, got)
		}
	}
	for _, stream := range []string{"PING\r\n", "*1\n", "*1\r\n$4\nPING\r\n", "*1\r\n$4\r\nPING\n\n", "$?\r\n", "*?\r\n"} {
		if got := broken(t, c, stream); got.Cause != protocol.BadSyntax {
			t.Errorf("%.30q: got %v, want a fault of syntax", stream, got)
		}
	}
	deep := []byte(strings.Repeat("*1\r\n", 10_000) + ":1\r\n")
	var r protocol.Resume
	n, frame, err := c.Split(deep, false, &r)
	if n != len(deep) || err != nil {
		t.Fatalf("10,000 levels: got %d, %v", n, err)
	}
	var m protocol.Message
	if err := c.Decode(protocol.FromClient, frame, &m); err == nil {
		t.Error("10,000 levels from a client are accepted")
	}
	// Of an answer only the one who has asked for it hears: the connection may be that of many.
	if err := c.Decode(protocol.FromBackend, frame, &m); err != nil || !m.Failed || string(m.Body) != string(tooDeep) {
		t.Errorf("10,000 levels from a backend: got %.40q, %v", m.Body, err)
	}
	for _, request := range []string{"%1\r\n+a\r\n+b\r\n", "_\r\n", "#t\r\n", "~1\r\n$4\r\nPING\r\n", "*1\r\n+PING\r\n"} {
		if err := c.Decode(protocol.FromClient, []byte(request), &m); err == nil {
			t.Errorf("%q from a client is accepted", request)
		}
	}
}

// TestFaultB22: a second command within an argument is an argument.
func TestFaultB22ACommandInAnArgument(t *testing.T) {
	c := codec(t, Options{})
	inner := cmd("FLUSHALL")
	stream := []byte(cmd("SET", "k", inner))
	var r protocol.Resume
	n, frame, err := c.Split(stream, false, &r)
	var m protocol.Message
	if err != nil || n != len(stream) || c.Decode(protocol.FromClient, frame, &m) != nil || string(c.word(&m, 2)) != inner {
		t.Errorf("got %d of %d bytes, %v, value %q", n, len(stream), err, c.word(&m, 2))
	}
}
