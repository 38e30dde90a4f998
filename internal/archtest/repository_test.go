package archtest

import (
	"go/ast"
	"go/types"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTopLevelHoldsWhatItShould(t *testing.T) {
	entries, err := os.ReadDir(top(t))
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Fields(read(t, ".gitignore"))
	want := []string{"go.mod", "go.sum", "gateway", "protocol", "validate", "splitter", "tunnel", "cmd", "examples",
		"README.md", "internal", "docs", "bench", "deploy", "LICENSE"}
	for _, e := range entries {
		name := e.Name()
		if !slices.Contains(want, name) && !strings.HasPrefix(name, ".") && !slices.Contains(ignored, "/"+name) {
			t.Errorf("got %s, want only %s and names that begin with a dot", name, strings.Join(want, ", "))
		}
	}
}

func TestModuleFile(t *testing.T) {
	for _, wrong := range moduleFile(read(t, "go.mod")) {
		t.Error(wrong)
	}
}

// moduleFile returns what is wrong with the text of go.mod.
func moduleFile(text string) (wrong []string) {
	if !regexp.MustCompile(`(?m)^module ` + regexp.QuoteMeta(module) + `$`).MatchString(text) {
		wrong = append(wrong, "go.mod: the module is not "+module)
	}
	if !regexp.MustCompile(`(?m)^go 1\.26\.\d+$`).MatchString(text) {
		wrong = append(wrong, "go.mod: the go line is not go 1.26.x")
	}
	if regexp.MustCompile(`(?m)^\s*replace\b|=>`).MatchString(text) {
		wrong = append(wrong, "go.mod: it has a replace")
	}
	return wrong
}

func TestWrongModuleFilesAreFound(t *testing.T) {
	const fine = "module " + module + "\n\ngo 1.26.0\n"
	for text, want := range map[string]int{
		fine:                                     0,
		"module example.com/x\n\ngo 1.26.0\n":    1,
		"module " + module + "\n\ngo 1.27.0\n":   1,
		fine + "replace example.com/x => ../x\n": 1,
		fine + "replace (\n\texample.com/x v1.0.0 => ../x\n)\n": 1,
	} {
		if got := moduleFile(text); len(got) != want {
			t.Errorf("%q: got %q, want %d", text, got, want)
		}
	}
}

// Paths that exist only where somebody works. They are put together here so that this
// file does not have them.
var machinePath = regexp.MustCompile("(?m)(^|[\\s\"'`(=:<])/(" + strings.Join([]string{"work/", "root/", "home/[a-z]", "Users/[A-Za-z]"}, "|") + ")")

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|(?i)\b(not( yet)? implemented|unimplemented)\b`)

func TestTextsHaveNoPathsOfAMachine(t *testing.T) {
	kinds := []string{".go", ".md", ".yaml", ".yml", ".json", ".sh", ".txt", ".service", ".mmd"}
	err := walk(top(t), func(name string) error {
		if !slices.Contains(kinds, path.Ext(name)) && !strings.HasPrefix(name, ".ci/") {
			return nil
		}
		for _, line := range lines(read(t, name), machinePath) {
			t.Errorf("%s:%d: the path of a machine", name, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	err := walk(top(t), func(name string) error {
		if path.Ext(name) != ".md" {
			return nil
		}
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(top(t), filepath.FromSlash(path.Join(path.Dir(name), m[1])))); err != nil {
				t.Errorf("%s: there is no %s", name, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLinksAreRecognised(t *testing.T) {
	var got []string
	for _, m := range link.FindAllStringSubmatch("[a](b.md), [c](../d/e.md#part), [f](https://example.com), [g](#h)", -1) {
		got = append(got, m[1])
	}
	if want := []string{"b.md", "../d/e.md"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNothingIsLeftUnfinished(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, line := range lines(read(t, s.name), unfinished) {
			t.Errorf("%s:%d: something is left to do", s.name, line)
		}
	}
}

func TestLibraryDoesNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || fits("cmd/...", s.pkg) || fits("examples/...", s.pkg) || fits("bench/...", s.pkg) {
			continue
		}
		for _, wrong := range sleeps(s) {
			t.Error(wrong)
		}
	}
}

// sleeps returns the calls of time.Sleep in s.
func sleeps(s *source) (wrong []string) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && types.ExprString(sel) == "time.Sleep" {
			wrong = append(wrong, s.at(sel.Pos())+": time.Sleep: wait for what is to happen, or with a timer that can be ended")
		}
		return true
	})
	return wrong
}

func TestSleepIsFound(t *testing.T) {
	if got := sleeps(fake(t, "gateway/a.go", "func f() { time.Sleep(1); time.AfterFunc(1, f) }")); len(got) != 1 {
		t.Errorf("got %q, want one", got)
	}
}

// lines returns the numbers of the lines of text in which re is found.
func lines(text string, re *regexp.Regexp) (numbers []int) {
	for i, line := range strings.Split(text, "\n") {
		if re.MatchString(line) {
			numbers = append(numbers, i+1)
		}
	}
	return numbers
}

func TestWrongTextsAreFound(t *testing.T) {
	for text, want := range map[string]bool{
		"see /" + "work/main":              true,
		"\"/" + "root/go\"":                true,
		"cd /" + "home/someone":            true,
		"net/work/main and home/x":         false,
		"GET /workers/1 and /homepage":     false,
		"https://example.com/home/someone": false,
	} {
		if got := machinePath.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"// TO" + "DO: later":                  true,
		"errors.New(\"not impl" + "emented\")": true,
		"context.TO" + "DO()":                  true,
		"AUTODOWN and implemented":             false,
	} {
		if got := unfinished.MatchString(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestVet runs what go test leaves out of vet, above all the check for copied locks,
// without which a handle could be copied.
func TestVet(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not in PATH, so go vet does not run")
	}
	cmd := exec.CommandContext(t.Context(), tool, "vet", "./...")
	cmd.Dir = top(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go vet ./...: %v\n%s", err, out)
	}
}

func top(t *testing.T) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// read returns the text of a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
