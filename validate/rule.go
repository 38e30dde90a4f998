package validate

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// Rule is one rule as an operator writes it. Exactly one of Allow, Deny, Expr, Field,
// Schema, Limits and Bind is set.
type Rule struct {
	Name   string         `json:"name,omitempty" doc:"Shown in reasons and counters. The default is made of the kind: 'schema', 'field /params/qty', 'limits', 'allow', 'deny', 'rule 2'."`
	Mode   Mode           `json:"mode,omitempty" doc:"What happens if the rule is violated."`
	Reason string         `json:"reason,omitempty" doc:"What the client is told, in the operator's own words. The default is made of the rule: what was wanted, and the kind of thing that was found."`
	Class  protocol.Class `json:"class,omitempty" doc:"Whether the client is to fix it, the default, or is denied it."`
	Names  []string       `json:"names,omitempty" doc:"The operations that the rule is for. Empty: all."`

	Allow  []string `json:"allow,omitempty" doc:"The operations that are offered, and no others."`
	Deny   []string `json:"deny,omitempty" doc:"The operations that are not."`
	Expr   string   `json:"expr,omitempty" doc:"An expression that must be true. It may use name, kind, id, size, identity and, with a constant path, field, has, type, text, number and count."`
	Field  *Field   `json:"field,omitempty" doc:"About one value."`
	Schema *Schema  `json:"schema,omitempty" doc:"A JSON Schema for the content of operations."`
	Limits *Limits  `json:"limits,omitempty" doc:"Bounds on sizes."`
	Bind   *Bind    `json:"bind,omitempty" doc:"Binds a value to who may use it. What is violated is denied."`
}

// Bind has clients use, at one place, only what is theirs: a terminal, a unit, a facility. A client that is not listed may use
// nothing there. A value that is missing meets it.
type Bind struct {
	Path string              `json:"path" doc:"Where the value is, in the protocol's notation."`
	To   map[string][]string `json:"to" doc:"By the identity of the client, as its certificate or its address gives it, the values that are its own, or '*' for all."`
}

// Field is what one value must be. A value that is missing meets all but Required; an
// explicit null is a value.
type Field struct {
	Path      string   `json:"path" doc:"Where the value is, in the protocol's notation."`
	Required  bool     `json:"required,omitempty" doc:"The value must be there."`
	Forbidden bool     `json:"forbidden,omitempty" doc:"The value must not be there."`
	Type      string   `json:"type,omitempty" doc:"One of string, number, integer, boolean, null, bytes, list or object. Where a protocol has text only, number, integer and boolean are what the text says."`
	Min       *float64 `json:"min,omitempty" doc:"The least number that is allowed, compared as a 64-bit float."`
	Max       *float64 `json:"max,omitempty" doc:"The greatest number that is allowed, compared as a 64-bit float."`
	MinLength *int     `json:"min_length,omitempty" doc:"The least length: characters of text, bytes of bytes."`
	MaxLength *int     `json:"max_length,omitempty" doc:"The greatest length: characters of text, bytes of bytes."`
	Pattern   string   `json:"pattern,omitempty" doc:"A Go regular expression that must match somewhere in the text."`
	In        []string `json:"in,omitempty" doc:"The texts that are allowed."`
	Format    string   `json:"format,omitempty" doc:"One of digits, luhn, date, time, date-time (RFC 3339 section 5.6), or a layout of YYYY, YY, MM, DD, hh, mm, ss and literal signs: 'YYYYMMDD', 'MMDDhhmmss'."`
}

// Schema is a JSON Schema 2020-12 document, whose formats are asserted. References
// to other documents are refused.
type Schema struct {
	Document []byte            `json:"-" doc:"The text."`
	File     string            `json:"file,omitempty" doc:"The document's name in messages."`
	At       string            `json:"at,omitempty" doc:"The path of the value that is described. The default is what the protocol calls its content."`
	Methods  map[string]string `json:"methods,omitempty" doc:"JSON pointers into the document by operation, '' being its root. The default: each member of $defs is for the operation that bears its name, and a document without $defs is for every operation; one with both a schema at its root and $defs must say. Other operations pass."`
}

// Limits are upper bounds; 0 is none.
type Limits struct {
	Bytes  int    `json:"bytes,omitempty" doc:"The size of the message, framing included."`
	Path   string `json:"path,omitempty" doc:"The JSON value that the rest is about. The default is what the protocol calls its content."`
	Depth  int    `json:"depth,omitempty" doc:"How deep lists and objects may be nested: 1 for a list of numbers."`
	Items  int    `json:"items,omitempty" doc:"The number of parts of any one list or object."`
	Length int    `json:"length,omitempty" doc:"The bytes of any one string, as it stands in the frame."`
}

// Options bound what the rules of a Program may use. A zero means the default.
type Options struct {
	// MaxReasons is how many reasons a Failure tells, the others being counted; 20.
	MaxReasons int `json:"max_reasons,omitempty"`
	// Budget is per message and rule.
	Budget Budget `json:"budget,omitempty"`
}

// Budget bounds the work of one rule on one message. What exceeds it is refused.
type Budget struct {
	// Text is the bytes of a text that a pattern or an expression is applied to; 64 KiB.
	Text int `json:"text,omitempty"`
	// Values is the number of JSON values that a schema is applied to; 100000. For each of
	// them a value may be looked at 64 times, as alternatives do.
	Values int `json:"values,omitempty"`
	// Depth is the nesting of JSON that a schema is applied to; 64.
	Depth int `json:"depth,omitempty"`
	// Memory is what an expression may make, in the units of its engine; 10000.
	Memory uint `json:"memory,omitempty"`
	// Nodes is the size of an expression's tree; 1000.
	Nodes uint `json:"nodes,omitempty"`
}

func (o Options) withDefaults() Options {
	if o.MaxReasons <= 0 {
		o.MaxReasons = 20
	}
	b := &o.Budget
	if b.Text <= 0 {
		b.Text = 64 << 10
	}
	if b.Values <= 0 {
		b.Values = 100_000
	}
	if b.Depth <= 0 {
		b.Depth = 64
	}
	if b.Memory == 0 {
		b.Memory = 10_000
	}
	if b.Nodes == 0 {
		b.Nodes = 1000
	}
	return o
}

// RuleError is one mistake in a rule.
type RuleError struct {
	Index  int    // of the rule, from 0
	Key    string // what is wrong in it: "rule" (the expression), "field.pattern", "schema", ...
	Offset int    // in the text of the expression or the schema, in bytes; -1: none
	Hint   string // what may have been meant, or ""
	Err    error
}

// Error is one line: the rule, the key, what is wrong and the hint.
func (e *RuleError) Error() string {
	text := "rule " + strconv.Itoa(e.Index+1) + ": " + e.Key + ": " + e.Err.Error()
	if e.Offset >= 0 {
		text += " at byte " + strconv.Itoa(e.Offset)
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Unwrap returns what is wrong.
func (e *RuleError) Unwrap() error { return e.Err }
