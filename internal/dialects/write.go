package dialects

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// YAML returns decl as a file, a line for each field.
func YAML(decl *dialect.Declaration) []byte {
	var b bytes.Buffer
	v := reflect.ValueOf(*decl)
	for i := range v.NumField() {
		if key := keyOf(v.Type().Field(i)); key != "fields" && !v.Field(i).IsZero() {
			fmt.Fprintf(&b, "%s: %s\n", key, flow(v.Field(i)))
		}
	}
	b.WriteString("fields:\n")
	for _, key := range slices.SortedFunc(maps.Keys(decl.Fields), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	}) {
		fmt.Fprintf(&b, "  %s: %s\n", key, flow(reflect.ValueOf(decl.Fields[key])))
	}
	return b.Bytes()
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return key
}

// bare is text that needs no quotes in the flow style of YAML.
var bare = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 .+/()'_-]*$`)

// flow writes v in the flow style.
func flow(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		return flow(v.Elem())
	case reflect.String:
		text := v.String()
		if bare.MatchString(text) && strings.TrimSpace(text) == text && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
			return text
		}
		return strconv.Quote(strings.ReplaceAll(text, "$", "$$")) // where it is read ${...} stands for something else
	case reflect.Slice:
		var items []string
		for i := range v.Len() {
			items = append(items, flow(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Struct:
		return "{ " + strings.Join(members(v), ", ") + " }"
	}
	return fmt.Sprint(v.Interface())
}

// members are those of a struct that say something, those of embedded structs too.
func members(v reflect.Value) (list []string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Anonymous:
			list = append(list, members(v.Field(i))...)
		case !f.IsExported() || v.Field(i).IsZero():
		default:
			list = append(list, keyOf(f)+": "+flow(v.Field(i)))
		}
	}
	return list
}
