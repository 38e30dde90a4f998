package frame

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestEveryMistakeIsReportedWithItsMember(t *testing.T) {
	for _, v := range []struct {
		options string
		want    []string
	}{
		{`"nothing"`, []string{"preset: there is no"}},
		{`{}`, []string{"preset: there is no"}},
		{`{"preset":"nothing","width":2}`, []string{"preset: there is no"}},
		{`{"kind":"nothing"}`, []string{"kind: there is no"}},
		{`{"preset":"lines","unknown":1}`, []string{`unknown field "unknown"`}},
		{`{"kind":"lines","unknown":1}`, []string{`unknown field "unknown"`}},
		{`{"kind":"length"}`, []string{"width: 0 bytes"}},
		{`{"kind":"length","width":8}`, []string{"width: 8 bytes; want 1 to 7"}},
		{`{"kind":"length","width":10,"encoding":"bcd"}`, []string{"width: 10 bytes; want 1 to 9"}},
		{`{"kind":"length","width":-1}`, []string{"width: -1 bytes"}},
		{`{"preset":"bin2","encoding":"roman","order":"middle","zero":"maybe","block":"none"}`,
			[]string{"encoding: there is no", "order: there is no", "zero: there is no", "block: there is no"}},
		{`{"preset":"bin2","pad":-1}`, []string{"pad:"}},
		{`{"preset":"bin2","lead_size":-1}`, []string{"lead_size:"}},
		{`{"preset":"gicc","lead_size":3}`, []string{"lead_size:"}},
		{`{"preset":"bin2","block":"literal"}`, []string{"block_bytes:"}},
		{`{"preset":"bin2","block":"regex","block_regex":"("}`, []string{"block_regex:", "block_size: 0 bytes"}},
		{`{"preset":"bin2","block":"regex","block_regex":"a","block_size":-1}`, []string{"block_size: -1 bytes"}},
		{`{"preset":"nac","block_bytes":"hex:60"}`, []string{"block_bytes: 1 bytes, but the block has 5"}},
		{`{"preset":"bin2","block_bytes":"hex:60"}`, []string{"block_bytes: 1 bytes, but the block has 0"}},
		{`{"preset":"nac","max":7}`, []string{"max: the framing alone has 7 bytes"}},
		{`{"preset":"bin2","pad":1048576}`, []string{"max: the framing alone"}},
		{`{"preset":"mllp","max":3}`, []string{"max: the framing alone has 3 bytes"}},
		{`{"preset":"lines","max":-1}`, []string{"max: must not be negative"}},
		{`{"kind":"delimiter"}`, []string{"end: 0 bytes"}},
		{`{"preset":"lines","end":"12345"}`, []string{"end: 5 bytes"}},
		{`{"preset":"lines","end":"hex:0"}`, []string{"pairs of hexadecimal digits"}},
		{`{"preset":"lines","end":10}`, []string{`hexadecimal digits after "hex:"`}},
		{`{"kind":"fixed"}`, []string{"size: 0 bytes"}},
		{`{"kind":"fixed","size":-5}`, []string{"size: -5 bytes"}},
		{`{"kind":"fixed","size":2000000}`, []string{"size: 2000000 bytes"}},
	} {
		_, err := declared(v.options, protocol.Limits{})
		for _, want := range v.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", v.options, err, want)
			}
		}
	}
}

func TestAPresetIsTheBaseOfWhatElseIsDeclared(t *testing.T) {
	for text, want := range map[string]Options{
		`{"preset":"amex","zero":"reject"}`:      {Preset: "amex", Kind: "length", Width: 2, Self: true, Zero: "reject"},
		`{"preset":"amex","self":false}`:         {Preset: "amex", Kind: "length", Width: 2, Zero: "ignore"},
		`{"preset":"mllp","end":"hex:1c 0d 0a"}`: {Preset: "mllp", Kind: "delimiter", Start: Bytes{0x0b}, End: Bytes{0x1c, 0x0d, 0x0a}},
		`{"kind":"fixed","size":3}`:              {Kind: "fixed", Size: 3},
		`"lines"`:                                {Preset: "lines"},
	} {
		var got Options
		if err := json.Unmarshal([]byte(text), &got); err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	if got := string(presets["mllp"].End); got != "\x1c\x0d" {
		t.Errorf("a declaration changed its preset to %q", got)
	}
}

func TestMaxIsAtMostTheLimitOfTheRoute(t *testing.T) {
	for text, want := range map[string]bool{`"lines"`: false, `{"preset":"lines","max":1000}`: false} {
		f, err := declared(text, protocol.Limits{Frame: 10})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, fault := split(t, f, []byte("0123456789\n")); (fault == nil) != want {
			t.Errorf("%s: 11 bytes with a limit of 10: got %v", text, fault)
		}
	}
	f, err := New(Options{Preset: "lines", Max: 5}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, fault := split(t, f, []byte("012345\n")); fault == nil {
		t.Error("Max beside a Preset is not heeded")
	}
}

func TestBytesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{`"hex:1c0d"`: "\x1c\r", `"hex:1C 0D"`: "\x1c\r", `"ab"`: "ab", `"\n"`: "\n", `"hex:"`: ""} {
		var b Bytes
		if err := json.Unmarshal([]byte(text), &b); err != nil || string(b) != want {
			t.Errorf("%s: got %q, %v, want %q", text, b, err, want)
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var c Bytes
		if err := json.Unmarshal(again, &c); err != nil || string(c) != want {
			t.Errorf("%s written as %s: got %q, %v", text, again, c, err)
		}
	}
}

// TestResumeGoesOnWhereItStood proves that a frame that arrives byte by byte is not
// scanned from its start each time: what was seen is overwritten with ends of frames.
func TestResumeGoesOnWhereItStood(t *testing.T) {
	for _, v := range []struct{ framing, before, fill, end string }{
		{`"lines"`, "", "a", "\n"}, {`"crlf"`, "", "a", "\r\n"}, {`"etx"`, "", "a", "\x03"}, {`"mllp"`, "\x0b", "a", "\x1c\r"},
		{`"json"`, `{"a":"`, "a", `"}`}, {`"length4"`, "\x00\x00\x07\xd0", "a", "a"}, {`"content-length"`, "X: ", "a", "\r\nContent-Length: 1\r\n\r\nb"},
	} {
		f := declare(t, v.framing)
		data := []byte(v.before + strings.Repeat(v.fill, 2000-len(v.end)) + v.end)
		var r protocol.Resume
		for n := 1; n < 1950; n++ {
			advance, _, err := f.Split(data[:n:n], false, &r)
			if advance > 0 || err != nil {
				t.Fatalf("%s: at %d bytes: %d, %v", v.framing, n, advance, err)
			}
			if last := n - len(v.end) - 5; last > 10 {
				copy(data[last:n], v.end)
			}
		}
	}
}

// FuzzSplit proves for every kind that any cut gives the same frames and the same error.
func FuzzSplit(f *testing.F) {
	var framings []Framing
	add := func(stream string) {
		for i := range framings {
			f.Add(uint8(i), []byte(stream), len(stream)/2)
		}
	}
	for _, v := range vectors {
		framings = append(framings, declare(f, v.framing))
		f.Add(uint8(len(framings)-1), []byte(v.frame+v.frame), len(v.frame))
	}
	framings = append(framings, declare(f, `{"preset":"lines","max":8}`), declare(f, `{"kind":"delimiter","start":"<<","end":">","max":64}`),
		declare(f, `{"preset":"content-length","max":64}`), declare(f, `{"preset":"json","max":32}`), declare(f, `{"preset":"bin2","max":16}`))
	for _, stream := range []string{clientHello, "GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "POST", "\x16\x03", "<<a>", "<a", "\xff\xff\xff\xff", "Content-Length: 3\r\n\r\nabc"} {
		add(stream)
	}
	f.Fuzz(func(t *testing.T, kind uint8, stream []byte, cut int) {
		if cut < 0 || cut > len(stream) || len(stream) > 1<<14 {
			t.Skip()
		}
		framing := framings[int(kind)%len(framings)]
		want, fault := split(t, framing, stream)
		for _, chunks := range [][][]byte{{stream[:cut], stream[cut:]}, single(string(stream))} {
			got, second := split(t, framing, chunks...)
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || (second == nil) != (fault == nil) {
				t.Fatalf("%d in %d chunks: got %q, %v, want %q, %v", kind, len(chunks), got, second, want, fault)
			}
			if fault != nil && (second.Cause != fault.Cause || second.Foreign != fault.Foreign || second.Reason.Rule != fault.Reason.Rule) {
				t.Fatalf("%d in %d chunks: got %v, want %v", kind, len(chunks), second, fault)
			}
		}
		for _, frame := range want {
			body, head := framing.Body([]byte(frame))
			if len(body) == 0 {
				continue
			}
			again, err := framing.Close(append(framing.Open(nil, head), body...), 0)
			if err != nil {
				continue // a longer header, or a mark
			}
			if back, fault := split(t, framing, again); fault != nil && fault.Foreign == "" || fault == nil && len(back) != 1 {
				t.Fatalf("%d: %q made again as %q: got %q, %v", kind, frame, again, back, fault)
			}
		}
	})
}

func TestWhatLooksForeignIsAFrameWhereThatIsDeclared(t *testing.T) {
	data := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, foreign := range []bool{false, true} {
		f, err := New(Options{Kind: "delimiter", End: Bytes("\r\n\r\n"), Foreign: foreign}, protocol.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		n, _, err := f.Split(data, false, &protocol.Resume{})
		if (err == nil) != foreign || foreign && n != len(data) {
			t.Errorf("foreign %v: got %d, %v", foreign, n, err)
		}
	}
}
