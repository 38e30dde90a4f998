package config

import (
	"strconv"
	"strings"
)

// path leads from the root of the file to a value: keys, and indexes as their digits.
type path []string

// join returns p with more behind it. It never shares memory with p.
func (p path) join(more ...string) path {
	return append(append(make(path, 0, len(p)+len(more)), p...), more...)
}

func (p path) index(i int) path { return p.join(strconv.Itoa(i)) }

// within reports whether p is q or leads into it.
func (p path) within(q path) bool {
	if len(p) < len(q) {
		return false
	}
	for i := range q {
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// String returns p as in "routes[0].limits.frame".
func (p path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch {
		case isIndex(step):
			b.WriteString("[" + step + "]")
		case !isName(step):
			b.WriteString("[" + strconv.Quote(step) + "]")
		case b.Len() > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}

// parsePath is the reverse of String for the paths that other packages write. It is
// false if s does not look like one.
func parsePath(s string) (p path, ok bool) {
	for _, part := range strings.Split(s, ".") {
		name, rest, bracket := strings.Cut(part, "[")
		if !isName(name) {
			return nil, false
		}
		p = append(p, name)
		for bracket {
			var i string
			if i, rest, ok = strings.Cut(rest, "]"); !ok || !isIndex(i) {
				return nil, false
			}
			p = append(p, i)
			if rest == "" {
				break
			}
			if rest[0] != '[' {
				return nil, false
			}
			rest = rest[1:]
		}
	}
	return p, true
}

func isIndex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func isName(s string) bool {
	if s == "" || len(s) > 64 || isIndex(s) {
		return false
	}
	for _, r := range s {
		if r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
