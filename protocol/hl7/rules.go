package hl7

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Rules are what the messages of clients must meet. What is left out is not asked for.
type Rules struct {
	Types      []string `json:"types" doc:"The messages that are let through, such as 'ADT^A01' or 'ORU^*'."`
	Processing []string `json:"processing" doc:"The processing ids (MSH-11) that are let through: P for a production system."`
	Z          []string `json:"z" doc:"The Z segments that are let through; 'none' lets none."`
	Required   []string `json:"required" doc:"Places that must be valued in every message that has their segment, and segments that must be there."`
	Escapes    bool     `json:"escapes" doc:"Has every escape sequence be one that the standard knows, and have an end."`
	Charsets   []string `json:"charsets" doc:"The character sets (MSH-18) that are let through; '' is none that is named. If this is left out an unknown one is let through and counted."`
}

type rules struct {
	types      []string
	processing []string
	z          []string
	zs         bool
	required   []er7.Path
	names      []string // of required
	escapes    bool
	charsets   []string
}

func (c *Codec) setRules(m *mistakes, o *Rules) {
	c.rules = rules{types: o.Types, processing: o.Processing, z: o.Z, zs: len(o.Z) > 0, escapes: o.Escapes, charsets: o.Charsets, names: o.Required}
	for i, name := range o.Types {
		kind, event, both := strings.Cut(name, "^")
		if !isCode([]byte(kind)) || both && event != "*" && !isEvent([]byte(event)) {
			m.bad(fmt.Sprintf("rules.types[%d]", i), "%q is no type such as ADT^A01 or ORU^*", name)
		}
	}
	for i, p := range o.Processing {
		if p != "P" && p != "D" && p != "T" {
			m.bad(fmt.Sprintf("rules.processing[%d]", i), "%q is none of P, D, T", p)
		}
	}
	for i, name := range o.Z {
		if name != "none" && (!isCode([]byte(name)) || name[0] != 'Z') {
			m.bad(fmt.Sprintf("rules.z[%d]", i), "%q is no Z segment such as ZPV, and not none", name)
		}
	}
	for i, text := range o.Required {
		if p, ok := m.path(fmt.Sprintf("rules.required[%d]", i), text); ok {
			c.rules.required = append(c.rules.required, p)
		}
	}
	for i, name := range o.Charsets {
		if _, known := er7.SetOf([]byte(name), '~'); !known {
			m.bad(fmt.Sprintf("rules.charsets[%d]", i), "there is no %q in table 0211", name)
		}
	}
}

// Police holds m against the rules. What a tolerant codec has let pass is told as that.
func (c *Codec) Police(m *protocol.Message) *protocol.Refusal {
	base := frame.Offset(m.Frame, m.Body)
	f := faults{base: base}
	if r := c.admit(m, &f); r != nil {
		return r
	}
	t := text(m)
	c.present(m, &t, &f)
	c.inspect(&t, &f)
	c.conform(m, &t, &f)
	if len(f.reasons) > 0 {
		return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: f.reasons}
	}
	if c.sequence != nil {
		if r := c.checkSequence(m, &f); r != nil {
			return r
		}
	}
	return c.tolerated(m, &f)
}

// admit is about the header alone.
func (c *Codec) admit(m *protocol.Message, f *faults) *protocol.Refusal {
	if len(c.rules.types) > 0 && !c.passes(m.Name) {
		f.add("MSH-9", m.Spans[messageType].Off, "message-type", "one of "+strings.Join(c.rules.types, ", "), "another")
		return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadName, Reasons: f.reasons}
	}
	processing := field(m, processingID)[:1]
	if list := c.rules.processing; len(list) > 0 && !has(list, processing) {
		f.add("MSH-11", m.Spans[processingID].Off, "processing-id", "one of "+strings.Join(list, ", "), "another")
		return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Reasons: f.reasons}
	}
	if list := c.rules.charsets; len(list) > 0 && !has(list, field(m, characterSet)) {
		f.add("MSH-18", max(0, m.Spans[characterSet].Off), "charset", "one of the character sets of this route", "another")
	}
	return nil
}

func has(list []string, text []byte) bool {
	for _, s := range list {
		if s == string(text) {
			return true
		}
	}
	return false
}

// passes reports whether a message of this name is let through.
func (c *Codec) passes(name []byte) bool {
	kind, event, _ := bytes.Cut(name, []byte{'^'})
	for _, t := range c.rules.types {
		k, e, both := strings.Cut(t, "^")
		if k == string(kind) && (!both || e == "*" || e == string(event)) {
			return true
		}
	}
	return false
}

// present looks for what is required. A field is asked of each of its segments, if the path does not say of which.
func (c *Codec) present(m *protocol.Message, t *er7.Text, f *faults) {
	for i := range c.rules.required {
		p := c.rules.required[i]
		if p.Occurrence > 0 || p.Field == 0 {
			if !t.Valued(p.Find(t)) && (p.Field == 0 || t.Segment(p.Segment, p.Occurrence) >= 0) {
				f.add(c.rules.names[i], int32(len(m.Body)), "required", "this to be valued", "nothing")
			}
			continue
		}
		for s := range t.Segments {
			if string(t.Name(s)) != p.Segment {
				continue
			}
			if p.Occurrence++; len(f.reasons) < mostFaults && !t.Valued(p.FindIn(t, s)) {
				f.add(p.String(), t.Segments[s].Off, "required", "this to be valued", "nothing")
			}
		}
	}
}

// conform holds m against the first profile that is about it.
func (c *Codec) conform(m *protocol.Message, t *er7.Text, f *faults) {
	if len(c.profiles) == 0 {
		return
	}
	version := versionText(m, &t.Delims)
	for _, p := range c.profiles {
		if !p.Matches(m.Name, version) {
			continue
		}
		from := len(f.reasons)
		f.reasons = p.AppendReasons(f.reasons, t)
		for i := range f.reasons[from:] {
			f.reasons[from+i].Off += f.base
		}
		return
	}
	if c.refuses {
		f.add("MSH-9", m.Spans[messageType].Off, "message-type", "a message that a profile of this route is about", "another")
	}
}

// inspect looks at each segment.
func (c *Codec) inspect(t *er7.Text, f *faults) {
	if !c.rules.zs && !c.rules.escapes {
		return
	}
	for i, s := range t.Segments {
		name := t.Name(i)
		if c.rules.zs && name[0] == 'Z' && !has(c.rules.z, name) {
			f.add(string(name), s.Off, "segment", "no Z segment but those of this route", "another")
		}
		if fields := t.Fields(i); c.rules.escapes && i > 0 && fields.Off >= 0 {
			if at := t.BadEscape(t.In(fields)); at >= 0 {
				f.add(string(name), fields.Off+int32(at), "escape", "an escape sequence that the standard knows", "another")
			}
		}
		if len(f.reasons) == mostFaults {
			return
		}
	}
}

// beyondASCII reports whether a byte of p has its highest bit set.
func beyondASCII(p []byte) bool {
	for ; len(p) >= 8; p = p[8:] {
		if binary.NativeEndian.Uint64(p)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, b := range p {
		if b >= 0x80 {
			return true
		}
	}
	return false
}

// isUTF8 reports whether the first repetition of MSH-18 is UTF-8.
func isUTF8(set []byte) bool {
	return bytes.HasPrefix(set, []byte("UNICODE UTF-8")) || bytes.HasPrefix(set, []byte("UTF-8"))
}

// tolerated tells what was not as it should be, and is let through.
func (c *Codec) tolerated(m *protocol.Message, f *faults) *protocol.Refusal {
	used := tolerance(m.Code >> codeUsed & 0xFF)
	for _, t := range [...]struct {
		bit        tolerance
		name, want string
	}{
		{blanks, "tolerate.blanks", "nothing between frames"}, {noStart, "tolerate.no-start", "0B before a message"},
		{bareEnd, "tolerate.bare-end", "1C and 0D behind a message"}, {lines, "tolerate.lines", "segments that end with 0D alone"},
		{alive, "tolerate.keep-alive", "nothing between frames"},
	} {
		if used&t.bit != 0 {
			f.add("", 0, t.name, t.want, "something else")
		}
	}
	if m.Code&codeLongID != 0 {
		f.add("MSH-10", m.Spans[controlID].Off, "length", "at most 20 characters before version 2.7", "more")
	}
	switch set := field(m, characterSet); {
	case m.Code&codeUnknown != 0 && len(c.rules.charsets) == 0:
		f.add("MSH-18", m.Spans[characterSet].Off, "charset", "a character set of table 0211", "another")
	case len(set) == 0 && beyondASCII(m.Body):
		f.add("MSH-18", max(0, m.Spans[characterSet].Off), "charset", "the character set, as there are bytes beyond ASCII", "nothing")
	case isUTF8(set) && !utf8.Valid(m.Body):
		f.add("MSH-18", m.Spans[characterSet].Off, "charset", "a message in UTF-8, which this says", "other bytes")
	}
	if len(f.reasons) == 0 {
		return nil
	}
	return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: f.reasons, Tolerated: true}
}
