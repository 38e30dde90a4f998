package schema

import (
	"cmp"
	"slices"
)

// names finds a text among those that a schema knows: by length, then by its bytes.
type names struct {
	byLength []int32 // where the texts of a length begin; one longer than the longest text
	list     []name
}

type name struct {
	text  string
	index int
}

// newNames makes a table of list, whose texts differ.
func newNames(list []string) *names {
	n := &names{}
	longest := -1
	for i, text := range list {
		n.list = append(n.list, name{text, i})
		longest = max(longest, len(text))
	}
	slices.SortFunc(n.list, func(a, b name) int { return cmp.Or(cmp.Compare(len(a.text), len(b.text)), cmp.Compare(a.text, b.text)) })
	n.byLength = make([]int32, longest+2)
	for i := range n.list {
		n.byLength[len(n.list[i].text)+1] = int32(i + 1)
	}
	for i := 1; i < len(n.byLength); i++ {
		n.byLength[i] = max(n.byLength[i], n.byLength[i-1])
	}
	return n
}

// find returns the place of text in the list that the table was made of, or -1.
func (n *names) find(text []byte) int {
	if len(text)+1 >= len(n.byLength) {
		return -1
	}
	list := n.list[n.byLength[len(text)]:n.byLength[len(text)+1]]
	for len(list) > 8 {
		middle := len(list) / 2
		if string(text) < list[middle].text {
			list = list[:middle]
		} else {
			list = list[middle:]
		}
	}
	for i := range list {
		if list[i].text == string(text) {
			return list[i].index
		}
	}
	return -1
}
