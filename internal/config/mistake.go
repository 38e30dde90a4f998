package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxMistakes is how many are reported; a file in the wrong format has no end of them.
const maxMistakes = 100

// Mistake is one thing that is wrong, and where.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do about it
}

// String returns "file:line:col: path: message (hint)".
func (m Mistake) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", m.File, m.Line, m.Column)
	if m.Path != "" {
		b.WriteString(m.Path + ": ")
	}
	b.WriteString(m.Message)
	if m.Hint != "" {
		b.WriteString(" (" + m.Hint + ")")
	}
	return b.String()
}

// Error is all that is wrong with a configuration, in the order of the file. It holds
// no value that came from the environment or from a file of secrets.
type Error struct {
	// Of is what the mistakes are in, as in "the dialect"; "" is the configuration.
	Of       string
	Mistakes []Mistake
	// More is the number of mistakes that were left out.
	More int
}

// Error returns a line for each mistake, without a line break at the end.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Mistakes)+1)
	for _, m := range e.Mistakes {
		lines = append(lines, m.String())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// found is a Mistake with the place in the main file that it belongs to.
type found struct {
	Mistake
	at   position
	path path
}

// report notes that what stands at p is wrong, unless that follows from what was
// reported before: of the same thing, of a part of it or of what it is a part of.
func (l *loader) report(p path, at position, message, hint string) {
	if !l.reported(p) {
		l.add(p, at, message, hint)
	}
}

// add is report for what does not follow from anything.
func (l *loader) add(p path, at position, message, hint string) {
	if in := at.in; in != nil {
		f := newFound(in.file, at.line, at.col, message, hint, in.at, p)
		f.Path = p.String()
		l.mistakes = append(l.mistakes, f)
		return
	}
	l.mistakes = append(l.mistakes, found{
		Mistake: Mistake{File: l.name, Line: at.line, Column: at.col, Path: p.String(), Message: message, Hint: hint},
		at:      at, path: p,
	})
}

// reported tells whether anything is wrong with what stands at p or with a part of it.
func (l *loader) reported(p path) bool {
	return related(l.mistakes, p)
}

func related(mistakes []found, p path) bool {
	return slices.ContainsFunc(mistakes, func(f found) bool {
		return f.path != nil && (p.within(f.path) || f.path.within(p))
	})
}

// wrong reports whether what stands at p, as a whole, was found to be wrong.
func (l *loader) wrong(p path) bool {
	return slices.ContainsFunc(l.mistakes, func(f found) bool { return f.path != nil && p.within(f.path) })
}

func (l *loader) result() error {
	if len(l.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(l.mistakes, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.col, b.at.col),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e := &Error{Of: l.of}
	for _, f := range l.mistakes {
		if len(e.Mistakes) == maxMistakes {
			e.More++
			continue
		}
		m := f.Mistake
		m.Message, m.Hint = l.hide(m.Message), l.hide(m.Hint)
		e.Mistakes = append(e.Mistakes, m)
	}
	return e
}

// hide replaces in text what came from the environment or from a file. What is very
// short cannot be told from ordinary words; messages do not quote such values anyway.
func (l *loader) hide(text string) string {
	for _, secret := range l.secrets {
		if len(secret) > 2 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}
