package resp

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// value is an answer as a tree.
type value struct {
	kind byte
	text string
	list []value
}

func (v value) number(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(v.text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parse(tok *tokens) value {
	tok.next()
	v := value{kind: tok.kind, text: string(tok.text)}
	for range tok.n {
		v.list = append(v.list, parse(tok))
	}
	return v
}

// asks is a connection to a real Redis.
type asks struct {
	t *testing.T
	net.Conn
	c    *Codec
	data []byte
}

func connect(t *testing.T, address string) *asks {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c, err := New(Options{}, protocol.Limits{Frame: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return &asks{t: t, Conn: conn, c: c}
}

func (a *asks) ask(words ...string) []byte {
	a.t.Helper()
	if _, err := io.WriteString(a, cmd(words...)); err != nil {
		a.t.Fatal(err)
	}
	var r protocol.Resume
	buf := make([]byte, 64<<10)
	for {
		n, frame, err := a.c.Split(a.data, false, &r)
		if err != nil {
			a.t.Fatalf("%q: %v", words, err)
		}
		if n > 0 {
			frame = bytes.Clone(frame)
			a.data = a.data[n:]
			return frame
		}
		k, err := a.Read(buf)
		if err != nil {
			a.t.Fatalf("%q: %v", words, err)
		}
		a.data = append(a.data, buf[:k]...)
	}
}

// TestTheTableIsThatOfRedis holds the table against what a real Redis says of itself. It may be wider, as a later version
// takes more, and never narrower.
func TestTheTableIsThatOfRedis(t *testing.T) {
	redis := connect(t, server(t))
	var check func(list []value)
	n := 0
	check = func(list []value) {
		for _, info := range list {
			name := strings.ToUpper(strings.ReplaceAll(info.list[0].text, "|", " "))
			ours := table[name]
			if strings.HasSuffix(name, " HELP") {
				continue
			}
			if ours == nil {
				t.Errorf("%s is missing", name)
				continue
			}
			n++
			if arity := info.list[1].number(t); ours.arity != arity && (ours.arity > 0 || ours.arity < -max(arity, -arity)) {
				t.Errorf("%s: arity %d, Redis has %d", name, ours.arity, arity)
			}
			first, last, step := info.list[3].number(t), info.list[4].number(t), info.list[5].number(t)
			if (ours.first != first || ours.last != last || ours.step != step) && ours.numkeys == 0 && !ours.streams {
				t.Errorf("%s: keys %d,%d,%d; Redis has %d,%d,%d", name, ours.first, ours.last, ours.step, first, last, step)
			}
			if parts := info.list[9].list; len(parts) > 0 {
				if !ours.container {
					t.Errorf("%s has parts", name)
				}
				check(parts)
			}
		}
	}
	answer := tokens{data: redis.ask("COMMAND")}
	check(parse(&answer).list)
	if n < 300 {
		t.Errorf("Redis knows only %d commands", n)
	}
}

// TestKeysAreThoseOfRedis has a real Redis say which keys a request names.
func TestKeysAreThoseOfRedis(t *testing.T) {
	redis := connect(t, server(t))
	c := codec(t, Options{})
	for _, line := range []string{"GET k", "SET k v", "MSET a 1 b 2", "DEL a b c", "EVAL s 2 a b c", "EVALSHA s 1 a b", "BLPOP a b 0", "BLMOVE a b LEFT LEFT 0", "BLMPOP 0 2 a b LEFT", "LMPOP 2 a b LEFT",
		"BZMPOP 0 1 a MIN", "ZUNION 2 a b", "ZUNIONSTORE d 2 a b WEIGHTS 1 2", "ZDIFFSTORE d 1 a", "SINTERCARD 2 a b LIMIT 1", "ZINTERCARD 2 a b", "BITOP AND d a b", "SORT a", "SORT a STORE b", "SORT a DESC LIMIT 0 5 STORE b",
		"SORT a BY nosort GET # STORE b", "GEORADIUS a 1 2 3 m", "GEORADIUS a 1 2 3 m WITHDIST COUNT 1 STORE b", "GEORADIUS a 1 2 3 m STOREDIST b", "GEORADIUSBYMEMBER a STORE 3 m", "GEORADIUSBYMEMBER a m 3 m ASC STORE b",
		"GEOSEARCHSTORE d a FROMLONLAT 1 2 BYRADIUS 1 m", "XREAD STREAMS a b 0 0", "XREAD COUNT 1 BLOCK 0 STREAMS a 0", "XREADGROUP GROUP g c STREAMS a >", "XREADGROUP GROUP STREAMS c BLOCK 0 STREAMS k >",
		"XREADGROUP GROUP g STREAMS COUNT 1 NOACK STREAMS a b > >", "XGROUP CREATE k g 0", "XINFO STREAM k", "OBJECT ENCODING k", "MEMORY USAGE k", "COPY a b", "RENAME a b", "LCS a b", "PFCOUNT a b", "RPOPLPUSH a b",
		"FCALL f 1 a b", "RESTORE k 0 v", "WATCH a b", "ZRANGESTORE d a 0 1", "SMOVE a b m", "MIGRATE h 1 k 0 1"} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(strings.Fields(line)...)), &m); err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var got, want []string
		c.keyWords(&m, c.commands[string(m.Name)], func(i int) { got = append(got, string(c.word(&m, i))) })
		answer := tokens{data: redis.ask(append([]string{"COMMAND", "GETKEYS"}, strings.Fields(line)...)...)}
		tree := parse(&answer)
		if tree.kind != '*' {
			t.Errorf("%s: Redis says %s", line, tree.text)
		}
		for _, k := range tree.list {
			want = append(want, k.text)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got %q, Redis has %q", line, got, want)
		}
	}
}
