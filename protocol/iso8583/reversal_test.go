package iso8583

import (
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestReversals(t *testing.T) {
	for _, x := range []struct{ options, mti, reversal, original string }{
		{`{"reversal": {"on": ["answer-timeout"]}}`, "0200", "0420", "0200000001112312450100000400000" + "00000000000"},
		{`{"dialect": "1987-binary", "reversal": {"on": ["answer-timeout"], "reason": "21"}}`, "0100", "0420", "0100000001112312450100000400000" + "00000000000"},
		{`{"dialect": "1993-ascii", "reversal": {"on": ["answer-timeout"]}}`, "1200", "1420", "120000000126112312450106400000"},
	} {
		c := newCodec(t, x.options)
		fields := with(c.purchase(), 32, "400000")
		var req, m protocol.Message
		if err := c.DecodeBody(protocol.FromClient, []byte(c.body(t, x.mti, fields)), &req); err != nil {
			t.Fatal(err)
		}
		for _, repeat := range []bool{false, true} {
			body, err := c.AppendReversal(nil, &req, &protocol.Notice{Class: protocol.Failed, Cause: protocol.AnswerTimeout, Unknown: true}, repeat)
			if err == nil {
				err = c.DecodeBody(protocol.FromClient, body, &m)
			}
			want := x.reversal
			if repeat {
				want = want[:3] + "1"
			}
			if err != nil || string(m.Name) != want {
				t.Errorf("%s: got %q, %v", x.options, m.Name, err)
				continue
			}
			if got := string(c.find(&m, c.originals())); got != x.original {
				t.Errorf("%s: names %q, want %q", x.options, got, x.original)
			}
			if got := string(c.find(&m, 2)); got != pan {
				t.Errorf("%s: of card %q", x.options, got)
			}
			for _, n := range []int{52, 55, 35} {
				if c.find(&m, n) != nil {
					t.Errorf("%s: field %d is repeated", x.options, n)
				}
			}
			if reason := string(c.find(&m, deReason)); reason != string(c.reversal.reason) {
				t.Errorf("%s: reason %q", x.options, reason)
			}
		}
		for name, n := range map[string]protocol.Notice{"another cause": {Cause: protocol.BadAnswer}} {
			if body, err := c.AppendReversal(nil, &req, &n, false); len(body) > 0 || err != nil {
				t.Errorf("%s: got %q, %v", name, body, err)
			}
		}
	}
	mistaken(t, `{"reversal": {"reason": "1"}}`, "reversal.on: ")
	mistaken(t, `{"reversal": {"on": ["x"], "reason": "x", "echo": [7, 90, 52]}}`, "reversal.on[0]: ", "reversal.reason: ", "echo[0]: ", "echo[1]: ", "echo[2]: ")
	mistaken(t, `{"dialect": {"base": "1987-ascii", "fields": {"90": "none"}}, "reversal": {"on": ["backend-lost"]}}`, "reversal: it names the request in field 90")
}
