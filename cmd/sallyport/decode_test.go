package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/golden"
)

func TestDecodeExplains(t *testing.T) {
	orders := "../../examples/orders/"
	for _, c := range []struct {
		name, input string
		args        []string
		fails       string // a part of the error; "" for none
	}{
		{"valid", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/valid.json"}, ""},
		{"values", call, []string{"--values"}, ""},
		{"wrong", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/wrong.json"}, "frames: 5, refused: 4"},
		{"batch", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/batch.json"}, "frames: 1, refused: 1"},
		{"field", call, []string{"--field", "/params/1", "--values"}, ""},
		{"answer", `{"jsonrpc":"2.0","result":3,"id":"a"}`, []string{"--from", "backend"}, ""},
		{"lost", "Content-Length: -1\r\n\r\n", []string{"--framing", "content-length"}, "out of step after 0 frames"},
	} {
		got, err := output(newDecodeCommand(), c.input, c.args...)
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.fails)
		}
		golden.Equal(t, filepath.Join("testdata", "decode", c.name+".txt"), got)
	}
}

func TestDecodeShowsNoValueUnlessAsked(t *testing.T) {
	const secret = "4111111111111111"
	for _, input := range []string{
		`{"jsonrpc":"2.0","method":"pay","params":{"card":"` + secret + `","list":["` + secret + `"]},"id":1}`,
		`{"jsonrpc":"2.0","method":"pay","params":"` + secret + `","id":1}`,
		`{"jsonrpc":"2.0","method":"pay","params":["` + secret + `"],"id":1,"extra":"` + secret + `"}`,
		`[` + secret + `]`,
		secret,
	} {
		got, err := output(newDecodeCommand(), input)
		if strings.Contains(got, secret) || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got\n%s%v", input, got, err)
		}
	}
}

func TestDecodeRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--from nobody", "want client or backend"},
		{"--field x", "--field x"},
		{"no-such-file", "no-such-file"},
	} {
		if _, err := output(newDecodeCommand(), "", strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
}
