package jsonrpc

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

func TestNoticesAreTheTable(t *testing.T) {
	c := newCodec(t, Options{})
	open := newCodec(t, Options{ShowDenied: true, WaitMethod: "$/wait", Codes: map[string]int{"later": -32050, "busy": -32051, "bad-name": -32052}})
	req, _ := body(t, c, protocol.FromClient, `{"jsonrpc":"2.0","method":"a","id":"7"}`)
	reasons := []protocol.Reason{
		{Path: "/params/0", Off: 41, Rule: "type", Want: `a "text"`, Got: "a number"},
		{Off: -1, Rule: "limits.rate"},
	}
	for _, test := range []struct {
		name  string
		codec *Codec
		n     protocol.Notice
		want  string
	}{
		{"syntax", c, protocol.Notice{Cause: protocol.BadSyntax}, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error","data":{"cause":"bad-syntax","retry":"fix"}},"id":"7"}`},
		{"shape", c, protocol.Notice{Cause: protocol.BadShape}, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":{"cause":"bad-shape","retry":"fix"}},"id":"7"}`},
		{"name", c, protocol.Notice{Cause: protocol.BadName, Reasons: reasons}, `{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found","data":{"cause":"bad-name","retry":"fix"}},"id":"7"}`},
		{"denied", c, protocol.Notice{Class: protocol.Denied, Cause: protocol.Forbidden, Reasons: reasons[:1], RetryAfter: 1}, `{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found","data":{"cause":"bad-name","retry":"fix"}},"id":"7"}`},
		{"denied and told", open, protocol.Notice{Class: protocol.Denied, Cause: protocol.Forbidden}, `{"jsonrpc":"2.0","error":{"code":-32010,"message":"this is not allowed","data":{"cause":"forbidden"}},"id":"7"}`},
		{"own code of a name", open, protocol.Notice{Cause: protocol.BadName}, `{"jsonrpc":"2.0","error":{"code":-32052,"message":"there is no such operation here","data":{"cause":"bad-name","retry":"fix"}},"id":"7"}`},
		{"content", c, protocol.Notice{Cause: protocol.BadContent, Reasons: reasons}, `{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":{"cause":"bad-content","retry":"fix","reasons":[` +
			`{"path":"/params/0","rule":"type","message":"want a \"text\", got a number","offset":41},{"path":"","rule":"limits.rate","message":"limits.rate"}]}},"id":"7"}`},
		{"busy", c, protocol.Notice{Class: protocol.Later, Cause: protocol.Busy, RetryAfter: 1500 * time.Millisecond}, `{"jsonrpc":"2.0","error":{"code":-32005,"message":"too many requests are in flight, send it again later","data":{"cause":"busy","retry":"later","retryAfterMs":1500}},"id":"7"}`},
		{"own code of a cause", open, protocol.Notice{Class: protocol.Later, Cause: protocol.Busy}, `{"jsonrpc":"2.0","error":{"code":-32051,"message":"too many requests are in flight, send it again later","data":{"cause":"busy","retry":"later"}},"id":"7"}`},
		{"own code of a class", open, protocol.Notice{Class: protocol.Later, Cause: protocol.Draining}, `{"jsonrpc":"2.0","error":{"code":-32050,"message":"the service is shutting down, send it again later","data":{"cause":"draining","retry":"later"}},"id":"7"}`},
		{"still open", c, protocol.Notice{Class: protocol.Duplicate, Cause: protocol.StillOpen}, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request","data":{"cause":"still-open"}},"id":"7"}`},
		{"failed, unknown", c, protocol.Notice{Class: protocol.Failed, Cause: protocol.AnswerTimeout, Unknown: true}, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"the backend did not answer in time","data":{"cause":"answer-timeout","outcome":"unknown"}},"id":"7"}`},
		{"failed", c, protocol.Notice{Class: protocol.Failed, Cause: protocol.BadAnswer}, `{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error","data":{"cause":"bad-answer","outcome":"not executed"}},"id":"7"}`},
		{"wait", c, protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess}, `{"jsonrpc":"2.0","method":"$/accepted","params":{"id":"7","state":"processing"}}`},
		{"own wait", open, protocol.Notice{Class: protocol.Accepted, Cause: protocol.InProcess}, `{"jsonrpc":"2.0","method":"$/wait","params":{"id":"7","state":"processing"}}`},
	} {
		got, err := test.codec.AppendNotice(nil, req, &test.n)
		if err != nil || string(got) != test.want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", test.name, got, err, test.want)
		}
	}
	if got, _ := c.AppendNotice(nil, nil, &protocol.Notice{Class: protocol.Accepted}); len(got) > 0 {
		t.Errorf("a wait notice without an id: got %s", got)
	}
}

// The examples of section 7, at the level of a codec: what must be answered by an error
// of its own is, with the code, text and id of the specification, and what the backend
// answers in them goes through.
func TestSection7(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "corpora", "jsonrpc", "spec-examples", "section7.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Skipf("the examples of the specification are not here: %v", err)
	}
	var corpus struct {
		Vectors []struct {
			Name   string          `json:"name"`
			Send   string          `json:"send"`
			Expect json.RawMessage `json:"expect"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &corpus); err != nil {
		t.Fatal(err)
	}
	if len(corpus.Vectors) != 15 {
		t.Errorf("got %d examples, want 15", len(corpus.Vectors))
	}
	// The backend of the examples, by method.
	results := map[string]func(params string) string{
		"subtract": func(params string) string {
			if strings.HasPrefix(params, "[23") {
				return "-19"
			}
			return "19"
		},
		"sum":      func(string) string { return "7" },
		"get_data": func(string) string { return `["hello",5]` },
	}
	c := newCodec(t, Options{Framing: framing(t, "length4")})
	answer := func(m *protocol.Message, err error) []byte {
		t.Helper()
		n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadName}
		if err != nil {
			n.Cause = err.(*protocol.Malformed).Cause
		} else if result := results[string(m.Name)]; m.Kind == protocol.Request && result != nil {
			params := string(m.Spans[partParams].In(m.Body))
			back, cause := body(t, c, protocol.FromBackend, `{"id":12345,"jsonrpc":"2.0","result":`+result(params)+`}`)
			if cause != protocol.NoCause {
				t.Fatal(cause)
			}
			out, err := c.AppendWithID(nil, back, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		out, err := c.AppendNotice(nil, m, &n)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, v := range corpus.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var m protocol.Message
			err := c.Decode(protocol.FromClient, c.framedFor(t, v.Send), &m)
			var got []byte
			if m.Kind == protocol.Batch {
				members, err := c.Members(&m, nil)
				if err != nil {
					t.Fatal(err)
				}
				var answers [][]byte
				for _, text := range members {
					var member protocol.Message
					err := c.DecodeBody(protocol.FromClient, text, &member)
					if a := answer(&member, err); len(a) > 0 {
						answers = append(answers, a)
					}
				}
				if len(answers) > 0 {
					if got, err = c.AppendBatch(nil, answers); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				got = answer(&m, err)
			}
			if got, want := members(t, got), members(t, v.Expect); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// members returns the answers in text as sorted texts, without the data of errors. One
// that is not in a list is marked.
func members(t *testing.T, text []byte) []string {
	t.Helper()
	var value any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	list, isList := value.([]any)
	if value != nil && !isList {
		list = []any{"alone", value}
	}
	var all []string
	for _, one := range list {
		if object, ok := one.(map[string]any); ok {
			if failure, ok := object["error"].(map[string]any); ok {
				delete(failure, "data")
			}
		}
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

func TestOptionsAreReadFromJSON(t *testing.T) {
	var got Options
	text := `{"framing":"length4","codes":{"busy":-1},"wait_method":"w","show_denied":true,"allow_reserved":true,"drop_members":true,"no_batch":true,"max_id":64}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := Options{framing(t, "length4"), map[string]int{"busy": -1}, "w", true, true, true, true, 64}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c := newCodec(t, got)
	if _, cause := body(t, c, protocol.FromClient, `[{"jsonrpc":"2.0","method":"rpc.a","id":1}]`); cause != protocol.BadShape {
		t.Errorf("a batch: got %v", cause)
	}
	m, cause := body(t, c, protocol.FromClient, `{"jsonrpc":"2.0","method":"rpc.a","id":1,"other":1}`)
	if cause != protocol.NoCause {
		t.Fatalf("a reserved method and another member: got %v", cause)
	}
	if out, _ := c.AppendWithID(nil, m, nil); string(out) != `{"jsonrpc":"2.0","method":"rpc.a","id":1}` {
		t.Errorf("got %s", out)
	}
}
