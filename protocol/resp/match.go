package resp

import (
	"github.com/sallyport/sallyport/protocol"
)

// What Memo holds of a connection to a backend, beside memoSub: how many of the answers to one SUBSCRIBE have come, and
// that its client speaks version 2.
const (
	memoTwo      uint64 = 1 << 31
	memoAnswered        = 32 // shift
)

// Match tells the answers to a subscription, of which there is one for each channel, and what is pushed, from all others.
func (c *Codec) Match(req, m *protocol.Message) protocol.Match {
	confirms := confirmation(firstOf(m.Body))
	subscribes := req != nil && family(req.Name)
	pushed := m.Kind == protocol.Push
	switch {
	case pushed && !(confirms && subscribes), confirms && m.Memo&memoSub != 0 && !subscribes:
		m.Kind = protocol.Push
		m.Head = headOf(m.Memo)
		return protocol.Unasked
	case !subscribes || !confirms:
		m.Memo &= 1<<memoAnswered - 1
		return protocol.Answers
	}
	m.Kind = protocol.Response
	m.Memo |= memoSub
	if len(req.Head) > 0 && req.Head[0] == 2 {
		m.Memo |= memoTwo
	}
	if m.Memo>>memoAnswered+1 < uint64(len(req.Spans)-1) {
		m.Memo += 1 << memoAnswered
		m.More = true
	} else {
		m.Memo &= 1<<memoAnswered - 1
	}
	return protocol.Answers
}

func headOf(memo uint64) []byte {
	if memo&memoTwo != 0 {
		return versions[0]
	}
	return nil
}

func confirmation(word []byte) bool {
	switch string(word) {
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return true
	}
	return false
}

func family(name []byte) bool {
	switch string(name) {
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		return true
	}
	return false
}
