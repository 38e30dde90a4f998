package validate

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
)

// pair is a schema in the library and as a program, nil if it is outside.
type pair struct {
	*content
	outside *schema.Outside
}

// pairOf is nil if the library does not compile the document.
func pairOf(doc []byte) *pair {
	k := &compiler{codec: fake{json: true}, traits: protocol.Traits{JSON: true}, opts: Options{}.withDefaults()}
	engine := k.schema(&Schema{Document: doc, Methods: map[string]string{"x": ""}})
	if k.errs.ErrorOrNil() != nil {
		return nil
	}
	p := &pair{content: engine.(*document).byName["x"]}
	if p.program == nil {
		var tree any
		tree, _ = decode(doc, Budget{Values: 1 << 20, Depth: 256})
		_, err := schema.Compile(tree, "")
		p.outside = err.(*schema.Outside)
	}
	return p
}

// verdicts are the program's and the library's.
func (p *pair) verdicts(c *schema.Checker, raw []byte) (program schema.Verdict, library bool) {
	program = c.Check(p.program, raw)
	x, wrong := decode(raw, Options{}.withDefaults().Budget)
	return program, wrong == nil && p.library.Validate(x) == nil
}

func checkerForTests() *schema.Checker {
	b := Options{}.withDefaults().Budget
	return schema.NewChecker(schema.Limits{Text: b.Text, Values: b.Values, Depth: b.Depth})
}

// suiteGroup is a schema of the JSON Schema Test Suite, with values.
type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// suite returns the groups by the names of their files, relative to the draft's folder.
func suite(t *testing.T) map[string][]suiteGroup {
	t.Helper()
	dir := filepath.Join("..", "..", "shared", "corpora", "json-schema-test-suite", "tests", "draft2020-12")
	all := make(map[string][]suiteGroup)
	for _, folder := range []string{"", "optional", filepath.Join("optional", "format")} {
		files, _ := filepath.Glob(filepath.Join(dir, folder, "*.json"))
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var groups []suiteGroup
			if err := json.Unmarshal(text, &groups); err != nil {
				t.Fatal(err)
			}
			all[filepath.Join(folder, filepath.Base(name))] = groups
		}
	}
	if len(all) == 0 {
		t.Skip("the JSON Schema Test Suite is not beside this repository")
	}
	return all
}

// The suite's verdicts are those of programs, too, for every schema that is inside; and
// most are.
func TestProgramsAgreeWithTheTestSuite(t *testing.T) {
	c := checkerForTests()
	inside, refused, verdicts, unsure := 0, 0, 0, 0
	outside := map[string]int{}
	for name, groups := range suite(t) {
		required := filepath.Dir(name) == "."
		for _, g := range groups {
			p := pairOf(g.Schema)
			switch {
			case p == nil:
				refused++
				continue
			case p.outside != nil:
				outside[p.outside.Keyword]++
				continue
			}
			inside++
			for _, test := range g.Tests {
				verdicts++
				got, library := p.verdicts(c, test.Data)
				if got == schema.Unsure {
					unsure++
					continue
				}
				// In the optional parts the library itself is not always of the suite's opinion.
				own := !required || annotationOnly(name, g.Description, test.Description)
				if (got == schema.Valid) != library || library != test.Valid && !own {
					t.Errorf("%s, %s, %s: got %d, the library %v, the suite %v", name, g.Description, test.Description, got, library, test.Valid)
				}
			}
		}
	}
	t.Logf("%d schemas inside, %d verdicts of which %d unsure; outside %v; %d refused by the library", inside, verdicts, unsure, outside, refused)
	if inside < 300 {
		t.Errorf("got %d schemas inside, want at least 300", inside)
	}
}

// What a client hears is the same, to the letter, with a program and without.
func TestReasonsAreThoseOfTheLibrary(t *testing.T) {
	compared := 0
	for name, groups := range suite(t) {
		for _, g := range groups {
			p, err := Compile(fake{json: true}, []Rule{{Schema: &Schema{Document: g.Schema, Methods: map[string]string{"x": ""}}}}, Options{})
			if err != nil {
				continue
			}
			sch := p.rules[0].engine.(*document).byName["x"]
			c, program := p.Validator(nil), sch.program
			for _, test := range g.Tests {
				m := message("x", " "+string(test.Data))
				sch.program = program
				got := c.Validate(m)
				sch.program = nil
				if want := c.Validate(m); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %s, %s:\ngot  %v\nwant %v", name, g.Description, test.Description, got, want)
				}
				if got != nil && program != nil {
					compared++
				}
			}
		}
	}
	t.Logf("%d refusals compared", compared)
}

// What a program cannot tell of in full the library tells of, and nothing twice.
func TestReasonsThatAProgramDoesNotKnow(t *testing.T) {
	doc := `{"maxItems": 1, "minItems": 40, "uniqueItems": true}`
	value := "[" + strings.Repeat(`{"a":1},`, 29) + `{}]`
	p := mustCompile(t, Options{}, Rule{Schema: &Schema{Document: []byte(doc)}})
	want := "@0 schema.maxItems: at most 1 item, 30 items\n@0 schema.minItems: at least 40 items, 30 items\n@0 schema.uniqueItems: items that differ, equal items"
	if got := refused(t, p, message("", value)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// An order with any one value changed to any other is what the library says it is.
func TestEveryChangeOfAnOrder(t *testing.T) {
	doc, body := order(t)
	p, c := pairOf(doc), checkerForTests()
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	n, valid := 0, 0
	check := func() {
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		n++
		got, library := p.verdicts(c, raw)
		if got == schema.Unsure || (got == schema.Valid) != library {
			t.Errorf("%s: got %d, the library %v", raw, got, library)
		}
		if library {
			valid++
		} else if mine, theirs := told(c, p, raw); mine != theirs {
			t.Errorf("%s: got\n%s\nwant\n%s", raw, mine, theirs)
		}
	}
	var change func(v any, set func(any))
	change = func(v any, set func(any)) {
		for _, other := range []any{nil, true, 5, -1.5, 0, 1e9, "x", "", "2024-02-30", "ÄÖÜ", "a\\b\"c", strings.Repeat("long ", 100), []any{}, []any{1, 1}, map[string]any{}, map[string]any{"kind": "card", "last": "1234"}} {
			set(other)
			check()
		}
		set(v)
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				member := v[name]
				change(member, func(x any) { v[name] = x })
				delete(v, name)
				check()
				v[name+"\n"] = member
				check()
				delete(v, name+"\n")
				v[name] = member
			}
		case []any:
			for i := range v {
				change(v[i], func(x any) { v[i] = x })
			}
		}
	}
	change(tree, func(x any) { tree = x })
	t.Logf("%d changes, %d valid", n, valid)
}

// A program reads what the decoder reads, and refuses what it refuses.
func sameReading(t *testing.T, p *schema.Program, c *schema.Checker, raw []byte) {
	t.Helper()
	_, wrong := decode(raw, Options{}.withDefaults().Budget)
	if got := c.Check(p, raw); (got == schema.Valid) != (wrong == nil) {
		t.Errorf("%q: got %d, the decoder %v", raw, got, wrong)
	}
}

func TestReadingAnyByteAtAnyPlace(t *testing.T) {
	p, c := pairOf([]byte(`{}`)).program, checkerForTests()
	for _, text := range []string{`{"a":"b"}`, `{"abcdef":"0123456789abcdefghijklmnopq","abcdefg":1.5e+3}`, ` [ true , {"abcdefgh" : null } , -0.5 ]      `, `{"a\n":"\u00e4\ud83d\ude00 and more","ä":"äöüß","":""}`} {
		for i := range len(text) + 1 {
			for b := range 256 {
				sameReading(t, p, c, append(append([]byte(text[:i]), byte(b)), text[i:]...))
				if i < len(text) {
					sameReading(t, p, c, append(append([]byte(text[:i]), byte(b)), text[i+1:]...))
				}
			}
			sameReading(t, p, c, []byte(text[:i]))
		}
	}
}

func FuzzReading(f *testing.F) {
	for _, text := range []string{valid, `{"a":1,"a":2}`, `{"abcdefgh":1,"abcdefgh":2}`, `[1,-2.5e3,"\u00e4",null]`, `{"a\"b":"\\"}`, "\xff", `[[[]]]`, "{\"a\":\"\x01\"}"} {
		f.Add([]byte(text))
	}
	p, c := pairOf([]byte(`{}`)).program, checkerForTests()
	f.Fuzz(func(t *testing.T, raw []byte) { sameReading(t, p, c, raw) })
}
