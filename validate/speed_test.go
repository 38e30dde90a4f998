package validate

import (
	"strings"
	"testing"
)

var valid = `{"item":"pen","qty":12,"day":"20240229","note":"` + strings.Repeat("x", 900) + `"}`

func cheapRules() []Rule {
	return []Rule{
		{Allow: []string{"order.place", "order.status"}},
		{Deny: []string{"admin"}},
		{Limits: &Limits{Bytes: 2000, Depth: 4, Items: 10, Length: 1000}},
		{Field: &Field{Path: "/item", Required: true, Type: "string", Pattern: "^[a-z]+$", MaxLength: ptr(10), In: []string{"pen"}}},
		{Field: &Field{Path: "/qty", Required: true, Type: "integer", Min: ptr(1.0), Max: ptr(1000.0)}},
		{Field: &Field{Path: "/day", Format: "YYYYMMDD"}},
		{Field: &Field{Path: "/none", Forbidden: true}},
	}
}

func TestAValidMessageCostsNoAllocation(t *testing.T) {
	c, m := mustCompile(t, Options{}, cheapRules()...).Validator(nil), message("order.place", valid)
	got := testing.AllocsPerRun(100, func() {
		if err := c.Validate(m); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

func benchmark(b *testing.B, rules ...Rule) {
	c, m := mustCompile(b, Options{}, rules...).Validator(nil), message("order.place", valid)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Validate(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllowAndFields(b *testing.B) { benchmark(b, cheapRules()...) }

func BenchmarkExpression(b *testing.B) {
	benchmark(b, Rule{Expr: `field("/qty") < 100 and name in ["order.place", "order.status"]`})
}

func BenchmarkSchema1KiB(b *testing.B) {
	doc := strings.Replace(orders, `"day"`, `"note": {"type": "string"}, "day"`, 1)
	doc = strings.Replace(doc, `"format": "date"`, `"pattern": "^[0-9]{8}$"`, 1)
	benchmark(b, Rule{Schema: &Schema{Document: []byte(doc)}})
}
