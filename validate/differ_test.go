package validate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/quick"

	"github.com/sallyport/sallyport/validate/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// choices makes schemas and values of bytes: each byte is one choice, and when they are
// used up the first is always taken.
type choices struct{ data []byte }

func (c *choices) of(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return int(b) % n
}

func pick[T any](c *choices, list []T) T { return list[c.of(len(list))] }

var (
	someNames    = []string{"a", "b", "c", "bb", "é", "a/b", "", "$id", "~"}
	someTexts    = []string{"a", "", "b", "ab", "äöü", "2024-02-29", "2023-02-29", "12:30:45Z", "23:59:60z", "+1:02:03+01:00", "2024-02-29T12:00:00Z", "a@b.c", "@b", "\"x\"@[1.2.3.4]", "1.2.3.4", "+1.2.3.4", "::1", "1::2:1.2.3.4", "https://a.b:1/c?d#e", "/c", "a b", "P1Y2M", "PT", "P1W", "x-y.z", "1.2.3-a.0", "0123", "ffffffff-ffff-ffff-ffff-ffffffffffff", "/a~1b", "2#", "\u0001\"\\", "\U0001F600", "\u2028", "2024-02-29T12:00:00Z/P1D"}
	someNumbers  = []string{"0", "1", "2", "3", "-1", "1.0", "1.5", "0.1", "1e2", "100", "-0", "0.0", "1e-2", "0.3", "12345678901234567890", "1234567890123456789012345678", "0.1234567890123456789012345", "1e308", "1e-308", "-3.5", "10e-1", "18446744073709551615", "18446744073709551616", "9007199254740993"}
	someDivisors = []string{"1", "2", "0.1", "0.01", "1.5", "3", "1e-308", "1e308", "7e2", "12345678901234567890123"}
	somePatterns = []string{"^a", "b$", "^[a-z]+$", "", "^$", "a|b", "^.{2}$", "^.*$", "[^a]", "ä", "\\bab", "(?i)AB", "^(a|b)*$", "x*y?", "\\d+", "^\\S+@", "(?m)^a$", "$^", "a$|^b", "[[:alpha:]]", "."}
	someFormats  = []string{"date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "uri", "uri-reference", "hostname", "duration", "period", "json-pointer", "relative-json-pointer", "semver", "iri", "unknown"}
	someTypes    = []string{"object", "array", "string", "number", "integer", "boolean", "null"}
)

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// schema writes one; deep ones are short.
func (c *choices) schema(depth int) string {
	if depth <= 0 {
		return pick(c, []string{"true", "false", "{}", `{"type":"integer"}`, `{"type":"string"}`})
	}
	if c.of(16) == 15 {
		return pick(c, []string{"true", "false", "{}"})
	}
	var members []string
	add := func(keyword, value string) { members = append(members, quoted(keyword)+":"+value) }
	used := map[string]bool{}
	for range 1 + c.of(4) {
		keyword := pick(c, keywords)
		if used[keyword] {
			continue
		}
		used[keyword] = true
		add(keyword, c.keyword(keyword, depth))
		switch keyword {
		case "if":
			add("then", c.schema(depth-1))
			add("else", c.schema(depth-1))
		case "contains":
			if c.of(2) == 1 {
				add("minContains", strconv.Itoa(c.of(3)))
			}
			if c.of(2) == 1 {
				add("maxContains", strconv.Itoa(c.of(3)))
			}
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

var keywords = []string{"type", "properties", "required", "additionalProperties", "patternProperties", "items", "enum", "const",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
	"prefixItems", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "propertyNames", "contains",
	"dependentRequired", "dependentSchemas", "dependencies", "allOf", "anyOf", "oneOf", "not", "if", "$ref", "title"}

func (c *choices) keyword(keyword string, depth int) string {
	switch keyword {
	case "type":
		if c.of(3) > 0 {
			return quoted(pick(c, someTypes))
		}
		return c.list(2, true, func() string { return quoted(pick(c, someTypes)) })
	case "properties", "dependentSchemas":
		return c.object(4, func() string { return c.schema(depth - 1) })
	case "patternProperties":
		return c.members(2, somePatterns, func() string { return c.schema(depth - 1) })
	case "additionalProperties", "items", "propertyNames", "contains", "not", "if":
		return c.schema(depth - 1)
	case "required":
		return c.list(3, true, func() string { return quoted(pick(c, someNames)) })
	case "dependentRequired":
		return c.object(2, func() string { return c.list(2, true, func() string { return quoted(pick(c, someNames)) }) })
	case "dependencies":
		return c.object(2, func() string {
			if c.of(2) == 0 {
				return c.schema(depth - 1)
			}
			return c.list(2, true, func() string { return quoted(pick(c, someNames)) })
		})
	case "enum":
		return c.list(4, false, func() string { return c.value(2) })
	case "const":
		return c.value(2)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return pick(c, someNumbers)
	case "multipleOf":
		return pick(c, someDivisors)
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		return pick(c, []string{"0", "1", "2", "3.0", "2e0"})
	case "pattern":
		return quoted(pick(c, somePatterns))
	case "format":
		return quoted(pick(c, someFormats))
	case "uniqueItems":
		return pick(c, []string{"true", "false"})
	case "prefixItems", "allOf", "anyOf", "oneOf":
		return c.list(3, false, func() string { return c.schema(depth - 1) })
	case "$ref":
		return quoted(pick(c, []string{"#/$defs/d0", "#/$defs/d1", "#", "#/$defs/d%30"}))
	}
	return `"a title"`
}

func (c *choices) list(most int, unique bool, item func() string) string {
	var items []string
	for range 1 + c.of(most) {
		if x := item(); !unique || !slices.Contains(items, x) {
			items = append(items, x)
		}
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (c *choices) object(most int, value func() string) string {
	return c.members(most, someNames, value)
}

func (c *choices) members(most int, names []string, value func() string) string {
	var members []string
	used := map[string]bool{}
	for range c.of(most + 1) {
		if name := pick(c, names); !used[name] {
			used[name] = true
			members = append(members, quoted(name)+":"+value())
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// document has two schemas beside that of the root, for references.
func (c *choices) document() string {
	d0, d1, root := c.schema(2), c.schema(2), c.schema(3)
	defs := `"$defs":{"d0":` + d0 + `,"d1":` + d1 + `}`
	if !strings.HasPrefix(root, "{") {
		root = `{"allOf":[` + root + `]}`
	}
	if root == "{}" {
		return "{" + defs + "}"
	}
	return root[:len(root)-1] + "," + defs + "}"
}

// value writes a value that schemas above have something to say about.
func (c *choices) value(depth int) string {
	switch n := c.of(8); {
	case n < 2 && depth > 0:
		return c.object(4, func() string { return c.value(depth - 1) })
	case n < 4 && depth > 0:
		if c.of(8) == 7 { // more than a list that is compared in pairs
			var items []string
			for i := range 21 {
				items = append(items, strconv.Itoa(i))
			}
			return "[" + strings.Join(append(items, c.value(depth-1)), ",") + "]"
		}
		if c.of(4) == 0 {
			return "[]"
		}
		return c.list(4, false, func() string { return c.value(depth - 1) })
	case n < 6:
		text := pick(c, someTexts)
		if c.of(4) == 0 { // the same in escapes
			var b strings.Builder
			for _, r := range text {
				if r < 0x10000 {
					fmt.Fprintf(&b, `\u%04x`, r)
				} else {
					b.WriteRune(r)
				}
			}
			return `"` + b.String() + `"`
		}
		return quoted(text)
	case n == 6:
		return pick(c, someNumbers)
	}
	return pick(c, []string{"true", "false", "null"})
}

// near is a value of the kind that text describes: it is made of the schema's own words.
func (c *choices) near(v any, root any, depth int) string {
	s, ok := v.(map[string]any)
	if !ok || depth <= 0 || c.of(12) == 11 {
		return c.value(depth)
	}
	if ref, ok := s["$ref"].(string); ok && c.of(2) == 0 {
		if tokens, ok := pointer(strings.ReplaceAll(ref, "%30", "0")); ok {
			if to, ok := lookup(root, tokens); ok {
				return c.near(to, root, depth-1)
			}
		}
	}
	for _, keyword := range []string{"const", "allOf", "anyOf", "oneOf", "if", "then", "enum"} {
		v, ok := s[keyword]
		if !ok || c.of(2) == 0 {
			continue
		}
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = pick(c, list)
		}
		if keyword == "const" || keyword == "enum" {
			text, _ := json.Marshal(v)
			return string(text)
		}
		return c.near(v, root, depth-1)
	}
	types := someTypes
	switch t := s["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		types = nil
		for _, x := range t {
			types = append(types, x.(string))
		}
	default:
		for _, hint := range []struct{ keyword, typ string }{{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"prefixItems", "array"}, {"contains", "array"}, {"pattern", "string"}, {"format", "string"}, {"minimum", "number"}, {"multipleOf", "number"}} {
			if _, ok := s[hint.keyword]; ok {
				types = []string{hint.typ}
			}
		}
	}
	switch pick(c, types) {
	case "object":
		return c.nearObject(s, root, depth)
	case "array":
		prefix, _ := s["prefixItems"].([]any)
		items, at := s["items"], 0
		return c.list(4, false, func() string {
			if at++; at <= len(prefix) {
				return c.near(prefix[at-1], root, depth-1)
			}
			return c.near(items, root, depth-1)
		})
	case "string":
		return quoted(pick(c, someTexts))
	case "number", "integer":
		return pick(c, someNumbers)
	case "boolean":
		return pick(c, []string{"true", "false"})
	}
	return "null"
}

func (c *choices) nearObject(s map[string]any, root any, depth int) string {
	props, _ := s["properties"].(map[string]any)
	list, _ := s["required"].([]any)
	var names, members []string
	for name := range props {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range list {
		if text := name.(string); !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	if c.of(4) == 0 {
		names = append(names, pick(c, someNames))
		slices.Sort(names)
		names = slices.Compact(names)
	}
	for _, name := range names {
		if c.of(8) != 7 {
			members = append(members, quoted(name)+":"+c.near(props[name], root, depth-1))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// differ returns how the program and the library differ over what data makes, or "".
func differ(c *schema.Checker, data []byte) (doc string, inside, valid bool, wrong string) {
	in := &choices{data: data}
	doc = in.document()
	p := pairOf([]byte(doc))
	if p == nil || p.program == nil {
		return doc, false, false, ""
	}
	var root any
	root, _ = decode([]byte(doc), Budget{Values: 1 << 20, Depth: 256})
	for range 4 {
		value := in.near(root, root, 4)
		got, library := p.verdicts(c, []byte(value))
		if (got == schema.Valid) != library && got != schema.Unsure {
			return doc, true, library, fmt.Sprintf("%s\nagainst %s: got %d, the library %v", value, doc, got, library)
		}
		if got == schema.Invalid {
			if mine, theirs := told(c, p, []byte(value)); mine != theirs {
				return doc, true, library, fmt.Sprintf("%s\nagainst %s:\ngot\n%s\nthe library\n%s", value, doc, mine, theirs)
			}
		}
		valid = valid || library
	}
	return doc, true, valid, ""
}

// told is what is wrong with a value: as the program and as the library say.
func told(c *schema.Checker, p *pair, raw []byte) (mine, theirs string) {
	var a, b leaves
	if c.Explain(p.program, raw, a.add) != schema.Invalid {
		return "", ""
	}
	x, _ := decode(raw, Options{}.withDefaults().Budget)
	problems(p.library.Validate(x).(*jsonschema.ValidationError), b.add)
	lines := func(list []leaf) string {
		var lines []string
		for _, l := range list {
			if l.key == "propertyNames" {
				l.at = nil // the library tells of another list's last item
			}
			lines = append(lines, fmt.Sprintf("%q %s: %s, %s", l.at, l.key, l.want, l.got))
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	return lines(a.list), lines(b.list)
}

// Whatever the schema and the value, the program's verdict is the library's, and so is what
// is told of an invalid one.
func FuzzDifferential(f *testing.F) {
	for i := range 64 {
		var seed []byte
		for k := range 120 {
			seed = append(seed, byte(i*k*31+k*k*7+i))
		}
		f.Add(seed)
	}
	c := checkerForTests()
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, _, wrong := differ(c, data); wrong != "" {
			t.Error(wrong)
		}
	})
}

// The same over bytes without a fuzzer's guidance; and most of what is made is of use.
func TestProgramsDifferNowhere(t *testing.T) {
	c := checkerForTests()
	inside, valid, n := 0, 0, 0
	check := func(data [400]byte) bool {
		_, in, ok, wrong := differ(c, data[:])
		if wrong != "" {
			t.Error(wrong)
		}
		n++
		if in {
			inside++
		}
		if ok {
			valid++
		}
		return wrong == ""
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error("they differ")
	}
	t.Logf("%d schemas, %d inside, %d with a valid value", n, inside, valid)
	if inside < n/4 || valid < n/8 {
		t.Error("too few are of use")
	}
}
