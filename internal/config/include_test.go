package config

import (
	"os"
	"path/filepath"
	"testing"

	"errors"
)

// load reads a configuration beside a file that declares a dialect.
func loadWithDialect(t *testing.T, dialect string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	config := "routes:\n  - name: pay\n    listen: 127.0.0.1:0\n    protocol:\n      name: iso8583\n      dialect: ./host.yaml\n    backend: { address: 127.0.0.1:1 }\n"
	for name, text := range map[string]string{"sallyport.yaml": config, "host.yaml": dialect} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(filepath.Join(dir, "sallyport.yaml"), nil)
	return filepath.Join(dir, "host.yaml"), err
}

func TestOptionsInAFileOfTheirOwn(t *testing.T) {
	if _, err := loadWithDialect(t, "base: 1987-ascii\nfields:\n  60: { form: n 3 }\n"); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesInAFileOfItsOwnAreToldThere(t *testing.T) {
	for _, c := range []struct {
		text      string
		line, col int
		path      string
	}{
		{"base: 1987-ascii\nfields:\n  60: { frm: n 3 }\n", 3, 9, "routes[0].protocol.dialect.fields[60].frm"},
		{"base: 1987-ascii\nfields:\n  60: { form: n 3, encoding: hex }\n", 3, 30, "routes[0].protocol.dialect.fields[60].encoding"},
		{"base: 1987-ascii\nfields: [\n", 2, 9, "routes[0].protocol.dialect"},
	} {
		name, err := loadWithDialect(t, c.text)
		e, ok := errors.AsType[*Error](err)
		if !ok || len(e.Mistakes) != 1 {
			t.Errorf("%q: got %v", c.text, err)
			continue
		}
		if m := e.Mistakes[0]; m.File != name || m.Line != c.line || m.Path != c.path || m.Column != c.col {
			t.Errorf("%q: got %v", c.text, m)
		}
	}
}

func TestAFileOfOptionsThatIsNotThere(t *testing.T) {
	_, err := loadWithDialect(t, "")
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Mistakes) != 1 || e.Mistakes[0].Line != 6 {
		t.Errorf("got %v", err)
	}
}
