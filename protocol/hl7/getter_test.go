package hl7

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// In BIG-5 a part of a character can look like a delimiter, in the header too.
func TestAMessageInBIG5(t *testing.T) {
	c := newCodec(t, `{"rules": {"escapes": true, "required": ["PID-5"]}}`)
	body := segments("MSH|^~\\&|LAB|\xa4\x7c|HIS|HOSP|2026||ADT^A01|77|P|2.5||||||BIG-5", "PID|1||4711||\xa4\x7c\xb3\x5c^\xa5\x5e")
	m, err := c.decoded(body)
	if err != nil {
		t.Fatal(err)
	}
	if ref := c.Police(m); ref != nil {
		t.Errorf("refused: %+v", ref)
	}
	for path, want := range map[string]string{"MSH-4": "\xa4\x7c", "MSH-10": "77", "MSH-18": "BIG-5", "PID-5": "\xa4\x7c\xb3\x5c^\xa5\x5e", "PID-5.1": "\xa4\x7c\xb3\x5c", "PID-5.2": "\xa5\x5e"} {
		get, err := c.Getter(path)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := get(m); string(v.Text) != want {
			t.Errorf("%s: got %q, want %q", path, v.Text, want)
		}
	}
	answer := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromBackend, c.AppendAnswer(nil, m, "AA", ""), answer); err != nil || string(c.Link(answer.ID)) != "77" || string(answer.ID) != string(m.ID) {
		t.Errorf("the answer has %q, %v", answer.ID, err)
	}
	// A header in which MSH-18 stands elsewhere if it is believed.
	_, err = c.decoded(segments("MSH|^~\\&|LAB|\xa4|HIS|HOSP|2026||ADT^A01|77|P|2.5||||||BIG-5"))
	if _, ok := errors.AsType[*protocol.Malformed](err); !ok {
		t.Errorf("a header that can be read in two ways: %v", err)
	}
}

func TestGetters(t *testing.T) {
	c := newCodec(t, `{}`)
	m, err := c.decoded(segments(plain, `PID|1||4711~0815||a\F\b^c\T\d`, `OBX|1|ST|X||""`, "OBX|2|ST|X||v"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		kind protocol.ValueType
		text string
	}{
		"MSH-9": {protocol.String, "ADT^A01^ADT_A01"}, "MSH-2": {protocol.String, `^~\&`}, "PID-3": {protocol.String, "4711"}, "PID-3[2]": {protocol.String, "0815"}, "PID-5.1": {protocol.String, "a|b"}, "PID-5.2": {protocol.String, "c&d"},
		"PID-5": {protocol.String, "a|b^c&d"}, "OBX-5": {protocol.Null, ""}, "OBX[2]-5": {protocol.String, "v"}, "PID-2": {protocol.Missing, ""}, "PID-9": {protocol.Missing, ""}, "ZZZ": {protocol.Missing, ""},
	} {
		get, err := c.Getter(path)
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := get(m); v.Type != want.kind || string(v.Text) != want.text || ok != (want.kind != protocol.Missing) {
			t.Errorf("%s: got %v %q, want %v %q", path, v.Type, v.Text, want.kind, want.text)
		}
	}
	if _, err := c.Getter("MSH[2]-3"); err == nil {
		t.Error("there is a second MSH")
	}
}
