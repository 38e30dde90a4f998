package validate

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

const orders = `{
  "$defs": {
    "order.place": {
      "type": "object",
      "required": ["item", "qty"],
      "properties": {
        "item": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 20},
        "qty": {"type": "integer", "minimum": 1},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "deep": {"additionalProperties": {"type": "integer"}}
      },
      "additionalProperties": false
    }
  }
}`

func TestEachKindOfRule(t *testing.T) {
	tests := []struct {
		name string
		rule Rule
		op   string
		body string
		want string
	}{
		{"allowed", Rule{Allow: []string{"a", "b"}}, "b", `{}`, ``},
		{"not allowed", Rule{Allow: []string{"a", "b"}}, "c", `{}`, `@-1 allow: an operation that is offered here, another`},
		{"nameless", Rule{Allow: []string{"a"}}, "", `{}`, `@-1 allow: an operation that is offered here, nothing`},
		{"denied", Rule{Deny: []string{"a"}, Class: protocol.Denied}, "a", `{}`, `@-1 deny: an operation that is allowed, another`},
		{"not denied", Rule{Deny: []string{"a"}}, "b", `{}`, ``},
		{"for another", Rule{Names: []string{"x"}, Deny: []string{"a"}}, "a", `{}`, ``},
		{"own reason", Rule{Name: "mine", Reason: "not this method", Deny: []string{"a"}}, "a", `{}`, `@-1 mine: not this method`},

		{"required", Rule{Field: &Field{Path: "/q", Required: true, Type: "integer", Min: ptr(1.0)}}, "", `{}`, `/q@-1 field /q: an integer of at least 1, nothing`},
		{"optional", Rule{Field: &Field{Path: "/q", Type: "integer"}}, "", `{}`, ``},
		{"integer", Rule{Field: &Field{Path: "/q", Type: "integer", Min: ptr(1.0), Max: ptr(5.0)}}, "", `{"q":5}`, ``},
		{"integer 5.0", Rule{Field: &Field{Path: "/q", Type: "integer"}}, "", `{"q":5.0}`, ``},
		{"no integer", Rule{Field: &Field{Path: "/q", Type: "integer"}}, "", `{"q":5.5}`, `/q@5 field /q: an integer, a number that is no integer`},
		{"wrong type", Rule{Field: &Field{Path: "/q", Type: "integer"}}, "", `{"q":"5"}`, `/q@5 field /q: an integer, text`},
		{"null", Rule{Field: &Field{Path: "/q", Type: "string"}}, "", `{"q":null}`, `/q@5 field /q: text, null`},
		{"too much", Rule{Field: &Field{Path: "/q", Min: ptr(1.0), Max: ptr(5.0)}}, "", `{"q":5.1}`, `/q@5 field /q: a number from 1 to 5, more`},
		{"too little", Rule{Field: &Field{Path: "/q", Min: ptr(1.0)}}, "", `{"q":-3}`, `/q@5 field /q: a number of at least 1, less`},
		{"forbidden", Rule{Field: &Field{Path: "/q", Forbidden: true}}, "", `{"q":[]}`, `/q@5 field /q: nothing, a list`},
		{"pattern", Rule{Field: &Field{Path: "/q", Pattern: "^a+$"}}, "", `{"q":"aaa"}`, ``},
		{"no match", Rule{Field: &Field{Path: "/q", Pattern: "^a+$"}}, "", `{"q":"b"}`, `/q@5 field /q: text that matches ^a+$, other text`},
		{"length in characters", Rule{Field: &Field{Path: "/q", MaxLength: ptr(3)}}, "", `{"q":"äöü"}`, ``},
		{"too long", Rule{Field: &Field{Path: "/q", MinLength: ptr(2), MaxLength: ptr(3)}}, "", `{"q":"abcd"}`, `/q@5 field /q: text of 2 to 3 characters, 4 characters`},
		{"in", Rule{Field: &Field{Path: "/q", In: []string{"a", "7"}}}, "", `{"q":7}`, ``},
		{"not in", Rule{Field: &Field{Path: "/q", In: []string{"a", "7"}}}, "", `{"q":"c"}`, `/q@5 field /q: one of the listed values, another`},
		{"a list is in nothing", Rule{Field: &Field{Path: "/q", In: []string{""}}}, "", `{"q":[]}`, `/q@5 field /q: one of the listed values, a list`},
		{"format", Rule{Field: &Field{Path: "/q", Format: "YYYYMMDD"}}, "", `{"q":"20250230"}`, `/q@5 field /q: text of the format YYYYMMDD, other text`},

		{"small", Rule{Limits: &Limits{Bytes: 10}}, "", `{}`, ``},
		{"large", Rule{Limits: &Limits{Bytes: 10}}, "", `{"abcdefgh":1}`, `@-1 limits.bytes: a message of at most 10 bytes, 14 bytes`},
		{"within", Rule{Limits: &Limits{Depth: 2, Items: 2, Length: 3}}, "", `{"a":[1,2],"b":"abc"}`, ``},
		{"beyond", Rule{Limits: &Limits{Depth: 2, Items: 2, Length: 3}}, "", `{"a":[1,2,3],"b":[[1]],"c":"abcd"}`,
			"@18 limits.depth: a nesting of at most 2, more\n@5 limits.items: at most 2 parts, more\n@27 limits.length: text of at most 3 bytes, more"},

		{"true", Rule{Expr: `field("/q") < 10 and name == "a"`}, "a", `{"q":9}`, ``},
		{"false", Rule{Expr: `field("/q") < 10`}, "a", `{"q":10}`, `/q@5 rule 1: what this rule asks for: field("/q") < 10, a number`},
		{"not applicable", Rule{Expr: `field("/q") < 10`}, "a", `{}`, `/q@-1 rule 1.applicable: what this rule asks for: field("/q") < 10, nothing`},
		{"functions", Rule{Expr: `has("/q") and count("/q") == 3 and type("/q") == "list" and text("/t") == "x" and number("/n") == 5 and kind == "request" and size > 3 and id == ""`},
			"", `{"q":[1,[2,3],{"a":4}],"t":"x","n":"5"}`, ``},
		{"in a list", Rule{Expr: `name in ["a", "b"]`}, "b", `{}`, ``},
		{"one loop", Rule{Expr: `any(["a", "b"], name startsWith #)`}, "bc", `{}`, ``},
		{"a truth of the message's", Rule{Expr: `field("/q") == true`}, "", `{"q":true}`, ``},
		{"a long name", Rule{Expr: `name != ""`}, strings.Repeat("n", 70_000), `{}`, `@-1 rule 1.budget: a name and an id of at most 65536 bytes, more`},
		{"policy", Rule{Expr: `false`, Class: protocol.Denied}, "", `{}`, `@-1 rule 1: a request that policy allows, `},

		{"schema", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"day":"2024-02-29"}`, ``},
		{"schema of another", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.take", `{"x":"pen"}`, ``},
		{"two reasons", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", ` {"item": "PEN", "qty":0}`,
			"/item@10 schema.pattern: text that matches ^[a-z]+$, other text\n/qty@23 schema.minimum: a number of at least 1, less"},
		{"missing", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen"}`, `@0 schema.required: a property named qty, nothing`},
		{"additional", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"secret":2}`, `@0 schema.additionalProperties: no other properties, 1 more`},
		{"asserted format", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"day":"2023-02-29"}`, `/day@28 schema.format: text of the format date, other text`},
		{"in a list", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"tags":["a", "c"]}`, `/tags/1@35 schema.enum: one of the listed values, another`},
		{"a name of the client's", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"deep":{"secret":"x"}}`, `/deep/*@39 schema.type: an integer, text`},
		{"doubled name", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1,"qty":2}`, `@22 schema.names: names that differ, something else`},
		{"huge exponent", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"item":"pen","qty":1e2000000}`, `@20 schema.number: a number of at most 32 characters and an exponent within 308, something else`},
		{"escaped", Rule{Schema: &Schema{Document: []byte(orders)}}, "order.place", `{"\u0069tem":"PEN","qty":1}`, `/item@13 schema.pattern: text that matches ^[a-z]+$, other text`},
		{"no content", Rule{Schema: &Schema{Document: []byte(orders), At: "/params"}}, "order.place", `{}`, `/params@-1 schema.required: a value, nothing`},
		{"below", Rule{Schema: &Schema{Document: []byte(orders), At: "/params"}}, "order.place", `{"params":{"item":"pen","qty":"1"}}`, `/params/qty@30 schema.type: an integer, text`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := refused(t, mustCompile(t, Options{}, test.rule), message(test.op, test.body)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFieldsOfAProtocolThatHasOnlyText(t *testing.T) {
	for _, test := range []struct {
		typ, body string
		ok        bool
	}{
		{"integer", `{"q":"0042"}`, true},
		{"integer", `{"q":"4x"}`, false},
		{"number", `{"q":"4.5"}`, true},
		{"number", `{"q":"Inf"}`, false},
		{"number", `{"q":"0x10"}`, false},
		{"boolean", `{"q":"true"}`, true},
		{"boolean", `{"q":"yes"}`, false},
		{"string", `{"q":"yes"}`, true},
	} {
		p, err := Compile(fake{}, []Rule{{Field: &Field{Path: "/q", Type: test.typ}}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Validator(nil).Validate(message("", test.body)) == nil; got != test.ok {
			t.Errorf("%s of %s: got %v, want %v", test.typ, test.body, got, test.ok)
		}
	}
}

func TestModes(t *testing.T) {
	for mode, refuses := range map[Mode]bool{Enforce: true, Warn: false, Observe: false} {
		var heard recorder
		p := mustCompile(t, Options{}, Rule{Mode: mode, Deny: []string{"a"}}, Rule{Mode: mode, Expr: "field('/panic') == 1"})
		err := p.Validator(&heard).Validate(message("a", "{}"))
		if got := err != nil; got != refuses {
			t.Errorf("%v: got %v, want a refusal: %v", mode, err, refuses)
		}
		if len(heard) != 2 || heard[0].Mode != mode || heard[0].Fault != nil || heard[1].Fault == nil {
			t.Errorf("%v: the observer got %+v", mode, heard)
		}
		if got, ok := ParseMode(mode.String()); got != mode || !ok {
			t.Errorf("%v: got %v", mode, got)
		}
	}
	var read Mode
	if text, err := Warn.MarshalText(); err != nil || read.UnmarshalText(text) != nil || read != Warn || read.UnmarshalText([]byte("loud")) == nil {
		t.Errorf("warn as text: got %q, read %v", text, read)
	}
	if _, ok := ParseMode("loud"); ok || Mode(9).String() != "invalid" {
		t.Error("a mode that there is not")
	}
}

func TestClassAndCauseStandForTheWhole(t *testing.T) {
	name, size := Rule{Allow: []string{"x"}}, Rule{Limits: &Limits{Bytes: 1}}
	field, denied := Rule{Field: &Field{Path: "/q", Required: true}}, Rule{Deny: []string{"a"}, Class: protocol.Denied}
	broken := Rule{Expr: `has("/panic")`}
	for _, test := range []struct {
		rules []Rule
		class protocol.Class
		cause protocol.Cause
	}{
		{[]Rule{field}, protocol.Fix, protocol.BadContent},
		{[]Rule{field, size}, protocol.Fix, protocol.TooLarge},
		{[]Rule{field, name, size}, protocol.Fix, protocol.BadName},
		{[]Rule{field, denied, name}, protocol.Denied, protocol.Forbidden},
		{[]Rule{broken}, protocol.Failed, protocol.NoCause},
		{[]Rule{broken, field}, protocol.Fix, protocol.BadContent},
		{[]Rule{field, broken}, protocol.Fix, protocol.BadContent},
	} {
		err := mustCompile(t, Options{}, test.rules...).Validator(nil).Validate(message("a", "{}"))
		f, ok := errors.AsType[*Failure](err)
		if !ok || f.Class() != test.class || f.Cause() != test.cause || len(f.Reasons()) != len(test.rules) {
			t.Errorf("got %v, want %v %v", err, test.class, test.cause)
		}
	}
}

func TestReasonsAreBounded(t *testing.T) {
	items := strings.Repeat(`"x",`, 999) + `"x"`
	doc := `{"items": {"type": "integer"}}`
	var heard recorder
	p := mustCompile(t, Options{MaxReasons: 5}, Rule{Schema: &Schema{Document: []byte(doc)}}, Rule{Deny: []string{"a"}})
	err := p.Validator(&heard).Validate(message("a", "["+items+"]"))
	f, ok := errors.AsType[*Failure](err)
	if !ok || len(f.Reasons()) != 5 || f.More() != 996 || len(heard) != 6 {
		t.Fatalf("got %v, heard %d", err, len(heard))
	}
	if got := f.Error(); !strings.HasSuffix(got, "; and 996 more") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
	if got := len(f.Errors().Errors); got != 6 {
		t.Errorf("got %d errors, want 6", got)
	}
}

func TestNothingOfTheMessageIsTold(t *testing.T) {
	const canary = "4111111111111111"
	schemas := []string{`{"type": "integer"}`, `{"enum": [1]}`, `{"const": 1}`, `{"pattern": "^x"}`, `{"format": "date", "type": "string"}`,
		`{"maxLength": 2}`, `{"minLength": 20}`, `{"maximum": 2}`, `{"minimum": 1e30}`, `{"exclusiveMaximum": 2}`, `{"exclusiveMinimum": 1e30}`,
		`{"multipleOf": 7}`, `{"not": true}`, `{"anyOf": [false, {"type": "null"}]}`, `{"oneOf": [true, true]}`, `{"allOf": [false]}`,
		`{"uniqueItems": true, "maxItems": 1}`, `{"minItems": 9}`, `{"contains": {"type": "null"}}`, `{"minContains": 9, "contains": true}`,
		`{"maxContains": 1, "contains": true}`, `{"prefixItems": [true], "items": false}`, `{"unevaluatedItems": false}`,
		`{"additionalProperties": false}`, `{"unevaluatedProperties": false}`, `{"propertyNames": {"maxLength": 3}}`, `{"maxProperties": 0}`,
		`{"minProperties": 9}`, `{"patternProperties": {"^4": false}}`, `{"additionalProperties": {"type": "null"}}`,
		`{"required": ["a"]}`, `{"dependentRequired": {"a": ["b"]}}`, `{"if": true, "then": false}`}
	rules := []Rule{
		{Allow: []string{"a"}}, {Deny: []string{canary}}, {Limits: &Limits{Bytes: 1, Depth: 1, Items: 1, Length: 1}},
		{Field: &Field{Path: "", Type: "null"}}, {Field: &Field{Path: "", Forbidden: true}}, {Field: &Field{Path: "", Pattern: "^x"}},
		{Field: &Field{Path: "", MaxLength: ptr(1)}}, {Field: &Field{Path: "", In: []string{"x"}}}, {Field: &Field{Path: "", Max: ptr(2.0)}},
		{Field: &Field{Path: "", Format: "date"}}, {Expr: `text("") == "x"`}, {Expr: `number("") < 2`}, {Expr: `field("") + 1 == 3`},
		{Expr: `int(text("")) == 1`}, {Field: &Field{Path: "/panic"}}, {Expr: `has("/panic")`},
	}
	for _, s := range schemas {
		rules = append(rules, Rule{Schema: &Schema{Document: []byte(s)}})
	}
	bodies := []string{canary, `"` + canary + `"`, `["` + canary + `",` + canary + `,` + canary + `]`, `{"` + canary + `":"` + canary + `"}`,
		`{"a":{"` + canary + `":[{"` + canary + `":1}]}}`, `{"` + canary + `":1,"` + canary + `":2}`, `"` + canary + `\x"`, `{"` + canary + `"`, canary + canary + canary}
	for _, rule := range rules {
		p := mustCompile(t, Options{}, rule)
		for _, body := range bodies {
			var heard recorder
			err := p.Validator(&heard).Validate(message(canary, body))
			if err == nil {
				continue
			}
			f := err.(*Failure)
			if text := fmt.Sprintf("%v %+v %v %v", err, f.Reasons(), f.Errors(), heard); strings.Contains(text, canary) || strings.Contains(text, "41111") {
				t.Errorf("%s against %+v: got %s", body, rule, text)
			}
		}
	}
}
