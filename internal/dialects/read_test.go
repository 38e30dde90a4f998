package dialects

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// reads fails unless a message that consists of pieces, in hexadecimal digits, is in order for decl and has at paths the texts
// of want.
func reads(t *testing.T, decl *dialect.Declaration, want map[string]string, pieces ...string) {
	t.Helper()
	options := iso8583.Options{}
	text, err := json.Marshal(map[string]any{"dialect": decl})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &options); err != nil {
		t.Fatal(err)
	}
	c, err := iso8583.New(options, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var body []byte
	for _, p := range pieces {
		raw, err := hex.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		body = append(body, raw...)
	}
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, body, &m); err != nil {
		t.Errorf("%x: %v", body, err)
		return
	}
	for path, want := range want {
		get, err := c.Getter(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if v, ok := get(&m); !ok || string(v.Text) != want {
			t.Errorf("%s: got %q, %v, want %q", path, v.Text, ok, want)
		}
	}
}
