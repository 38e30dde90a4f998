package resp

import (
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// downgraded is what a client of version 2 gets of body.
func downgraded(t *testing.T, body string) string {
	t.Helper()
	c := codec(t, Options{Version: 3})
	out := c.OpenFrame([]byte("before"), headsTwo[0])
	out, err := c.CloseFrame(append(out, body...), len("before"))
	if err != nil || !strings.HasPrefix(string(out), "before") {
		t.Fatalf("%q: got %q, %v", body, out, err)
	}
	return string(out[len("before"):])
}

func TestAnswersInVersionTwo(t *testing.T) {
	for body, want := range map[string]string{
		"+OK\r\n": "+OK\r\n", "_\r\n": "$-1\r\n", "#t\r\n": ":1\r\n", "#f\r\n": ":0\r\n", ",1.5\r\n": "$3\r\n1.5\r\n", "(12\r\n": "$2\r\n12\r\n", "=7\r\ntxt:abc\r\n": "$3\r\nabc\r\n",
		"!8\r\nERR a\r\nb\r\n": "-ERR a  b\r\n", "%1\r\n+a\r\n_\r\n": "*2\r\n+a\r\n$-1\r\n", "~1\r\n:1\r\n": "*1\r\n:1\r\n", ">2\r\n+a\r\n+b\r\n": "*2\r\n+a\r\n+b\r\n",
		"|1\r\n+a\r\n%1\r\n+b\r\n:1\r\n$1\r\nx\r\n": "$1\r\nx\r\n", "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n": "*2\r\n:1\r\n:2\r\n", "$-1\r\n": "$-1\r\n", "*-1\r\n": "*-1\r\n", "$0\r\n\r\n": "$0\r\n\r\n",
	} {
		if got := downgraded(t, body); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
	c := codec(t, Options{Version: 3})
	if out, err := c.CloseFrame(append(c.OpenFrame(nil, headsThree), "_\r\n"...), 0); string(out) != "_\r\n" || err != nil {
		t.Errorf("a client of version 3: got %q, %v", out, err)
	}
}

// What differs by the command, and not only by its types, differs for the client too; what is not as it should be stays.
func TestShapesInVersionTwo(t *testing.T) {
	c := codec(t, Options{Version: 3})
	for _, test := range []struct{ request, body, want string }{
		{"ZRANGE z 0 -1 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1\r\n|1\r\n+x\r\n|1\r\n+y\r\n+z\r\n+v\r\n*2\r\n$1\r\nb\r\n,2\r\n", "*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"},
		{"ZRANGE z 0 -1 WITHSCORES", "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2\r\n", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"},
		{"ZRANGE z 0 -1", "*1\r\n*3\r\n:1\r\n:2\r\n:3\r\n", "*1\r\n*3\r\n:1\r\n:2\r\n:3\r\n"},
		{"ZPOPMIN z", "*2\r\n$1\r\na\r\n,1\r\n", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
		{"ZPOPMIN z 1", "*1\r\n*2\r\n$1\r\na\r\n,1\r\n", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
		{"XREAD STREAMS x 0", "%1\r\n$1\r\nx\r\n*1\r\n*2\r\n+1-1\r\n*0\r\n", "*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n+1-1\r\n*0\r\n"},
		{"EXEC", "_\r\n", "*-1\r\n"}, {"LPOP l", "_\r\n", "$-1\r\n"}, {"LPOP l 2", "_\r\n", "*-1\r\n"}, {"GEOPOS g a", "*1\r\n_\r\n", "*1\r\n*-1\r\n"}, {"HGETALL h", "%1\r\n+a\r\n%1\r\n+b\r\n_\r\n", "*2\r\n+a\r\n*2\r\n+b\r\n$-1\r\n"},
	} {
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(cmd(strings.Fields(test.request)...)), &m); err != nil {
			t.Fatal(err)
		}
		got, err := c.CloseFrame(append(c.OpenFrame([]byte("before"), m.Head), test.body...), len("before"))
		if string(got) != "before"+test.want || err != nil {
			t.Errorf("%s, %q: got %q, %v; want %q", test.request, test.body, got, err, test.want)
		}
	}
	x := &conn{c: c, memo: memoMulti}
	for line, want := range map[string]string{"ZRANGE z 0 -1": "own", "GET a": "own", "LPOP l 2": "own", "ZRANGE z 0 -1 WITHSCORES": "-ERR ", "XREAD STREAMS a 0": "-ERR "} {
		x.memo = memoMulti
		if got := x.sends(t, strings.Fields(line)...); !strings.HasPrefix(got, want) {
			t.Errorf("%s within a transaction: got %q, want %q", line, got, want)
		}
	}
}

// A client of version 2 hears what is published, and nothing of what only version 3 has.
func TestWhatIsPushedToAClientOfVersionTwo(t *testing.T) {
	c := codec(t, Options{Version: 3})
	m := &protocol.Message{Memo: memoTwo}
	for body, want := range map[string]string{">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n": "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", ">2\r\n$10\r\ninvalidate\r\n_\r\n": ""} {
		if err := c.Decode(protocol.FromBackend, []byte(body), m); err != nil {
			t.Fatal(err)
		}
		if got := c.Match(0, false, m); got != protocol.Unasked {
			t.Errorf("%q: got %v", body, got)
		}
		out, _ := c.AppendWithID(c.OpenFrame(nil, m.Head), m, nil)
		if out, err := c.CloseFrame(out, 0); string(out) != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", body, out, err)
		}
	}
}

// The DISCARD that takes the place of an EXEC is answered as the EXEC.
func TestAnswersToAnEXECThatIsNone(t *testing.T) {
	c := codec(t, Options{Version: 3})
	for body, want := range map[string]string{"+OK\r\n": execAbort, "-LOADING x\r\n": "-LOADING x\r\n"} {
		out := c.OpenFrame([]byte("before"), aborts)
		if out, err := c.CloseFrame(append(out, body...), len("before")); string(out) != "before"+want || err != nil {
			t.Errorf("%q: got %q, %v", body, out, err)
		}
	}
}

// Match has the answers to a subscription, one for each channel, and nothing that is pushed for an answer.
func TestMatch(t *testing.T) {
	conf := func(kind, name, left string) string {
		return "*3\r\n$" + strconv.Itoa(len(kind)) + "\r\n" + kind + "\r\n$1\r\n" + name + "\r\n:" + left + "\r\n"
	}
	c := codec(t, Options{})
	memo := uint64(0)
	match := func(request, answer, want string) {
		t.Helper()
		var req protocol.Message
		if request != "" {
			if err := c.Decode(protocol.FromClient, []byte(cmd(strings.Fields(request)...)), &req); err != nil {
				t.Fatal(err)
			}
		}
		m := protocol.Message{Memo: memo}
		if err := c.Decode(protocol.FromBackend, []byte(answer), &m); err != nil {
			t.Fatal(err)
		}
		got := map[protocol.Match]string{protocol.Answers: "answer", protocol.Unasked: "pushed", protocol.Foreign: "foreign"}[c.Match(req.Expect, request != "", &m)]
		if m.More {
			got += ", more"
		}
		if got != want {
			t.Errorf("%s, %q: got %s, want %s", request, answer, got, want)
		}
		memo = m.Memo
	}
	message := "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"
	match("LRANGE l 0 2", message, "answer") // looks like a message, but nobody has subscribed here
	match("SUBSCRIBE a b c", conf("subscribe", "a", "1"), "answer, more")
	match("SUBSCRIBE a b c", message, "pushed")
	match("SUBSCRIBE a b c", conf("subscribe", "b", "2"), "answer, more")
	match("SUBSCRIBE a b c", conf("subscribe", "c", "3"), "answer")
	match("", message, "pushed")
	match("PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "answer")
	match("PING", conf("unsubscribe", "a", "2"), "pushed")
	match("UNSUBSCRIBE", conf("unsubscribe", "b", "1"), "answer")
	match("", conf("unsubscribe", "c", "0"), "pushed")
	match("LRANGE l 0 2", message, "answer") // it listens to nothing any more
	match("LRANGE l 0 2", conf("subscribe", "a", "1"), "answer")
	match("SUBSCRIBE a b", conf("subscribe", "a", "1"), "answer, more")
	match("SUBSCRIBE a b", conf("subscribe", "b", "2"), "answer")
	match("UNSUBSCRIBE", conf("unsubscribe", "b", "1"), "answer")
	match("SUBSCRIBE x", conf("unsubscribe", "a", "0"), "pushed") // the second of those to UNSUBSCRIBE
	match("SUBSCRIBE x", conf("subscribe", "x", "1"), "answer")
	match("UNSUBSCRIBE x", conf("unsubscribe", "x", "0"), "answer")
	match("SSUBSCRIBE s", conf("ssubscribe", "s", "1"), "answer")
	match("GET a", conf("sunsubscribe", "s", "0"), "pushed")
	match("SUBSCRIBE a b", "-ERR no\r\n", "answer")
	match("GET a", ">2\r\n$10\r\ninvalidate\r\n*0\r\n", "pushed")
	match("SUBSCRIBE x", ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "answer")
}

// TestFaultB15: the end of a subscription that there is not leaves nothing behind on the connection it went over. What
// looks like news there, such as a list that begins with "message", is the answer that it is.
func TestFaultB15NothingIsTakenForNewsWhereNobodyListens(t *testing.T) {
	for _, o := range []Options{{}, {Version: 3}} {
		c := codec(t, o)
		req := &protocol.Message{}
		if err := c.Decode(protocol.FromClient, []byte(cmd("UNSUBSCRIBE")), req); err != nil || req.Bind != protocol.Alone {
			t.Errorf("UNSUBSCRIBE of nothing: got %v, %v, want a connection alone", req.Bind, err)
		}
		m := &protocol.Message{}
		for _, answer := range []string{"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"} {
			if err := c.Decode(protocol.FromBackend, []byte(answer), m); err != nil {
				t.Fatal(err)
			}
			if got := c.Match(req.Expect, true, m); got != protocol.Answers || m.Kind != protocol.Response {
				t.Errorf("%q: got %v, a %v, want that it answers", answer, got, m.Kind)
			}
			*m, req = protocol.Message{Memo: m.Memo}, &protocol.Message{Name: []byte("LRANGE")}
		}
	}
}

// In version 3 news is of a type of its own. A list, or the answer to EXEC, may hold what somebody else has written there,
// and must not be taken for news or for the end of a subscription on a connection that listens.
func TestFaultB15AnAnswerIsNoNewsInVersionThree(t *testing.T) {
	c := codec(t, Options{Version: 3})
	for _, answer := range []string{"*3\r\n$7\r\nmessage\r\n$3\r\nany\r\n$5\r\nthing\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n"} {
		m := &protocol.Message{Memo: memoSub}
		if err := c.Decode(protocol.FromBackend, []byte(answer), m); err != nil {
			t.Fatal(err)
		}
		req := &protocol.Message{}
		if err := c.Decode(protocol.FromClient, []byte(cmd("LRANGE", "l", "0", "-1")), req); err != nil {
			t.Fatal(err)
		}
		if got := c.Match(req.Expect, true, m); got != protocol.Answers || m.Kind != protocol.Response || m.Memo&memoSub == 0 {
			t.Errorf("%q: got %v, a %v, memo %x, want that it answers", answer, got, m.Kind, m.Memo)
		}
	}
	m := &protocol.Message{Memo: memoSub}
	if err := c.Decode(protocol.FromBackend, []byte(">3\r\n$7\r\nmessage\r\n$3\r\nany\r\n$5\r\nthing\r\n"), m); err != nil {
		t.Fatal(err)
	}
	if got := c.Match(0, true, m); got != protocol.Unasked || m.Kind != protocol.Push {
		t.Errorf("news: got %v, a %v", got, m.Kind)
	}
}

func TestKeysAndTheirAnswers(t *testing.T) {
	c := codec(t, Options{})
	decode := func(words ...string) *protocol.Message {
		m := new(protocol.Message)
		if err := c.Decode(protocol.FromClient, []byte(cmd(words...)), m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for line, want := range map[string]string{
		"GET a": "a", "MGET a {b}c d{}e": "a b d{}e", "MSET a 1 b 2": "a b", "PING": "", "DBSIZE": "all", "EVAL s 2 a b c": "a b", "BLPOP a b 0": "a b", "XREAD COUNT 1 STREAMS a b 0 0": "a b",
		"ZUNIONSTORE d 2 a b": "d a b", "BITOP AND d a b": "d a b", "OBJECT ENCODING k": "k", "EVAL s x a": "", "KEYS *": "all", "SORT k": "k",
	} {
		keys, all := c.Keys(decode(strings.Fields(line)...), nil)
		var got []string
		for _, k := range keys {
			got = append(got, string(k))
		}
		if all {
			got = append(got, "all")
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: got %q, want %q", line, text, want)
		}
	}
	part := func(line string, owner []int, n int, want string) {
		t.Helper()
		if got, err := c.AppendPart(nil, decode(strings.Fields(line)...), owner, n); err != nil || string(got) != cmd(strings.Fields(want)...) {
			t.Errorf("%s: part %d: got %q, %v", line, n, got, err)
		}
	}
	part("MGET a b c", []int{0, 1, 0}, 0, "MGET a c")
	part("mset a 1 b 2 c 3", []int{0, 1, 0}, 1, "MSET b 2")
	part("DEL a b", []int{1, 0}, 1, "DEL a")
	join := func(line string, owner []int, want string, answers ...string) {
		t.Helper()
		var parts [][]byte
		for _, a := range answers {
			parts = append(parts, []byte(a))
		}
		got, err := c.Join([]byte("."), decode(strings.Fields(line)...), owner, parts)
		if err != nil {
			got = []byte("." + "error")
		}
		if string(got) != "."+want {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
	join("MGET a b c", []int{0, 1, 0}, "*3\r\n$1\r\nA\r\n$-1\r\n$1\r\nC\r\n", "*2\r\n$1\r\nA\r\n$1\r\nC\r\n", "*1\r\n$-1\r\n")
	join("MGET a b c", []int{0, 1, 0}, "*3\r\n-ERR x\r\n$1\r\nB\r\n-ERR x\r\n", "-ERR x\r\n", "*1\r\n$1\r\nB\r\n")
	join("MGET a b", []int{0, 1}, "error", "*0\r\n", "*1\r\n$1\r\nB\r\n")
	join("MGET a b", []int{0, 1}, "error", "*2\r\n$1\r\nA\r\n$1\r\nA\r\n", "*1\r\n$1\r\nB\r\n")
	join("DEL a b", []int{0, 1}, ":3\r\n", ":1\r\n", ":2\r\n")
	join("DEL a b", []int{0, 1}, "-ERR x\r\n", ":1\r\n", "-ERR x\r\n")
	join("DEL a b", []int{0, 1}, "error", ":1\r\n", "+OK\r\n")
	join("MSET a 1 b 2", []int{0, 1}, "+OK\r\n", "+OK\r\n", "+OK\r\n")
	join("MSET a 1 b 2", []int{0, 1}, "-ERR x\r\n", "+OK\r\n", "-ERR x\r\n")
	join("MSET a 1 b 2", []int{0, 1}, "error", "+OK\r\n", ":1\r\n")
}

func TestGreeting(t *testing.T) {
	c := codec(t, Options{Version: 3, Username: "u", Password: "p", Database: 2})
	out, n := c.AppendGreeting(nil)
	if want := cmd("AUTH", "u", "p") + cmd("HELLO", "3") + cmd("SELECT", "2"); string(out) != want || n != 3 {
		t.Errorf("got %q, %d answers", out, n)
	}
	var m protocol.Message
	_ = c.Decode(protocol.FromBackend, []byte("-WRONGPASS invalid username-password pair\r\n"), &m)
	if err := c.Greeted(0, &m); err == nil || !strings.Contains(err.Error(), "AUTH was answered with the error WRONGPASS") {
		t.Errorf("got %v", err)
	}
}
