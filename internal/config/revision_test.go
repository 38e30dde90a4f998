package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A revision follows what the file says, with all that it is made of, and not how it says it.
func TestRevisions(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const text = `routes:
  - name: r
    listen: 127.0.0.1:7000
    protocol: { name: jsonrpc, framing: { kind: json } }
    backend: { address: "${HOST}:9000", connections: 1 }
    mirror: [ { to: "file:seen" } ]
    validate: [ { name: s, schema: { file: s.json } } ]
`
	write("s.json", `{"type": "object"}`)
	read := func(text string, host string) (route, speech, backend, mirror string) {
		t.Helper()
		f, err := Parse(filepath.Join(dir, "f.yaml"), []byte(text), env("HOST", host))
		if err != nil {
			t.Fatal(err)
		}
		r := f.Config().Routes[0]
		return r.Revision, r.Speech, r.Backends[0].Revision, r.Mirrors[0].Revision
	}
	route, speech, backend, mirror := read(text, "h")
	differ := func(what, text, host string, want string) {
		t.Helper()
		r, s, b, m := read(text, host)
		got := ""
		for _, c := range []struct {
			name     string
			was, now string
		}{{"route ", route, r}, {"speech ", speech, s}, {"backend ", backend, b}, {"mirror ", mirror, m}} {
			if c.was == "" || c.now == "" {
				t.Errorf("%s: there is no revision of %s", what, c.name)
			}
			if c.was != c.now {
				got += c.name
			}
		}
		if got != want {
			t.Errorf("%s: what differs is %q, want %q", what, got, want)
		}
	}
	differ("the same", text, "h", "")
	differ("a comment and another order", "# new\n"+strings.Replace(text, "{ name: jsonrpc, framing: { kind: json } }", "{ framing: { kind: json }, name: jsonrpc } # same", 1), "h", "")
	differ("a limit", text+"    limits: { connections: 5 }\n", "h", "route ")
	differ("a variable", text, "other", "route backend ")
	differ("a framing", strings.Replace(text, "kind: json", "kind: content-length", 1), "h", "route speech backend mirror ")
	differ("a mirror", strings.Replace(text, "file:seen", "file:other", 1), "h", "route mirror ")
	differ("what is logged", "log: { messages: true }\n"+text, "h", "route ")
	write("s.json", `{"type": "array"}`)
	differ("a schema", text, "h", "route ")
}
