package config

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxSecret is the bytes of a file that ${file:...} takes in.
const maxSecret = 64 << 10

// expand replaces ${VAR}, ${VAR:-default} and ${file:/path} in the text of n, and $$ by
// $. What comes in is text: it is not looked at again, neither for $ nor for YAML. It
// is false if something is missing, which is reported at n.
func (l *loader) expand(n *node, p path) bool {
	if !strings.Contains(n.text, "$") {
		return true
	}
	n.source = "" // offsets in the text are no longer those in the file
	var b strings.Builder
	ok, rest := true, n.text
	for {
		before, after, more := strings.Cut(rest, "$")
		b.WriteString(before)
		if !more {
			break
		}
		rest = after
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			rest = rest[1:]
		case strings.HasPrefix(rest, "{"):
			inside, after, closed := strings.Cut(rest[1:], "}")
			if !closed {
				l.add(p, n.at, "${ without }", "write $${ for the characters themselves")
				return false
			}
			rest = after
			value, message, hint := l.lookUp(inside)
			if message != "" {
				l.add(p, n.at, message, hint)
				ok = false
				continue
			}
			b.WriteString(value)
			n.expanded = true
		default:
			b.WriteByte('$') // as in a regular expression
		}
	}
	n.text = b.String()
	return ok
}

// lookUp returns what inside, which stood between ${ and }, stands for, or what is wrong.
func (l *loader) lookUp(inside string) (value, message, hint string) {
	if file, ok := strings.CutPrefix(inside, "file:"); ok {
		return l.secretFile(file)
	}
	name, otherwise, hasDefault := strings.Cut(inside, ":-")
	if !isVariable(name) {
		return "", "this is not a variable", "write ${NAME}, ${NAME:-default}, ${file:/path}, or $$ for a dollar sign"
	}
	var set bool
	if l.env != nil {
		value, set = l.env(name)
	}
	switch {
	case set && (value != "" || !hasDefault):
		l.secret(value)
		return value, "", ""
	case hasDefault:
		return otherwise, "", ""
	}
	return "", "the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}"
}

func (l *loader) secretFile(name string) (value, message, hint string) {
	if name == "" || name == "-" {
		return "", "${file:...} needs the path of a file", ""
	}
	data, err := l.open(l.near(name), maxSecret)
	switch {
	case errors.Is(err, errTooLarge):
		return "", "the file of ${file:...} is larger than 64 KiB", ""
	case err != nil:
		return "", "the file of ${file:...} cannot be read: " + err.Error(), ""
	case !utf8.Valid(data):
		return "", "the file of ${file:...} is not UTF-8 text", ""
	}
	value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	l.secret(value)
	return value, "", ""
}

// secret notes a value that no error message may show, the longest first, so that one
// that contains another is replaced whole.
func (l *loader) secret(value string) {
	at := len(l.secrets)
	for at > 0 && len(l.secrets[at-1]) < len(value) {
		at--
	}
	l.secrets = append(l.secrets[:at], append([]string{value}, l.secrets[at:]...)...)
}

func isVariable(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
