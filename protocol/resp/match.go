package resp

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// What Memo holds of a connection to a backend, beside memoSub, which says that it listens to channels: that it listens to
// those of a shard, how many of the answers to one SUBSCRIBE have come, and that its client speaks version 2.
const (
	memoShard    uint64 = 1 << 30
	memoTwo      uint64 = 1 << 31
	memoAnswered        = 32 // shift
)

// What Expect holds of a request: which of the subscriptions it is, that its client speaks version 2, and how many words
// follow its name.
const (
	expectFamily = 7
	expectTwo    = 1 << 3
	expectWords  = 32 // shift
)

// subscriptions are the commands that have an answer for each channel, by their number in Expect. In small letters they are
// what the answers begin with.
var subscriptions = [...]string{1: "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}

// expect returns what Match wants to know of m, a request.
func expect(m *protocol.Message) (e uint64) {
	if len(m.Head) > 0 && m.Head[0] == headTwo {
		e = expectTwo
	}
	if n := len(m.Name); n >= len("SUBSCRIBE") && n <= len("PUNSUBSCRIBE") {
		for i, name := range subscriptions {
			if string(m.Name) == name {
				e |= uint64(i) | uint64(len(m.Spans)-1)<<expectWords
			}
		}
	}
	return e
}

func family(name string) bool { return slices.Contains(subscriptions[1:], name) }

// Match tells the answers to a subscription, of which there is one for each channel, and what is pushed, from all others.
func (c *Codec) Match(expect uint64, _ bool, m *protocol.Message) protocol.Match {
	listens := m.Memo&(memoSub|memoShard) != 0
	asked := subscriptions[expect&expectFamily]
	subscribes := asked != ""
	var word []byte
	if subscribes || listens || m.Kind == protocol.Push {
		word = c.confirmation(m)
	}
	confirms := word != nil
	subscribes = subscribes && strings.EqualFold(string(word), asked)
	switch {
	case m.Kind == protocol.Push && !(confirms && subscribes), confirms && !subscribes:
		m.Kind = protocol.Push
		if m.Memo&memoTwo != 0 {
			m.Head = headsTwo[0]
			if !confirms && !news(firstOf(m.Body)) {
				m.Body = nil // there is nothing like it in version 2
			}
		}
		return protocol.Unasked
	}
	m.Memo &^= memoTwo
	if expect&expectTwo != 0 {
		m.Memo |= memoTwo
	}
	if !confirms {
		m.Memo &= 1<<memoAnswered - 1
		return protocol.Answers
	}
	m.Kind = protocol.Response
	if m.Memo>>memoAnswered+1 < expect>>expectWords {
		m.Memo += 1 << memoAnswered
		m.More = true
	} else {
		m.Memo &= 1<<memoAnswered - 1
	}
	return protocol.Answers
}

// pushed says whether a backend sends what it was not asked for as a value of this type. In version 3 an array is an answer
// whatever is in it: who writes a list could make it look like news.
func (c *Codec) pushed(kind byte) bool { return kind == '>' || kind == '*' && c.opts.Version == 2 }

// confirmation returns the first word of what a server says to a subscription or to the end of one, nil if m is something
// else, and notes in m.Memo whether any is left: a connection that listens to nothing is sent no news, and what looks like
// news there is an answer.
func (c *Codec) confirmation(m *protocol.Message) []byte {
	t := tokens{data: m.Body}
	if !t.next() || !c.pushed(t.kind) || t.n != 3 || !t.next() {
		return nil
	}
	word := t.text
	bit := memoSub
	switch string(word) {
	case "ssubscribe", "sunsubscribe":
		bit = memoShard
	case "subscribe", "psubscribe", "unsubscribe", "punsubscribe":
	default:
		return nil
	}
	if !t.next() || t.kind != '$' && t.kind != '_' || !t.next() || t.kind != ':' {
		return nil
	}
	m.Memo |= bit
	if string(t.line) == "0" {
		m.Memo &^= bit
	}
	return word
}
