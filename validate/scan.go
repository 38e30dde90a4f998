package validate

import (
	"bytes"
	"slices"
	"strconv"
)

// scan reads JSON text that a codec found to be well formed. Of other text it makes no
// sense, but it ends and stays within data.
type scan struct {
	data []byte
	pos  int
}

// peek is 0 at the end.
func (s *scan) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scan) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// str is the string that begins here, with its quotes.
func (s *scan) str() []byte {
	at := s.pos
	for s.pos++; s.pos < len(s.data); {
		n := bytes.IndexByte(s.data[s.pos:], '"')
		if n < 0 {
			break
		}
		slash := bytes.IndexByte(s.data[s.pos:s.pos+n], '\\')
		if slash < 0 {
			s.pos += n + 1
			return s.data[at:s.pos]
		}
		s.pos += slash + 2 // what is escaped may be a quote
	}
	s.pos = len(s.data)
	return s.data[at:]
}

// skip is past the value that begins here.
func (s *scan) skip() {
	depth := 0
	for s.space(); s.pos < len(s.data); s.space() {
		switch s.data[s.pos] {
		case '"':
			s.str()
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			depth--
			s.pos++
		case ',', ':':
			if depth == 0 {
				return
			}
			s.pos++
			continue
		default:
			s.scalar()
		}
		if depth <= 0 {
			return
		}
	}
}

// scalar is past a number or a word.
func (s *scan) scalar() {
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
			return
		}
	}
}

// parts is how many parts the list or object raw has.
func parts(raw []byte) int {
	s := scan{data: raw}
	s.space()
	s.pos++
	s.space()
	if b := s.peek(); b == ']' || b == '}' || b == 0 {
		return 0
	}
	n := 1
	for s.pos < len(raw) {
		s.skip()
		s.space()
		switch s.peek() {
		case ',':
			n++
		case ':':
		default:
			return n
		}
		s.pos++
	}
	return n
}

// locate finds the value at the tokens of a JSON pointer: where it begins in raw, and its
// path for a person. Names that known does not have come from the message, and stand
// as "*" in the path.
func locate(raw []byte, tokens []string, known map[string]struct{}) (off int, path []byte) {
	s := scan{data: raw}
	s.space()
	off = s.pos
	for _, token := range tokens {
		path = append(path, '/')
		object := s.peek() == '{'
		if !object {
			path = append(path, token...) // an index
		} else if _, ok := known[token]; ok {
			path = appendToken(path, token)
		} else {
			path = append(path, '*')
		}
		if off >= 0 && !s.enter(token, object) {
			off = -1
		}
		if off >= 0 {
			off = s.pos
		}
	}
	return off, path
}

// enter goes to one part of the list or object that begins here.
func (s *scan) enter(token string, object bool) bool {
	index := -1
	if !object {
		var err error
		if index, err = strconv.Atoi(token); err != nil || s.peek() != '[' {
			return false
		}
	}
	s.pos++
	for s.space(); s.pos < len(s.data); s.pos++ {
		s.space()
		found := index == 0
		index--
		if object {
			if s.peek() != '"' {
				return false
			}
			found = says(s.str(), token)
			s.space()
			s.pos++ // the colon
			s.space()
		}
		if found {
			return s.pos < len(s.data)
		}
		s.skip()
		if s.space(); s.peek() != ',' {
			return false
		}
	}
	return false
}

// says tells whether the string raw, with its quotes, is name.
func says(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return len(raw) >= 2 && string(raw[1:len(raw)-1]) == name
	}
	text, ok := unquote(raw)
	return ok && text == name
}

// appendToken escapes as RFC 6901 section 3 has it.
func appendToken(dst []byte, token string) []byte {
	for i := range len(token) {
		switch token[i] {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, token[i])
		}
	}
	return dst
}

// kindOf tells a person what the value at off in raw is.
func kindOf(raw []byte, off int) string {
	if off < 0 || off >= len(raw) {
		return ""
	}
	switch raw[off] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "text"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// pointer takes a JSON pointer apart, "" being the root; a leading # is no matter.
func pointer(text string) (tokens []string, ok bool) {
	if text != "" && text[0] == '#' {
		text = text[1:]
	}
	if text == "" {
		return nil, true
	}
	if text[0] != '/' {
		return nil, false
	}
	var token []byte
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '/':
			tokens, token = append(tokens, string(token)), token[:0]
		case text[i] != '~':
			token = append(token, text[i])
		case i+1 < len(text) && (text[i+1] == '0' || text[i+1] == '1'):
			i++
			token = append(token, "~/"[text[i]-'0'])
		default:
			return nil, false
		}
	}
	return slices.Concat(tokens, []string{string(token)}), true
}
