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

// TestVersionTwoIsWhatRedisSays: what a client of version 2 gets of an answer in version 3 is, byte for byte, what a real
// Redis says to such a client.
func TestVersionTwoIsWhatRedisSays(t *testing.T) {
	address := server(t)
	two, three := connect(t, address), connect(t, address)
	three.ask("HELLO", "3")
	for _, line := range []string{"RPUSH l a b c", "SADD s only", "HSET h f 1", "ZADD z 1.5 a 2 b inf c", "XADD x 1-1 f v g w", "XADD x 2-1 f v", "XGROUP CREATE x g 0", "XGROUP CREATE x gg 0", "SET k ohmytext", "SET kk mynewtext",
		"GEOADD geo 13.361389 38.115556 Palermo", "SET n 10"} {
		two.ask(strings.Fields(line)...)
	}
	c := codec(t, Options{Version: 3})
	for _, line := range []string{"GET k", "GET none", "MGET k none", "LRANGE l 0 -1", "LPOP none", "LPOP none 2", "RPOP l 0", "SMEMBERS s", "SPOP none", "SRANDMEMBER s 2", "SISMEMBER s a", "SMISMEMBER s a only",
		"HGETALL h", "HGETALL none", "HRANDFIELD h 2 WITHVALUES", "HRANDFIELD h", "HMGET h f g", "HSCAN h 0", "HINCRBYFLOAT h f 0", "ZRANGE z 0 -1", "ZRANGE z 0 -1 WITHSCORES", "ZREVRANGE z 0 -1 WITHSCORES",
		"ZRANGEBYSCORE z 0 5 WITHSCORES", "ZREVRANGEBYSCORE z 5 0 WITHSCORES", "ZRANGE none 0 -1 WITHSCORES", "ZSCORE z a", "ZSCORE z c", "ZSCORE z none", "ZMSCORE z a none", "ZRANK z none", "ZADD z NX INCR 1 a",
		"ZADD z XX INCR 0 a", "ZINCRBY z 0 a", "ZUNION 1 z WITHSCORES", "ZUNION 1 z", "ZINTER 1 z WITHSCORES", "ZDIFF 1 z WITHSCORES", "ZPOPMIN none", "ZPOPMIN none 2", "ZMPOP 1 none MIN", "LMPOP 1 none LEFT", "ZSCAN z 0", "XREAD STREAMS x 0",
		"XREAD STREAMS none 0", "XREAD COUNT 1 STREAMS x x 0 1", "XRANGE x - +", "XREADGROUP GROUP g c STREAMS x 0", "XINFO STREAM x", "XINFO STREAM x FULL", "XINFO GROUPS x", "XPENDING x g - + 10", "XAUTOCLAIM x g c 0 0",
		"GEOPOS geo Palermo none", "GEODIST geo Palermo none", "GEOSEARCH geo FROMLONLAT 13 38 BYRADIUS 100 km WITHCOORD WITHDIST", "LCS k kk IDX WITHMATCHLEN", "LCS k kk", "OBJECT ENCODING k", "EXISTS k", "TYPE k", "EVAL return{1,{2,'x'},false} 0", "EVAL return{err='X'} 0",
		"EVAL redis.setresp(3)return{map={a=1}} 0", "EVAL redis.setresp(3)return{double=1.25} 0", "EVAL return{set={a=true}} 0", "COMMAND INFO get none", "COMMAND COUNT", "COMMAND DOCS get", "COMMAND GETKEYS get x", "CONFIG GET maxmemory*", "FUNCTION LIST", "SORT l ALPHA",
		"BLPOP none 0.01", "BRPOP none 0.01", "BZPOPMIN none 0.01", "BLMPOP 0.01 1 none LEFT", "BZMPOP 0.01 1 none MIN", "BLMOVE none l LEFT LEFT 0.01", "BRPOPLPUSH none l 0.01", "XREAD BLOCK 10 STREAMS none 0", "SCRIPT EXISTS a", "PUBSUB NUMSUB a", "NOSUCH", "PING", "ECHO x", "SCAN 0",
		"CLIENT TRACKINGINFO", "LPOS l none", "LPOS l none COUNT 2", "COPY none l", "PUBSUB CHANNELS", "XCLAIM x g c 0 1-1", "SET k ohmytext GET", "GETEX none", "GETDEL none", "ZRANDMEMBER none", "ZRANDMEMBER none 2 WITHSCORES", "MEMORY USAGE none", "INFO none"} {
		words := strings.Fields(line)
		want := two.ask(words...)
		var m protocol.Message
		var head []byte
		if err := c.Decode(protocol.FromClient, []byte(cmd(words...)), &m); err == nil {
			head = m.Head
		} else {
			head = headsTwo[0]
		}
		answer := three.ask(words...)
		got, err := c.CloseFrame(append(c.OpenFrame(nil, head), answer...), 0)
		if string(got) != string(want) || err != nil {
			t.Errorf("%s: got %q, %v\nRedis says %q\nin version 3 %q", line, got, err, want, answer)
		}
	}
	for _, line := range []string{"ZPOPMIN z 1", "ZPOPMIN z", "ZPOPMAX z 5"} { // each takes something away
		words := strings.Fields(line)
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(words...)), &m); err != nil {
			t.Fatal(err)
		}
		two.ask("DEL", "z")
		two.ask("ZADD", "z", "1", "a", "2", "b")
		want := two.ask(words...)
		two.ask("ZADD", "z", "1", "a", "2", "b")
		if got, err := c.CloseFrame(append(c.OpenFrame(nil, m.Head), three.ask(words...)...), 0); string(got) != string(want) || err != nil {
			t.Errorf("%s: got %q, %v; Redis says %q", line, got, err, want)
		}
	}
}
