package validate

import (
	"fmt"

	"github.com/sallyport/sallyport/validate/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// library applies the library, and reports what it finds.
func (l *leaves) library(sch *jsonschema.Schema) {
	x, wrong := decode(l.v.Raw, l.c.p.opts.Budget)
	if wrong != nil {
		l.c.report(finding{cause: wrong.cause, path: l.s.at, off: l.v.Off + wrong.off, key: wrong.key, want: wrong.want, got: "something else"})
		return
	}
	err := sch.Validate(x)
	if err == nil {
		return
	}
	invalid, ok := err.(*jsonschema.ValidationError)
	if !ok {
		l.c.fault(fmt.Errorf("rule %q: the schema cannot be applied: %T", l.c.rule.Name, err))
		return
	}
	problems(invalid, l.add)
	l.report()
}

// problems tells what the errors of the schema library say, without the values that they
// quote. It goes down to what is wrong: past groups, but not into alternatives.
func problems(e *jsonschema.ValidationError, tell func(schema.Problem)) {
	switch e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.Reference, *kind.AllOf:
		for _, cause := range e.Causes {
			problems(cause, tell)
		}
		if len(e.Causes) == 0 {
			tell(schema.Problem{At: e.InstanceLocation, Keyword: "schema"})
		}
	case *kind.InvalidJsonValue, *kind.RefCycle:
		// Not the message's; if there is nothing else, report says so.
	default:
		p := problemOf(e.ErrorKind)
		p.At = e.InstanceLocation
		tell(p)
	}
}

func problemOf(k jsonschema.ErrorKind) schema.Problem {
	switch k := k.(type) {
	case *kind.Required:
		return schema.Problem{Keyword: "required", Names: k.Missing}
	case *kind.DependentRequired:
		return schema.Problem{Keyword: "dependentRequired", Names: k.Missing}
	case *kind.Dependency:
		return schema.Problem{Keyword: "dependencies", Names: k.Missing}
	case *kind.AdditionalProperties:
		return schema.Problem{Keyword: "additionalProperties", Got: len(k.Properties)}
	case *kind.Type:
		return schema.Problem{Keyword: "type", Types: k.Want}
	case *kind.Enum:
		return schema.Problem{Keyword: "enum"}
	case *kind.Const:
		return schema.Problem{Keyword: "const"}
	case *kind.Format:
		return schema.Problem{Keyword: "format", Text: k.Want}
	case *kind.Pattern:
		return schema.Problem{Keyword: "pattern", Text: k.Want}
	case *kind.MinLength:
		return schema.Problem{Keyword: "minLength", Want: k.Want, Got: k.Got}
	case *kind.MaxLength:
		return schema.Problem{Keyword: "maxLength", Want: k.Want, Got: k.Got}
	case *kind.Minimum:
		return schema.Problem{Keyword: "minimum", Number: k.Want}
	case *kind.Maximum:
		return schema.Problem{Keyword: "maximum", Number: k.Want}
	case *kind.ExclusiveMinimum:
		return schema.Problem{Keyword: "exclusiveMinimum", Number: k.Want}
	case *kind.ExclusiveMaximum:
		return schema.Problem{Keyword: "exclusiveMaximum", Number: k.Want}
	case *kind.MultipleOf:
		return schema.Problem{Keyword: "multipleOf", Number: k.Want}
	case *kind.MinItems:
		return schema.Problem{Keyword: "minItems", Want: k.Want, Got: k.Got}
	case *kind.MaxItems:
		return schema.Problem{Keyword: "maxItems", Want: k.Want, Got: k.Got}
	case *kind.AdditionalItems:
		return schema.Problem{Keyword: "items", Got: k.Count}
	case *kind.MinProperties:
		return schema.Problem{Keyword: "minProperties", Want: k.Want, Got: k.Got}
	case *kind.MaxProperties:
		return schema.Problem{Keyword: "maxProperties", Want: k.Want, Got: k.Got}
	case *kind.UniqueItems:
		return schema.Problem{Keyword: "uniqueItems"}
	case *kind.PropertyNames:
		return schema.Problem{Keyword: "propertyNames"}
	case *kind.Contains:
		return schema.Problem{Keyword: "contains"}
	case *kind.MinContains:
		return schema.Problem{Keyword: "minContains", Want: k.Want, Got: len(k.Got)}
	case *kind.MaxContains:
		return schema.Problem{Keyword: "maxContains", Want: k.Want}
	case *kind.Not:
		return schema.Problem{Keyword: "not"}
	case *kind.AnyOf:
		return schema.Problem{Keyword: "anyOf"}
	case *kind.OneOf:
		return schema.Problem{Keyword: "oneOf", Many: k.Subschemas != nil}
	case *kind.FalseSchema:
		return schema.Problem{Keyword: "false"}
	}
	return schema.Problem{Keyword: "schema"}
}
