package hl7

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Decode reads a frame from Split. In Message.Memo are the tolerances that were used since the last message.
func (c *Codec) Decode(dir protocol.Direction, data []byte, m *protocol.Message) error {
	body, used := c.mllp.body(data)
	memo := m.Memo
	m.Reset()
	m.Dir, m.Frame, m.Body = dir, data, body
	if body == nil {
		m.Kind, m.Memo = protocol.Keepalive, memo|uint64(used)
		return nil
	}
	return c.decode(m, used|tolerance(memo))
}

// DecodeBody is Decode of a message without framing.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	memo := m.Memo
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Memo = dir, body, body, memo
	return c.decode(m, 0)
}

var absent = slices.Repeat([]protocol.Span{{Off: -1}}, firstSegment)

// faults are the reasons why a message is refused. None of them holds anything of its contents.
type faults struct {
	reasons []protocol.Reason
	base    int // of the body in the frame
}

// mostFaults is how many reasons are gathered of one message.
const mostFaults = 8

func (f *faults) add(path string, off int32, rule, want, got string) {
	if len(f.reasons) < mostFaults {
		f.reasons = append(f.reasons, protocol.Reason{Path: path, Off: f.base + int(off), Rule: rule, Want: want, Got: got})
	}
}

func (f *faults) malformed(cause protocol.Cause) error {
	return &protocol.Malformed{Cause: cause, Reasons: f.reasons}
}

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

func (c *Codec) decode(m *protocol.Message, used tolerance) error {
	m.Spans = append(m.Spans, absent...)
	f := faults{base: frame.Offset(m.Frame, m.Body)}
	if c.mllp.accept&lines != 0 && bytes.HasPrefix(m.Body, byteOrderMark) {
		m.Body = m.Body[len(byteOrderMark):]
		f.base += len(byteOrderMark)
		used |= lines
	}
	m.Code = int32(used) << codeUsed
	body := m.Body
	switch {
	case len(body) == 1 && (body[0] == committed || body[0] == rejected):
		f.add("", 0, "mllp.release", "a message", "a commit acknowledgement, which belongs to release 2 of MLLP")
		return c.unreadable(&f)
	case len(body) < 4 || !er7.IsHeader(body[:3]):
		f.add("MSH", 0, "msh", "a message that begins with MSH, or a batch with FHS or BHS", "something else")
		return c.unreadable(&f)
	}
	err := c.segments(m, &f)
	if err == nil && (body[0] != 'M' || (c.batch.Headerless || m.Dir == protocol.FromBackend) && severalMessages(m)) {
		err = c.decodeBatch(m, &f)
	} else if err == nil {
		err = c.decodeMessage(m, &f)
	}
	if err != nil {
		m.Code |= codeRefused
	}
	return err
}

// unreadable is what nobody can be told about, as it is not known who has sent it.
func (c *Codec) unreadable(f *faults) error {
	return &protocol.Malformed{Cause: protocol.BadSyntax, Reasons: f.reasons, Ends: !c.drops, Nameless: true}
}

// severalMessages reports whether a second MSH stands in m.
func severalMessages(m *protocol.Message) bool {
	for _, s := range m.Spans[firstSegment+1:] {
		if s.Len > 3 && string(m.Body[s.Off:s.Off+3]) == "MSH" {
			return true
		}
	}
	return false
}

// segments finds where each begins and ends.
func (c *Codec) segments(m *protocol.Message, f *faults) error {
	tolerant := c.mllp.accept&lines != 0
	body := m.Body
	if !tolerant {
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			f.add("", int32(i), "lines", "segments that end with 0D", "a line feed; the option tolerate: [lines] takes it for the end of a segment")
			c.glance(m)
			return f.malformed(protocol.BadSyntax)
		}
	}
	for at := 0; at < len(body); {
		n := bytes.IndexByte(body[at:], carriage)
		if tolerant {
			n = bytes.IndexAny(body[at:], "\r\n")
			if n >= 0 && body[at+n] == '\n' {
				m.Code |= codeMended | int32(lines)<<codeUsed
			}
		}
		if n < 0 {
			n = len(body) - at
		}
		switch {
		case n == 0 && tolerant:
			m.Code |= codeMended | int32(lines)<<codeUsed
		case n == 0:
			f.add("", int32(at), "lines", "a segment", "nothing; the option tolerate: [lines] passes over what is empty")
			c.glance(m)
			return f.malformed(protocol.BadSyntax)
		case len(m.Spans)-firstSegment == c.maxSegments:
			f.add("", int32(at), "segments", "at most "+strconv.Itoa(c.maxSegments)+" segments", "more")
			c.glance(m)
			return f.malformed(protocol.TooLarge)
		default:
			m.Spans = append(m.Spans, protocol.Span{Off: int32(at), Len: int32(n)})
		}
		at += n + 1
	}
	return nil
}

// glance reads of a message that is refused what it is answered by.
func (c *Codec) glance(m *protocol.Message) {
	m.Spans = m.Spans[:firstSegment]
	end := bytes.IndexAny(m.Body, "\r\n")
	if end < 0 {
		end = len(m.Body)
	}
	m.Spans = append(m.Spans, protocol.Span{Len: int32(end)})
	if m.Body[0] == 'M' {
		c.readHeader(m)
	}
	m.Kind = protocol.Request
}

// readHeader finds the fields of MSH, and notes whether it can be read far enough for an answer.
func (c *Codec) readHeader(m *protocol.Message) {
	header := m.Spans[firstSegment]
	delim := m.Body[3]
	if !er7.MayDelimit(delim) {
		return
	}
	copy(m.Spans, absent[:msaCode])
	t := er7.Text{Body: m.Body, Set: er7.Set(m.Code & codeSet)}
	rest, more := protocol.Span{Off: 4, Len: header.Len - 4}, true
	n := 1
	for more && n < lastField {
		n++
		m.Spans[n], rest, more = t.Cut(rest, delim)
	}
	m.Spans[1] = protocol.Span{Off: 3, Len: 1}
	if n >= messageType {
		m.Code |= codeRead
	}
}

func (c *Codec) decodeMessage(m *protocol.Message, f *faults) error {
	c.readHeader(m)
	m.Kind = protocol.Request
	if m.Code&codeRead == 0 {
		f.add("MSH", 0, "msh", "a header with its fields up to MSH-12", "less")
		return c.unreadable(f)
	}
	header := m.Spans[firstSegment]
	d, at, ok := er7.DelimsOf(m.Body[:header.Len])
	if !ok {
		f.add("MSH-2", int32(at), "delimiters", "four or five signs that differ from one another and from MSH-1", "others")
		return f.malformed(protocol.BadSyntax)
	}
	if !c.readSet(m, &d) {
		f.add("MSH-18", max(0, m.Spans[characterSet].Off), "charset", "a set by which the header itself can be read", "another")
		return f.malformed(protocol.BadSyntax)
	}
	c.readMSA(m, &d)
	c.setName(m, &d)
	c.setID(m)
	if m.Dir == protocol.FromClient { // what a backend says is the client's to judge, if it is known whose it is
		c.checkHeader(m, &d, f)
		c.checkSegments(m, &d, f)
	}
	if len(f.reasons) > 0 {
		return f.malformed(protocol.BadShape)
	}
	c.setKind(m)
	return nil
}

// readSet notes the character set that MSH-18 names. Where that is depends on the set, if there are more bytes than those of ASCII
// in front of it: it is believed if it stands there too when the header is read by it.
func (c *Codec) readSet(m *protocol.Message, d *er7.Delims) bool {
	header := m.Spans[firstSegment]
	naive, known := er7.SetOf(field(m, characterSet), d.Repetition)
	switch {
	case !known:
		m.Code |= codeUnknown
		return true
	case naive == er7.Plain && (len(field(m, characterSet)) > 0 || !mayShift(m.Body[:header.Len])):
		return true
	}
	for _, set := range [...]er7.Set{er7.Pairs, er7.Shifted} {
		m.Code = m.Code&^codeSet | int32(set)
		c.readHeader(m)
		if named, _ := er7.SetOf(field(m, characterSet), d.Repetition); named == set {
			return true
		}
	}
	m.Code &^= codeSet
	c.readHeader(m)
	return naive == er7.Plain
}

// mayShift reports whether header has bytes that could begin a character of several.
func mayShift(header []byte) bool { return beyondASCII(header) || bytes.IndexByte(header, 0x1B) >= 0 }

// readMSA finds MSA-1 and MSA-2. It is the second segment of every acknowledgement, but for an SFT and the like before it. From a
// client only what stands there, and says a code that there is, is one: anything else would vanish with the message around it.
func (c *Codec) readMSA(m *protocol.Message, d *er7.Delims) {
	t := er7.Text{Body: m.Body, Set: er7.Set(m.Code & codeSet)}
	for i := firstSegment + 1; i < len(m.Spans); i++ {
		s := m.Spans[i]
		body := m.Body[s.Off : s.Off+s.Len]
		if len(body) < 3 || string(body[:3]) != "MSA" {
			if m.Dir == protocol.FromClient && !leads(body) {
				return
			}
			continue
		}
		var code, id protocol.Span
		code.Off, id.Off = -1, -1
		if len(body) > 3 {
			rest, more := protocol.Span{}, false
			code, rest, more = t.Cut(protocol.Span{Off: s.Off + 4, Len: s.Len - 4}, d.Field)
			if more {
				id, _, _ = t.Cut(rest, d.Field)
			}
		}
		if m.Dir == protocol.FromClient && ackOf(bytes.Trim(code.In(m.Body), " ")) == noAck {
			return
		}
		m.Kind = protocol.Response
		m.Spans[msaCode], m.Spans[msaID] = code, id
		return
	}
}

// leads reports whether a segment may stand before MSA.
func leads(segment []byte) bool {
	return bytes.HasPrefix(segment, []byte("SFT")) || bytes.HasPrefix(segment, []byte("UAC"))
}

// setName sets Name to MSH-9.1 and 9.2 with a circumflex between them. What is no type that there is has none, so that nothing
// else is ever written down as one.
func (c *Codec) setName(m *protocol.Message, d *er7.Delims) {
	kind := field(m, messageType)
	first, rest, _ := bytes.Cut(kind, []byte{d.Component})
	if !isType(first) {
		return
	}
	event, _, _ := bytes.Cut(rest, []byte{d.Component})
	if !isEvent(event) {
		m.Name = first
		return
	}
	if d.Component == '^' {
		m.Name = kind[:len(first)+1+len(event)]
		return
	}
	from := len(m.Scratch)
	m.Scratch = append(append(append(m.Scratch, first...), '^'), event...)
	m.Name = m.Scratch[from:len(m.Scratch):len(m.Scratch)]
}

// checkHeader checks what every message must have (HL7 v2.8.2, 2.14.9).
func (c *Codec) checkHeader(m *protocol.Message, d *er7.Delims, f *faults) {
	off := func(n int) int32 { return max(0, m.Spans[n].Off) }
	if two := field(m, sendingApp); len(two) > 0 && bytes.Equal(two, field(m, 2)) {
		f.add("MSH-3", off(sendingApp), "delimiters", "the sending application", "the delimiters of MSH-2 a second time")
	}
	if len(field(m, messageType)) == 0 {
		f.add("MSH-9", off(messageType), "required", "the type of the message", "nothing")
	} else if m.Name == nil {
		f.add("MSH-9.1", off(messageType), "message-type", "a type of table 0076 such as ADT, or one that begins with Z", "something else")
	}
	id := field(m, controlID)
	switch {
	case len(id) == 0:
		f.add("MSH-10", off(controlID), "required", "a control id", "nothing")
	case len(id) > 199:
		f.add("MSH-10", off(controlID), "length", "at most 199 characters", "more")
	}
	version := versionText(m, d)
	v := versionOf(version)
	switch {
	case len(version) == 0:
		f.add("MSH-12", off(versionID), "required", "the version", "nothing")
	case !c.allows(version, v):
		f.add("MSH-12", off(versionID), "version", c.wantVersions, "another")
	case len(id) > 20 && v < 270:
		m.Code |= codeLongID
	}
	processing, _, _ := bytes.Cut(field(m, processingID), []byte{d.Component})
	switch {
	case len(processing) == 0:
		f.add("MSH-11", off(processingID), "required", "the processing id", "nothing")
	case len(processing) != 1 || processing[0] != 'P' && processing[0] != 'D' && processing[0] != 'T':
		f.add("MSH-11", off(processingID), "processing-id", "P, D or T", "something else")
	}
	for _, n := range [...]int{acceptType, applicationType} {
		if ackTypeOf(field(m, n)) == badType {
			f.add("MSH-"+strconv.Itoa(n), off(n), "table", "AL, NE, ER, SU or nothing", "something else")
		}
	}
}

// isType reports whether text is a message type (HL7 table 0076), or one of a site's own.
func isType(text []byte) bool {
	if !isCode(text) {
		return false
	}
	return messageTypes[string(text)] || text[0] == 'Z'
}

// isCode reports whether text is three capitals or digits, the first one a capital.
func isCode(text []byte) bool {
	return len(text) == 3 && isCapital(text[0]) && (isCapital(text[1]) || isDigit(text[1])) && (isCapital(text[2]) || isDigit(text[2]))
}

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// checkSegments checks their names.
func (c *Codec) checkSegments(m *protocol.Message, d *er7.Delims, f *faults) {
	for i, s := range m.Spans[firstSegment+1:] {
		body := m.Body[s.Off : s.Off+s.Len]
		switch {
		case len(body) < 3 || !isCode(body[:3]) || len(body) > 3 && body[3] != d.Field:
			f.add("", s.Off, "segment", "the name of a segment, of three capitals or digits", "something else as segment "+strconv.Itoa(i+2))
		case string(body[:3]) == "MSA" && m.Kind != protocol.Response:
			f.add("MSA", s.Off, "order", "an acknowledgement with MSA behind its header, or a message without one", "an MSA in a message")
		case er7.IsHeader(body[:3]):
			f.add(string(body[:3])+"[2]", s.Off, "cardinality", "one message in a frame", "another header; the option batch.headerless takes such a frame for a batch")
		}
		if len(f.reasons) == mostFaults {
			return
		}
	}
}

// setKind tells what the message is for, and what its answer must fit.
func (c *Codec) setKind(m *protocol.Message) {
	if m.Kind == protocol.Response {
		code := ackOf(bytes.Trim(m.Spans[msaCode].In(m.Body), " "))
		m.Code |= int32(code) << codeAck
		m.Failed = code == ackAE || code == ackAR || code == ackCE || code == ackCR
		return
	}
	if m.Dir == protocol.FromBackend {
		m.Kind = protocol.Unknown // nobody has asked for it
		return
	}
	w := want(m)
	m.Kind, m.Tacit = w.kind()
	m.Expect = c.expected(m, w)
	if c.sequence != nil {
		c.sequenceKind(m)
	}
}
