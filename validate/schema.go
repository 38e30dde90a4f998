package validate

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is a Schema that can be carried out.
type document struct {
	get      protocol.Getter
	at       string
	byName   map[string]*content
	everyone *content            // for every operation, or nil
	known    map[string]struct{} // names of the document, which may be told
	slower   []string            // keywords for which there is no program
}

// content is one schema: a program, which only tells whether a value is valid, and the
// same in the library, which tells what is wrong. Program is nil if the schema has what
// programs cannot do.
type content struct {
	program *schema.Program
	library *jsonschema.Schema
}

// base is the address of the one document. Nothing is ever loaded from it.
const base = "schema:///document.json"

func (k *compiler) schema(in *Schema) engineOfOperations {
	if !k.traits.JSON {
		k.bad("schema", fmt.Errorf("protocol %s has no JSON values", k.traits.Name))
		return nil
	}
	s := &document{at: in.At, byName: make(map[string]*content), known: make(map[string]struct{})}
	if s.at == "" {
		s.at = k.traits.Content
	}
	s.get = k.getter("schema.at", s.at)
	b := k.opts.Budget
	b.Values, b.Depth = 1<<20, 256
	doc, wrong := decode(in.Document, b)
	if wrong != nil {
		k.badAt("schema", wrong.off, "", fmt.Errorf("%swant %s", inFile(in.File), wrong.want))
		return nil
	}
	learn(doc, s.known)

	lib := jsonschema.NewCompiler()
	lib.DefaultDraft(jsonschema.Draft2020)
	lib.AssertFormat()
	lib.UseLoader(noLoader{})
	lib.UseRegexpEngine(k.regexp)
	if err := lib.AddResource(base, doc); err != nil {
		k.bad("schema", k.schemaError(in, err))
		return nil
	}
	compile := func(ptr string) *content {
		out, err := guarded(lib, base+"#"+fragment(ptr))
		if err != nil {
			k.badAt("schema", schemaOffset(in.Document, err, s.known), "", k.schemaError(in, err))
			return nil
		}
		program, err := schema.Compile(doc, ptr)
		if outside, ok := errors.AsType[*schema.Outside](err); ok && !slices.Contains(s.slower, outside.Keyword) {
			s.slower = append(s.slower, outside.Keyword)
		}
		return &content{program, out}
	}
	if in.Methods != nil {
		for _, name := range slices.Sorted(maps.Keys(in.Methods)) {
			ptr := in.Methods[name]
			tokens, ok := pointer(ptr)
			if _, there := lookup(doc, tokens); !ok || !there {
				k.bad("schema.methods", fmt.Errorf("%s%q is no place in the document", inFile(in.File), ptr))
				continue
			}
			s.byName[name] = compile(strings.TrimPrefix(ptr, "#"))
		}
		return s
	}
	root, _ := doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	if len(defs) == 0 {
		s.everyone = compile("")
		return s
	}
	if word := saysAtRoot(root); word != "" {
		k.badAt("schema", -1, "say methods, as in { order.place: '' } for the root, or take what is at the root away",
			fmt.Errorf("%sthere is a schema at the root (%s) and there are others in $defs, of which each would be for the operation of its name", inFile(in.File), word))
		return s
	}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		s.byName[name] = compile(string(appendToken([]byte("/$defs/"), name)))
	}
	return s
}

// saysAtRoot returns a keyword at the root of a document that says something of a value, "" if there is none.
func saysAtRoot(root map[string]any) string {
	for _, word := range slices.Sorted(maps.Keys(root)) {
		switch word {
		case "$schema", "$id", "$defs", "$comment", "$vocabulary", "$anchor", "$dynamicAnchor", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly":
		default:
			return word
		}
	}
	return ""
}

// engineOfOperations is what a schema is, and nil where there is none.
type engineOfOperations interface {
	engine
	operations() []string
}

func (s *document) operations() []string { return slices.Sorted(maps.Keys(s.byName)) }

// noLoader refuses references to other documents: files and networks are not for a
// validator.
type noLoader struct{}

var errElsewhere = errors.New("a reference to another document is not followed")

// Load implements jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, errElsewhere }

// guarded compiles, and makes a panic an error.
func guarded(lib *jsonschema.Compiler, loc string) (s *jsonschema.Schema, err error) {
	defer func() {
		if x := recover(); x != nil {
			s, err = nil, fmt.Errorf("the document cannot be compiled: panic of type %T", x)
		}
	}()
	return lib.Compile(loc)
}

// schemaError says what is wrong with a document, in one line.
func (k *compiler) schemaError(in *Schema, err error) error {
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) || errors.Is(err, errElsewhere) {
		return fmt.Errorf("%s%w", inFile(in.File), errElsewhere)
	}
	text := err.Error()
	if leaf := documentError(err); leaf != nil {
		// The last line of the library's own text is about the leaf: "at '/type': ...".
		text = leaf.Error()
		if i := strings.LastIndex(text, "\n- at "); i >= 0 {
			text = text[i+len("\n- "):]
		}
	}
	text = strings.Join(strings.FieldsFunc(strings.ReplaceAll(text, base, ""), func(r rune) bool { return r == '\n' }), "; ")
	return errors.New(inFile(in.File) + text)
}

// documentError is the first thing in a document that its metaschema does not allow, or nil.
func documentError(err error) *jsonschema.ValidationError {
	var invalid *jsonschema.SchemaValidationError
	if !errors.As(err, &invalid) {
		return nil
	}
	var leaf *jsonschema.ValidationError
	if !errors.As(invalid.Err, &leaf) {
		return nil
	}
	for len(leaf.Causes) > 0 {
		leaf = leaf.Causes[0]
	}
	return leaf
}

// schemaOffset finds the place in the document that err is about, or -1.
func schemaOffset(doc []byte, err error, known map[string]struct{}) int {
	leaf := documentError(err)
	if leaf == nil {
		return -1
	}
	off, _ := locate(doc, leaf.InstanceLocation, known)
	return off
}

func inFile(name string) string {
	if name == "" {
		return ""
	}
	return name + ": "
}

// fragment escapes a pointer for use in an address, RFC 6901 section 6.
func fragment(ptr string) string {
	var b strings.Builder
	for i := range len(ptr) {
		c := ptr[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/$-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// lookup finds the value at tokens.
func lookup(v any, tokens []string) (any, bool) {
	for _, token := range tokens {
		switch x := v.(type) {
		case map[string]any:
			child, ok := x[token]
			if !ok {
				return nil, false
			}
			v = child
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// learn notes the names that a document holds as keys, or lists, such as in required.
func learn(v any, known map[string]struct{}) {
	switch x := v.(type) {
	case map[string]any:
		for name, child := range x {
			known[name] = struct{}{}
			learn(child, known)
		}
		if list, ok := x["required"].([]any); ok {
			for _, name := range list {
				if text, ok := name.(string); ok {
					known[text] = struct{}{}
				}
			}
		}
	case []any:
		for _, child := range x {
			learn(child, known)
		}
	}
}

// cappedRegexp is a pattern that is not applied to more text than the budget.
type cappedRegexp struct {
	*regexp.Regexp
	most int
}

// MatchString panics on a text that is too long: to say no would be to say yes to a
// schema that has the pattern under not.
func (r cappedRegexp) MatchString(text string) bool {
	if len(text) > r.most {
		panic(spent{"text of at most " + strconv.Itoa(r.most) + " bytes for a pattern"})
	}
	return r.Regexp.MatchString(text)
}

func (k *compiler) regexp(text string) (jsonschema.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return cappedRegexp{re, k.opts.Budget.Text}, nil
}

func (s *document) check(c *Checker, m *protocol.Message) {
	sch := s.everyone
	if sch == nil {
		if sch = s.byName[string(m.Name)]; sch == nil {
			return
		}
	}
	if b := sch.library.Bool; b != nil && *b {
		return
	}
	v, ok := s.get(m)
	if !ok {
		c.report(finding{path: s.at, off: -1, key: "required", want: "a value", got: "nothing"})
		return
	}
	verdict := schema.Unsure
	if sch.program != nil {
		verdict = c.content.Check(sch.program, v.Raw)
	}
	if verdict != schema.Valid {
		s.explain(c, sch, v, verdict)
	}
}

// explain reports what is wrong with v, which the program did not find valid. If it is not
// sure the library decides.
func (s *document) explain(c *Checker, sch *content, v protocol.Value, verdict schema.Verdict) {
	l := leaves{c: c, s: s, v: v}
	if verdict == schema.Invalid {
		verdict = c.content.Explain(sch.program, v.Raw, l.add)
	}
	switch verdict {
	case schema.Invalid:
		l.report()
	case schema.Spent:
		panic(spent{"content that needs less work to compare with its schema"})
	default:
		l.list = nil
		l.library(sch.library)
	}
}
