package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits on a file. The parser is quadratic in the entries of one mapping and does
// not bound aliases, so that all but the last are checked before it runs.
const (
	maxFile    = 1 << 20
	maxTokens  = 20_000
	maxAliases = 100
	maxDepth   = 64
	maxNodes   = 100_000 // aliases followed
)

const (
	tooLarge = "the file is larger than 1 MiB"
	quoteIt  = "put it in quotes if it is text"
)

// read makes the tree of data. It is nil if data is no YAML that could be judged
// further; then the reason is reported.
func (l *loader) read(data []byte) *node {
	top := position{line: 1, col: 1}
	switch {
	case len(data) > maxFile:
		l.add(nil, top, tooLarge, l.hint)
		return nil
	case !utf8.Valid(data):
		l.add(nil, badText(data), "this is not UTF-8 text", l.hint)
		return nil
	}
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	if !l.few(lexer.Tokenize(string(data))) {
		return nil
	}
	file, err := parse(data)
	if err != nil {
		at, message := syntaxError(err)
		l.add(nil, at, message, cmp.Or(syntaxHint(string(data), at), l.hint))
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			l.add(nil, start(doc.Body), "there is a second document in the file", "one file is one configuration")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		l.add(nil, top, "the file is empty", cmp.Or(l.hint, "it must have routes"))
		return nil
	}
	b := &builder{l: l, anchors: map[string]*node{}}
	root := b.build(body, nil)
	switch {
	case root == nil:
		return nil
	case root.kind != mapping:
		l.add(nil, root.at, fmt.Sprintf("want a mapping (key: value), got %s", root.kind), l.hint)
		return nil
	}
	return root
}

// few reports whether the tokens are so few, and so little nested, that the parser may
// have them.
func (l *loader) few(tokens token.Tokens) bool {
	aliases, open, entries, line := 0, 0, 0, 0
	for i, t := range tokens {
		at := positionOf(t)
		if at.line != line {
			entries, line = 0, at.line
		}
		switch t.Type {
		case token.AliasType:
			aliases++
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType:
			entries++
		}
		switch {
		case i >= maxTokens:
			l.add(nil, at, fmt.Sprintf("the file has more than %d tokens", maxTokens), "split it")
		case aliases > maxAliases:
			l.add(nil, at, fmt.Sprintf("the file has more than %d aliases", maxAliases), "")
		case open > maxDepth, entries > maxDepth:
			l.add(nil, at, fmt.Sprintf("the file is nested deeper than %d", maxDepth), "")
		default:
			continue
		}
		return false
	}
	return true
}

// parse guards against a parser that gives up in the hard way.
func parse(data []byte) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = nil, errors.New("the file cannot be parsed")
		}
	}()
	return parser.ParseBytes(data, 0)
}

func syntaxError(err error) (position, string) {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		at := position{line: 1, col: 1}
		if t := e.GetToken(); t != nil {
			at = positionOf(t)
		}
		return at, e.GetMessage()
	}
	return position{line: 1, col: 1}, "the file cannot be parsed"
}

func syntaxHint(text string, at position) string {
	lines := strings.Split(text, "\n")
	if at.line > len(lines) {
		return ""
	}
	line := lines[at.line-1]
	switch {
	case strings.Contains(line, "${") && strings.ContainsAny(line, "[{"):
		return `between { } and [ ] put "${...}" in quotes`
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces"
	}
	return ""
}

// builder makes nodes of what the parser found.
type builder struct {
	l        *loader
	anchors  map[string]*node
	anchored int // how many anchors the walk is inside of
	depth    int
	stop     bool // too much was found, no more is looked at
}

// build returns the node of n, nil if n is not usable, which is reported.
func (b *builder) build(n ast.Node, p path) *node {
	b.depth++
	defer func() { b.depth-- }()
	at := start(n)
	if b.depth > maxDepth {
		b.l.add(p, at, fmt.Sprintf("this is nested deeper than %d", maxDepth), "")
		b.stop = true
	}
	if b.stop {
		return nil
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.mapping(n.Values, at, p)
	case *ast.MappingValueNode:
		return b.mapping([]*ast.MappingValueNode{n}, positionOf(n.Key.GetToken()), p)
	case *ast.SequenceNode:
		return b.sequence(n, at, p)
	case *ast.AnchorNode:
		return b.anchor(n, p)
	case *ast.AliasNode:
		return b.alias(n, at, p)
	case *ast.StringNode:
		return b.text(n.Value, n.Token, at, p)
	case *ast.LiteralNode:
		return b.text(n.Value.Value, nil, at, p)
	case *ast.BoolNode:
		return &node{kind: boolean, at: at, text: strconv.FormatBool(n.Value), bare: true, size: 1}
	case *ast.IntegerNode:
		return b.integer(n.Token.Value, at, p)
	case *ast.FloatNode:
		return b.float(n.Token.Value, at, p)
	case *ast.NullNode:
		b.l.report(p, at, "there is no value", `write one, or leave the key out; "" is empty text`)
	case *ast.TagNode:
		b.l.report(p, at, "tags are not used here", "")
	default:
		b.l.report(p, at, "this kind of value is not used here", quoteIt)
	}
	return nil
}

func (b *builder) mapping(values []*ast.MappingValueNode, at position, p path) *node {
	m := &node{kind: mapping, at: at, size: 1}
	var merged []*node
	for _, v := range values {
		keyAt := positionOf(v.Key.GetToken())
		if v.Key.IsMergeKey() {
			merged = append(merged, b.merge(v.Value, keyAt, p)...)
			continue
		}
		key, ok := keyText(v.Key)
		if !ok {
			b.l.report(p, keyAt, "a key must be plain text", "")
			continue
		}
		if m.get(key) != nil {
			b.l.report(p.join(key), keyAt, "the key is there twice", "")
			continue
		}
		if child := b.build(v.Value, p.join(key)); child != nil {
			m.fields = append(m.fields, field{key: key, at: keyAt, node: child})
			m.size += child.size
		}
	}
	for _, from := range merged {
		for _, f := range from.fields {
			if m.get(f.key) == nil {
				m.fields = append(m.fields, f)
				m.size += f.size
			}
		}
	}
	return b.bounded(m, p)
}

// merge returns the mappings that "<<" takes in.
func (b *builder) merge(v ast.Node, at position, p path) []*node {
	from := b.build(v, p.join("<<"))
	switch {
	case from == nil:
		return nil
	case from.kind == mapping:
		return []*node{from}
	case from.kind == sequence:
		for _, item := range from.items {
			if item.kind != mapping {
				b.l.report(p.join("<<"), at, "<< takes in mappings only", "")
				return nil
			}
		}
		return from.items
	}
	b.l.report(p.join("<<"), at, "<< takes in mappings only", "")
	return nil
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode:
		return key.Token.Value, true
	case *ast.FloatNode:
		return key.Token.Value, true
	case *ast.BoolNode:
		return key.Token.Value, true
	}
	return "", false
}

func (b *builder) sequence(n *ast.SequenceNode, at position, p path) *node {
	s := &node{kind: sequence, at: at, size: 1}
	for i, v := range n.Values {
		item := b.build(v, p.index(i))
		if item == nil {
			item = &node{at: positionOf(v.GetToken()), size: 1} // keeps the place, and is reported
		}
		s.items = append(s.items, item)
		s.size += item.size
	}
	return b.bounded(s, p)
}

// bounded stops the walk where aliases have multiplied into too much.
func (b *builder) bounded(n *node, p path) *node {
	if n.size <= maxNodes {
		return n
	}
	if !b.stop {
		b.l.add(p, n.at, "aliases make too much of this", "")
	}
	b.stop = true
	return nil
}

func (b *builder) anchor(n *ast.AnchorNode, p path) *node {
	b.anchored++
	defer func() { b.anchored-- }()
	v := b.build(n.Value, p)
	if v != nil {
		b.anchors[n.Name.GetToken().Value] = v
	}
	return v
}

func (b *builder) alias(n *ast.AliasNode, at position, p path) *node {
	if b.anchored > 0 {
		b.l.report(p, at, "an alias inside of an anchored value is not allowed", "")
		return nil
	}
	v, ok := b.anchors[n.Value.GetToken().Value]
	if !ok {
		b.l.report(p, at, "there is no such anchor above", "")
	}
	return v
}

func (b *builder) text(value string, t *token.Token, at position, p path) *node {
	n := &node{kind: text, at: at, text: value, size: 1}
	if t != nil {
		n.bare = t.Type != token.SingleQuoteType && t.Type != token.DoubleQuoteType
		if strings.Contains(t.Origin, value) && !strings.Contains(value, "\n") {
			n.source = value
		}
	}
	if n.bare && isOctal(value) {
		b.l.report(p, at, "a number that begins with 0 is read in more than one way", quoteIt)
		return nil
	}
	if !b.l.expand(n, p) {
		return nil
	}
	return n
}

// isOctal reports whether value looks as a number with a zero in front: some parsers
// take that for octal, and this one does so unless there is an 8 or a 9 in it.
func isOctal(value string) bool {
	digits := strings.TrimLeft(value, "+-")
	return len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == ""
}

func (b *builder) integer(source string, at position, p path) *node {
	v, err := strconv.ParseInt(source, 10, 64)
	switch {
	case isOctal(source):
		b.l.report(p, at, "a number that begins with 0 is read in more than one way", quoteIt)
	case err != nil || strconv.FormatInt(v, 10) != source:
		b.l.report(p, at, "this is not a plain decimal number", quoteIt)
	default:
		return &node{kind: integer, at: at, text: source, number: v, bare: true, size: 1}
	}
	return nil
}

func (b *builder) float(source string, at position, p path) *node {
	v, err := strconv.ParseFloat(source, 64)
	if err != nil || math.IsInf(v, 0) || len(source) > 32 {
		b.l.report(p, at, "this number is out of range", quoteIt)
		return nil
	}
	return &node{kind: float, at: at, text: source, number: v, bare: true, size: 1}
}

func positionOf(t *token.Token) position {
	if t == nil || t.Position == nil {
		return position{line: 1, col: 1}
	}
	return position{line: max(t.Position.Line, 1), col: max(t.Position.Column, 1)}
}

// start returns where n begins. The token of a mapping without braces is its first colon.
func start(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return positionOf(m.Values[0].Key.GetToken())
	}
	return positionOf(n.GetToken())
}

// badText returns where data stops being UTF-8.
func badText(data []byte) position {
	at := position{line: 1, col: 1}
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && n == 1:
			return at
		case r == '\n':
			at = position{line: at.line + 1, col: 1}
		default:
			at.col++
		}
		data = data[n:]
	}
	return at
}
