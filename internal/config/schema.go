package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/codecs"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// schemaID is what the schema calls itself.
const schemaID = "https://github.com/sallyport/sallyport/schema.json"

type object = map[string]any

// def is a type's own entry in $defs.
type def struct {
	name string
	want string // what is wanted, for a person
	body object
}

// Schema returns the JSON Schema of a configuration, draft 2020-12, generated from what
// configurations are decoded into. It ends with a line break.
func Schema() []byte {
	data, err := json.MarshalIndent(schema().root, "", "  ")
	if err != nil {
		panic(err) // a tree of maps, lists and texts always can be
	}
	return append(data, '\n')
}

var schema = sync.OnceValue(func() *generator {
	g := &generator{defs: object{}, wants: map[string]string{}}
	root := g.fields(documentType)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = schemaID
	root["title"] = "Configuration of sallyport"
	root["$defs"] = g.defs
	g.root = root
	return g
})

// DialectSchema returns the JSON Schema of a file that declares a dialect of ISO 8583.
func DialectSchema() []byte {
	return schemaOf(reflect.TypeFor[dialect.Declaration](), "dialect.json", "A dialect of ISO 8583")
}

// ProfileSchema returns the JSON Schema of a file that says what HL7 messages look like.
func ProfileSchema() []byte {
	return schemaOf(reflect.TypeFor[profile.Declaration](), "profile.json", "A profile of HL7 messages")
}

// schemaOf returns the schema of a file of its own.
func schemaOf(t reflect.Type, id, title string) []byte {
	g := &generator{defs: object{}, wants: map[string]string{}}
	root := g.fields(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = strings.Replace(schemaID, "schema.json", id, 1)
	root["title"] = title
	root["$defs"] = g.defs
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // as in Schema
	}
	return append(data, '\n')
}

type generator struct {
	root  object
	defs  object
	wants map[string]string // by name in defs
}

// of returns the schema of t.
func (g *generator) of(t reflect.Type) object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[protocolShape]():
		return g.define("protocol", g.protocols)
	case reflect.TypeFor[framingShape]():
		return g.define("backend_protocol", g.backendProtocol)
	case reflect.TypeFor[frame.Options]():
		return g.define("framing", g.framing)
	case reflect.TypeFor[dialect.Ref]():
		return object{"anyOf": []any{object{"type": "string", "minLength": 1}, g.of(reflect.TypeFor[dialect.Declaration]())}}
	case reflect.TypeFor[dialect.Declared]():
		return g.define("dialect_field", func() object {
			return object{"anyOf": []any{object{"type": "string", "enum": []any{"none"}}, g.fields(t)}}
		})
	case reflect.TypeFor[profile.Ref]():
		return object{"anyOf": []any{object{"type": "string", "minLength": 1}, g.of(reflect.TypeFor[profile.Declaration]())}}
	case reflect.TypeFor[profile.Element]():
		return g.define("profile_element", func() object {
			return object{"anyOf": []any{object{"type": "string", "minLength": 3}, g.fields(t)}}
		})
	case reflect.TypeFor[profile.Many]():
		return object{"anyOf": []any{object{"type": "integer", "minimum": 1}, object{"type": "string", "enum": []any{"*"}}}}
	case reflect.TypeFor[routeShape]():
		return g.define("route", g.route)
	case reflect.TypeFor[waitShape]():
		return object{"anyOf": []any{object{"type": "boolean"}, g.of(reflect.TypeFor[waitObject]())}}
	case reflect.TypeFor[schemaShape]():
		return object{"anyOf": []any{object{"type": "string", "minLength": 1}, g.of(reflect.TypeFor[schemaObject]())}}
	}
	if u, ok := reflect.Zero(t).Interface().(interface{ schema() def }); ok {
		d := u.schema()
		g.wants[d.name] = d.want
		return g.define(d.name, func() object { return d.body })
	}
	switch t.Kind() {
	case reflect.Struct:
		return g.define(defName(t), func() object { return g.fields(t) })
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string"}
		}
		return object{"type": "array", "minItems": 1, "items": g.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

// define puts what is made into $defs, once, and returns a reference to it.
func (g *generator) define(name string, made func() object) object {
	if _, ok := g.defs[name]; !ok {
		g.defs[name] = true // it may refer to itself
		g.defs[name] = made()
	}
	return object{"$ref": "#/$defs/" + name}
}

// fields returns the schema of the struct t.
func (g *generator) fields(t reflect.Type) object {
	properties := object{}
	var required []any
	for _, f := range jsonFields(t) {
		s := g.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		if values := f.Tag.Get("enum"); values != "" {
			var list []any
			for v := range strings.SplitSeq(values, "|") {
				list = append(list, v)
			}
			s["enum"] = list
		}
		if v := f.Tag.Get("default"); v != "" {
			s["default"] = literal(v, f.Type)
		}
		if f.Tag.Get("need") == "true" {
			required = append(required, f.name)
		}
		properties[f.name] = s
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

// route returns the schema of a route: one of kind exchange needs a protocol.
func (g *generator) route() object {
	s := g.fields(reflect.TypeFor[routeShape]())
	s["if"] = object{"properties": object{"kind": object{"const": "exchange"}}}
	s["then"] = object{"required": []any{"protocol"}}
	return s
}

// literal returns the default that a tag says in the type of its field.
func literal(v string, t reflect.Type) any {
	var number int
	if err := json.Unmarshal([]byte(v), &number); err == nil && t.Kind() != reflect.String {
		return number
	}
	if t.Kind() == reflect.Bool {
		return v == "true"
	}
	return v
}

// jsonField is a field of a struct under its name in the file.
type jsonField struct {
	reflect.StructField
	name string
}

// jsonFields returns the fields of the struct t that the file can set, those of embedded
// structs too.
func jsonFields(t reflect.Type) (list []jsonField) {
	for f := range t.Fields() {
		tag, tagged := f.Tag.Lookup("json")
		name, _, _ := strings.Cut(tag, ",")
		switch {
		case name == "-":
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct:
			list = append(list, jsonFields(f.Type)...)
		case f.IsExported() && tagged:
			list = append(list, jsonField{f, name})
		}
	}
	return list
}

// defName returns the name of t in $defs: "route", "jsonrpc_options".
func defName(t reflect.Type) string {
	name := strings.ToLower(t.Name())
	if own := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]; own != "config" {
		return own + "_" + name
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "shape"), "object")
}

// protocols returns the schema of a protocol: the name decides on the options.
func (g *generator) protocols() object {
	var names, cases []any
	for _, p := range codecs.All {
		names = append(names, p.Name)
		name := p.Name
		options := g.define("protocol_"+name, func() object {
			s := g.fields(reflect.TypeOf(p.Options()))
			s["properties"].(object)["name"] = object{"const": name, "description": p.Doc}
			return s
		})
		cases = append(cases, object{
			"if":   object{"properties": object{"name": object{"const": name}}, "required": []any{"name"}},
			"then": options,
		})
	}
	return object{
		"type": "object", "required": []any{"name"}, "allOf": cases,
		"properties": object{"name": object{"enum": names, "description": "The protocol, which decides on the other keys."}},
	}
}

func (g *generator) backendProtocol() object {
	return object{
		"type": "object", "required": []any{"framing"}, "additionalProperties": false,
		"properties": object{"framing": g.of(reflect.TypeFor[frame.Options]())},
	}
}

// framing returns the schema of a framing: the name of one that is known, or its parts.
func (g *generator) framing() object {
	var presets []any
	for _, name := range frame.Presets() {
		presets = append(presets, name)
	}
	parts := g.define("framing_object", func() object {
		s := g.fields(reflect.TypeFor[frame.Options]())
		s["properties"].(object)["preset"] = object{"enum": presets, "description": "A framing of which the other keys change something."}
		return s
	})
	return object{"anyOf": []any{object{"type": "string", "enum": presets}, parts}}
}

// at returns the part of the schema that a URL with a JSON pointer points at.
func (g *generator) at(url string) object {
	_, pointer, _ := strings.Cut(url, "#")
	var v any = g.root
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~", "%24", "$").Replace(step)
		switch parent := v.(type) {
		case object:
			if step == "" {
				continue
			}
			v = parent[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i < 0 || i >= len(parent) {
				return nil
			}
			v = parent[i]
		}
	}
	o, _ := v.(object)
	return o
}
