package iso8583

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// unspaced reads bytes that are written as hexadecimal digits with blanks between fields.
func unspaced(tb testing.TB, text string) []byte {
	tb.Helper()
	data, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// One purchase in four dialects, put down by hand, and what is said when its amount is refused.
var vectors = []struct{ options, request, notice string }{
	{`{}`, hex.EncodeToString([]byte("0200" + "7220040128808000" + "16" + "4761739001010119" + "000000" + "000000001000" + "1123124501" + "000042" + "051" +
		"05" + "12345" + "28" + "4761739001010119=25121010000" + "RRN000000042" + "TERM0001" + "978")),
		hex.EncodeToString([]byte("0210" + "322000010A908000" + "000000" + "000000001000" + "1123124501" + "000042" + "05" + "12345" + "RRN000000042" + "30" +
			"TERM0001" + "07" + "DE4 min" + "978"))},
	{`{"dialect": "1987-binary"}`,
		`0200 7220040128808000 16 4761739001010119 000000 000000001000 1123124501 000042 0051 05 012345 28 4761739001010119D25121010000
		52524e303030303030303432 5445524d30303031 393738`,
		`0210 322000010a908000 000000 000000001000 1123124501 000042 05 012345 52524e303030303030303432 3330 5445524d30303031 07 444534206d696e 393738`},
	{`{"dialect": "1987-ebcdic"}`,
		`f0f2f0f0 7220040128808000 f1f6 f4f7f6f1f7f3f9f0f0f1f0f1f0f1f1f9 f0f0f0f0f0f0 f0f0f0f0f0f0f0f0f1f0f0f0 f1f1f2f3f1f2f4f5f0f1 f0f0f0f0f4f2 f0f5f1
		f0f5 f1f2f3f4f5 f2f8 f4f7f6f1f7f3f9f0f0f1f0f1f0f1f1f97ef2f5f1f2f1f0f1f0f0f0f0 d9d9d5f0f0f0f0f0f0f0f4f2 e3c5d9d4f0f0f0f1 f9f7f8`,
		`f0f2f1f0 322000010a908000 f0f0f0f0f0f0 f0f0f0f0f0f0f0f0f1f0f0f0 f1f1f2f3f1f2f4f5f0f1 f0f0f0f0f4f2 f0f5 f1f2f3f4f5 d9d9d5f0f0f0f0f0f0f0f4f2 f3f0
		e3c5d9d4f0f0f0f1 f0f7 c4c5f4409489 95 f9f7f8`},
	{`{"dialect": "1987-ascii", "key": [37, 11, 41], "key_function": true, "reason": -1, "codes": {"DE4": "13"}}`,
		hex.EncodeToString([]byte("0200" + "7220040128808000" + "16" + "4761739001010119" + "000000" + "000000001000" + "1123124501" + "000042" + "051" +
			"05" + "12345" + "28" + "4761739001010119=25121010000" + "RRN000000042" + "TERM0001" + "978")),
		hex.EncodeToString([]byte("0210" + "322000010A808000" + "000000" + "000000001000" + "1123124501" + "000042" + "05" + "12345" + "RRN000000042" + "13" +
			"TERM0001" + "978"))},
}

func TestVectors(t *testing.T) {
	fields := map[string]string{"MTI": "0200", "MTI.version": "0", "MTI.class": "2", "MTI.function": "0", "MTI.origin": "0", "DE2": "4761739001010119", "DE3": "000000",
		"DE4": "1000", "DE7": "1123124501", "DE11": "000042", "DE22": "051", "DE32": "12345", "DE35": "4761739001010119=25121010000", "DE37": "RRN000000042",
		"DE41": "TERM0001", "DE49": "978"}
	for i, v := range vectors {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c, body := newCodec(t, v.options), unspaced(t, v.request)
			var m protocol.Message
			if err := c.DecodeBody(protocol.FromClient, body, &m); err != nil {
				t.Fatal(err)
			}
			want := "000042.02.8:TERM0001"
			if c.keyFunction {
				want = "000042.020.12:RRN000000042.8:TERM0001"
			}
			if string(m.ID) != want {
				t.Errorf("id %q, want %q", m.ID, want)
			}
			for _, path := range c.Paths() {
				get, err := c.Getter(path)
				if err != nil {
					t.Fatal(path, err)
				}
				if value, ok := get(&m); ok != (fields[path] != "") || ok && string(value.Text) != fields[path] {
					t.Errorf("%s: got %q, want %q", path, value.Text, fields[path])
				}
			}
			if again, err := c.AppendWithID(nil, &m, m.ID); err != nil || !bytes.Equal(again, body) {
				t.Errorf("encoded again: %x, %v", again, err)
			}
			notice, err := c.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: []protocol.Reason{{Path: "DE4", Rule: "min"}}})
			if want := unspaced(t, v.notice); err != nil || !bytes.Equal(notice, want) {
				t.Errorf("the notice: %v\n got %x\nwant %x", err, notice, want)
			}
		})
	}
}
