package jsonrpc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Getter compiles an RFC 6901 pointer into the envelope: "/params/0", "/error/data/a~1b".
// "" is the whole message. A pointer that begins with no part of the envelope is a
// mistake. It allocates only for text with escapes in it.
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	if path == "" {
		return func(m *protocol.Message) (protocol.Value, bool) {
			if len(m.Spans) < numParts || m.Kind == protocol.Unknown {
				return protocol.Value{}, false
			}
			from := space(m.Body, 0)
			return valueAt(m, from, skip(m.Body, from)), true
		}, nil
	}
	tokens, err := pointer(path)
	if err != nil {
		return nil, err
	}
	part := -1
	for i, name := range partNames {
		if tokens[0].name == name {
			part = i
		}
	}
	if part < 0 {
		return nil, fmt.Errorf("%q: a message has only %s", path, strings.Join(partPaths[:], ", "))
	}
	tokens = tokens[1:]
	if len(tokens) > 0 && part < partParams {
		return nil, fmt.Errorf("%q: %s has no parts", path, partPaths[part])
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		if len(m.Spans) < numParts || m.Spans[part].Off < 0 {
			return protocol.Value{}, false
		}
		from := int(m.Spans[part].Off)
		to := from + int(m.Spans[part].Len)
		for i := range tokens {
			var f, t int
			var ok bool
			switch text := m.Body[from:to]; text[0] {
			case '{':
				f, t, ok = member(text, tokens[i].name)
			case '[':
				f, t, ok = element(text, tokens[i].index)
			}
			if !ok {
				return protocol.Value{}, false
			}
			from, to = from+f, from+t
		}
		return valueAt(m, from, to), true
	}, nil
}

// token is one step of a pointer: the name of a member, or an index if it can be one.
type token struct {
	name  string
	index int // -1: no index
}

// pointer parses RFC 6901, section 3. Path is not empty.
func pointer(path string) ([]token, error) {
	if path[0] != '/' {
		return nil, fmt.Errorf("%q: a pointer begins with a slash", path)
	}
	var tokens []token
	for text := range strings.SplitSeq(path[1:], "/") {
		name, err := unescapeToken(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
		tokens = append(tokens, token{name, index(text)})
	}
	return tokens, nil
}

func unescapeToken(text string) (string, error) {
	var name strings.Builder
	for {
		before, after, found := strings.Cut(text, "~")
		name.WriteString(before)
		if !found {
			return name.String(), nil
		}
		switch {
		case strings.HasPrefix(after, "0"):
			name.WriteByte('~')
		case strings.HasPrefix(after, "1"):
			name.WriteByte('/')
		default:
			return "", errors.New("after ~ comes 0 (for ~) or 1 (for /)")
		}
		text = after[1:]
	}
}

// index is the number that text says, without a leading zero; -1 if it says none.
func index(text string) int {
	if text == "" || text[0] == '0' && len(text) > 1 {
		return -1
	}
	for i := range len(text) {
		if !isDigit(text[i]) {
			return -1
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// valueAt is the value in m.Body[from:to].
func valueAt(m *protocol.Message, from, to int) protocol.Value {
	raw := m.Body[from:to:to]
	v := protocol.Value{Type: typeOf(raw[0]), Raw: raw, Off: bodyOffset(m) + from}
	switch v.Type {
	case protocol.String:
		v.Text = raw[1 : len(raw)-1]
		if bytes.IndexByte(v.Text, '\\') >= 0 {
			v.Text = unescape(make([]byte, 0, len(v.Text)), v.Text)
		}
	case protocol.Bool, protocol.Number:
		v.Text = raw
	}
	return v
}

// What follows walks through text that the scanner has checked.

// member finds the value of name in the object text.
func member(text []byte, name string) (from, to int, ok bool) {
	for i := space(text, 1); text[i] != '}'; {
		end := skip(text, i)
		key := text[i+1 : end-1]
		from = space(text, space(text, end)+1) // behind the colon
		to = skip(text, from)
		if says(key, name) {
			return from, to, true
		}
		if i = space(text, to); text[i] == ',' {
			i = space(text, i+1)
		}
	}
	return 0, 0, false
}

// element finds the n-th value in the list text.
func element(text []byte, n int) (from, to int, ok bool) {
	if n < 0 {
		return 0, 0, false
	}
	for i := space(text, 1); text[i] != ']'; n-- {
		end := skip(text, i)
		if n == 0 {
			return i, end, true
		}
		if i = space(text, end); text[i] == ',' {
			i = space(text, i+1)
		}
	}
	return 0, 0, false
}

// skip returns the end of the value at i.
func skip(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = closing(text, i+1)
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			if depth == 0 {
				for i < len(text) && !ends(text[i]) {
					i++
				}
				return i
			}
		}
	}
	return i
}

// closing returns the place of the quote that ends the string whose text begins at i.
func closing(text []byte, i int) int {
	for {
		i = plain(text, i)
		switch text[i] {
		case '"':
			return i
		case '\\':
			i += 2
		default:
			i++ // a part of a character beyond ASCII
		}
	}
}

func ends(c byte) bool {
	switch c {
	case ' ', '\n', '\r', '\t', ',', '}', ']', ':':
		return true
	}
	return false
}

func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}
