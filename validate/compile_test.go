package validate

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestMistakesInRules(t *testing.T) {
	tests := []struct {
		rule Rule
		key  string
		off  int
		text string // is in the error
	}{
		{Rule{}, "rule", -1, "there is none"},
		{Rule{Expr: "true", Allow: []string{"a"}}, "rule", -1, "of one kind"},
		{Rule{Allow: []string{}}, "allow", -1, "empty"},
		{Rule{Deny: []string{}}, "deny", -1, "empty"},
		{Rule{Deny: []string{"a"}, Mode: 7}, "mode", -1, "no such mode"},
		{Rule{Deny: []string{"a"}, Class: protocol.Later}, "class", -1, "later"},

		{Rule{Expr: `naem == "a"`}, "rule", 0, `did you mean "name"?`},
		{Rule{Expr: `true and siez > 1`}, "rule", 9, `did you mean "size"?`},
		{Rule{Expr: `"é" == name and (`}, "rule", 17, "unexpected"},
		{Rule{Expr: `size + 1`}, "rule", -1, "bool"},
		{Rule{Expr: `field(name) == 1`}, "rule", 0, "constant path"},
		{Rule{Expr: `true and field("q") == 1`}, "rule", 15, "a path begins"},
		{Rule{Expr: `let f = field; f("/q") == 1`}, "rule", 8, "only be called"},
		{Rule{Expr: `$env["name"] == "a"`}, "rule", 0, "not available"},
		{Rule{Expr: `name matches text("/q")`}, "rule", 5, "constant pattern"},
		{Rule{Expr: `name matches "("`}, "rule", 5, "missing closing"},
		{Rule{Expr: `all(1..9, all(1..9, true))`}, "rule", 10, "loop in a loop"},
		{Rule{Expr: `len(repeat("a", 100000)) > 1`}, "rule", 4, "repeat"},
		{Rule{Expr: `now() != nil`}, "rule", 0, "now"},
		{Rule{Expr: strings.Repeat("not ", 2000) + "true"}, "rule", 8003, "node"},
		{Rule{Expr: strings.Repeat(" ", 70000) + "true"}, "rule", -1, "bytes"},

		{Rule{Field: &Field{Path: "q"}}, "field.path", -1, "a path begins"},
		{Rule{Field: &Field{Path: "/q", Required: true, Forbidden: true}}, "field.forbidden", -1, "required as well"},
		{Rule{Field: &Field{Path: "/q", Forbidden: true, Type: "string"}}, "field.forbidden", -1, "described as well"},
		{Rule{Field: &Field{Path: "/q", Type: "integr"}}, "field.type", -1, `did you mean "integer"?`},
		{Rule{Field: &Field{Path: "/q", Min: ptr(2.0), Max: ptr(1.0)}}, "field.min", -1, "more than max"},
		{Rule{Field: &Field{Path: "/q", MinLength: ptr(2), MaxLength: ptr(1)}}, "field.min_length", -1, "more than max_length"},
		{Rule{Field: &Field{Path: "/q", MinLength: ptr(-2)}}, "field.min_length", -1, "negative"},
		{Rule{Field: &Field{Path: "/q", MaxLength: ptr(-2)}}, "field.max_length", -1, "negative"},
		{Rule{Field: &Field{Path: "/q", Pattern: "("}}, "field.pattern", -1, "missing closing"},
		{Rule{Field: &Field{Path: "/q", In: []string{}}}, "field.in", -1, "empty"},
		{Rule{Field: &Field{Path: "/q", Format: "dat"}}, "field.format", -1, `did you mean "date"?`},
		{Rule{Field: &Field{Path: "/q", Type: "string", Max: ptr(1.0)}}, "field.type", -1, "for numbers"},
		{Rule{Field: &Field{Path: "/q", Type: "list", Pattern: "a"}}, "field.type", -1, "for text"},

		{Rule{Limits: &Limits{}}, "limits", -1, "no limit"},
		{Rule{Limits: &Limits{Bytes: -1}}, "limits.bytes", -1, "negative"},
		{Rule{Limits: &Limits{Bytes: 1, Path: "/q"}}, "limits.path", -1, "none of them"},
		{Rule{Limits: &Limits{Depth: 1, Path: "q"}}, "limits.path", -1, "a path begins"},

		{Rule{Schema: &Schema{File: "a.json", Document: []byte(`{"type": }`)}}, "schema", 9, "a.json: want JSON"},
		{Rule{Schema: &Schema{Document: []byte(`{"a":1,"a":1}`)}}, "schema", 7, "names that differ"},
		{Rule{Schema: &Schema{File: "a.json", Document: []byte(`{"type": "strong"}`)}}, "schema", 9, "a.json: "},
		{Rule{Schema: &Schema{Document: []byte(`{"$ref": "http://localhost/x.json"}`)}}, "schema", -1, "another document"},
		{Rule{Schema: &Schema{Document: []byte(`{"$ref": "file:///etc/passwd"}`)}}, "schema", -1, "another document"},
		{Rule{Schema: &Schema{Document: []byte(`{"$ref": "x.json"}`)}}, "schema", -1, "another document"},
		{Rule{Schema: &Schema{Document: []byte(`{"$ref": "#/nowhere"}`)}}, "schema", -1, "nowhere"},
		{Rule{Schema: &Schema{Document: []byte(`{}`), Methods: map[string]string{"a": "/x"}}}, "schema.methods", -1, "no place"},
		{Rule{Schema: &Schema{Document: []byte(`{}`), At: "q"}}, "schema.at", -1, "a path begins"},
	}
	for _, test := range tests {
		p, err := Compile(fake{json: true}, []Rule{{Deny: []string{"ok"}}, test.rule}, Options{})
		if err == nil || p != nil {
			t.Errorf("%+v: got no error, want %q", test.rule, test.text)
			continue
		}
		list := mistakes(t, err)
		got := list[0]
		if got.Index != 1 || got.Key != test.key || got.Offset != test.off || !strings.Contains(got.Error(), test.text) || len(list) > 1 || strings.Contains(got.Error(), "\n") {
			t.Errorf("got %d mistakes, %q at %d: %v\nwant %q at %d: %s", len(list), got.Key, got.Offset, got, test.key, test.off, test.text)
		}
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := Compile(fake{}, []Rule{
		{Field: &Field{Path: "q", Pattern: "(", In: []string{}}},
		{Schema: &Schema{Document: []byte("{}")}},
		{Limits: &Limits{Depth: 1}},
		{Expr: `field("q") == 1 and field("r") == 1`},
	}, Options{})
	var got []string
	for _, m := range mistakes(t, err) {
		got = append(got, m.Key)
	}
	if want := "field.path field.pattern field.in schema limits rule rule"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	if text := err.Error(); !strings.Contains(text, "protocol fake has no JSON values") {
		t.Errorf("got %s", text)
	}
}

func TestRulesAreDescribed(t *testing.T) {
	p := mustCompile(t, Options{},
		Rule{Allow: []string{"a"}}, Rule{Deny: []string{"a"}}, Rule{Expr: "true", Mode: Warn}, Rule{Field: &Field{Path: "/q"}},
		Rule{Schema: &Schema{Document: []byte(`{"$defs": {"b/c": {}, "a": {"$ref": "#/$defs/b~1c"}}}`)}}, Rule{Name: "own", Limits: &Limits{Bytes: 1}})
	var got []string
	for _, r := range p.Rules() {
		got = append(got, r.Kind+"="+r.Name+strings.Join(r.Operations, ","))
	}
	if want := "allow=allow deny=deny rule=rule 3 field=field /q schema=schemaa,b/c limits=own"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	var none *Program
	if none.Rules() != nil || none.Validator(nil).Validate(message("a", "{}")) != nil {
		t.Error("a nil Program has rules")
	}
}

func TestFormats(t *testing.T) {
	for name, texts := range map[string][2][]string{
		"digits":     {{"0", "0123"}, {"", "1a", "-1", "١"}},
		"luhn":       {{"4111111111111111", "79927398713"}, {"4111111111111112", "", "0", "4111 1111 1111 1111"}},
		"date":       {{"2024-02-29", "1999-12-31"}, {"2023-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "24-01-01", "2024-01-011"}},
		"time":       {{"23:59:60Z", "00:00:00.5+01:00"}, {"24:00:00Z", "00:00:00", "00:00:00.Z", "00:00:00+1:00", "00:00:00."}},
		"date-time":  {{"2024-02-29T12:00:00Z", "2024-02-29t12:00:00.123-08:00"}, {"2024-02-30T12:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29"}},
		"MMDD":       {{"0229", "1231"}, {"0230", "0431", "1301", "129"}},
		"YYMM":       {{"2412"}, {"2413", "24122"}},
		"YYYYMMDDhh": {{"2024022923"}, {"2024022924", "20240229 1"}},
	} {
		f, err := parseFormat(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false} {
			for _, text := range texts[i] {
				if got := f([]byte(text)); got != want {
					t.Errorf("%s %q: got %v, want %v", name, text, got, want)
				}
			}
		}
	}
}

// A document with a schema at its root and helpers in $defs is the commonest there is. Nobody can say whether the helpers are for
// operations of their names, so it is not taken without being told.
func TestASchemaAtTheRootBesideOthersMustSayWhatItIsFor(t *testing.T) {
	const doc = `{"type":"object","properties":{"amount":{"$ref":"#/$defs/money"}},"$defs":{"money":{"type":"integer","minimum":1}}}`
	compile := func(methods map[string]string) error {
		_, err := Compile(fake{json: true}, []Rule{{Schema: &Schema{Document: []byte(doc), File: "pay.json", At: "/params", Methods: methods}}}, Options{})
		return err
	}
	list := mistakes(t, compile(nil))
	if len(list) != 1 || list[0].Key != "schema" || !strings.Contains(list[0].Err.Error(), "at the root (properties)") || list[0].Hint == "" {
		t.Errorf("got %v", list)
	}
	if err := compile(map[string]string{"pay": ""}); err != nil {
		t.Errorf("with methods: %v", err)
	}
}
