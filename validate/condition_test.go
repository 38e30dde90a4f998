package validate

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"

	"github.com/sallyport/sallyport/protocol"
)

// simple compiles an expression that is comparisons alone.
func simple(t testing.TB, text string) *expression {
	t.Helper()
	e := mustCompile(t, Options{}, Rule{Expr: text}).rules[0].engine.(*expression)
	if e.simple == nil {
		t.Errorf("%s: it is left to the engine", text)
	}
	return e
}

func TestWhichExpressionsAreConditions(t *testing.T) {
	for _, text := range []string{
		`name == "a"`, `"a" != name`, `kind == "request"`, `size < 100`, `100 >= size`, `id in ["a", "b"]`, `size in [1, 2]`,
		`field("/q") in [1, "a", true, 2.5]`, `text("/q") matches "^a+$"`, `not (name == "a") && (has("/q") || count("/q") > 3)`,
		`!has("/q") or type("/q") != "null" and number("/q") <= -2.5`, `field("/q") == nil`, `true`, `name < "b"`, `not has("/q")`,
	} {
		simple(t, text)
	}
	for _, text := range []string{
		`field("/q") == field("/r")`, `len(name) < 3`, `name startsWith "a"`, `any(["a"], name == #)`, `let x = name; x == "a"`,
		`size + 1 > 3`, `name == "a" ? true : false`, `lower(name) == "a"`, `size in 1..3 and len(name) > 1`,
	} {
		if e := mustCompile(t, Options{}, Rule{Expr: text}).rules[0].engine.(*expression); e.simple != nil {
			t.Errorf("%s: got a condition", text)
		}
	}
}

func TestConditionsAtTheirBounds(t *testing.T) {
	m := message("b", `{"l":[1,2],"n":2.5}`)
	for text, want := range map[string]outcome{
		`size < 19`: no, `size <= 19`: yes, `size > 18`: yes, `19 > size`: no, `18.5 < size`: yes, `size >= 19.5`: no,
		`count("/l") < 2`: no, `count("/l") >= 2`: yes, `field("/n") > 2.5`: no, `field("/n") >= 2.5`: yes, `name < "b"`: no, `name <= "b"`: yes,
		`field("/l") < 2`: unknown, `number("/none") < 2`: unknown, `field("/n") < "a"`: unknown, `field("/n") in ["a"]`: unknown,
	} {
		if got := simple(t, text).simple.outcome(m, 100); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

func TestConditionsCostNoAllocation(t *testing.T) {
	m := message("order.place", `{"qty":12,"item":"pen","tags":["a","b"],"gift":true}`)
	m.ID = []byte("17")
	for _, text := range []string{
		`field("/qty") < 100 and name in ["order.place", "order.status"]`,
		`field("/item") == "pen" and field("/gift") == true and field("/none") == nil`,
		`text("/item") matches "^[a-z]+$" and id != "" and kind == "request"`,
		`count("/tags") == 2 and type("/tags") == "list" and has("/qty") and size > 5`,
		`field("/qty") in [10, 11, 12] and not (name == "x" or number("/qty") > 99.5)`,
	} {
		simple(t, text)
		c := mustCompile(t, Options{}, Rule{Expr: text}).Validator(nil)
		if got := testing.AllocsPerRun(100, func() {
			if err := c.Validate(m); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", text, got)
		}
	}
}

// expression writes one that compiles mostly.
func (c *choices) expression(depth int) string {
	if depth > 0 {
		switch c.of(6) {
		case 1:
			return "(" + c.expression(depth-1) + pick(c, []string{" and ", " && "}) + c.expression(depth-1) + ")"
		case 2:
			return "(" + c.expression(depth-1) + pick(c, []string{" or ", " || "}) + c.expression(depth-1) + ")"
		case 3:
			return pick(c, []string{"not ", "!"}) + "(" + c.expression(depth-1) + ")"
		}
	}
	path := pick(c, []string{"/s", "/n", "/t", "/z", "/l", "/o", "/none", "/big", "/digits", "/e", "/l/0"})
	texts := []string{`"a"`, `"b"`, `""`, `"request"`, `"number"`, `"5"`, `"\u00e4"`}
	numbers := []string{"0", "5", "-1", "5.0", "2.5", "1000", "9007199254740993", "1e3"}
	anything := append(append([]string{"true", "false", "nil"}, texts...), numbers...)
	compared := pick(c, []string{"==", "!=", "<", "<=", ">", ">="})
	list := func(of []string) string { return c.list(3, false, func() string { return pick(c, of) }) }
	switch c.of(9) {
	case 0:
		return fmt.Sprintf("field(%q) %s %s", path, compared, pick(c, anything))
	case 1:
		return fmt.Sprintf("%s %s field(%q)", pick(c, anything), compared, path)
	case 2:
		return fmt.Sprintf("field(%q) in %s", path, list(pick(c, [][]string{texts, numbers, anything})))
	case 3:
		return fmt.Sprintf("has(%q)", path)
	case 4:
		return pick(c, []string{"name", "kind", "id", fmt.Sprintf("text(%q)", path), fmt.Sprintf("type(%q)", path)}) + " " + compared + " " + pick(c, texts)
	case 5:
		return pick(c, []string{"size", fmt.Sprintf("number(%q)", path), fmt.Sprintf("count(%q)", path)}) + " " + compared + " " + pick(c, numbers)
	case 6:
		return pick(c, []string{"name", "kind", "id", fmt.Sprintf("text(%q)", path), fmt.Sprintf("type(%q)", path)}) + " in " + list(texts)
	case 7:
		return pick(c, []string{"size", fmt.Sprintf("number(%q)", path), fmt.Sprintf("count(%q)", path)}) + " in " + list(numbers)
	}
	what := pick(c, []string{"name", "kind", "id", fmt.Sprintf("text(%q)", path), fmt.Sprintf("field(%q)", path)})
	return what + " matches " + quoted(pick(c, somePatterns[:10]))
}

// body has something at every path of expressions, mostly.
func (c *choices) body() string {
	members := []string{
		`"s":` + quoted(pick(c, []string{"a", "b", "", "ä", "request", "5", "NaN", "-Inf", "1e3"})),
		`"n":` + pick(c, []string{"5", "-1", "0", "5.0", "2.5", "1000", "9007199254740993", "1e400"}),
		`"t":` + pick(c, []string{"true", "false"}), `"z":null`,
		`"l":` + pick(c, []string{"[]", "[5]", `["a",1]`, "[[1,2],{}]"}), `"o":{"a":1}`,
		`"big":` + pick(c, []string{`"a"`, `"` + strings.Repeat("a", 300) + `"`}),
		`"digits":` + quoted(pick(c, []string{"5", "x", "2.50", strings.Repeat("1", 70)})), `"e":"\u0061"`,
	}
	at := c.of(len(members) + 4)
	if at < len(members) {
		members = append(members[:at], members[at+1:]...)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// sameOutcome compares an expression with and without its condition.
func sameOutcome(t *testing.T, data []byte) (isSimple bool) {
	in := &choices{data: data}
	text := in.expression(3)
	p, err := Compile(fake{json: true}, []Rule{{Expr: text}}, Options{Budget: Budget{Text: 200}})
	if err != nil {
		return false
	}
	with := p.rules[0].engine.(*expression)
	if with.simple == nil {
		return false // such as a list with nil
	}
	without := *with
	without.simple = nil
	m := message(pick(in, []string{"a", "b", "", "5"}), in.body())
	m.ID = []byte(pick(in, []string{"", "5", "a"}))
	m.Kind = pick(in, []protocol.Kind{protocol.Request, protocol.OneWay})
	c := p.Validator(nil)
	outcome := func(e *expression) string {
		p.rules[0].engine = e
		return fmt.Sprint(c.Validate(m))
	}
	want := outcome(&without)
	if got := outcome(with); got != want {
		t.Errorf("%s of %s: got %s, want %s", text, m.Body, got, want)
	}
	// What the condition says is true or false is so; it may know neither.
	switch o := with.simple.outcome(m, 200); {
	case o == yes && want != "<nil>", o == no && (want == "<nil>" || strings.Contains(want, ".applicable") || strings.Contains(want, ".budget")):
		t.Errorf("%s of %s: got the outcome %d, want %s", text, m.Body, o, want)
	}
	return true
}

// With its condition an expression has the same outcome as without.
func FuzzCondition(f *testing.F) {
	for i := range 32 {
		var seed []byte
		for k := range 60 {
			seed = append(seed, byte(i*k*29+k*k*5+i*3))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameOutcome(t, data) })
}

func TestConditionsDifferNowhere(t *testing.T) {
	n, conditions := 0, 0
	check := func(data [100]byte) bool {
		n++
		if sameOutcome(t, data[:]) {
			conditions++
		}
		return !t.Failed()
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error("they differ")
	}
	t.Logf("%d expressions, %d are conditions", n, conditions)
	if conditions < n/4 {
		t.Error("too few are of use")
	}
}

func BenchmarkCondition(b *testing.B) {
	e := simple(b, `field("/qty") < 100 and name in ["order.place", "order.status"]`)
	m := message("order.place", valid)
	for name, e := range map[string]*expression{"condition": e, "engine": {program: e.program, getters: e.getters, path: e.path, want: e.want}} {
		b.Run(name, func(b *testing.B) {
			p := mustCompile(b, Options{}, Rule{Expr: "true"})
			p.rules[0].engine = e
			c := p.Validator(nil)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Validate(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
