package validate

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// The suite's verdicts are those of programs, too, for every schema that is inside; and
// most are.
func TestProgramsAgreeWithTheTestSuite(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpora", "json-schema-test-suite", "tests", "draft2020-12")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	more, _ := filepath.Glob(filepath.Join(dir, "optional", "*.json"))
	formats, _ := filepath.Glob(filepath.Join(dir, "optional", "format", "*.json"))
	if len(files) == 0 {
		t.Skip("the JSON Schema Test Suite is not beside this repository")
	}
	c := checkerForTests()
	inside, refused, verdicts, unsure := 0, 0, 0, 0
	outside := map[string]int{}
	for _, name := range append(append(files, more...), formats...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(text, &groups); err != nil {
			t.Fatal(err)
		}
		required := filepath.Dir(name) == dir
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
				if suite := test.Valid || !required; (got == schema.Valid) != library || required && suite != library && !annotationOnly(filepath.Base(name), g.Description, test.Description) {
					t.Errorf("%s, %s, %s: got %v, the library %v, the suite %v", filepath.Base(name), g.Description, test.Description, got, library, test.Valid)
				}
			}
		}
	}
	t.Logf("%d schemas inside, %d verdicts of which %d unsure; outside %v; %d refused by the library", inside, verdicts, unsure, outside, refused)
	if inside < 300 {
		t.Errorf("got %d schemas inside, want at least 300", inside)
	}
}
