package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func decoded(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func compiled(t testing.TB, text string) *Program {
	t.Helper()
	p, err := Compile(decoded(t, text), "")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func checker() *Checker { return NewChecker(Limits{Text: 64 << 10, Values: 100_000, Depth: 64}) }

func TestWhatIsOutsideIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"unevaluatedProperties": false}`:                                                "`unevaluatedProperties`",
		`{"items": {"unevaluatedItems": false}}`:                                          "`unevaluatedItems`",
		`{"$dynamicRef": "#x"}`:                                                           "`$dynamicRef`",
		`{"$ref": "#x", "$defs": {"x": {"$anchor": "x"}}}`:                                "`$ref` to an anchor",
		`{"$ref": "other.json"}`:                                                          "`$ref` to an address",
		`{"properties": {"a": {"$id": "b.json", "type": "null"}}}`:                        "`$id` below the root",
		`{"$ref": "#/$defs/a/$defs/b", "$defs": {"a": {"$id": "a", "$defs": {"b": {}}}}}`: "`$id` below the root",
		`{"$schema": "http://json-schema.org/draft-07/schema#"}`:                          "another `$schema`",
		`{"$ref": "#"}`:                       "`$ref` in a circle",
		`{"anyOf": [{"not": {"$ref": "#"}}]}`: "`$ref` in a circle",
		`{"format": "regex"}`:                 "`format` regex",
		`{"maxLength": 1e30}`:                 "`maxLength`",
	} {
		_, err := Compile(decoded(t, text), "")
		if o, ok := errors.AsType[*Outside](err); !ok || o.Keyword != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestASchemaIsFoundByItsPointer(t *testing.T) {
	doc := decoded(t, `{"$defs": {"a/b": {"type": "null"}, "c": {"$ref": "#/$defs/a~1b"}, "d~e": {"prefixItems": [{"$ref": "#/$defs/d~0e/prefixItems/1"}, {"type": "string"}]}}}`)
	for pointer, values := range map[string][2]string{"/$defs/a~1b": {`null`, `1`}, "/$defs/c": {`null`, `1`}, "/$defs/d~0e": {`["a"]`, `[1]`}} {
		p, err := Compile(doc, pointer)
		if err != nil {
			t.Fatal(err)
		}
		if c := checker(); c.Check(p, []byte(values[0])) != Valid || c.Check(p, []byte(values[1])) != Invalid {
			t.Errorf("%s: it is another", pointer)
		}
	}
}

func TestWhatIsNoJSONIsUnsure(t *testing.T) {
	p := compiled(t, `{}`)
	c := NewChecker(Limits{Text: 10, Values: 5, Depth: 2})
	for _, text := range []string{``, ` `, `{`, `[1,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `01`, `1.`, `.1`, `-`, `+1`, `1e`, `1e309`, `1e-309`, `0E9227000000000000000`, `1e18446744073709551617`, `nul`, `nulls`, `tru`, `"`, `"\`, `"\x"`, `"\'"`,
		`"\u12"`, `"\u12g4"`, "\"\x01\"", "\"a\nb\"", "\"\xff\"", "\"\\n\xff\"", "\"\xed\xa0\x80\"", `1 2`, `{} {}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[[[]]]`, `[1,2,3,4,5]`, "\ufeff1",
		`123456789012345678901234567890123`, `{"a" 1}`, `[1 2]`, `]`, `}`, `"a`, `"aaaaaaaaaaaaaaa`, "\x00", `NaN`} {
		if got := c.Check(p, []byte(text)); got != Unsure {
			t.Errorf("%q: got %d, want Unsure", text, got)
		}
	}
	for _, text := range []string{`1`, ` 1 `, "\t\r\n{ }\n", `[ ]`, `{ "a" : [ 1 , 2 ] , "b" : null }`, `"\ud83d\ude00 \ud83d \udc00\u0041"`, `"\/\b\f\n\r\t\"\\"`, `-0.0e-0`, `12345678901234567890123456789012`, "\"\x7f\u2028\""} {
		if got := c.Check(p, []byte(text)); got != Valid {
			t.Errorf("%q: got %d, want Valid", text, got)
		}
	}
}

func TestManyNamesOfWhichTwoAreAlike(t *testing.T) {
	p, c := compiled(t, `{}`), checker()
	for _, n := range []int{2, 15, 16, 17, 1000} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"name %d":{"a":1,"b":2},`, i)
		}
		text := strings.TrimSuffix(b.String(), ",")
		if got := c.Check(p, []byte("{"+text+"}")); got != Valid {
			t.Errorf("%d names: got %d", n, got)
		}
		if got := c.Check(p, []byte("{"+text+`,"name\u00200":1}`)); got != Unsure {
			t.Errorf("%d names and one again: got %d", n, got)
		}
	}
}

// The escapes of a text are what encoding/json makes of them.
func FuzzText(f *testing.F) {
	for _, text := range []string{`a`, `\u0041`, `\ud83d\ude00`, `\ud83d`, `\ud83d\u0041`, `\udc00\ud83d`, `\\\"`, "ä\\n", "\xff", "0123456789abcdef\\t"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		raw := append(append([]byte{'"'}, text...), '"')
		tape := tape{limits: Limits{Values: 1}}
		ok := tape.read(raw)
		var want string
		if err := json.Unmarshal(raw, &want); ok != (err == nil && utf8.Valid(raw)) {
			t.Fatalf("%q: got %v, encoding/json %v", raw, ok, err)
		}
		if ok && string(tape.textOf(&tape.tokens[0])) != want {
			t.Errorf("%q: got %q, want %q", raw, tape.textOf(&tape.tokens[0]), want)
		}
	})
}

// Numbers are compared as ratios are.
func FuzzDecimals(f *testing.F) {
	f.Add("1", "1.0")
	f.Add("0.1", "1e-1")
	f.Add("18446744073709551615", "18446744073709551616")
	f.Add("1e308", "-1e-308")
	f.Add("-0", "0.00")
	f.Add("1234567890123456789", "12345678901234567.89e2")
	f.Fuzz(func(t *testing.T, a, b string) {
		var x, y decimal
		var ok bool
		if x, ok = bound(json.Number(a)); !ok || strings.ContainsAny(a+b, " \t\r\n") {
			return
		}
		if y, ok = bound(json.Number(b)); !ok {
			return
		}
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		if got, want := x.compare(&y), p.Cmp(q); got != want {
			t.Errorf("%s against %s: got %d, want %d", a, b, got, want)
		}
		if got, want := x.whole(), p.IsInt(); got != want {
			t.Errorf("%s: whole: got %v, want %v", a, got, want)
		}
		if x.exact().Cmp(p) != 0 {
			t.Errorf("%s: got %v", a, x.exact())
		}
		if x.ratio == nil && y.ratio == nil && (x.normal() == y.normal()) != (p.Cmp(q) == 0) {
			t.Errorf("%s and %s: normal forms %v and %v", a, b, x.normal(), y.normal())
		}
		if q.Sign() != 0 {
			if got, want := x.multipleOf(&y), new(big.Rat).Quo(p, q).IsInt(); got != want {
				t.Errorf("%s by %s: got %v, want %v", a, b, got, want)
			}
		}
	})
}

// A pattern with a table matches what package regexp matches.
func FuzzPattern(f *testing.F) {
	for _, re := range []string{`^a+$`, `a|b`, `^$`, `$^`, `(?i)k`, `^[^/]*$`, `x*`, `a$`, `\ba`, `(?m)^a$`, `^(?:a|ab)(?:c|bcd)$`, `[[:alpha:]]{2,3}`, `.`, `(?s).b`, `^\pL+$`, `(|a)*b`, `^a|b$`} {
		for _, text := range []string{"", "a", "abcd", "ab\nb", "ä", "K", "aaab", "\x7f"} {
			f.Add(re, text)
		}
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		re, err := regexp.Compile(expression)
		if err != nil || len(expression) > 40 || !utf8.ValidString(text) {
			return
		}
		p, err := NewPattern(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.Match([]byte(text)), re.MatchString(text); got != want {
			t.Errorf("%q against %q: got %v, want %v", text, expression, got, want)
		}
	})
}

// Expressions that have many states are not made to tables, and that is found soon.
func TestTablesAreSmallAndSoonMade(t *testing.T) {
	for text, table := range map[string]bool{`^[A-Z]{2}-[0-9]{6,9}$`: true, `^(red|green|blue)$`: true, `(a|b)*a(a|b){12}`: false, `.{0,900}a`: false, `(?:[a-z]{1,30}-){20}`: false, `^[0-9]{200}$`: true, `\bx`: false} {
		start := time.Now()
		p, err := NewPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("%s took %v", text, took)
		}
		if got := p.width > 0; got != table {
			t.Errorf("%s: a table: got %v, want %v", text, got, table)
		}
	}
}

// What the library leaves to the standard library is the same here.
func FuzzFormats(f *testing.F) {
	for _, text := range []string{"::1", "1::2:1.2.3.4", "1:2:3:4:5:6:7:8", "::1.2.3.4.5", "fe80::1%eth0", "1.2.3.4", ":::", "1:2:3:4:5:6:1.2.3.4", "2024-02-29", "0000-02-29", "2100-02-29", "2024-1-01", "1::", "::ffff:01.2.3.4", "1:2:3:4::5:6:7:8", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := netip.ParseAddr(text)
		if got, want := isIPv6([]byte(text)), err == nil && strings.Contains(text, ":") && addr.Zone() == ""; got != want {
			t.Errorf("ipv6 %q: got %v, want %v", text, got, want)
		}
		_, err = time.Parse("2006-01-02", text)
		if got, want := isDate([]byte(text)), err == nil; got != want {
			t.Errorf("date %q: got %v, want %v", text, got, want)
		}
		if plainURL([]byte(text)) {
			if u, ok := parseURL(text); !ok || !u.IsAbs() {
				t.Errorf("%q is no plain URL", text)
			}
		}
		if plainPath([]byte(text)) {
			if _, ok := parseURL(text); !ok {
				t.Errorf("%q is no plain path", text)
			}
		}
	})
}

func TestItemsOfALongListThatAreEqual(t *testing.T) {
	p, c := compiled(t, `{"uniqueItems": true}`), checker()
	var items []string
	for i := range 30 {
		items = append(items, fmt.Sprint(100*i))
	}
	for last, want := range map[string]Verdict{`3`: Valid, `1e2`: Invalid, `200.00`: Invalid, `-100`: Valid, `"100"`: Valid, `-0`: Invalid, `[]`: Unsure, `12345678901234567890123`: Unsure} {
		if got := c.Check(p, []byte("["+strings.Join(items, ",")+","+last+"]")); got != want {
			t.Errorf("%s: got %d, want %d", last, got, want)
		}
	}
}

// Alternatives in alternatives double the work with each level; what is more than the
// budget is not done.
func TestNestedAlternativesAreBounded(t *testing.T) {
	p := compiled(t, `{"$ref": "#/$defs/tree", "$defs": {"tree": {"anyOf": [
		{"properties": {"a": {"$ref": "#/$defs/tree"}}, "required": ["x"]},
		{"properties": {"a": {"$ref": "#/$defs/tree"}}, "required": ["y"]},
		{"properties": {"a": {"$ref": "#/$defs/tree"}}, "required": ["z"]}]}}}`)
	text := strings.Repeat(`{"a":`, 60) + `{}` + strings.Repeat(`}`, 60)
	start := time.Now()
	if got := checker().Check(p, []byte(text)); got != Spent {
		t.Errorf("got %d, want Spent", got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// Only what is rare may allocate.
func TestValidValuesCostNoAllocation(t *testing.T) {
	c := checker()
	for _, test := range [][2]string{
		{`{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": -5, "maximum": 7.5, "multipleOf": 0.5}}, "additionalProperties": false}`, `{"a": 3.0}`},
		{`{"items": {"anyOf": [{"type": "null"}, {"oneOf": [{"const": 1}, {"not": {"type": ["object", "number"]}}]}]}, "uniqueItems": true}`, `[null, 1, "a", "\u0062\n", [], true]`},
		{`{"uniqueItems": true, "contains": {"minimum": 3}, "maxContains": 30}`, `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,"a","b",null,true,false]`},
		{`{"patternProperties": {"^[a-z]+$": {"enum": ["x", 1, null, [1, {"a": 2}]]}}, "propertyNames": {"maxLength": 3}}`, `{"a": "x", "b": 1.0, "c": null, "d": [1, {"a": 2}]}`},
		{`{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": false, "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"minProperties": 2}}}`, `{"a": 1, "b": 2}`},
		{`{"prefixItems": [{"format": "date-time"}, {"format": "email"}, {"format": "uuid"}, {"format": "ipv4"}, {"format": "ipv6"}, {"format": "hostname"}, {"format": "uri"}, {"format": "duration"}, {"format": "semver"}, {"format": "json-pointer"}, {"format": "email"}]}`,
			`["2024-02-29T23:59:60Z", "a.b@example.com", "7f0c2a5e-1d3b-4c8a-9e42-0b6f5d7a1c3e", "10.0.0.1", "2001:db8::1.2.3.4", "a.example", "https://example.com/a?b=c", "P1DT2H", "1.2.3-rc.1+b", "/a~1b", "\"a b\"@[IPv6:::1]"]`},
		{`{"items": {"pattern": "^[^/]{1,9}$", "minLength": 2, "maxLength": 9}}`, `["ab", "cd\\e", "1234567"]`},
	} {
		p, raw := compiled(t, test[0]), []byte(test[1])
		got := testing.AllocsPerRun(100, func() {
			if got := c.Check(p, raw); got != Valid {
				t.Fatalf("%s against %s: got %d, want Valid", test[1], test[0], got)
			}
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations, want 0", test[0], got)
		}
	}
}

func TestAnUnusualMessageLeavesNoMemory(t *testing.T) {
	c := checker()
	c.Check(compiled(t, `{}`), []byte("["+strings.Repeat(`"\n",`, 50_000)+"1]"))
	if cap(c.tape.tokens) != 0 || c.tape.raw != nil {
		t.Errorf("it keeps %d tokens", cap(c.tape.tokens))
	}
}
