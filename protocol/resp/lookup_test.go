package resp

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// Each command is found by its letters, in any case and wherever they stand, and nothing else is.
func TestLookup(t *testing.T) {
	c := codec(t, Options{})
	for name, cmd := range c.commands {
		for _, word := range []string{name, strings.ToLower(name), strings.ToLower(name[:1]) + name[1:]} {
			want := cmd.code
			if len(name) > 8 || strings.Contains(name, " ") {
				want = 0
			}
			if got := c.lookup.find([]byte(word)[:len(word):len(word)]); got != want {
				t.Errorf("%q: got %d, want %d", word, got, want)
			}
			if got := c.lookup.find([]byte(word + "behind it")[:len(word)]); got != want {
				t.Errorf("%q with more behind it: got %d, want %d", word, got, want)
			}
		}
		for i := range name {
			for _, b := range []byte{0, ' ', '@', '[', '`', '{', 0x80 | name[i], name[i] ^ 0x20 ^ 0x80} {
				word := []byte(name)
				word[i] = b
				if code := c.lookup.find(word); code != 0 && !bytes.EqualFold(word, c.known[code].word) {
					t.Errorf("%q: found %s", word, c.known[code].word)
				}
			}
		}
		if code := c.lookup.find([]byte(name + "\x00")); code != 0 {
			t.Errorf("%q with a byte 0: found %s", name, c.known[code].word)
		}
	}
}

// What quick says the splitter says too, and what the splitter says of values in many small pieces does not depend on quick.
func FuzzQuick(f *testing.F) {
	for _, seed := range []string{"*1\r\n$4\r\nPING\r\n", "$-1\r\n", "$0\r\n\r\n", ":12\r\n", ":-1\r\n", ":00\r\n", "+OK\r\n", "+OKAY\r\n", "*0\r\n", "*2\r\n$1\r\na\r\n:1\r\n",
		"$00\r\n\r\n", "$1000000000\r\n", "*1\r\n$3\r\nGET", "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$2\r\nvv\r\n+"} {
		f.Add([]byte(seed))
	}
	small, err := New(Options{MaxArgs: 3, MaxArg: 20}, protocol.Limits{Frame: 64, Items: 4})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		n := small.quick(data)
		if n == 0 {
			return
		}
		s := splitter{codec: small, data: data, open: 1}
		for s.open > 0 {
			if ok, err := s.token(); !ok || err != nil {
				t.Fatalf("quick: got %d, but the splitter %v at %d", n, err, s.pos)
			}
		}
		if s.pos != n {
			t.Fatalf("quick: got %d, want %d", n, s.pos)
		}
		if data[0] != '*' {
			return
		}
		var quick, slow protocol.Message
		if small.quickArguments(data[:n], &quick) {
			slow.Body = data[:n]
			if err := small.slowArguments(data[:n], &slow); err != nil || len(slow.Spans) != len(quick.Spans) {
				t.Fatalf("arguments: got %v, want %v, %v", quick.Spans, slow.Spans, err)
			}
			for i, s := range slow.Spans {
				if s != quick.Spans[i] {
					t.Fatalf("arguments: got %v, want %v", quick.Spans, slow.Spans)
				}
			}
		} else if small.slowArguments(data[:n], &slow) == nil {
			t.Fatal("arguments: quickArguments found none")
		}
	})
}

// A word with a blank in it is no command of two words: what the table has as CONFIG GET comes as CONFIG and GET.
func TestAWordWithABlankIsNoCommand(t *testing.T) {
	c := codec(t, Options{})
	for _, words := range [][]string{{"CONFIG GET", "*"}, {"OBJECT ENCODING", "k"}, {"ACL CAT"}, {"acl cat"}, {"CLIENT TRACKING", "on"}} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(words...)), &m); err == nil || m.Bind != protocol.Any {
			t.Errorf("%q: got %v, %v, want that there is no such command", words, err, m.Bind)
		}
	}
}

// What is denied takes nothing from what is let pass.
func TestDenyLeavesWhatIsNotInTheTable(t *testing.T) {
	c := codec(t, Options{Deny: []string{"FLUSHALL"}, Unknown: "pass"})
	for name, passes := range map[string]bool{"NEW.COMMAND": true, "GET": true, "FLUSHALL": false} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(name, "k")), &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := c.Police(&m) == nil; got != passes {
			t.Errorf("%s: passes %v, want %v", name, got, passes)
		}
	}
}
