package iso8583

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sallyport/sallyport/protocol"
)

// one reads the one frame in data.
func (c *Codec) one(tb testing.TB, data []byte) *protocol.Message {
	tb.Helper()
	m := new(protocol.Message)
	n, frame, err := c.Split(data, true, new(protocol.Resume))
	if err == nil && n == len(data) {
		err = c.Decode(protocol.FromBackend, frame, m)
	}
	if err != nil || n != len(data) {
		tb.Fatalf("%q: %d of %d bytes, %v", data, n, len(data), err)
	}
	return m
}

func TestNetworkManagement(t *testing.T) {
	for _, c := range []struct{ options, mti, code, want string }{
		{`{}`, "0800", "001", "0810 00"},
		{`{}`, "0801", "301", "0810 00"},
		{`{}`, "0820", "002", "0830 00"},
		{`{}`, "0800", "161", "0810 40"},
		{`{}`, "0800", "", "0810 40"},
		{`{}`, "0810", "001", ""},
		{`{}`, "0840", "001", ""},
		{`{"network": {"301": "00", "161": "96", "201": ""}}`, "0800", "161", "0810 96"},
		{`{"network": {"301": "00", "161": "96", "201": ""}}`, "0800", "201", ""},
		{`{"network": {"301": "00", "161": "96", "201": ""}}`, "0800", "001", "0810 40"},
		{`{"dialect": "1987-binary", "framing": "nac"}`, "0800", "301", "0810 00"},
		{`{"dialect": "1987-ebcdic"}`, "0800", "301", "0810 00"},
		{`{"dialect": "1993-ascii", "framing": "vap"}`, "1804", "831", "1814 800"},
		{`{"dialect": "1993-ascii", "framing": "vap"}`, "1820", "811", "1830 115"},
	} {
		codec := newCodec(t, c.options)
		fields := with(map[int]string{7: "1123124501", 11: "1", 41: "TERM0001"}, codec.network, c.code)
		var m protocol.Message
		if err := codec.DecodeBody(protocol.FromClient, []byte(codec.body(t, c.mti, fields)), &m); err != nil || m.Kind != protocol.SignOn {
			t.Fatalf("%s: %v, %v", c.mti, m.Kind, err)
		}
		reply, err := codec.AppendReply([]byte("before"), &m)
		if err != nil || !strings.HasPrefix(string(reply), "before") {
			t.Fatal(string(reply), err)
		}
		reply = reply[len("before"):]
		if c.want == "" {
			if len(reply) > 0 {
				t.Errorf("%s %s: is answered: %q", c.mti, c.code, reply)
			}
			continue
		}
		answer := codec.one(t, reply)
		got := codec.texts(answer)
		if said := fmt.Sprintf("%s %s", answer.Name, got[39]); said != c.want {
			t.Errorf("%s, %s %s: got %s, want %s", c.options, c.mti, c.code, said, c.want)
		}
		delete(got, 39)
		if want := with(fields, 11, "000001"); !maps.Equal(got, want) {
			t.Errorf("%s, %s %s: got %v, want %v", c.options, c.mti, c.code, got, want)
		}
	}
}

func TestKeepalives(t *testing.T) {
	for framing, want := range map[string]string{"cs": "\x00\x00\x00\x00", "gicc": "\x00\x00\x00\x00", "vap": "\x00\x00\x00\x00", "bin3": "\x00\x00\x00", "amex": ""} {
		c := newCodec(t, `{"framing": "`+framing+`"}`)
		data := []byte("\x00\x00\x00\x00\x00")
		n, frame, err := c.Split(data, false, new(protocol.Resume))
		var m protocol.Message
		if err == nil {
			err = c.Decode(protocol.FromClient, frame, &m)
		}
		reply, e := c.AppendReply(nil, &m)
		if err != nil || e != nil || m.Kind != protocol.Keepalive || n != len(frame) || string(reply) != want {
			t.Errorf("%s: %v of %d bytes, answered %q, want %q: %v, %v", framing, m.Kind, n, reply, want, err, e)
		}
	}
}

func TestSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the time in field 7
		for _, c := range []struct{ options, mti, good, bad string }{
			{`{"sign_on": {"70": "001", "33": "500001"}}`, "0800", "00", "91"},
			{`{"dialect": "1993-ascii", "sign_on": {"24": "801", "33": "500001"}}`, "1804", "800", "909"},
			{`{"dialect": {"base": "1993-ascii", "version": 2003, "fields": {"39": {"form": "n 4"}}}, "sign_on": {"24": "801", "33": "500001"}, "network": {"801": "8000"},
				"codes": {"fix": "9004", "later": "9007", "denied": "1020", "duplicate": "9013", "failed": "9011"}}`, "2804", "8000", "0000"},
		} {
			codec := newCodec(t, c.options)
			numbers := map[string]bool{}
			for range 2 {
				frame, answers := codec.AppendGreeting(nil)
				m := codec.one(t, frame)
				got := codec.texts(m)
				if answers != 1 || string(m.Name) != c.mti || got[7] != "0101000000" || got[33] != "500001" || got[codec.network] == "" || numbers[got[11]] {
					t.Errorf("%s: got %s %v, %d answers", c.options, m.Name, got, answers)
				}
				numbers[got[11]] = true
			}
			response := string(c.mti[:2]) + "10"
			for code, ok := range map[string]bool{c.good: true, c.bad: false} {
				m := codec.mustDecode(t, protocol.FromBackend, codec.body(t, response, map[int]string{11: "1", 39: code}))
				if err := codec.Greeted(0, m); (err == nil) != ok {
					t.Errorf("%s: %s: %v", c.options, code, err)
				}
			}
			for _, mti := range []string{c.mti, string(c.mti[:1]) + "210"} {
				if codec.Greeted(0, codec.mustDecode(t, protocol.FromBackend, codec.body(t, mti, map[int]string{11: "1", 39: c.good}))) == nil {
					t.Errorf("%s: %s is taken for the answer to a sign-on", c.options, mti)
				}
			}
		}
		if frame, answers := newCodec(t, `{}`).AppendGreeting(nil); len(frame) > 0 || answers != 0 {
			t.Errorf("without a declaration it greets with %q", frame)
		}
		for options, want := range map[string]string{`{}`: "301", `{"dialect": "1993-ascii"}`: "831", `{"echo_test": {"70": "302"}}`: "302"} {
			codec := newCodec(t, options)
			frame, err := codec.AppendProbe(nil)
			if err != nil {
				t.Fatal(err)
			}
			if m := codec.one(t, frame); m.Kind != protocol.SignOn || string(codec.find(m, codec.network)) != want {
				t.Errorf("%s: the echo test is %v %q", options, m.Kind, frame)
			}
		}
	})
}
