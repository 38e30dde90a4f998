// Package profiles makes profiles of HL7 messages out of the message profiles that other products write.
package profiles

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/hl7/er7"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

// Import makes declarations of an HL7 v2 message profile in XML (HL7 v2.5.1, 2.12.9: HL7v2xConformanceProfile), one for each static
// definition in it. What cannot be expressed, or not with the same meaning, is in lost, a line for each. It fetches nothing.
func Import(data []byte) (decls []*profile.Declaration, lost []string, err error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = singleByte
	var doc document
	if err := dec.Decode(&doc); err != nil {
		return nil, nil, fmt.Errorf("this is no XML that a message profile could be: %w", err)
	}
	if doc.XMLName.Local != "HL7v2xConformanceProfile" {
		return nil, nil, fmt.Errorf("this is <%s>, and a message profile is <HL7v2xConformanceProfile>", doc.XMLName.Local)
	}
	im := importer{tables: map[string]bool{}}
	for _, d := range doc.Dynamic {
		if d.Accept != "" || d.Application != "" {
			im.lose("HL7v2xDynamicDef", "when it is acknowledged (AccAck %q, AppAck %q) is no matter of a profile: each message says it in MSH-15 and MSH-16", d.Accept, d.Application)
		}
	}
	for i := range doc.Static {
		s := &doc.Static[i]
		d := &profile.Declaration{Name: strings.TrimSpace(s.EventDesc), Others: "none", Segments: im.elements(s.Parts)}
		if s.MsgType != "" {
			d.Messages = []string{s.MsgType}
			if s.EventType != "" {
				d.Messages = []string{s.MsgType + "^" + s.EventType}
			}
		}
		if s.EventDesc == "" {
			d.Name = strings.Join(d.Messages, "")
		}
		if doc.Version != "" {
			d.Versions = []string{doc.Version}
		}
		if _, err := d.Profile(); err != nil {
			return nil, nil, fmt.Errorf("what is in it is no profile: %w", err)
		}
		decls = append(decls, d)
	}
	if len(decls) == 0 {
		return nil, nil, errors.New("there is no <HL7v2xStaticDef> in it")
	}
	return decls, im.lost, nil
}

// YAML returns the only one of decls as a file, which a route can name, and several as a list, which can stand under profiles.
func YAML(decls []*profile.Declaration) (out []byte) {
	for _, d := range decls {
		out = d.AppendYAML(out, "")
	}
	if len(decls) != 1 {
		return out
	}
	lines := bytes.SplitAfter(out, []byte("\n"))
	for i, l := range lines {
		lines[i] = l[min(2, len(l)):]
	}
	return bytes.Join(lines, nil)
}

// document is a message profile, and part a group, a segment, a field, a component or a subcomponent of it.
type document struct {
	XMLName xml.Name
	Version string `xml:"HL7Version,attr"`
	Static  []struct {
		MsgType   string `xml:"MsgType,attr"`
		EventType string `xml:"EventType,attr"`
		EventDesc string `xml:"EventDesc,attr"`
		Parts     []part `xml:",any"`
	} `xml:"HL7v2xStaticDef"`
	Dynamic []struct {
		Accept      string `xml:"AccAck,attr"`
		Application string `xml:"AppAck,attr"`
	} `xml:"HL7v2xDynamicDef"`
}

type part struct {
	XMLName   xml.Name
	Name      string `xml:"Name,attr"`
	LongName  string `xml:"LongName,attr"`
	Usage     string `xml:"Usage,attr"`
	Min       string `xml:"Min,attr"`
	Max       string `xml:"Max,attr"`
	Datatype  string `xml:"Datatype,attr"`
	Length    string `xml:"Length,attr"`
	Table     string `xml:"Table,attr"`
	Constant  string `xml:"ConstantValue,attr"`
	Predicate string `xml:"Predicate"`
	Parts     []part `xml:",any"`
}

type importer struct {
	lost   []string
	tables map[string]bool // that were told to be missing
}

func (im *importer) lose(place, format string, args ...any) {
	im.lost = append(im.lost, place+": "+fmt.Sprintf(format, args...))
}

func (im *importer) elements(parts []part) (list []*profile.Element) {
	for i := range parts {
		p := &parts[i]
		switch p.XMLName.Local {
		case "Segment":
			e := &profile.Element{Segment: p.Name}
			im.element(p.Name, p, e)
			e.Fields = im.fields(p.Name, "-", p.Parts, "Field")
			list = append(list, e)
		case "SegGroup":
			e := &profile.Element{Group: p.Name, Segments: im.elements(p.Parts)}
			if e.Group == "" {
				e.Group = "group"
			}
			im.element(e.Group, p, e)
			list = append(list, e)
		}
	}
	return list
}

func (im *importer) element(place string, p *part, e *profile.Element) {
	switch e.Usage = im.usage(place, p); e.Usage {
	case "R":
		e.Usage = ""
	case "":
		e.Usage = "O"
	}
	e.Max = im.many(place, p.Max)
	if n := im.least(place, p); n > 1 {
		e.Min = &n
	}
}

// usage returns R, X or nothing, which is optional.
func (im *importer) usage(place string, p *part) string {
	switch p.Usage {
	case "R", "X":
		return p.Usage
	case "", "O", "RE", "B", "W":
		return ""
	case "C", "CE":
		im.lose(place, "the condition %q is in words, and is left out: say it with usage C and when", strings.TrimSpace(p.Predicate))
		return ""
	}
	im.lose(place, "there is no usage %q here; it is taken for optional", p.Usage)
	return ""
}

func (im *importer) many(place, text string) profile.Many {
	var m profile.Many
	switch text {
	case "", "0", "1":
		return 0
	case "*":
		text = `"*"`
	}
	if err := m.UnmarshalJSON([]byte(text)); err != nil {
		im.lose(place, "a Max of %q is no number; it is left out", text)
	}
	return m
}

// least is the number of p that there must be. 0 and 1 say what the usage says.
func (im *importer) least(place string, p *part) int {
	n, err := strconv.Atoi(p.Min)
	switch {
	case p.Min == "" || err == nil && n <= 1:
		return 0
	case err != nil:
		im.lose(place, "a Min of %q is no number; it is left out", p.Min)
		return 0
	case p.Usage != "R":
		im.lose(place, "a Min of %d and the usage %q do not fit each other: it is taken for one that may be missing, and how many there are at least is left out", n, p.Usage)
		return 0
	}
	return n
}

// length is the greatest there may be; 0: any.
func (im *importer) length(place, text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		im.lose(place, "a Length of %q is no number; it is left out", text)
		return 0
	}
	return n
}

// fields are those of a segment, the components of a field, or the subcomponents of one.
func (im *importer) fields(place, sign string, parts []part, kind string) map[string]*profile.Field {
	fields := map[string]*profile.Field{}
	inner := map[string]string{"Field": "Component", "Component": "SubComponent"}[kind]
	n := 0
	for i := range parts {
		p := &parts[i]
		if p.XMLName.Local != kind {
			continue
		}
		n++
		key := strconv.Itoa(n)
		at := place + sign + key
		f := &profile.Field{Name: p.Name, Usage: im.usage(at, p), Type: p.Datatype}
		if kind == "Field" {
			if f.Max = im.many(at, p.Max); f.Max == 0 && p.Max == "1" {
				f.Max = 1
			}
			if n := im.least(at, p); n > 1 {
				f.Min = n
			}
		}
		f.Length = im.length(at, p.Length)
		if p.Constant != "" {
			f.Values = []string{p.Constant}
		} else if p.Table != "" && !im.tables[p.Table] {
			im.tables[p.Table] = true
			im.lose(at, "the values of table %s are not in the file: declare them under tables, if they are to be checked", p.Table)
		}
		if inner != "" {
			if f.Components = im.fields(at, ".", p.Parts, inner); len(f.Components) == 0 {
				f.Components = nil
			}
		}
		if header := er7.IsHeader([]byte(place)); !header || n > 2 { // delimiters are checked anyway
			fields[key] = f
		}
	}
	return fields
}

// singleByte reads what is declared to be in a set of one byte for each character.
func singleByte(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "iso-8859-1", "latin1", "windows-1252":
	default:
		return nil, fmt.Errorf("the character set %q is not read here: save it as UTF-8", charset)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return strings.NewReader(string(runes)), nil
}
