package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a testing.TB that keeps what Equal says of it.
type recorder struct {
	testing.TB
	errors, fatals []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.errors = append(r.errors, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatal(a ...any)            { r.fatals = append(r.fatals, fmt.Sprint(a...)); panic(r) }
func (r *recorder) Fatalf(f string, a ...any) {
	r.fatals = append(r.fatals, fmt.Sprintf(f, a...))
	panic(r)
}

// equal calls Equal with a recorder and with update set as told.
func equal(t *testing.T, path, got string, updating bool) *recorder {
	t.Helper()
	before := *update
	*update = updating
	defer func() { *update = before }()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		Equal(r, path, got)
	}()
	return r
}

func TestEqualPassesOnTheSameText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.golden")
	if err := os.WriteFile(path, []byte("one\ntwo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := equal(t, path, "one\ntwo", false); len(r.errors)+len(r.fatals) > 0 {
		t.Errorf("got %v %v, want no failure", r.errors, r.fatals)
	}
}

func TestEqualNamesTheFileAndShowsBoth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.golden")
	if err := os.WriteFile(path, []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := equal(t, path, "two\n", false)
	if len(r.errors) != 1 || len(r.fatals) != 0 {
		t.Fatalf("got %v %v, want one error", r.errors, r.fatals)
	}
	for _, want := range []string{path, "one", "two"} {
		if !strings.Contains(r.errors[0], want) {
			t.Errorf("got %q, want it to have %q", r.errors[0], want)
		}
	}
}

func TestEqualIsFatalWithoutTheFile(t *testing.T) {
	r := equal(t, filepath.Join(t.TempDir(), "none"), "x", false)
	if len(r.fatals) != 1 || !strings.Contains(r.fatals[0], "-update") {
		t.Errorf("got %v, want one that names -update", r.fatals)
	}
}

func TestEqualWritesWithUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "folder", "a.golden")
	if r := equal(t, path, "text\r\n", true); len(r.errors)+len(r.fatals) > 0 {
		t.Fatalf("got %v %v, want no failure", r.errors, r.fatals)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "text\r\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEqualIsFatalIfItCannotWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := equal(t, filepath.Join(dir, "file", "a"), "x", true); len(r.fatals) != 1 {
		t.Errorf("got %v, want one", r.fatals)
	}
}

func TestUpdatingIsTheFlag(t *testing.T) {
	before := *update
	defer func() { *update = before }()
	for _, want := range []bool{true, false} {
		*update = want
		if got := Updating(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}
