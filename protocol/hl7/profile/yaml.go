package profile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// AppendYAML appends d as an item of a list in YAML, each line of it behind indent.
func (d *Declaration) AppendYAML(dst []byte, indent string) []byte {
	dst = fmt.Appendf(dst, "%s- name: %s\n", indent, quote(d.Name))
	indent += "  "
	if len(d.Messages) > 0 {
		dst = fmt.Appendf(dst, "%smessages: [%s]\n", indent, quoted(d.Messages))
	}
	if len(d.Versions) > 0 {
		dst = fmt.Appendf(dst, "%sversions: [%s]\n", indent, quoted(d.Versions))
	}
	if d.Others != "" {
		dst = fmt.Appendf(dst, "%sothers: %s\n", indent, word(d.Others))
	}
	dst = fmt.Appendf(dst, "%ssegments:\n", indent)
	for _, e := range d.Segments {
		dst = e.appendYAML(dst, indent+"  ")
	}
	if len(d.Tables) > 0 {
		dst = fmt.Appendf(dst, "%stables:\n", indent)
		for _, name := range slices.Sorted(maps.Keys(d.Tables)) {
			dst = fmt.Appendf(dst, "%s  %s: [%s]\n", indent, strconv.Quote(name), quoted(d.Tables[name]))
		}
	}
	return dst
}

// bare are words that are the same without quotes, inside of brackets too.
var bare = regexp.MustCompile(`^([A-Z][A-Z0-9]{0,2}|z|any|none|[A-Z][A-Z0-9]{2}-[0-9]{1,3}(\.[0-9]{1,3})*)$`)

// word returns s, in quotes if it could be taken for something else.
func word(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return quote(s)
}

// quote returns s in quotes, as text that stands for itself: in a configuration ${...} is looked up.
func quote(s string) string { return strconv.Quote(strings.ReplaceAll(s, "$", "$$")) }

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, quote(s))
	}
	return strings.Join(out, ", ")
}

func (e *Element) appendYAML(dst []byte, indent string) []byte {
	key, name := "segment", word(e.Segment)
	if e.Segment == "" {
		key, name = "group", quote(e.Group)
	}
	dst = fmt.Appendf(dst, "%s- %s: %s\n", indent, key, name)
	indent += "  "
	if e.Usage != "" {
		dst = fmt.Appendf(dst, "%susage: %s\n", indent, word(e.Usage))
	}
	if e.Min != nil {
		dst = fmt.Appendf(dst, "%smin: %d\n", indent, *e.Min)
	}
	if e.Max != 0 {
		dst = fmt.Appendf(dst, "%smax: %s\n", indent, e.Max.text())
	}
	if len(e.Fields) > 0 {
		dst = fmt.Appendf(dst, "%sfields:\n", indent)
		for _, n := range numbers(e.Fields) {
			dst = fmt.Appendf(dst, "%s  \"%d\": %s\n", indent, n, e.Fields[strconv.Itoa(n)].flow())
		}
	}
	if len(e.Segments) > 0 {
		dst = fmt.Appendf(dst, "%ssegments:\n", indent)
		for _, s := range e.Segments {
			dst = s.appendYAML(dst, indent+"  ")
		}
	}
	return dst
}

func (m Many) text() string {
	if m == unbounded {
		return `"*"`
	}
	return strconv.Itoa(int(m))
}

func numbers(fields map[string]*Field) (list []int) {
	for key := range fields {
		n, _ := strconv.Atoi(key)
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// flow is a field in one line.
func (f *Field) flow() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if f.Name != "" {
		add("name: %s", quote(f.Name))
	}
	if f.Usage != "" {
		add("usage: %s", word(f.Usage))
	}
	if f.When != nil {
		when := "path: " + word(f.When.Path)
		if len(f.When.In) > 0 {
			when += ", in: [" + quoted(f.When.In) + "]"
		}
		if f.When.Not {
			when += ", not: true"
		}
		add("when: { %s }", when)
	}
	if f.Min > 0 {
		add("min: %d", f.Min)
	}
	if f.Max != 0 {
		add("max: %s", f.Max.text())
	}
	if f.Type != "" {
		add("type: %s", word(f.Type))
	}
	if f.Length > 0 {
		add("length: %d", f.Length)
	}
	if f.Table != "" {
		add("table: %s", quote(f.Table))
	}
	if len(f.Values) > 0 {
		add("values: [%s]", quoted(f.Values))
	}
	if len(f.Components) > 0 {
		var inner []string
		for _, n := range numbers(f.Components) {
			inner = append(inner, fmt.Sprintf("\"%d\": %s", n, f.Components[strconv.Itoa(n)].flow()))
		}
		add("components: { %s }", strings.Join(inner, ", "))
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
