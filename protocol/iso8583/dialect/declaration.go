package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Declaration is how a person writes a dialect down: what it begins with, and what is different.
type Declaration struct {
	Name     string               `json:"name,omitempty" doc:"What the dialect is called in messages."`
	Doc      string               `json:"doc,omitempty" doc:"What it is, in a sentence."`
	Base     string               `json:"base,omitempty" doc:"The built-in dialect that it begins with: 1987-ascii, 1987-binary, 1987-ebcdic or 1993-ascii. Without one there are only the fields that are declared."`
	Version  int                  `json:"version,omitempty" doc:"The edition whose meaning the fields have: 1987 (the default), 1993 or 2003."`
	MTI      string               `json:"mti,omitempty" enum:"ascii|ebcdic|bcd" doc:"How the message type is written."`
	Bitmap   string               `json:"bitmap,omitempty" enum:"binary|hex|ebcdic" doc:"How a bitmap is written: binary in 8 bytes; hex or ebcdic in 16 hexadecimal digits."`
	Tertiary bool                 `json:"tertiary,omitempty" doc:"Says that bit 65 announces a third bitmap."`
	Encoding string               `json:"encoding,omitempty" enum:"ascii|ebcdic" doc:"How text is written in the fields that do not say it."`
	Digits   string               `json:"digits,omitempty" enum:"ascii|ebcdic|bcd" doc:"How digits, tracks and amounts are written in the fields that do not say it. The default is encoding."`
	Prefix   string               `json:"prefix,omitempty" enum:"ascii|ebcdic|bcd|binary|hex" doc:"How lengths are written in the fields that do not say it. The default is digits."`
	Fields   map[string]*Declared `json:"fields,omitempty" doc:"The fields by number; none takes away what the base has."`
}

// Declared is a field, or a part of one.
type Declared struct {
	none bool

	Name     string  `json:"name,omitempty" doc:"What it is, in words."`
	Form     string  `json:"form,omitempty" doc:"Type and length in the standard's notation: 'n 6', 'n..19', 'ans...999', 'x+n 8', 'z..37', 'b 64' (bits), 'b...255' (bytes)."`
	Least    *int    `json:"least,omitempty" doc:"The least length of one that varies."`
	Encoding string  `json:"encoding,omitempty" enum:"ascii|ebcdic|bcd|binary|hex" doc:"How the content is written."`
	Prefix   string  `json:"prefix,omitempty" enum:"ascii|ebcdic|bcd|binary|hex" doc:"How the length in front is written."`
	Width    *int    `json:"width,omitempty" doc:"The digits of the length in front, or of prefix binary its bytes, where they are not as many as the form has dots."`
	Counts   string  `json:"counts,omitempty" enum:"bytes|characters" doc:"What the length counts: bytes as they stand in the message, or characters and digits, which is the default."`
	Pad      string  `json:"pad,omitempty" enum:"left|right" doc:"Where an odd number of BCD digits is filled up. The default is left."`
	Fill     string  `json:"fill,omitempty" doc:"The digit that it is filled with, 0 to F. The default is 0."`
	Sign     string  `json:"sign,omitempty" enum:"extra|within" doc:"Of x+n: whether the length counts the sign too (within), or not, which is the default."`
	Secret   *bool   `json:"secret,omitempty" doc:"Is never shown and never written down. What the built-in dialects have as secret always is."`
	Inside   *Inside `json:"inside,omitempty" doc:"What the content consists of."`
}

// Inside is what a field consists of.
type Inside struct {
	Kind   string  `json:"kind" enum:"positional|tagged|ber" doc:"Positional parts follow one another; tagged ones have a tag and a length of fixed width; ber is BER-TLV as EMV has it."`
	Tag    *Label  `json:"tag,omitempty" doc:"Of tagged: how a tag is written."`
	Length *Label  `json:"length,omitempty" doc:"Of tagged: how a length is written."`
	Strict bool    `json:"strict,omitempty" doc:"Refuses tags that are not among the parts."`
	Parts  []*Part `json:"parts,omitempty" doc:"The parts: of positional all, in their order; of the others those that are looked at."`
}

// Label is how a tag or a length is written.
type Label struct {
	Digits   int    `json:"digits" doc:"Its width: digits, or of binary bytes."`
	Encoding string `json:"encoding,omitempty" enum:"ascii|ebcdic|bcd|binary|hex" doc:"How it is written. The default is ascii; in a field of text it is written as the field is."`
}

// Part is a part of a field.
type Part struct {
	ID string `json:"id" doc:"What the part is called in paths: 01 in DE48.01, 9F26 in DE55.9F26."`
	Declared
}

// Ref is how a configuration says which dialect is meant: the name of one that is built in, or a declaration. The zero
// value is 1987-ascii.
type Ref struct {
	name        string
	declaration *Declaration
}

// FromFile reports whether text, in the place of a Ref, is the name of a file that holds the declaration.
func (Ref) FromFile(text string) bool {
	_, builtIn := Find(text)
	return !builtIn && strings.ContainsAny(text, "/.")
}

// FileHint says what such a file must look like.
func (Ref) FileHint() string {
	return "a dialect is YAML with a base, fields or both: sallyport dialect show 1987-ascii prints one, and sallyport dialect import makes one of what other products have"
}

// UnmarshalJSON reads a name or a declaration.
func (r *Ref) UnmarshalJSON(data []byte) error {
	*r = Ref{}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return json.Unmarshal(data, &r.name)
	}
	r.declaration = new(Declaration)
	return strictly(data, r.declaration)
}

// UnmarshalJSON reads a field, or the text none.
func (d *Declared) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == `"none"` {
		*d = Declared{none: true}
		return nil
	}
	type plain Declared
	return strictly(data, (*plain)(d))
}

// UnmarshalJSON reads a part.
func (p *Part) UnmarshalJSON(data []byte) error {
	type plain Declared
	var both struct {
		ID string `json:"id"`
		plain
	}
	if err := strictly(data, &both); err != nil {
		return err
	}
	p.ID, p.Declared = both.ID, Declared(both.plain)
	return nil
}

func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Resolve returns the dialect. The error joins every mistake, each beginning with its path in the declaration.
func (r Ref) Resolve() (*Dialect, error) {
	if r.declaration != nil {
		return r.declaration.Dialect()
	}
	if r.name == "" {
		r.name = names[0]
	}
	d, ok := Find(r.name)
	if !ok {
		return nil, fmt.Errorf("there is no dialect %q; there are %s, or the name of a file with a dot or a slash in it", r.name, strings.Join(names, ", "))
	}
	return d, nil
}

// encodings by their names.
var encodings = [...]string{ASCII: "ascii", EBCDIC: "ebcdic", BCD: "bcd", Binary: "binary", Hex: "hex"}

// String returns the name of e in a declaration.
func (e Encoding) String() string {
	if int(e) < len(encodings) {
		return encodings[e]
	}
	return "invalid"
}

// maker makes a Dialect of a Declaration.
type maker struct {
	d      *Dialect
	errs   []error
	text   Encoding // of what does not say it
	digits Encoding
	prefix Encoding
}

func (m *maker) bad(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(path+": "+format, args...))
}

// Dialect returns what is declared. The error joins every mistake, each beginning with its path.
func (decl *Declaration) Dialect() (*Dialect, error) {
	m := &maker{d: &Dialect{Version: 1987, Fields: make([]*Field, 129)}}
	if decl.Base != "" {
		base, ok := Find(decl.Base)
		if !ok {
			m.bad("base", "there is no dialect %q; there are %s", decl.Base, strings.Join(names, ", "))
		} else {
			*m.d = *base
			m.d.Fields = slices.Clone(base.Fields)
		}
	}
	m.d.Name, m.d.Doc = decl.Name, decl.Doc
	switch decl.Version {
	case 0:
	case 1987, 1993, 2003:
		m.d.Version = decl.Version
	default:
		m.bad("version", "there is no edition %d; there are 1987, 1993, 2003", decl.Version)
	}
	m.encoding("mti", decl.MTI, &m.d.MTI, ASCII, EBCDIC, BCD)
	m.encoding("bitmap", decl.Bitmap, &m.d.Bitmap, Binary, Hex, EBCDIC)
	if decl.Base == "" && decl.Bitmap == "" {
		m.d.Bitmap = Hex
	}
	m.encoding("encoding", decl.Encoding, &m.text, ASCII, EBCDIC)
	m.digits = m.text
	m.encoding("digits", decl.Digits, &m.digits, ASCII, EBCDIC, BCD)
	m.prefix = m.digits
	m.encoding("prefix", decl.Prefix, &m.prefix, ASCII, EBCDIC, BCD, Binary, Hex)
	if decl.Base != "" && decl.Encoding+decl.Digits+decl.Prefix != "" {
		m.bad("encoding", "with a base every field has its encodings; say them where they are different")
	}
	if m.d.Tertiary = decl.Tertiary || m.d.Tertiary; m.d.Tertiary {
		m.d.Fields = append(m.d.Fields, make([]*Field, 193-len(m.d.Fields))...)
		m.d.Fields[65] = nil
	}
	for _, key := range slices.SortedFunc(maps.Keys(decl.Fields), byNumber) {
		m.number(key, decl.Fields[key])
	}
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return m.d, nil
}

func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func (m *maker) encoding(path, name string, into *Encoding, allowed ...Encoding) {
	if name == "" {
		return
	}
	var list []string
	for _, e := range allowed {
		if encodings[e] == name {
			*into = e
			return
		}
		list = append(list, encodings[e])
	}
	m.bad(path, "there is no %q here; there are %s", name, strings.Join(list, ", "))
}

// number makes field number key.
func (m *maker) number(key string, decl *Declared) {
	path := "fields[" + key + "]"
	n, err := strconv.Atoi(key)
	switch {
	case err != nil || strconv.Itoa(n) != key || n < 2 || n >= len(m.d.Fields):
		m.bad(path, "want a number from 2 to %d", len(m.d.Fields)-1)
		return
	case n == 65 && m.d.Tertiary:
		m.bad(path, "bit 65 announces the third bitmap")
		return
	case decl == nil:
		m.bad(path, "want a field, or none")
		return
	case decl.none:
		m.d.Fields[n] = nil
		return
	}
	base := m.d.Fields[n]
	f := &Field{Number: n}
	if base != nil {
		*f = *base
	}
	m.declared(path, decl, f, base == nil)
	if meaning := m.meaning(n); meaning != nil && meaning.Secret && !f.Secret {
		if decl.Secret != nil {
			m.bad(path+".secret", "field %d (%s) holds what must not be shown", n, meaning.Name)
		}
		f.Secret = true
	}
	m.d.Fields[n] = f
}

// meaning returns what the edition has under number n, nil if it has nothing.
func (m *maker) meaning(n int) *Field {
	standard := builtin()[0]
	if m.d.Version != 1987 {
		standard = builtin()[3]
	}
	return standard.Field(n)
}

// declared fills f with what decl says.
func (m *maker) declared(path string, decl *Declared, f *Field, fresh bool) {
	if decl.none {
		m.bad(path, "a part cannot be none")
		return
	}
	if decl.Name != "" {
		f.Name = decl.Name
	}
	if fresh && decl.Form == "" {
		m.bad(path+".form", "this is missing: type and length, as in \"n 6\" or \"ans..25\"")
		return
	}
	if decl.Form != "" {
		was := f.Type
		if err := f.setForm(decl.Form); err != nil {
			m.bad(path, "%w", err)
			return
		}
		if fresh || was != f.Type {
			f.Encoding = m.standard(f.Type, f.Encoding, fresh)
		}
	}
	if fresh && f.Digits > 0 {
		f.Prefix = m.prefix
	}
	m.encoding(path+".encoding", decl.Encoding, &f.Encoding, fits(f.Type)...)
	m.encoding(path+".prefix", decl.Prefix, &f.Prefix, ASCII, EBCDIC, BCD, Binary, Hex)
	if decl.Width != nil {
		if f.Digits == 0 || *decl.Width < 1 || *decl.Width > 6 {
			m.bad(path+".width", "want 1 to 6, of a field that has a length in front")
		} else {
			f.Digits = *decl.Width
		}
	} else if f.Prefix == Binary && decl.Form != "" && f.Digits > 0 {
		f.Digits = 1
		if f.Length > 255 {
			f.Digits = 2
		}
	}
	if decl.Least != nil {
		if f.Least = *decl.Least; f.Digits == 0 || f.Least < 0 || f.Least > f.Length {
			m.bad(path+".least", "want 0 to %d, of a field that has a length in front", f.Length)
		}
	}
	switch decl.Counts {
	case "":
	case "bytes", "characters":
		f.CountsBytes = decl.Counts == "bytes"
	default:
		m.bad(path+".counts", "there is no %q; there are bytes, characters", decl.Counts)
	}
	switch decl.Pad {
	case "":
	case "left", "right":
		f.PadRight = decl.Pad == "right"
	default:
		m.bad(path+".pad", "there is no %q; there are left, right", decl.Pad)
	}
	if decl.Fill != "" {
		v, err := strconv.ParseUint(decl.Fill, 16, 8)
		if err != nil || v > 15 {
			m.bad(path+".fill", "%q is no digit from 0 to F", decl.Fill)
		}
		f.Fill = byte(v)
	}
	switch decl.Sign {
	case "":
	case "extra", "within":
		if f.Type != Amount {
			m.bad(path+".sign", "only x+n has a sign")
		}
		f.Signed = map[string]Sign{"extra": SignExtra, "within": SignWithin}[decl.Sign]
	default:
		m.bad(path+".sign", "there is no %q; there are extra, within", decl.Sign)
	}
	if decl.Secret != nil {
		f.Secret = *decl.Secret
	}
	if decl.Inside != nil {
		f.Inside = m.inside(path+".inside", decl.Inside, f)
	}
	m.possible(path, f)
}

// standard is the encoding that a type has if nothing else is said.
func (m *maker) standard(t Type, was Encoding, fresh bool) Encoding {
	switch {
	case t == Bytes:
		return Binary
	case !fresh && was != Binary && was != Hex:
		return was
	case t == N || t == Track || t == Amount:
		return m.digits
	}
	return m.text
}

// fits are the encodings that a type can have.
func fits(t Type) []Encoding {
	switch t {
	case Bytes:
		return []Encoding{Binary, Hex}
	case N, Track, Amount:
		return []Encoding{ASCII, EBCDIC, BCD}
	}
	return []Encoding{ASCII, EBCDIC}
}

// possible reports what cannot be together.
func (m *maker) possible(path string, f *Field) {
	if !slices.Contains(fits(f.Type), f.Encoding) {
		m.bad(path+".encoding", "%s cannot be written in %s", f.Type, f.Encoding)
	}
	if f.Digits == 0 {
		return
	}
	most := 1
	for range f.Digits {
		switch f.Prefix {
		case Binary:
			most *= 256
		case Hex:
			most *= 16
		default:
			most *= 10
		}
	}
	if f.Length >= most {
		m.bad(path+".form", "a length of %d in %s cannot say %d", f.Digits, f.Prefix, f.Length)
	}
}

func (m *maker) inside(path string, decl *Inside, f *Field) *Composite {
	c := &Composite{Strict: decl.Strict}
	switch decl.Kind {
	case "positional":
		if len(decl.Parts) == 0 {
			m.bad(path+".parts", "positional parts must be declared, all of them")
		}
	case "tagged":
		c.Kind = Tagged
		c.TagDigits, c.Tag = m.label(path+".tag", decl.Tag)
		c.Digits, c.Prefix = m.label(path+".length", decl.Length)
	case "ber":
		c.Kind = BER
		if f.Type != Bytes {
			m.bad(path+".kind", "ber stands in bytes: the form must be b")
		}
	default:
		m.bad(path+".kind", "there is no %q; there are positional, tagged, ber", decl.Kind)
	}
	if decl.Kind != "tagged" && (decl.Tag != nil || decl.Length != nil) {
		m.bad(path+".tag", "only tagged parts have a tag and a length that are declared")
	}
	ids := map[string]bool{}
	for i, p := range decl.Parts {
		at := fmt.Sprintf("%s.parts[%d]", path, i)
		if p == nil || p.ID == "" || strings.ContainsAny(p.ID, ". ") || ids[p.ID] {
			m.bad(at+".id", "want a name of its own, without dots and blanks")
			continue
		}
		ids[p.ID] = true
		if p.Inside != nil {
			m.bad(at+".inside", "a part has no parts")
		}
		part := &Field{ID: p.ID}
		inner := maker{digits: m.digits, text: m.text, prefix: m.prefix, d: m.d}
		if f.Type != Bytes {
			inner.digits, inner.text, inner.prefix = ASCII, ASCII, ASCII // it is the text that is taken apart
		}
		inner.declared(at, &p.Declared, part, true)
		m.errs = append(m.errs, inner.errs...)
		part.Secret = part.Secret || f.Secret
		c.Parts = append(c.Parts, part)
	}
	return c
}

func (m *maker) label(path string, l *Label) (int, Encoding) {
	var e Encoding
	if l == nil || l.Digits < 1 || l.Digits > 6 {
		m.bad(path+".digits", "want a width from 1 to 6")
		return 1, e
	}
	m.encoding(path+".encoding", l.Encoding, &e, ASCII, EBCDIC, BCD, Binary, Hex)
	return l.Digits, e
}
