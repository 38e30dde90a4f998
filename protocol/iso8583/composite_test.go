package iso8583

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// Parts of fields are found by the names that they are declared with, and by any other tag there can be.
func TestParts(t *testing.T) {
	positional := `{"form": "ans...99", "inside": {"kind": "positional", "parts": [{"id": "type", "form": "n 2"}, {"id": "name", "form": "ans..9"}, {"id": "rest", "form": "an 3"}]}}`
	fixed := `{"form": "n 20", "encoding": "bcd", "inside": {"kind": "positional", "parts": [{"id": "a", "form": "n 5"}, {"id": "b", "form": "n 15"}]}}`
	letters := `{"form": "ans...99", "encoding": "ebcdic", "inside": {"kind": "tagged", "tag": {"digits": 2}, "length": {"digits": 2}, "parts": [{"id": "AB", "form": "n..9"}]}}`
	raw := `{"form": "b...99", "inside": {"kind": "tagged", "tag": {"digits": 1, "encoding": "binary"}, "length": {"digits": 1, "encoding": "binary"}, "parts": [{"id": "C1", "form": "n..9", "encoding": "ebcdic"}]}}`
	ber := `{"form": "b...99", "inside": {"kind": "ber", "parts": [{"id": "9F02", "form": "n 12", "encoding": "bcd"}]}}`
	hexBER := `{"form": "b...99", "encoding": "hex", "inside": {"kind": "ber"}}`
	for _, c := range []struct {
		declared, text string
		parts          map[string]string
	}{
		{positional, "07" + "03abc" + "xyz", map[string]string{"type": "07", "name": "abc", "rest": "xyz"}},
		{positional, "07" + "00", map[string]string{"type": "07", "name": "", "rest": "-"}},
		{positional, "", map[string]string{"type": "-", "name": "-", "rest": "-"}},
		{fixed, "00042" + "000000000000007", map[string]string{"a": "00042", "b": "000000000000007"}},
		{letters, "AB" + "0212" + "ZZ" + "01!" + "AB" + "013", map[string]string{"AB": "12", "ZZ": "!", "XX": "-"}},
		{letters, "", map[string]string{"AB": "-"}},
		{raw, "\xc1\x02\xf1\xf2\x00\x01\xff", map[string]string{"C1": "12", "00": "\xff", "01": "-"}},
		{ber, "\x9f\x26\x02\x12\x34\x00\x00\x9f\x02\x06\x00\x00\x00\x00\x10\x00\x95\x81\x01\x07\x57\x82\x00\x01\x44", map[string]string{"9F26": "\x12\x34", "9F02": "000000001000", "95": "\x07", "57": "D", "9F": "-", "9F36": "-"}},
		{hexBER, "\x9f\x26\x02\x12\x34", map[string]string{"9F26": "\x12\x34"}},
	} {
		codec := fieldCodec(t, c.declared)
		body, err := codec.fields[60].appendContent([]byte(start(60)), []byte(c.text))
		if err != nil {
			t.Fatal(c.declared, err)
		}
		var m protocol.Message
		if err := codec.DecodeBody(protocol.FromClient, body, &m); err != nil {
			t.Errorf("%s: %q: %v", c.declared, c.text, err)
			continue
		}
		for id, want := range c.parts {
			get, err := codec.Getter("DE60." + id)
			if err != nil {
				t.Errorf("%s: %v", c.declared, err)
				continue
			}
			v, ok := get(&m)
			if ok != (want != "-") || ok && string(v.Text) != want {
				t.Errorf("%s: %s: got %q, %v; want %q", c.declared, id, v.Text, ok, want)
			}
			if ok && string(m.Frame[v.Off:v.Off+len(v.Raw)]) != string(v.Raw) {
				t.Errorf("%s: %s is not at %d", c.declared, id, v.Off)
			}
		}
	}
}

func TestPartsThatCannotBe(t *testing.T) {
	c := newCodec(t, tagged)
	for _, path := range []string{"DE48.03", "DE48.1", "DE48.", "DE90.x", "DE55.9F26", "DE2.1"} {
		if _, err := c.Getter(path); err == nil {
			t.Errorf("%s: want an error", path)
		}
	}
	c = newCodec(t, `{"dialect": "1987-binary"}`)
	for path, ok := range map[string]bool{"DE55.9F26": true, "DE55.9f26": false, "DE55.9F2": false, "DE55.XX": false, "DE55.9F26.1": false} {
		if _, err := c.Getter(path); (err == nil) != ok {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// A reason in a part says where in the message it is, in every encoding.
func TestPlacesOfParts(t *testing.T) {
	for declared, want := range map[string]struct {
		wire string
		at   int
	}{
		`{"form": "ans...99", "inside": {"kind": "positional", "parts": [{"id": "a", "form": "n 2"}, {"id": "b", "form": "n 2"}]}}`:                       {"303034 3132 3378", 31},
		`{"form": "ans...99", "encoding": "ebcdic", "inside": {"kind": "positional", "parts": [{"id": "a", "form": "n 2"}, {"id": "b", "form": "n 2"}]}}`: {"303034 f1f2 f381", 31},
		`{"form": "b...99", "encoding": "hex", "inside": {"kind": "positional", "parts": [{"id": "a", "form": "n 2"}, {"id": "b", "form": "n 2"}]}}`:      {"303034 33313332 33333738", 33},
	} {
		var m protocol.Message
		err := fieldCodec(t, declared).DecodeBody(protocol.FromClient, []byte(start(60)+string(unspaced(t, want.wire))), &m)
		if got := fmt.Sprint(err); err == nil || got == "" {
			t.Errorf("%s: accepted", declared)
			continue
		}
		r := reasons(err)[0]
		if r.Path != "DE60.b" || r.Off != want.at {
			t.Errorf("%s: got %s at %d, want DE60.b at %d", declared, r.Path, r.Off, want.at)
		}
	}
}
