package validate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The JSON Schema Test Suite's verdicts, draft 2020-12. What refers to other documents
// does not compile here, and says why.
func TestJSONSchemaTestSuite(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "shared", "corpora", "json-schema-test-suite", "tests", "draft2020-12", "*.json"))
	if len(files) == 0 {
		t.Skip("the JSON Schema Test Suite is not beside this repository")
	}
	ran, elsewhere := 0, 0
	for _, name := range files {
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
		for _, g := range groups {
			rule := Rule{Schema: &Schema{Document: g.Schema, Methods: map[string]string{"x": ""}}}
			p, err := Compile(fake{json: true}, []Rule{rule}, Options{})
			if err != nil {
				if !strings.Contains(err.Error(), errElsewhere.Error()) {
					t.Errorf("%s, %s: %v", filepath.Base(name), g.Description, err)
				}
				elsewhere++
				continue
			}
			c := p.Validator(nil)
			for _, test := range g.Tests {
				ran++
				if got := c.Validate(message("x", string(test.Data))); (got == nil) != test.Valid {
					if annotationOnly(filepath.Base(name), g.Description, test.Description) {
						continue
					}
					t.Errorf("%s, %s, %s: got %v, want valid: %v", filepath.Base(name), g.Description, test.Description, got, test.Valid)
				}
			}
		}
		if filepath.Base(name) == "refRemote.json" && elsewhere == 0 {
			t.Error("refRemote.json: nothing was refused")
		}
	}
	t.Logf("%d verdicts, %d groups refused for their references", ran, elsewhere)
	if ran < 1000 {
		t.Errorf("got %d verdicts, want more than 1000", ran)
	}
}

// annotationOnly is true of verdicts that hold only if formats are not asserted.
func annotationOnly(file, group, test string) bool {
	return file == "format.json" && strings.Contains(test, "only an annotation by default")
}
