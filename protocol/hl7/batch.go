package hl7

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Batch says what becomes of frames with several messages.
type Batch struct {
	Headerless bool   `json:"headerless" doc:"Takes a frame with several messages for a batch, though no BHS or FHS stands before them."`
	Counts     string `json:"counts" enum:"refuse|accept" doc:"What becomes of a client's batch that has not as many messages as BTS-1 says, or a file that has not as many batches as FTS-1: refuse, which is the default, answers all of it with one refusal; accept takes what is there."`
	Answers    string `json:"answers" enum:"all|errors" doc:"What the answer to a client's batch has: all acknowledgements, which is the default, or errors alone, as the batch protocol allows: what is not there is accepted."`
	Unnamed    string `json:"unnamed" enum:"wait|accepted" doc:"What a backend means that answers a batch and does not name one of its messages: wait, which is the default, that its answer is still to come; accepted, that it is accepted."`
}

// Fields of BHS and FHS.
const (
	dateTime     = 7
	batchID      = 11
	batchAnswers = 12
)

// batchWalk goes through the segments of a batch: [FHS] { [BHS] { MSH ... } [BTS] } [FTS] (HL7 v2.8.2, 2.10.3).
type batchWalk struct {
	c       *Codec
	m       *protocol.Message
	t       er7.Text
	members int
	inBatch int // of them in this batch
	batches int
	acks    int  // members that answer something
	open    bool // its BHS has come
}

// decodeBatch checks that m is a batch, and sets Head to what its answer is put into: its headers, and behind each BHS a BTS
// with the number of messages that stand there.
func (c *Codec) decodeBatch(m *protocol.Message, f *faults) error {
	m.Kind = protocol.Batch
	w := batchWalk{c: c, m: m, t: text(m)}
	from := len(m.Scratch)
	for i := range w.t.Segments {
		switch ok := w.step(i, f); {
		case !ok && i == 0: // nobody knows whose it is
			return c.unreadable(f)
		case !ok:
			return f.malformed(protocol.BadShape)
		}
	}
	if w.inBatch > 0 || w.open {
		w.end()
	}
	if m.Dir == protocol.FromClient && w.acks > 0 && w.acks < w.members {
		f.add("", 0, "batch", "a batch of messages, or one of acknowledgements", "both: an acknowledgement has no answer that could stand in its place")
	}
	if w.members > c.items {
		f.add("", 0, "limits.items", "at most "+strconv.Itoa(c.items)+" messages in a batch", "more")
		return f.malformed(protocol.TooLarge)
	}
	if w.members == 0 && m.Dir == protocol.FromClient {
		f.add("", 0, "cardinality", "a batch with at least one message", "none")
	}
	m.Head = m.Scratch[from:len(m.Scratch):len(m.Scratch)]
	if len(f.reasons) > 0 {
		return f.malformed(protocol.BadShape)
	}
	return nil
}

// step takes segment i. It is false if the structure is lost.
func (w *batchWalk) step(i int, f *faults) bool {
	s := w.t.Segments[i]
	raw := w.t.In(s)
	name := string(w.t.Name(i))
	switch name {
	case "FHS", "BHS":
		if _, _, ok := er7.DelimsOf(raw); !ok {
			f.add(name+"-2", s.Off, "delimiters", "four or five signs that differ from one another and from the first field", "others")
			return false
		}
		if name == "FHS" && i > 0 || name == "BHS" && w.open && w.inBatch == 0 {
			f.add(name, s.Off, "order", "messages", "another header")
			return false
		}
		if name == "BHS" {
			if w.open || w.inBatch > 0 {
				w.end()
			}
			w.open = true
		}
		w.keep(raw)
	case "MSH":
		w.members++
		w.inBatch++
		if n := w.t.Field(i, sequenceNumber); w.c.sequence != nil && w.m.Dir == protocol.FromClient && w.t.Valued(n) {
			f.add("MSH["+strconv.Itoa(w.members)+"]-13", n.Off, "sequence", "messages with sequence numbers each by itself: the next is judged when the one before was accepted", "one in a batch")
		}
	case "BTS":
		w.count("BTS-1", i, w.inBatch, f)
		w.end()
	case "FTS":
		if w.open || w.inBatch > 0 {
			w.end()
		}
		w.count("FTS-1", i, w.batches, f)
		w.keep([]byte("FTS"))
	default:
		if name == "MSA" && i > 0 && string(w.t.Name(i-1)) == "MSH" {
			w.acks++
		}
		if w.inBatch == 0 {
			f.add("", s.Off, "order", "MSH", "another segment")
			return false
		}
	}
	return true
}

// answerable reports whether a header can be read far enough to be answered.
func answerable(raw []byte) bool {
	d, _, ok := er7.DelimsOf(raw)
	return ok && bytes.Count(raw, []byte{d.Field}) >= messageType-1
}

// end is that of a batch: its BTS, or what stands in its place.
func (w *batchWalk) end() {
	w.m.Scratch = append(w.m.Scratch, "BTS|"...)
	w.m.Scratch = strconv.AppendInt(w.m.Scratch, int64(w.inBatch), 10)
	w.m.Scratch = append(w.m.Scratch, carriage)
	w.inBatch, w.open = 0, false
	w.batches++
}

func (w *batchWalk) keep(segment []byte) {
	w.m.Scratch = append(append(w.m.Scratch, segment...), carriage)
}

// count holds the number in field 1 of segment i against n.
func (w *batchWalk) count(path string, i, n int, f *faults) {
	if w.c.batch.Counts == "accept" || w.m.Dir == protocol.FromBackend {
		return
	}
	raw := w.t.In(w.t.Segments[i])
	if len(raw) < 5 {
		return
	}
	text, _, _ := bytes.Cut(raw[4:], raw[3:4])
	if len(text) == 0 {
		return
	}
	if said, err := strconv.Atoi(string(bytes.Trim(text, " "))); err != nil || said != n {
		f.add(path, w.t.Segments[i].Off, "count", "the number of what stands before it, "+strconv.Itoa(n), "another")
	}
}

// Members appends the messages of a batch, each from its MSH up to the next header or trailer.
func (c *Codec) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	t := text(m)
	start := int32(-1)
	cut := func(end int32) {
		if start >= 0 {
			bodies = append(bodies, m.Body[start:end:end])
		}
		start = -1
	}
	for i, s := range t.Segments {
		switch string(t.Name(i)) {
		case "MSH":
			cut(s.Off)
			start = s.Off
		case "BHS", "FHS", "BTS", "FTS":
			cut(s.Off)
		}
	}
	cut(int32(len(m.Body)))
	return bodies, nil
}

// AppendBatch appends a batch whose header is made of that of its first message.
func (c *Codec) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	return c.AppendBundle(dst, bodies, c.own.Add(1))
}

// AppendBundle is AppendBatch with a control id in BHS-11 that stands for n.
func (c *Codec) AppendBundle(dst []byte, bodies [][]byte, n uint64) ([]byte, error) {
	first := bodies[0]
	d, _, ok := er7.DelimsOf(first)
	if !ok {
		return dst, errNoPlace
	}
	header, _, _ := bytes.Cut(first, []byte{carriage})
	fields := bytes.SplitN(header, []byte{d.Field}, receivingFac+1)
	dst = append(dst, "BHS"...)
	dst = d.Append(dst)
	for i := sendingApp; i <= receivingFac; i++ {
		dst = append(dst, d.Field)
		if i-1 < len(fields) && i < receivingFac {
			dst = append(dst, fields[i-1]...)
		} else if i-1 < len(fields) {
			last, _, _ := bytes.Cut(fields[i-1], []byte{d.Field})
			dst = append(dst, last...)
		}
	}
	dst = append(dst, d.Field)
	dst = c.now().AppendFormat(dst, "20060102150405-0700")
	dst = append(dst, d.Field, d.Field, d.Field, d.Field)
	dst = append(append(dst, c.prefix...), 'B')
	dst = strconv.AppendUint(dst, n, 36)
	dst = append(dst, carriage)
	for _, body := range bodies {
		dst = appendWhole(dst, body)
	}
	return appendCount(dst, "BTS", d.Field, len(bodies)), nil
}

// appendWhole appends a message, of which the last segment has its end.
func appendWhole(dst, body []byte) []byte {
	dst = append(dst, body...)
	if len(body) > 0 && body[len(body)-1] != carriage {
		dst = append(dst, carriage)
	}
	return dst
}

func appendCount(dst []byte, name string, delim byte, n int) []byte {
	dst = append(append(dst, name...), delim)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, carriage)
}

// Bundle tells which bundle m answers, by BHS-12, and whether what it does not name is accepted: if it is whole, as its count
// says, and has no more to say of the batch itself. That it says nothing of a message means something only then.
func (c *Codec) Bundle(m *protocol.Message) (n uint64, implied bool) {
	if c.batch.Unnamed != "accepted" {
		return 0, false
	}
	t := text(m)
	i := t.Segment("BHS", 1)
	if i < 0 || !whole(&t) {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(t.In(t.Field(i, batchAnswers))), c.prefix+"B")
	n, err := strconv.ParseUint(digits, 36, 64)
	return n, ok && err == nil
}

// whole reports whether one batch has as many messages as its BTS says, and no remark there.
func whole(t *er7.Text) bool {
	members, end := 0, -1
	for i := range t.Segments {
		switch string(t.Name(i)) {
		case "MSH":
			members++
		case "BHS":
			if i > 0 && string(t.Name(i-1)) != "FHS" {
				return false
			}
		case "BTS":
			if end >= 0 {
				return false
			}
			end = i
		}
	}
	if end < 0 || t.Valued(t.Field(end, 2)) {
		return false
	}
	said, err := strconv.Atoi(string(bytes.Trim(t.In(t.Field(end, 1)), " ")))
	return err == nil && said == members
}

// AppendAccepted appends the acknowledgement of req that a backend has implied.
func (c *Codec) AppendAccepted(dst []byte, req *protocol.Message) ([]byte, error) {
	w := want(req)
	code := "AA"
	switch {
	case w.original, w.application.success():
	case w.accept.success():
		code = "CA"
	default:
		return dst, nil
	}
	a := newAnswer(c, req)
	return a.appendMSA(a.appendHeader(dst), code, field(req, controlID), ""), nil
}

// AppendAnswers appends the answer to a batch: its headers with sender and receiver exchanged and BHS-12 as BHS-11 was, and
// bodies, those that are not empty, where the messages stood that they answer (HL7 v2.8.2, 2.10.3.2). If there is none nothing is said.
func (c *Codec) AppendAnswers(dst, head []byte, bodies [][]byte) ([]byte, error) {
	if !slices.ContainsFunc(bodies, func(b []byte) bool { return len(b) > 0 }) {
		return dst, nil
	}
	batches, delim, open := 0, byte('|'), false
	for len(head) > 0 {
		var segment []byte
		segment, head, _ = bytes.Cut(head, []byte{carriage})
		switch string(segment[:3]) {
		case "FHS", "BHS":
			delim, open = segment[3], segment[0] == 'B'
			dst = c.appendAnswerHeader(dst, segment)
		case "BTS":
			n, _ := strconv.Atoi(string(segment[4:]))
			n = min(n, len(bodies))
			said := 0
			for _, body := range bodies[:n] {
				if len(body) > 0 && (c.batch.Answers != "errors" || refuses(body)) {
					dst = appendWhole(dst, body)
					said++
				}
			}
			bodies = bodies[n:]
			if open { // what came without a header is answered without one
				dst = appendCount(dst, "BTS", delim, said)
				batches++
			}
			open = false
		case "FTS":
			dst = appendCount(dst, "FTS", delim, batches)
		}
	}
	return dst, nil
}

// appendAnswerHeader appends the header that answers header.
func (c *Codec) appendAnswerHeader(dst, header []byte) []byte {
	d, _, _ := er7.DelimsOf(header)
	fields := bytes.Split(header, []byte{d.Field})
	at := func(n int) []byte {
		if n-1 < len(fields) {
			return fields[n-1]
		}
		return nil
	}
	dst = append(dst, header[:3]...)
	dst = d.Append(dst)
	for _, n := range [...]int{receivingApp, receivingFac, sendingApp, sendingFacility} {
		dst = append(dst, d.Field)
		dst = append(dst, at(n)...)
	}
	dst = append(dst, d.Field)
	dst = c.now().AppendFormat(dst, "20060102150405-0700")
	dst = append(dst, d.Field, d.Field, d.Field, d.Field)
	dst = c.appendControlID(dst)
	if id := at(batchID); len(id) > 0 {
		dst = append(dst, d.Field)
		dst = append(dst, id...)
	}
	return append(dst, carriage)
}

// refuses reports whether the acknowledgement body is none of AA and CA.
func refuses(body []byte) bool {
	i := bytes.Index(body, []byte("\rMSA"))
	if i < 0 || len(body) < i+5 {
		return true
	}
	code, _, _ := bytes.Cut(body[i+5:], body[i+4:i+5])
	code, _, _ = bytes.Cut(code, []byte{carriage})
	is := ackOf(bytes.Trim(code, " "))
	return is != ackAA && is != ackCA
}

// appendBatchNotice appends one refusal for a whole batch: in its envelope an acknowledgement of which MSA-2 is the control id
// of the batch.
func (c *Codec) appendBatchNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	r := c.codes.find(n)
	t := text(req)
	i := max(0, t.Segment("BHS", 1))
	raw := t.In(t.Segments[i])
	d, _, ok := er7.DelimsOf(raw)
	if !ok || r.application == "" {
		return dst, nil
	}
	if string(t.Name(i)) == "MSH" {
		return c.appendEach(dst, req, &t, n)
	}
	m := c.headerOfBatch(&t, i, &d)
	a := newAnswer(c, m)
	dst = c.appendAnswerHeader(dst, raw)
	dst = a.appendNotice(dst, r.application, field(m, controlID), n)
	return appendCount(dst, "BTS", a.d.Field, 1), nil
}

// appendEach refuses each message of a batch without headers, in which nothing stands for the whole.
func (c *Codec) appendEach(dst []byte, req *protocol.Message, t *er7.Text, n *protocol.Notice) ([]byte, error) {
	members := 0
	for i, s := range t.Segments {
		if string(t.Name(i)) != "MSH" || !answerable(t.In(s)) {
			continue
		}
		if members++; members > c.items {
			break // a batch of more was refused for that
		}
		body := t.In(s)
		m := &protocol.Message{Dir: req.Dir, Body: body, Kind: protocol.Request, Spans: append(append([]protocol.Span{}, absent...), protocol.Span{Len: s.Len})}
		c.readHeader(m)
		for _, n := range [...]int{processingID, versionID, characterSet} {
			if !shows("MSH", n, field(m, n)) {
				m.Spans[n] = absent[0] // what it is is not said again
			}
		}
		var err error
		if dst, err = c.AppendNotice(dst, m, n); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// headerOfBatch returns what the refusal of a batch answers, as a message: sender, receiver and control id of segment i, and of
// the first message in it what a header of a batch does not have.
func (c *Codec) headerOfBatch(t *er7.Text, i int, d *er7.Delims) *protocol.Message {
	body := append([]byte("MSH"), d.Field, d.Component, d.Repetition, d.Escape, d.Sub)
	first := t.Segment("MSH", 1)
	for n := sendingApp; n <= characterSet; n++ {
		body = append(body, d.Field)
		switch of := t.Field(i, n); {
		case n <= receivingFac:
			body = append(body, t.In(of)...)
		case n == messageType:
			body = append(body, "ACK"...)
		case n == controlID:
			body = append(body, t.In(t.Field(i, batchID))...)
		case first >= 0 && (n == processingID || n == versionID || n == characterSet):
			if v := t.In(t.Field(first, n)); len(v) < 40 {
				body = append(body, v...)
			}
		}
	}
	m := &protocol.Message{Body: body, Kind: protocol.Request, Spans: append(append([]protocol.Span{}, absent...), protocol.Span{Len: int32(len(body))})}
	c.readHeader(m)
	return m
}
