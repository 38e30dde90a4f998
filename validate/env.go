package validate

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// env is what an expression can name. One belongs to each Checker.
type env struct {
	Name string `expr:"name"`
	Kind string `expr:"kind"`
	ID   string `expr:"id"`
	Size int    `expr:"size"`
	// Identity is who has sent the message: the name in a certificate, or an address.
	Identity string `expr:"identity"`

	// Field is the value at a path: a string, a float64, a bool, or nil for what is missing
	// or null. Of a list or an object it is nil, too: they are for Count and Type.
	Field func(path string) any `expr:"field"`
	// Has tells whether there is a value, a null included.
	Has func(path string) bool `expr:"has"`
	// Type is nothing, null, boolean, number, string, bytes, list or object.
	Type func(path string) string `expr:"type"`
	// Text is a value as text, "" for what is missing.
	Text func(path string) string `expr:"text"`
	// Number is a number, or what a text says. It fails for anything else.
	Number func(path string) float64 `expr:"number"`
	// Count is how many parts a list or an object has, 0 for anything else.
	Count func(path string) int `expr:"count"`

	budget int // bytes of a text
	rule   *expression
	m      *protocol.Message
	v      verdict
}

// verdict is what one evaluation leaves beside its result.
type verdict struct {
	last  protocol.Value // that was looked at
	used  bool           // there is a last
	spent bool
	fault error
}

// unfit is a panic: the engine makes it an error of the rule.
type unfit struct{}

func newEnv(budget int) *env {
	e := &env{budget: budget}
	e.Field, e.Has, e.Type = e.field, e.has, e.typ
	e.Text, e.Number, e.Count = e.text, e.number, e.count
	return e
}

func (e *env) begin(rule *expression, m *protocol.Message) {
	e.rule, e.m, e.v = rule, m, verdict{}
	if e.Name != string(m.Name) {
		e.Name = string(m.Name)
	}
	if e.ID != string(m.ID) {
		e.ID = string(m.ID)
	}
	e.Identity = m.Identity
	e.Kind, e.Size = m.Kind.String(), len(m.Frame)+int(m.Rest)
}

func (e *env) end() verdict {
	v := e.v
	e.rule, e.m, e.v = nil, nil, verdict{}
	return v
}

func (e *env) field(path string) any {
	switch v := e.get(path); v.Type {
	case protocol.Bool:
		return string(v.Text) == "true"
	case protocol.Number:
		return e.float(v)
	case protocol.String, protocol.Bytes:
		return e.string(v)
	}
	return nil
}

func (e *env) has(path string) bool { return e.get(path).Type != protocol.Missing }

func (e *env) typ(path string) string { return typeName(e.get(path).Type) }

func (e *env) text(path string) string { return e.string(e.get(path)) }

func (e *env) number(path string) float64 { return e.float(e.get(path)) }

func (e *env) count(path string) int {
	v := e.get(path)
	if v.Type != protocol.List && v.Type != protocol.Map {
		return 0
	}
	return parts(v.Raw)
}

// get calls the getter. If that panics it is a fault, and not the message's.
func (e *env) get(path string) (v protocol.Value) {
	defer func() {
		if x := recover(); x != nil {
			e.v.fault = fmt.Errorf("rule: a getter panicked with %T", x)
			panic(unfit{})
		}
	}()
	v, ok := e.rule.getters[path](e.m)
	if !ok {
		v = protocol.Value{Off: -1}
	}
	e.v.last, e.v.used = v, true
	return v
}

func (e *env) string(v protocol.Value) string {
	if len(v.Text) > e.budget {
		e.v.spent = true
		panic(unfit{})
	}
	return string(v.Text)
}

func (e *env) float(v protocol.Value) float64 {
	f, ok := v.Float()
	if !ok {
		panic(unfit{})
	}
	return f
}

var typeNames = [...]string{"nothing", "null", "boolean", "number", "string", "bytes", "list", "object"}

// typeName is the name of t in a configuration.
func typeName(t protocol.ValueType) string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "invalid"
}
