package iso8583

import (
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// An answer must fit its request beyond the number.
func TestMatch(t *testing.T) {
	c := newCodec(t, `{}`)
	request := c.mustDecode(t, protocol.FromClient, c.body(t, "0201", map[int]string{11: "1", 41: "TERM0001"}))
	for mti, want := range map[string]protocol.Match{"0210": protocol.Answers, "0212": protocol.Answers, "0230": protocol.Unasked, "0110": protocol.Foreign, "0410": protocol.Foreign} {
		m := c.mustDecode(t, protocol.FromBackend, c.body(t, mti, map[int]string{11: "1", 41: "TERM0001", 39: "00"}))
		if got := c.Match(request.Expect, true, m); got != want {
			t.Errorf("%s: got %v, want %v", mti, got, want)
		}
	}
	for terminal, want := range map[string]protocol.Match{"TERM0001": protocol.Answers, "TERM0002": protocol.Foreign, "": protocol.Answers} {
		m := c.mustDecode(t, protocol.FromBackend, c.body(t, "0210", with(map[int]string{11: "1", 39: "00"}, 41, terminal)))
		if got := c.Match(request.Expect, true, m); got != want {
			t.Errorf("terminal %q: got %v, want %v", terminal, got, want)
		}
		if got := c.Match(0, false, m); got != protocol.Answers {
			t.Errorf("terminal %q, nothing to hold it against: got %v", terminal, got)
		}
	}
}

// A repeat is the same request with the mark of one and the time when it was sent again.
func TestRepeats(t *testing.T) {
	for _, s := range setups {
		c := newCodec(t, s.options)
		fields := c.purchase()
		open := []byte(c.body(t, c.mti("200"), fields))
		for name, r := range map[string]struct {
			mti    string
			fields map[int]string
			want   bool
		}{
			"the same":           {"200", fields, true},
			"marked":             {"201", fields, true},
			"sent later":         {"201", with(fields, 7, "1123124559"), true},
			"another amount":     {"201", with(fields, 4, "000000001001"), false},
			"another card":       {"201", with(fields, 2, "7309730973097300"), false},
			"without a field":    {"201", with(fields, 4, ""), false},
			"with another field": {"201", with(fields, 25, "0000"[:c.fields[25].Length]), false},
			"no time":            {"201", with(fields, 7, ""), false},
			"another origin":     {"202", fields, false},
			"an advice":          {"220", fields, false},
			"another class":      {"100", fields, false},
		} {
			m := c.mustDecode(t, protocol.FromClient, c.body(t, c.mti(r.mti), r.fields))
			if got := c.Repeats(open, m); got != r.want {
				t.Errorf("%s: %s: got %v", s.name, name, got)
			}
		}
	}
	c := newCodec(t, `{}`)
	open := c.body(t, "0200", map[int]string{11: "1", 41: "TERM0001"})
	if m := c.mustDecode(t, protocol.FromClient, open); !c.Repeats([]byte(open), m) || c.Repeats([]byte(open)[1:], m) || c.Repeats(nil, m) {
		t.Error("without field 7 a repeat is known by all of its bytes")
	}
}
