package jsonrpc

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestWhiteSpaceDoesNotBreakLines(t *testing.T) {
	from := newCodec(t, Options{Framing: framing(t, "length4")})
	to := newCodec(t, Options{})
	m, cause := body(t, from, protocol.FromClient, "{\r\n\t\"jsonrpc\": \"2.0\",\n\"method\": \"a\\n\",\n\"params\": [\r\n\t\"x\\n y\",\n\n1\n],\n\"id\": 1\n}\n")
	if cause != protocol.NoCause {
		t.Fatal(cause)
	}
	got, err := to.AppendWithID(nil, m, protocol.ID("17"))
	want := `{"jsonrpc":"2.0","method":"a\n","params":[   "x\n y",  1 ],"id":17}`
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestTicketIsOnlyWhatAppendTicketWrites(t *testing.T) {
	c := newCodec(t, Options{})
	for _, id := range []string{"", "01", "1.0", "1e0", `"1"`, "-1", "-0", "null", "+1", " 1", "9007199254740992", "99999999999999999999999"} {
		if n, ok := c.Ticket(protocol.ID(id)); ok {
			t.Errorf("%q: got %d, want none", id, n)
		}
	}
	if n, ok := c.Ticket(protocol.ID("9007199254740991")); !ok || n != 1<<53-1 {
		t.Errorf("got %d, %v", n, ok)
	}
}

func TestGetterUnescapes(t *testing.T) {
	c := newCodec(t, Options{})
	m, cause := body(t, c, protocol.FromClient, `{"jsonrpc":"2.0","method":"a","id":1,"params":{"a\u002fb":"x\ty\ud83d\ude00","~":[0,{"":"]\"}"}],"e":"é\"x","n":-1.5e3}}`)
	if cause != protocol.NoCause {
		t.Fatal(cause)
	}
	for _, test := range []struct {
		path string
		kind protocol.ValueType
		text string
	}{
		{"/params/a~1b", protocol.String, "x\ty😀"},
		{"/params/~0/1/", protocol.String, `]"}`},
		{"/params/~0/0", protocol.Number, "0"},
		{"/params/~0/00", protocol.Missing, ""},
		{"/params/~0/-", protocol.Missing, ""},
		{"/params/~0/2", protocol.Missing, ""},
		{"/params/~0/1//x", protocol.Missing, ""},
		{"/params/e", protocol.String, `é"x`},
		{"/params/n", protocol.Number, "-1.5e3"},
		{"/params/~0", protocol.List, ""},
		{"", protocol.Map, ""},
		{"/result", protocol.Missing, ""},
	} {
		get, err := c.Getter(test.path)
		if err != nil {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		v, ok := get(m)
		if v.Type != test.kind || string(v.Text) != test.text || ok != (test.kind != protocol.Missing) {
			t.Errorf("%s: got %v %q %v, want %v %q", test.path, v.Type, v.Text, ok, test.kind, test.text)
		}
	}
}

// kilobyte is a request of 1 KiB.
var kilobyte = `{"jsonrpc":"2.0","method":"account.transfer","params":{"from":"DE02120300000000202051","to":"DE02500105170137075030","amount":{"value":125.5,"currency":"EUR"},"tags":["a","b","c"],"text":"` +
	strings.Repeat("The quick brown fox jumps over the lazy dog. ", 18)[:798] + `"},"id":"c7d1"}`

func TestNoAllocations(t *testing.T) {
	c := newCodec(t, Options{})
	m, cause := body(t, c, protocol.FromClient, kilobyte)
	if cause != protocol.NoCause {
		t.Fatal(cause)
	}
	amount, err := c.Getter("/params/amount/value")
	if err != nil {
		t.Fatal(err)
	}
	n := protocol.Notice{Class: protocol.Later, Cause: protocol.Busy, RetryAfter: 1e9, Reasons: []protocol.Reason{{Path: "/id", Off: 3, Rule: "r", Want: "w", Got: "g"}}}
	dst := make([]byte, 0, 4096)
	for name, run := range map[string]func(){
		"Getter":       func() { amount(m) },
		"AppendNotice": func() { dst, _ = c.AppendNotice(dst[:0], m, &n) },
		"AppendTicket": func() { dst = c.AppendTicket(dst[:0], 1<<52) },
		"Ticket":       func() { c.Ticket(protocol.ID("123456")) },
	} {
		if got := testing.AllocsPerRun(100, run); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	c := newCodec(b, Options{})
	frame := c.framedFor(b, kilobyte)
	var m protocol.Message
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Decode(protocol.FromClient, frame, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendWithID(b *testing.B) {
	c := newCodec(b, Options{})
	m, _ := body(b, c, protocol.FromClient, kilobyte)
	dst := make([]byte, 0, 2048)
	b.SetBytes(int64(len(kilobyte)))
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = c.AppendWithID(dst[:0], m, protocol.ID("123456789"))
	}
}

func BenchmarkAppendNotice(b *testing.B) {
	c := newCodec(b, Options{})
	m, _ := body(b, c, protocol.FromClient, kilobyte)
	n := protocol.Notice{Class: protocol.Later, Cause: protocol.Busy, RetryAfter: 1e9, Reasons: []protocol.Reason{{Path: "/params/0", Off: 41, Rule: "type", Want: "text", Got: "a number"}}}
	dst := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = c.AppendNotice(dst[:0], m, &n)
	}
}
