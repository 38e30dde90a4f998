package resp

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

func codec(t *testing.T, o Options) *Codec {
	t.Helper()
	c, err := New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// conn is a client's connection as a codec sees it.
type conn struct {
	c     *Codec
	memo  uint64
	later bool // nothing can be forwarded
}

// sends returns what becomes of a command: over which connection it goes, "local", or what the client hears.
func (x *conn) sends(t *testing.T, words ...string) string {
	t.Helper()
	m := protocol.Message{Memo: x.memo}
	var n *protocol.Notice
	err := x.c.Decode(protocol.FromClient, []byte(cmd(words...)), &m)
	if bad := (*protocol.Malformed)(nil); errors.As(err, &bad) {
		n = &protocol.Notice{Class: protocol.Fix, Cause: bad.Cause, Reasons: bad.Reasons}
		if m.Bind == protocol.Parting {
			x.memo = m.Memo
		}
	} else if m.Kind == protocol.Request {
		if r := x.c.Police(&m); r != nil {
			n = &protocol.Notice{Class: r.Class, Cause: r.Cause, Reasons: r.Reasons}
		} else if x.later {
			n = &protocol.Notice{Class: protocol.Later}
		}
	}
	if n != nil {
		x.memo = x.c.Refused(x.memo, &m)
		if m.Bind == protocol.Parting {
			x.memo = m.Memo
		}
		out, _ := x.c.AppendNotice(nil, &m, n)
		return string(out)
	}
	x.memo = m.Memo
	switch m.Kind {
	case protocol.SignOn:
		out, _ := x.c.AppendReply(nil, &m)
		text := "local " + strings.ReplaceAll(string(out), "\r\n", " ")
		if m.Bind != protocol.Any {
			text += " " + m.Bind.String()
		}
		return text
	case protocol.Request:
		text := m.Bind.String()
		if m.Holds != 0 {
			text += " " + m.Holds.String()
		}
		if out, _ := x.c.AppendWithID(nil, &m, nil); strings.Contains(string(out), "DISCARD") && string(m.Name) != "DISCARD" {
			text += " DISCARD"
		}
		return text
	}
	out, _ := x.c.AppendReply(nil, &m)
	return strings.TrimSuffix(m.Kind.String()+" "+strings.ReplaceAll(string(out), "+OK\r\n", ""), " ")
}

func TestWhereCommandsGo(t *testing.T) {
	for name, talk := range map[string][]string{
		"plain":                 {"GET a", "any", "set a b", "any", "PING", "any", "UNWATCH", "any", "EXEC", "any", "INFO", "any", "CLIENT SETNAME x", "local +OK ", "QUIT", "sign-off"},
		"transaction":           {"MULTI", "own", "GET a", "own", "BLPOP a 0", "own", "EXEC", "parting", "GET a", "any"},
		"discard":               {"MULTI", "own", "DISCARD", "parting", "GET a", "any"},
		"watch":                 {"WATCH a", "own", "GET a", "own", "MULTI", "own", "EXEC", "parting", "GET a", "any"},
		"unwatch":               {"WATCH a", "own", "UNWATCH", "parting", "GET a", "any"},
		"no transaction to end": {"WATCH a", "own", "EXEC", "own", "DISCARD", "own", "MULTI", "own", "EXEC", "parting", "EXEC", "any"},
		"select":                {"SELECT 0", "local +OK ", "SELECT 1", "own", "SELECT 0", "own", "MULTI", "own", "EXEC", "own", "RESET", "local +RESET  parting", "RESET", "local +RESET ", "GET a", "any"},
		"subscribe":             {"SUBSCRIBE a b", "own", "PING", "own", "UNSUBSCRIBE", "own", "QUIT", "sign-off"},
		"blocking": {"BLPOP a b 1.5", "alone 1.5s", "BLPOP a 0", "alone -1ns", "BLMPOP 2 1 a LEFT", "alone 2s", "WAIT 1 100", "alone 100ms", "XREAD STREAMS a 0", "any", "XREAD BLOCK 20 STREAMS a 0", "alone 20ms", "BLPOP a x", "alone", "BLPOP a 0x10", "alone", "BLPOP a -1", "alone",
			"XREADGROUP GROUP STREAMS c BLOCK 0 STREAMS k >", "alone -1ns", "XREADGROUP COUNT 1 GROUP BLOCK 5 STREAMS k >", "any", "XREAD ODD STREAMS a 0", "alone", "WAITAOF 1 0 20", "alone 20ms"},
		"auth":                 {"AUTH secret", "own", "GET a", "own"},
		"tracking":             {"CLIENT TRACKING ON", "own", "GET a", "own"},
		"a transaction spoilt": {"MULTI", "own", "GET", "-ERR wrong number of arguments for 'get' command\r\n", "EXEC", "parting DISCARD", "GET a", "any"},
		"spoilt, and bound":    {"SELECT 1", "own", "MULTI", "own", "NOSUCH", "-ERR unknown command\r\n", "EXEC", "own DISCARD", "GET a", "own", "MULTI", "own", "EXEC", "own"},
		"what is not queued": {"MULTI", "own", "SUBSCRIBE a b", "-ERR cmd: want a command that a transaction can hold (transaction)\r\n",
			"HELLO", "-ERR cmd: want a command that a transaction can hold (transaction)\r\n", "DISCARD", "parting", "SUBSCRIBE a", "own"},
		"no transaction":        {"MULTI!", "-TRYAGAIN \r\n", "EXEC", "local " + strings.ReplaceAll(execAbort, "\r\n", " "), "GET a", "any"},
		"none, and bound":       {"WATCH a", "own", "MULTI!", "-TRYAGAIN \r\n", "DISCARD", "local +OK ", "GET a", "own", "UNWATCH", "parting"},
		"what was meant for it": {"MULTI!", "-TRYAGAIN \r\n", "INCR a", "sign-off -ERR MULTI was refused: nothing of the transaction is carried out\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			x := &conn{c: codec(t, Options{Commands: map[string]string{"INFO": "shared"}})}
			for i := 0; i < len(talk); i += 2 {
				line, later := strings.CutSuffix(talk[i], "!")
				x.later = later
				if got := x.sends(t, strings.Fields(line)...); got != talk[i+1] {
					t.Fatalf("%s: got %q, want %q", talk[i], got, talk[i+1])
				}
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	c := codec(t, Options{Deny: []string{"object"}, Commands: map[string]string{"config get": "shared", "SELECT": "refused", "EVAL": "shared"}, MaxArg: 10, MaxArgs: 8,
		Keys: []KeyRule{{Pattern: "cache:*"}, {Pattern: "[a-c]?", Commands: []string{"GET"}}}})
	const denied, keys = "-NOPERM cmd: want a command that is allowed here (commands)\r\n", "-NOPERM key.1: want a key that is allowed for this command (keys)\r\n"
	const roams = "-NOPERM cmd: want a command that names every key it is about (keys)\r\n"
	for line, want := range map[string]string{
		"KEYS *": roams, "EVAL s 0": roams, "EVAL s x": roams, "SORT cache:a": "any", "SORT cache:a BY nosort GET #": "any", "SORT cache:a GET other:*": roams, "SORT cache:a BY cache:*": roams,
		"SORT cache:a LIMIT 0 STORE": "any", "SORT cache:a STORE b": "-NOPERM key.2: want a key that is allowed for this command (keys)\r\n", "SORT cache:a DESC STORE cache:b": "any",
		"XREADGROUP GROUP STREAMS c STREAMS b 0": keys, "XREAD COUNT 1 2": roams, "PING": "any", "DBSIZE": "any", "INFO": "any",
		"GEORADIUS cache:a 1 1 1 m STORE": "any",
		"SELECT 0":                        "local +OK ", "FLUSHALL": roams, "CONFIG GET x": "any", "CONFIG SET a b": denied, "SHUTDOWN": denied, "DEBUG SLEEP 1": denied, "MONITOR": denied, "CLIENT REPLY OFF": denied, "CLIENT REPLY ON": "local +OK ",
		"SELECT 1": denied, "OBJECT ENCODING cache:a": denied, "GET cache:a": "any", "GET a1": "any", "GET d1": keys, "DEL cache:a d": "-NOPERM key.2: want a key that is allowed for this command (keys)\r\n",
		"SET a1 x": keys, "NOSUCH": "-ERR unknown command\r\n", "CLIENT CAPA redirect": "-ERR unknown subcommand\r\n", "CLIENT HELP": "any", "CONFIG NOSUCH": denied, "MSET cache:a 1 b": "-ERR wrong number of arguments for 'mset' command\r\n", "GET 12345678901": "-ERR arg.1: want at most 10 bytes, got 11 bytes (max_arg)\r\n",
		"MGET a b c d e f g h": "-ERR nargs: want at most 8 words, got 9 (max_args)\r\n", "HELLO 3": "-NOPROTO unsupported protocol version\r\n", "HELLO 2": "local *12 $6 server $9 sallyport $7 version $5 7.0.0 $5 proto :2 $2 id :1 $4 mode $5 proxy $7 modules *0 ",
		"XREAD STREAMS cache:a b 0 0": "-NOPERM key.2: want a key that is allowed for this command (keys)\r\n", "EVAL s 1 other": keys,
	} {
		x := &conn{c: c}
		if got := x.sends(t, strings.Fields(line)...); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// What the gateway would answer itself can be refused as anything else.
func TestWhatTheGatewayAnswersIsRefused(t *testing.T) {
	c := codec(t, Options{Commands: map[string]string{"HELLO": "refused", "RESET": "refused", "QUIT": "refused", "client setname": "refused"}})
	for _, line := range []string{"HELLO 2", "RESET", "QUIT", "CLIENT SETNAME x"} {
		if got := (&conn{c: c}).sends(t, strings.Fields(line)...); !strings.HasPrefix(got, "-NOPERM ") {
			t.Errorf("%s: got %q", line, got)
		}
	}
}

// HELLO that authenticates does so at the backend, and is answered as a HELLO.
func TestHelloThatAuthenticates(t *testing.T) {
	c := codec(t, Options{Version: 3})
	var m protocol.Message
	if err := c.Decode(protocol.FromClient, []byte(cmd("HELLO", "3", "SETNAME", "auth", "auth", "u", "p")), &m); err != nil || m.Bind != protocol.Own || m.Memo != memoThree|memoState || string(m.Name) != "AUTH" {
		t.Fatalf("got %v, %v, memo %d", m.Bind, err, m.Memo)
	}
	if out, err := c.AppendWithID(nil, &m, nil); string(out) != cmd("AUTH", "u", "p") || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	for body, want := range map[string]string{"+OK\r\n": string(appendHello(nil, 3)), "-WRONGPASS x\r\n": "-WRONGPASS x\r\n"} {
		if out, err := c.CloseFrame(append(c.OpenFrame([]byte("before"), m.Head), body...), len("before")); string(out) != "before"+want || err != nil {
			t.Errorf("%q: got %q, %v", body, out, err)
		}
	}
	for _, o := range []Options{{Commands: map[string]string{"AUTH": "refused"}}, {Allow: []string{"HELLO", "GET"}}, {Inline: true, Deny: []string{"auth"}}} {
		if got := (&conn{c: codec(t, o)}).sends(t, "HELLO", "2", "AUTH", "u", "p"); !strings.HasPrefix(got, "-NOPERM ") {
			t.Errorf("%+v: got %q", o, got)
		}
	}
	for _, line := range []string{"HELLO 2 AUTH u", "HELLO 2 SETNAME", "HELLO 2 ODD"} {
		if got := (&conn{c: c}).sends(t, strings.Fields(line)...); !strings.HasPrefix(got, "-ERR ") {
			t.Errorf("%s: got %q", line, got)
		}
	}
}

// TestFaultA20: what a client has sent cannot add a line to an answer, whatever is wrong with it.
func TestFaultA20NoticesAreOneLine(t *testing.T) {
	c := codec(t, Options{})
	for _, words := range [][]string{{"GET\r\n+OK"}, {"GET", "a\r\n", "\r\n-ERR"}, {"CONFIG", "X\r\nY"}, {"HELLO", "4\r\n"}, {"\r\n"}} {
		got := (&conn{c: c}).sends(t, words...)
		if !strings.HasPrefix(got, "-") || strings.Count(got, "\r\n") != 1 || strings.Count(got, "\n") != 1 {
			t.Errorf("%q: got %q, want one line", words, got)
		}
	}
	n := protocol.Notice{Class: protocol.Denied, Cause: protocol.Forbidden, Reasons: []protocol.Reason{{Path: "arg.1", Say: "no\r\n+OK"}}}
	if got, _ := c.AppendNotice(nil, nil, &n); string(got) != "-NOPERM arg.1: no  +OK\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestNotices(t *testing.T) {
	c := codec(t, Options{})
	for want, n := range map[string]protocol.Notice{
		"-TRYAGAIN too many requests are in flight, send it again later\r\n":   {Class: protocol.Later, Cause: protocol.Busy},
		"-LOADING the backend is not available, send it again later\r\n":       {Class: protocol.Later, Cause: protocol.BackendDown},
		"-ERR backend timeout; the command may have been executed\r\n":         {Class: protocol.Failed, Cause: protocol.AnswerTimeout, Unknown: true},
		"-ERR backend connection lost; the command may have been executed\r\n": {Class: protocol.Failed, Cause: protocol.BackendLost, Unknown: true},
		"-ERR Protocol error: want CR before LF, got a bare LF (line end)\r\n": {Class: protocol.Fix, Cause: protocol.BadSyntax, Reasons: []protocol.Reason{{Rule: "line end", Want: "CR before LF", Got: "a bare LF"}}},
		"": {Class: protocol.Accepted, Cause: protocol.InProcess},
	} {
		if got, err := c.AppendNotice(nil, nil, &n); string(got) != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestInlineCommands(t *testing.T) {
	c := codec(t, Options{Inline: true})
	for line, want := range map[string]string{
		"GET key\r\n": cmd("GET", "key"), "  set  a \"b c\"\n": cmd("set", "a", "b c"), `ECHO "\x41\n\"q\""` + "\r\n": cmd("ECHO", "A\n\"q\""), "ECHO 'it\\'s'\r\n": cmd("ECHO", "it's"),
	} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(line), &m); err != nil || string(m.Body) != want {
			t.Errorf("%q: got %q, %v; want %q", line, m.Body, err, want)
		}
	}
	for _, line := range []string{"ECHO \"open\r\n", "ECHO 'a'b\r\n"} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(line), &m); err == nil {
			t.Errorf("%q: accepted as %q", line, m.Body)
		}
	}
}

func TestMistakesInTheOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"version: 4":                  {Version: 4},
		"unknown: \"x\"":              {Unknown: "x"},
		"commands: \"x\" is no place": {Commands: map[string]string{"GET": "x"}},
		"no command \"NO\"":           {Commands: map[string]string{"no": "shared"}},
		"GET cannot be answered":      {Commands: map[string]string{"GET": "local"}},
		"SELECT changes its":          {Commands: map[string]string{"SELECT": "shared"}},
		"READONLY changes its":        {Commands: map[string]string{"READONLY": "alone"}},
		"MONITOR can only be refused": {Commands: map[string]string{"MONITOR": "own"}},
		"BLPOP waits":                 {Commands: map[string]string{"BLPOP": "shared"}},
		"HELLO is answered by":        {Commands: map[string]string{"HELLO": "shared"}},
		"allow: there is no":          {Allow: []string{"no"}},
		"deny: there is no":           {Deny: []string{"no"}},
		"keys[0].pattern":             {Keys: []KeyRule{{}}},
		"keys[0].commands: there":     {Keys: []KeyRule{{Pattern: "x", Commands: []string{"no"}}}},
		"max_arg: -1":                 {MaxArg: -1},
		"username":                    {Username: "u"},
	} {
		if _, err := New(o, protocol.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if c := codec(t, Options{Allow: []string{"get", "config"}}); c.allowed["SET"] || !c.allowed["GET"] || !c.allowed["CONFIG GET"] {
		t.Errorf("allow: got %v", c.allowed)
	}
}

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, key string
		want         bool
	}{
		{"*", "", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false}, {"?", "", false}, {"[^a]b", "ab", false}, {"[^a]b", "cb", true}, {"[a-c]*", "b/x", true}, {`\*`, "*", true}, {`\*`, "a", false},
		{"user:*:name", "user:1:2:name", true}, {"[]]", "]", true}, {"a[", "a", false}, {"**a**", "bab", true},
	} {
		if got := glob(test.pattern, []byte(test.key)); got != test.want {
			t.Errorf("%q, %q: got %v", test.pattern, test.key, got)
		}
	}
	began := time.Now()
	glob(strings.Repeat("*a", 2000)+"b", []byte(strings.Repeat("a", 10_000)))
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("a hostile pattern took %v", d)
	}
}

// The way of a command through rules costs no memory, as long as it passes.
func TestRulesNeedNoMemory(t *testing.T) {
	c := codec(t, Options{Keys: []KeyRule{{Pattern: "cache:*"}}, Allow: []string{"GET", "SORT", "MGET"}})
	for _, line := range []string{"GET cache:a", "MGET cache:a cache:b cache:c", "SORT cache:a LIMIT 0 5 STORE cache:b"} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(strings.Fields(line)...)), &m); err != nil {
			t.Fatal(err)
		}
		var keys [][]byte
		if n := testing.AllocsPerRun(100, func() {
			if c.Police(&m) != nil {
				t.Errorf("%s is refused", line)
			}
			keys, _ = c.Keys(&m, keys[:0])
		}); n != 0 {
			t.Errorf("%s: %v allocations", line, n)
		}
	}
}
