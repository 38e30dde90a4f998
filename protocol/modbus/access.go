package modbus

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// rule is an Access, read.
type rule struct {
	name     string
	units    list
	by       map[byte]*reach // by function
	min, max int
	bounded  bool
	observe  bool
}

// reach is the addresses that a function may read and write.
type reach struct{ read, write list }

func newRule(a *Access) (rule, error) {
	r := rule{name: a.Name, by: map[byte]*reach{}, min: 0, max: 0xFFFF, observe: a.Observe}
	var err error
	if r.units, err = parseList(a.Units, 255); err != nil {
		return r, fmt.Errorf("units: %w", err)
	}
	switch {
	case a.Allow != "" && (a.Functions != "" || a.Ranges != ""):
		return r, errors.New("allow: it has functions and ranges, and cannot stand beside them")
	case a.Allow != "":
		if err := r.allow(a.Allow); err != nil {
			return r, fmt.Errorf("allow: %w", err)
		}
	default:
		functions, err := parseList(a.Functions, 127)
		if err != nil {
			return r, fmt.Errorf("functions: %w", err)
		}
		ranges, err := parseList(a.Ranges, 0xFFFF)
		if err != nil {
			return r, fmt.Errorf("ranges: %w", err)
		}
		for fc := range 128 {
			if functions.has(fc) && (functions != nil || !serial(byte(fc))) {
				r.by[byte(fc)] = &reach{ranges, ranges}
			}
		}
	}
	if a.Min != nil {
		r.min, r.bounded = *a.Min, true
	}
	if a.Max != nil {
		r.max, r.bounded = *a.Max, true
	}
	if r.min < -1<<15 || r.max > 0xFFFF || r.min > r.max || r.min < 0 && a.Max != nil && r.max >= 1<<15 {
		return r, errors.New("min: min and max must be values of 16 bits, min not above max")
	}
	return r, nil
}

// allow reads the form that Hirschmann's firewalls have: function, and behind bars the addresses that it may read and
// write; of a function that only writes the one range is what it writes. A function may occur several times.
func (r *rule) allow(text string) error {
	for _, entry := range strings.Split(text, ",") {
		parts := strings.Split(strings.TrimSpace(entry), "|")
		if len(parts) > 3 {
			return fmt.Errorf("%q has more than a function and two ranges", entry)
		}
		fc, err := number(parts[0], 127)
		if err != nil {
			return err
		}
		var ranges [2]list
		for i, part := range parts[1:] {
			b, err := parseBetween(part, 0xFFFF)
			if err != nil {
				return err
			}
			ranges[i] = list{b}
		}
		if len(parts) == 2 {
			ranges[1] = ranges[0]
		}
		was := r.by[byte(fc)]
		if was == nil {
			r.by[byte(fc)] = &reach{ranges[0], ranges[1]}
			continue
		}
		was.read, was.write = was.read.join(ranges[0]), was.write.join(ranges[1])
	}
	return nil
}

func (l list) join(o list) list {
	if l == nil || o == nil {
		return nil // all
	}
	for _, b := range o {
		l = l.add(b)
	}
	return l
}

func serial(fc byte) bool { return functions[fc].shape == diagnostic }

// verdict is how far a request comes with a rule.
type verdict uint8

const (
	otherUnit verdict = iota
	otherFunction
	otherAddress
	otherValue
	allowed
)

// Police holds m against the rules: one of them must let it pass.
func (c *Codec) Police(m *protocol.Message) *protocol.Refusal {
	if len(c.access) == 0 {
		if serial(m.Body[7] & 0x7f) {
			return refusal(m, "pdu.fc", "diagnostics", "a function that is not of serial lines", false)
		}
		return nil
	}
	best, observed := otherUnit, false
	for i := range c.access {
		v := c.access[i].judge(m.Body)
		if v == allowed && !c.access[i].observe {
			return nil
		}
		observed = observed || c.access[i].observe
		best = max(best, min(v, otherValue))
	}
	for i := range c.access {
		if c.access[i].observe && c.access[i].judge(m.Body) == allowed {
			return nil
		}
	}
	switch best {
	case otherUnit:
		return refusal(m, "mbap.unit", "access", "a unit that is offered here", observed)
	case otherFunction:
		return refusal(m, "pdu.fc", "access", "a function that is allowed for this unit", observed)
	case otherAddress:
		return refusal(m, "pdu.addr", "access", "addresses that are allowed for this function", observed)
	}
	return refusal(m, "pdu.value", "access", "values that are allowed for these addresses", observed)
}

func (r *rule) judge(body []byte) verdict {
	if !r.units.has(int(body[6])) {
		return otherUnit
	}
	reach := r.by[body[7]]
	if reach == nil {
		return otherFunction
	}
	if addr, qty, ok := reads(body); ok && !reach.read.covers(addr, qty) {
		return otherAddress
	}
	addr, qty, at, ok := writes(body)
	if !ok {
		return allowed
	}
	if !reach.write.covers(addr, qty) {
		return otherAddress
	}
	if r.bounded && !r.holds(body, qty, at) {
		return otherValue
	}
	return allowed
}

// holds reports whether all values that are written are within the bounds. Of a mask that cannot be said.
func (r *rule) holds(body []byte, qty, at int) bool {
	if at == 0 {
		return false
	}
	for i := range qty {
		v := value(body, at, i)
		if r.min < 0 {
			v = int(int16(v))
		}
		if v < r.min || v > r.max {
			return false
		}
	}
	return true
}

// value returns number i of the values from at on.
func value(body []byte, at, i int) int {
	switch functions[body[7]&0x7f].shape {
	case writeBit:
		return int(body[at] & 1)
	case writeBits, readBits:
		return int(body[at+i/8] >> (i % 8) & 1)
	}
	return be(body[at+2*i:])
}

// refusal names unit, function and addresses, which an operator must see to act, and no value.
func refusal(m *protocol.Message, path, rule, want string, observed bool) *protocol.Refusal {
	got := "unit " + strconv.Itoa(int(m.Body[6])) + ", function " + strconv.Itoa(int(m.Body[7]))
	if addr, qty, ok := reads(m.Body); ok {
		got += ", reading " + addresses(addr, qty)
	}
	if addr, qty, _, ok := writes(m.Body); ok {
		got += ", writing " + addresses(addr, qty)
	}
	return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Observed: observed,
		Reasons: []protocol.Reason{{Path: path, Off: -1, Rule: rule, Want: want, Got: got}}}
}

func addresses(addr, qty int) string {
	if qty == 1 {
		return strconv.Itoa(addr)
	}
	return strconv.Itoa(addr) + "-" + strconv.Itoa(addr+qty-1)
}
