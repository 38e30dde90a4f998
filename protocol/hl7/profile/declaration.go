package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// Declaration is a profile as a file or a configuration says it.
type Declaration struct {
	Name     string              `json:"name,omitempty" doc:"What it is, in words."`
	Messages []string            `json:"messages,omitempty" doc:"The messages that it is about, such as 'ADT^A01' or 'ORU^*'. Left out: all."`
	Versions []string            `json:"versions,omitempty" doc:"The versions that it is about. Left out: all."`
	Others   string              `json:"others,omitempty" enum:"z|any|none" doc:"The segments that may stand anywhere beside those of the profile: z, which is the default, Z segments; any, all that the profile does not name; none."`
	Segments []*Element          `json:"segments" doc:"The segments and groups in their order, MSH first. A segment alone can be its name, which is then required once."`
	Tables   map[string][]string `json:"tables,omitempty" doc:"Tables of values, by their names."`
}

// Element is a segment or a group of them.
type Element struct {
	Segment  string            `json:"segment,omitempty" doc:"The name of a segment."`
	Group    string            `json:"group,omitempty" doc:"The name of a group, in words."`
	Usage    string            `json:"usage,omitempty" enum:"R|RE|O|X" doc:"R: it must be there. RE and O: it may. X: it must not. The default is R."`
	Min      *int              `json:"min,omitempty" doc:"How often at least. The default is 1 of R, and 0 of others."`
	Max      Many              `json:"max,omitempty" doc:"How often at most, or '*'. The default is 1."`
	Fields   map[string]*Field `json:"fields,omitempty" doc:"Of a segment: its fields by number, as far as something is asked of them."`
	Segments []*Element        `json:"segments,omitempty" doc:"Of a group: what it consists of, in order."`
}

// Field is a field, a component or a subcomponent.
type Field struct {
	Name       string            `json:"name,omitempty" doc:"What it is, in words."`
	Usage      string            `json:"usage,omitempty" enum:"R|RE|O|C|X" doc:"R: it must be valued. RE and O: it may. X: it must not. C: it must be valued if when holds. The default is O."`
	When       *When             `json:"when,omitempty" doc:"Of usage C: the condition."`
	Min        int               `json:"min,omitempty" doc:"Of a field: how many repetitions at least."`
	Max        Many              `json:"max,omitempty" doc:"Of a field: how many repetitions at most, or '*', which is the default."`
	Type       string            `json:"type,omitempty" doc:"The data type. Checked are DT, TM, DTM, TS, NM and SI; others say what it is."`
	Length     int               `json:"length,omitempty" doc:"The greatest length of one repetition: characters, if MSH-18 says UTF-8, else bytes."`
	Table      string            `json:"table,omitempty" doc:"The name of the table that the value, or its first component, must be in."`
	Values     []string          `json:"values,omitempty" doc:"The values that it may have, or its first component."`
	Components map[string]*Field `json:"components,omitempty" doc:"Its components by number, or of a component its subcomponents."`
}

// When is a condition on another place.
type When struct {
	Path string   `json:"path" doc:"The place, such as PV1-2. In the same segment it is that of the same occurrence."`
	In   []string `json:"in,omitempty" doc:"The values of which it has one. Left out: any."`
	Not  bool     `json:"not,omitempty" doc:"Turns the condition around."`
}

// Many is a greatest number, or '*'. 0 is unsaid.
type Many int

// unbounded is '*'.
const unbounded = 1 << 30

// UnmarshalJSON reads a number or "*".
func (m *Many) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*m = unbounded
		return nil
	}
	var n int
	if err := json.Unmarshal(data, &n); err != nil || n < 1 || n >= unbounded {
		return errors.New(`want a number of at least 1, or "*"`)
	}
	*m = Many(n)
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (m Many) MarshalJSON() ([]byte, error) {
	if m == unbounded {
		return []byte(`"*"`), nil
	}
	return json.Marshal(int(m))
}

// UnmarshalJSON reads an element, or the name of a segment.
func (e *Element) UnmarshalJSON(data []byte) error {
	*e = Element{}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return json.Unmarshal(data, &e.Segment)
	}
	type plain Element
	return strictly(data, (*plain)(e))
}

// UnmarshalJSON reads a field.
func (f *Field) UnmarshalJSON(data []byte) error {
	*f = Field{}
	type plain Field
	return strictly(data, (*plain)(f))
}

func strictly(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Ref is how a configuration says which profile is meant: a declaration, in place or in a file.
type Ref struct{ declaration *Declaration }

// FromFile reports whether text, in the place of a Ref, is the name of a file that holds the declaration.
func (Ref) FromFile(text string) bool { return strings.ContainsAny(text, "/.") }

// FileHint says what such a file must look like.
func (Ref) FileHint() string {
	return "a profile is YAML: sallyport schema --profile describes it, and sallyport profile import makes one of XML"
}

// UnmarshalJSON reads a declaration.
func (r *Ref) UnmarshalJSON(data []byte) error {
	*r = Ref{}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		return errors.New("want a declaration, or the path of a file with one")
	}
	r.declaration = new(Declaration)
	return strictly(data, r.declaration)
}

// Declaration returns what was declared, nil if nothing was. It is to be left as it is.
func (r Ref) Declaration() *Declaration { return r.declaration }

// Resolve returns the profile. The error joins every mistake, each beginning with its path in the declaration.
func (r Ref) Resolve() (*Profile, error) {
	if r.declaration == nil {
		return nil, errors.New("want a declaration, or the path of a file with one")
	}
	return r.declaration.Profile()
}
