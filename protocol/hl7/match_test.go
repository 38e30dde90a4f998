package hl7

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestRepeats(t *testing.T) {
	c := newCodec(t, `{}`)
	open := document()
	for name, r := range map[string]struct {
		body string
		want bool
	}{
		"the same":                      {open, true},
		"without the end of a segment":  {strings.TrimSuffix(open, "\r"), true},
		"another value":                 {strings.Replace(open, "13.2", "13.3", 1), false},
		"another time":                  {strings.Replace(open, "20261123123000", "20261123123001", 1), false},
		"a segment more":                {open + "NTE|1\r", false},
		"a segment less":                {open[:strings.LastIndex(open, "OBX")], false},
		"a field more that is not said": {strings.TrimSuffix(open, "\r") + "|\r", false},
	} {
		m := new(protocol.Message)
		if err := c.DecodeBody(protocol.FromClient, []byte(r.body), m); err != nil {
			t.Fatal(err)
		}
		if got := c.Repeats([]byte(open), m); got != r.want {
			t.Errorf("%s: got %t", name, got)
		}
		if got := c.Repeats([]byte(strings.TrimSuffix(open, "\r")), m); got != r.want {
			t.Errorf("%s, of one without its end: got %t", name, got)
		}
	}
}
