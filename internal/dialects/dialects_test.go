package dialects

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// again writes decl to a file and reads it.
func again(t *testing.T, decl *dialect.Declaration) *dialect.Dialect {
	t.Helper()
	path := filepath.Join(t.TempDir(), "host.yaml")
	if err := os.WriteFile(path, YAML(decl), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := config.Dialect(path, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, YAML(decl))
	}
	return d
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.Find(name)
		got := again(t, d.Declaration())
		for n := range d.Fields {
			if !reflect.DeepEqual(got.Field(n), d.Field(n)) {
				t.Errorf("%s: field %d is %+v, written and read %+v", name, n, d.Field(n), got.Field(n))
			}
		}
	}
}

func TestSpecificationsOfOthers(t *testing.T) {
	for file, want := range map[string]struct {
		fields, lost int
		form         map[int]string
	}{
		"specs/spec87ascii.json":                                {64, 0, map[int]string{2: "ans..19", 3: "n 6", 52: "b 64"}},
		"specs/spec87ascii-root.json":                           {64, 0, map[int]string{2: "ans..19", 3: "n 6", 52: "b 64"}},
		"testdata/specification_ver_1987.json":                  {126, 1, map[int]string{2: "n..19", 7: "n 10", 28: "x+n 8", 36: "z...104"}},
		"testdata/specification_without_encoding_ver_1987.json": {126, 1, map[int]string{2: "n..19", 52: "b 64"}},
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "corpora", "iso8583", "moov", file))
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("the corpora are not beside the project")
		}
		if err != nil {
			t.Fatal(err)
		}
		decl, lost, err := Import(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(decl.Fields) < want.fields-2 || len(lost) != want.lost {
			t.Errorf("%s: %d fields, lost %q", file, len(decl.Fields), lost)
		}
		d := again(t, decl)
		for n, form := range want.form {
			if got := d.Field(n); got == nil || got.Form() != form {
				t.Errorf("%s: field %d is %+v, want %s", file, n, got, form)
			}
		}
	}
}

// A name is no reference to a variable or to a file, where it comes from outside.
func TestNamesStandForThemselves(t *testing.T) {
	const name = "${file:/etc/hostname} $$ ${A"
	decl, _, err := Import([]byte(`{"name": "` + name + `", "fields": {"39": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed", "description": "` + name + `"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := again(t, decl); d.Name != name || d.Field(39).Name != name {
		t.Errorf("got %q and %q", d.Name, d.Field(39).Name)
	}
}

// What is taken over, of whatever, is a file that can be read.
func FuzzImport(f *testing.F) {
	f.Add([]byte(jposPackager))
	f.Add([]byte(subpackagers))
	f.Add(moovSpec(composites))
	f.Add([]byte(moovElements))
	f.Fuzz(func(t *testing.T, data []byte) {
		if decl, _, err := Import(data); err == nil {
			again(t, decl)
		}
	})
}

// said fails unless lost is a line for each of want, which begins with it.
func said(t *testing.T, lost []string, want ...string) {
	t.Helper()
	for i, line := range lost {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("lost %q, want lines that begin with %q", lost, want)
			return
		}
	}
	if len(lost) != len(want) {
		t.Errorf("lost %q, want lines that begin with %q", lost, want)
	}
}

// same fails unless fields of d are those of want, but for numbers, names and parts.
func same(t *testing.T, d *dialect.Dialect, want map[int]dialect.Field) {
	t.Helper()
	for n, want := range want {
		f := d.Field(n)
		if f == nil {
			t.Errorf("there is no field %d", n)
			continue
		}
		got := *f
		got.Number, got.Name, got.Inside = 0, "", nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("field %d: got %+v, want %+v", n, got, want)
		}
	}
}

func TestWhatIsNoSpecification(t *testing.T) {
	for _, text := range []string{"", "x", "{}", `{"fields": {"x": {}}}`, "<a/>", "<isopackager/>", "<isopackager", `<isopackager><isofield id="900" class="IFA_NUMERIC"/></isopackager>`, `{"fields": null`,
		`<?xml version="1.0" encoding="UTF-16"?><isopackager/>`, `{"fields": {"2": {}, "Field002": {}}}`, `{"elements": {"x": {"Describe": "n 6"}}}`,
		`<isopackager><isofield id="2" length="6" class="IFA_NUMERIC"/><isofield id="2" length="6" class="IFA_NUMERIC"/></isopackager>`} {
		if _, _, err := Import([]byte(text)); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}
