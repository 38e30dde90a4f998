package generic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// A request whose id is no digits must not make a notice malformed.
func TestANoticeIsValidWhateverTheID(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"id","at":0,"len":4,"type":"digits"}],"id":["id"],"notices":{"fix":"{key}no"}}`)
	var m protocol.Message
	_ = c.Decode(protocol.FromClient, []byte("0006ABCDxx"), &m)
	out, _ := c.AppendNotice(nil, &m, &protocol.Notice{})
	var b protocol.Message
	if err := c.DecodeBody(protocol.FromBackend, out, &b); err != nil {
		t.Errorf("notice %q: %v", out, err)
	}
}

func TestANoticeThatFitsNoFrameIsRefused(t *testing.T) {
	refused(t, `{"framing":{"kind":"fixed","size":80},"fields":[{"name":"id","at":0,"len":4,"type":"digits"}],"id":["id"],"notices":{"fix":"no"}}`, "notices.fix: its body fits no frame")
	refused(t, `{"framing":"ascii4","kind":{"client":[{"field":"a","in":["A"],"is":"response"}]},"fields":[{"name":"a","at":0,"len":1}]}`, "kind.client[0].is: a client sends no response")
	refused(t, `{"framing":"ascii4","codes":{"none":"1"}}`, "codes.none")
}

func refused(t *testing.T, text, want string) {
	t.Helper()
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o, protocol.Limits{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got %v, want %q", text, err, want)
	}
}

func TestATextBringsNoDelimiterNorMark(t *testing.T) {
	c := declare(t, `{"framing":{"kind":"delimiter","end":"~"},"fields":[{"name":"id","column":1,"delimiter":","},{"name":"text","column":2,"delimiter":","},{"name":"state","column":3,"delimiter":","}],"id":["id"],"notices":{"fix":"{key},{text},X"}}`)
	var m protocol.Message
	_ = c.DecodeBody(protocol.FromClient, []byte("7,a,b"), &m)
	out, _ := c.AppendNotice(nil, &m, &protocol.Notice{Reasons: []protocol.Reason{{Path: "a~b", Want: "x", Got: "y"}}})
	var b protocol.Message
	_ = c.DecodeBody(protocol.FromBackend, out, &b)
	g, _ := c.Getter("state")
	if v, _ := g(&b); string(v.Text) != "X" {
		t.Errorf("%q: state %q", out, v.Text)
	}
	if _, err := c.CloseFrame(append(c.OpenFrame(nil, nil), out...), 0); err != nil {
		t.Error(err)
	}
}

func TestAnIDOfSeveralFieldsIsEchoedFieldByField(t *testing.T) {
	refused(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":2},{"name":"b","at":2,"len":2}],"id":["a","b"],"notices":{"fix":"{key}no"}}`, "notices.fix: {key}")
}

// A batch in a batch would pass the rules as one message.
func TestRecordsHoldNoRecords(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":1}],"records":{"when":{"field":"a","in":["B"]},"skip":1,"header":"B","size":3}}`)
	var m protocol.Message
	for body, ok := range map[string]bool{"BQ12Q34": true, "BQ12B34": false, "BB12": false} {
		framed, _ := c.CloseFrame(append(c.OpenFrame(nil, nil), body...), 0)
		if err := c.Decode(protocol.FromClient, framed, &m); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestACountThatDoesNotFitIsRefused(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":1},{"name":"n","at":1,"len":1,"type":"digits"}],"records":{"when":{"field":"a","in":["B"]},"skip":2,"header":"B0","size":2,"count":"n"}}`)
	var bodies [][]byte
	for range 12 {
		bodies = append(bodies, []byte("Q1"))
	}
	out, err := c.AppendBatch(nil, bodies)
	if err == nil {
		var m protocol.Message
		t.Errorf("written %q, read again: %v", out[:4], c.DecodeBody(protocol.FromClient, out, &m))
	}
	refused(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":1}],"records":{"when":{"field":"a","in":["B"]},"skip":1,"size":2}}`, "records.header")
}

func TestARecordThatEndsLikeTheDelimiterIsRefused(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":1}],"records":{"when":{"field":"a","in":["B"]},"skip":1,"header":"B","delimiter":";;"}}`)
	out, err := c.AppendBatch(nil, [][]byte{[]byte("x;"), []byte("y")})
	if err != nil {
		return
	}
	var m protocol.Message
	_ = c.DecodeBody(protocol.FromClient, out, &m)
	got, _ := c.Members(&m, nil)
	if string(got[0]) != "x;" {
		t.Errorf("%q", got)
	}
}

func TestATicketIsBelowTheirNumber(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":7,"type":"bin"}],"id":["a"]}`)
	if n, ok := c.Ticket([]byte{255, 255, 255, 255, 255, 255, 255}); ok && n >= c.Traits().Tickets {
		t.Errorf("ticket %d of %d", n, c.Traits().Tickets)
	}
	c = declare(t, `{"framing":"ascii4","fields":[{"name":"a","at":0,"len":18,"type":"digits"}],"id":["a"]}`)
	if n, ok := c.Ticket([]byte("999999999999999999")); ok && n >= c.Traits().Tickets {
		t.Errorf("ticket %d of %d", n, c.Traits().Tickets)
	}
}

func TestTheBlockIsWithoutTheLength(t *testing.T) {
	c := declare(t, `{"framing":"nac"}`)
	for _, p := range []string{"body", "frame.length", "frame.block"} {
		g, _ := c.Getter(p)
		if _, ok := g(new(protocol.Message)); ok {
			t.Errorf("%s found in nothing", p)
		}
	}
	var m protocol.Message
	_ = c.Decode(protocol.FromClient, []byte("\x00\x07\x60\x00\x01\x00\x02ab"), &m)
	g, _ := c.Getter("frame.block")
	if v, _ := g(&m); len(v.Text) != 5 {
		t.Errorf("block %x", v.Text)
	}
}

// Rules compare names with what a configuration says, so they are text in every charset.
func TestANameIsText(t *testing.T) {
	c := declare(t, `{"framing":"bin2","charset":"ebcdic","fields":[{"name":"type","at":0,"len":1},{"name":"op","at":1,"len":4},{"name":"id","at":5,"len":4,"type":"digits"}],"operation":"op","id":["id"],"kind":{"client":[{"field":"type","in":["Q"],"is":"request"}]}}`)
	body := []byte{0xD8, 0xD7, 0xC1, 0xE8, 0x40, 0xF0, 0xF0, 0xF0, 0xF1}
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, body, &m); err != nil {
		t.Fatal(err)
	}
	if string(m.Name) != "PAY" {
		t.Errorf("name %q", m.Name)
	}
	if n := testing.AllocsPerRun(100, func() { _ = c.DecodeBody(protocol.FromClient, body, &m) }); n != 0 {
		t.Errorf("%v allocs", n)
	}
}

func TestDigitsMayBePaddedWhereTrimmed(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"amount","at":0,"len":6,"type":"digits","trim":true}]}`)
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, []byte("  12  "), &m); err != nil {
		t.Error(err)
	}
}

func TestALengthBeyondAllBoundsIsRefused(t *testing.T) {
	_, err := New(Options{Framing: frame.Options{Preset: "ascii4"}, Fields: []Field{{Name: "a", At: 1, Len: 1<<63 - 1}}}, protocol.Limits{})
	if err == nil {
		t.Error("accepted")
	}
}

func TestAFieldBeyondTheRecordIsRefused(t *testing.T) {
	_, err := New(Options{Framing: frame.Options{Kind: "fixed", Size: 80}, Fields: []Field{{Name: "a", At: 79, Len: 4}}}, protocol.Limits{})
	if err == nil || !strings.Contains(err.Error(), "fields[0].at") {
		t.Error("accepted", err)
	}
}

func TestAKeepaliveNeedsNoFields(t *testing.T) {
	c := declare(t, `{"framing":"ascii4","fields":[{"name":"type","at":0,"len":4},{"name":"amount","at":4,"len":12,"type":"digits"}],"kind":{"client":[{"field":"type","in":["PING"],"is":"keepalive"},{"field":"type","in":["PAYM"],"is":"request"}]}}`)
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, []byte("PING"), &m); err != nil {
		t.Error(err)
	}
}

func TestAnIDThatCannotBeWrittenIsAnError(t *testing.T) {
	c := declare(t, `{"framing":"lines","fields":[{"name":"id","column":1,"delimiter":","}],"id":["id"]}`)
	var m protocol.Message
	_ = c.DecodeBody(protocol.FromClient, []byte("7,a"), &m)
	if out, err := c.AppendWithID(nil, &m, protocol.ID("8")); err == nil && string(out) != "8,a" {
		t.Errorf("%q without an error", out)
	}
}

func TestASpaceMayBeADelimiter(t *testing.T) {
	c := declare(t, `{"framing":"lines","fields":[{"name":"id","column":1,"delimiter":" "},{"name":"text","column":2,"delimiter":" "},{"name":"state","column":3,"delimiter":" "}],"id":["id"],"notices":{"fix":"{key} {text} X"}}`)
	var m, b protocol.Message
	_ = c.DecodeBody(protocol.FromClient, []byte("7 a b"), &m)
	out, _ := c.AppendNotice(nil, &m, &protocol.Notice{Reasons: []protocol.Reason{{Path: "amount", Want: "x", Got: "y"}}})
	_ = c.DecodeBody(protocol.FromBackend, out, &b)
	g, _ := c.Getter("state")
	if v, _ := g(&b); string(v.Text) != "X" {
		t.Errorf("%q: state %q", out, v.Text)
	}
}

func TestDelimitersAreBytesOfTheCharset(t *testing.T) {
	// 6B is the comma of code page 037 and k of ASCII.
	c := declare(t, `{"framing":"bin2","charset":"ebcdic","fields":[{"name":"id","column":1,"delimiter":"k"},{"name":"text","column":2,"delimiter":"k"},{"name":"state","column":3,"delimiter":"k"}],"id":["id"],"notices":{"fix":"{key},{text},X"}}`)
	var m, b protocol.Message
	_ = c.DecodeBody(protocol.FromClient, []byte("\xF7k\x81k\x82"), &m)
	out, _ := c.AppendNotice(nil, &m, &protocol.Notice{Reasons: []protocol.Reason{{Path: "amount", Want: "ok", Got: "y"}}})
	_ = c.DecodeBody(protocol.FromBackend, out, &b)
	g, _ := c.Getter("state")
	if v, _ := g(&b); string(v.Text) != "X" {
		t.Errorf("%x: state %q", out, v.Text)
	}
}
