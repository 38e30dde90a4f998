package schema

import (
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Compile makes a Program of the schema at a JSON pointer in doc, "" being its root. Doc is
// a document as encoding/json decodes it, with numbers as json.Number, that the metaschema
// of draft 2020-12 allows. The error is an *Outside.
func Compile(doc any, pointer string) (*Program, error) {
	k := &compiler{doc: doc, nodes: make(map[string]*node), edges: make(map[*node][]*node)}
	root, _ := doc.(map[string]any)
	if s, ok := root["$schema"].(string); ok && !isDraft2020(s) {
		return nil, &Outside{"another `$schema`", ""}
	}
	n := k.at(pointer)
	k.refuseCycles()
	if k.outside != nil {
		return nil, k.outside
	}
	for _, n := range k.nodes {
		n.link()
	}
	return &Program{root: n.target(), texts: k.texts}, nil
}

func isDraft2020(s string) bool {
	s = strings.TrimSuffix(s, "#")
	return s == "https://json-schema.org/draft/2020-12/schema" || s == "http://json-schema.org/draft/2020-12/schema"
}

type compiler struct {
	doc     any
	nodes   map[string]*node // by pointer
	edges   map[*node][]*node
	texts   bool
	outside *Outside // the first
}

func (k *compiler) refuse(keyword, pointer string) {
	if k.outside == nil {
		k.outside = &Outside{keyword, pointer}
	}
}

// at compiles what a pointer leads to, once. A schema within the reach of an $id of its own
// has another base for its references.
func (k *compiler) at(pointer string) *node {
	v := k.doc
	for i, token := range strings.Split(pointer, "/") {
		if i == 0 {
			continue
		}
		var ok bool
		switch x := v.(type) {
		case map[string]any:
			v, ok = x[unescape(token)]
		case []any:
			n, err := strconv.Atoi(token)
			if ok = err == nil && n >= 0 && n < len(x); ok {
				v = x[n]
			}
		}
		if !ok {
			k.refuse("`$ref`", pointer)
			return &node{}
		}
		if x, is := v.(map[string]any); is {
			if _, is := x["$id"].(string); is {
				k.refuse("`$id` below the root", pointer)
			}
		}
	}
	return k.schema(v, pointer)
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

func (k *compiler) schema(v any, pointer string) *node {
	if n, ok := k.nodes[pointer]; ok {
		return n
	}
	n := &node{}
	k.nodes[pointer] = n
	switch v := v.(type) {
	case bool:
		if n.always = never; v {
			n.always = always
		}
	case map[string]any:
		s := &source{k: k, n: n, obj: v, pointer: pointer}
		s.compile()
	default:
		k.refuse("a schema of another kind", pointer)
	}
	return n
}

// refuseCycles refuses schemas that would be applied to a value because they are applied to
// it: what the library says of such depends on how it came there.
func (k *compiler) refuseCycles() {
	const open, done = 1, 2
	state := make(map[*node]int)
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = open
		for _, to := range k.edges[n] {
			switch state[to] {
			case open:
				k.refuse("`$ref` in a circle", "")
			case 0:
				visit(to)
			}
		}
		state[n] = done
	}
	for _, n := range k.nodes {
		if state[n] == 0 {
			visit(n)
		}
	}
}

// source is one schema that is being compiled.
type source struct {
	k       *compiler
	n       *node
	obj     map[string]any
	pointer string
}

// others are applied by the library, and not here.
var others = []string{"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"}

func (s *source) compile() {
	if len(s.obj) == 0 {
		s.n.always = always
		return
	}
	for _, keyword := range others {
		if _, ok := s.obj[keyword]; ok {
			s.refuse(keyword)
		}
	}
	if _, ok := s.obj["$id"].(string); ok && s.pointer != "" {
		s.k.refuse("`$id` below the root", s.pointer)
	}
	s.types()
	s.general()
	s.number()
	s.text(s.texts())
	s.list()
	s.object()
	n := s.n
	if n.types == 0 && n.general == nil && n.number == nil && n.text == nil && n.list == nil && n.object == nil {
		n.always = always
	}
	if g := n.general; g != nil && g.ref != nil {
		alone := *g
		alone.ref = nil
		n.refers = n.types == 0 && n.number == nil && n.text == nil && n.list == nil && n.object == nil && alone.empty()
	}
}

func (s *source) refuse(keyword string) { s.k.refuse("`"+keyword+"`", s.pointer) }

// child compiles the schema below a path of tokens, of which the first is a keyword.
func (s *source) child(v any, tokens ...string) *node {
	pointer := s.pointer
	for _, t := range tokens {
		pointer += "/" + escape(t)
	}
	return s.k.schema(v, pointer)
}

// sub compiles a keyword that is a schema, or returns nil.
func (s *source) sub(keyword string) *node {
	v, ok := s.obj[keyword]
	if !ok {
		return nil
	}
	return s.child(v, keyword)
}

// self is sub for a schema that is applied to the same value.
func (s *source) self(keyword string) *node {
	n := s.sub(keyword)
	if n != nil {
		s.edge(n)
	}
	return n
}

func (s *source) edge(to *node) { s.k.edges[s.n] = append(s.k.edges[s.n], to) }

// subs compiles a keyword that is a list of schemas.
func (s *source) subs(keyword string) (nodes []*node) {
	items, _ := s.obj[keyword].([]any)
	for i, v := range items {
		nodes = append(nodes, s.child(v, keyword, strconv.Itoa(i)))
	}
	return nodes
}

func (s *source) selves(keyword string) []*node {
	nodes := s.subs(keyword)
	for _, n := range nodes {
		s.edge(n)
	}
	return nodes
}

func (s *source) types() {
	words := map[string]types{"null": 1 << null, "boolean": boolean, "number": 1 << numeral, "integer": integer,
		"string": 1 << text, "array": 1 << list, "object": 1 << object}
	switch v := s.obj["type"].(type) {
	case string:
		s.n.types = words[v]
	case []any:
		for _, item := range v {
			word, _ := item.(string)
			s.n.types |= words[word]
		}
	}
	s.n.declared = s.n.types
}

func (s *source) general() {
	g := &general{
		ref: s.reference(), not: s.self("not"),
		all: s.selves("allOf"), any: s.selves("anyOf"), one: s.selves("oneOf"),
	}
	if g.cond = s.self("if"); g.cond != nil {
		g.then, g.other = s.self("then"), s.self("else")
	}
	if v, ok := s.obj["const"]; ok {
		c, ok := newConstant(v)
		if !ok {
			s.refuse("const")
		}
		g.constant = &c
	}
	if values, ok := s.obj["enum"].([]any); ok && !s.textsOnly(values) {
		g.enum = []constant{} // of no values none is one
		for _, v := range values {
			c, ok := newConstant(v)
			if !ok {
				s.refuse("enum")
			}
			g.enum = append(g.enum, c)
		}
	}
	if !g.empty() {
		s.n.general = g
	}
}

// textsOnly tells whether values, of an enum, leave nothing but texts.
func (s *source) textsOnly(values []any) bool {
	return len(values) > 0 && (s.n.types == 0 || s.n.types.has(text)) && !slices.ContainsFunc(values, func(v any) bool { _, ok := v.(string); return !ok })
}

// texts are the values of an enum that has texts alone, or nil: then nothing else is valid.
func (s *source) texts() *names {
	values, _ := s.obj["enum"].([]any)
	if !s.textsOnly(values) {
		return nil
	}
	s.n.types = 1 << text
	list := s.strings(values)
	slices.Sort(list)
	return newNames(slices.Compact(list))
}

// reference follows $ref within the document, by pointer.
func (s *source) reference() *node {
	ref, ok := s.obj["$ref"].(string)
	if !ok {
		return nil
	}
	fragment, ok := strings.CutPrefix(ref, "#")
	if !ok {
		s.k.refuse("`$ref` to an address", s.pointer)
		return nil
	}
	pointer, err := url.PathUnescape(fragment)
	if err != nil || pointer != "" && pointer[0] != '/' {
		s.k.refuse("`$ref` to an anchor", s.pointer)
		return nil
	}
	n := s.k.at(pointer)
	s.edge(n)
	return n
}

func (s *source) number() {
	r := &numberRules{min: s.bound("minimum"), max: s.bound("maximum"), above: s.bound("exclusiveMinimum"),
		below: s.bound("exclusiveMaximum"), multiple: s.bound("multipleOf")}
	if r.multiple != nil && r.multiple.ratio == nil && r.multiple.digits == 0 {
		s.refuse("multipleOf")
	}
	if *r != (numberRules{}) {
		s.n.number = r
	}
}

// bound is the number of a keyword, or nil.
func (s *source) bound(keyword string) *decimal {
	v, ok := s.obj[keyword].(json.Number)
	if !ok {
		return nil
	}
	d, ok := bound(v)
	if !ok {
		s.refuse(keyword)
	}
	return &d
}

// size is the number of a keyword that counts, or none.
func (s *source) size(keyword string, none int) int {
	d := s.bound(keyword)
	if d == nil {
		return none
	}
	n, ok := scale(d.digits, max(d.power, 0))
	if d.power < 0 && -d.power < len(tens) {
		n = d.digits / tens[-d.power]
	}
	if d.ratio != nil || d.negative || !ok || !d.whole() || n > math.MaxInt32 {
		s.refuse(keyword)
	}
	return int(n)
}

func (s *source) text(among *names) {
	r := &textRules{min: s.size("minLength", 0), max: s.size("maxLength", -1), among: among}
	used := r.min > 0 || r.max >= 0 || among != nil
	if text, ok := s.obj["pattern"].(string); ok {
		r.pattern = s.pattern(text, "pattern")
		used = true
	}
	if format, ok := s.obj["format"].(string); ok {
		if r.format = formats[format]; r.format != nil {
			r.formatName = format
			used = true
		} else if outsideFormats[format] {
			s.k.refuse("`format` "+format, s.pointer)
		}
	}
	if used {
		s.n.text = r
	}
}

func (s *source) pattern(text, keyword string) *Pattern {
	p, err := NewPattern(text)
	if err != nil {
		s.refuse(keyword)
	}
	s.k.texts = true
	return p
}

func (s *source) list() {
	unique, _ := s.obj["uniqueItems"].(bool)
	r := &listRules{min: s.size("minItems", 0), max: s.size("maxItems", -1), unique: unique,
		prefix: s.subs("prefixItems"), rest: s.sub("items"), contains: s.sub("contains"), maxContain: -1}
	if r.contains != nil {
		r.minContained, r.maxContain = s.size("minContains", 1), s.size("maxContains", -1)
		_, r.minGiven = s.obj["minContains"]
	}
	if r.min > 0 || r.max >= 0 || r.unique || r.prefix != nil || r.rest != nil || r.contains != nil {
		s.n.list = r
	}
}

func (s *source) object() {
	r := &objectRules{min: s.size("minProperties", 0), max: s.size("maxProperties", -1),
		additional: s.sub("additionalProperties"), propNames: s.sub("propertyNames")}
	if open, ok := s.obj["additionalProperties"].(bool); ok {
		r.closed = !open
	}
	s.properties(r)
	s.dependencies(r)
	patterns, _ := s.obj["patternProperties"].(map[string]any)
	for _, text := range slices.Sorted(maps.Keys(patterns)) {
		r.patterns = append(r.patterns, patternProperty{s.pattern(text, "patternProperties"), s.child(patterns[text], "patternProperties", text)})
	}
	if r.min > 0 || r.max >= 0 || r.names != nil || r.required != nil || r.patterns != nil || r.additional != nil || r.propNames != nil || r.dependent != nil {
		s.n.object = r
	}
}

// properties gives the first of the required ones a bit, and notes the others.
func (s *source) properties(r *objectRules) {
	props, _ := s.obj["properties"].(map[string]any)
	list := slices.Sorted(maps.Keys(props))
	for _, name := range list {
		r.props = append(r.props, property{node: s.child(props[name], "properties", name)})
	}
	r.all = s.strings(s.obj["required"])
	required := slices.Sorted(slices.Values(r.all))
	for i, name := range slices.Compact(required) {
		if i >= 64 {
			r.required = append(r.required, name)
			continue
		}
		at := slices.Index(list, name)
		if at < 0 {
			at = len(list)
			list = append(list, name)
			r.props = append(r.props, property{})
		}
		r.props[at].bit = 1 << i
		r.need |= 1 << i
	}
	if len(list) > 0 {
		r.names = newNames(list)
	}
}

// dependencies are dependentRequired and dependentSchemas, and both under their old name.
func (s *source) dependencies(r *objectRules) {
	for _, keyword := range []string{"dependentRequired", "dependentSchemas", "dependencies"} {
		m, _ := s.obj[keyword].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			d := dependency{keyword: keyword, name: name}
			if list, ok := m[name].([]any); ok {
				d.required = s.strings(list)
			} else {
				d.node = s.child(m[name], keyword, name)
				s.edge(d.node)
			}
			r.dependent = append(r.dependent, d)
		}
	}
}

func (s *source) strings(v any) (texts []string) {
	items, _ := v.([]any)
	for _, item := range items {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
