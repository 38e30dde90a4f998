package iso8583

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// said returns message type, response code and reason of a notice, "" if nothing is said.
func (c *Codec) said(tb testing.TB, req *protocol.Message, n *protocol.Notice) string {
	tb.Helper()
	body, err := c.AppendNotice(nil, req, n)
	if err != nil {
		tb.Fatal(err)
	}
	if len(body) == 0 {
		return ""
	}
	m := c.mustDecode(tb, protocol.FromBackend, string(body))
	fields := c.texts(m)
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", m.Name, fields[deCode], fields[c.reason]))
}

func TestCodesOfNotices(t *testing.T) {
	type notice struct {
		class protocol.Class
		cause protocol.Cause
	}
	editions := map[string]map[notice]string{
		`{"reason": -1}`: {
			{protocol.Fix, protocol.BadSyntax}: "30", {protocol.Fix, protocol.BadContent}: "30", {protocol.Fix, protocol.TooLarge}: "30", {protocol.Fix, protocol.BadName}: "12",
			{protocol.Later, protocol.BackendDown}: "91", {protocol.Later, protocol.QueueTimeout}: "91", {protocol.Later, protocol.Busy}: "96", {protocol.Later, protocol.Draining}: "96",
			{protocol.Denied, protocol.Forbidden}: "58", {protocol.Duplicate, protocol.StillOpen}: "94",
			{protocol.Failed, protocol.AnswerTimeout}: "68", {protocol.Failed, protocol.BackendLost}: "91", {protocol.Failed, protocol.BadAnswer}: "96",
			{protocol.Accepted, protocol.InProcess}: "",
		},
		`{"reason": -1, "dialect": "1993-ascii"}`: {
			{protocol.Fix, protocol.BadSyntax}: "904", {protocol.Fix, protocol.BadContent}: "904", {protocol.Fix, protocol.BadName}: "902",
			{protocol.Later, protocol.BackendDown}: "907", {protocol.Later, protocol.Busy}: "909", {protocol.Denied, protocol.Forbidden}: "120",
			{protocol.Duplicate, protocol.StillOpen}: "913", {protocol.Failed, protocol.AnswerTimeout}: "911", {protocol.Failed, protocol.BackendLost}: "907",
			{protocol.Failed, protocol.BadAnswer}: "909", {protocol.Accepted, protocol.InProcess}: "",
		},
		`{"reason": -1, "codes": {"later": "19", "busy": "05", "fix": "", "backend-lost": "06"}}`: {
			{protocol.Later, protocol.BackendDown}: "19", {protocol.Later, protocol.Busy}: "05", {protocol.Later, protocol.Draining}: "19",
			{protocol.Fix, protocol.BadSyntax}: "", {protocol.Fix, protocol.BadName}: "", {protocol.Failed, protocol.BackendLost}: "06", {protocol.Failed, protocol.AnswerTimeout}: "68",
		},
	}
	for options, codes := range editions {
		c := newCodec(t, options)
		m := c.mustDecode(t, protocol.FromClient, c.body(t, c.mti("101"), map[int]string{11: "1"}))
		for n, want := range codes {
			if want != "" {
				want = c.mti("110") + " " + want
			}
			if got := c.said(t, m, &protocol.Notice{Class: n.class, Cause: n.cause}); got != want {
				t.Errorf("%s: %v, %v: got %q, want %q", options, n.class, n.cause, got, want)
			}
		}
	}
}

// Only who waits for an answer gets one, and of the right type.
func TestWhatIsAnswered(t *testing.T) {
	c := newCodec(t, `{}`)
	for mti, want := range map[string]string{"0100": "0110 30", "0201": "0210 30", "0220": "0230 30", "0221": "0230 30", "0402": "0412 30", "0420": "0430 30", "0421": "0430 30",
		"0302": "0312 30", "0500": "0510 30", "0263": "0272 30", "0800": "0810 30", "0620": "0630 30",
		"0210": "", "0230": "", "0240": "", "0250": "", "0280": "", "0290": "", "0810": ""} {
		m := c.mustDecode(t, protocol.FromClient, c.body(t, mti, map[int]string{11: "1"}))
		if got := c.said(t, m, &protocol.Notice{Class: protocol.Fix}); got != want {
			t.Errorf("%s: got %q, want %q", mti, got, want)
		}
	}
	if got := c.said(t, nil, &protocol.Notice{Class: protocol.Fix}); got != "" {
		t.Errorf("nothing is answered with %q", got)
	}
}

// What a sender pairs answers by comes back as it was, and nothing that is secret; of a request that could be read in part, what
// could be read.
func TestWhatIsGivenBack(t *testing.T) {
	want := map[int]string{3: "000000", 4: "000000001000", 7: "1123124501", 11: "000001", 12: "124501", 13: "1123", 37: "RRN000000001", 41: "TERM0001", 42: "SHOP0001       ", 49: "978"}
	for _, s := range setups {
		c := newCodec(t, s.options)
		fields, want := c.purchase(), maps.Clone(want)
		want[39] = "91"
		if c.edition == '1' {
			want = with(want, 12, fields[12], 13, "", 24, "200", 39, "907")
		}
		m := c.mustDecode(t, protocol.FromClient, c.body(t, c.mti("200"), fields))
		body, err := c.AppendNotice(nil, m, &protocol.Notice{Class: protocol.Later})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.texts(c.mustDecode(t, protocol.FromBackend, string(body))); !maps.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", s.name, got, want)
		}
	}
	c := newCodec(t, `{"echo": [11, 12, 41]}`)
	var m protocol.Message
	err := c.DecodeBody(protocol.FromClient, []byte(start(12, 41)+"12450x"+"TERM"), &m)
	body, e := c.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Fix, Reasons: reasons(err)})
	if e != nil {
		t.Fatal(e)
	}
	got := c.texts(c.mustDecode(t, protocol.FromBackend, string(body)))
	if want := map[int]string{11: "000001", 39: "30", 44: "DE12 type; DE41 length"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWordsOfReasons(t *testing.T) {
	three := []protocol.Reason{{Path: "DE4", Rule: "min", Want: "more than 0"}, {Path: "DE55.9F26", Rule: "length"}, {Path: "DE41", Say: "call the desk"}}
	for _, c := range []struct {
		options string
		reasons []protocol.Reason
		want    string
	}{
		{`{}`, nil, "0210 30"},
		{`{}`, three, "0210 30 DE4 min; DE55.9F26 length"},
		{`{}`, three[1:], "0210 30 DE55.9F26 length"},
		{`{}`, three[2:], "0210 30 DE41 call the desk"},
		{`{}`, []protocol.Reason{{Rule: "end"}}, "0210 30 end"},
		{`{}`, []protocol.Reason{{Say: "no\r\nbr\xe4k"}}, "0210 30 no  br k"},
		{`{}`, []protocol.Reason{{Path: "DE127", Rule: strings.Repeat("x", 40)}}, "0210 30 DE127 " + strings.Repeat("x", 19)},
		{`{"reason": 47}`, three, "0210 30 DE4 min: want more than 0; DE55.9F26 length; DE41 call the desk"},
		{`{"reason": 47}`, []protocol.Reason{{Say: strings.Repeat("x", 500)}}, "0210 30 " + strings.Repeat("x", maxReason)},
		{`{"reason": 43}`, three[:1], "0210 30 DE4 min"},
		{`{"reason": -1}`, three, "0210 30"},
		{`{"codes": {"DE4": "13"}}`, three, "0210 13 DE4 min; DE55.9F26 length"},
		{`{"codes": {"DE41": "03"}}`, three, "0210 30 DE4 min; DE55.9F26 length"},
		{`{"codes": {"DE4": ""}}`, three, ""},
	} {
		codec := newCodec(t, c.options)
		m := codec.mustDecode(t, protocol.FromClient, start())
		if got := codec.said(t, m, &protocol.Notice{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: c.reasons}); got != c.want {
			t.Errorf("%s, %v:\n got %q\nwant %q", c.options, c.reasons, got, c.want)
		}
	}
}

// A TPDU and the addresses of a BASE I header come back the other way round.
func TestAddressesAreExchanged(t *testing.T) {
	c := newCodec(t, `{"framing": "nac", "dialect": "1987-binary"}`)
	body := c.body(t, "0200", map[int]string{11: "1"})
	var m protocol.Message
	request := append([]byte{0, byte(5 + len(body)), 0x60, 0x00, 0x03, 0x80, 0x01}, body...)
	if err := c.Decode(protocol.FromClient, request, &m); err != nil {
		t.Fatal(err)
	}
	out := c.OpenFrame(nil, m.Head)
	out, err := c.AppendNotice(out, &m, &protocol.Notice{Class: protocol.Later})
	if err == nil {
		out, err = c.CloseFrame(out, 0)
	}
	if err != nil || fmt.Sprintf("%x", out[2:7]) != "6080010003" {
		t.Errorf("got %x, %v; want the TPDU 6080010003", out, err)
	}
}
