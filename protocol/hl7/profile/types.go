package profile

// mismatch returns what a value of the data type kind looks like, if v does not; "" if it does, or if the type is none of those
// that have a form (HL7 v2.8.2, chapter 2A). An empty value fits.
func mismatch(kind string, v []byte) string {
	if len(v) == 0 {
		return ""
	}
	switch kind {
	case "DT":
		if !isDate(v) {
			return "a date, YYYY[MM[DD]]"
		}
	case "TM":
		if !isTime(v) {
			return "a time, HH[MM[SS[.SSSS]]] and perhaps a zone"
		}
	case "DTM", "TS":
		if !isTimestamp(v) {
			return "a date and time, YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]] and perhaps a zone"
		}
	case "NM":
		if !isNumber(v) {
			return "a number: a sign, digits, a point, digits"
		}
	case "SI":
		if digitsOf(v) != len(v) || len(v) > 4 {
			return "a whole number of up to four digits"
		}
	}
	return ""
}

func digitsOf(v []byte) (n int) {
	for n < len(v) && v[n] >= '0' && v[n] <= '9' {
		n++
	}
	return n
}

// two is the number of the two digits at i.
func two(v []byte, i int) int { return int(v[i]-'0')*10 + int(v[i+1]-'0') }

func isDate(v []byte) bool {
	if digitsOf(v) != len(v) || len(v) != 4 && len(v) != 6 && len(v) != 8 {
		return false
	}
	if len(v) == 4 {
		return true
	}
	month := two(v, 4)
	if month < 1 || month > 12 || len(v) == 6 {
		return month >= 1 && month <= 12
	}
	year := two(v, 0)*100 + two(v, 2)
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days = 29
	}
	day := two(v, 6)
	return day >= 1 && day <= days
}

func isTime(v []byte) bool {
	v, ok := withoutZone(v)
	return ok && isClock(v)
}

// isClock also takes a leap second.
func isClock(v []byte) bool {
	n := digitsOf(v)
	if n != 2 && n != 4 && n != 6 {
		return false
	}
	if n < len(v) && (n != 6 || !isFraction(v[n:])) {
		return false
	}
	return two(v, 0) <= 23 && (n < 4 || two(v, 2) <= 59) && (n < 6 || two(v, 4) <= 60)
}

// isFraction reports whether v is a point and one to four digits.
func isFraction(v []byte) bool {
	return len(v) >= 2 && len(v) <= 5 && v[0] == '.' && digitsOf(v[1:]) == len(v)-1
}

// withoutZone cuts +ZZZZ or -ZZZZ off.
func withoutZone(v []byte) ([]byte, bool) {
	i := len(v) - 5
	if i < 0 || v[i] != '+' && v[i] != '-' {
		return v, true
	}
	return v[:i], digitsOf(v[i+1:]) == 4 && two(v, i+1) <= 14 && two(v, i+3) <= 59
}

func isTimestamp(v []byte) bool {
	v, ok := withoutZone(v)
	if !ok {
		return false
	}
	if len(v) <= 8 {
		return isDate(v)
	}
	return isDate(v[:8]) && isClock(v[8:])
}

func isNumber(v []byte) bool {
	if v[0] == '+' || v[0] == '-' {
		v = v[1:]
	}
	n := digitsOf(v)
	if n == len(v) {
		return n > 0
	}
	if v[n] != '.' {
		return false
	}
	rest := v[n+1:]
	return digitsOf(rest) == len(rest) && n+len(rest) > 0
}
