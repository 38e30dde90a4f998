package iso8583

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Rules are what the messages of terminals must meet beside being whole. What is a question of values alone (an amount, a
// currency, a message type that is not offered) is a matter of the route's own rules.
type Rules struct {
	Messages map[string]*MessageRules `json:"messages" doc:"The fields that a message must and must not have, by its type: '0200'. A repeat ('0201') is held against the rules for what it repeats."`
	Luhn     bool                     `json:"luhn" doc:"The last digit of a card's number (field 2, of 13 to 19 digits) must fit the others."`
	Dates    bool                     `json:"dates" doc:"Dates and times in fields 7, 12, 13 and 14 must be such, and the card must not have expired."`
	Bind     string                   `json:"bind" enum:"connection" doc:"connection: all requests of a connection name the terminal (field 41) that the first one has named. For terminals that dial in themselves, and not through concentrators."`
}

// MessageRules are those of one type of message.
type MessageRules struct {
	Mandatory []int       `json:"mandatory" doc:"Fields that must be there."`
	Forbidden []int       `json:"forbidden" doc:"Fields that must not be there."`
	When      []Condition `json:"when" doc:"Fields that must be there under a condition."`
}

// Condition has a field be there if another has one of some values.
type Condition struct {
	Field int      `json:"field" need:"true" doc:"The field that must be there."`
	If    int      `json:"if" need:"true" doc:"If this one is."`
	In    []string `json:"in" doc:"And has one of these values; left out: any."`
}

// rules are Rules, checked.
type rules struct {
	messages map[string]*MessageRules
	luhn     bool
	dates    bool
	bind     bool
	now      func() time.Time
}

func (c *Codec) setRules(m *mistakes, o *Rules) {
	c.rules = rules{luhn: o.Luhn, dates: o.Dates, bind: o.Bind == "connection", messages: map[string]*MessageRules{}, now: time.Now}
	if o.Bind != "" && !c.rules.bind {
		m.bad("rules.bind", "%q is not connection", o.Bind)
	}
	if c.rules.bind && c.fields[deTerminal] == nil {
		m.bad("rules.bind", "the dialect has no field 41")
	}
	for _, mti := range slices.Sorted(maps.Keys(o.Messages)) {
		r, path := o.Messages[mti], "rules.messages["+mti+"]"
		if len(mti) != mtiSize || mti[0] != c.edition || !known([]byte(mti)) || !asks(mti[2]) && mti[2] != '4' || mti[3]%2 != 0 || r == nil {
			m.bad(path, "want the type of a request of this edition, and not of a repeat, such as %c200", c.edition)
			continue
		}
		there := func(at string, n int) {
			if n < 2 || n >= len(c.fields) || c.fields[n] == nil {
				m.bad(path+"."+at, "the dialect has no field %d", n)
			}
		}
		for i, n := range r.Mandatory {
			there(fmt.Sprintf("mandatory[%d]", i), n)
			if slices.Contains(r.Forbidden, n) {
				m.bad(fmt.Sprintf("%s.mandatory[%d]", path, i), "field %d is forbidden too", n)
			}
		}
		for i, n := range r.Forbidden {
			there(fmt.Sprintf("forbidden[%d]", i), n)
		}
		for i, w := range r.When {
			there(fmt.Sprintf("when[%d].field", i), w.Field)
			there(fmt.Sprintf("when[%d].if", i), w.If)
		}
		c.rules.messages[mti] = r
	}
}

// Police holds m against the rules.
func (c *Codec) Police(m *protocol.Message) *protocol.Refusal {
	var reasons []protocol.Reason
	bad := func(n int, rule, want, got string) {
		if len(reasons) == mostFaults {
			return
		}
		off := -1
		if at := m.Spans[n]; at.Off >= 0 {
			off = c.base(m) + int(at.Off)
		}
		reasons = append(reasons, protocol.Reason{Path: "DE" + strconv.Itoa(n), Off: off, Rule: rule, Want: want, Got: got})
	}
	if c.rules.bind {
		switch terminal := uint64(c.terminal(m)); {
		case terminal == 0:
			bad(deTerminal, "bind", "the terminal, which this connection is bound to", "nothing")
		case m.Memo != terminal:
			bad(deTerminal, "bind", "the terminal that this connection has begun with", "another")
		}
		if len(reasons) > 0 {
			return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Reasons: reasons}
		}
	}
	if len(c.rules.messages) > 0 {
		mti := [mtiSize]byte(m.Name)
		mti[3] = '0' + (mti[3]-'0')&^1
		if r := c.rules.messages[string(mti[:])]; r != nil {
			c.tables(m, r, bad)
		}
	}
	if c.rules.luhn {
		if pan := c.find(m, 2); len(pan) >= panDigits && !luhn(pan) {
			bad(2, "luhn", "a number whose last digit fits", "another last digit")
		}
	}
	if c.rules.dates {
		c.dates(m, bad)
	}
	if len(reasons) == 0 {
		return nil
	}
	return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: reasons}
}

func (c *Codec) tables(m *protocol.Message, r *MessageRules, bad func(n int, rule, want, got string)) {
	for _, n := range r.Mandatory {
		if m.Spans[n].Off < 0 {
			bad(n, "mandatory", "this field", "nothing")
		}
	}
	for _, n := range r.Forbidden {
		if m.Spans[n].Off >= 0 {
			bad(n, "forbidden", "nothing", "this field")
		}
	}
	for i := range r.When {
		w := &r.When[i]
		if m.Spans[w.If].Off < 0 || m.Spans[w.Field].Off >= 0 {
			continue
		}
		text := bytes.TrimRight(c.find(m, w.If), " ")
		holds := len(w.In) == 0
		for _, v := range w.In {
			holds = holds || string(text) == v
		}
		if holds {
			bad(w.Field, "conditional", "this field, as DE"+strconv.Itoa(w.If)+" is what it is", "nothing")
		}
	}
}

// luhn reports whether the last of digits fits the others (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i, b := range digits {
		d := int(b - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// dates are fields with a date or a time, and how it is written: Y year, M month, D day, h, m, s.
var dates = map[byte][]struct {
	n      int
	layout string
	name   string
}{
	'0': {{7, "MMDDhhmmss", "month, day and time"}, {12, "hhmmss", "a time"}, {13, "MMDD", "month and day"}, {14, "YYMM", "year and month"}},
	'1': {{7, "MMDDhhmmss", "month, day and time"}, {12, "YYMMDDhhmmss", "a date and time"}, {13, "YYMM", "year and month"}, {14, "YYMM", "year and month"}},
	'2': {{7, "MMDDhhmmss", "month, day and time"}, {12, "YYYYMMDDhhmmss", "a date and time"}, {14, "YYMM", "year and month"}},
}

func (c *Codec) dates(m *protocol.Message, bad func(n int, rule, want, got string)) {
	for _, d := range dates[c.edition] {
		text := c.find(m, d.n)
		if text == nil || len(text) != len(d.layout) {
			continue // another dialect has it otherwise
		}
		if !isDate(text, d.layout) {
			bad(d.n, "date", d.name, "digits that are none")
		} else if d.n == 14 && c.expired(text) {
			bad(d.n, "expired", "a card that has not expired", "one that has")
		}
	}
}

// isDate reports whether text is a date by its layout. A 29 February is one, as the year may not be there.
func isDate(text []byte, layout string) bool {
	month := 0
	for i := 0; i+1 < len(layout); i += 2 {
		v := int(text[i]-'0')*10 + int(text[i+1]-'0')
		ok := true
		switch layout[i] {
		case 'M':
			month = v
			ok = v >= 1 && v <= 12
		case 'D':
			ok = v >= 1 && v <= days[month]
		case 'h':
			ok = v < 24
		case 'm', 's':
			ok = v < 60
		}
		if !ok {
			return false
		}
	}
	return true
}

var days = [...]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// expired reports whether the month yymm is over, everywhere: a card is good to the end of it where its terminal is. Years
// are those next to this one.
func (c *Codec) expired(yymm []byte) bool {
	now := c.rules.now().UTC().Add(-12 * time.Hour)
	year := int(yymm[0]-'0')*10 + int(yymm[1]-'0')
	month := int(yymm[2]-'0')*10 + int(yymm[3]-'0')
	year += now.Year() / 100 * 100
	if year > now.Year()+50 {
		year -= 100
	} else if year < now.Year()-50 {
		year += 100
	}
	return year < now.Year() || year == now.Year() && month < int(now.Month())
}
