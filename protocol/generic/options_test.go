package generic

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestEveryMistakeIsReportedWithItsPath(t *testing.T) {
	const id = `{"name":"id","at":0,"len":4}`
	for _, v := range []struct {
		members string
		want    []string
	}{
		{`"framing":"nothing"`, []string{"framing: preset: there is no"}},
		{`"framing":{"kind":"length","width":0,"zero":"x"}`, []string{"framing: width", "zero: there is no"}},
		{`"charset":"latin"`, []string{"charset: there is no"}},
		{`"fields":[{"name":""},{"name":"a:b"},{"name":"body"},{"name":"frame.x"}]`,
			[]string{"fields[0].name: ", "fields[1].name: ", "fields[2].name: ", "fields[3].name: "}},
		{`"fields":[` + id + `,` + id + `]`, []string{"fields[1].name: id is declared twice"}},
		{`"fields":[{"name":"a","type":"float"}]`, []string{"fields[0].type: there is no"}},
		{`"fields":[{"name":"a","type":"bin"},{"name":"b","type":"bin","len":8}]`, []string{"fields[0].len: ", "fields[1].len: "}},
		{`"fields":[{"name":"a","regex":"("},{"name":"b","regex":"x"},{"name":"c","regex":"(x)","group":2}]`,
			[]string{"fields[0].regex: ", "fields[1].group: ", "fields[2].group: "}},
		{`"fields":[{"name":"a","column":1},{"name":"b","delimiter":"|"},{"name":"c","column":-1,"delimiter":"|"}]`,
			[]string{"fields[0].column: ", "fields[1].column: ", "fields[2].column: "}},
		{`"fields":[{"name":"a","at":1,"len":-1},{"name":"b","at":2000000,"len":1},{"name":"c","at":-2,"len":3}]`,
			[]string{"fields[0].len: ", "fields[1].at: ", "fields[2].len: "}},
		{`"fields":[{"name":"a","at":1,"len":1,"regex":"(x)"}]`, []string{"fields[0]: a is declared in two ways"}},
		{`"kind":{"client":[{"field":"x","in":["a"],"is":"request"},{"field":"x","is":"question"}],"backend":[{"field":"x","in":[],"is":"batch"}]}`,
			[]string{"kind.client[0].field: there is no field", "kind.client[1].in: ", "kind.client[1].is: ", "kind.backend[0].is: "}},
		{`"operation":"x"`, []string{`operation: there is no field "x"; no field is declared`}},
		{`"fields":[` + id + `],"operation":"x"`, []string{`operation: there is no field "x"; there are id`}},
		{`"id":["x","y"]`, []string{"id[0]: there is no field", "id[1]: there is no field"}},
		{`"id":["x"],"notices":{"fix":"{key}"}`, []string{"id[0]: there is no field"}},
		{`"more":{"field":"x"},"failed":{"field":"x"}`, []string{"more.in: ", "more.field: ", "failed.in: ", "failed.field: "}},
		{`"notices":{"nothing":"a"}`, []string{"notices.nothing: there is no such class"}},
		{`"notices":{"fix":""}`, []string{"notices.fix: an empty body"}},
		{`"notices":{"fix":"{key"}`, []string{"notices.fix: {key is not closed"}},
		{`"notices":{"fix":"{nothing}"}`, []string{"notices.fix: {nothing}: there are"}},
		{`"notices":{"fix":"{echo}","later":"{echo:x}","denied":"{text:0}","failed":"{text:1:2}","duplicate":"{text:99999999}"}`,
			[]string{"notices.fix: {echo}: want", "notices.later: {echo:x}: there is no field", `notices.denied: {text:0}: "0" is no width`, "notices.failed: {text:1:2}: too many colons", "notices.duplicate: "}},
		{`"fields":[` + id + `,{"name":"b","at":4,"len":1}],"id":["id","b"],"notices":{"fix":"{key}"}`, []string{"notices.fix: {key}: the id has several fields"}},
		{`"codes":{"nothing":"1"}`, []string{"codes.nothing: "}},
		{`"notices":{"wait":"w"}`, []string{"wait: say of what kind"}},
		{`"wait":"interim"`, []string{"notices.wait: there is a kind"}},
		{`"notices":{"wait":"w"},"wait":"sometimes"`, []string{"wait: there is no"}},
		{`"notices":{"wait":"w"},"wait":"interim"`, []string{"wait: clients pair answers by their order"}},
		{`"fields":[` + id + `],"id":["id"],"ordered":true,"notices":{"wait":"w"},"wait":"interim"`, []string{"wait: clients pair answers by their order"}},
		{`"records":{"when":{"field":"x"},"skip":-1}`, []string{"records.when.in: ", "records.when.field: ", "records.size: ", "records.skip: "}},
		{`"fields":[` + id + `],"records":{"when":{"field":"id","in":["a"]},"skip":3,"header":"12","size":4,"delimiter":";","count":"id"}`,
			[]string{"records.size: ", "records.header: 2 bytes", "records.when.field: id does not lie", "records.count: id does not lie", "records.count: id is neither"}},
		{`"records":{"when":{"field":"x","in":["a"]},"size":1,"count":"y"}`, []string{"records.count: there is no field"}},
	} {
		text := `{` + v.members + `}`
		if !strings.HasPrefix(v.members, `"framing"`) {
			text = `{"framing":"lines",` + v.members + `}`
		}
		_, err := declared(text, protocol.Limits{})
		for _, want := range v.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", v.members, err, want)
			}
		}
	}
}

func TestWaitKindsThatAreAllowed(t *testing.T) {
	for text, want := range map[string]protocol.Wait{
		`{"framing":"lines"}`: protocol.NoWait,
		`{"framing":"lines","notices":{"wait":"w"},"wait":"closing"}`:                                                     protocol.Closing,
		`{"framing":"lines","notices":{"wait":"w"},"wait":"promise"}`:                                                     protocol.Promise,
		`{"framing":"lines","fields":[{"name":"id","at":0,"len":2}],"id":["id"],"notices":{"wait":"w"},"wait":"interim"}`: protocol.Interim,
	} {
		if got := declare(t, text).Traits().Wait; got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

func TestFieldsAreFoundWhereTheyAreDeclared(t *testing.T) {
	c := declare(t, `{"framing":"lines","fields":[{"name":"all","optional":true},{"name":"two","at":1,"len":2,"optional":true},{"name":"tail","at":-2,"optional":true},
		{"name":"third","at":-3,"len":1,"optional":true},{"name":"column","column":3,"delimiter":"::","optional":true},{"name":"regex","regex":"k=(\\d+)(x?)","group":1,"optional":true}]}`)
	for _, v := range []struct{ body, field, want string }{
		{"a::b::k=12", "all", "a::b::k=12"}, {"a::b::k=12", "two", "::"}, {"a::b::k=12", "tail", "12"}, {"a::b::k=12", "third", "="},
		{"a::b::k=12", "column", "k=12"}, {"a::b::k=12::z", "column", "k=12"}, {"a::b", "column", "(none)"}, {"a::b::", "column", ""},
		{"a::b::k=12", "regex", "12"}, {"a", "regex", "(none)"}, {"a", "two", "(none)"}, {"a", "tail", "(none)"}, {"ab", "tail", "ab"},
		{"ab", "third", "(none)"}, {"abc", "third", "a"}, {"abc", "two", "bc"},
	} {
		m, err := decode(t, c, protocol.FromClient, v.body)
		if err != nil {
			t.Fatalf("%s: %v", v.body, err)
		}
		get, err := c.Getter(v.field)
		if err != nil {
			t.Fatal(err)
		}
		got := "(none)"
		if value, ok := get(m); ok {
			got = string(value.Text)
		}
		if got != v.want {
			t.Errorf("%s of %q: got %q, want %q", v.field, v.body, got, v.want)
		}
	}
}

func TestNumbersAreStrict(t *testing.T) {
	c := declare(t, `{"framing":"lines","fields":[{"name":"n","column":1,"delimiter":"|","type":"number"},{"name":"d","column":2,"delimiter":"|","type":"digits"}]}`)
	for body, ok := range map[string]bool{"1|1": true, "-1.5|": true, "+0|007": true, ".5|1": true, "|1": false, "-|1": false, ".|1": false, "1.2.3|1": false,
		"1e5|1": false, "1|-1": false, "1|1.0": false, "1| 1": false, "0x1|1": false, "1|\u0661": false} {
		if _, err := decode(t, c, protocol.FromClient, body); (err == nil) != ok {
			t.Errorf("%q: got %v", body, err)
		}
	}
}
