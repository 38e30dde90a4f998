package generic

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

const numCauses = int(protocol.InProcess) + 1

// Codec is one declared protocol. It is immutable and safe for concurrent use.
type Codec struct {
	framing   frame.Framing
	limits    protocol.Limits
	ebcdic    bool
	echoes    bool // keep-alives
	fields    []field
	byName    map[string]int
	kinds     [2][]kindRule // by Direction
	operation int           // field, -1: none
	id        []int         // fields
	more      match
	failed    match
	ordered   bool
	wait      protocol.Wait
	templates [protocol.NumClasses]template
	codes     [protocol.NumClasses][numCauses]string
	records   *records
	marks     string // bytes that divide a body, and do not stand in a {text}
	instead   byte   // stands for those
	head      int    // bytes of a body that a head has; 0: nothing is carried
	traits    protocol.Traits
}

var (
	_ protocol.Codec      = (*Codec)(nil)
	_ protocol.Rewriter   = (*Codec)(nil)
	_ protocol.Sessioning = (*Codec)(nil)
	_ protocol.Batching   = (*Codec)(nil)
	_ protocol.Carrying   = (*Codec)(nil)
)

func (c *Codec) setTraits() {
	t := protocol.Traits{Name: "generic", Ordered: c.ordered, Wait: c.wait, Batches: c.records != nil, Carries: c.head > 0}
	if n := c.tickets(); n > 0 {
		t.Tickets = n
		t.Modes = append(t.Modes, protocol.Rewrite)
	}
	if len(c.id) > 0 {
		t.Modes = append(t.Modes, protocol.Key)
	}
	t.Modes = append(t.Modes, protocol.FIFO, protocol.Exclusive)
	for class, words := range c.templates {
		t.Says[class] = words != nil
		t.Echo = t.Echo || words.echoes()
	}
	c.traits = t
}

// tickets returns how many IDs can be written into the ID field, 0 if it cannot be.
func (c *Codec) tickets() uint64 {
	if len(c.id) != 1 {
		return 0
	}
	f := &c.fields[c.id[0]]
	if !f.fixed() || f.kind == number {
		return 0
	}
	base, n := uint64(10), uint64(1)
	if f.kind == binary {
		base = 256
	}
	for range f.len {
		if n *= base; n > 1<<53 {
			return 1 << 53
		}
	}
	return n
}

// Traits tells what the declaration allows.
func (c *Codec) Traits() protocol.Traits { return c.traits }

// Split finds the first frame by the declared framing.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	return c.framing.Split(data, atEOF, r)
}

// Decode finds every declared field of frame. One that is missing or of the wrong type
// is a *protocol.Malformed with a reason for each.
func (c *Codec) Decode(dir protocol.Direction, data []byte, m *protocol.Message) error {
	body, head := c.framing.Body(data)
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Head = dir, data, body, head
	if body == nil {
		m.Kind = protocol.Keepalive
		return nil
	}
	return c.decode(m, frame.Offset(data, body))
}

// DecodeBody is Decode for a record of a body that holds several.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	m.Reset()
	m.Dir, m.Frame, m.Body = dir, body, body
	return c.decode(m, 0)
}

func (c *Codec) decode(m *protocol.Message, off int) error {
	if c.records != nil {
		if f := c.records.when; c.has(m.Body, c.fields[f.field].find(m.Body), f) {
			m.Kind = protocol.Batch
			_, err := c.records.check(c, m)
			return err
		}
	}
	for i := range c.fields {
		at := absent
		if m.Rest == 0 || c.fields[i].fixed() {
			at = c.fields[i].find(m.Body)
		}
		m.Spans = append(m.Spans, at)
	}
	c.setKind(m)
	reasons := c.faults(m, off)
	c.setNames(m)
	if m.Kind == protocol.Unknown {
		reasons = append(reasons, protocol.Reason{Off: -1, Rule: "generic.kind", Want: "a kind of message that is declared", Got: "another"})
	}
	if len(reasons) > 0 {
		return &protocol.Malformed{Cause: protocol.BadShape, Reasons: reasons}
	}
	if c.needsID(m) {
		return &protocol.Malformed{Cause: protocol.BadShape, Reasons: []protocol.Reason{{Path: c.fields[c.id[0]].name, Off: -1, Rule: "generic.id", Want: "an id", Got: "nothing"}}}
	}
	return nil
}

// faults returns a reason for each field that is missing or of the wrong type. What is
// said about the connection alone needs no fields.
func (c *Codec) faults(m *protocol.Message, off int) (reasons []protocol.Reason) {
	if m.Kind == protocol.Keepalive || m.Kind == protocol.SignOn {
		return nil
	}
	for i := range c.fields {
		f, at := &c.fields[i], m.Spans[i]
		switch {
		case c.records != nil && c.records.count == i: // of bodies that hold records
		case at.Off >= 0:
			if want, got := f.wrong(at.In(m.Body), c.ebcdic); want != "" {
				reasons = append(reasons, protocol.Reason{Path: f.name, Off: off + int(at.Off), Rule: "generic.type", Want: want, Got: got})
			}
		case !f.optional && (m.Rest == 0 || f.fixed()):
			reasons = append(reasons, protocol.Reason{Path: f.name, Off: -1, Rule: "generic.field", Want: "this field", Got: "nothing"})
		}
	}
	return reasons
}

// needsID says that m should have an ID and has none.
func (c *Codec) needsID(m *protocol.Message) bool {
	return len(c.id) > 0 && len(m.ID) == 0 && (m.Kind == protocol.Request || m.Kind == protocol.Response)
}

func (c *Codec) setKind(m *protocol.Message) {
	rules := c.kinds[m.Dir]
	m.Kind = protocol.Request
	if m.Dir == protocol.FromBackend {
		m.Kind = protocol.Response
	}
	if len(rules) > 0 {
		m.Kind = protocol.Unknown
	}
	for i := range rules {
		if r := &rules[i]; c.has(m.Body, m.Spans[r.field], r.match) {
			m.Kind = r.kind
			break
		}
	}
	if m.Kind == protocol.Response {
		m.More = c.more.field >= 0 && c.has(m.Body, m.Spans[c.more.field], c.more)
		m.Failed = c.failed.field >= 0 && c.has(m.Body, m.Spans[c.failed.field], c.failed)
	}
}

// has says whether the field at has one of the values of f.
func (c *Codec) has(body []byte, at protocol.Span, f match) bool {
	if at.Off < 0 {
		return false
	}
	d := &c.fields[f.field]
	raw := at.In(body)
	var number [20]byte
	if d.kind == binary {
		raw = strconv.AppendUint(number[:0], readBinary(raw), 10)
	} else if d.trim {
		raw = bytes.Trim(raw, c.space())
	}
	for _, v := range f.in {
		if c.equal(raw, v, c.ebcdic && d.kind != binary) {
			return true
		}
	}
	return false
}

// equal says whether raw, in the charset of the body, reads text. It makes no copy.
func (c *Codec) equal(raw []byte, text string, ebcdic bool) bool {
	if !ebcdic {
		return string(raw) == text
	}
	if len(raw) != len(text) {
		return false
	}
	for i, b := range raw {
		if frame.FromEBCDIC[b] != text[i] {
			return false
		}
	}
	return true
}

// space is a space in the charset of the body.
func (c *Codec) space() string {
	if c.ebcdic {
		return "\x40"
	}
	return " "
}

// setNames makes the name, which is text, and the ID: the field's bytes, or those of
// several, each behind its length, so that no two combinations look alike. A field of the
// wrong type is no ID.
func (c *Codec) setNames(m *protocol.Message) {
	m.Scratch = m.Scratch[:0]
	if len(c.id) == 1 {
		m.ID = protocol.ID(c.sound(m, c.id[0]))
	} else {
		c.joinID(m)
	}
	if c.operation < 0 || m.Spans[c.operation].Off < 0 {
		return
	}
	raw, from := m.Spans[c.operation].In(m.Body), len(m.Scratch)
	switch {
	case c.fields[c.operation].kind == binary:
		m.Scratch = strconv.AppendUint(m.Scratch, readBinary(raw), 10)
		m.Name = m.Scratch[from:]
	case c.ebcdic:
		for _, b := range bytes.Trim(raw, c.space()) {
			m.Scratch = append(m.Scratch, frame.FromEBCDIC[b])
		}
		m.Name = m.Scratch[from:]
	default:
		m.Name = bytes.Trim(raw, " ")
	}
}

func (c *Codec) joinID(m *protocol.Message) {
	for _, i := range c.id {
		raw := c.sound(m, i)
		if raw == nil {
			m.Scratch = m.Scratch[:0]
			return
		}
		if c.fields[i].trim {
			raw = bytes.Trim(raw, c.space())
		}
		m.Scratch = strconv.AppendInt(m.Scratch, int64(len(raw)), 10)
		m.Scratch = append(append(m.Scratch, ':'), raw...)
	}
	m.ID = protocol.ID(m.Scratch[:len(m.Scratch):len(m.Scratch)])
}

// sound returns the bytes of a field of m, nil if they are missing or of the wrong type.
func (c *Codec) sound(m *protocol.Message, i int) []byte {
	if m == nil || i >= len(m.Spans) {
		return nil
	}
	raw := m.Spans[i].In(m.Body)
	if want, _ := c.fields[i].wrong(raw, c.ebcdic); want != "" {
		return nil
	}
	return raw
}

// Getter compiles the name of a field, or "body", "frame.length", "frame.block".
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	switch path {
	case "body":
		return func(m *protocol.Message) (protocol.Value, bool) {
			return protocol.Value{Type: protocol.Bytes, Text: m.Body, Raw: m.Body, Off: frame.Offset(m.Frame, m.Body)}, m.Body != nil
		}, nil
	case "frame.length":
		return func(m *protocol.Message) (protocol.Value, bool) {
			return protocol.Value{Type: protocol.Number, Text: strconv.AppendInt(nil, int64(len(m.Frame))+m.Rest, 10), Raw: m.Frame}, m.Frame != nil
		}, nil
	case "frame.block":
		size := 0
		if f, ok := c.framing.(interface{ Block() int }); ok {
			size = f.Block()
		}
		if size == 0 {
			return nil, errors.New("the framing has no block")
		}
		return func(m *protocol.Message) (protocol.Value, bool) {
			at := len(m.Head) - size // the length field is before it
			if at < 0 {
				return protocol.Value{}, false
			}
			return protocol.Value{Type: protocol.Bytes, Text: m.Head[at:], Raw: m.Head[at:], Off: at}, true
		}, nil
	}
	i, ok := c.byName[path]
	if !ok {
		return nil, fmt.Errorf("there is no field %q%s", path, c.nearest(path))
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		if i >= len(m.Spans) || m.Spans[i].Off < 0 {
			return protocol.Value{}, false
		}
		return c.fields[i].value(m.Spans[i].In(m.Body), frame.Offset(m.Frame, m.Body)+int(m.Spans[i].Off), c.ebcdic), true
	}, nil
}

// Paths returns the names of all fields, in the order of their declaration.
func (c *Codec) Paths() []string {
	names := make([]string, len(c.fields))
	for i := range c.fields {
		names[i] = c.fields[i].name
	}
	return names
}

// nearest is a hint at the names that there are.
func (c *Codec) nearest(string) string {
	if len(c.fields) == 0 {
		return "; no field is declared"
	}
	names := ""
	for i := range c.fields {
		if i > 0 {
			names += ", "
		}
		names += c.fields[i].name
	}
	return "; there are " + names
}

var (
	errIDWidth = errors.New("generic: the id does not fit its field")
	errNoWrite = errors.New("generic: no other id can be written")
)

// AppendWithID appends the body of m, in which only the ID is another.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	start := len(dst)
	dst = append(dst, m.Body...)
	if len(id) == 0 || m.Kind == protocol.OneWay || m.Kind == protocol.Batch || bytes.Equal(id, m.ID) {
		return dst, nil
	}
	if c.traits.Tickets == 0 || c.id[0] >= len(m.Spans) {
		return dst[:start], errNoWrite
	}
	at := m.Spans[c.id[0]]
	if at.Off < 0 || int(at.Len) != len(id) {
		return dst[:start], errIDWidth
	}
	copy(dst[start+int(at.Off):], id)
	return dst, nil
}

// AppendTicket appends n in the width and type of the ID field.
func (c *Codec) AppendTicket(dst []byte, n uint64) protocol.ID {
	f := &c.fields[c.id[0]]
	start := len(dst)
	dst = append(dst, make([]byte, f.len)...)
	c.writeNumber(f, dst[start:], n)
	return dst
}

// writeNumber fills raw with n. What does not fit is cut.
func (c *Codec) writeNumber(f *field, raw []byte, n uint64) {
	for i := len(raw) - 1; i >= 0; i-- {
		switch {
		case f.kind == binary:
			raw[i] = byte(n)
			n >>= 8
		default:
			raw[i] = '0' + byte(n%10)
			if c.ebcdic {
				raw[i] = 0xF0 + byte(n%10)
			}
			n /= 10
		}
	}
}

// Ticket is the reverse of AppendTicket.
func (c *Codec) Ticket(id protocol.ID) (n uint64, ok bool) {
	if c.traits.Tickets == 0 {
		return 0, false
	}
	f := &c.fields[c.id[0]]
	if len(id) != f.len {
		return 0, false
	}
	n, ok = c.readNumber(f, id)
	return n, ok && n < c.traits.Tickets
}

func (c *Codec) readNumber(f *field, raw []byte) (n uint64, ok bool) {
	if f.kind == binary {
		return readBinary(raw), true
	}
	if len(raw) > 18 {
		for _, b := range raw[:len(raw)-18] {
			if plain(b, c.ebcdic) != '0' {
				return 0, false
			}
		}
		raw = raw[len(raw)-18:]
	}
	for _, b := range raw {
		b = plain(b, c.ebcdic)
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + uint64(b-'0')
	}
	return n, len(raw) > 0
}

// OpenFrame appends what comes before a body.
func (c *Codec) OpenFrame(dst, head []byte) []byte { return c.framing.Open(dst, head) }

// CloseFrame completes the frame that OpenFrame began when dst had length start.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) {
	return c.framing.Close(dst, start)
}

// AppendReply gives a keep-alive back, if the framing echoes it.
func (c *Codec) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	if m.Kind == protocol.Keepalive && m.Body == nil && c.echoes {
		return append(dst, m.Frame...), nil
	}
	return dst, nil
}
