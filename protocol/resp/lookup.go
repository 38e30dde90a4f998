package resp

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// known is what a Codec knows of a command before one comes: the command's code is its place in Codec.known.
type known struct {
	*command
	word     []byte     // its name
	plain    bool       // it asks nothing of its connection, and needs no look at the words behind its name
	may      bool       // it may pass, as far as its name goes
	rules    []*keyRule // about its keys
	express  bool       // one of them names it
	observed bool       // all of them only observe
}

// lookup finds a command by the letters of its name, when they are no more than 8. It is a table with open addressing; an
// empty entry has no code.
type lookup [lookupSize]struct {
	letters uint64
	length  int32
	code    int32
}

const (
	lookupBits = 10
	lookupSize = 1 << lookupBits
)

// index fills in what is known of each command, and how it is found.
func (c *Codec) index() {
	c.known = make([]known, len(table)+1)
	c.known[0] = known{may: len(c.opts.Allow) == 0, observed: true} // what is not in the table
	for i := range c.keys {
		if rule := &c.keys[i]; rule.commands == nil {
			c.known[0].add(rule)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.commands)) {
		cmd := c.commands[name]
		k := &c.known[cmd.code]
		*k = known{command: cmd, word: []byte(name), observed: true}
		k.may = cmd.place != refused && (c.allowed == nil || c.allowed[name])
		k.plain = cmd.place == shared && !cmd.special() && !cmd.streams && cmd.waits == 0 && c.opts.Version == 2
		for i := range c.keys {
			rule := &c.keys[i]
			if rule.commands == nil || rule.commands[name] {
				k.add(rule)
			}
		}
		if len(name) <= 8 && !strings.Contains(name, " ") {
			c.lookup.add(k.word, cmd.code)
		}
	}
}

func (k *known) add(rule *keyRule) {
	k.rules = append(k.rules, rule)
	k.express = k.express || rule.commands != nil
	k.observed = k.observed && rule.observe
}

func (l *lookup) add(word []byte, code int32) {
	x := letters(word)
	i := slotOf(x)
	for l[i].code != 0 {
		i = (i + 1) % lookupSize
	}
	l[i].letters, l[i].length, l[i].code = x, int32(len(word)), code
}

// find returns the code of the command called word in any case, 0 if there is none, or none so short.
func (l *lookup) find(word []byte) int32 {
	if len(word) > 8 || len(word) == 0 {
		return 0
	}
	x := letters(word)
	for i := slotOf(x); l[i].code != 0; i = (i + 1) % lookupSize {
		if l[i].letters == x && int(l[i].length) == len(word) {
			return l[i].code
		}
	}
	return 0
}

func slotOf(letters uint64) int { return int(letters * 0x9E3779B97F4A7C15 >> (64 - lookupBits)) }

// letters returns word, which is no longer than 8 bytes, as a number, its small letters made large.
func letters(word []byte) uint64 {
	var x uint64
	if cap(word) >= 8 {
		x = binary.LittleEndian.Uint64(word[:8]) & (1<<(8*len(word)) - 1)
	} else {
		for i, b := range word {
			x |= uint64(b) << (8 * i)
		}
	}
	const ones = 0x0101010101010101
	low := x &^ (0x80 * ones)
	small := (low + (0x80-'a')*ones) &^ (low + (0x7f-'z')*ones) &^ x & (0x80 * ones)
	return x ^ small>>2
}

// command returns what the table has for m, nil if it has nothing.
func (c *Codec) command(m *protocol.Message) *command {
	if m.Code > 0 {
		return c.known[m.Code].command
	}
	return c.commands[string(m.Name)]
}
