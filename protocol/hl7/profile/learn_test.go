package profile

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever was added conforms to what is proposed.
func TestWhatWasLearntPasses(t *testing.T) {
	names := []string{"PID", "PV1", "ORC", "OBR", "OBX", "NTE", "ZAA"}
	values := []string{"", "1", "12", "20260102", "2026010212", "-1.5", "x", "a^b", "1~2", `""`, "a^b~c", "^x"}
	rapid.Check(t, func(t *rapid.T) {
		l := NewLearner()
		var messages [][]string
		for range rapid.IntRange(1, 6).Draw(t, "messages") {
			lines := []string{header}
			for range rapid.IntRange(0, 9).Draw(t, "segments") {
				line := rapid.SampledFrom(names).Draw(t, "name")
				for range rapid.IntRange(0, 3).Draw(t, "fields") {
					line += "|" + rapid.SampledFrom(values).Draw(t, "value")
				}
				lines = append(lines, line)
			}
			messages = append(messages, lines)
			l.Add(texts(lines...), []byte("ADT^A01"))
		}
		list := l.Declarations()
		if len(list) != 1 {
			t.Fatalf("%d proposals", len(list))
		}
		p, err := list[0].Profile()
		if err != nil {
			t.Fatalf("%v\n%s", err, list[0].AppendYAML(nil, ""))
		}
		for _, lines := range messages {
			if got := p.told(texts(lines...)); got != "" {
				t.Fatalf("%q: got %q of\n%s", lines, got, list[0].AppendYAML(nil, ""))
			}
		}
	})
}

// A result with its groups is recognised as that, and what is another is refused.
func TestLearnResults(t *testing.T) {
	l := NewLearner()
	for _, order := range []string{"MSH PID PV1 ORC OBR OBX NTE OBX OBX ORC OBR OBX", "MSH PID ORC OBR OBX", "MSH PID PV1 ORC OBR NTE OBX NTE NTE"} {
		lines := strings.Fields(order)
		lines[0] = strings.Replace(header, "ADT^A01^ADT_A01", "ORU^R01", 1)
		for i := range lines[1:] {
			lines[1+i] += "|1||" + strings.Repeat("x", 30)
		}
		l.Add(texts(lines...), []byte("ORU^R01"))
	}
	d := l.Declarations()[0]
	text := string(d.AppendYAML(nil, ""))
	for _, want := range []string{"- group: \"from ORC on\"\n", "- segment: PV1\n      usage: O\n", `"3": { usage: R, max: 1, length: 40 }`, `messages: ["ORU^R01"]`} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	p, err := d.Profile()
	if err != nil {
		t.Fatal(err)
	}
	for order, want := range map[string]string{"MSH ORC OBR OBX": "PID required", "MSH PID OBR OBX": "ORC required", "MSH PID ORC OBR OBX EVN": "EVN order"} {
		lines := strings.Fields(order)
		lines[0] = header
		for i := range lines[1:] {
			lines[1+i] += "|1||x"
		}
		if got := p.told(texts(lines...)); got != want {
			t.Errorf("%s: got %q, want %q", order, got, want)
		}
	}
	if strings.Contains(text, "xxx") {
		t.Error("a value stands in the proposal")
	}
}

// Too many orders to remember are any order.
func TestLearnIsBounded(t *testing.T) {
	l := NewLearner()
	for i := range mostOrders + 10 {
		lines := []string{header}
		for bit := range 14 {
			lines = append(lines, []string{"AAA", "BBB"}[i>>bit&1], "CCC")
		}
		l.Add(texts(lines...), []byte("ADT^A01"))
	}
	for i := range mostTypes + 10 {
		l.Add(texts(header), []byte{'Z', byte(i), byte(i >> 8)})
	}
	if k := l.types["ADT^A01"]; len(k.orders) > mostOrders || !k.wild || len(l.types) != mostTypes {
		t.Errorf("%d orders, %d types", len(k.orders), len(l.types))
	}
	p, err := l.Declarations()[0].Profile()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.told(texts(header, "CCC", "BBB", "AAA", "CCC")); got != "" {
		t.Errorf("any order: got %q", got)
	}
}

// Of more names than are remembered, the others may stand anywhere, and those that are remembered go on being looked at.
func TestLearnOfTooManyNames(t *testing.T) {
	l := NewLearner()
	many := []string{header}
	for i := range mostNames + 50 {
		many = append(many, string([]byte{'A' + byte(i/26), 'A' + byte(i%26), 'X'})+"|1")
	}
	l.Add(texts(many...), []byte("ADT^A01"))
	long := []string{header, "AAX|" + strings.Repeat("x", 300), "9|odd", "AAX", "JZX"}
	l.Add(texts(long...), []byte("ADT^A01"))
	d := l.Declarations()[0]
	p, err := d.Profile()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(l.types["ADT^A01"].segments); n != mostNames || d.Others != "any" {
		t.Errorf("%d names, others %q", n, d.Others)
	}
	for _, lines := range [][]string{many, long} {
		if got := p.told(texts(lines...)); got != "" {
			t.Errorf("%.40q: got %q", lines, got)
		}
	}
}

// What is kept in all does not grow with the number of types.
func TestLearnKeepsSoMuchInAll(t *testing.T) {
	l := NewLearner()
	for i := range 25 {
		name := []byte("Z" + string([]byte{'A' + byte(i/26), 'A' + byte(i%26)}))
		lines := []string{header}
		for j := range mostNames - 1 {
			lines = append(lines, string([]byte{'A' + byte(j/26), 'A' + byte(j%26), 'X'})+strings.Repeat("|1", 50))
		}
		l.Add(texts(lines...), name)
	}
	if l.fields != mostFields {
		t.Errorf("%d fields, want %d", l.fields, mostFields)
	}
	l.text = mostText
	order := []string{header, "OBX", "PID", "OBX"}
	l.Add(texts(order...), []byte("ADT^A01"))
	if k := l.types["ADT^A01"]; !k.wild || len(k.orders) != 0 {
		t.Errorf("%d orders are kept where there is no room", len(k.orders))
	}
	for _, d := range l.Declarations() {
		p, err := d.Profile()
		if err != nil {
			t.Fatal(err)
		}
		if d.Messages[0] == "ADT^A01" && p.told(texts(order...)) != "" {
			t.Error("what was added does not pass")
		}
	}
}

// A type is proposed if enough values were of it, the narrowest of those.
func TestLearnTypes(t *testing.T) {
	for want, values := range map[string][]string{
		"SI": {"1", "20"}, "DT": {"20260102", "1950"}, "DTM": {"202601021130", "20260102"}, "NM": {"1", "-2.5"}, "TM": {"1130+0100", "11"}, "": {"1", "x"},
	} {
		l := NewLearner()
		for i := range enough - 1 {
			l.Add(texts(header, "OBX|"+values[i%2]), []byte("ORU^R01"))
		}
		few := l.Declarations()[0].Segments[1].Fields["1"].Type
		l.Add(texts(header, "OBX|"+values[0]+"|a^b"), []byte("ORU^R01"))
		if got := l.Declarations()[0].Segments[1].Fields["1"].Type; got != want || few != "" {
			t.Errorf("%q: got %q, of fewer %q, want %q", values, got, few, want)
		}
	}
}
