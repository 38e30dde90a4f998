package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/golden"
)

// TestMistakes reads each testdata/wrong/*.yaml and compares all that is said of it. One
// file is one class of mistakes.
func TestMistakes(t *testing.T) {
	names, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(names) < 8 {
		t.Fatalf("got %d files, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := Load(name, env("EMPTY", "", "PORT", "port-from-env"))
			if err == nil {
				t.Fatal("no mistake was found")
			}
			golden.Equal(t, strings.TrimSuffix(name, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestSyntax(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "f:1:1: the file is empty (it must have routes)"},
		{"comment", "# nothing\n", "f:1:1: the file is empty (it must have routes)"},
		{"list", "- a\n", "f:1:1: want a mapping (key: value), got a list"},
		{"text", "hello\n", "f:1:1: want a mapping (key: value), got text"},
		{"two documents", small + "---\na: 1\n", "f:7:1: there is a second document in the file (one file is one configuration)"},
		{"not closed", "routes: [1\n", "f:1:"},
		{"not UTF-8", "a: ä\nb: \xff\n", "f:2:4: this is not UTF-8 text"},
		{"variable in a flow", "routes: { a: ${B} }\n", `put "${...}" in quotes`},
		{"tag", strings.Replace(small, "name: a", "name: !!str a", 1), "f:2:11: routes[0].name: tags are not used here"},
		{"key twice", strings.Replace(small, "name: a", "name: a\n    name: b", 1), `f:3:5: `},
		{"alias in anchor", "a: &x 1\nb: &y [*x]\n" + small, "f:2:8: b[0]: an alias inside of an anchored value is not allowed"},
		{"lines as in Windows", strings.ReplaceAll(strings.Replace(small, "listen", "lisen", 1), "\n", "\r\n"), "f:3:5: routes[0].lisen: there is no such key here"},
		{"infinity", small + "    limits: { in_flight: .inf }\n", "f:6:26: routes[0].limits.in_flight: this kind of value is not used here"},
	} {
		if got := mistakesOf(t, c.text, nil); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFaultD13(t *testing.T) {
	const limit = time.Minute // a parser that is let loose on any of these takes much longer
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	var keys strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	shared := "a: &a [" + strings.Repeat("x, ", 5000) + "x]\nb: [" + strings.Repeat("*a, ", 90) + "*a]\n"
	for _, c := range []struct{ name, text, want string }{
		{"two megabytes", strings.Repeat("# comment\n", 200_000), "f:1:1: the file is larger than 1 MiB"},
		{"a hundred thousand nodes", "a: [" + strings.Repeat("1,", 100_000) + "1]\n", "the file has more than 20000 tokens"},
		{"fifty thousand keys", keys.String(), "the file has more than 20000 tokens"},
		{"an alias bomb", bomb, "an alias inside of an anchored value is not allowed"},
		{"many aliases", "a: &a 1\nb: [" + strings.Repeat("*a,", 101) + "*a]\n", "the file has more than 100 aliases"},
		{"aliases of much", shared, "aliases make too much of this"},
		{"deep lists", strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "the file is nested deeper than 64"},
		{"deep entries", strings.Repeat("- ", 9000) + "a\n", "the file is nested deeper than 64"},
		{"deep mappings", deep(1000), "nested deeper than 64"},
	} {
		began := time.Now()
		if got := mistakesOf(t, c.text, nil); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %.300q, want %q", c.name, got, c.want)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("%s: took %v", c.name, took)
		}
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	b.WriteString(strings.Repeat(" ", n) + "a: 1\n")
	return b.String()
}

func TestExpansion(t *testing.T) {
	e := env("A", "alpha", "B", "beta", "EMPTY", "", "YAML", "x: [1, 2] # no", "DOLLAR", "${A}", "N", "7")
	for text, want := range map[string]string{
		"${A}": "alpha", "x-${A}-${B}": "x-alpha-beta", "'${A}'": "alpha", `"${A}"`: "alpha",
		"${NONE:-other}": "other", "${EMPTY:-other}": "other", "x${EMPTY}": "x", "${NONE:-}x": "x", "${A:-other}": "alpha",
		"$${A}": "${A}", "$A": "$A", "a$": "a$", "a$$": "a$", "$$$$": "$$", "${YAML}": "x: [1, 2] # no", "${DOLLAR}": "${A}", "${N}": "7",
		"${file:secret.txt}": "from a file", "x # ${NONE}": "x",
	} {
		r := parsed(t, strings.Replace(small, "name: a", "name: "+text, 1), e)
		if r.Name != want {
			t.Errorf("%s: got %q, want %q", text, r.Name, want)
		}
	}
}

func TestExpansionOfNumbers(t *testing.T) {
	e := env("N", "7", "T", "true", "SIZE", "64KiB")
	r := parsed(t, small+"    limits:\n      in_flight: ${N}\n      frame: ${SIZE}\n", e)
	if r.Limits.InFlight != 7 || r.Limits.Frame != 64<<10 {
		t.Errorf("got %+v", r.Limits)
	}
	got := mistakesOf(t, small+"    limits:\n      in_flight: '${N}'\n", e)
	if want := "f:7:18: routes[0].limits.in_flight: want a whole number of at least 1, got text (write it without quotes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsMissingHasALine(t *testing.T) {
	for text, want := range map[string]string{
		"${NONE}":             "f:2:11: routes[0].name: the environment variable NONE is not set (set it, or write ${NONE:-default})",
		"${1}":                "f:2:11: routes[0].name: this is not a variable (write ${NAME}, ${NAME:-default}, ${file:/path}, or $$ for a dollar sign)",
		"${A":                 "f:2:11: routes[0].name: ${ without } (write $${ for the characters themselves)",
		"${file:/none/there}": "f:2:11: routes[0].name: the file of ${file:...} cannot be read: /none/there: no such file or directory",
		"${file:/dev/zero}":   "f:2:11: routes[0].name: the file of ${file:...} cannot be read: /dev/zero: it is not a regular file",
		"${file:}":            "f:2:11: routes[0].name: ${file:...} needs the path of a file",
	} {
		if got := mistakesOf(t, strings.Replace(small, "name: a", "name: "+text, 1), nil); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestFaultF6 puts a secret wherever text can stand and looks for it in what is said.
func TestFaultF6(t *testing.T) {
	const canary = "c4n4ry-[(7"
	places := []string{
		"log: { level: '%s', format: '%s', messages: '%s' }\nshards: '%s'\ndrain: '%s'\n" + small,
		strings.Replace(small, "jsonrpc", "'%s'", 1),
		strings.Replace(small, "127.0.0.1:7000", "'%s'", 1),
		strings.Replace(small, "127.0.0.1:7100", "'%s'", 1),
		strings.Replace(small, "{ name: jsonrpc", "{ name: jsonrpc, framing: '%s', codes: { '%s': '%s' }, wait_method: '%s', max_id: '%s'", 1),
		small + "    mode: '%s'\n    balance: '%s'\n    retry_after: '%s'\n    wait: '%s'\n    limits: '%s'\n    timeouts: { idle: '%s' }\n",
		small + "    validate:\n      - { rule: '%s' }\n",
		small + "    validate:\n      - { rule: 'name == %s' }\n",
		small + "    validate:\n      - { schema: '%s' }\n",
		small + "    validate:\n      - { schema: { file: '%s' } }\n",
		small + "    validate:\n      - { field: { path: '%s' } }\n",
		small + "    validate:\n      - { field: { path: /params, pattern: '%s', type: '%s', format: '%s' } }\n",
		small + "    validate:\n      - { allow: ['%s'], mode: '%s', class: '%s' }\n",
		small + "    validate:\n      - { limits: { bytes: '%s', path: '%s' } }\n",
	}
	for _, text := range places {
		text = strings.ReplaceAll(text, "'%s'", "'${SECRET}'")
		text = strings.ReplaceAll(text, "%s", "${SECRET}")
		_, err := Parse("f", []byte(text), env("SECRET", canary))
		if err == nil {
			t.Errorf("no mistake in\n%s", text)
			continue
		}
		said, jsonErr := json.Marshal(err)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		for _, part := range []string{canary, "c4n4ry"} {
			if strings.Contains(err.Error(), part) || strings.Contains(string(said), part) {
				t.Errorf("the secret is shown: %v", err)
			}
		}
	}
}

func TestMistakesAsJSON(t *testing.T) {
	_, err := Parse("f", []byte(strings.Replace(small, "listen:", "lisen:", 1)), nil)
	got, jsonErr := json.Marshal(err.(*Error).Mistakes)
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	want := `[{"file":"f","line":2,"column":5,"path":"routes[0].listen","message":"this key is missing"},` +
		`{"file":"f","line":3,"column":5,"path":"routes[0].lisen","message":"there is no such key here","hint":"did you mean listen?"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestThereIsAnEndToMistakes(t *testing.T) {
	text := small
	for i := range 150 {
		text += fmt.Sprintf("    wrong%d: 1\n", i)
	}
	_, err := Parse("f", []byte(text), nil)
	if e := err.(*Error); len(e.Mistakes) != maxMistakes || e.More != 50 || !strings.HasSuffix(e.Error(), "\nand 50 more") {
		t.Errorf("got %d mistakes and %d more", len(e.Mistakes), e.More)
	}
}

func TestPathsReadAsTheyAreWritten(t *testing.T) {
	for _, s := range []string{"a", "a.b", "routes[0]", "routes[0].backends[12].batch.max", "a[1][2].b"} {
		p, ok := parsePath(s)
		if got := p.String(); !ok || got != s {
			t.Errorf("%s: got %q, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "a b", "a[", "a[x]", "[0]", "a[0]b", "a..b", "want"} {
		if p, ok := parsePath(s); ok && s != "want" {
			t.Errorf("%q: got %q", s, p)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"listen", "protocol", "limits", "wait"}
	for written, want := range map[string]string{
		"lisen": "did you mean listen?", "Listen": "did you mean listen?", "protcol": "did you mean protocol?", "wiat": "did you mean wait?",
		"zzz": "", "x": "", strings.Repeat("listen", 20): "",
	} {
		if got := didYouMean(written, names); got != want {
			t.Errorf("%s: got %q, want %q", written, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	names, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(names, "testdata/design.yaml", "testdata/full.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]\nb: *a\n<<: *b\n? c\n: d\n"))
	nothing := func(string, int64) ([]byte, error) { return nil, os.ErrNotExist }
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			t.Skip()
		}
		l := &loader{name: "f", open: nothing}
		_, err := l.load(data)
		if err == nil {
			return
		}
		e, ok := err.(*Error)
		if !ok || len(e.Mistakes) == 0 {
			t.Fatalf("got %T %v", err, err)
		}
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") // each ends a line in YAML
		line := 0
		for _, m := range e.Mistakes {
			if m.File != "f" || m.Line < line || m.Line > lines+1 || m.Column < 1 || m.Message == "" {
				t.Errorf("%d lines, after line %d: %v", lines, line, m)
			}
			line = m.Line
		}
	})
}
