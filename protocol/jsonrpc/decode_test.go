package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// body decodes text and returns the message and the cause of its refusal.
func body(tb testing.TB, c *Codec, dir protocol.Direction, text string) (*protocol.Message, protocol.Cause) {
	tb.Helper()
	m := new(protocol.Message)
	err := c.Decode(dir, c.framedFor(tb, text), m)
	var malformed *protocol.Malformed
	if err != nil && !errors.As(err, &malformed) {
		tb.Fatalf("got %T: %v", err, err)
	}
	if malformed == nil {
		return m, protocol.NoCause
	}
	return m, malformed.Cause
}

func (c *Codec) framedFor(tb testing.TB, text string) []byte {
	tb.Helper()
	frame, err := c.CloseFrame(append(c.OpenFrame(nil, nil), text...), 0)
	if err != nil {
		tb.Fatal(err)
	}
	return frame
}

func TestFaultA16LimitsOnDepthNumbersAndBatches(t *testing.T) {
	c := newCodec(t, Options{Framing: framing(t, "length4")})
	nested := func(depth int) string {
		return `{"jsonrpc":"2.0","method":"a","id":1,"params":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	params := func(value string) string { return `{"jsonrpc":"2.0","method":"a","id":1,"params":[` + value + `]}` }
	batch := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	for _, test := range []struct {
		name, text string
		want       protocol.Cause
	}{
		{"depth 10", nested(10), protocol.NoCause},
		{"depth 64", nested(64), protocol.NoCause},
		{"depth 65", nested(65), protocol.TooLarge},
		{"depth 10001", nested(10_001), protocol.TooLarge},
		{"depth 64 in a batch", "[" + nested(64) + "]", protocol.NoCause},
		{"depth 65 in a batch", "[" + nested(65) + "]", protocol.TooLarge},
		{"batch of 1000", batch(1000), protocol.NoCause},
		{"batch of 1001", batch(1001), protocol.TooLarge},
		{"batch of 100000", batch(100_000), protocol.TooLarge},
		{"32 characters", params(strings.Repeat("1", 32)), protocol.NoCause},
		{"33 characters", params(strings.Repeat("1", 33)), protocol.TooLarge},
		{"1e308", params("1e308"), protocol.NoCause},
		{"1e-308", params("1E-308"), protocol.NoCause},
		{"1e309", params("1e309"), protocol.TooLarge},
		{"1e-309", params("1e-309"), protocol.TooLarge},
		{"1e99999999999999999999", params("1e99999999999999999999"), protocol.TooLarge},
		{"a long string", params(`"` + strings.Repeat("x", 1<<19) + `"`), protocol.NoCause},
	} {
		if _, got := body(t, c, protocol.FromClient, test.text); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// An object of 100,000 names, of which the last two are one, costs no more than sorting.
func TestFaultA16HostileNames(t *testing.T) {
	c := newCodec(t, Options{Framing: framing(t, "length4")})
	var text strings.Builder
	text.WriteString(`{"jsonrpc":"2.0","method":"a","id":1,"params":{`)
	for i := range 100_000 {
		fmt.Fprintf(&text, `"%x":1,`, i)
	}
	start := time.Now()
	if _, got := body(t, c, protocol.FromClient, text.String()+`"\u0030":1}}`); got != protocol.BadShape {
		t.Errorf("with a name twice: got %v", got)
	}
	if _, got := body(t, c, protocol.FromClient, text.String()+`"x":1}}`); got != protocol.NoCause {
		t.Errorf("with each name once: got %v", got)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestFaultA17AmbiguousTextIsRefused(t *testing.T) {
	c := newCodec(t, Options{})
	drop := newCodec(t, Options{DropMembers: true})
	for _, test := range []struct {
		name, text string
		want       protocol.Cause
	}{
		{"method twice", `{"jsonrpc":"2.0","method":"a","method":"b","id":1}`, protocol.BadShape},
		{"id twice", `{"jsonrpc":"2.0","method":"a","id":1,"id":1}`, protocol.BadShape},
		{"id twice, once escaped", `{"jsonrpc":"2.0","method":"a","id":1,"\u0069d":2}`, protocol.BadShape},
		{"unnamed member twice", `{"jsonrpc":"2.0","method":"a","id":1,"x":1,"\u0078":2}`, protocol.BadShape},
		{"twice in params", `{"jsonrpc":"2.0","method":"a","id":1,"params":{"a":1,"\u0061":1}}`, protocol.BadShape},
		{"twice deep in params", `{"jsonrpc":"2.0","method":"a","id":1,"params":[[{"b":{"a":1,"c":2,"a":3}}]]}`, protocol.BadShape},
		{"twice among many", `{"jsonrpc":"2.0","method":"a","id":1,"params":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"a":1,"b":1,"c":1,"d":1,"1":1}}`, protocol.BadShape},
		{"one name at two depths", `{"jsonrpc":"2.0","method":"a","id":1,"params":{"a":{"a":[{"a":1},{"a":2}]}}}`, protocol.NoCause},
		{"ID", `{"jsonrpc":"2.0","method":"a","ID":1}`, protocol.BadShape},
		{"ID beside id", `{"jsonrpc":"2.0","method":"a","id":1,"ID":1}`, protocol.BadShape},
		{"METHOD", `{"jsonrpc":"2.0","METHOD":"a","method":"a","id":1}`, protocol.BadShape},
		{"long s", `{"jsonrpc":"2.0","method":"a","id":1,"param` + "\u017f" + `":[]}`, protocol.BadShape},
		{"Kelvin sign in an unnamed member", `{"jsonrpc":"2.0","method":"a","id":1,"x":1,"` + "\u212a" + `":1,"k":2,"k":3}`, protocol.BadShape},
		{"an escaped name is the name", `{"jsonrpc":"2.0","method":"a","\u0069d":1}`, protocol.NoCause},
		{"lone high surrogate", `{"jsonrpc":"2.0","method":"\ud83d","id":1}`, protocol.BadSyntax},
		{"lone low surrogate", `{"jsonrpc":"2.0","method":"\ude00","id":1}`, protocol.BadSyntax},
		{"high and no low", `{"jsonrpc":"2.0","method":"\ud83d\u0041","id":1}`, protocol.BadSyntax},
		{"encoded surrogate", "{\"jsonrpc\":\"2.0\",\"method\":\"\xed\xa0\x80\",\"id\":1}", protocol.BadSyntax},
		{"overlong", "{\"jsonrpc\":\"2.0\",\"method\":\"\xc0\xaf\",\"id\":1}", protocol.BadSyntax},
		{"bad UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\",\"id\":1}", protocol.BadSyntax},
		{"BOM", "\ufeff" + `{"jsonrpc":"2.0","method":"a","id":1}`, protocol.BadSyntax},
		{"NUL", "{\"jsonrpc\":\"2.0\",\"method\":\"a\x00\",\"id\":1}", protocol.BadSyntax},
		{"escaped NUL", `{"jsonrpc":"2.0","method":"a\u0000","id":1}`, protocol.BadSyntax},
		{"tab in a string", "{\"jsonrpc\":\"2.0\",\"method\":\"a\t\",\"id\":1}", protocol.BadSyntax},
		{"NUL behind it", "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}\x00", protocol.BadSyntax},
		{"garbage behind it", `{"jsonrpc":"2.0","method":"a","id":1}{}`, protocol.BadSyntax},
		{"comma at the end", `{"jsonrpc":"2.0","method":"a","id":1,}`, protocol.BadSyntax},
		{"comma at the end of a list", `{"jsonrpc":"2.0","method":"a","id":1,"params":[1,]}`, protocol.BadSyntax},
		{"leading zero", `{"jsonrpc":"2.0","method":"a","id":01}`, protocol.BadSyntax},
		{"plus", `{"jsonrpc":"2.0","method":"a","id":+1}`, protocol.BadSyntax},
		{"NaN", `{"jsonrpc":"2.0","method":"a","id":NaN}`, protocol.BadSyntax},
		{"comment", `{"jsonrpc":"2.0","method":"a","id":1/**/}`, protocol.BadSyntax},
		{"nothing", ` `, protocol.BadSyntax},
		{"a scalar", `1`, protocol.BadShape},
	} {
		m, got := body(t, c, protocol.FromClient, test.text)
		if got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if strings.HasPrefix(test.name, "id twice") && len(m.ID) > 0 {
			t.Errorf("%s: got id %q, want none", test.name, m.ID)
		}
		if test.want == protocol.NoCause {
			continue
		}
		if _, err := c.AppendWithID(nil, m, protocol.ID("1")); err == nil {
			t.Errorf("%s: was refused and can be encoded", test.name)
		}
		if _, got := body(t, drop, protocol.FromClient, test.text); got != test.want {
			t.Errorf("%s, others dropped: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestFaultA18KindsAndIDs(t *testing.T) {
	c := newCodec(t, Options{})
	request := `{"jsonrpc":"2.0","method":"a","id":%s}`
	for _, id := range []string{"null", "0", "-0", "1", "1.0", "1e0", `"1"`, `"\u0031"`, `""`, "1.5", "9007199254740993", "12345678901234567890123456789012"} {
		m, cause := body(t, c, protocol.FromClient, fmt.Sprintf(request, id))
		if cause != protocol.NoCause || m.Kind != protocol.Request || string(m.ID) != id {
			t.Errorf("id %s: got %v, %v, id %s", id, cause, m.Kind, m.ID)
		}
		notice, err := c.AppendNotice(nil, m, &protocol.Notice{Class: protocol.Later, Cause: protocol.Busy})
		if want := `"id":` + id + `}`; err != nil || !strings.HasSuffix(string(notice), want) {
			t.Errorf("id %s: the notice %s does not end in %s", id, notice, want)
		}
	}
	for _, id := range []string{"{}", "[]", "true", "[1]", `"` + strings.Repeat("x", 256) + `"`, strings.Repeat("1", 33), "1e999"} {
		m, cause := body(t, c, protocol.FromClient, fmt.Sprintf(request, id))
		if cause == protocol.NoCause || len(m.ID) > 0 || m.Kind != protocol.Unknown {
			t.Errorf("id %s: got %v, %v, id %s", id, cause, m.Kind, m.ID)
		}
		notice, _ := c.AppendNotice(nil, m, &protocol.Notice{Cause: cause})
		if want := `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request",`; !strings.HasPrefix(string(notice), want) || !strings.HasSuffix(string(notice), `"id":null}`) {
			t.Errorf("id %s: got %s", id, notice)
		}
	}
	for _, test := range []struct {
		text  string
		kind  protocol.Kind
		cause protocol.Cause
		id    string
	}{
		{`{"jsonrpc":"2.0","method":"a"}`, protocol.OneWay, protocol.NoCause, ""},
		{`{"jsonrpc":"2.0","method":"rpc.a"}`, protocol.OneWay, protocol.BadName, ""},
		{`{"jsonrpc":"2.0","method":"\u0072pc.a","id":1}`, protocol.Request, protocol.BadName, "1"},
		{`{"jsonrpc":"2.0","method":"a","params":{"a":1,"a":2}}`, protocol.OneWay, protocol.BadShape, ""},
		{`{"jsonrpc":"2.0","method":"a","params":null}`, protocol.Unknown, protocol.BadShape, ""},
		{`{"jsonrpc":"2.0","method":1,"params":"bar"}`, protocol.Unknown, protocol.BadShape, ""},
		{`{"jsonrpc":"2.0","method":1,"id":5}`, protocol.Request, protocol.BadShape, "5"},
		{`{"jsonrpc":"2.0","result":1,"id":5}`, protocol.Unknown, protocol.BadShape, ""},
		{`{"jsonrpc":"2.0","error":{},"id":5}`, protocol.Unknown, protocol.BadShape, ""},
		{`{"jsonrpc":"2.0","method":"a","result":1,"id":5}`, protocol.Request, protocol.BadShape, "5"},
		{`[]`, protocol.Unknown, protocol.BadShape, ""},
		{`[1]`, protocol.Batch, protocol.NoCause, ""},
		{`[1`, protocol.Unknown, protocol.BadSyntax, ""},
		{`[{"jsonrpc":"2.0","method":"a","id":1},{"jsonrpc":"2.0","method":"b","id":1}]`, protocol.Batch, protocol.NoCause, ""},
	} {
		m, cause := body(t, c, protocol.FromClient, test.text)
		if m.Kind != test.kind || cause != test.cause || string(m.ID) != test.id {
			t.Errorf("%s: got %v, %v, id %q, want %v, %v, id %q", test.text, m.Kind, cause, m.ID, test.kind, test.cause, test.id)
		}
	}
}

func TestResponsesAreWholeOrRefused(t *testing.T) {
	c := newCodec(t, Options{})
	for _, test := range []struct {
		text   string
		cause  protocol.Cause
		failed bool
	}{
		{`{"jsonrpc":"2.0","result":1,"id":5}`, protocol.NoCause, false},
		{`{"jsonrpc":"2.0","error":{"code":1,"message":""},"id":5}`, protocol.NoCause, true},
		{`{"jsonrpc":"2.0","error":{"code":1.5,"message":""},"id":5}`, protocol.BadShape, true},
		{`{"jsonrpc":"2.0","error":{"code":1},"id":5}`, protocol.BadShape, true},
		{`{"jsonrpc":"2.0","error":"text","id":5}`, protocol.BadShape, true},
		{`{"jsonrpc":"2.0","error":null,"result":1,"id":5}`, protocol.BadShape, true},
		{`{"result":1,"id":5}`, protocol.BadShape, false},
	} {
		m, cause := body(t, c, protocol.FromBackend, test.text)
		if m.Kind != protocol.Response || string(m.ID) != "5" || cause != test.cause || m.Failed != test.failed {
			t.Errorf("%s: got %v, id %s, %v, failed %v", test.text, m.Kind, m.ID, cause, m.Failed)
		}
	}
	if m, cause := body(t, c, protocol.FromBackend, `{"jsonrpc":"2.0","result":1}`); cause != protocol.BadShape || len(m.ID) > 0 {
		t.Errorf("a response without id: got %v", cause)
	}
	for text, want := range map[string]protocol.Kind{
		`{"jsonrpc":"2.0","method":"a"}`:        protocol.OneWay,
		`{"jsonrpc":"2.0","method":"a","id":1}`: protocol.Request,
	} {
		if m, _ := body(t, c, protocol.FromBackend, text); m.Kind != want {
			t.Errorf("%s from a backend: got %v, want %v", text, m.Kind, want)
		}
	}
}

func TestBatchInABatchIsRefused(t *testing.T) {
	c := newCodec(t, Options{})
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, []byte(`[{"jsonrpc":"2.0","method":"a","id":1}]`), &m); err == nil {
		t.Error("want an error")
	}
}

func TestReasonsSayWhere(t *testing.T) {
	c := newCodec(t, Options{Framing: framing(t, "length4")})
	text := `{"jsonrpc":"2.0","method":"a","params":"x","id":1}`
	frame := c.framedFor(t, text)
	var malformed *protocol.Malformed
	if err := c.Decode(protocol.FromClient, frame, new(protocol.Message)); !errors.As(err, &malformed) {
		t.Fatal(err)
	}
	r := malformed.Reasons[0]
	if r.Path != "/params" || string(frame[r.Off:r.Off+3]) != `"x"` || r.Got != "text" {
		t.Errorf("got %+v", r)
	}
}

// FuzzDecode compares with encoding/json: what is accepted here is accepted there, and
// both read the same id and method.
func FuzzDecode(f *testing.F) {
	for _, texts := range [][]string{requests, oneWays, responses, batches, malformed} {
		for _, text := range texts {
			f.Add([]byte(text))
		}
	}
	c := newCodec(f, Options{})
	f.Fuzz(func(t *testing.T, text []byte) { compareWithReference(t, c, text) })
}

func TestFaultA23AgreesWithEncodingJSON(t *testing.T) {
	c := newCodec(t, Options{})
	for _, texts := range [][]string{requests, oneWays, responses, batches, malformed} {
		for _, text := range texts {
			compareWithReference(t, c, []byte(text))
			for cut := range min(len(text), 300) {
				compareWithReference(t, c, []byte(text[:cut]))
				compareWithReference(t, c, []byte(text[:cut]+text[cut+1:]))
			}
		}
	}
}

func compareWithReference(t *testing.T, c *Codec, text []byte) {
	t.Helper()
	for _, dir := range []protocol.Direction{protocol.FromClient, protocol.FromBackend} {
		var m protocol.Message
		err := c.DecodeBody(dir, text, &m)
		if err != nil {
			// What is stricter here has rules of its own; the grammar is the same.
			malformed := err.(*protocol.Malformed)
			valid, refused := json.Valid(text), malformed.Reasons[0].Rule == "json.syntax"
			if valid && refused || !valid && malformed.Cause != protocol.BadSyntax && malformed.Cause != protocol.TooLarge {
				t.Errorf("%q: got %v, for encoding/json it is valid: %v", text, err, valid)
			}
			continue
		}
		var want struct {
			ID     json.RawMessage `json:"id"`
			Method *string         `json:"method"`
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is accepted here and refused by encoding/json: %v", text, err)
		}
		if string(want.ID) != string(m.ID) {
			t.Errorf("%q: got id %q, encoding/json reads %q", text, m.ID, want.ID)
		}
		if (want.Method != nil) != (m.Kind != protocol.Response) || want.Method != nil && *want.Method != string(m.Name) {
			t.Errorf("%q: got method %q of a %v, encoding/json reads %v", text, m.Name, m.Kind, want.Method)
		}
	}
}
