package archtest

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/sallyport/sallyport"

// source is one Go file of the module.
type source struct {
	name string // from the root of the module, with slashes
	pkg  string // its folder: "gateway", "protocol/frame"
	test bool
	fset *token.FileSet
	ast  *ast.File
}

// at returns where pos is, as "gateway/session.go:12".
func (s *source) at(pos token.Pos) string {
	p := s.fset.Position(pos)
	return s.name + ":" + itoa(p.Line)
}

// sources returns every Go file of the module, those of other systems too.
func sources(t *testing.T) []*source {
	t.Helper()
	list, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var tree = sync.OnceValues(func() (list []*source, err error) {
	top, err := root()
	if err != nil {
		return nil, err
	}
	err = walk(top, func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		s, err := parse(name, text)
		if err == nil {
			list = append(list, s)
		}
		return err
	})
	return list, err
})

// walk calls f for every file of the module but those in testdata, in hidden folders
// and in folders with a go.mod of their own.
func walk(top string, f func(name string) error) error {
	return filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, file)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return f(filepath.ToSlash(name))
		}
		if name == "." {
			return nil
		}
		base := d.Name()
		if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") && base != ".ci" {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
			return fs.SkipDir
		}
		return nil
	})
}

// root returns the folder of the module's go.mod.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = up
	}
}

func parse(name string, text []byte) (*source, error) {
	s := &source{name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: token.NewFileSet()}
	var err error
	s.ast, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// fake parses text as the file called name.
func fake(t *testing.T, name, text string) *source {
	t.Helper()
	if !bytes.HasPrefix([]byte(text), []byte("//")) && !strings.HasPrefix(text, "package") {
		text = "package p\n" + text
	}
	s, err := parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
