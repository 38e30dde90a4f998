package iso8583

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// AppendReply answers what belongs to a connection: a keep-alive, if the framing echoes it, and a request of network
// management, of a client or of the backend. What is no approval is a refusal: sallyport exchanges no keys.
func (c *Codec) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	if m.Kind == protocol.Keepalive {
		if c.echoes {
			dst = append(dst, m.Frame...)
		}
		return dst, nil
	}
	if len(m.Name) != mtiSize || !known(m.Name) || !asks(m.Name[2]) {
		return dst, nil
	}
	code, known := c.answers[string(c.find(m, c.network))]
	if !known {
		code = c.refusal
	}
	if len(code) == 0 {
		return dst, nil
	}
	start := len(dst)
	dst = c.OpenFrame(dst, m.Head)
	dst, err := c.appendAnswer(dst, m, c.echoNetwork, code, nil)
	if err != nil {
		return dst[:start], err
	}
	return c.CloseFrame(dst, start)
}

// AppendGreeting appends the sign-on that the configuration declares, if it does.
func (c *Codec) AppendGreeting(dst []byte) ([]byte, int) {
	if len(c.signOn) == 0 {
		return dst, 0
	}
	dst, err := c.appendOwn(dst, c.signOn)
	if err != nil {
		return dst, 0 // it was tried when the Codec was made
	}
	return dst, 1
}

// appendOwn appends a frame with a request of network management of sallyport's own: the fields that are given, the time
// in DE7 (UTC) and a number of its own in DE11.
func (c *Codec) appendOwn(dst []byte, given []preset) ([]byte, error) {
	texts := make([][]byte, len(c.fields))
	if c.fields[deTime] != nil {
		texts[deTime] = now()
	}
	if f := c.fields[deSTAN]; f != nil {
		texts[deSTAN] = strconv.AppendUint(nil, uint64(c.own.Add(1)%999_999)+1, 10)
	}
	for _, p := range given {
		texts[p.n] = p.text
	}
	origin := byte('0')
	if c.edition != '0' {
		origin = '4' // 1804: of nobody in particular
	}
	start := len(dst)
	dst, err := c.appendTexts(c.OpenFrame(dst, nil), [mtiSize]byte{c.edition, '8', '0', origin}, texts)
	if err != nil {
		return dst[:start], err
	}
	return c.CloseFrame(dst, start)
}

// now is this moment as field 7 has it: month, day and time, UTC.
func now() []byte { return time.Now().UTC().AppendFormat(nil, "0102150405") }

// AppendProbe appends the echo test.
func (c *Codec) AppendProbe(dst []byte) ([]byte, error) { return c.appendOwn(dst, c.echoTest) }

var errNoSignOn = errors.New("the host answered the sign-on with something else than its response")

// Greeted accepts an answer that approves: 00, of 1993 800, and of 2003 what sallyport itself would answer.
func (c *Codec) Greeted(_ int, m *protocol.Message) error {
	if m.Kind != protocol.SignOn || len(m.Name) != mtiSize || asks(m.Name[2]) {
		return errNoSignOn
	}
	if code := c.find(m, deCode); string(code) != c.approved {
		return fmt.Errorf("the host refused the sign-on with code %q in field 39", code)
	}
	return nil
}
