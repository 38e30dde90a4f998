package validate

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// Rule is one rule as an operator writes it. Exactly one of Allow, Deny, Expr, Field,
// Schema and Limits is set.
type Rule struct {
	// Name is shown in reasons and counters. The default is made of the kind: "schema",
	// "field /params/qty", "limits", "allow", "deny", "rule 2".
	Name string `json:"name,omitempty"`
	// Mode is what happens if the rule is violated.
	Mode Mode `json:"mode,omitempty"`
	// Reason is what the client is told, in the operator's own words. The default is made
	// of the rule: what was wanted, and the kind of thing that was found.
	Reason string `json:"reason,omitempty"`
	// Class is protocol.Fix, the default, or protocol.Denied.
	Class protocol.Class `json:"class,omitempty"`
	// Names are the operations that the rule is for. Empty: all.
	Names []string `json:"names,omitempty"`

	// Allow are the operations that are offered, and no others.
	Allow []string `json:"allow,omitempty"`
	// Deny are the operations that are not.
	Deny []string `json:"deny,omitempty"`
	// Expr is an expression that must be true. It may use name, kind, id, size and, with a
	// constant path, field, has, type, text, number and count.
	Expr string `json:"expr,omitempty"`
	// Field is about one value.
	Field *Field `json:"field,omitempty"`
	// Schema is a JSON Schema for the content of operations.
	Schema *Schema `json:"schema,omitempty"`
	// Limits bound sizes.
	Limits *Limits `json:"limits,omitempty"`
}

// Field is what one value must be. A value that is missing meets all but Required; an
// explicit null is a value.
type Field struct {
	// Path is in the protocol's notation.
	Path string `json:"path"`
	// Required asks for a value, Forbidden for none.
	Required  bool `json:"required,omitempty"`
	Forbidden bool `json:"forbidden,omitempty"`
	// Type is string, number, integer, boolean, null, bytes, list or object. Where a
	// protocol has text only, number, integer and boolean are what the text says.
	Type string `json:"type,omitempty"`
	// Min and Max bound a number, both inclusive, compared as float64.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
	// MinLength and MaxLength bound the characters of text and the bytes of bytes.
	MinLength *int `json:"min_length,omitempty"`
	MaxLength *int `json:"max_length,omitempty"`
	// Pattern is a Go regular expression that must match somewhere in the text.
	Pattern string `json:"pattern,omitempty"`
	// In lists the texts that are allowed; nil allows every one.
	In []string `json:"in,omitempty"`
	// Format is digits, luhn, date, time, date-time (RFC 3339 section 5.6), or a layout of
	// YYYY, YY, MM, DD, hh, mm, ss and literal signs: "YYYYMMDD", "MMDDhhmmss".
	Format string `json:"format,omitempty"`
}

// Schema is a JSON Schema 2020-12 document, whose formats are asserted. References
// to other documents are refused.
type Schema struct {
	// Document is the text.
	Document []byte `json:"-"`
	// File is the document's name in messages.
	File string `json:"file,omitempty"`
	// At is the path of the value that is described. The default is Traits.Content.
	At string `json:"at,omitempty"`
	// Methods are JSON pointers into the document by operation, "" being its root. The
	// default: each member of $defs is for the operation that bears its name, and a
	// document without $defs is for every operation. Other operations pass.
	Methods map[string]string `json:"methods,omitempty"`
}

// Limits are upper bounds; 0 is none.
type Limits struct {
	// Bytes is the size of the message, framing included.
	Bytes int `json:"bytes,omitempty"`
	// Path is the JSON value that the rest is about. The default is Traits.Content.
	Path string `json:"path,omitempty"`
	// Depth is how deep lists and objects may be nested: 1 for a list of numbers.
	Depth int `json:"depth,omitempty"`
	// Items is the number of parts of any one list or object.
	Items int `json:"items,omitempty"`
	// Length is the bytes of any one string, as it stands in the frame.
	Length int `json:"length,omitempty"`
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
	// Values is the number of JSON values that a schema is applied to; 100000.
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
