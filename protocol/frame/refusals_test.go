package frame

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// A mark of which the body has the beginning would end the frame too early.
func TestCloseRefusesAMarkThatTheEndCompletes(t *testing.T) {
	for _, v := range []struct{ framing, body string }{
		{`{"kind":"delimiter","end":"\n\n"}`, "a\n"},
		{`{"kind":"delimiter","end":";;"}`, "a;"},
		{`"lines"`, "a\r"}, // the CR would be taken for framing
	} {
		f := declare(t, v.framing)
		if got, err := f.Close(append(f.Open(nil, nil), v.body...), 0); err == nil || len(got) > 0 {
			t.Errorf("%s %q: got %q, %v, want an error", v.framing, v.body, got, err)
		}
	}
	f := declare(t, `"crlf"`)
	if got, err := f.Close(append(f.Open(nil, nil), "a\r"...), 0); err != nil || string(got) != "a\r\r\n" {
		t.Errorf("a CR before CRLF: got %q, %v", got, err)
	}
}

func TestEveryEncodingHasItsOwnWidth(t *testing.T) {
	for text, most := range map[string]string{
		`"encoding":"ascii","width":19`: "18", `"encoding":"ebcdic","width":19`: "18", `"encoding":"hex","width":16`: "15",
		`"encoding":"bcd","width":10`: "9", `"encoding":"bin","width":8`: "7",
	} {
		_, err := declared(`{"kind":"length",`+text+`}`, protocol.Limits{})
		if err == nil || !strings.Contains(err.Error(), "want 1 to "+most) {
			t.Errorf("%s: got %v, want at most %s", text, err, most)
		}
	}
	f := declare(t, `{"kind":"length","encoding":"ascii","width":18}`)
	for _, digits := range []string{"999999999999999999", "000000009223372036"} {
		if _, fault := split(t, f, []byte(digits)); fault == nil || fault.Cause != protocol.TooLarge {
			t.Errorf("%s: got %v, want too large", digits, fault)
		}
	}
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"preset":"lines","width":4}`:                                        "width: belongs to kind length",
		`{"kind":"fixed","size":9,"end":"x"}`:                                 "end: belongs to kind delimiter",
		`{"preset":"bin2","size":9}`:                                          "size: belongs to kind fixed",
		`{"preset":"bin2","block":"regex","block_regex":"AB","block_size":2}`: "block_bytes: want a block that block_regex matches",
		`{"kind":"length","width":2,"adjust":9223372036854775807}`:            "adjust:",
		`{"kind":"length","width":2,"encoding":"bcd","order":"little"}`:       "order: digits have one order",
	} {
		if _, err := declared(text, protocol.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// Options made in Go may name a preset and change it, as those in a configuration do.
func TestOptionsInGoChangeAPreset(t *testing.T) {
	f, err := New(Options{Preset: "nac", Self: true}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Close(append(f.Open(nil, nil), "ab"...), 0); err != nil || string(got[:2]) != "\x00\x09" {
		t.Errorf("got %q, %v, want a length of 9", got, err)
	}
}

// The total length of a BASE I header is the answer's own, not that of the request.
func TestABase1HeaderTellsTheLengthOfItsFrame(t *testing.T) {
	f := declare(t, `"vap"`)
	request := "\x00\x1a\x00\x00\x16\x01\x02\x00\x1aAAABBB" + zeros22[:11] + "0800"
	_, head := f.Body([]byte(request))
	got, err := f.Close(append(f.Open(nil, head), "08100000"...), 0)
	if want := "\x00\x1e\x00\x00\x16\x01\x02\x00\x1eBBBAAA" + zeros22[:11] + "08100000"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
