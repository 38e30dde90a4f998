package validate

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
)

// leaves turns problems, which come in no order, into reasons.
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

// report tells all that was added, in the order of the message. Of more than may be told,
// those are told that are first by their pointers, and the others only counted.
func (l *leaves) report() {
	if len(l.list) == 0 {
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

// add notes p, which is a leaf for each name that is missing.
func (l *leaves) add(p schema.Problem) {
	if p.Names == nil {
		key, want, got := describe(&p)
		l.list = append(l.list, leaf{at: p.At, key: key, want: want, got: got})
		return
	}
	for _, name := range p.Names {
		l.list = append(l.list, leaf{at: p.At, key: p.Keyword, want: "a property named " + name, got: "nothing"})
	}
}

// describe says what one keyword wants, and, where the kind of value does not tell, what was
// found.
func describe(p *schema.Problem) (key, want, got string) {
	key = p.Keyword
	switch key {
	case "type":
		want = oneOf(p.Types)
	case "enum":
		want, got = "one of the listed values", "another"
	case "const":
		want, got = "the one value that is allowed", "another"
	case "format":
		want, got = "text of the format "+p.Text, "other text"
	case "pattern":
		want, got = "text that matches "+short(p.Text), "other text"
	case "minLength":
		want, got = "text of at least "+count(p.Want, "character"), count(p.Got, "character")
	case "maxLength":
		want, got = "text of at most "+count(p.Want, "character"), count(p.Got, "character")
	case "minimum":
		want, got = "a number of at least "+ratio(p.Number), "less"
	case "maximum":
		want, got = "a number of at most "+ratio(p.Number), "more"
	case "exclusiveMinimum":
		want, got = "a number above "+ratio(p.Number), "one that is not"
	case "exclusiveMaximum":
		want, got = "a number below "+ratio(p.Number), "one that is not"
	case "multipleOf":
		want, got = "a multiple of "+ratio(p.Number), "another number"
	case "minItems":
		want, got = "at least "+count(p.Want, "item"), count(p.Got, "item")
	case "maxItems":
		want, got = "at most "+count(p.Want, "item"), count(p.Got, "item")
	case "uniqueItems":
		want, got = "items that differ", "equal items"
	case "contains":
		want, got = "an item of the kind that the schema describes", "none"
	case "minContains":
		want, got = "at least "+count(p.Want, "item")+" of the kind that the schema describes", count(p.Got, "item")
	case "maxContains":
		want, got = "at most "+count(p.Want, "item")+" of the kind that the schema describes", "more"
	case "minProperties":
		want, got = "at least "+count(p.Want, "property"), count(p.Got, "property")
	case "maxProperties":
		want, got = "at most "+count(p.Want, "property"), count(p.Got, "property")
	case "additionalProperties":
		want, got = "no other properties", strconv.Itoa(p.Got)+" more"
	case "items":
		want, got = "no other items", strconv.Itoa(p.Got)+" more"
	case "propertyNames":
		want, got = "names as the schema describes them", "another name"
	case "not":
		want = "anything but what the schema excludes"
	case "anyOf":
		want = "one of the alternatives that the schema describes"
	case "oneOf":
		want = "one of the alternatives that the schema describes"
		if p.Many {
			want, got = "exactly "+want, "more than one"
		}
	case "false":
		want = "nothing"
	default:
		want = "what the schema describes"
	}
	return key, want, got
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
