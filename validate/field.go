package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
)

// field is a Field that can be carried out.
type field struct {
	Field
	get     protocol.Getter
	typ     protocol.ValueType // Missing: any
	integer bool
	pattern *schema.Pattern
	in      map[string]struct{}
	format  format
	typed   bool // values have types of their own, not only text
	wants   wants
}

// wants are said for each of a field's conditions, written once.
type wants struct{ typ, number, length, pattern, in, format string }

// fieldTypes are the types that a Field can ask for.
var fieldTypes = []string{"null", "boolean", "number", "string", "bytes", "list", "object", "integer"}

func (k *compiler) field(in *Field) engine {
	f := &field{Field: *in, typed: k.traits.JSON}
	f.get = k.getter("field.path", in.Path)
	if in.Required && in.Forbidden {
		k.bad("field.forbidden", errors.New("the value is required as well"))
	}
	if in.Forbidden && (in.Type != "" || in.Min != nil || in.Max != nil || in.MinLength != nil || in.MaxLength != nil ||
		in.Pattern != "" || in.In != nil || in.Format != "") {
		k.bad("field.forbidden", errors.New("a value that must not be there is described as well"))
	}
	k.fieldType(f)
	k.fieldBounds(f)
	if in.Pattern != "" {
		var err error
		if f.pattern, err = schema.NewPattern(in.Pattern); err != nil {
			k.bad("field.pattern", err)
		}
		f.wants.pattern = "text that matches " + short(in.Pattern)
	}
	if in.In != nil {
		if len(in.In) == 0 {
			k.bad("field.in", errors.New("the list is empty: no value would pass"))
		}
		f.in, f.wants.in = set(in.In), "one of the listed values"
	}
	if in.Format != "" {
		var err error
		if f.format, err = parseFormat(in.Format); err != nil {
			k.badAt("field.format", -1, didYouMean(in.Format, formatNames), err)
		}
		f.wants.format = "text of the format " + in.Format
	}
	return f
}

func (k *compiler) fieldType(f *field) {
	if f.Type == "" {
		return
	}
	if !slices.Contains(fieldTypes, f.Type) {
		k.badAt("field.type", -1, didYouMean(f.Type, fieldTypes), errors.New("there is no type "+strconv.Quote(f.Type)))
		return
	}
	if f.Type == "integer" {
		f.integer, f.typ, f.wants.typ = true, protocol.Number, "an integer"
		return
	}
	f.typ = protocol.ValueType(slices.Index(typeNames[:], f.Type))
	f.wants.typ = f.typ.String()
}

func (k *compiler) fieldBounds(f *field) {
	for _, b := range []struct {
		key string
		v   *float64
	}{{"field.min", f.Min}, {"field.max", f.Max}} {
		if b.v != nil && (math.IsNaN(*b.v) || math.IsInf(*b.v, 0)) {
			k.bad(b.key, errors.New("the bound is no number"))
		}
	}
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		k.bad("field.min", errors.New("it is more than max: no number would pass"))
	}
	if f.MinLength != nil && *f.MinLength < 0 {
		k.bad("field.min_length", errors.New("it is negative"))
	}
	if f.MaxLength != nil && *f.MaxLength < 0 {
		k.bad("field.max_length", errors.New("it is negative"))
	}
	if f.MinLength != nil && f.MaxLength != nil && *f.MinLength > *f.MaxLength {
		k.bad("field.min_length", errors.New("it is more than max_length: no text would pass"))
	}
	numeric := f.typ == protocol.Missing || f.typ == protocol.Number
	textual := f.typ == protocol.Missing || f.typ == protocol.String || f.typ == protocol.Bytes || !f.typed && numeric
	if (f.Min != nil || f.Max != nil) && !numeric {
		k.bad("field.type", fmt.Errorf("min and max are for numbers, and the type is %s", f.Type))
	}
	if (f.MinLength != nil || f.MaxLength != nil || f.Pattern != "" || f.Format != "") && !textual {
		k.bad("field.type", fmt.Errorf("min_length, max_length, pattern and format are for text, and the type is %s", f.Type))
	}
	f.wants.number = f.numberWant()
	f.wants.length = span(f.MinLength, f.MaxLength, "text of ", " characters")
}

func (f *field) numberWant() string {
	noun := "a number"
	if f.integer {
		noun = "an integer"
	}
	switch {
	case f.Min != nil && f.Max != nil:
		return noun + " from " + number(*f.Min) + " to " + number(*f.Max)
	case f.Min != nil:
		return noun + " of at least " + number(*f.Min)
	case f.Max != nil:
		return noun + " of at most " + number(*f.Max)
	}
	return ""
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// span says how many of a thing are wanted.
func span(least, most *int, before, after string) string {
	switch {
	case least != nil && most != nil && *least == *most:
		return before + "exactly " + strconv.Itoa(*least) + after
	case least != nil && most != nil:
		return before + strconv.Itoa(*least) + " to " + strconv.Itoa(*most) + after
	case least != nil:
		return before + "at least " + strconv.Itoa(*least) + after
	case most != nil:
		return before + "at most " + strconv.Itoa(*most) + after
	}
	return ""
}

func (f *field) check(c *Checker, m *protocol.Message) {
	v, ok := f.get(m)
	if !ok || v.Type == protocol.Missing {
		if f.Required {
			c.report(finding{path: f.Path, off: -1, want: f.requiredWant(), got: "nothing"})
		}
		return
	}
	say := func(want, got string) { c.report(finding{path: f.Path, off: v.Off, want: want, got: got}) }
	if f.Forbidden {
		say("nothing", v.Type.String())
		return
	}
	if f.typ != protocol.Missing && !f.isType(v) {
		want := f.wants.typ
		if f.wants.number != "" {
			want = f.wants.number
		}
		got := v.Type.String()
		if f.integer && v.Type == protocol.Number {
			got = "a number that is no integer"
		}
		say(want, got)
		return // the rest would only repeat it
	}
	if f.wants.number != "" {
		if n, ok := v.Float(); !ok {
			say(f.wants.number, v.Type.String())
		} else if f.Min != nil && n < *f.Min {
			say(f.wants.number, "less")
		} else if f.Max != nil && n > *f.Max {
			say(f.wants.number, "more")
		}
	}
	f.checkText(c, v, say)
}

func (f *field) checkText(c *Checker, v protocol.Value, say func(want, got string)) {
	text := v.Type == protocol.String || v.Type == protocol.Bytes || !f.typed && v.Type == protocol.Number
	kind := v.Type.String()
	if f.wants.length != "" {
		n := len(v.Text)
		if v.Type == protocol.String {
			n = utf8.RuneCount(v.Text)
		}
		if !text {
			say(f.wants.length, kind)
		} else if f.MinLength != nil && n < *f.MinLength || f.MaxLength != nil && n > *f.MaxLength {
			say(f.wants.length, strconv.Itoa(n)+" characters")
		}
	}
	if f.pattern != nil {
		if !text {
			say(f.wants.pattern, kind)
		} else if most := c.p.opts.Budget.Text; len(v.Text) > most {
			c.report(finding{cause: protocol.TooLarge, path: f.Path, off: v.Off, key: "budget",
				want: "text of at most " + strconv.Itoa(most) + " bytes", got: "more"})
		} else if !f.pattern.Match(v.Text) {
			say(f.wants.pattern, "other text")
		}
	}
	if f.in != nil {
		// The parts of a list or an object are not its Text.
		_, ok := f.in[string(v.Text)]
		switch {
		case v.Type == protocol.List || v.Type == protocol.Map:
			say(f.wants.in, kind)
		case !ok:
			say(f.wants.in, "another")
		}
	}
	if f.format != nil {
		if !text {
			say(f.wants.format, kind)
		} else if !f.format(v.Text) {
			say(f.wants.format, "other text")
		}
	}
}

func (f *field) requiredWant() string {
	switch {
	case f.wants.number != "":
		return f.wants.number
	case f.wants.typ != "":
		return f.wants.typ
	}
	return "a value"
}

// isType tells whether v is of the type, or, where all values are text, says so.
func (f *field) isType(v protocol.Value) bool {
	if v.Type == f.typ {
		return !f.integer || isInteger(v.Text)
	}
	if f.typed || v.Type != protocol.String {
		return false
	}
	switch f.typ {
	case protocol.Number:
		if f.integer {
			return isInteger(v.Text)
		}
		return isNumber(v.Text)
	case protocol.Bool:
		return string(v.Text) == "true" || string(v.Text) == "false"
	}
	return false
}

// isNumber is stricter than strconv: no "Inf", no "0x1p4", no underscore.
func isNumber(text []byte) bool {
	for _, b := range text {
		if (b < '0' || b > '9') && b != '.' && b != '-' && b != '+' && b != 'e' && b != 'E' {
			return false
		}
	}
	_, ok := protocol.Value{Type: protocol.Number, Text: text}.Float()
	return ok
}

// isInteger is true of 5, 5.0 and 5e0, as in JSON Schema Core section 4.2.3.
func isInteger(text []byte) bool {
	digits := text
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if allDigits(digits) {
		return true
	}
	if !isNumber(text) {
		return false
	}
	n, _ := protocol.Value{Type: protocol.Number, Text: text}.Float()
	return n == math.Trunc(n) && math.Abs(n) < 1<<53
}
