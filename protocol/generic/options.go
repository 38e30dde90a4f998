package generic

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// Options declare a protocol.
type Options struct {
	Framing   frame.Options     `json:"framing" doc:"Where frames begin and end: the name of a preset or a declaration."`
	Charset   string            `json:"charset,omitempty" doc:"The charset of text in the body: ascii (the default) or ebcdic (code page 037)."`
	Fields    []Field           `json:"fields,omitempty" doc:"The parts of a body that have a name."`
	Kind      Kinds             `json:"kind,omitzero" doc:"Tells what a message is for, by the first rule that matches. Without one that does, it is a request from a client and a response from a backend, or unknown if there are rules for that side."`
	Operation string            `json:"operation,omitempty" doc:"The field that says what is asked for."`
	ID        []string          `json:"id,omitempty" doc:"The fields that name a request, and that its answer gives back. A single one of fixed width at a fixed place can be rewritten. With none, results are matched by order, or one at a time."`
	More      *Match            `json:"more,omitempty" doc:"Matches a response that is not the last part of its result."`
	Failed    *Match            `json:"failed,omitempty" doc:"Matches a response that reports an error of the backend's."`
	Ordered   bool              `json:"ordered,omitempty" doc:"Says that clients pair answers with requests by their order. Without ID they always do."`
	Notices   map[string]string `json:"notices,omitempty" doc:"The bodies of notices, by class: literal text in which {key}, {code}, {text}, {now} and {echo:FIELD} stand for what their names say, and {text:27} is filled or cut to 27 bytes. A class without one is not said."`
	Codes     map[string]string `json:"codes,omitempty" doc:"What {code} says, by class or by cause."`
	Wait      string            `json:"wait,omitempty" doc:"The kind of the wait notice: interim, closing or promise. It must be stated if there is one."`
	Records   *Records          `json:"records,omitempty" doc:"How one body holds several messages."`
}

// Field is a named part of a body.
type Field struct {
	Name      string `json:"name" doc:"What rules, notices and the other options call the field."`
	At        int    `json:"at,omitempty" doc:"The field's offset in bytes from the start of the body, or, if negative, from its end."`
	Len       int    `json:"len,omitempty" doc:"Its length in bytes; 0 goes on to the end of the body."`
	Column    int    `json:"column,omitempty" doc:"The field's number, from 1, between delimiters."`
	Delimiter string `json:"delimiter,omitempty" doc:"What stands between columns."`
	Regex     string `json:"regex,omitempty" doc:"An expression that finds the field in the body."`
	Group     int    `json:"group,omitempty" doc:"The group of the expression that the field is; 1 by default."`
	Type      string `json:"type,omitempty" doc:"One of text (the default), digits, number (with sign and fraction), or bin (an unsigned integer, big-endian)."`
	Trim      bool   `json:"trim,omitempty" doc:"Leaves out spaces around a text."`
	Optional  bool   `json:"optional,omitempty" doc:"Lets a message pass that is too short for the field."`
}

// Kinds are the rules for the kind of a message, by who sent it.
type Kinds struct {
	Client  []KindRule `json:"client,omitempty"`
	Backend []KindRule `json:"backend,omitempty"`
}

// KindRule says what a message is whose field has one of the values.
type KindRule struct {
	Field string   `json:"field"`
	In    []string `json:"in"`
	Is    string   `json:"is" doc:"One of request, one-way, response, progress, keepalive or sign-on."`
}

// Match is true of a message whose field has one of the values.
type Match struct {
	Field string   `json:"field"`
	In    []string `json:"in"`
}

// Records say how one body holds several messages, each a body by itself: Skip bytes
// first, then records of Size bytes, or with a Delimiter between them.
type Records struct {
	When      Match       `json:"when" doc:"Matches a body that holds records. It may look at the bytes that are skipped only."`
	Skip      int         `json:"skip,omitempty" doc:"The number of bytes before the first record."`
	Header    frame.Bytes `json:"header,omitempty" doc:"What stands before the first record in a body that the gateway makes."`
	Size      int         `json:"size,omitempty" doc:"The size of every record in bytes."`
	Delimiter frame.Bytes `json:"delimiter,omitempty"`
	Count     string      `json:"count,omitempty" doc:"A field of digits, or of type bin, in the bytes that are skipped, that holds the number of records."`
}

// New returns the Codec that o declares. The error joins every mistake in o, each
// beginning with its path in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	c := &Codec{limits: limits.WithDefaults(), byName: map[string]int{}, more: noMatch, failed: noMatch, operation: -1}
	m := &mistakes{codec: c}
	var err error
	if c.framing, err = frame.New(o.Framing, c.limits); err != nil {
		m.bad("framing", "%w", err)
	} else if e, ok := c.framing.(interface{ Echoes() bool }); ok {
		c.echoes = e.Echoes()
	}
	if o.Framing.Kind == "fixed" {
		m.size = o.Framing.Size
	}
	switch o.Charset {
	case "", "ascii":
	case "ebcdic":
		c.ebcdic = true
	default:
		m.bad("charset", "there is no %q; there are ascii and ebcdic", o.Charset)
	}
	for i := range o.Fields {
		m.field(fmt.Sprintf("fields[%d]", i), &o.Fields[i])
		c.marks += o.Fields[i].Delimiter
	}
	for dir, rules := range [...][]KindRule{protocol.FromClient: o.Kind.Client, protocol.FromBackend: o.Kind.Backend} {
		for i := range rules {
			m.kind(fmt.Sprintf("kind.%s[%d]", protocol.Direction(dir), i), protocol.Direction(dir), &rules[i])
		}
	}
	if o.Operation != "" {
		c.operation = m.find("operation", o.Operation)
	}
	for i, name := range o.ID {
		if f := m.find(fmt.Sprintf("id[%d]", i), name); f < len(c.fields) {
			c.id = append(c.id, f)
		}
	}
	if o.More != nil {
		c.more = m.match("more", o.More)
	}
	if o.Failed != nil {
		c.failed = m.match("failed", o.Failed)
	}
	c.ordered = o.Ordered || len(o.ID) == 0
	if f, ok := c.framing.(interface{ Marks() []byte }); ok {
		c.marks += string(f.Marks())
	}
	m.notices(&o)
	if o.Records != nil {
		m.records(o.Records)
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	c.setHead()
	c.setTraits()
	c.setInstead()
	m.trial()
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// setHead finds out how much of a body must be known to route it: all fields at a fixed place. Where what a message is
// or who asked could stand elsewhere, nothing is carried.
func (c *Codec) setHead() {
	if f, ok := c.framing.(carryable); !ok || f.Header() == 0 || c.records != nil {
		return
	}
	need := append([]int{}, c.id...)
	if c.operation >= 0 {
		need = append(need, c.operation)
	}
	for _, rules := range c.kinds {
		for _, r := range rules {
			need = append(need, r.field)
		}
	}
	for _, m := range []match{c.more, c.failed} {
		if m.field >= 0 {
			need = append(need, m.field)
		}
	}
	for _, i := range need {
		if !c.fields[i].fixed() {
			return
		}
	}
	for i := range c.fields {
		if f := &c.fields[i]; f.fixed() {
			c.head = max(c.head, f.at+f.len)
		}
	}
}

// setInstead chooses what stands for a byte that would divide a notice.
func (c *Codec) setInstead() {
	for _, b := range []byte(" ./-_") {
		if c.ebcdic {
			b = frame.ToEBCDIC[b]
		}
		if c.instead = b; strings.IndexByte(c.marks, b) < 0 {
			return
		}
	}
}

// trial makes what the gateway makes by itself: a notice of each class, for no request,
// which must fit a frame, and the header of a batch, which must be known for one.
func (m *mistakes) trial() {
	c := m.codec
	for class, t := range c.templates {
		if t == nil {
			continue
		}
		path := "notices." + protocol.Class(class).String()
		body, err := c.AppendNotice(nil, nil, &protocol.Notice{Class: protocol.Class(class), Cause: protocol.BadShape})
		if err == nil {
			_, err = c.CloseFrame(append(c.OpenFrame(nil, nil), body...), 0)
		}
		if err != nil {
			m.bad(path, "its body fits no frame: %w", err)
		}
	}
	if r := c.records; r != nil {
		header := append([]byte(nil), r.header...)
		for len(header) < r.skip {
			header = append(header, c.space()...)
		}
		if !c.has(header, c.fields[r.when.field].find(header), r.when) {
			m.bad("records.header", "want the %d bytes before the first record, such that records.when matches", r.skip)
		}
	}
}

// mistakes collects what is wrong with the Options.
type mistakes struct {
	codec *Codec
	size  int // of every body, 0: it varies
	errs  []error
}

func (m *mistakes) bad(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(path+": "+format, args...))
}

func (m *mistakes) field(path string, f *Field) {
	c := m.codec
	d := field{name: f.Name, at: f.At, len: f.Len, column: f.Column, delimiter: []byte(f.Delimiter), group: max(f.Group, 1), trim: f.Trim, optional: f.Optional}
	if f.Name == "" || strings.ContainsAny(f.Name, "{}:") || strings.HasPrefix(f.Name, "frame.") || f.Name == "body" {
		m.bad(path+".name", "want a name without {, } and :, other than body and frame...., got %q", f.Name)
	}
	if _, twice := c.byName[f.Name]; twice {
		m.bad(path+".name", "%s is declared twice", f.Name)
	}
	switch f.Type {
	case "", "text":
	case "digits":
		d.kind = digits
	case "number":
		d.kind = number
	case "bin":
		d.kind = binary
		if f.Len < 1 || f.Len > 7 {
			m.bad(path+".len", "a field of type bin has 1 to 7 bytes, not %d", f.Len)
		}
	default:
		m.bad(path+".type", "there is no %q; there are text, digits, number, bin", f.Type)
	}
	forms := 0
	if f.Regex != "" {
		forms++
		re, err := regexp.Compile(f.Regex)
		if err != nil {
			m.bad(path+".regex", "%w", err)
		} else if d.group > re.NumSubexp() {
			m.bad(path+".group", "the expression has %d groups, and this is number %d", re.NumSubexp(), d.group)
		}
		d.regex = re
	}
	if f.Column != 0 || f.Delimiter != "" {
		forms++
		if f.Column < 1 || f.Delimiter == "" {
			m.bad(path+".column", "want a number from 1 on, with a delimiter")
		}
	}
	if f.At != 0 || f.Len != 0 {
		forms++
		switch {
		case f.Len < 0:
			m.bad(path+".len", "must not be negative")
		case m.size > 0 && !f.Optional && max(f.At, -f.At, f.Len, f.At+f.Len) > m.size:
			m.bad(path+".at", "lies beyond the record of %d bytes", m.size)
		case max(f.At, -f.At, f.Len, f.At+f.Len) > c.limits.Frame:
			m.bad(path+".at", "lies beyond the frame limit of %d bytes", c.limits.Frame)
		case f.At < 0 && f.At+f.Len > 0:
			m.bad(path+".len", "%d bytes from %d before the end go beyond it", f.Len, -f.At)
		}
	}
	if forms > 1 {
		m.bad(path, "%s is declared in two ways; give at and len, or column and delimiter, or regex", f.Name)
	}
	c.byName[f.Name] = len(c.fields)
	c.fields = append(c.fields, d)
}

// find returns the number of the field called name, 0 if there is none.
func (m *mistakes) find(path, name string) int {
	i, ok := m.codec.byName[name]
	if !ok {
		m.bad(path, "there is no field %q%s", name, m.codec.nearest(name))
	}
	return i
}

func (m *mistakes) match(path string, o *Match) match {
	if len(o.In) == 0 {
		m.bad(path+".in", "want at least one value")
	}
	return match{field: m.find(path+".field", o.Field), in: o.In}
}

var kinds = map[string]protocol.Kind{"request": protocol.Request, "one-way": protocol.OneWay, "response": protocol.Response,
	"progress": protocol.Progress, "keepalive": protocol.Keepalive, "sign-on": protocol.SignOn}

func (m *mistakes) kind(path string, dir protocol.Direction, r *KindRule) {
	k, ok := kinds[r.Is]
	if !ok {
		m.bad(path+".is", "there is no %q; there are request, one-way, response, progress, keepalive, sign-on", r.Is)
	}
	if dir == protocol.FromClient && (k == protocol.Response || k == protocol.Progress) {
		m.bad(path+".is", "a client sends no %s", r.Is)
	}
	m.codec.kinds[dir] = append(m.codec.kinds[dir], kindRule{m.match(path, &Match{r.Field, r.In}), k})
}

func (m *mistakes) notices(o *Options) {
	c := m.codec
	known := map[string]protocol.Class{}
	for class := range protocol.Class(protocol.NumClasses) {
		known[class.String()] = class
	}
	for name, text := range o.Notices {
		class, ok := known[name]
		if !ok {
			m.bad("notices."+name, "there is no such class of notice; there are fix, later, denied, duplicate, failed, wait")
			continue
		}
		t, err := c.parse(text)
		if err != nil {
			m.bad("notices."+name, "%w", err)
		}
		c.templates[class] = t
	}
	for class := range protocol.Class(protocol.NumClasses) {
		for cause := range c.codes[class] {
			c.codes[class][cause] = o.Codes[class.String()]
			if code, ok := o.Codes[protocol.Cause(cause).String()]; ok {
				c.codes[class][cause] = code
			}
		}
	}
	for name := range o.Codes {
		if _, ok := known[name]; !ok && !isCause(name) {
			m.bad("codes."+name, "there is no such class and no such cause of a notice")
		}
	}
	has := c.templates[protocol.Accepted] != nil
	switch {
	case o.Wait == "" && has:
		m.bad("wait", "say of what kind the wait notice is: interim, closing or promise")
	case o.Wait != "" && !has:
		m.bad("notices.wait", "there is a kind of wait notice, and no text for it")
	}
	switch o.Wait {
	case "":
	case "interim":
		c.wait = protocol.Interim
		if c.ordered {
			m.bad("wait", "clients pair answers by their order, and would take an interim wait notice for one")
		}
	case "closing":
		c.wait = protocol.Closing
	case "promise":
		c.wait = protocol.Promise
	default:
		m.bad("wait", "there is no %q; there are interim, closing, promise", o.Wait)
	}
}

func isCause(name string) bool {
	for cause := 1; cause < numCauses; cause++ { // "none" is nothing to be told
		if protocol.Cause(cause).String() == name {
			return true
		}
	}
	return false
}

func (m *mistakes) records(o *Records) {
	r := &records{when: m.match("records.when", &o.When), skip: o.Skip, header: o.Header, size: o.Size, delimiter: o.Delimiter, count: -1}
	if (o.Size > 0) == (len(o.Delimiter) > 0) || o.Size < 0 {
		m.bad("records.size", "give a size above 0 or a delimiter")
	}
	if o.Skip < 0 {
		m.bad("records.skip", "must not be negative")
	}
	if len(o.Header) > 0 && len(o.Header) != o.Skip {
		m.bad("records.header", "%d bytes, but %d are skipped", len(o.Header), o.Skip)
	}
	inHeader := func(path string, i int) {
		if f := m.codec.fields; i < len(f) && (f[i].regex != nil || f[i].column > 0 || f[i].at < 0 || f[i].len == 0 || f[i].at+f[i].len > o.Skip) {
			m.bad(path, "%s does not lie in the first %d bytes", f[i].name, o.Skip)
		}
	}
	inHeader("records.when.field", r.when.field)
	if o.Count != "" {
		r.count = m.find("records.count", o.Count)
		inHeader("records.count", r.count)
		if f := m.codec.fields; r.count < len(f) && f[r.count].kind != digits && f[r.count].kind != binary {
			m.bad("records.count", "%s is neither digits nor bin", o.Count)
		}
	}
	m.codec.marks += string(o.Delimiter)
	m.codec.records = r
}
