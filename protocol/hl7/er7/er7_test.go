package er7

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
)

// parse takes a message apart that is written line by line.
func parse(lines ...string) *Text {
	t := &Text{Body: []byte(strings.Join(lines, "\r") + "\r")}
	t.Delims, _, _ = DelimsOf([]byte(lines[0]))
	at := 0
	for _, l := range lines {
		t.Segments = append(t.Segments, protocol.Span{Off: int32(at), Len: int32(len(l))})
		at += len(l) + 1
	}
	return t
}

func TestPaths(t *testing.T) {
	m := parse(`MSH|^~\&|APP^1&2|FAC`, "PID|1||a^b&c&d~e^f|", "OBX|1", "OBX|2|x", "ZZZ")
	for path, want := range map[string]string{
		"MSH-1": "|", "MSH-2": `^~\&`, "MSH-3": "APP^1&2", "MSH-3.2": "1&2", "MSH-3.2.2": "2", "MSH-4": "FAC", "MSH-5": "-", "PID": "PID|1||a^b&c&d~e^f|",
		"PID-1": "1", "PID-2": "", "PID-3": "a^b&c&d", "PID-3[1].2": "b&c&d", "PID-3.2.3": "d", "PID-3.2.4": "-", "PID-3[2]": "e^f", "PID-3(2).2": "f", "PID-3[3]": "-", "PID-4": "", "PID-5": "-",
		"OBX-2": "-", "OBX[2]-2": "x", "OBX(2)-1": "2", "OBX[3]-1": "-", "ZZZ": "ZZZ", "ZZZ-1": "-", "QQQ": "-",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got := "-"
		if s := p.Find(m); s.Off >= 0 {
			got = string(m.In(s))
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
		again, err := ParsePath(p.String())
		if err != nil || again.String() != p.String() {
			t.Errorf("%s is %s, which is %s, %v", path, p, again, err)
		}
	}
	for _, wrong := range []string{"", "PI", "PID-", "PID-x", "pid-1", "PID-1.", "PID-1.1.1.1", "PID[0]-1", "PID[1)x", "PID-1[", "PID-0", "PID 1", "1ID-1", "PID-1-1"} {
		if p, err := ParsePath(wrong); err == nil {
			t.Errorf("%q is %v", wrong, p)
		}
	}
}

func TestDelims(t *testing.T) {
	for header, ok := range map[string]bool{
		`MSH|^~\&|`: true, `MSH|^~\&#|`: true, `MSH@~&#\@`: true, `MSH|^~\&`: true, `BHS|^~\&|`: true,
		`MSH`: false, `MSH|`: false, `MSH||`: false, `MSH|^~\|`: false, `MSH|^^\&|`: false, `MSH|^~\&#!|`: false, `MSH|a~\&|`: false, `MSH^^~\&|`: false, "MSH|^~\\\x00|": false, `MSH ^~\& `: false,
	} {
		if _, at, got := DelimsOf([]byte(header)); got != ok || at > len(header) {
			t.Errorf("%s: got %v at %d, want %v", header, got, at, ok)
		}
	}
}

// In sets of several bytes a part of a character that looks like a delimiter is none.
func TestCharactersThatLookLikeDelimiters(t *testing.T) {
	for _, v := range []struct {
		set  Set
		text string
		want int // pieces at |
	}{
		{Plain, "a|b\xff|c", 3}, {Pairs, "a|\xa4\x7c|b", 3}, {Pairs, "\xa1\x7c\xa1\x5c", 1}, {Pairs, "\x81\x30\x81\x30|", 2}, {Pairs, "\xa4", 1},
		{Shifted, "\x1b$B!|\x1b(B|x", 2}, {Shifted, "|\x1b$B||||\x1b(J|", 3}, {Shifted, "\x1b$(D||\x1b(B|", 2}, {Shifted, "\x1b", 1}, {Shifted, "\x1b$B!", 1},
	} {
		m := &Text{Body: []byte(v.text), Delims: Usual, Set: v.set}
		n := 0
		for s, more := (protocol.Span{Len: int32(len(v.text))}), true; more; n++ {
			_, s, more = m.Cut(s, '|')
		}
		if n != v.want {
			t.Errorf("%q in set %d: %d pieces, want %d", v.text, v.set, n, v.want)
		}
	}
	for field, want := range map[string]struct {
		set   Set
		known bool
	}{
		"": {Plain, true}, "ASCII": {Plain, true}, "UNICODE UTF-8": {Plain, true}, "BIG-5": {Pairs, true}, "GB 18030-2000": {Pairs, true}, "ISO IR6~ISO IR87": {Shifted, true}, "~ISO IR87": {Shifted, true},
		"UNICODE": {Plain, false}, "8859/1~KLINGON": {Plain, false},
	} {
		if set, known := SetOf([]byte(field), '~'); set != want.set || known != want.known {
			t.Errorf("%q: got %d, %v", field, set, known)
		}
	}
}

// Fields, repetitions and components are those of a plain splitting.
func TestCutModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := "PID|" + rapid.StringOfN(rapid.SampledFrom([]rune(`ab|^~\&"`)), 0, 30, -1).Draw(t, "line")
		m := parse(`MSH|^~\&|A`, line)
		fields := strings.Split(line, "|")
		for n := 1; n < len(fields)+2; n++ {
			f := m.Field(1, n)
			if n >= len(fields) {
				if f.Off >= 0 {
					t.Fatalf("%q: field %d is %q", line, n, m.In(f))
				}
				continue
			}
			if string(m.In(f)) != fields[n] {
				t.Fatalf("%q: field %d is %q, want %q", line, n, m.In(f), fields[n])
			}
			for i, r := range strings.Split(fields[n], "~") {
				one := m.Repetition(f, i+1)
				for j, c := range strings.Split(r, "^") {
					part := m.Component(one, j+1)
					for k, s := range strings.Split(c, "&") {
						if got := string(m.In(m.Sub(part, k+1))); got != s {
							t.Fatalf("%q: %d[%d].%d.%d is %q, want %q", line, n, i+1, j+1, k+1, got, s)
						}
					}
				}
			}
		}
	})
}

// What is escaped is, unescaped, the same, and has no delimiter in it.
func TestEscapesModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom([]Delims{Usual, {'|', '^', '~', '\\', '&', '#'}, {'@', '~', '&', '#', '\\', 0}}).Draw(t, "delims")
		text := rapid.StringOfN(rapid.SampledFrom([]rune(`abFSTREP|^~\&#@. `)), 0, 30, -1).Draw(t, "text")
		escaped := d.AppendEscaped(nil, text, false)
		m := &Text{Delims: d}
		if got := string(m.AppendUnescaped(nil, escaped)); got != text {
			t.Fatalf("%q is %q, which is %q", text, escaped, got)
		}
		if bytes.ContainsAny(escaped, string([]byte{d.Field, d.Component, d.Repetition, d.Sub})) || m.BadEscape(escaped) >= 0 {
			t.Fatalf("%q is %q", text, escaped)
		}
	})
}

func TestUnescape(t *testing.T) {
	for raw, want := range map[string]string{
		`a\F\b`: "a|b", `\S\\T\\R\\E\`: `^&~\`, `\X414a\`: "AJ", `\.br\`: "\n", `\H\loud\N\`: "loud", `\P\`: `\P\`, `\Z1\`: `\Z1\`, `\C1234\`: `\C1234\`, `\X4\`: `\X4\`, `\Xzz\`: `\Xzz\`, `a\`: `a\`, `\\`: `\\`, `\Q\`: `\Q\`,
	} {
		m := &Text{Delims: Usual}
		if got := string(m.AppendUnescaped(nil, []byte(raw))); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	big5 := &Text{Delims: Usual, Set: Pairs} // of which many characters end with a backslash
	if got := string(big5.AppendUnescaped(nil, []byte("\xb3\\F\\\xa5\\"))); got != "\xb3\\F\\\xa5\\" || big5.BadEscape([]byte("\xb3\\ \\F\\ \xa5\\")) >= 0 {
		t.Errorf("in BIG-5: got %q", got)
	}
	if got := string(Usual.AppendEscaped(nil, "ü\r\n\x00", false)); got != "??   " {
		t.Errorf("got %q", got)
	}
	if got := string(Usual.AppendEscaped(nil, "ü", true)); got != "ü" {
		t.Errorf("got %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte(`MSH|^~\&|A`), []byte(`PID|1|a^b&c~d\F\`), uint8(0))
	f.Fuzz(func(t *testing.T, header, line []byte, set uint8) {
		d, _, ok := DelimsOf(header)
		if !ok {
			return
		}
		m := &Text{Body: line, Segments: []protocol.Span{{Len: int32(len(line))}}, Delims: d, Set: Set(set % 3)}
		if len(line) < 3 {
			return
		}
		for n := range 6 {
			p := Path{Segment: string(m.Name(0)), Field: n, Repetition: n % 3, Component: n % 2, Subcomponent: n % 2}
			s := p.Find(m)
			if s.Off >= 0 && (s.Len < 0 || int(s.Off+s.Len) > len(line)) {
				t.Fatalf("%v is at %v of %d bytes", p, s, len(line))
			}
			_ = m.AppendUnescaped(nil, m.In(s))
			_ = m.BadEscape(m.In(s))
		}
	})
}

// A message in a set of several bytes is cut where its characters are delimiters, and nowhere else.
func TestCutCharactersModel(t *testing.T) {
	ascii := rapid.StringOfN(rapid.SampledFrom([]rune(`ab|^~\&`)), 0, 4, -1)
	pair := func(low, high byte, second []byte) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			return string([]byte{rapid.ByteRange(low, high).Draw(t, "first"), rapid.SampledFrom(second).Draw(t, "second")})
		})
	}
	looks := []byte(`|^~\&@A`)
	four := rapid.Custom(func(t *rapid.T) string {
		digit := rapid.ByteRange('0', '9')
		lead := rapid.ByteRange(0x81, 0xFE)
		return string([]byte{lead.Draw(t, "1"), digit.Draw(t, "2"), lead.Draw(t, "3"), digit.Draw(t, "4")})
	})
	double := pair(0x21, 0x7E, append([]byte{0x21, 0x7E}, looks...))
	shifted := rapid.Custom(func(t *rapid.T) string {
		text := rapid.SampledFrom([]string{"\x1b$B", "\x1b$@", "\x1b$(D"}).Draw(t, "to")
		for range rapid.IntRange(0, 4).Draw(t, "characters") {
			text += double.Draw(t, "character")
		}
		return text + rapid.SampledFrom([]string{"\x1b(B", "\x1b(J"}).Draw(t, "back")
	})
	for name, v := range map[string]struct {
		set   Set
		other *rapid.Generator[string]
	}{
		"BIG-5":    {Pairs, pair(0x81, 0xFE, append([]byte{0x40, 0x7E, 0xA1, 0xFE}, looks...))},
		"GB 18030": {Pairs, rapid.OneOf(four, pair(0x81, 0xFE, append([]byte{0x40, 0x80, 0xFE}, looks...)))},
		"ISO 2022": {Shifted, shifted},
		"UTF-8":    {Plain, rapid.SampledFrom([]string{"é", "世", "😀"})},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want, line := []string{""}, ""
				delim := rapid.SampledFrom([]byte(`|^~\&`)).Draw(t, "delim")
				for range rapid.IntRange(0, 6).Draw(t, "parts") {
					last := len(want) - 1
					if rapid.Bool().Draw(t, "other") {
						c := v.other.Draw(t, "character")
						line += c
						want[last] += c
						continue
					}
					s := ascii.Draw(t, "ascii")
					line += s
					pieces := strings.Split(s, string(rune(delim)))
					want[last] += pieces[0]
					want = append(want, pieces[1:]...)
				}
				m := &Text{Body: []byte(line), Delims: Usual, Set: v.set}
				var got []string
				for s, more := (protocol.Span{Len: int32(len(line))}), true; more; {
					var piece protocol.Span
					piece, s, more = m.Cut(s, delim)
					got = append(got, string(m.In(piece)))
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%q at %q: got %q, want %q", line, delim, got, want)
				}
				whole := protocol.Span{Len: int32(len(line))}
				for n := range len(want) + 1 {
					if p := m.nth(whole, delim, n+1); n < len(want) && string(m.In(p)) != want[n] || n == len(want) && p.Off >= 0 {
						t.Fatalf("%q at %q: piece %d is %q of %q", line, delim, n+1, m.In(p), want)
					}
				}
			})
		})
	}
}

// Plain cutting is that of package bytes, at any byte, and putting the pieces together again gives the whole in every set.
func FuzzCut(f *testing.F) {
	f.Add([]byte("a|b\xa4|c|"), byte('|'), uint8(0))
	f.Add([]byte("\x1b$B!|\x1b(B|x\x1b$("), byte('|'), uint8(2))
	f.Add([]byte("\x81\x30\x81\x30^\x81"), byte('^'), uint8(1))
	f.Fuzz(func(t *testing.T, line []byte, delim byte, set uint8) {
		m := &Text{Body: line, Delims: Usual, Set: Set(set % 3)}
		var got [][]byte
		whole := protocol.Span{Len: int32(len(line))}
		for s, more := whole, true; more; {
			var piece protocol.Span
			piece, s, more = m.Cut(s, delim)
			got = append(got, m.In(piece))
			if n := m.nth(whole, delim, len(got)); n != piece {
				t.Fatalf("piece %d of %q is at %v, and cut off at %v", len(got), line, n, piece)
			}
		}
		if !bytes.Equal(bytes.Join(got, []byte{delim}), line) {
			t.Fatalf("%q is cut at %q to %q", line, delim, got)
		}
		if want := bytes.Split(line, []byte{delim}); m.Set == Plain && !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%q is cut at %q to %q, want %q", line, delim, got, want)
		}
	})
}
