package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	keyword "github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/sallyport/sallyport/internal/codecs"
	"github.com/sallyport/sallyport/protocol/frame"
)

// conform reports where the tree is not what the schema wants.
func (l *loader) conform() {
	err := validateTree(l.root.value(nil, nil))
	if err == nil {
		l.measure(l.root, documentType, nil)
		return
	}
	verr, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		l.add(nil, l.root.at, "the file cannot be checked", "")
		return
	}
	l.disagree(verr)
	l.measure(l.root, documentType, nil)
}

// validateTree guards against a validator that gives up in the hard way.
func validateTree(v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("the validator gave up")
		}
	}()
	return compiled().Validate(v)
}

var compiled = sync.OnceValue(func() *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(Schema())))
	if err != nil {
		panic(err) // tested: the schema depends on nothing but the program
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource(schemaID, doc); err != nil {
		panic(err)
	}
	return c.MustCompile(schemaID)
})

// disagree reports the leaves of e.
func (l *loader) disagree(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *keyword.AnyOf:
		l.neither(e)
	case *keyword.Required:
		p := path(e.InstanceLocation)
		n, _ := l.root.find(p)
		for _, missing := range k.Missing {
			l.report(p.join(missing), n.at, "this key is missing", "")
		}
	case *keyword.AdditionalProperties:
		known := propertyNames(e.SchemaURL)
		for _, key := range k.Properties {
			p := path(e.InstanceLocation).join(key)
			l.report(p, l.keyPosition(p), "there is no such key here", didYouMean(key, known))
		}
	default:
		if len(e.Causes) == 0 {
			l.leaf(e)
			return
		}
		for _, cause := range e.Causes {
			l.disagree(cause)
		}
	}
}

// neither reports what is wrong with a value that may have one of several shapes: what
// is wrong with the shape that it has, if it has one of them.
func (l *loader) neither(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		if wrongType(cause, len(e.InstanceLocation)) == nil {
			l.disagree(cause)
			return
		}
	}
	var want []string
	for _, cause := range e.Causes {
		for _, t := range wrongType(cause, len(e.InstanceLocation)).Want {
			want = append(want, typeName(t))
		}
	}
	p := path(e.InstanceLocation)
	n, _ := l.root.find(p)
	hint := ""
	if len(p) > 0 && p[len(p)-1] == "wait" && n.kind == text {
		hint = "write { after: 250ms }"
	}
	l.report(p, n.at, fmt.Sprintf("want %s, got %s", strings.Join(want, " or "), n.kind), hint)
}

// wrongType returns the leaf of e that says that the value depth steps from the root is
// of another type.
func wrongType(e *jsonschema.ValidationError, depth int) *keyword.Type {
	if k, ok := e.ErrorKind.(*keyword.Type); ok && len(e.InstanceLocation) == depth {
		return k
	}
	for _, cause := range e.Causes {
		if k := wrongType(cause, depth); k != nil {
			return k
		}
	}
	return nil
}

var defInURL = regexp.MustCompile(`/(?:\$|%24)defs/([a-z0-9_]+)`)

// leaf reports one keyword that is not met.
func (l *loader) leaf(e *jsonschema.ValidationError) {
	p := path(e.InstanceLocation)
	n, _ := l.root.find(p)
	want := ""
	if in := defInURL.FindAllStringSubmatch(e.SchemaURL, -1); in != nil {
		want = schema().wants[in[len(in)-1][1]]
	}
	message, hint := "", ""
	switch k := e.ErrorKind.(type) {
	case *keyword.Enum:
		message, hint = l.choose(n, k.Want)
	case *keyword.Const:
		message, hint = l.choose(n, []any{k.Want})
	case *keyword.Type:
		if want == "" {
			var names []string
			for _, t := range k.Want {
				names = append(names, typeName(t))
			}
			want = strings.Join(names, " or ")
		}
		message = fmt.Sprintf("want %s, got %s", want, n.kind)
		if hint = typeHint(k.Want, n); strings.Contains(want, "duration") && n.kind == integer {
			hint = "write the unit, as in 10s"
		}
	case *keyword.Minimum:
		want = orWant(want, "at least "+k.Want.RatString())
	case *keyword.Maximum:
		if k.Want.Sign() > 0 {
			want = "at most " + k.Want.RatString()
		} else { // a duration, of which 0 is the only number
			hint = "write the unit, as in 10s"
		}
	case *keyword.MinItems:
		want = orWant(want, fmt.Sprintf("at least %d in the list", k.Want))
	case *keyword.MinLength:
		want = orWant(want, fmt.Sprintf("at least %d characters", k.Want))
	}
	if message == "" {
		message = "want " + orWant(want, "something else")
	}
	l.report(p, n.at, message, hint)
}

func orWant(want, otherwise string) string {
	if want != "" {
		return want
	}
	return otherwise
}

// choose says which values there are, and which of them may have been meant. What came
// from the environment is not compared, since the hint would tell of it.
func (l *loader) choose(n *node, values []any) (message, hint string) {
	var names []string
	for _, v := range values {
		names = append(names, fmt.Sprint(v))
	}
	if n.kind == text && !n.expanded {
		hint = didYouMean(n.text, names)
	}
	if len(names) == 1 {
		return "want " + names[0], hint
	}
	return "want one of " + strings.Join(names, ", "), hint
}

func typeHint(want []string, n *node) string {
	scalar := n.kind == integer || n.kind == float || n.kind == boolean
	switch {
	case len(want) == 1 && want[0] == "string" && scalar:
		return "put it in quotes"
	case len(want) == 1 && want[0] == "array":
		return "write [...], or lines that begin with -"
	case len(want) == 1 && (want[0] == "integer" || want[0] == "number") && n.kind == text && !n.bare:
		return "write it without quotes"
	}
	return ""
}

func typeName(t string) string {
	switch t {
	case "string":
		return text.String()
	case "integer":
		return integer.String()
	case "number":
		return float.String()
	case "boolean":
		return boolean.String()
	case "array":
		return sequence.String()
	}
	return mapping.String()
}

func propertyNames(url string) (names []string) {
	properties, _ := schema().at(url)["properties"].(object)
	for name := range properties {
		names = append(names, name)
	}
	return names
}

// keyPosition returns where the last key of p stands.
func (l *loader) keyPosition(p path) position {
	parent, _ := l.root.find(p[:len(p)-1])
	for _, f := range parent.fields {
		if f.key == p[len(p)-1] {
			return f.at
		}
	}
	return parent.at
}

// coerce makes numbers and truth values of texts that came from ${...} without quotes,
// where the type that they are for wants one.
func coerce(n *node, t reflect.Type) {
	walk(n, t, nil, func(n *node, t reflect.Type, _ path) {
		if n.kind != text || !n.expanded || !n.bare {
			return
		}
		switch t.Kind() {
		case reflect.Bool:
			if n.text == "true" || n.text == "false" {
				n.kind = boolean
			}
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			if v, err := strconv.ParseInt(n.text, 10, 64); err == nil && strconv.FormatInt(v, 10) == n.text {
				n.kind, n.number = integer, v
			}
		case reflect.Float32, reflect.Float64:
			if v, err := strconv.ParseFloat(n.text, 64); err == nil && len(n.text) < 32 && json.Valid([]byte(n.text)) {
				n.kind, n.number = float, v
			}
		}
	})
}

// measure reports the sizes and durations that have the right form and no right value.
func (l *loader) measure(n *node, t reflect.Type, p path) {
	walk(n, t, p, func(n *node, t reflect.Type, p path) {
		switch t {
		case reflect.TypeFor[size](), reflect.TypeFor[duration](), reflect.TypeFor[timeout](), reflect.TypeFor[patience]():
			if l.reported(p) {
				return
			}
			v := reflect.New(t).Interface()
			if err := v.(json.Unmarshaler).UnmarshalJSON(n.marshal(p, nil)); err != nil {
				l.report(p, n.at, err.Error(), "")
			}
		}
	})
}

// walk calls visit for each scalar below n with the type that it is for.
func walk(n *node, t reflect.Type, p path, visit func(n *node, t reflect.Type, p path)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[protocolShape]():
		if name := n.get("name"); name != nil {
			if protocol, ok := codecs.Find(name.text); ok {
				walk(n, reflect.TypeOf(protocol.Options()), p, visit)
			}
		}
		return
	case reflect.TypeFor[framingShape]():
		if f := n.get("framing"); f != nil {
			walk(f, reflect.TypeFor[frame.Options](), p.join("framing"), visit)
		}
		return
	case reflect.TypeFor[waitShape]():
		t = reflect.TypeFor[waitObject]()
	case reflect.TypeFor[schemaShape]():
		t = reflect.TypeFor[schemaObject]()
	}
	switch {
	case n.kind == mapping && t.Kind() == reflect.Struct:
		for _, f := range jsonFields(t) {
			if child := n.get(f.name); child != nil {
				walk(child, f.Type, p.join(f.name), visit)
			}
		}
	case n.kind == mapping && t.Kind() == reflect.Map:
		for _, f := range n.fields {
			walk(f.node, t.Elem(), p.join(f.key), visit)
		}
	case n.kind == sequence && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array):
		for i, item := range n.items {
			walk(item, t.Elem(), p.index(i), visit)
		}
	case n.kind != mapping && n.kind != sequence:
		visit(n, t, p)
	}
}
