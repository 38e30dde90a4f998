package iso8583

import (
	"sync/atomic"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Codec is ISO 8583 in one dialect and framing. It is immutable but for the count of its own messages, and safe for
// concurrent use.
type Codec struct {
	framing     frame.Framing
	echoes      bool // keep-alives
	base1       bool // the framing has a BASE I header
	dialect     *dialect.Dialect
	edition     byte            // the first digit of an MTI
	fields      []*field        // by number; nil: there is none
	absent      []protocol.Span // of a message without fields
	stan        int             // digits of DE11, if it can be rewritten; else 0
	key         []int
	keyFunction bool
	network     int // the field that says what network management is about
	echo        []int
	echoNetwork []int
	reason      int // -1: none
	codes       codes
	answers     map[string][]byte // to network management, by its code
	refusal     []byte            // to other codes
	signOn      []preset
	approved    string // the response code that a sign-on is accepted with
	echoTest    []preset
	tells       bool // repeats hear that the request is in process
	rules       rules
	reversal    reversing
	own         atomic.Uint32 // messages that the codec has made
}

var (
	_ protocol.Codec      = (*Codec)(nil)
	_ protocol.Rewriter   = (*Codec)(nil)
	_ protocol.Sessioning = (*Codec)(nil)
	_ protocol.Greeting   = (*Codec)(nil)
	_ protocol.Matching   = (*Codec)(nil)
	_ protocol.Probing    = (*Codec)(nil)
	_ protocol.Masking    = (*Codec)(nil)
	_ protocol.Citing     = (*Codec)(nil)
	_ protocol.Reversing  = (*Codec)(nil)
	_ protocol.Policing   = (*Codec)(nil)
	_ protocol.Repeating  = (*Codec)(nil)
)

// Traits tells that results are matched by key, that DE11 can be rewritten if it is declared with 6 or 12 digits, and
// that a notice gives fields of its request back.
func (c *Codec) Traits() protocol.Traits {
	t := protocol.Traits{Name: "iso8583", Modes: []protocol.Mode{protocol.Key}, Tickets: c.tickets(), Wait: protocol.NoWait, Echo: true}
	if t.Tickets > 0 {
		t.Modes = append(t.Modes, protocol.Rewrite)
	}
	for class := range t.Says {
		t.Says[class] = protocol.Class(class) != protocol.Accepted || c.tells
	}
	return t
}

// Split finds the first frame by the declared framing.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	return c.framing.Split(data, atEOF, r)
}

// Decode reads a frame from Split.
func (c *Codec) Decode(dir protocol.Direction, data []byte, m *protocol.Message) error {
	body, head := c.framing.Body(data)
	memo := m.Memo
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Head, m.Memo = dir, data, body, head, memo
	if body == nil {
		m.Kind = protocol.Keepalive
		return nil
	}
	base := frame.Offset(data, body)
	if c.base1 && base >= baseOne && data[base-baseOne] != baseOne {
		return c.decodeReject(m, base)
	}
	return c.decode(m, base)
}

// DecodeBody is Decode of a message without framing.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	memo := m.Memo
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Memo = dir, body, body, memo
	return c.decode(m, 0)
}

// OpenFrame and CloseFrame are the framing's.
func (c *Codec) OpenFrame(dst, head []byte) []byte { return c.framing.Open(dst, head) }

// CloseFrame is described at OpenFrame.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) { return c.framing.Close(dst, start) }
