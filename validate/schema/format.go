package schema

import (
	"bytes"
	"net/url"
	"strings"
)

// formats are those that are asserted. Each gives the verdict of the library on the same
// text, its leniencies included, such as the sign in "+1.2.3.4".
var formats = map[string]func([]byte) bool{
	"json-pointer":          isPointer,
	"relative-json-pointer": isRelativePointer,
	"uuid":                  isUUID,
	"duration":              isDuration,
	"period":                isPeriod,
	"ipv4":                  isIPv4,
	"ipv6":                  isIPv6,
	"hostname":              isHostname,
	"email":                 isEmail,
	"date":                  isDate,
	"time":                  isTime,
	"date-time":             isDateTime,
	"uri":                   isURI,
	"iri":                   isURI,
	"uri-reference":         isReference,
	"iri-reference":         isReference,
	"semver":                isSemver,
}

// outsideFormats are asserted by the library and not here.
var outsideFormats = map[string]bool{"regex": true, "uri-template": true}

func isPointer(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	if s[0] != '/' {
		return false
	}
	for i, b := range s {
		if b == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return true
}

func isRelativePointer(s []byte) bool {
	n := digits(s, 0)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	return string(s[n:]) == "#" || isPointer(s[n:])
}

func isUUID(s []byte) bool {
	if len(s) != 36 {
		return false
	}
	return s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		isHex(s[:8]) && isHex(s[9:13]) && isHex(s[14:18]) && isHex(s[19:23]) && isHex(s[24:])
}

func isHex(s []byte) bool {
	for _, b := range s {
		if !isDigit(b) && b|0x20-'a' > 'f'-'a' {
			return false
		}
	}
	return true
}

// isDuration: the units of each part stand in their order, and none is needed of the date.
func isDuration(s []byte) bool {
	if len(s) < 2 || s[0] != 'P' {
		return false
	}
	s = s[1:]
	if last := len(s) - 1; s[last] == 'W' {
		return last > 0 && digits(s, 0) == last
	}
	date, clock, both := bytes.Cut(s, []byte{'T'})
	if both && (len(clock) == 0 || !inOrder(clock, "HMS")) {
		return false
	}
	return inOrder(date, "YMD")
}

func inOrder(s []byte, units string) bool {
	for len(s) > 0 {
		n := digits(s, 0)
		if n == 0 || n == len(s) {
			return false
		}
		at := strings.IndexByte(units, s[n])
		if at < 0 {
			return false
		}
		units, s = units[at+1:], s[n+1:]
	}
	return true
}

func isPeriod(s []byte) bool {
	start, end, ok := bytes.Cut(s, []byte{'/'})
	switch {
	case !ok:
		return false
	case len(start) > 0 && start[0] == 'P':
		return isDuration(start) && isDateTime(end)
	case len(end) > 0 && end[0] == 'P':
		return isDateTime(start) && isDuration(end)
	}
	return isDateTime(start) && isDateTime(end)
}

func isDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	for i, b := range s {
		if i != 4 && i != 7 && !isDigit(b) {
			return false
		}
	}
	year := int(s[0]-'0')*1000 + int(s[1]-'0')*100 + int(s[2]-'0')*10 + int(s[3]-'0')
	month, day := int(s[5]-'0')*10+int(s[6]-'0'), int(s[8]-'0')*10+int(s[9]-'0')
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return day <= 29
	}
	return day <= [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
}

// pair is two digits, or a digit with a sign, as strconv.Atoi has it; a number below 0 is
// none.
func pair(a, b byte) (n int, ok bool) {
	switch {
	case !isDigit(b):
		return 0, false
	case isDigit(a):
		return int(a-'0')*10 + int(b-'0'), true
	}
	return int(b - '0'), a == '+' || a == '-' && b == '0'
}

func isTime(s []byte) bool {
	if len(s) < 9 || s[2] != ':' || s[5] != ':' {
		return false
	}
	h, ok1 := pair(s[0], s[1])
	m, ok2 := pair(s[3], s[4])
	sec, ok3 := pair(s[6], s[7])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 60 {
		return false
	}
	s = s[8:]
	if s[0] == '.' {
		n := digits(s, 1)
		if n == 1 {
			return false
		}
		s = s[n:]
	}
	if len(s) != 1 || s[0]|0x20 != 'z' {
		if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
			return false
		}
		zh, ok1 := pair(s[1], s[2])
		zm, ok2 := pair(s[4], s[5])
		if !ok1 || !ok2 || zh > 23 || zm > 59 {
			return false
		}
		minutes := h*60 + m
		if s[0] == '+' {
			minutes -= zh*60 + zm
		} else {
			minutes += zh*60 + zm
		}
		if minutes < 0 {
			minutes += 24 * 60
		}
		h, m = minutes/60, minutes%60
	}
	return sec < 60 || h == 23 && m == 59 // a leap second
}

func isDateTime(s []byte) bool {
	return len(s) >= 20 && s[10]|0x20 == 't' && isDate(s[:10]) && isTime(s[11:])
}

func isSemver(s []byte) bool {
	s, build, has := bytes.Cut(s, []byte{'+'})
	if has && !dotted(build, false) {
		return false
	}
	s, release, has := bytes.Cut(s, []byte{'-'})
	if has && !dotted(release, true) {
		return false
	}
	for part := range 3 {
		n := digits(s, 0)
		if n == 0 || n > 1 && s[0] == '0' {
			return false
		}
		if s = s[n:]; part < 2 {
			if len(s) == 0 || s[0] != '.' {
				return false
			}
			s = s[1:]
		}
	}
	return len(s) == 0
}

// dotted tells whether s is identifiers, of which, if strict, numbers have no leading zero.
func dotted(s []byte, strict bool) bool {
	for more := true; more; {
		var id []byte
		if id, s, more = bytes.Cut(s, []byte{'.'}); len(id) == 0 {
			return false
		}
		for _, b := range id {
			if !isDigit(b) && !isLetter(b) && b != '-' {
				return false
			}
		}
		if strict && len(id) > 1 && id[0] == '0' && digits(id, 0) == len(id) {
			return false
		}
	}
	return true
}

// isURI looks at the usual ones itself, and leaves the others to net/url as the library
// does.
func isURI(s []byte) bool {
	if plainURL(s) {
		return true
	}
	u, ok := parseURL(string(s))
	return ok && u.IsAbs()
}

func isReference(s []byte) bool {
	if plainURL(s) || plainPath(s) {
		return true
	}
	if bytes.IndexByte(s, '\\') >= 0 {
		return false
	}
	_, ok := parseURL(string(s))
	return ok
}

func parseURL(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, false
	}
	if host := u.Hostname(); strings.Contains(host, ":") {
		if !strings.Contains(u.Host, "[") || !strings.Contains(u.Host, "]") || !isIPv6([]byte(host)) {
			return nil, false
		}
	}
	return u, true
}

// plainURL is true of scheme://host:port/path?query#fragment in letters, digits and signs
// that mean nothing else there.
func plainURL(s []byte) bool {
	i := 0
	for i < len(s) && (isLetter(s[i]) || i > 0 && isDigit(s[i])) {
		i++
	}
	if i == 0 || len(s)-i < 4 || string(s[i:i+3]) != "://" {
		return false
	}
	from := i + 3
	for i = from; i < len(s) && (isLetter(s[i]) || isDigit(s[i]) || s[i] == '.' || s[i] == '-'); i++ {
	}
	if i == from {
		return false
	}
	if i < len(s) && s[i] == ':' {
		from = i + 1
		if i = digits(s, from); i == from {
			return false
		}
	}
	return i == len(s) || plainPath(s[i:])
}

// plainPath is true of /path?query#fragment.
func plainPath(s []byte) bool {
	if len(s) == 0 || s[0] != '/' || len(s) > 1 && s[1] == '/' {
		return false
	}
	hash := false
	for _, b := range s {
		switch {
		case isLetter(b), isDigit(b), strings.IndexByte("/?-._~=&+,;", b) >= 0:
		case b == '#' && !hash:
			hash = true
		default:
			return false
		}
	}
	return true
}

func isDigit(b byte) bool  { return b-'0' <= 9 }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
