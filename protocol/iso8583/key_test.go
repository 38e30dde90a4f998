package iso8583

import (
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestKeys(t *testing.T) {
	numbers := map[int]string{11: "42", 41: "T1", 37: "RRN"}
	for _, c := range []struct {
		options, mti string
		fields       map[int]string
		id           string
	}{
		{`{}`, "0200", numbers, "000042.02.2:T1"},
		{`{}`, "0201", numbers, "000042.02.2:T1"},
		{`{}`, "0210", with(numbers, 39, "00"), "000042.02.2:T1"},
		{`{}`, "0220", numbers, "000042.02.2:T1"},
		{`{}`, "0100", numbers, "000042.01.2:T1"},
		{`{}`, "0200", with(numbers, 41, ""), "000042.02.-"},
		{`{}`, "0200", with(numbers, 41, "        "), "000042.02.0:"},
		{`{}`, "0210", with(numbers, 11, ""), ""},
		{`{"key_function": true}`, "0200", numbers, "000042.020.2:T1"},
		{`{"key_function": true}`, "0210", numbers, "000042.020.2:T1"},
		{`{"key_function": true}`, "0220", numbers, "000042.022.2:T1"},
		{`{"key_function": true}`, "0230", numbers, "000042.022.2:T1"},
		{`{"key": [41, 37, 11, 41]}`, "0200", numbers, "000042.02.3:RRN.2:T1"},
		{`{"key": [37]}`, "0200", with(numbers, 11, ""), ".02.3:RRN"},
		{`{"dialect": "1987-binary"}`, "0200", numbers, "000042.02.2:T1"},
		{`{"dialect": "1987-ebcdic"}`, "0200", numbers, "000042.02.2:T1"},
		{`{"dialect": "1993-ascii"}`, "1200", numbers, "000042.12.2:T1"},
		{`{"dialect": {"base": "1987-ascii", "fields": {"11": {"form": "n 12"}}}}`, "0200", numbers, "000000000042.02.2:T1"},
		{`{"dialect": {"base": "1987-ascii", "fields": {"11": {"form": "an 6"}}}}`, "0200", numbers, ".02.2:42.2:T1"},
	} {
		codec := newCodec(t, c.options)
		if m := codec.mustDecode(t, protocol.FromBackend, codec.body(t, c.mti, c.fields)); string(m.ID) != c.id {
			t.Errorf("%s, %s, %v: got id %q, want %q", c.options, c.mti, c.fields, m.ID, c.id)
		}
	}
}

// No two requests that differ in a part of the key have the same, whatever stands in the parts.
func TestKeysAreNotMistakenForOneAnother(t *testing.T) {
	codec := newCodec(t, `{"key": [11, 37, 41]}`)
	seen := map[string]map[int]string{}
	texts := []string{"", "1", ".", "-", ":", "1:1", "1:1.1", ".1:1", "0:", "3:1:1", "1.3:1"}
	for _, a := range texts {
		for _, b := range texts {
			fields := with(map[int]string{11: "1"}, 41, a)
			if b == "" || isAlnum(b) {
				fields = with(fields, 37, b)
			} else {
				continue // field 37 has letters and digits only
			}
			m := codec.mustDecode(t, protocol.FromClient, codec.body(t, "0200", fields))
			if other, ok := seen[string(m.ID)]; ok {
				t.Errorf("%v and %v have the id %q", fields, other, m.ID)
			}
			seen[string(m.ID)] = fields
		}
	}
}

func isAlnum(text string) bool {
	for i := range len(text) {
		if classes[text[i]]&(digit|letter) == 0 {
			return false
		}
	}
	return true
}

// Field 11 is replaced in its own encoding, and nothing else is.
func TestRewriting(t *testing.T) {
	for _, s := range setups {
		codec := newCodec(t, s.options)
		fields := codec.purchase()
		m := codec.mustDecode(t, protocol.FromClient, codec.body(t, codec.mti("200"), fields))
		out, err := codec.AppendWithID([]byte("before"), m, codec.AppendTicket(nil, 976_540))
		if err != nil || string(out) != "before"+codec.body(t, codec.mti("200"), with(fields, 11, "976541")) {
			t.Errorf("%s: got %q, %v", s.name, out, err)
		}
	}
	codec := newCodec(t, `{}`)
	m := codec.mustDecode(t, protocol.FromBackend, codec.body(t, "0210", map[int]string{39: "00"}))
	if out, err := codec.AppendWithID([]byte("before"), m, protocol.ID("000001")); err == nil || string(out) != "before" {
		t.Errorf("an answer without field 11 is given another: %q, %v", out, err)
	}
	for _, id := range []string{"", "000000", "00000", "00000x", "      "} {
		if n, ok := codec.Ticket(protocol.ID(id)); ok {
			t.Errorf("%q is taken for ticket %d", id, n)
		}
	}
	for options, want := range map[string]uint64{`{}`: 999_999, `{"key": [37]}`: 0, `{"dialect": {"base": "1987-ascii", "fields": {"11": {"form": "an 6"}}}}`: 0,
		`{"dialect": {"base": "1987-ascii", "fields": {"11": {"form": "n 12"}}}}`: 999_999_999_999} {
		if got := newCodec(t, options).Traits(); got.Tickets != want || got.Can(protocol.Rewrite) != (want > 0) {
			t.Errorf("%s: %d tickets, modes %v; want %d", options, got.Tickets, got.Modes, want)
		}
	}
}
