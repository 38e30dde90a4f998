package resp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

const canary = protocoltest.Canary

// cmd is a request of these words.
func cmd(words ...string) string { return string(appendCommand(nil, words...)) }

func vectors(name string, data ...string) []protocoltest.Vector {
	var all []protocoltest.Vector
	for i, d := range data {
		all = append(all, protocoltest.Vector{Name: fmt.Sprintf("%s#%d", name, i), Data: []byte(d)})
	}
	return all
}

func suite(o Options) protocoltest.Suite {
	limits := protocol.Limits{Frame: 1 << 16, Items: 4000, Depth: 8}
	return protocoltest.Suite{
		New: func() protocol.Codec {
			c, err := New(o, limits)
			if err != nil {
				panic(err)
			}
			return c
		},
		Limits: limits,
		Requests: vectors("request", cmd("PING"), cmd("get", "key"), cmd("SET", "key", canary), cmd("SET", "k", "\r\n$-1\r\n*1\r\n"), cmd("MGET", "a", "b", "c"),
			cmd("SET", "", ""), cmd("config", "get", "save"), cmd("BLPOP", "a", "0.5"), cmd("XREAD", "BLOCK", "5", "STREAMS", "a", "0"), cmd("EVAL", "return 1", "1", "k"),
			cmd("MULTI"), cmd("SUBSCRIBE", "a", "b"), cmd("SET", "big", strings.Repeat("x", 5000)), cmd(append([]string{"DEL"}, strings.Fields(strings.Repeat("k ", 300))...)...)),
		Responses: vectors("response", "+OK\r\n", "-ERR no\r\n", ":-5\r\n", "$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
			"_\r\n", "#t\r\n", ",1.5\r\n", ",inf\r\n", ",-1e-05\r\n", ",1e+20\r\n", ",-0\r\n", ",nan\r\n", ":0\r\n", ":-9223372036854775808\r\n", "(-3\r\n", "(0\r\n", "(12345678901234567890\r\n", "!5\r\nERR x\r\n", "=7\r\ntxt:abc\r\n", "%1\r\n+a\r\n:1\r\n", "~2\r\n:1\r\n:2\r\n",
			"|1\r\n+ttl\r\n:5\r\n$1\r\nx\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "$4\r\n\r\n\r\n\r\n"),
		Malformed: vectors("malformed", "+OK\r\n", ":1\r\n", "*1\r\n:1\r\n", "*2\r\n$3\r\nGET\r\n*0\r\n", cmd("GET"), cmd("GET", "a", "b"), cmd("NOSUCH"), cmd(""),
			cmd(strings.Repeat("X", 100)), "*1\r\n$-1\r\n", cmd("HELLO", "4"), cmd("HELLO", "2", "AUTH", canary), "~1\r\n$4\r\nPING\r\n"),
		OutOfStep: vectors("out of step", "*1\n$4\r\nPING\r\n", "*1\r\n$4\nPING\r\n", "*1\r\n$4\r\nPINGxx", "*-2\r\n", "$-2\r\n", "*+1\r\n", "$+4\r\nPING\r\n", "*01\r\n", "$ 4\r\n",
			"*99999999999\r\n", "$99999999999\r\n", "*1000000\r\n", "*4001\r\n", "$65536\r\n", ":x\r\n", ":\r\n", ":+1\r\n", ":01\r\n", ":-0\r\n", ":9223372036854775808\r\n", "_x\r\n", "#\r\n", "#x\r\n", ",\r\n", ",1.\r\n", ",.5\r\n", ",1e\r\n", ",0x1\r\n", ",infinity\r\n",
			"*2\r\n$60000\r\n"+strings.Repeat("x", 60_000)+"\r\n+"+strings.Repeat("y", 70_000), "+"+strings.Repeat("y", 70_000)+"\r\n", ":"+strings.Repeat("1", 40)+"\r\n", "+a\rb\r\n", "$?\r\n", "*?\r\n", "GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\x00\x01\x00",
			"SSH-2.0-x\r\n", "*1\r\n>1\r\n+a\r\n", ">0\r\n", "\x00\x00\x00\x05", "*1\r\nx\r\n", "*4000\r\n"+strings.Repeat("*4000\r\n", 10)),
		Hostile: vectors("hostile", strings.Repeat("*1\r\n", 5000)+"+a\r\n", "*3000\r\n"+strings.Repeat("$-1\r\n", 3000), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000\r\n"+strings.Repeat("y", 100),
			cmd("HELLO", "2", "AUTH", "u", "p"), "\r\n\r\n\r\n"+cmd("PING"), "*0\r\n*-1\r\n"+cmd("PING"), strings.Repeat("|1\r\n+a\r\n+b\r\n", 100)+":1\r\n"),
		Paths:    []string{"cmd", "sub", "nargs", "nkeys", "arg.1", "key.1", "type", "err.code"},
		BadPaths: []string{"", "arg", "arg.0", "arg.x", "key.-1", "params", "arg.1.2"},
	}
}

func TestFaultA01Suite(t *testing.T) {
	for name, o := range map[string]Options{"version 2": {}, "version 3": {Version: 3}, "inline": {Inline: true, Unknown: "pass"}} {
		t.Run(name, func(t *testing.T) {
			s := suite(o)
			if o.Inline {
				s.Hostile = append(s.Hostile, vectors("inline", "PING\r\n", "set key \"a b\\x00\"\r\n", "GET key\n")...)
				s.Malformed = vectors("malformed", "+OK\r\n", cmd("GET"), "GET\r\n", "SET k 'open\r\n")
				s.OutOfStep = vectors("out of step", "*1\n$4\r\nPING\r\n", "GET / HTTP/1.1\r\n", "x"+strings.Repeat("y", 1<<16)+"\r\n")
			}
			protocoltest.Run(t, s)
		})
	}
}

func FuzzSplit(f *testing.F) {
	protocoltest.Fuzz(f, suite(Options{Inline: true, Version: 3, Unknown: "pass"}))
}

// FuzzVersionTwo: whatever a backend says in version 3, and whatever has been asked, a client of version 2 gets one whole value
// of version 2, and the same again if that is turned into version 2.
func FuzzVersionTwo(f *testing.F) {
	for _, v := range suite(Options{}).Responses {
		f.Add(v.Data, byte(shapeFlat))
	}
	f.Add([]byte("*2\r\n*2\r\n+a\r\n,1\r\n|1\r\n+x\r\n|1\r\n+y\r\n+z\r\n+v\r\n*2\r\n+b\r\n,2\r\n"), byte(shapeFlat))
	f.Add([]byte("%1\r\n+x\r\n|1\r\n+y\r\n+z\r\n_\r\n"), byte(shapePairs))
	f.Add([]byte("*2\r\n|1\r\n+y\r\n_\r\n_\r\n:1\r\n"), byte(shapeNulls))
	c, err := New(Options{Version: 3}, protocol.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, shape byte) {
		var m protocol.Message
		if c.DecodeBody(protocol.FromBackend, body, &m) != nil {
			t.Skip()
		}
		two := func(body []byte, shape byte) []byte {
			out, err := c.CloseFrame(append(c.OpenFrame(nil, headsTwo[shape%numShapes]), body...), 0)
			if err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			return out
		}
		out := two(body, shape)
		var r protocol.Resume
		if n, _, err := c.Split(out, true, &r); err != nil || n != len(out) {
			t.Fatalf("%q: %q is not one value: %d, %v", body, out, n, err)
		}
		for tok := (tokens{data: out}); tok.next(); {
			if !strings.ContainsRune("+-:$*", rune(tok.kind)) {
				t.Fatalf("%q: %q has a value of type %c", body, out, tok.kind)
			}
		}
		if again := two(out, 0); string(again) != string(out) {
			t.Fatalf("%q: got %q, and of that %q", body, out, again)
		}
	})
}
