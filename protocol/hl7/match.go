package hl7

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// expected is what an answer to m is held against: what its sender wants to hear, and a hash of who that is.
func (c *Codec) expected(m *protocol.Message, w wanted) uint64 {
	e := uint64(1)<<63 | uint64(w.accept)<<1 | uint64(w.application)<<4
	if w.original {
		e |= 1
	}
	return e | uint64(senderHash(field(m, sendingApp), field(m, sendingFacility)))<<16
}

func expectedOf(e uint64) (w wanted, sender uint32) {
	return wanted{original: e&1 != 0, accept: ackType(e >> 1 & 7), application: ackType(e >> 4 & 7)}, uint32(e >> 16)
}

func senderHash(app, facility []byte) uint32 {
	h := uint32(2166136261) // FNV-1a
	for _, part := range [...][]byte{app, facility} {
		for _, b := range part {
			h = (h ^ uint32(b)) * 16777619
		}
		h = (h ^ separator) * 16777619
	}
	return h
}

// Match tells an acknowledgement of acceptance from one of processing (HL7 v2.8.2, 2.9.3): CA is not the last if the sender
// has asked for the other one too, and no answer at all in original mode, where it would be taken for a success. With the
// option answers: sender one that names another sender is not believed. One that says neither yes nor no is of no use.
func (c *Codec) Match(expect uint64, open bool, m *protocol.Message) protocol.Match {
	if !open || expect == 0 || m.Kind != protocol.Response {
		return protocol.Answers // there is nothing to hold it against
	}
	w, sender := expectedOf(expect)
	if c.strict && senderHash(field(m, receivingApp), field(m, receivingFac)) != sender {
		return protocol.Unasked
	}
	switch ackCode(m.Code >> codeAck) {
	case noAck:
		return protocol.Useless
	case ackCA:
	default:
		return protocol.Answers
	}
	switch {
	case w.original, w.accept == never:
		return protocol.Unasked
	case w.application != never:
		m.More, m.Frees, m.Tacit = true, true, !w.application.success() || !w.application.failure()
	}
	return protocol.Answers
}

// Waits reports that a repeat hears what the first hears.
func (c *Codec) Waits() bool { return true }

// Repeats reports whether m is open, sent again: byte by byte the same, as a sender keeps a message until it is acknowledged. Only
// the end of the last segment may be missing: it says nothing, and in a batch it stands where alone it is left out.
func (c *Codec) Repeats(open []byte, m *protocol.Message) bool {
	return bytes.Equal(bytes.TrimSuffix(open, []byte{carriage}), bytes.TrimSuffix(m.Body, []byte{carriage}))
}
