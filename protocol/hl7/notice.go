package hl7

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// maxReasons is how many errors an acknowledgement tells, and maxWords how many bytes of each for a person.
const (
	maxReasons = 16
	maxWords   = 250
)

// AppendNotice appends an acknowledgement that says n: MSH with sender and receiver exchanged, MSA, and ERR with the place of
// what is wrong, in the form of the version of req. Nothing is said to an acknowledgement, to a message whose MSH cannot be
// read, or if the sender has asked not to hear it (MSH-15 and 16).
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	if req == nil || len(req.Spans) <= firstSegment || n.Class == protocol.Accepted || req.Kind == protocol.OneWay {
		return dst, nil
	}
	if req.Kind == protocol.Batch {
		return c.appendBatchNotice(dst, req, n)
	}
	if req.Code&codeRead == 0 || req.Spans[msaCode].Off >= 0 {
		return dst, nil
	}
	code := c.say(req, n)
	if code == "" {
		return dst, nil
	}
	a := newAnswer(c, req)
	return a.appendNotice(dst, code, field(req, controlID), n), nil
}

// AppendNameless appends a refusal of a member of a batch that could not be read far enough to be named.
func (c *Codec) AppendNameless(dst []byte, n *protocol.Notice) ([]byte, error) {
	code := c.codes.find(n).application
	if code == "" {
		return dst, nil
	}
	body := []byte("MSH|^~\\&")
	a := newAnswer(c, &protocol.Message{Body: body, Spans: append(append([]protocol.Span{}, absent...), protocol.Span{Len: int32(len(body))})})
	return a.appendNotice(dst, code, nil, n), nil
}

// say returns what is said to req: of acceptance or of processing, as it has asked for, "" if it will not hear.
func (c *Codec) say(req *protocol.Message, n *protocol.Notice) string {
	r, w := c.codes.find(n), want(req)
	switch {
	case w.original:
		return r.application
	case n.Class == protocol.Failed && w.application.failure(): // it may have been accepted already
		return r.application
	case w.accept.failure():
		return r.accept
	case w.application.failure():
		return r.application
	}
	return ""
}

// answer is what an acknowledgement copies of the message that it answers.
type answer struct {
	c       *Codec
	d       er7.Delims
	req     *protocol.Message
	version int
	utf8    bool
}

func newAnswer(c *Codec, req *protocol.Message) answer {
	header := req.Spans[firstSegment]
	d, _, ok := er7.DelimsOf(req.Body[:header.Len])
	if !ok {
		field := d.Field
		d = er7.Usual
		d.Field = field
		switch field { // which takes the place of the one that it usually is not
		case d.Component, d.Repetition, d.Escape, d.Sub:
			d = er7.Delims{Field: field, Component: '!', Repetition: '$', Escape: '%', Sub: '*'}
		}
	}
	a := answer{c: c, d: d, req: req, version: versionOf(versionText(req, &d))}
	first, _, _ := bytes.Cut(field(req, characterSet), []byte{d.Repetition})
	a.utf8 = string(first) == "UNICODE UTF-8" || string(first) == "UTF-8"
	return a
}

func (a *answer) appendNotice(dst []byte, code string, id []byte, n *protocol.Notice) []byte {
	dst = a.appendHeader(dst)
	start := len(dst)
	dst = a.appendMSA(dst, code, id, n.Cause.Text())
	if c := a.c; c.sequence != nil && len(n.Reasons) > 0 && n.Reasons[0].Path == "MSH-13" {
		if want, err := c.sequence.expected(senderOf(a.req.ID)); err == nil {
			dst = setExpected(dst, start-1, a.d.Field, want)
		}
	}
	return a.appendErrors(dst, n)
}

// appendHeader appends MSH (2.14.9): MSH-3 to 6 exchanged as whole fields, 11, 12 and 18 copied, 9 by the version.
func (a *answer) appendHeader(dst []byte) []byte {
	dst = append(dst, "MSH"...)
	dst = a.d.Append(dst)
	for _, n := range [...]int{receivingApp, receivingFac, sendingApp, sendingFacility} {
		dst = append(dst, a.d.Field)
		dst = append(dst, field(a.req, n)...)
	}
	dst = append(dst, a.d.Field)
	dst = a.c.now().AppendFormat(dst, "20060102150405-0700")
	dst = append(dst, a.d.Field, a.d.Field)
	dst = append(dst, "ACK"...)
	if _, event, ok := bytes.Cut(a.req.Name, []byte{'^'}); ok && (a.version == 0 || a.version >= 230) && isEvent(event) {
		dst = append(dst, a.d.Component)
		dst = append(dst, event...)
		if a.version >= 231 {
			dst = append(dst, a.d.Component)
			dst = append(dst, "ACK"...)
		}
	}
	dst = append(dst, a.d.Field)
	dst = a.c.appendControlID(dst)
	for _, n := range [...]int{processingID, versionID} {
		dst = append(dst, a.d.Field)
		dst = append(dst, field(a.req, n)...)
	}
	if set := field(a.req, characterSet); len(set) > 0 {
		for range characterSet - versionID {
			dst = append(dst, a.d.Field)
		}
		dst = append(dst, set...)
	}
	return append(dst, carriage)
}

// isEvent reports whether text is one of up to three capitals and digits: another is not given back.
func isEvent(text []byte) bool {
	for _, b := range text {
		if !isCapital(b) && !isDigit(b) {
			return false
		}
	}
	return len(text) > 0 && len(text) <= 3
}

// appendControlID appends a control id of the codec's own, which it gives once.
func (c *Codec) appendControlID(dst []byte) []byte {
	dst = append(dst, c.prefix...)
	dst = append(dst, 'A')
	return strconv.AppendUint(dst, c.own.Add(1), 36)
}

// appendMSA appends MSA (2.14.8): the control id byte for byte, and up to 2.6 a text for a person.
func (a *answer) appendMSA(dst []byte, code string, id []byte, words string) []byte {
	dst = append(dst, "MSA"...)
	dst = append(dst, a.d.Field)
	dst = append(dst, code...)
	dst = append(dst, a.d.Field)
	dst = append(dst, id...)
	if a.version < 270 && words != "" {
		dst = append(dst, a.d.Field)
		dst = a.d.AppendEscaped(dst, words[:min(len(words), 80)], false)
	}
	return append(dst, carriage)
}

// appendErrors appends ERR (2.14.5): up to 2.4 one segment, of which ERR-1 repeats, and from 2.5 one for each error.
func (a *answer) appendErrors(dst []byte, n *protocol.Notice) []byte {
	reasons := n.Reasons[:min(len(n.Reasons), maxReasons)]
	count := max(1, len(reasons))
	for i := range count {
		var r *protocol.Reason
		if i < len(reasons) {
			r = &reasons[i]
		}
		if a.version != 0 && a.version < 250 {
			dst = a.appendOldError(dst, n, r, i)
			continue
		}
		dst = a.appendError(dst, n, r)
		dst = append(dst, carriage)
	}
	if a.version != 0 && a.version < 250 {
		dst = append(dst, carriage)
	}
	return dst
}

func (a *answer) appendOldError(dst []byte, n *protocol.Notice, r *protocol.Reason, i int) []byte {
	if i == 0 {
		dst = append(append(dst, "ERR"...), a.d.Field)
	} else {
		dst = append(dst, a.d.Repetition)
	}
	p := placeOf(r)
	dst = append(dst, p.Segment...)
	for _, part := range [...]int{p.Occurrence, p.Field} {
		dst = append(dst, a.d.Component)
		dst = appendPart(dst, part)
	}
	what := conditionOf(n, r)
	dst = append(dst, a.d.Component)
	return what.append(dst, a.d.Sub)
}

func (a *answer) appendError(dst []byte, n *protocol.Notice, r *protocol.Reason) []byte {
	dst = append(append(dst, "ERR"...), a.d.Field, a.d.Field)
	p := placeOf(r)
	dst = append(dst, p.Segment...)
	last := 0
	parts := [...]int{p.Occurrence, p.Field, p.Repetition, p.Component, p.Subcomponent}
	for j, part := range parts {
		if part > 0 {
			last = j + 1
		}
	}
	for _, part := range parts[:last] {
		dst = append(dst, a.d.Component)
		dst = appendPart(dst, part)
	}
	dst = conditionOf(n, r).append(append(dst, a.d.Field), a.d.Component)
	dst = append(dst, a.d.Field, 'E', a.d.Field, a.d.Field, a.d.Field, a.d.Field)
	if r == nil {
		return a.d.AppendEscaped(dst, n.Cause.Text(), a.utf8)
	}
	var room [maxWords]byte
	words := r.AppendText(room[:0])
	return a.d.AppendEscaped(dst, string(words[:min(len(words), maxWords)]), a.utf8)
}

// placeOf returns the place that r is about as ERR names it: what is not said is the first, as far as it is needed.
func placeOf(r *protocol.Reason) er7.Path {
	if r == nil || r.Path == "" {
		return er7.Path{}
	}
	p, err := er7.ParsePath(r.Path)
	if err != nil {
		return er7.Path{}
	}
	p.Occurrence = max(1, p.Occurrence)
	if p.Component > 0 {
		p.Repetition = max(1, p.Repetition)
	}
	return p
}

func appendPart(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
