package sim

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
	"github.com/sallyport/sallyport/protocol/iso8583"
)

// Handler answers one message of a client, which is good until it returns. It is
// called from several goroutines. What it returns for a message of Kind OneWay is
// not used.
type Handler func(m *protocol.Message) Answer

// Answer is what a Handler says.
type Answer struct {
	// Body is the body of the answer, nil for none. It belongs to the Backend.
	Body []byte
	// After is how long it takes, beside what the options say. It then does not travel in
	// a batch with others.
	After time.Duration
	// Then is a message of its own that follows, so long after this one as it says itself.
	Then *Answer
}

func defaultHandler(codec protocol.Codec) Handler {
	switch codec.Traits().Name {
	case "jsonrpc":
		return Methods
	case "hl7":
		return Registry(codec.(*hl7.Codec))
	case "iso8583":
		return Host(codec.(*iso8583.Codec))
	case "modbus":
		return new(Device).Handle
	case "resp":
		return (&Store{codec: codec}).Handle
	}
	return func(m *protocol.Message) Answer { return Answer{Body: clone(m.Body)} }
}

// Echo returns a Handler that answers with the request, in which the fields that set
// names by their paths have other bytes. A value replaces the field as it stands in the
// message, so in a record of fixed columns it has the width of the field.
func Echo(codec protocol.Codec, set map[string]string) (Handler, error) {
	type field struct {
		get   protocol.Getter
		value string
	}
	var fields []field
	var errs []error
	for _, path := range slices.Sorted(maps.Keys(set)) {
		get, err := codec.Getter(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("set %s: %w", path, err))
			continue
		}
		fields = append(fields, field{get, set[path]})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return func(m *protocol.Message) Answer {
		bare := protocol.Message{}
		if codec.DecodeBody(m.Dir, m.Body, &bare) != nil {
			return Answer{}
		}
		var patches []patch
		for _, f := range fields {
			if v, ok := f.get(&bare); ok {
				patches = append(patches, patch{v.Off, len(v.Raw), f.value})
			}
		}
		return Answer{Body: patched(m.Body, patches)}
	}, nil
}

// patch puts text in the place of n bytes from off on.
type patch struct {
	off, n int
	text   string
}

// patched returns a copy of body with patches, which must not overlap.
func patched(body []byte, patches []patch) []byte {
	slices.SortFunc(patches, func(a, b patch) int { return cmp.Compare(a.off, b.off) })
	var out []byte
	at := 0
	for _, p := range patches {
		if p.off < at || p.off+p.n > len(body) {
			continue
		}
		out = append(append(out, body[at:p.off]...), p.text...)
		at = p.off + p.n
	}
	return append(out, body[at:]...)
}

// Template returns a Handler that answers each operation with a text of its own, that
// of the operation "" being for all others. In a text, {path} stands for that field of
// the request, {path:8} for the field cut or filled with spaces to 8 bytes, {{ for a
// brace; \x1c and \r are bytes as in Go.
func Template(codec protocol.Codec, texts map[string]string) (Handler, error) {
	parsed := map[string][]piece{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		pieces, err := parseTemplate(codec, texts[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("answer to %q: %w", name, err))
		}
		parsed[name] = pieces
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return func(m *protocol.Message) Answer {
		pieces, ok := parsed[string(m.Name)]
		if !ok {
			pieces, ok = parsed[""]
		}
		if !ok {
			return Answer{}
		}
		body := []byte{}
		for _, p := range pieces {
			body = p.append(body, m)
		}
		return Answer{Body: body}
	}, nil
}

// piece is a part of a template: a literal, or a field in a width, 0 being its own.
type piece struct {
	literal string
	get     protocol.Getter
	width   int
}

func (p *piece) append(dst []byte, m *protocol.Message) []byte {
	if p.get == nil {
		return append(dst, p.literal...)
	}
	v, _ := p.get(m)
	text := v.Raw
	if p.width == 0 {
		return append(dst, text...)
	}
	text = text[:min(len(text), p.width)]
	return append(append(dst, text...), bytes.Repeat([]byte(" "), p.width-len(text))...)
}

func parseTemplate(codec protocol.Codec, text string) ([]piece, error) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf("a backslash is not followed by what Go allows after it: %w", err)
	}
	var pieces []piece
	for text != "" {
		at := strings.IndexByte(text, '{')
		switch {
		case at < 0:
			return append(pieces, piece{literal: text}), nil
		case strings.HasPrefix(text[at:], "{{"):
			pieces = append(pieces, piece{literal: text[:at+1]})
			text = text[at+2:]
			continue
		}
		end := strings.IndexByte(text[at:], '}')
		if end < 0 {
			return nil, errors.New("a { has no }; write {{ for a brace")
		}
		if at > 0 {
			pieces = append(pieces, piece{literal: text[:at]})
		}
		p, err := parseField(codec, text[at+1:at+end])
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
		text = text[at+end+1:]
	}
	return pieces, nil
}

func parseField(codec protocol.Codec, text string) (p piece, err error) {
	path := text
	if colon := strings.LastIndexByte(text, ':'); colon >= 0 {
		if p.width, err = strconv.Atoi(text[colon+1:]); err != nil || p.width < 1 || p.width > 1<<16 {
			return p, fmt.Errorf("{%s}: the width must be a number from 1 to 65536", text)
		}
		path = text[:colon]
	}
	if p.get, err = codec.Getter(path); err != nil {
		return p, fmt.Errorf("{%s}: %w", text, err)
	}
	return p, nil
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// shuffle orders s by a random key that each element has drawn.
func shuffle[T any](s []T, key func(T) uint64) {
	slices.SortFunc(s, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
