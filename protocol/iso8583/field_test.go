package iso8583

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// fieldCodec has, beside fields 11 and 39, field 60 as it is declared.
func fieldCodec(tb testing.TB, declared string) *Codec {
	tb.Helper()
	var words map[string]any
	if err := json.Unmarshal([]byte(declared), &words); err != nil {
		tb.Fatal(err)
	}
	return newCodec(tb, fmt.Sprintf(`{"dialect": {"base": "1987-ascii", "fields": {"60": %s}}}`, declared))
}

// Each way to write a field, and what it holds: both ways.
func TestFieldForms(t *testing.T) {
	for _, c := range []struct{ declared, text, wire string }{
		{`{"form": "n 3"}`, "042", "303432"},
		{`{"form": "n 3", "encoding": "ebcdic"}`, "042", "f0f4f2"},
		{`{"form": "n 3", "encoding": "bcd"}`, "042", "0042"},
		{`{"form": "n 3", "encoding": "bcd", "fill": "F"}`, "042", "f042"},
		{`{"form": "n 3", "encoding": "bcd", "pad": "right"}`, "042", "0420"},
		{`{"form": "n 3", "encoding": "bcd", "pad": "right", "fill": "F"}`, "042", "042f"},
		{`{"form": "n 4", "encoding": "bcd"}`, "1042", "1042"},
		{`{"form": "n..5"}`, "", "3030"},
		{`{"form": "n..5"}`, "7", "303137"},
		{`{"form": "n..5", "prefix": "ebcdic"}`, "7", "f0f137"},
		{`{"form": "n..5", "prefix": "bcd"}`, "71", "023731"},
		{`{"form": "n...5", "prefix": "bcd"}`, "71", "00023731"},
		{`{"form": "n..5", "prefix": "binary"}`, "71", "023731"},
		{`{"form": "ans...300", "prefix": "binary"}`, "71", "00023731"},
		{`{"form": "n..15", "prefix": "hex", "width": 1}`, "01234567890", "423031323334353637383930"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd"}`, "712", "030712"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "fill": "F"}`, "712", "02f712"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "pad": "right", "fill": "F"}`, "712", "02712f"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "fill": "F"}`, "7123", "027123"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "fill": "F"}`, "71234", "03f71234"},
		{`{"form": "z..37", "encoding": "bcd", "pad": "right", "fill": "F"}`, "41=25", "3035" + "41d25f"},
		{`{"form": "z..37", "encoding": "ebcdic"}`, "41=25", "3035" + "f4f17ef2f5"},
		{`{"form": "x+n..8", "counts": "bytes"}`, "C01", "3033" + "433031"},
		{`{"form": "x+n..8", "counts": "bytes", "encoding": "bcd"}`, "C0100", "3033" + "430100"},
		{`{"form": "x+n..8", "counts": "bytes", "sign": "within"}`, "C01", "3033" + "433031"},
		{`{"form": "z..37"}`, "41D25", "3035" + "3431443235"},
		{`{"form": "x+n 8"}`, "D00000100", "443030303030313030"},
		{`{"form": "x+n 8", "sign": "within"}`, "D0000100", "4430303030313030"},
		{`{"form": "x+n 8", "encoding": "bcd"}`, "C00000100", "4300000100"},
		{`{"form": "x+n 7", "encoding": "bcd"}`, "C0000100", "4300000100"},
		{`{"form": "x+n 8", "encoding": "ebcdic"}`, "C00000100", "c3f0f0f0f0f0f1f0f0"},
		{`{"form": "ans 4"}`, "a!  ", "61212020"},
		{`{"form": "ans 4", "encoding": "ebcdic"}`, "a!  ", "815a4040"},
		{`{"form": "as 2"}`, "a!", "6121"},
		{`{"form": "ns 2"}`, "1!", "3121"},
		{`{"form": "a 2"}`, "a ", "6120"},
		{`{"form": "an 2", "encoding": "ebcdic"}`, "a1", "81f1"},
		{`{"form": "b 64"}`, "\x01\x02\x03\x04\x05\x06\x07\xff", "01020304050607ff"},
		{`{"form": "b 16", "encoding": "hex"}`, "\x0a\xff", "30414646"},
		{`{"form": "b..9"}`, "\x00\xff", "303200ff"},
		{`{"form": "b..9", "encoding": "hex"}`, "\x00\xff", "303230304646"},
		{`{"form": "b..9", "encoding": "hex", "counts": "bytes"}`, "\x00\xff", "303430304646"},
		{`{"form": "b..9", "prefix": "ebcdic"}`, "\x00\xff", "f0f200ff"},
	} {
		codec := fieldCodec(t, c.declared)
		if wire, err := codec.fields[60].appendContent(nil, []byte(c.text)); err != nil || fmt.Sprintf("%x", wire) != c.wire {
			t.Errorf("%s of %q: got %x, %v; want %s", c.declared, c.text, wire, err, c.wire)
		}
		var m protocol.Message
		body := start(60) + string(unspaced(t, c.wire))
		if err := codec.DecodeBody(protocol.FromClient, []byte(body), &m); err != nil {
			t.Errorf("%s: %s: %v", c.declared, c.wire, err)
			continue
		}
		if got := codec.find(&m, 60); string(got) != c.text || got == nil {
			t.Errorf("%s: %s: got %q, want %q", c.declared, c.wire, got, c.text)
		}
	}
}

// What fits no field is found out when it is written, and when it is read.
func TestContentsThatDoNotFit(t *testing.T) {
	for _, c := range []struct{ declared, text, wire string }{
		{`{"form": "n 3"}`, "1234", ""},
		{`{"form": "n 3"}`, "12x", "313278"},
		{`{"form": "n 3"}`, "", "202030"},
		{`{"form": "n 3", "encoding": "bcd"}`, "12x", "1012"},
		{`{"form": "n 3", "encoding": "bcd", "fill": "F"}`, "", "0012"},
		{`{"form": "n 3", "encoding": "bcd", "pad": "right"}`, "", "0421"},
		{`{"form": "n 4", "encoding": "bcd"}`, "12=4", "12d4"},
		{`{"form": "n..5", "least": 2}`, "1", "303131"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "fill": "F"}`, "123456", "03123456"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "fill": "F"}`, "", "02ff12"},
		{`{"form": "n..5", "encoding": "bcd", "prefix": "bcd", "counts": "bytes", "least": 3}`, "", "0112"},
		{`{"form": "z..5", "encoding": "bcd", "pad": "right", "fill": "F"}`, "41x", "303341ef"},
		{`{"form": "x+n 8"}`, "X00000100", "583030303030313030"},
		{`{"form": "x+n 8"}`, "C0000100", ""},
		{`{"form": "x+n 8", "encoding": "ebcdic"}`, "", "43f0f0f0f0f0f1f0f0"},
		{`{"form": "b 16", "encoding": "hex"}`, "\x01", "3041464b"},
		{`{"form": "b..9", "prefix": "binary"}`, "0123456789", "0a30313233343536373839"},
		{`{"form": "ans..9", "prefix": "bcd"}`, "", "0a"},
		{`{"form": "ans..9", "prefix": "hex"}`, "", "3067"},
		{`{"form": "ans..9", "prefix": "ebcdic"}`, "", "3031"},
		{`{"form": "ans 2", "encoding": "ebcdic"}`, "a\n", "8125"},
	} {
		codec := fieldCodec(t, c.declared)
		if c.text != "" {
			before := []byte("before")
			if wire, err := codec.fields[60].appendContent(before, []byte(c.text)); err == nil || string(wire) != "before" {
				t.Errorf("%s: %q is written as %x, %v", c.declared, c.text, wire, err)
			}
		}
		if c.wire == "" {
			continue
		}
		var m protocol.Message
		if err := codec.DecodeBody(protocol.FromClient, []byte(start(60)+string(unspaced(t, c.wire))), &m); err == nil {
			t.Errorf("%s: %s is read as %q", c.declared, c.wire, codec.find(&m, 60))
		}
	}
}
