package generic

import (
	"bytes"
	"regexp"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

type fieldKind uint8

const (
	text fieldKind = iota
	digits
	number
	binary
)

// field is a Field that was checked.
type field struct {
	name      string
	at, len   int
	column    int // from 1; 0: none
	delimiter []byte
	regex     *regexp.Regexp
	group     int
	kind      fieldKind
	trim      bool
	optional  bool
}

// fixed says that the field has one place and one width in every message.
func (f *field) fixed() bool { return f.column == 0 && f.regex == nil && f.at >= 0 && f.len > 0 }

var absent = protocol.Span{Off: -1}

// find returns where the field is in body.
func (f *field) find(body []byte) protocol.Span {
	switch {
	case f.regex != nil:
		if at := f.regex.FindSubmatchIndex(body); at != nil && at[2*f.group] >= 0 {
			return span(at[2*f.group], at[2*f.group+1])
		}
		return absent
	case f.column > 0:
		from := 0
		for n := 1; ; n++ {
			i := bytes.Index(body[from:], f.delimiter)
			switch {
			case n == f.column && i < 0:
				return span(from, len(body))
			case n == f.column:
				return span(from, from+i)
			case i < 0:
				return absent
			}
			from += i + len(f.delimiter)
		}
	}
	from, to := f.at, f.at+f.len
	if f.at < 0 {
		from, to = len(body)+f.at, len(body)+f.at+f.len
	}
	if f.len == 0 {
		to = len(body)
	}
	if from < 0 || from > len(body) || to > len(body) {
		return absent
	}
	return span(from, to)
}

func span(from, to int) protocol.Span {
	return protocol.Span{Off: int32(from), Len: int32(to - from)}
}

// wrong returns what is wrong with raw, nothing if it is of the field's kind.
func (f *field) wrong(raw []byte, ebcdic bool) (want, got string) {
	if f.kind != digits && f.kind != number {
		return "", ""
	}
	if f.trim {
		space := " "
		if ebcdic {
			space = "\x40"
		}
		raw = bytes.Trim(raw, space)
	}
	i := 0
	if f.kind == number && len(raw) > 0 && (plain(raw[0], ebcdic) == '-' || plain(raw[0], ebcdic) == '+') {
		i = 1
	}
	point := f.kind != number
	some := false
	for ; i < len(raw); i++ {
		switch c := plain(raw[i], ebcdic); {
		case c >= '0' && c <= '9':
			some = true
		case c == '.' && !point:
			point = true
		case f.kind == digits:
			return "digits", "other characters"
		default:
			return "a number", "other characters"
		}
	}
	if !some && (len(raw) > 0 || f.kind == number) {
		return "a number", "nothing"
	}
	return "", ""
}

func plain(c byte, ebcdic bool) byte {
	if ebcdic {
		return frame.FromEBCDIC[c]
	}
	return c
}

// value returns what raw, which stands at off in the frame, says.
func (f *field) value(raw []byte, off int, ebcdic bool) protocol.Value {
	v := protocol.Value{Type: protocol.String, Text: raw, Raw: raw, Off: off}
	switch {
	case f.kind == binary:
		v.Type = protocol.Number
		v.Text = strconv.AppendUint(nil, readBinary(raw), 10)
		return v
	case ebcdic:
		v.Text = make([]byte, len(raw))
		for i, c := range raw {
			v.Text[i] = frame.FromEBCDIC[c]
		}
	}
	if f.kind != text {
		v.Type = protocol.Number
	}
	if f.trim {
		v.Text = bytes.Trim(v.Text, " ")
	}
	return v
}

func readBinary(raw []byte) (n uint64) {
	for _, c := range raw {
		n = n<<8 | uint64(c)
	}
	return n
}

// match is a Match that was checked.
type match struct {
	field int // -1: never
	in    []string
}

var noMatch = match{field: -1}

type kindRule struct {
	match
	kind protocol.Kind
}
