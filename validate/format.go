package validate

import (
	"fmt"
	"strings"
	"time"
)

// format tells whether a text is of a format. It allocates nothing.
type format func(text []byte) bool

var formatNames = []string{"digits", "luhn", "date", "time", "date-time", "YYYYMMDD", "YYMMDD", "MMDD", "hhmmss", "MMDDhhmmss"}

func parseFormat(name string) (format, error) {
	switch name {
	case "digits":
		return allDigits, nil
	case "luhn":
		return luhn, nil
	case "date":
		return layout("YYYY-MM-DD").matches, nil
	case "time":
		return fullTime, nil
	case "date-time":
		return dateTime, nil
	}
	l := layout(name)
	n := 0
	for rest := name; rest != ""; {
		token := l.token(rest)
		if len(token) > 1 {
			n++
		} else if token[0]|0x20 >= 'a' && token[0]|0x20 <= 'z' && token != "T" {
			return nil, fmt.Errorf("there is no format %q", name)
		}
		rest = rest[len(token):]
	}
	if n == 0 {
		return nil, fmt.Errorf("there is no format %q", name)
	}
	return l.matches, nil
}

// layout is a date or time in tokens: YYYY, YY, MM, DD, hh, mm, ss, and literal signs.
type layout string

// token is the first of rest, which is not empty.
func (layout) token(rest string) string {
	for _, t := range [...]string{"YYYY", "YY", "MM", "DD", "hh", "mm", "ss"} {
		if strings.HasPrefix(rest, t) {
			return t
		}
	}
	return rest[:1]
}

func (l layout) matches(text []byte) bool {
	year, month, day := 2000, 0, 0 // a leap year, where the text does not say
	for rest := string(l); rest != ""; {
		t := l.token(rest)
		rest = rest[len(t):]
		if len(text) < len(t) {
			return false
		}
		part := text[:len(t)]
		text = text[len(t):]
		if len(t) == 1 {
			if part[0] != t[0] {
				return false
			}
			continue
		}
		n, ok := digits(part)
		switch t {
		case "YYYY":
			year = n
		case "YY":
			year = 2000 + n
		case "MM":
			month = n
			ok = ok && n >= 1 && n <= 12
		case "DD":
			day = n
			ok = ok && n >= 1 && n <= 31
		case "hh":
			ok = ok && n <= 23
		case "mm":
			ok = ok && n <= 59
		case "ss":
			ok = ok && n <= 60 // a leap second
		}
		if !ok {
			return false
		}
	}
	if len(text) > 0 {
		return false
	}
	return day == 0 || month == 0 || day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dateTime is RFC 3339 section 5.6, date-time.
func dateTime(text []byte) bool {
	return len(text) > 11 && text[10]|0x20 == 't' && layout("YYYY-MM-DD").matches(text[:10]) && fullTime(text[11:])
}

// fullTime is RFC 3339 section 5.6, full-time.
func fullTime(text []byte) bool {
	if len(text) < 9 || !layout("hh:mm:ss").matches(text[:8]) {
		return false
	}
	text = text[8:]
	if text[0] == '.' {
		n := 1
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		if n == 1 || n == len(text) {
			return false
		}
		text = text[n:]
	}
	if len(text) == 1 {
		return text[0]|0x20 == 'z'
	}
	return len(text) == 6 && (text[0] == '+' || text[0] == '-') && layout("hh:mm").matches(text[1:])
}

// luhn is ISO/IEC 7812-1 annex B over digits alone.
func luhn(text []byte) bool {
	if !allDigits(text) || len(text) < 2 {
		return false
	}
	sum := 0
	for i := range text {
		d := int(text[len(text)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

func allDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0
}

// digits is the number that a few digits are.
func digits(text []byte) (n int, ok bool) {
	for _, b := range text {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = 10*n + int(b-'0')
	}
	return n, true
}
