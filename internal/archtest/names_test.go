package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		for _, wrong := range undocumented(s) {
			t.Error(wrong)
		}
	}
}

// undocumented returns the exported names of s that lack a comment of their own.
func undocumented(s *source) (wrong []string) {
	if s.test || s.ast.Name.Name == "main" {
		return nil
	}
	report := func(pos token.Pos, name string) {
		wrong = append(wrong, s.at(pos)+": "+name+" has no comment that begins with its name")
	}
	for _, decl := range s.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if recv, method := receiver(d); d.Name.IsExported() && (!method || ast.IsExported(recv)) && !beginsWith(d.Doc, d.Name.Name) {
				report(d.Pos(), strings.TrimPrefix(recv+"."+d.Name.Name, "."))
			}
		case *ast.GenDecl:
			for _, n := range undocumentedSpecs(d) {
				report(n.Pos(), n.Name)
			}
		}
	}
	return wrong
}

// receiver returns the name of the type that f is a method of.
func receiver(f *ast.FuncDecl) (name string, method bool) {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return "", false
	}
	typ := f.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name, true
		default:
			return "", true
		}
	}
}

// undocumentedSpecs returns the exported names of d without a comment. A comment on a
// group of constants or variables is one for all of them, and one on a single line of
// the group for the lines below that it names too.
func undocumentedSpecs(d *ast.GenDecl) (names []*ast.Ident) {
	above := "" // the last comment in the group
	for _, spec := range d.Specs {
		switch x := spec.(type) {
		case *ast.TypeSpec:
			doc := x.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			if x.Name.IsExported() && !beginsWith(doc, x.Name.Name) {
				names = append(names, x.Name)
			}
		case *ast.ValueSpec:
			if d.Lparen.IsValid() && d.Doc != nil {
				continue
			}
			doc := x.Doc
			if !d.Lparen.IsValid() {
				doc = d.Doc
			}
			if doc != nil {
				above = doc.Text()
			}
			exported := slices.DeleteFunc(slices.Clone(x.Names), func(n *ast.Ident) bool { return !n.IsExported() })
			for i, n := range exported {
				named := i == 0 && beginsWith(doc, n.Name) || x.Comment != nil ||
					(doc == nil || i > 0) && mentions(above, n.Name)
				if !named {
					names = append(names, n)
				}
			}
		}
	}
	return names
}

// beginsWith tells whether the comment's first word is name.
func beginsWith(doc *ast.CommentGroup, name string) bool {
	if doc == nil {
		return false
	}
	rest, ok := strings.CutPrefix(doc.Text(), name)
	return ok && rest != "" && !word.MatchString(rest[:1])
}

// mentions tells whether name is a word of text.
func mentions(text, name string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return !word.MatchString(string(r)) }), name)
}

var word = regexp.MustCompile(`^[\pL\pN_]`)

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || introduces(s)
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a comment above its package clause that begins with \"Package\" and the name", pkg)
		}
	}
}

// introduces tells whether s has the comment of its package; that of a program may
// begin as it likes.
func introduces(s *source) bool {
	if s.ast.Name.Name == "main" {
		return s.ast.Doc.Text() != ""
	}
	return beginsWith(s.ast.Doc, "Package "+s.ast.Name.Name)
}

func TestUndocumentedNamesAreFound(t *testing.T) {
	s := fake(t, "gateway/names.go", `
type Bare struct{}                 // found: no comment above it
// Documented is documented.
type Documented struct{ Field int }
// It begins with something else.
type Other struct{}
// Longer is the comment of another name.
type Long struct{}
// Generic is documented.
type Generic[T any] struct{}
type hidden struct{}
// Types are a group, which is not enough.
type (
	InGroup int
	// InGroupToo is.
	InGroupToo int
)
func Func() {}
// Fine is.
func Fine() {}
func (hidden) Method() {}
func (*Documented) Method() {}
func (Generic[T]) Method() {}
// String is.
func (Documented) String() string { return "" }
const Const = 1
// Given is one.
const Given = 1
// The reasons.
const (
	One = 1
	Two = 2
)
const (
	// Three and Four are numbers.
	Three = 3
	Four  = 4
	Five  = 5
	Six   = 6 // the first perfect one
	seven = 7
)
var Var, private int
// Both and Couple are.
var Both, Couple int
`)
	var got []string
	for _, w := range undocumented(s) {
		_, rest, _ := strings.Cut(w, ": ")
		name, _, _ := strings.Cut(rest, " ")
		got = append(got, name)
	}
	want := []string{"Bare", "Other", "Long", "InGroup", "Func", "Documented.Method", "Generic.Method", "Const", "Five", "Var"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := undocumented(fake(t, "gateway/names_test.go", "type Bare int")); got != nil {
		t.Errorf("of a test: got %q, want none", got)
	}
}

func TestPackageCommentIsRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		"// Package p is.\npackage p":           true,
		"// Package pq is.\npackage p":          false,
		"// Something else.\npackage p":         false,
		"package p":                             false,
		"// Package p is.\n\npackage p":         false,
		"// Command x does this.\npackage main": true,
		"package main":                          false,
	} {
		if got := introduces(fake(t, "p/p.go", text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
