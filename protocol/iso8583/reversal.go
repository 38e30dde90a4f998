package iso8583

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/protocol"
)

// Reversal says what is taken back from the host without a terminal having asked for it.
type Reversal struct {
	On     []string `json:"on" doc:"When: answer-timeout, backend-lost. Authorizations and financial requests (x100, x200) that have left for the host, and whose terminal has heard that nobody knows, are then followed by a reversal advice (x420), until the host has answered that. It moves money. Reversals that are open when sallyport ends are lost, and the log says how many."`
	Reason string   `json:"reason" doc:"The reason code in field 25. The default of 1993 is 4021, the answer came too late; of 1987 there is none."`
	Echo   []int    `json:"echo" doc:"The fields of the request that the reversal repeats. The default is 2, 3, 4, 11, 12, 13, 14, 22, 32, 33, 37, 41, 42 and 49; field 7 is the time of the reversal, and 90 (of 1993: 56) names the request."`
}

// Numbers of fields of a reversal.
const (
	deReason    = 25
	deOriginals = 90 // 1987
	deOriginal  = 56 // 1993
)

// reversing is a Reversal, checked.
type reversing struct {
	on     [numCauses]bool
	reason []byte
	echo   []int
}

func (c *Codec) setReversal(m *mistakes, o *Reversal) {
	if len(o.On) == 0 {
		if o.Reason != "" || o.Echo != nil {
			m.bad("reversal.on", "must be said: answer-timeout, backend-lost or both")
		}
		return
	}
	for i, name := range o.On {
		switch name {
		case protocol.AnswerTimeout.String():
			c.reversal.on[protocol.AnswerTimeout] = true
		case protocol.BackendLost.String():
			c.reversal.on[protocol.BackendLost] = true
		default:
			m.bad(fmt.Sprintf("reversal.on[%d]", i), "%q is neither answer-timeout nor backend-lost", name)
		}
	}
	if n := c.originals(); c.fields[n] == nil || c.stan != 6 || c.edition > '1' {
		m.bad("reversal", "it names the request in field %d, which the dialect must have, with field 11 of 6 digits, in the edition of 1987 or 1993", n)
		return
	}
	if o.Reason == "" && c.edition == '1' && c.fields[deReason] != nil {
		o.Reason = "4021"
	}
	if o.Reason != "" {
		if c.fields[deReason] == nil {
			m.bad("reversal.reason", "the dialect has no field 25")
		} else if _, err := c.fields[deReason].appendContent(nil, []byte(o.Reason)); err != nil {
			m.bad("reversal.reason", "want %s, as %s has them", wanted[c.fields[deReason].Type], c.fields[deReason].Form())
		}
		c.reversal.reason = []byte(o.Reason)
	}
	echo := o.Echo
	if echo == nil {
		echo = []int{2, 3, 4, 11, 12, 13, 14, 22, 32, 33, 37, 41, 42, 49}
		echo = slices.DeleteFunc(echo, func(n int) bool { return c.fields[n] == nil })
	}
	for i, n := range echo {
		if n < 2 || n >= len(c.fields) || c.fields[n] == nil || n == deTime || n == c.originals() || n == deReason && o.Reason != "" || n == 52 || n == 55 {
			m.bad(fmt.Sprintf("reversal.echo[%d]", i), "field %d cannot be repeated in a reversal", n)
		}
	}
	c.reversal.echo = echo
}

// originals is the field that names the original request.
func (c *Codec) originals() int {
	if c.edition == '0' {
		return deOriginals
	}
	return deOriginal
}

// Reverses reports whether requests are taken back.
func (c *Codec) Reverses() bool { return c.reversal.on != [numCauses]bool{} }

// AppendReversal appends the reversal advice for req (ISO 8583:1987, 4.3.90; 1993, field 56), or, if repeat, the same as a repeat.
func (c *Codec) AppendReversal(dst []byte, req *protocol.Message, n *protocol.Notice, repeat bool) ([]byte, error) {
	if !c.reversal.on[n.Cause] || len(req.Name) != mtiSize || req.Name[1] != '1' && req.Name[1] != '2' || req.Name[2] != '0' {
		return dst, nil
	}
	texts := make([][]byte, len(c.fields))
	for _, number := range c.reversal.echo {
		if text := c.find(req, number); text != nil {
			texts[number] = bytes.Clone(text)
		}
	}
	if c.fields[deTime] != nil {
		texts[deTime] = now()
	}
	if c.reversal.reason != nil {
		texts[deReason] = c.reversal.reason
	}
	texts[c.originals()] = c.originalData(req)
	origin := byte('0')
	if repeat {
		origin = '1'
	}
	return c.appendTexts(dst, [mtiSize]byte{c.edition, '4', '2', origin}, texts)
}

// originalData names req: message type, number, and when and by whom it was sent. What is not there is zeros.
func (c *Codec) originalData(req *protocol.Message) []byte {
	text := append([]byte{}, req.Name...)
	text = appendZeros(text, c.find(req, deSTAN), 6)
	if c.edition != '0' {
		text = appendZeros(text, c.find(req, 12), 12)
		acquirer := c.find(req, 32)
		text = append(text, '0'+byte(len(acquirer)/10), '0'+byte(len(acquirer)%10))
		return append(text, acquirer...)
	}
	text = appendZeros(text, c.find(req, deTime), 10)
	text = appendZeros(text, c.find(req, 32), 11)
	return appendZeros(text, c.find(req, 33), 11)
}

// appendZeros appends digits behind as many zeros as make them so many.
func appendZeros(dst, digits []byte, size int) []byte {
	for range size - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits[max(0, len(digits)-size):]...)
}
