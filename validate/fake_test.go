package validate

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/sallyport/sallyport/protocol"
)

// fake is a codec whose whole frame is one JSON value. Tests give the name themselves.
type fake struct {
	protocol.Codec
	json bool
}

func (f fake) Traits() protocol.Traits {
	return protocol.Traits{Name: "fake", JSON: f.json}
}

func (f fake) Getter(path string) (protocol.Getter, error) {
	if path == "/panic" {
		return func(*protocol.Message) (protocol.Value, bool) { panic("a getter: 4111111111111111") }, nil
	}
	tokens, ok := pointer(path)
	if !ok {
		return nil, errors.New(`a path begins with "/"`)
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		s := scan{data: m.Body}
		s.space()
		for _, t := range tokens {
			if !s.enter(t, s.peek() == '{') {
				return protocol.Value{}, false
			}
		}
		at := s.pos
		s.skip()
		raw := m.Body[at:s.pos]
		v := protocol.Value{Raw: raw, Text: raw, Off: at}
		switch kindOf(raw, 0) {
		case "an object":
			v.Type, v.Text = protocol.Map, nil
		case "a list":
			v.Type, v.Text = protocol.List, nil
		case "text":
			v.Type, v.Text = protocol.String, raw[1:len(raw)-1]
			if bytes.IndexByte(raw, '\\') >= 0 {
				text, _ := unquote(raw)
				v.Text = []byte(text)
			}
		case "a boolean":
			v.Type = protocol.Bool
		case "null":
			v.Type = protocol.Null
		case "a number":
			v.Type = protocol.Number
		}
		if !f.json && len(raw) > 0 && v.Type == protocol.Number {
			v.Type = protocol.String
		}
		return v, true
	}, nil
}

func message(name, body string) *protocol.Message {
	return &protocol.Message{Kind: protocol.Request, Name: []byte(name), Frame: []byte(body), Body: []byte(body)}
}

func mustCompile(t testing.TB, o Options, rules ...Rule) *Program {
	t.Helper()
	p, err := Compile(fake{json: true}, rules, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused returns the reasons of p against the message, one a line, as
// "path@offset rule: want, got".
func refused(t testing.TB, p *Program, m *protocol.Message) string {
	t.Helper()
	err := p.Validator(nil).Validate(m)
	if err == nil {
		return ""
	}
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %T, want a *Failure", err)
	}
	var lines []string
	for _, r := range f.Reasons() {
		why := r.Want + ", " + r.Got
		if r.Say != "" {
			why = r.Say
		}
		lines = append(lines, r.Path+"@"+strconv.Itoa(r.Off)+" "+r.Rule+": "+why)
	}
	return strings.Join(lines, "\n")
}

func mistakes(t testing.TB, err error) []*RuleError {
	t.Helper()
	var all *multierror.Error
	if !errors.As(err, &all) {
		t.Fatalf("got %T %v, want a *multierror.Error", err, err)
	}
	var list []*RuleError
	for _, err := range all.Errors {
		var r *RuleError
		if !errors.As(err, &r) {
			t.Fatalf("got %T, want a *RuleError", err)
		}
		list = append(list, r)
	}
	return list
}

func ptr[T any](v T) *T { return &v }

// recorder is an Observer that keeps what it hears.
type recorder []Violation

func (r *recorder) Violated(_ *protocol.Message, v *Violation) { *r = append(*r, *v) }
