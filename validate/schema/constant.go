package schema

import (
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
)

// constant is a value of a schema, of enum or const.
type constant struct {
	kind    kind
	text    string
	number  decimal
	list    []constant // items, or the values of members
	members *names
}

func newConstant(v any) (c constant, ok bool) {
	switch v := v.(type) {
	case nil:
		return constant{kind: null}, true
	case bool:
		if v {
			return constant{kind: trueWord}, true
		}
		return constant{kind: falseWord}, true
	case string:
		return constant{kind: text, text: v}, true
	case json.Number:
		n, ok := bound(v)
		return constant{kind: numeral, number: n}, ok
	case []any:
		c = constant{kind: list}
		for _, item := range v {
			x, ok := newConstant(item)
			if !ok {
				return c, false
			}
			c.list = append(c.list, x)
		}
		return c, true
	case map[string]any:
		c = constant{kind: object}
		list := slices.Sorted(maps.Keys(v))
		for _, name := range list {
			x, ok := newConstant(v[name])
			if !ok {
				return c, false
			}
			c.list = append(c.list, x)
		}
		c.members = newNames(list)
		return c, true
	}
	return c, false
}

// bound makes a decimal of a number in a schema.
func bound(n json.Number) (decimal, bool) {
	t := tape{limits: Limits{Values: 1}}
	if !t.read([]byte(n)) || t.tokens[0].kind() != numeral {
		return decimal{}, false
	}
	return number([]byte(n)), true
}

// equal compares the value at i with a constant.
func (c *Checker) equal(i uint32, with *constant) bool {
	tok := &c.tape.tokens[i]
	if tok.kind() != with.kind {
		return false
	}
	switch tok.kind() {
	case text:
		return string(c.tape.textOf(tok)) == with.text
	case numeral:
		n := number(c.tape.textOf(tok))
		return n.compare(&with.number) == 0
	case list:
		if int(tok.parts()) != len(with.list) {
			return false
		}
		i++
		for k := range with.list {
			if !c.equal(i, &with.list[k]) {
				return false
			}
			i = c.tape.tokens[i].next
		}
	case object:
		if int(tok.parts()) != len(with.list) {
			return false
		}
		i++
		for range tok.parts() {
			name := &c.tape.tokens[i]
			k := with.members.find(c.tape.textOf(name), name.mark())
			if k < 0 || !c.equal(i+1, &with.list[k]) {
				return false
			}
			i = c.tape.tokens[i+1].next
		}
	}
	return true
}

// same compares two values.
func (c *Checker) same(i, j uint32) bool {
	x, y := &c.tape.tokens[i], &c.tape.tokens[j]
	if x.kind() != y.kind() || !c.work(1) {
		return false
	}
	switch x.kind() {
	case text:
		return string(c.tape.textOf(x)) == string(c.tape.textOf(y))
	case numeral:
		m, n := number(c.tape.textOf(x)), number(c.tape.textOf(y))
		return m.compare(&n) == 0
	case list:
		if x.parts() != y.parts() {
			return false
		}
		i, j = i+1, j+1
		for range x.parts() {
			if !c.same(i, j) {
				return false
			}
			i, j = c.tape.tokens[i].next, c.tape.tokens[j].next
		}
	case object:
		if x.parts() != y.parts() {
			return false
		}
		i++
		for range x.parts() {
			k, ok := c.member(j, c.tape.textOf(&c.tape.tokens[i]))
			if !ok || !c.same(i+1, k) {
				return false
			}
			i = c.tape.tokens[i+1].next
		}
	}
	return true
}

// member finds the value of a member of the object at i.
func (c *Checker) member(i uint32, name []byte) (uint32, bool) {
	n := c.tape.tokens[i].parts()
	c.work(int(n))
	i++
	for range n {
		if string(c.tape.textOf(&c.tape.tokens[i])) == string(name) {
			return i + 1, true
		}
		i = c.tape.tokens[i+1].next
	}
	return 0, false
}

// unique tells whether the items of the list at i differ.
func (c *Checker) unique(i uint32) bool {
	const few = 20
	n := c.tape.tokens[i].parts()
	if n > few {
		return c.uniqueMany(i, n)
	}
	x := i + 1
	for k := range n {
		y := i + 1
		for range k {
			if c.same(x, y) {
				return false
			}
			y = c.tape.tokens[y].next
		}
		x = c.tape.tokens[x].next
	}
	return true
}

// uniqueMany hashes texts, numbers and words. Lists, objects and numbers with many digits
// it leaves to others.
func (c *Checker) uniqueMany(i, n uint32) bool {
	t := &c.tape
	mask := t.clear(n)
	for i++; n > 0; n-- {
		tok := &t.tokens[i]
		var hash uint64
		switch tok.kind() {
		case text:
			hash = maphash.Bytes(t.seed, t.textOf(tok))
		case numeral:
			d := number(t.textOf(tok))
			if d.ratio != nil {
				c.unsure = true
				return false
			}
			hash = maphash.Comparable(t.seed, d.normal())
		case list, object:
			c.unsure = true
			return false
		default:
			hash = uint64(tok.kind())
		}
		slot := hash & mask
		for ; t.table[slot] != 0; slot = (slot + 1) & mask {
			if c.same(t.table[slot], i) {
				return false
			}
		}
		t.table[slot] = i
		i = tok.next
	}
	return true
}

// work takes n steps from what may be spent. It is false when that is used up.
func (c *Checker) work(n int) bool {
	c.steps -= n
	return c.steps >= 0
}
