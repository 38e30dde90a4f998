package validate

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// leaves turns the errors of the schema library, which quote values and come in no
// order, into reasons that do not.
type leaves struct {
	c    *Checker
	s    *document
	v    protocol.Value // what the schema describes
	list []leaf
}

// leaf is one thing that is wrong. An empty got is the kind of the value there.
type leaf struct {
	at             []string // tokens of a JSON pointer
	key, want, got string
	path           string
	off            int
}

// report tells all that e has, in the order of the message. Of more than may be told,
// those are told that are first by their pointers, and the others only counted.
func (l *leaves) report(e *jsonschema.ValidationError) {
	if l.collect(e); len(l.list) == 0 {
		l.c.fault(fmt.Errorf("rule %q: the schema cannot be applied", l.c.rule.Name))
		return
	}
	slices.SortFunc(l.list, func(a, b leaf) int {
		return cmp.Or(slices.CompareFunc(a.at, b.at, compareTokens), cmp.Compare(a.key, b.key), cmp.Compare(a.want, b.want))
	})
	told := l.list[:min(len(l.list), l.c.p.opts.MaxReasons)]
	for i := range told {
		f := &told[i]
		off, path := locate(l.v.Raw, f.at, l.s.known)
		if f.got == "" {
			f.got = kindOf(l.v.Raw, off)
		}
		f.off, f.path = off, strings.TrimSuffix(l.s.at, "/")+string(path)
	}
	slices.SortStableFunc(told, func(a, b leaf) int { return cmp.Compare(a.off, b.off) })
	for _, f := range told {
		if f.off >= 0 {
			f.off += l.v.Off
		}
		l.c.report(finding{path: f.path, off: f.off, key: f.key, want: f.want, got: f.got})
	}
	for range l.list[len(told):] {
		l.c.report(finding{off: -1})
	}
}

// compareTokens has indexes in the order of their numbers.
func compareTokens(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// collect goes down to what is wrong: past groups, but not into alternatives, each of
// which is wrong in a way of its own.
func (l *leaves) collect(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			l.collect(cause)
		}
		if len(e.Causes) == 0 {
			l.add(e, "schema", "what the schema describes", "")
		}
	case *kind.Required:
		for _, name := range k.Missing {
			l.add(e, "required", "a property named "+name, "nothing")
		}
	case *kind.DependentRequired:
		for _, name := range k.Missing {
			l.add(e, "dependentRequired", "a property named "+name, "nothing")
		}
	case *kind.Dependency:
		for _, name := range k.Missing {
			l.add(e, "dependencies", "a property named "+name, "nothing")
		}
	case *kind.AdditionalProperties:
		l.add(e, "additionalProperties", "no other properties", strconv.Itoa(len(k.Properties))+" more")
	case *kind.InvalidJsonValue, *kind.RefCycle:
		// Not the message's; if there is nothing else, report says so.
	default:
		key, want, got := keyword(e.ErrorKind)
		l.add(e, key, want, got)
	}
}

func (l *leaves) add(e *jsonschema.ValidationError, key, want, got string) {
	l.list = append(l.list, leaf{at: e.InstanceLocation, key: key, want: want, got: got})
}

// keyword says what one keyword wants, and, where the kind of value does not tell, what
// was found.
func keyword(k jsonschema.ErrorKind) (key, want, got string) {
	switch k := k.(type) {
	case *kind.Type:
		return "type", oneOf(k.Want), ""
	case *kind.Enum:
		return "enum", "one of the listed values", "another"
	case *kind.Const:
		return "const", "the one value that is allowed", "another"
	case *kind.Format:
		return "format", "text of the format " + k.Want, "other text"
	case *kind.Pattern:
		return "pattern", "text that matches " + short(k.Want), "other text"
	case *kind.MinLength:
		return "minLength", "text of at least " + count(k.Want, "character"), count(k.Got, "character")
	case *kind.MaxLength:
		return "maxLength", "text of at most " + count(k.Want, "character"), count(k.Got, "character")
	case *kind.Minimum:
		return "minimum", "a number of at least " + ratio(k.Want), "less"
	case *kind.Maximum:
		return "maximum", "a number of at most " + ratio(k.Want), "more"
	case *kind.ExclusiveMinimum:
		return "exclusiveMinimum", "a number above " + ratio(k.Want), "one that is not"
	case *kind.ExclusiveMaximum:
		return "exclusiveMaximum", "a number below " + ratio(k.Want), "one that is not"
	case *kind.MultipleOf:
		return "multipleOf", "a multiple of " + ratio(k.Want), "another number"
	case *kind.MinItems:
		return "minItems", "at least " + count(k.Want, "item"), count(k.Got, "item")
	case *kind.MaxItems:
		return "maxItems", "at most " + count(k.Want, "item"), count(k.Got, "item")
	case *kind.AdditionalItems:
		return "items", "no other items", strconv.Itoa(k.Count) + " more"
	case *kind.MinProperties:
		return "minProperties", "at least " + count(k.Want, "property"), count(k.Got, "property")
	case *kind.MaxProperties:
		return "maxProperties", "at most " + count(k.Want, "property"), count(k.Got, "property")
	case *kind.UniqueItems:
		return "uniqueItems", "items that differ", "equal items"
	case *kind.PropertyNames:
		return "propertyNames", "names as the schema describes them", "another name"
	case *kind.Contains:
		return "contains", "an item of the kind that the schema describes", "none"
	case *kind.MinContains:
		return "minContains", "at least " + count(k.Want, "item") + " of the kind that the schema describes", count(len(k.Got), "item")
	case *kind.MaxContains:
		return "maxContains", "at most " + count(k.Want, "item") + " of the kind that the schema describes", "more"
	case *kind.Not:
		return "not", "anything but what the schema excludes", ""
	case *kind.AnyOf:
		return "anyOf", "one of the alternatives that the schema describes", ""
	case *kind.OneOf:
		if k.Subschemas != nil {
			return "oneOf", "exactly one of the alternatives that the schema describes", "more than one"
		}
		return "oneOf", "one of the alternatives that the schema describes", ""
	case *kind.FalseSchema:
		return "false", "nothing", ""
	}
	return "schema", "what the schema describes", ""
}

var typeWords = map[string]string{"null": "null", "boolean": "a boolean", "number": "a number", "integer": "an integer",
	"string": "text", "array": "a list", "object": "an object"}

func oneOf(types []string) string {
	list := make([]string, len(types))
	for i, t := range types {
		list[i] = typeWords[t]
	}
	return strings.Join(list, " or ")
}

// count says n things.
func count(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case thing == "property":
		return strconv.Itoa(n) + " properties"
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

func ratio(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return number(f)
}
