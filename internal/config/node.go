package config

import (
	"encoding/json"
	"strconv"
)

// node is one value of the file, with its place. Aliases make two paths lead to the
// same node; nothing is changed in a node that more than one path may lead to, except
// its kind by coerce, which comes to the same result by each.
type node struct {
	kind   kind
	at     position
	fields []field // of a mapping, in the order of the file
	items  []*node // of a sequence
	text   string  // of a scalar
	number any     // of a number: int64 or float64

	bare     bool   // not in quotes
	expanded bool   // what ${...} stood for is part of text
	source   string // the text in the file on one line, "" if it differs from text; for offsets
	size     int    // number of nodes, aliases followed
}

// field is one entry of a mapping.
type field struct {
	key string
	at  position // of the key
	*node
}

// position is a place in the file, or in one that the file has a part of itself in.
type position struct {
	line, col int
	in        *inclusion // nil: the file itself
}

// inclusion is a file whose content stands in the place of its name.
type inclusion struct {
	file string
	at   position // of the name
}

type kind uint8

const (
	text kind = iota
	integer
	float
	boolean
	mapping
	sequence
)

var kindNames = [...]string{"text", "a whole number", "a number", "true or false", "a mapping", "a list"}

// String returns the kind with its article.
func (k kind) String() string { return kindNames[k] }

// get returns the value of key, nil if there is none.
func (n *node) get(key string) *node {
	if n != nil {
		for _, f := range n.fields {
			if f.key == key {
				return f.node
			}
		}
	}
	return nil
}

// find returns what p leads to. If it leads nowhere found is false, and n is the last
// thing on the way.
func (n *node) find(p path) (last *node, found bool) {
	for _, step := range p {
		var next *node
		if n.kind == sequence {
			if i, err := strconv.Atoi(step); err == nil && i < len(n.items) {
				next = n.items[i]
			}
		} else {
			next = n.get(step)
		}
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// value returns n in the shapes that a JSON Schema is checked with. What skip tells of
// is left out.
func (n *node) value(p path, skip func(path) bool) any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			if at := p.join(f.key); skip == nil || !skip(at) {
				m[f.key] = f.value(at, skip)
			}
		}
		return m
	case sequence:
		list := make([]any, 0, len(n.items))
		for i, item := range n.items {
			if at := p.index(i); skip == nil || !skip(at) {
				list = append(list, item.value(at, skip))
			}
		}
		return list
	case integer, float:
		return n.number
	case boolean:
		return n.text == "true"
	}
	return n.text
}

// marshal returns value as JSON.
func (n *node) marshal(p path, skip func(path) bool) []byte {
	data, err := json.Marshal(n.value(p, skip))
	if err != nil {
		panic(err) // a tree of maps, lists and finite scalars always can be
	}
	return data
}
