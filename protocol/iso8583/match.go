package iso8583

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// expected is what an answer to m must fit: version, class and function of its message type, and the terminal, if both
// name one.
func (c *Codec) expected(m *protocol.Message) uint64 {
	return uint64(m.Name[0])<<24 | uint64(m.Name[1])<<16 | uint64(m.Name[2]|1)<<8 | 1 | uint64(c.terminal(m))<<32
}

// terminal is a hash of DE41, 0 if there is none.
func (c *Codec) terminal(m *protocol.Message) uint32 {
	h := uint32(2166136261) // FNV-1a
	text := bytes.TrimRight(c.find(m, deTerminal), " ")
	if len(text) == 0 {
		return 0
	}
	for _, b := range text {
		h = (h ^ uint32(b)) * 16777619
	}
	return max(h, 1)
}

// Match lets pass an answer whose message type is that of an answer to the request, and whose terminal is the request's.
// Another function, such as 0110 for the advice 0120, answers nothing; another class or terminal under a number that
// sallyport has given is a mistake of the host's after which nothing on the connection can be believed.
func (c *Codec) Match(expect uint64, open bool, m *protocol.Message) protocol.Match {
	if !open || len(m.Name) != mtiSize {
		return protocol.Answers // there is nothing to hold it against
	}
	got := c.expected(m)
	if h, want := uint32(got>>32), uint32(expect>>32); byte(got>>24) != byte(expect>>24) || byte(got>>16) != byte(expect>>16) || h != want && h != 0 && want != 0 {
		return protocol.Foreign
	}
	if byte(got>>8) != byte(expect>>8) {
		return protocol.Unasked
	}
	return protocol.Answers
}
