package modbus

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// Each answer is the right one to its request, which is also right: whatever byte of it is changed, but of what is data, it
// is one no more.
func TestAnswersThatAreNone(t *testing.T) {
	c, err := New(Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		request, answer string
		data            string // of the answer: a d for each byte that may be another
	}{
		{"03 0001 0002", "03 04 0001 0002", "..dddd"},
		{"06 0001 0002", "06 0001 0002", "....."},
		{"10 0001 0001 02 0007", "10 0001 0001", "....."},
		{"14 07 06 0004 0001 0002", "14 06 05 06 0DFE 0020", "....dddd"},
		{"15 09 06 0004 0001 0001 0007", "15 09 06 0004 0001 0001 0007", ".......dddd"},
		{"2B 0E 01 00", "2B 0E 01 01 00 00 00", "...ddd."},
		{"08 0000 1234", "08 0000 1234", "...dd"},
		{"07", "07 12", ".d"},
		{"0B", "0B 0000 0001", ".dddd"},
		{"11", "11 02 0102", "..dd"},
	} {
		var q protocol.Message
		if err := c.Decode(protocol.FromClient, aduOf(t, x.request), &q); err != nil {
			t.Fatalf("%s: %v", x.request, err)
		}
		judge := func(answer []byte) bool {
			var a protocol.Message
			if n, err := length(answer, true); err != nil || n != len(answer) {
				return false
			}
			return c.Decode(protocol.FromBackend, answer, &a) == nil && c.Match(q.Expect, true, &a) == protocol.Answers
		}
		good := aduOf(t, x.answer)
		if !judge(good) {
			t.Errorf("%s: its answer %s is none", x.request, x.answer)
		}
		for i := range x.data {
			if x.data[i] == 'd' {
				continue
			}
			bad := append([]byte{}, good...)
			for v := range 256 {
				if byte(v) == good[header+i] || i == 0 && byte(v) == good[header]|0x80 {
					continue
				}
				if bad[header+i] = byte(v); judge(bad) {
					t.Errorf("%s: %x is taken for its answer, with byte %d another", x.request, bad[header:], i)
				}
			}
		}
		if judge(withLength(append(good[:len(good):len(good)], 0))) {
			t.Errorf("%s: an answer with a byte more is taken for one", x.request)
		}
	}
}

func aduOf(t *testing.T, pdu string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.ReplaceAll(pdu, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return withLength(append([]byte{0, 1, 0, 0, 0, 0, 7}, p...))
}

func withLength(adu []byte) []byte {
	adu[5] = byte(len(adu) - 6)
	return adu
}
