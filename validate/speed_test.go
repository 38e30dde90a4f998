package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
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

// order is a request of about 1 KiB with what such requests have, and its schema.
func order(t testing.TB) (doc, body []byte) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("testdata", "order.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if body, err = os.ReadFile(filepath.Join("testdata", "order.json")); err != nil {
		t.Fatal(err)
	}
	return doc, body
}

func TestAValidOrderCostsNoAllocation(t *testing.T) {
	doc, body := order(t)
	p := mustCompile(t, Options{}, Rule{Schema: &Schema{Document: doc, Methods: map[string]string{"order.place": ""}}})
	c, m := p.Validator(nil), message("order.place", string(body))
	if got := testing.AllocsPerRun(100, func() {
		if err := c.Validate(m); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// orderChecker returns what validates an order, and the order.
func orderChecker(b *testing.B) (*Checker, *protocol.Message) {
	doc, body := order(b)
	p := mustCompile(b, Options{}, Rule{Schema: &Schema{Document: doc, Methods: map[string]string{"order.place": ""}}})
	// A codec knows where its content is; the fake would look for its end each time.
	p.rules[0].engine.(*document).get = func(m *protocol.Message) (protocol.Value, bool) {
		return protocol.Value{Type: protocol.Map, Raw: m.Body}, true
	}
	return p.Validator(nil), message("order.place", string(body))
}

// orderLibrary returns the same by the library, with decoding.
func orderLibrary(b *testing.B) func() bool {
	doc, body := order(b)
	p, budget := pairOf(doc), Options{}.withDefaults().Budget
	return func() bool {
		x, wrong := decode(body, budget)
		return wrong == nil && p.library.Validate(x) == nil
	}
}

func BenchmarkSchema1KiB(b *testing.B) {
	c, m := orderChecker(b)
	b.SetBytes(int64(len(m.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Validate(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSchema1KiBLibrary(b *testing.B) {
	valid := orderLibrary(b)
	b.ReportAllocs()
	for b.Loop() {
		if !valid() {
			b.Fatal("not valid")
		}
	}
}

// BenchmarkSchema1KiBRefused is an order with three mistakes, and all that is told of them.
func BenchmarkSchema1KiBRefused(b *testing.B) {
	c, m := orderChecker(b)
	wrong := strings.NewReplacer(`"CHF"`, `"XXX"`, `"8001"`, `"8"`, `"days":30`, `"days":31`)
	m = message("order.place", wrong.Replace(string(m.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if f, ok := c.Validate(m).(*Failure); !ok || len(f.Reasons()) != 3 {
			b.Fatalf("got %v", f)
		}
	}
}

// BenchmarkSchema1KiBRatio takes turns, so that both have the same of what else the machine
// does: "times" is how many orders are validated while the library does one.
func BenchmarkSchema1KiBRatio(b *testing.B) {
	c, m := orderChecker(b)
	valid := orderLibrary(b)
	const turn = 20
	var mine, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		for range turn {
			if err := c.Validate(m); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		if !valid() {
			b.Fatal("not valid")
		}
		mine += middle.Sub(start)
		theirs += time.Since(middle)
	}
	b.ReportMetric(turn*float64(theirs)/float64(mine), "times")
}
