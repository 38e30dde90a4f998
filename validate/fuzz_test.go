package validate

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// Whatever an operator writes, Compile returns: a Program that returns, or mistakes with
// places inside the text.
func FuzzCompileExpr(f *testing.F) {
	for _, text := range []string{`true`, `field("/q") < 10`, `all(1..3, # > 0)`, `name matches "a+"`, `let f = has; f("/a")`, `"/a" | has()`, `naem == 1`, `é(`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || !utf8.ValidString(text) {
			t.Skip()
		}
		p, err := Compile(fake{json: true}, []Rule{{Expr: text}}, Options{})
		if err == nil {
			_ = p.Validator(nil).Validate(message("a", `{"q":[1,"x",{"a":null}]}`))
			return
		}
		for _, m := range mistakes(t, err) {
			if m.Offset < -1 || m.Offset > len(text) {
				t.Errorf("%q: got the place %d", text, m.Offset)
			}
		}
	})
}

// Whatever the bytes, Validate returns, the places are inside the frame, and what is no
// JSON does not meet a schema.
func FuzzValidate(f *testing.F) {
	for _, body := range []string{valid, `{}`, `[1,[2]]`, `{"q":{"a/b":[1e5]}}`, `"\u00e9"`, `{"a":1,"a":2}`, `[`, `{"item`, `-`, "\xff"} {
		f.Add([]byte(body))
	}
	p := mustCompile(f, Options{}, append(cheapRules(),
		Rule{Schema: &Schema{Document: []byte(orders)}},
		Rule{Schema: &Schema{Document: []byte(`{"additionalProperties": {"type": "array", "items": {"maximum": 3}}}`)}},
		Rule{Expr: `count("/q") < 3 and type("/q/0") != "null" and text("/item") != "x"`})...)
	c := p.Validator(nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		err := c.Validate(message("order.place", string(body)))
		if err == nil && !json.Valid(body) {
			t.Errorf("%q passed", body)
		}
		if fail, ok := errors.AsType[*Failure](err); ok {
			for _, r := range fail.Reasons() {
				if r.Off < -1 || r.Off > len(body) {
					t.Errorf("%q: got the place %d", body, r.Off)
				}
			}
		}
		_, wrong := decode(body, Options{}.withDefaults().Budget)
		if ok := json.Valid(body) && utf8.Valid(body); wrong == nil && !ok {
			t.Errorf("%q was decoded", body)
		}
	})
}
