package config

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// rules compiles the rules at p for codec. It is nil if there are none, or none that
// could be compiled.
func (l *loader) rules(p path, codec protocol.Codec) *validate.Program {
	list, ok := l.root.find(p)
	if !ok || list.kind != sequence {
		return nil
	}
	var rules []validate.Rule
	var paths []path // of each
	for i := range list.items {
		at := p.index(i)
		if l.reported(at) {
			continue
		}
		if rule, ok := l.rule(at); ok {
			rules, paths = append(rules, rule), append(paths, at)
		}
	}
	program, err := validate.Compile(codec, rules, validate.Options{})
	if err == nil {
		return program
	}
	for _, err := range listed(err) {
		re, ok := errors.AsType[*validate.RuleError](err)
		if !ok || re.Index < 0 || re.Index >= len(paths) {
			l.add(p, list.at, err.Error(), "")
			continue
		}
		l.ruleMistake(paths[re.Index], re, rules[re.Index].Schema)
	}
	return nil
}

// rule returns the rule at p. It is false if the rule is of no kind or of several, or if
// its schema cannot be read, which is reported.
func (l *loader) rule(p path) (validate.Rule, bool) {
	n, _ := l.root.find(p)
	var kinds []string
	for _, kind := range ruleKinds {
		if n.get(kind) != nil {
			kinds = append(kinds, kind)
		}
	}
	switch len(kinds) {
	case 0:
		l.report(p, n.at, "this rule checks nothing", "it needs one of "+strings.Join(ruleKinds, ", "))
		return validate.Rule{}, false
	case 1:
	default:
		at := p.join(kinds[1])
		l.report(at, l.keyPosition(at), "a rule is of one kind, and there is "+kinds[0]+" as well", "make two rules of it")
		return validate.Rule{}, false
	}
	var s ruleShape
	l.decode(p, &s)
	if l.reported(p) {
		return validate.Rule{}, false
	}
	rule := validate.Rule{
		Name: s.Name, Reason: s.Reason, Names: s.Names,
		Allow: s.Allow, Deny: s.Deny, Field: s.Field, Limits: s.Limits, Bind: s.Bind,
	}
	rule.Mode, _ = validate.ParseMode(s.Mode)
	if s.Class == protocol.Denied.String() {
		rule.Class = protocol.Denied
	}
	if s.Rule != nil {
		if rule.Expr = strings.TrimSpace(*s.Rule); rule.Expr == "" {
			l.report(p.join("rule"), n.get("rule").at, "the expression is empty", "")
			return validate.Rule{}, false
		}
	}
	if kinds[0] != "schema" {
		return rule, true
	}
	document, err := l.open(l.near(s.Schema.File), maxFile)
	l.documents = append(l.documents, document)
	if err != nil {
		at := p.join("schema")
		if file := at.join("file"); n.get("schema").kind == mapping {
			at = file
		}
		l.report(at, l.place(at), "the schema cannot be read: "+err.Error(), "the path is relative to this file")
		return validate.Rule{}, false
	}
	rule.Schema = &validate.Schema{Document: document, File: s.Schema.File, At: s.Schema.At, Methods: s.Schema.Methods}
	return rule, true
}

// ruleMistake reports what is wrong with the rule at p. What is wrong inside of a schema
// is reported at its place in the schema's own file.
func (l *loader) ruleMistake(p path, e *validate.RuleError, schema *validate.Schema) {
	key, ok := parsePath(e.Key)
	if !ok {
		key = nil
	}
	at := p.join(key...)
	message := e.Err.Error()
	n, found := l.root.find(at)
	if found && n.kind == text && n.expanded && e.Key != "schema" {
		// The texts of compilers quote what they were given.
		l.add(at, n.at, "this cannot be used", "it comes from ${...} and is not shown")
		return
	}
	pos := l.place(at)
	if e.Offset < 0 {
		l.add(at, pos, message, e.Hint)
		return
	}
	if schema != nil && strings.HasPrefix(e.Key, "schema") {
		line, col := lineAndColumn(schema.Document, e.Offset)
		l.mistakes = append(l.mistakes, newFound(l.near(schema.File), line, col, message, e.Hint, pos, at))
		return
	}
	if !found || n.kind != text {
		l.add(at, pos, message, e.Hint)
		return
	}
	off := e.Offset
	if e.Key == "rule" {
		off += len(n.text) - len(strings.TrimLeft(n.text, " \t\n"))
	}
	if off <= len(n.source) { // on one line, and as it stands in the file
		pos.col += utf8.RuneCountInString(n.source[:off])
		if !n.bare {
			pos.col++ // the quote
		}
		l.add(at, pos, message, e.Hint)
		return
	}
	l.add(at, pos, message+" at character "+strconv.Itoa(1+utf8.RuneCountInString(n.text[:min(off, len(n.text))])), e.Hint)
}

func newFound(file string, line, col int, message, hint string, at position, p path) found {
	return found{Mistake: Mistake{File: file, Line: line, Column: col, Message: message, Hint: hint}, at: at, path: p}
}

// lineAndColumn returns where in text the byte at off is.
func lineAndColumn(text []byte, off int) (line, col int) {
	before := string(text[:min(off, len(text))])
	last := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[last:])
}
