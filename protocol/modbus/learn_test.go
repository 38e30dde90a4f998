package modbus

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
)

// What was learnt lets pass everything that was seen, and no other function, unit or address.
func TestWhatIsLearntLetsPassWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, _ := New(Options{}, protocol.Limits{})
		l := c.Learn()
		l.KeepValues()
		var seen [][]byte
		pdus := []string{"01 %a 0003", "03 %a 0002", "04 %a 0001", "05 %a FF00", "06 %a 0%v", "0F %a 0003 01 05", "10 %a 0001 02 0%v", "17 %a 0002 %a 0001 02 0%v", "18 %a", "2B 0E 01 00"}
		draw := func() []byte {
			pdu := rapid.SampledFrom(pdus).Draw(t, "pdu")
			for strings.Contains(pdu, "%a") {
				pdu = strings.Replace(pdu, "%a", hex4(rapid.IntRange(0, 12).Draw(t, "addr")), 1)
			}
			pdu = strings.ReplaceAll(pdu, "0%v", hex4(rapid.IntRange(0, 9).Draw(t, "value")))
			frame := adu(pdu)
			frame[6] = byte(rapid.IntRange(1, 3).Draw(t, "unit"))
			return frame
		}
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			frame := draw()
			var m protocol.Message
			if err := c.Decode(protocol.FromClient, frame, &m); err != nil {
				t.Fatalf("% x: %v", frame, err)
			}
			l.Add(&m)
			seen = append(seen, frame)
		}
		learnt := accessOf(t, string(l.AppendOptions(nil)))
		var m protocol.Message
		for _, frame := range seen {
			_ = learnt.Decode(protocol.FromClient, frame, &m)
			if r := learnt.Police(&m); r != nil {
				t.Fatalf("% x was seen, and is refused: %+v", frame, r)
			}
		}
		other := draw()
		_ = learnt.Decode(protocol.FromClient, other, &m)
		if learnt.Police(&m) == nil && !covered(seen, other) {
			t.Fatalf("% x was not seen, and passes", other)
		}
	})
}

// covered reports whether each address that a request reads or writes was read or written by the same function on the
// same unit.
func covered(seen [][]byte, q []byte) bool {
	read, write := list{}, list{}
	for _, s := range seen {
		if s[6] != q[6] || s[7] != q[7] {
			continue
		}
		if addr, n, ok := reads(s); ok {
			read = read.add(between{addr, addr + n - 1})
		}
		if addr, n, _, ok := writes(s); ok {
			write = write.add(between{addr, addr + n - 1})
		}
		if _, _, ok := reads(q); !ok {
			if _, _, _, ok := writes(q); !ok {
				return true
			}
		}
	}
	ok := true
	if addr, n, has := reads(q); has {
		ok = ok && read.covers(addr, n)
	}
	if addr, n, _, has := writes(q); has {
		ok = ok && write.covers(addr, n)
	}
	return ok
}

func hex4(n int) string {
	return string("00") + string("0123456789abcdef"[n/16]) + string("0123456789abcdef"[n%16])
}

// accessOf makes a codec of proposed options. They are flow mappings, which are JSON but for the quotes of the keys.
func accessOf(t *rapid.T, yaml string) *Codec {
	var o Options
	for _, line := range strings.Split(yaml, "\n") {
		entry, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "- "), "    #")
		if !strings.HasPrefix(entry, "{") {
			continue
		}
		for _, key := range []string{"units", "functions", "ranges", "allow", "min", "max"} {
			entry = strings.ReplaceAll(entry, " "+key+": ", ` "`+key+`": `)
		}
		var a Access
		if err := json.Unmarshal([]byte(entry), &a); err != nil {
			t.Fatalf("%s: %v", entry, err)
		}
		o.Access = append(o.Access, a)
	}
	c, err := New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
