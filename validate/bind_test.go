package validate

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// What is bound is used by its own clients only; who they are comes from the gateway, and the reason tells neither value.
func TestBind(t *testing.T) {
	p, err := Compile(fake{json: true}, []Rule{{Bind: &Bind{Path: "/terminal", To: map[string][]string{"till-1": {"T1", "T2"}, "head office": {"*"}, "closed": nil}}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check := p.Validator(nil)
	for _, c := range []struct {
		identity, body string
		want           bool
	}{
		{"till-1", `{"terminal": "T1"}`, true}, {"till-1", `{"terminal": "T2"}`, true}, {"till-1", `{"terminal": "T3"}`, false},
		{"till-1", `{"terminal": "t1"}`, false}, {"till-1", `{"terminal": "*"}`, false}, {"till-1", `{}`, true},
		{"till-1", `{"terminal": null}`, false}, {"till-1", `{"terminal": ["T1"]}`, false},
		{"head office", `{"terminal": "T9"}`, true}, {"closed", `{"terminal": "T1"}`, false},
		{"till-2", `{"terminal": "T1"}`, false}, {"", `{"terminal": "T1"}`, false}, {"", `{}`, true},
	} {
		err := check.Validate(&protocol.Message{Identity: c.identity, Body: []byte(c.body)})
		if (err == nil) != c.want {
			t.Errorf("%q, %s: got %v", c.identity, c.body, err)
			continue
		}
		if fail, ok := errors.AsType[*Failure](err); ok {
			if fail.Class() != protocol.Denied || fail.Cause() != protocol.Forbidden || fail.Reasons()[0].Path != "/terminal" || strings.Contains(err.Error(), "T1") {
				t.Errorf("%q, %s: got %+v", c.identity, c.body, fail)
			}
		}
	}
	for key, b := range map[string]*Bind{"bind.to": {Path: "/a"}, "bind.path": {Path: "a", To: map[string][]string{"x": {"y"}}}} {
		_, err := Compile(fake{json: true}, []Rule{{Bind: b}}, Options{})
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("got %v, want a mistake in %s", err, key)
		}
	}
}

// An expression can name who asks, in its fast form and in the engine's.
func TestIdentityInExpressions(t *testing.T) {
	for _, text := range []string{`identity == "a.example"`, `identity == "a.example" && len(identity) > 1`, `hasSuffix(identity, ".example")`, `identity in ["a.example"]`} {
		p, err := Compile(fake{json: true}, []Rule{{Expr: text}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		check := p.Validator(nil)
		for identity, want := range map[string]bool{"a.example": true, "b": false, "": false} {
			if err := check.Validate(&protocol.Message{Identity: identity, Body: []byte(`{}`)}); (err == nil) != want {
				t.Errorf("%s of %q: got %v", text, identity, err)
			}
		}
	}
}
