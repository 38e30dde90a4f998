package schema

import (
	"encoding/binary"
	"math/bits"
)

// names finds a text among those that a schema knows: mostly with one look.
type names struct {
	slots []slot // searched from where the mark leads
	by    uint32
	shift uint8
}

// slot is a text. Of one that is short the bytes are in word, too.
type slot struct {
	text  string
	word  uint64
	size  uint32
	index int32 // -1: there is none
}

// newNames makes a table of list, whose texts differ. Of some ways to spread them it takes
// the best.
func newNames(list []string) *names {
	best, least := &names{}, -1
	size := max(1, bits.Len(uint(2*len(list))))
	for by := uint32(1); by < 64 && least != 0; by += 2 {
		n := &names{slots: make([]slot, 1<<size), by: by * 0x85EBCA6B, shift: uint8(32 - size)}
		for i := range n.slots {
			n.slots[i].index = -1
		}
		missed := 0
		for i, text := range list {
			at := n.first(mark([]byte(text)))
			for ; n.slots[at].index >= 0; at = (at + 1) % len(n.slots) {
				missed++
			}
			n.slots[at] = slot{text: text, size: uint32(len(text)), index: int32(i)}
			if len(text) < 8 {
				n.slots[at].word = wordOf([]byte(text))
			}
		}
		if least < 0 || missed < least {
			best, least = n, missed
		}
	}
	return best
}

func (n *names) first(mark uint32) int { return int(mark * n.by >> n.shift) }

// find returns the place of text, which has the mark, in the list that the table was made
// of, or -1.
func (n *names) find(text []byte, mark uint32) int {
	for at := n.first(mark); ; at++ {
		if at >= len(n.slots) {
			at = 0
		}
		if s := &n.slots[at]; s.index < 0 || s.text == string(text) {
			return int(s.index)
		}
	}
}

// findShort is find for a text of less than eight bytes.
func (n *names) findShort(word uint64, size, mark uint32) int {
	for at := n.first(mark); ; at++ {
		if at >= len(n.slots) {
			at = 0
		}
		if s := &n.slots[at]; s.index < 0 || s.word == word && s.size == size {
			return int(s.index)
		}
	}
}

// markBits are those of a mark that are not 0.
const markBits = 24

// mark is a number for a text: equal ones have equal numbers, others mostly not.
func mark(text []byte) uint32 {
	if n := len(text); n < 8 {
		return blend(wordOf(text), uint32(n))
	}
	return blend(binary.LittleEndian.Uint64(text)^bits.RotateLeft64(binary.LittleEndian.Uint64(text[len(text)-8:]), 29), uint32(len(text)))
}

// wordOf is a text of less than eight bytes, with zeros behind it.
func wordOf(text []byte) (w uint64) {
	for i := len(text) - 1; i >= 0; i-- {
		w = w<<8 | uint64(text[i])
	}
	return w
}

// blend makes a mark of the bytes of a text, or most of them, and its size.
func blend(word uint64, size uint32) uint32 {
	return uint32((word + uint64(size)) * 0x9E3779B97F4A7C15 >> (64 - markBits))
}
