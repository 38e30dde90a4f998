package sim

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

func TestMethods(t *testing.T) {
	for _, c := range []struct{ name, params, want string }{
		{"subtract", `[42,23]`, `"result":19`},
		{"subtract", `{"subtrahend":23,"minuend":42}`, `"result":19`},
		{"subtract", `[42]`, `"error":{"code":-32602,"message":"Invalid params"}`},
		{"sum", `[1,2,4]`, `"result":7`},
		{"sum", `"1"`, `"error":{"code":-32602,"message":"Invalid params"}`},
		{"get_data", `null`, `"result":["hello",5]`},
		{"notify_hello", `[7]`, `"result":null`},
		{"update", `[1,2,3,4,5]`, `"result":null`},
		{"echo", `{"nonce":"x"}`, `"result":{"nonce":"x"}`},
		{"order.place", `{"order":"A-17","nonce":"x"}`, `"result":{"nonce":"x","order":"A-17","state":"placed"}`},
		{"order.status", `{"order":"A-17"}`, `"result":{"order":"A-17","state":"on its way"}`},
		{"order.status", `[]`, `"error":{"code":-32602,"message":"Invalid params"}`},
		{"foobar", `[]`, `"error":{"code":-32601,"message":"Method not found"}`},
	} {
		body := `{"jsonrpc":"2.0","method":"` + c.name + `","params":` + c.params + `,"id":"1.0"}`
		m := &protocol.Message{Kind: protocol.Request, Name: []byte(c.name), ID: []byte(`"1.0"`), Body: []byte(body)}
		got := string(Methods(m).Body)
		if want := `{"jsonrpc":"2.0",` + c.want + `,"id":"1.0"}`; got != want {
			t.Errorf("%s %s: got %s, want %s", c.name, c.params, got, want)
		}
	}
}

func TestMethodsSleepsAsLongAsItIsAskedTo(t *testing.T) {
	for _, c := range []struct {
		ms   string
		want time.Duration
	}{{"250", 250 * time.Millisecond}, {"9000000000000000", maxSleep}} {
		m := &protocol.Message{Name: []byte("sleep"), ID: []byte("1"), Body: []byte(`{"params":{"ms":` + c.ms + `}}`)}
		if got := Methods(m).After; got != c.want {
			t.Errorf("%s: got %v, want %v", c.ms, got, c.want)
		}
	}
}

// record is "R 000012 nonce-of-16-bytes ok".
const record = "R 000012 0123456789abcdef ok"

func decoded(t *testing.T, body string) *protocol.Message {
	t.Helper()
	m := new(protocol.Message)
	if err := (tiny{}).DecodeBody(protocol.FromClient, []byte(body), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEchoReplacesFields(t *testing.T) {
	h, err := Echo(tiny{}, map[string]string{"0": "A", "3": "fine", "9": "is not there"})
	if err != nil {
		t.Fatal(err)
	}
	got := string(h(decoded(t, record)).Body)
	if want := "A 000012 0123456789abcdef fine"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := Echo(tiny{}, map[string]string{"x": "A"}); err == nil {
		t.Error("got no error for a path that cannot be")
	}
}

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"A {1} {2:4}|", "A 000012 0123|"},
		{"{3:4}|", "ok  |"},
		{`{{}\x1c"\r`, "{}\x1c\"\r"},
		{"", ""},
		{"{9}{9:2}", "  "},
	} {
		h, err := Template(tiny{}, map[string]string{"0": c.text, "": "other"})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := string(h(decoded(t, record)).Body); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
		if got := string(h(decoded(t, "R 1")).Body); got != "other" {
			t.Errorf("got %q, want that of all other operations", got)
		}
	}
	for _, text := range []string{"{", "{x}", "{1:x}", "{1:0}", "{1:70000}", `\q`} {
		if _, err := Template(tiny{}, map[string]string{"": text}); err == nil {
			t.Errorf("%s: got no error", text)
		}
	}
}

func TestRecordSpeech(t *testing.T) {
	s, err := Record(tiny{}, []byte(record), "1", "2")
	if err != nil {
		t.Fatal(err)
	}
	got := string(s.Request(nil, s.ID(7), "Nx00000000000001"))
	if want := "R 000007 Nx00000000000001 ok"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(s.ID(12_345_678)); got != "345678" {
		t.Errorf("got %q, want what fits the field", got)
	}
	for _, c := range []struct{ name, sample, id, nonce string }{
		{"no message", "?", "1", "2"},
		{"no such path", record, "x", "2"},
		{"no such field", record, "1", "7"},
		{"too short", record, "1", "3"},
		{"the same field", record, "2", "2"},
	} {
		if _, err := Record(tiny{}, []byte(c.sample), c.id, c.nonce); err == nil {
			t.Errorf("%s: got no error", c.name)
		}
	}
}
