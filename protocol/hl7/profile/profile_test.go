package profile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

func compiled(tb testing.TB, declaration string) *Profile {
	tb.Helper()
	var r Ref
	if err := json.Unmarshal([]byte(declaration), &r); err != nil {
		tb.Fatal(err)
	}
	p, err := r.Resolve()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// texts takes a message apart that is written line by line.
func texts(lines ...string) *er7.Text {
	t := &er7.Text{Body: []byte(strings.Join(lines, "\r") + "\r"), Delims: er7.Usual}
	at := 0
	for _, l := range lines {
		t.Segments = append(t.Segments, protocol.Span{Off: int32(at), Len: int32(len(l))})
		at += len(l) + 1
	}
	return t
}

// told is what is wrong with t, as "path rule".
func (p *Profile) told(t *er7.Text) string {
	var list []string
	for _, r := range p.AppendReasons(nil, t) {
		list = append(list, r.Path+" "+r.Rule)
	}
	return strings.Join(list, ", ")
}

const header = `MSH|^~\&|EPIC|MAIN|LIS|REF|20260419101500||ADT^A01^ADT_A01|MSG00001|P|2.5`

// results is the order of an ORU^R01 (HL7 v2.5, 7.3.1).
const results = `{"segments": ["MSH", {"group": "patient result", "max": "*", "segments": [
	{"group": "patient", "usage": "O", "segments": ["PID", {"segment": "PD1", "usage": "O"}, {"segment": "NTE", "usage": "O", "max": "*"},
		{"group": "visit", "usage": "O", "segments": ["PV1", {"segment": "PV2", "usage": "O"}]}]},
	{"group": "order observation", "max": "*", "segments": [{"segment": "ORC", "usage": "O"}, "OBR", {"segment": "NTE", "usage": "O", "max": "*"},
		{"group": "observation", "usage": "O", "max": "*", "segments": ["OBX", {"segment": "NTE", "usage": "O", "max": 2}]}]}]},
	{"segment": "DSC", "usage": "O"}]}`

func TestOrder(t *testing.T) {
	p := compiled(t, results)
	for _, c := range []struct{ segments, want string }{
		{"MSH PID PV1 ORC OBR OBX OBX NTE OBX OBR OBX", ""},
		{"MSH OBR", ""},
		{"MSH OBR NTE NTE NTE OBX NTE NTE OBX", ""},
		{"MSH PID OBR PID NTE OBR ORC OBR DSC", ""},
		{"MSH PID ZZZ OBR ZAB OBX", ""},
		{"MSH", "OBR required"},
		{"MSH PID PV1", "OBR required"},
		{"MSH PID OBX", "OBR required"},
		{"MSH OBR OBX NTE NTE NTE", "NTE[3] cardinality"},
		{"MSH PID PID OBR", "PID[2] cardinality"},
		{"MSH OBR DSC OBX", "OBX order"},
		{"MSH PV1 OBR", "PID required"},
		{"MSH OBR EVN", "EVN order"},
		{"MSH MSH OBR", "MSH order"},
		{"PID OBR", "MSH required"},
	} {
		lines := strings.Fields(c.segments)
		if got := p.told(texts(lines...)); strings.ReplaceAll(got, "MSH[2]", "MSH") != c.want && !(c.want == "MSH order" && got == "MSH[2] cardinality") {
			t.Errorf("%s: got %q, want %q", c.segments, got, c.want)
		}
	}
}

const admissions = `{"messages": ["ADT^A01", "ADT^A04", "ORU"], "others": "none", "tables": {"sex": ["M", "F", "U"]}, "segments": [
	{"segment": "MSH", "fields": {"7": {"type": "TS"}, "9": {"usage": "R"}, "12": {"values": ["2.5"]}}}, "EVN",
	{"segment": "PID", "fields": {"1": {"type": "SI"}, "3": {"usage": "R", "min": 1, "max": 2, "components": {"1": {"usage": "R", "length": 8}, "4": {"components": {"2": {"usage": "X"}}}}},
		"7": {"type": "DTM"}, "8": {"table": "sex"}, "19": {"usage": "C", "when": {"path": "PID-8", "in": ["U"]}}}},
	{"segment": "NK1", "usage": "O", "max": "*", "fields": {"2": {"usage": "R"}, "40": {"usage": "R"}}},
	{"segment": "ZFA", "usage": "X"}]}`

func TestFields(t *testing.T) {
	p := compiled(t, admissions)
	pid := func(n int, text string) string {
		fields := strings.Split("PID|1||4711^^^HOSP||DOE^JOHN||19700101|M", "|")
		for len(fields) <= n {
			fields = append(fields, "")
		}
		fields[n] = text
		return strings.Join(fields, "|")
	}
	for _, c := range []struct{ line, want string }{
		{pid(1, "1"), ""}, {pid(1, "x"), "PID-1 type"}, {pid(3, ""), "PID-3 required"}, {pid(3, "1~2~3"), "PID-3[3] cardinality"},
		{pid(3, "1~^^^HOSP"), "PID-3[2].1 required"}, {pid(3, "123456789"), "PID-3.1 length"}, {pid(3, "1^^^A&B"), "PID-3.4.2 forbidden"},
		{pid(7, "19701301"), "PID-7 type"}, {pid(7, `""`), ""}, {pid(7, "20000229120000.1234+0100"), ""}, {pid(8, "Q"), "PID-8 table"}, {pid(8, "F^x"), ""},
		{pid(8, "U"), "PID-19 conditional"}, {pid(8, "U") + "|||||||||||7", ""}, {"PID", "PID-3 required"},
		{pid(1, "1") + "\rZFA|1", "ZFA forbidden"}, {pid(1, "1") + "\rZZZ|1", "ZZZ order"}, {pid(1, "1") + "\rNK1|1|" + "\rNK1|1|MUM" + strings.Repeat("|", 37) + "|x", "NK1-2 required, NK1-40 required"},
		{pid(1, "1") + "\rNK1|1|A\rNK1|2", "NK1-40 required, NK1[2]-2 required, NK1[2]-40 required"},
	} {
		lines := append([]string{header, "EVN|A01"}, strings.Split(c.line, "\r")...)
		if got := p.told(texts(lines...)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
	}
	if got := p.told(texts(strings.Replace(header, "|2.5", "|2.6", 1), "EVN", pid(1, "1"))); got != "MSH-12 table" {
		t.Errorf("another version: got %q", got)
	}
	for name, want := range map[string]bool{"ADT^A01": true, "ADT^A02": false, "ORU^R01": true, "ORU": true, "ORX^R01": false} {
		if p.Matches([]byte(name), []byte("2.5")) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestTypes(t *testing.T) {
	for kind, values := range map[string]struct{ good, bad string }{
		"DT":  {"2026 202602 20260228 20240229 20000229", "26 20261 20261301 20260229 19000229 2026-01-01 2026022 x 202600 20260100"},
		"TM":  {"00 2359 235960 120000.1 120000.1234 12+0100 1200-0530", "24 1 1260 12000 120000. 120000.12345 12+1 12+0160 12+1500 1200.5"},
		"DTM": {"2026 20260102 2026010212 202601021230 20260102123045 20260102123045.12 20260102123045+0100 2026+0100", "202601021 2026-01-02 20260102T12 20260102123045+0100+0100 20260102246"},
		"TS":  {"20260102", "2026010225"},
		"NM":  {"0 12 -1 +1 1.5 .5 5. -0.25", "x 1e5 1,5 - . +. 1.2.3 0x1"},
		"SI":  {"0 1 9999", "-1 10000 1.0 x"},
		"ST":  {"anything x", ""},
	} {
		for _, v := range strings.Fields(values.good) {
			if want := mismatch(kind, []byte(v)); want != "" {
				t.Errorf("%s: %q is refused: want %s", kind, v, want)
			}
		}
		for _, v := range strings.Fields(values.bad) {
			if mismatch(kind, []byte(v)) == "" {
				t.Errorf("%s: %q is accepted", kind, v)
			}
		}
	}
}

func TestMistakesInADeclaration(t *testing.T) {
	for declaration, want := range map[string]string{
		`{}`:                                    "segments: want MSH first",
		`{"segments": ["PID"]}`:                 "segments: want MSH first",
		`{"segments": ["MSH", "pid"]}`:          "segments[1].segment",
		`{"segments": ["MSH", null]}`:           "segments[1]",
		`{"segments": ["MSH", {"group": "g"}]}`: "segments[1]",
		`{"segments": ["MSH", {"segment": "PID", "min": 2}]}`:                                                                    "segments[1].min",
		`{"segments": ["MSH", {"segment": "PID", "usage": "C"}]}`:                                                                "segments[1].usage",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"x": {}}}]}`:                                                         "segments[1].fields[x]",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"3": {"usage": "Q"}}}]}`:                                             "segments[1].fields[3].usage",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"3": {"usage": "C"}}}]}`:                                             "segments[1].fields[3].when",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"3": {"usage": "C", "when": {"path": "x"}}}}]}`:                      "segments[1].fields[3].when.path",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"3": {"table": "t"}}}]}`:                                             "segments[1].fields[3].table",
		`{"segments": ["MSH", {"segment": "PID", "fields": {"3": {"components": {"1": {"length": -1}}}}}]}`:                      "segments[1].fields[3].components[1].length",
		`{"segments": ["MSH"], "others": "all"}`:                                                                                 "others",
		`{"segments": ["MSH"], "messages": ["adt"]}`:                                                                             "messages[0]",
		`{"segments": ["MSH", ` + strings.Repeat(`{"group": "g", "segments": [`, 14) + `"PID"` + strings.Repeat("]}", 14) + `]}`: "at most 12 deep",
	} {
		var r Ref
		err := json.Unmarshal([]byte(declaration), &r)
		if err == nil {
			_, err = r.Resolve()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", declaration, err, want)
		}
	}
	for _, wrong := range []string{`"a.yaml"`, `{"segment": []}`, `{"segments": [{"segment": "MSH", "max": 0}]}`, `{"segments": [{"segment": "MSH", "max": "many"}]}`, `{"segments": [{"segment": "MSH", "fields": {"1": {"len": 3}}}]}`} {
		if json.Unmarshal([]byte(wrong), new(Ref)) == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}

// What a tree says is generated from it conforms, and with a segment taken out that is needed, or one put in that has no place
// anywhere, it does not.
func TestOrderModel(t *testing.T) {
	names := []string{"AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH", "III", "JJJ"}
	rapid.Check(t, func(t *rapid.T) {
		// Each name stands once, so that nothing is ambiguous.
		left := append([]string{}, names...)
		var tree func(depth int) []*Element
		tree = func(depth int) (list []*Element) {
			for range rapid.IntRange(1, 4).Draw(t, "children") {
				if len(left) == 0 {
					break
				}
				e := &Element{Max: rapid.SampledFrom([]Many{1, 1, 2, unbounded}).Draw(t, "max"), Usage: rapid.SampledFrom([]string{"R", "O"}).Draw(t, "usage")}
				if depth < 3 && len(left) > 2 && rapid.Bool().Draw(t, "group") {
					e.Group, e.Segments = "g", tree(depth+1)
				} else {
					e.Segment, left = left[0], left[1:]
				}
				list = append(list, e)
			}
			return list
		}
		d := &Declaration{Others: "none", Segments: append([]*Element{{Segment: "MSH"}}, tree(0)...)}
		p, err := d.Profile()
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		var write func(list []*Element)
		write = func(list []*Element) {
			for _, e := range list {
				least, most := 1, min(3, max(1, int(e.Max)))
				if e.Usage == "O" {
					least = 0
				}
				for range rapid.IntRange(least, most).Draw(t, "times") {
					if e.Segment != "" {
						lines = append(lines, e.Segment)
					}
					before := len(lines)
					write(e.Segments)
					if e.Segment == "" && len(lines) == before {
						break // a run of nothing
					}
				}
			}
		}
		write(d.Segments)
		if got := p.told(texts(lines...)); got != "" {
			t.Fatalf("%v of %s: got %q", lines, show(d), got)
		}
		at := rapid.IntRange(1, len(lines)).Draw(t, "at")
		odd := append(append(append([]string{}, lines[:at]...), "QQQ"), lines[at:]...)
		if got := p.told(texts(odd...)); got != "QQQ order" {
			t.Fatalf("%v of %s: got %q, want QQQ order", odd, show(d), got)
		}
	})
}

func show(d *Declaration) string { text, _ := json.Marshal(d); return string(text) }

func TestAMessageThatConformsCostsNoMemory(t *testing.T) {
	p := compiled(t, admissions)
	m := texts(header, "EVN|A01", "PID|1||4711^^^HOSP||DOE^JOHN||19700101|M")
	reasons := make([]protocol.Reason, 0, 8)
	if n := testing.AllocsPerRun(100, func() { reasons = p.AppendReasons(reasons[:0], m) }); n != 0 || len(reasons) > 0 {
		t.Errorf("%v allocations, %v", n, reasons)
	}
}

// A hostile message takes time in proportion to its length, and is told of eight times.
func TestManySegments(t *testing.T) {
	p := compiled(t, results)
	lines := []string{"MSH"}
	for i := range 200_000 {
		lines = append(lines, []string{"OBR", "OBX", "NTE", "EVN", "PV2"}[i%5])
	}
	if got := p.AppendReasons(nil, texts(lines...)); len(got) != mostReasons {
		t.Errorf("%d reasons, want %d", len(got), mostReasons)
	}
}

func FuzzCheck(f *testing.F) {
	p := compiled(f, admissions)
	for _, s := range []string{header + "\rEVN|A01\rPID|1||4711^^^HOSP||DOE^JOHN||19700101|M", "MSH\rPID|||^&~", "MSH|\r\r\rNK1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := texts(strings.Split(body, "\r")...)
		for _, r := range p.AppendReasons(nil, m) {
			if _, err := er7.ParsePath(r.Path); err != nil && r.Rule != "order" || r.Off < 0 || r.Off > len(m.Body) {
				t.Errorf("%+v: %v", r, err)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	p := compiled(b, admissions)
	m := texts(header, "EVN|A01", "PID|1||4711^^^HOSP||DOE^JOHN||19700101|M", "NK1|1|MUM"+strings.Repeat("|", 38)+"x")
	var reasons []protocol.Reason
	b.ReportAllocs()
	for b.Loop() {
		reasons = p.AppendReasons(reasons[:0], m)
	}
	if len(reasons) > 0 {
		b.Fatal(fmt.Sprint(reasons))
	}
}
