package validate

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// decoder makes what the schema library wants of JSON text (RFC 8259), with numbers as they
// are written. It does not rely on what a codec has checked: it refuses what two
// readers could understand differently, and what the library cannot bear.
type decoder struct {
	scan
	budget Budget
	values int
}

// problem is why text cannot be decoded.
type problem struct {
	off   int
	cause protocol.Cause
	key   string
	want  string
}

func (p *problem) Error() string { return p.want }

const (
	longestNumber  = 32
	largestPower   = 308
	wantJSON       = "JSON"
	wantNumber     = "a number of at most 32 characters and an exponent within 308"
	wantUniqueKeys = "names that differ"
)

// decode returns the one value that data is.
func decode(data []byte, b Budget) (any, *problem) {
	d := decoder{scan: scan{data: data}, budget: b}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.pos < len(data) {
		return nil, d.problem("syntax", wantJSON)
	}
	return v, nil
}

func (d *decoder) problem(key, want string) *problem {
	return &problem{off: d.pos, cause: protocol.BadContent, key: key, want: want}
}

func (d *decoder) value(depth int) (any, *problem) {
	d.space()
	if d.values++; d.values > d.budget.Values {
		return nil, &problem{d.pos, protocol.TooLarge, "budget", "at most " + strconv.Itoa(d.budget.Values) + " values"}
	}
	switch d.peek() {
	case '{':
		return d.object(depth + 1)
	case '[':
		return d.list(depth + 1)
	case '"':
		return d.text()
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	}
	return d.number()
}

func (d *decoder) enter(depth int) *problem {
	if depth > d.budget.Depth {
		return &problem{d.pos, protocol.TooLarge, "budget", "a nesting of at most " + strconv.Itoa(d.budget.Depth)}
	}
	d.pos++
	d.space()
	return nil
}

func (d *decoder) object(depth int) (any, *problem) {
	if err := d.enter(depth); err != nil {
		return nil, err
	}
	out := make(map[string]any)
	if d.peek() == '}' {
		d.pos++
		return out, nil
	}
	for {
		d.space()
		at := d.pos
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		if _, ok := out[name]; ok {
			return nil, &problem{at, protocol.BadContent, "names", wantUniqueKeys}
		}
		if d.space(); d.peek() != ':' {
			return nil, d.problem("syntax", wantJSON)
		}
		d.pos++
		if out[name], err = d.value(depth); err != nil {
			return nil, err
		}
		if more, err := d.next('}'); err != nil || !more {
			return out, err
		}
	}
}

func (d *decoder) list(depth int) (any, *problem) {
	if err := d.enter(depth); err != nil {
		return nil, err
	}
	out := []any{}
	if d.peek() == ']' {
		d.pos++
		return out, nil
	}
	for {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if more, err := d.next(']'); err != nil || !more {
			return out, err
		}
	}
}

// next is past a comma, or past end.
func (d *decoder) next(end byte) (more bool, err *problem) {
	d.space()
	switch d.peek() {
	case ',':
		d.pos++
		return true, nil
	case end:
		d.pos++
		return false, nil
	}
	return false, d.problem("syntax", wantJSON)
}

func (d *decoder) word(w string) *problem {
	if len(d.data)-d.pos < len(w) || string(d.data[d.pos:d.pos+len(w)]) != w {
		return d.problem("syntax", wantJSON)
	}
	d.pos += len(w)
	return nil
}

func (d *decoder) text() (string, *problem) {
	if d.peek() != '"' {
		return "", d.problem("syntax", wantJSON)
	}
	at := d.pos
	raw := d.str()
	text, ok := unquote(raw)
	if !ok {
		d.pos = at
		return "", d.problem("syntax", "text in JSON and UTF-8")
	}
	return text, nil
}

// unquote returns what a string says, quotes included in raw.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' || !utf8.Valid(raw) {
		return "", false
	}
	plain := true
	for _, b := range raw[1 : len(raw)-1] {
		if b < ' ' {
			return "", false
		}
		plain = plain && b != '\\'
	}
	if plain {
		return string(raw[1 : len(raw)-1]), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// number is RFC 8259 section 6, guarded: an exponent out of all proportion makes the
// library panic or burn a processor.
func (d *decoder) number() (any, *problem) {
	at := d.pos
	if d.peek() == '-' {
		d.pos++
	}
	if d.peek() == '0' {
		d.pos++
	} else if d.digits() == 0 {
		return nil, d.problem("syntax", wantJSON)
	}
	if d.peek() == '.' {
		if d.pos++; d.digits() == 0 {
			return nil, d.problem("syntax", wantJSON)
		}
	}
	tooFar := false
	if d.peek()|0x20 == 'e' {
		d.pos++
		if b := d.peek(); b == '+' || b == '-' {
			d.pos++
		}
		from := d.pos
		n := d.digits()
		if n == 0 {
			return nil, d.problem("syntax", wantJSON)
		}
		power, ok := 0, n <= longestNumber
		for _, b := range d.data[from:d.pos] {
			if power = 10*power + int(b-'0'); power > largestPower {
				ok = false
				break
			}
		}
		tooFar = !ok
	}
	if tooFar || d.pos-at > longestNumber {
		return nil, &problem{at, protocol.TooLarge, "number", wantNumber}
	}
	return json.Number(d.data[at:d.pos]), nil
}

func (d *decoder) digits() (n int) {
	for b := d.peek(); b >= '0' && b <= '9'; b = d.peek() {
		d.pos++
		n++
	}
	return n
}
