package schema

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// isIPv4 takes each part as strconv.Atoi does, with a sign.
func isIPv4(s []byte) bool {
	for part := range 4 {
		group, rest, more := bytes.Cut(s, []byte{'.'})
		if more != (part < 3) || !isOctet(group) {
			return false
		}
		s = rest
	}
	return true
}

func isOctet(s []byte) bool {
	if len(s) > 1 && s[0] == '0' {
		return false
	}
	negative := false
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 || digits(s, 0) != len(s) {
		return false
	}
	n := 0
	for _, b := range s {
		if n = 10*n + int(b-'0'); n > 255 {
			return false
		}
	}
	return n == 0 || !negative
}

// isIPv6 is RFC 4291 section 2.2, without a zone.
func isIPv6(s []byte) bool {
	const groups = 8
	n, gap := 0, false
	if len(s) >= 2 && s[0] == ':' && s[1] == ':' {
		if gap, s = true, s[2:]; len(s) == 0 {
			return true
		}
	}
	for n < groups {
		i := 0
		for i < len(s) && i < 5 && (isDigit(s[i]) || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f') {
			i++
		}
		if i == 0 || i > 4 {
			return false
		}
		if i < len(s) && s[i] == '.' {
			if !gap && n != groups-2 || n+2 > groups || !isDottedQuad(s) {
				return false
			}
			n += 2
			s = nil
			break
		}
		n++
		if s = s[i:]; len(s) == 0 {
			break
		}
		if s[0] != ':' || len(s) == 1 {
			return false
		}
		if s = s[1:]; s[0] == ':' {
			if gap {
				return false
			}
			if gap, s = true, s[1:]; len(s) == 0 {
				break
			}
		}
	}
	return len(s) == 0 && (n == groups && !gap || n < groups && gap)
}

// isDottedQuad is the end of an IPv6 address: no signs and no leading zeros.
func isDottedQuad(s []byte) bool {
	return !bytes.ContainsAny(s, "+-") && isIPv4(s)
}

func isHostname(s []byte) bool {
	s = bytes.TrimSuffix(s, []byte{'.'})
	if len(s) > 253 {
		return false
	}
	for more := true; more; {
		var label []byte
		label, s, more = bytes.Cut(s, []byte{'.'})
		if len(label) < 1 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, b := range label {
			if !isLetter(b) && !isDigit(b) && b != '-' {
				return false
			}
		}
	}
	return true
}

func isEmail(s []byte) bool {
	at := bytes.LastIndexByte(s, '@')
	if len(s) > 254 || at < 0 || at > 64 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if n := len(local); n > 1 && local[0] == '"' && local[n-1] == '"' {
		if bytes.IndexByte(local, '\\') >= 0 || bytes.IndexByte(local[1:n-1], '"') >= 0 {
			return false
		}
	} else if !isLocal(local) {
		return false
	}
	if n := len(domain); n >= 2 && domain[0] == '[' && domain[n-1] == ']' {
		address := domain[1 : n-1]
		if v6, ok := bytes.CutPrefix(address, []byte("IPv6:")); ok {
			return isIPv6(v6)
		}
		return isIPv4(address)
	}
	return isHostname(domain)
}

// isLocal takes an empty one, as the library does.
func isLocal(s []byte) bool {
	dot := true // a dot may not stand here
	for _, b := range s {
		switch {
		case b == '.':
			if dot {
				return false
			}
			dot = true
			continue
		case isLetter(b), isDigit(b):
		case b < utf8.RuneSelf && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", b) >= 0:
		default:
			return false
		}
		dot = false
	}
	return !dot || len(s) == 0
}
