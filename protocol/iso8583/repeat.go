package iso8583

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// Waits reports whether a repeat hears what the first hears; if not it hears 09, of 1993 923.
func (c *Codec) Waits() bool { return !c.tells }

// Repeats reports whether m is open, sent again: all that may be another is the last digit of the message type, which says
// that it is a repeat, and the time of transmission in DE7 (ISO 8583:1987, 4.1.2).
func (c *Codec) Repeats(open []byte, m *protocol.Message) bool {
	if len(open) != len(m.Body) || len(m.Name) != mtiSize {
		return false
	}
	at := c.mtiBytes() - 1
	if (open[at]^m.Body[at])&^1 != 0 || !bytes.Equal(open[:at], m.Body[:at]) {
		return false
	}
	at++
	if len(m.Spans) > deTime && m.Spans[deTime].Off >= 0 {
		span := m.Spans[deTime]
		if !bytes.Equal(open[at:span.Off], m.Body[at:span.Off]) {
			return false // the bitmaps are the same, and with them where DE7 is
		}
		at = int(span.Off + span.Len)
	}
	return bytes.Equal(open[at:], m.Body[at:])
}
