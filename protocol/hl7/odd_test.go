package hl7

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// A message is not taken for what (re)starts a link because of its number: nobody would get it.
func TestAMessageWithTheNumberOfALinkIsRefused(t *testing.T) {
	c := newCodec(t, `{"sequence": "`+filepath.Join(t.TempDir(), "numbers")+`"}`)
	l := link{t, c}
	for _, number := range []string{"0", "-1"} {
		if got := l.says(numbered("LAB", "1", number)+"PID|1||4711||MUSTER^ANNA\r", "AA"); got[0] == '+' || strings.HasPrefix(got, "AA") {
			t.Errorf("MSH-13 = %s with content: got %q, want a refusal", number, got)
		}
		if got := l.says(numbered("LAB", "1", number), "AA"); !strings.HasPrefix(got, "AA") {
			t.Errorf("MSH-13 = %s alone: got %q", number, got)
		}
	}
	if _, err := c.decoded("BHS|^~\\&|LAB\r" + numbered("LAB", "2", "1") + "BTS|1\r"); err == nil {
		t.Error("a number in a batch is taken")
	}
}

// What is not told is accepted where only errors are: then every error has a code. What depends on the folder of the program is
// refused.
func TestOptionsThatWouldHideARefusal(t *testing.T) {
	for _, options := range []string{`{"batch": {"answers": "errors"}, "codes": {"failed": ""}}`, `{"sequence": "numbers"}`} {
		var o Options
		if err := json.Unmarshal([]byte(options), &o); err != nil {
			t.Fatal(err)
		}
		if _, err := New(o, protocol.Limits{}); err == nil {
			t.Errorf("%s is taken", options)
		}
	}
}

// What looks like a type, a time or a number in the header shows only if it is one.
func TestTheHeaderShowsNothingElse(t *testing.T) {
	c := newCodec(t, `{}`)
	for path, texts := range map[string]map[string]bool{
		"MSH-9":  {"ADT^A01^ADT_A01": true, "ACK": true, "ACK^A01^ACK": true, "ADT^A01": true, "ACK^GEHEIM": false, "ACK^4711": false, "ADT^A01^MUSTER": false, "ADTMUSTER": false},
		"MSH-7":  {"20261123083000": true, "202611230830+0100": true, "20261123083000.1234": true, "19471103": false, "998877665": false, "4711": false},
		"MSH-13": {"5": true, "-1": true, "4711": true, "99887766512": false},
	} {
		for text, want := range texts {
			if got := c.Shows(path, []byte(text)); got != want {
				t.Errorf("%s, %q: shows %v, want %v", path, text, got, want)
			}
		}
	}
}

// An acknowledgement names a message byte for byte, whatever bytes the characters of its set have.
func TestAControlIDOfAnotherSet(t *testing.T) {
	c := newCodec(t, `{}`)
	m := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromBackend, []byte("MSH|^~\\&|H|H|L|N|2026||ACK|9|P|2.5||||||BIG-5\rMSA|AA|id\xa4|z|x\r"), m); err != nil {
		t.Fatal(err)
	}
	if got := string(m.Spans[msaID].In(m.Body)); got != "id\xa4|z" {
		t.Errorf("got %q", got)
	}
}
