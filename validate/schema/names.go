package schema

import (
	"encoding/binary"
	"math/bits"
)

// names finds a text among those that a schema knows: mostly with one look.
type names struct {
	list  []string
	slots []uint32 // index in list and one, 0 if empty; searched from where the mark leads
	by    uint32
	shift uint8
}

// newNames makes a table of list, whose texts differ. Of some ways to spread them it takes
// the best.
func newNames(list []string) *names {
	best, least := &names{}, -1
	size := max(1, bits.Len(uint(2*len(list))))
	for by := uint32(1); by < 64 && least != 0; by += 2 {
		n := &names{list: list, slots: make([]uint32, 1<<size), by: by * 0x85EBCA6B, shift: uint8(32 - size)}
		missed := 0
		for i, text := range list {
			slot := n.slot(mark([]byte(text)))
			for ; n.slots[slot] != 0; slot = (slot + 1) % len(n.slots) {
				missed++
			}
			n.slots[slot] = uint32(i + 1)
		}
		if least < 0 || missed < least {
			best, least = n, missed
		}
	}
	return best
}

func (n *names) slot(mark uint32) int { return int(mark * n.by >> n.shift) }

// find returns the place of text, which has the mark, in the list that the table was made
// of, or -1.
func (n *names) find(text []byte, mark uint32) int {
	for slot := n.slot(mark); ; slot++ {
		if slot >= len(n.slots) {
			slot = 0
		}
		i := int(n.slots[slot]) - 1
		if i < 0 || string(text) == n.list[i] {
			return i
		}
	}
}

// markBits are those of a mark that are not 0.
const markBits = 24

// mark is a number for a text: equal ones have equal numbers, others mostly not.
func mark(text []byte) uint32 {
	n := len(text)
	var x uint64
	switch {
	case n >= 8:
		x = binary.LittleEndian.Uint64(text) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(text[n-8:]), 29)
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(text)) | uint64(binary.LittleEndian.Uint32(text[n-4:]))<<32
	case n > 0:
		x = uint64(text[0]) | uint64(text[n/2])<<8 | uint64(text[n-1])<<16
	}
	return uint32((x ^ uint64(n)) * 0x9E3779B97F4A7C15 >> (64 - markBits))
}
