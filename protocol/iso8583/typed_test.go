package iso8583

import (
	"maps"
	"testing"
	"testing/synctest"

	"github.com/sallyport/sallyport/protocol"
)

func TestTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the time in field 7
		c := newCodec(t, `{}`)
		for line, want := range map[string]map[int]string{
			"0200":                            {7: "0101000000", 11: "000042"},
			"0200 3=1 DE4=1000 41=T_1":        {3: "000001", 4: "000000001000", 7: "0101000000", 11: "000042", 41: "T 1     "},
			" 0200  11=7 7=1123124501 44=a=b": {7: "1123124501", 11: "000007", 44: "a=b"},
			"0200 35=41=2":                    {7: "0101000000", 11: "000042", 35: "41=2"},
		} {
			body, err := c.AppendTyped([]byte("before"), []byte(line), 42)
			if err != nil || string(body[:6]) != "before" {
				t.Errorf("%q: %q, %v", line, body, err)
				continue
			}
			if got := c.texts(c.mustDecode(t, protocol.FromClient, string(body[6:]))); !maps.Equal(got, want) {
				t.Errorf("%q: got %v, want %v", line, got, want)
			}
		}
		for _, line := range []string{"", "200", "020x", "0200 3", "0200 x=1", "0200 1=1", "0200 65=1", "0200 129=1", "0200 41=TERM00001", "0200 4=x"} {
			if body, err := c.AppendTyped([]byte("before"), []byte(line), 1); err == nil || string(body) != "before" {
				t.Errorf("%q: got %q, %v", line, body, err)
			}
		}
	})
}

// What a simulated host answers is an answer.
func TestResponses(t *testing.T) {
	for _, s := range setups {
		c := newCodec(t, s.options)
		request := c.mustDecode(t, protocol.FromClient, c.body(t, c.mti("200"), c.purchase()))
		code := "000"[:c.fields[deCode].Length]
		body, err := c.AppendResponse(nil, request, []int{3, 11, 12, 41}, code)
		if err != nil {
			t.Fatal(err)
		}
		answer := c.mustDecode(t, protocol.FromBackend, string(body))
		if string(answer.ID) != string(request.ID) || answer.Kind != protocol.Response || answer.Failed || c.Match(request.Expect, true, answer) != protocol.Answers {
			t.Errorf("%s: %v %q for %q", s.name, answer.Kind, answer.ID, request.ID)
		}
		if _, err := c.AppendResponse(nil, answer, nil, code); err == nil {
			t.Errorf("%s: an answer is answered", s.name)
		}
	}
}
