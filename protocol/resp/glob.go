package resp

import "strings"

// pattern is what a key must match.
type pattern struct {
	text   string
	begins bool // text is how it begins, and anything may follow
}

func newPattern(text string) pattern {
	if begin, ok := strings.CutSuffix(text, "*"); ok && !strings.ContainsAny(begin, `*?[\`) {
		return pattern{begin, true}
	}
	return pattern{text, false}
}

func (p pattern) matches(key []byte) bool {
	if p.begins {
		return len(key) >= len(p.text) && string(key[:len(p.text)]) == p.text
	}
	return glob(p.text, key)
}

// glob reports whether key matches pattern: * stands for any bytes, ? for one, [abc], [a-z] and [^a] for one of these or
// for another one, and \ takes the next byte as it is. Its time is at most the product of the two lengths.
func glob(pattern string, key []byte) bool {
	p, k := 0, 0
	star, retry := -1, 0
	for k < len(key) {
		if p < len(pattern) && pattern[p] == '*' {
			star, retry = p, k
			p++
			continue
		}
		if n, ok := globByte(pattern[p:], key[k]); ok {
			p += n
			k++
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		p, k = star+1, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globByte matches b with the first element of pattern, of which it returns the length.
func globByte(pattern string, b byte) (n int, ok bool) {
	switch {
	case pattern == "":
		return 0, false
	case pattern[0] == '?':
		return 1, true
	case pattern[0] == '\\' && len(pattern) > 1:
		return 2, pattern[1] == b
	case pattern[0] != '[':
		return 1, pattern[0] == b
	}
	n = 1
	not := n < len(pattern) && pattern[n] == '^'
	if not {
		n++
	}
	for first := true; n < len(pattern) && (first || pattern[n] != ']'); first = false {
		lo := pattern[n]
		hi := lo
		n++
		if n+1 < len(pattern) && pattern[n] == '-' && pattern[n+1] != ']' {
			hi = pattern[n+1]
			n += 2
		}
		ok = ok || lo <= b && b <= hi
	}
	return min(n+1, len(pattern)), ok != not
}
