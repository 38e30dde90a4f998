package modbus

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func codec(t *testing.T, o Options) *Codec {
	t.Helper()
	c, err := New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// told is the exception that a request is answered with, 0 if it passes.
func told(t *testing.T, c *Codec, unit byte, pdu string) (code byte, reason protocol.Reason) {
	t.Helper()
	frame := adu(pdu)
	frame[6] = unit
	var m protocol.Message
	n := protocol.Notice{Class: protocol.Fix}
	if err := c.Decode(protocol.FromClient, frame, &m); err != nil {
		var bad *protocol.Malformed
		if !errors.As(err, &bad) {
			t.Fatal(err)
		}
		n.Cause, n.Reasons = bad.Cause, bad.Reasons
	} else if r := c.Police(&m); r == nil {
		return 0, protocol.Reason{}
	} else {
		n = protocol.Notice{Class: r.Class, Cause: r.Cause, Reasons: r.Reasons}
	}
	out, err := c.AppendNotice(nil, &m, &n)
	if err != nil || len(out) != 9 || !bytes.Equal(out[:2], frame[:2]) || out[6] != unit || out[7] != frame[7]|0x80 {
		t.Fatalf("%s: the notice is % x, %v", pdu, out, err)
	}
	return out[8], n.Reasons[0]
}

// TestFaultA14: each fault of a PDU has its exception, and those of the header close the connection, which the suite's
// streams out of step show.
func TestFaultA14FaultsOfARequest(t *testing.T) {
	c := codec(t, Options{Unit0: "refuse"})
	for pdu, want := range map[string]byte{
		"03 0000 0000": 3, "03 0000 007E": 3, "01 0000 07D1": 3, "03 0000 007D": 0, "01 0000 07D0": 0, "03 FFFF 0001": 0, "03 FFFF 0002": 2, "05 0000 1234": 3, "10 0000 0002 03 000000": 3,
		"10 0000 0001 02 0000 00": 3, "0F 0000 0009 01 FF": 3, "63 00": 1, "00": 1, "83 01": 1,
	} {
		if got, r := told(t, c, 1, pdu); got != want {
			t.Errorf("%s: got %d (%+v), want %d", pdu, got, r, want)
		}
	}
	if got, _ := told(t, c, 0, "03 0000 0001"); got != 3 {
		t.Errorf("unit 0: got %d, want 3", got)
	}
	if got, _ := told(t, codec(t, Options{}), 0, "03 0000 0001"); got != 0 {
		t.Errorf("unit 0 as a device: got %d, want that it passes", got)
	}
}

// TestFaultA15: where only reads are allowed a write is refused with 01, and so are diagnostics anywhere.
func TestFaultA15AWriteWhereOnlyReadsAreAllowed(t *testing.T) {
	c := codec(t, Options{Access: []Access{{Functions: "1-4"}}})
	for _, pdu := range []string{"06 0001 0003", "05 0000 FF00", "10 0001 0001 02 0001", "16 0004 00F2 0025", "08 0000 A537", "17 0003 0001 000E 0001 02 00FF"} {
		if got, r := told(t, c, 1, pdu); got != 1 || r.Path != "pdu.fc" {
			t.Errorf("%s: got %d at %s, want 1 at pdu.fc", pdu, got, r.Path)
		}
	}
	if got, _ := told(t, codec(t, Options{}), 1, "08 0000 A537"); got != 1 {
		t.Errorf("diagnostics without rules: got %d, want 1", got)
	}
	if got, _ := told(t, codec(t, Options{Access: []Access{{Functions: "8"}}}), 1, "08 0000 A537"); got != 0 {
		t.Errorf("diagnostics that are allowed: got %d, want that they pass", got)
	}
}

func TestAccess(t *testing.T) {
	least, most, minus := 10, 1000, -5
	c := codec(t, Options{Access: []Access{
		{Units: "1, 3-5", Allow: "1|128-255,23|512-1023|2048-2051,42,3|0-9,3|20-29"},
		{Units: "2", Functions: "3, 0x10, 6, 0x16", Ranges: "40-41, 42-50, 100", Min: &least, Max: &most},
		{Units: "6", Functions: "6", Min: &minus},
		{Units: "7", Functions: "3"}, {Units: "7", Functions: "3, 4", Ranges: "1-2"},
	}})
	for _, test := range []struct {
		unit byte
		pdu  string
		want byte
		path string
	}{
		{1, "01 0080 0080", 0, ""}, {4, "01 00FF 0001", 0, ""}, {1, "01 007F 0001", 2, "pdu.addr"}, {1, "01 00FF 0002", 2, "pdu.addr"},
		{1, "03 0000 000A", 0, ""}, {1, "03 0014 000A", 0, ""}, {1, "03 0005 000A", 2, "pdu.addr"}, {1, "04 0000 0001", 1, "pdu.fc"}, {2, "03 0028 000B", 0, ""},
		{1, "17 0200 0001 0800 0001 02 0000", 0, ""}, {1, "17 0200 0001 0801 0004 08 0000000000000000", 2, "pdu.addr"}, {1, "17 0100 0001 0800 0001 02 0000", 2, "pdu.addr"},
		{9, "03 0000 0001", 2, "mbap.unit"}, {2, "06 0028 000A", 0, ""}, {2, "06 0028 0009", 2, "pdu.value"}, {2, "06 0028 03E9", 2, "pdu.value"}, {2, "06 0033 000A", 2, "pdu.addr"},
		{2, "10 0028 0002 04 000A 03E8", 0, ""}, {2, "10 0028 0002 04 000A 03E9", 2, "pdu.value"}, {2, "10 0032 0002 04 000A 000A", 2, "pdu.addr"}, {2, "16 0028 0000 0001", 2, "pdu.value"},
		{6, "06 0000 FFFB", 0, ""}, {6, "06 0000 FFFA", 2, "pdu.value"}, {7, "03 1000 0001", 0, ""}, {7, "04 0001 0001", 0, ""}, {7, "04 0003 0001", 2, "pdu.addr"},
	} {
		got, r := told(t, c, test.unit, test.pdu)
		if got != test.want || r.Path != test.path {
			t.Errorf("unit %d, %s: got %d at %q, want %d at %q", test.unit, test.pdu, got, r.Path, test.want, test.path)
		}
	}
}

// An operator must see what was refused: unit, function and registers, and never a value.
func TestARefusalNamesTheRegisters(t *testing.T) {
	c := codec(t, Options{Access: []Access{{Functions: "3"}}})
	_, r := told(t, c, 17, "10 0028 0003 06 ABCD ABCD ABCD")
	if want := "unit 17, function 16, writing 40-42"; r.Got != want {
		t.Errorf("got %q, want %q", r.Got, want)
	}
	if text := string(r.AppendText(nil)); strings.Contains(text, fmt.Sprint(0xABCD)) {
		t.Errorf("%q has a value", text)
	}
}

func TestAnObservedAccess(t *testing.T) {
	c := codec(t, Options{Access: []Access{{Functions: "3"}, {Functions: "3-4", Observe: true}}})
	var m protocol.Message
	for pdu, want := range map[string]string{"03 0000 0001": "passes", "04 0000 0001": "passes", "06 0000 0001": "observed"} {
		if err := c.Decode(protocol.FromClient, adu(pdu), &m); err != nil {
			t.Fatal(err)
		}
		got := "passes"
		if r := c.Police(&m); r != nil {
			got = map[bool]string{true: "observed", false: "refused"}[r.Observed]
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", pdu, got, want)
		}
	}
}

func TestMistakesInTheOptions(t *testing.T) {
	high, low := 70000, 5
	for want, o := range map[string]Options{
		"access[0].units":             {Access: []Access{{Units: "1-256"}}},
		"access[0].functions":         {Access: []Access{{Functions: "x"}}},
		"access[0].ranges":            {Access: []Access{{Ranges: "9-3"}}},
		"access[0].allow: it has":     {Access: []Access{{Allow: "3", Functions: "3"}}},
		"access[0].allow: \"3|1|2|3":  {Access: []Access{{Allow: "3|1|2|3"}}},
		"access[0].min":               {Access: []Access{{Max: &high}}},
		"unit0":                       {Unit0: "maybe"},
		"max_read":                    {MaxRead: 126},
		"codes: \"laterr\"":           {Codes: map[string]int{"laterr": 6}},
		"codes.later":                 {Codes: map[string]int{"later": 256}},
		"access[0].min: min and max ": {Access: []Access{{Min: &high, Max: &low}}},
	} {
		if _, err := New(o, protocol.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Slices of every part of a merged read have what the device has there.
func TestSlices(t *testing.T) {
	c := codec(t, Options{})
	for _, fc := range []byte{1, 3} {
		whole := protocol.Range{Space: 0x100 | uint64(fc), First: 7, Count: 37}
		req, _ := c.AppendRead(nil, whole, protocol.ID("ab"))
		var q, m protocol.Message
		if err := c.Decode(protocol.FromClient, req, &q); err != nil {
			t.Fatal(err)
		}
		if r, ok := c.Range(&q); !ok || r.First != 7 || r.Count != 37 || r.Space != whole.Space {
			t.Errorf("range: got %+v", r)
		}
		has := func(addr int) int { return addr * addr % 7 % 2 }
		data := answerOf(fc, 7, 37, has)
		if err := c.Decode(protocol.FromBackend, data, &m); err != nil || c.Match(q.Expect, true, &m) != protocol.Answers {
			t.Fatal(err)
		}
		for first := 7; first < 44; first++ {
			for n := 1; first+n <= 44; n++ {
				part := protocol.Range{Space: whole.Space, First: uint32(first), Count: uint32(n)}
				got, err := c.AppendSlice(nil, &m, whole, part, protocol.ID("xy"))
				want := answerOf(fc, first, n, has)
				copy(want, "xy")
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d of %d from %d: got % x, %v; want % x", fc, n, first, got, err, want)
				}
			}
		}
		if _, err := c.AppendSlice(nil, &m, whole, protocol.Range{Space: whole.Space, First: 43, Count: 2}, nil); err == nil {
			t.Error("a slice beyond the end")
		}
	}
}

func answerOf(fc byte, first, n int, has func(addr int) int) []byte {
	p := []byte{fc, byte(2 * n)}
	if fc == 1 {
		p = append([]byte{fc, byte((n + 7) / 8)}, make([]byte, (n+7)/8)...)
	}
	for i := range n {
		if fc == 1 {
			p[2+i/8] |= byte(has(first+i)) << (i % 8)
		} else {
			p = append(p, 0, byte(has(first+i)))
		}
	}
	return append([]byte{'a', 'b', 0, 0, 0, byte(len(p) + 1), 1}, p...)
}
