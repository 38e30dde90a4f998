package logging

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxText is the bytes that one message or one value takes at most, in a line, before
// it is quoted. What is longer is cut.
const MaxText = 1024

// maxKey is the same for the name of a field. Names are constants of the program.
const maxKey = 64

// Clean returns s as it may stand in a log: valid UTF-8 in which no character moves
// the cursor, ends a line or changes the direction of the text, cut at limit bytes.
// Each such character becomes U+FFFD, and what was cut off an ellipsis.
func Clean(s string, limit int) string {
	if len(s) <= limit && clean(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !printable(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func clean(s string) bool {
	for i, r := range s {
		if !printable(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n < 2 {
				return false
			}
		}
	}
	return true
}

func printable(r rune) bool {
	switch {
	case r < ' ', r >= 0x7F && r <= 0x9F: // C0, DEL and C1, which holds a one-byte CSI
		return false
	case r == 0x061C, r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E, r >= 0x2060 && r <= 0x206F, r == 0xFEFF:
		return false // marks of direction, invisible characters, line and paragraph separators
	case r >= 0xE0000 && r <= 0xE007F, r >= 0xFFF9 && r <= 0xFFFB:
		return false // tags and annotations, invisible as well
	}
	return true
}

// scalar returns v as text or as something that JSON has a literal for. A field holds
// a string or a number by rule. Of anything else, bytes above all, only the type is
// shown, since what it holds may have come from the wire.
func scalar(v any) any {
	switch v := v.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return v
	case float32:
		return float(float64(v))
	case float64:
		return float(v)
	case string:
		return Clean(v, MaxText)
	case time.Time:
		return v.Format(timeFormat)
	case error:
		return Clean(v.Error(), MaxText)
	case fmt.Stringer: // time.Duration among them
		return Clean(v.String(), MaxText)
	}
	return Clean(fmt.Sprintf("(%T)", v), MaxText)
}

// float returns f, or text, since JSON has no word for infinity.
func float(f float64) any {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return f
}
