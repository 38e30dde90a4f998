package gateway

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestALineIsOneJSONObject(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 0, 5, time.FixedZone("", 3600))
	for _, c := range []struct {
		line mirrorLine
		want string
	}{
		{mirrorLine{at: at, route: "r", peer: "1.2.3.4:5", what: "request", id: []byte(`"7"`), name: []byte("order.place"), body: []byte("{\"a\":\"ä\"}\n")},
			`{"time":"2026-03-01T11:30:00.000000005Z","route":"r","peer":"1.2.3.4:5","what":"request","id":"\"7\"","name":"order.place","body":"{\"a\":\"ä\"}\n"}` + "\n"},
		{mirrorLine{at: at, route: "r", peer: "p", what: "result", more: true, body: []byte{0, 1, 0xff}},
			`{"time":"2026-03-01T11:30:00.000000005Z","route":"r","peer":"p","what":"result","more":true,"body64":"AAH/"}` + "\n"},
		{mirrorLine{at: at, route: "r", peer: "p", what: "request", name: []byte("a\x1b[31m"), body: []byte("\u0085\u009b31m")},
			`{"time":"2026-03-01T11:30:00.000000005Z","route":"r","peer":"p","what":"request","name64":"YRtbMzFt","body64":"woXCmzMxbQ=="}` + "\n"},
	} {
		if got := string(c.line.appendTo(nil)); got != c.want {
			t.Errorf("got  %swant %s", got, c.want)
		}
	}
}

func TestALineAllocatesNothing(t *testing.T) {
	l := mirrorLine{route: "orders", peer: "10.0.0.1:4711", what: "request", id: []byte("1"), name: []byte("echo"), body: []byte(strings.Repeat(`{"ö":1}`, 100))}
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { dst = l.appendTo(dst[:0]) }); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}

// Whatever stands in a message, a line is one line of JSON that says just that, in no
// more than twice its bytes.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0"}`))
	f.Add([]byte("\"\\\r\n\t\x00\x7f"))
	f.Add([]byte("ä\u2028\u202e\xe4\xed\xa0\x80\ufffd"))
	f.Fuzz(func(t *testing.T, body []byte) {
		text := (&mirrorLine{route: "r", peer: "p", what: "request", body: body}).appendTo(nil)
		empty := (&mirrorLine{route: "r", peer: "p", what: "request"}).appendTo(nil)
		if len(text) > len(empty)+len(`,"body64":""`)+2*len(body)+4 {
			t.Errorf("%d bytes became %d", len(body), len(text))
		}
		if strings.Count(string(text), "\n") != 1 || !utf8.Valid(text) {
			t.Errorf("got %q, which is not one line", text)
		}
		var got struct{ Body, Body64 string }
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got.Body64 != "" {
			b, err := base64.StdEncoding.DecodeString(got.Body64)
			if err != nil {
				t.Fatal(err)
			}
			got.Body = string(b)
		}
		if got.Body != string(body) {
			t.Errorf("got %q, want %q", got.Body, body)
		}
	})
}
