package jsonrpc

import (
	"bytes"
	"slices"

	"github.com/sallyport/sallyport/protocol"
)

// The parts of the envelope, and their places in Message.Spans. The members of a batch
// come after them.
const (
	partVersion = iota
	partID
	partMethod
	partParams
	partResult
	partError
	numParts
)

var partNames = [numParts]string{"jsonrpc", "id", "method", "params", "result", "error"}
var partPaths = [numParts]string{"/jsonrpc", "/id", "/method", "/params", "/result", "/error"}

var absent = protocol.Span{Off: -1}

// Decode reads frame into m in one pass over its text. A batch is checked as a text only;
// its members are for Members and DecodeBody. If the text cannot be read at all, or is
// no valid request, m is Unknown unless an id could be read, and may be answered with id
// null. The slices of m alias frame, its Name perhaps m.Scratch.
func (c *Codec) Decode(dir protocol.Direction, frame []byte, m *protocol.Message) error {
	body, head := c.framing.Body(frame)
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Head = dir, frame, body, head
	if body == nil {
		m.Kind = protocol.Keepalive
		return nil
	}
	return c.decode(m, true)
}

// DecodeBody reads one member of a batch. A batch in a batch is refused, as section 6
// allows only requests there.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	m.Reset()
	m.Dir, m.Frame, m.Body = dir, body, body
	return c.decode(m, false)
}

func (c *Codec) decode(m *protocol.Message, batch bool) error {
	for range numParts {
		m.Spans = append(m.Spans, absent)
	}
	s := c.scanners.Get().(*scanner)
	defer c.scanners.Put(s)
	defer s.end()
	s.start(m.Body, bodyOffset(m), c.limits.Depth, c.seed)

	i := s.space(0)
	switch {
	case i < len(s.text) && s.text[i] == '{':
		c.envelope(s, m, i)
	case i < len(s.text) && s.text[i] == '[' && batch:
		c.batch(s, m, i)
	default:
		// No message, but whether it is JSON decides which of two errors it is.
		s.strict = false
		if i = s.value(i, 0); i >= 0 {
			s.last(i)
			s.note(protocol.BadShape, "", "jsonrpc.object", s.space(0), "an object", s.kindAt(s.space(0)))
		}
	}
	if len(s.reasons) == 0 {
		return nil
	}
	m.Spans = m.Spans[:0] // so that it cannot be encoded
	if s.broken {         // nothing that was read before it can be relied upon
		m.Kind, m.ID, m.Name, m.Failed = protocol.Unknown, nil, nil, false
	}
	return &protocol.Malformed{Cause: s.cause, Reasons: slices.Clone(s.reasons)}
}

// bodyOffset is where m.Body begins in m.Frame.
func bodyOffset(m *protocol.Message) int {
	if len(m.Body) == 0 {
		return len(m.Frame)
	}
	// Both end where their array does, unless a framing has cut their capacity.
	if off := cap(m.Frame) - cap(m.Body); off >= 0 && off < len(m.Frame) && &m.Frame[off] == &m.Body[0] {
		return off
	}
	return max(0, bytes.Index(m.Frame, m.Body))
}

// envelope reads the object at i and judges it.
func (c *Codec) envelope(s *scanner, m *protocol.Message, i int) {
	first := len(s.keys)
	twice := false // the id
	soundID := true
	deep := 0 // faults within values

	if i = s.space(i + 1); i < len(s.text) && s.text[i] == '}' {
		s.last(i + 1)
		c.judge(s, m, false, 0)
		return
	}
	for more := true; more; {
		name := i
		if i = s.name(i); i < 0 {
			return
		}
		part := c.part(s, m, name+1, i-1)
		if part < 0 {
			s.keep(name+1, i-1)
		}
		if i = s.colon(i); i < 0 {
			return
		}
		from, before := i, len(s.reasons)
		if part >= 0 {
			s.path = partPaths[part]
		}
		if i = s.value(i, 1); i < 0 {
			return
		}
		s.path = ""
		if part >= 0 && m.Spans[part].Off >= 0 {
			twice = twice || part == partID
			s.note(protocol.BadShape, partPaths[part], "json.duplicate", name, "each name once", "a name twice")
		} else if part >= 0 {
			m.Spans[part] = protocol.Span{Off: int32(from), Len: int32(i - from)}
			if part == partID {
				soundID = len(s.reasons) == before
			} else {
				deep += len(s.reasons) - before
			}
		} else {
			deep += len(s.reasons) - before
		}
		if i, more = s.next(i, '}'); i < 0 {
			return
		}
	}
	s.distinct(first)
	if s.last(i); s.broken {
		return
	}
	c.judge(s, m, soundID && !twice, deep)
}

// part tells which part of the envelope the name in text[from:to] means, -1 for none. A
// name that others may take for one is noted.
func (c *Codec) part(s *scanner, m *protocol.Message, from, to int) int {
	name := s.text[from:to]
	if s.escaped {
		s.a = unescape(s.a[:0], name)
		name = s.a
	}
	for part, known := range partNames {
		if string(name) == known {
			return part
		}
	}
	for part, known := range partNames {
		if len(name) <= 4*len(known) && bytes.EqualFold(name, []byte(known)) {
			s.note(protocol.BadShape, partPaths[part], "json.case", from-1, "the name in lower case", "a variant of it")
			return -1
		}
	}
	if m.Dir == protocol.FromClient && !c.opts.DropMembers {
		s.note(protocol.BadShape, "", "jsonrpc.member", from-1, "no other member than the specification names", "another")
	}
	return -1
}

// judge decides what the envelope that was read is. Deep of the faults noted so far are
// within values and leave the kind as it is.
func (c *Codec) judge(s *scanner, m *protocol.Message, soundID bool, deep int) {
	at := func(part int) []byte { return m.Spans[part].In(m.Body) }
	wrong := func(part int, rule, want string) {
		off, got := -1, "nothing"
		if span := m.Spans[part]; span.Off >= 0 {
			off, got = int(span.Off), typeOf(m.Body[span.Off]).String()
		}
		s.note(protocol.BadShape, partPaths[part], rule, off, want, got)
	}

	version := at(partVersion)
	if version == nil || version[0] != '"' || !says(version[1:len(version)-1], "2.0") {
		wrong(partVersion, "jsonrpc.version", `the text "2.0"`)
	}
	id := at(partID)
	if id != nil {
		switch typeOf(id[0]) {
		case protocol.String, protocol.Number, protocol.Null:
			if len(id) > c.opts.MaxID {
				s.note(protocol.TooLarge, partPaths[partID], "limits.id", int(m.Spans[partID].Off), "a shorter id", "a longer one")
			} else if soundID {
				m.ID = protocol.ID(id)
			}
		default:
			wrong(partID, "jsonrpc.id", "text, a number or null")
		}
	}

	kind := protocol.Unknown
	switch method, result, failure := at(partMethod), at(partResult), at(partError); {
	case method != nil:
		kind = protocol.OneWay
		if id != nil {
			kind = protocol.Request
		}
		if method[0] != '"' {
			wrong(partMethod, "jsonrpc.method", "text")
		} else {
			c.setName(m, method[1:len(method)-1])
		}
		if params := at(partParams); params != nil && params[0] != '{' && params[0] != '[' {
			wrong(partParams, "jsonrpc.params", "an object or a list")
		}
		for _, part := range [...]int{partResult, partError} {
			if at(part) != nil {
				wrong(part, "jsonrpc.request", "no such member beside a method")
			}
		}
	case result == nil && failure == nil:
		wrong(partMethod, "jsonrpc.method", "text")
	case m.Dir == protocol.FromClient:
		m.ID = nil // it is an id of the other direction, and must not be taken for one of this
		wrong(partMethod, "jsonrpc.direction", "a request")
	default:
		kind = protocol.Response
		m.Failed = failure != nil
		if id == nil {
			wrong(partID, "jsonrpc.id", "text, a number or null")
		}
		if result != nil && failure != nil {
			wrong(partError, "jsonrpc.response", "either a result or an error")
		} else if failure != nil {
			c.judgeError(s, m, wrong)
		}
		if at(partParams) != nil {
			wrong(partParams, "jsonrpc.response", "no such member in a response")
		}
	}

	if len(s.reasons) > deep && kind != protocol.Response {
		// Not a valid request, so not a notification either: it is answered, with its id if
		// there is one.
		kind = protocol.Unknown
		if len(m.ID) > 0 {
			kind = protocol.Request
		}
	}
	m.Kind = kind
	if len(s.reasons) == 0 && m.Name != nil && bytes.HasPrefix(m.Name, []byte("rpc.")) && !c.opts.AllowReserved {
		s.note(protocol.BadName, partPaths[partMethod], "jsonrpc.reserved", int(m.Spans[partMethod].Off),
			"a method that is not reserved", "a reserved one")
	}
}

func (c *Codec) setName(m *protocol.Message, raw []byte) {
	m.Name = raw
	if bytes.IndexByte(raw, '\\') >= 0 {
		m.Scratch = unescape(m.Scratch[:0], raw)
		m.Name = m.Scratch
	}
}

// judgeError checks section 5.1: an integer code and a message.
func (c *Codec) judgeError(s *scanner, m *protocol.Message, wrong func(part int, rule, want string)) {
	span := m.Spans[partError]
	failure := span.In(m.Body)
	if failure[0] != '{' {
		wrong(partError, "jsonrpc.error", "an object")
		return
	}
	if from, to, ok := member(failure, "code"); !ok || !isInteger(failure[from:to]) {
		s.note(protocol.BadShape, "/error/code", "jsonrpc.error", int(span.Off), "an integer", "another or nothing")
	}
	if from, _, ok := member(failure, "message"); !ok || failure[from] != '"' {
		s.note(protocol.BadShape, "/error/message", "jsonrpc.error", int(span.Off), "text", "another or nothing")
	}
}

func isInteger(number []byte) bool {
	if len(number) > 0 && number[0] == '-' {
		number = number[1:]
	}
	return len(number) > 0 && digits(number, 0) == len(number)
}

// batch finds the members of the array at i. What each is worth is judged by DecodeBody.
func (c *Codec) batch(s *scanner, m *protocol.Message, i int) {
	s.strict = false
	s.max++ // the array itself does not count
	start := i
	if i = s.space(i + 1); i < len(s.text) && s.text[i] == ']' {
		if s.last(i + 1); !s.broken {
			s.note(protocol.BadShape, "", "jsonrpc.batch", start, "a batch of at least one", "an empty list")
		}
		return
	}
	for more := true; more; {
		if len(m.Spans)-numParts == c.limits.Items {
			s.stop(protocol.TooLarge, "limits.items", i, "fewer members in a batch", "more")
			return
		}
		from := i
		if i = s.value(i, 1); i < 0 {
			return
		}
		m.Spans = append(m.Spans, protocol.Span{Off: int32(from), Len: int32(i - from)})
		if i, more = s.next(i, ']'); i < 0 {
			return
		}
	}
	if s.last(i); s.broken {
		return
	}
	if c.opts.NoBatch {
		m.Spans = m.Spans[:numParts]
		s.note(protocol.BadShape, "", "jsonrpc.batch", start, "an object", "a list")
		return
	}
	m.Kind = protocol.Batch
}
