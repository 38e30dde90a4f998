package resp

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// Traits tells that answers come in order, and that there is no wait notice: it would be taken for one.
func (c *Codec) Traits() protocol.Traits {
	t := protocol.Traits{Name: "resp", Modes: []protocol.Mode{protocol.FIFO, protocol.Exclusive}, Ordered: true}
	for class := range t.Says {
		t.Says[class] = protocol.Class(class) != protocol.Accepted
	}
	return t
}

// DecodeBody is Decode of bytes that may be anything.
func (c *Codec) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	var r protocol.Resume
	if n, frame, err := c.Split(body, true, &r); err != nil || n == 0 || n != len(body) || len(frame) != n {
		m.Reset()
		m.Dir, m.Frame, m.Body = dir, body, body
		return shape("one whole value")
	}
	return c.Decode(dir, body, m)
}

// Decode reads a frame from Split. There is nothing round a message: the frame is the body, but for an inline command,
// whose body is the array that it stands for.
func (c *Codec) Decode(dir protocol.Direction, body []byte, m *protocol.Message) error {
	memo := m.Memo
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Memo = dir, body, body, memo
	if dir == protocol.FromBackend {
		return c.answer(body, m)
	}
	err := c.request(body, m)
	m.Expect = expect(m)
	return err
}

// answer reads what a backend has sent, as far as it decides whose it is.
func (c *Codec) answer(body []byte, m *protocol.Message) error {
	m.Kind = protocol.Response
	kind := body[0]
	switch {
	case !typed(kind):
		return shape("a value")
	case kind == '-' || kind == '!':
		m.Failed = true
	case kind == '>':
		m.Kind = protocol.Push
	case kind == '*' || kind == '~' || kind == '%' || kind == '|':
		if !c.shallow(body) { // it is whole: nothing is wrong with what comes behind it
			m.Body, m.Failed = tooDeep, true
			return nil
		}
		if c.pushed(kind) && m.Memo&(memoSub|memoShard) != 0 && news(firstOf(body)) {
			m.Kind = protocol.Push
		}
	}
	return nil
}

// tooDeep takes the place of an answer that is nested deeper than it may be.
var tooDeep = []byte("-ERR the backend's answer has more levels than limits.depth allows\r\n")

// shallow reports whether the values in body, which is whole, are nested no deeper than they may be.
func (c *Codec) shallow(body []byte) bool {
	var levels [64]int
	open := levels[:0]
	for t := (tokens{data: body}); t.next(); {
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) > 0 && t.kind != '|' {
			open[len(open)-1]--
		}
		if t.n > 0 && t.aggregate() {
			if len(open) == c.limits.Depth {
				return false
			}
			open = append(open, t.n)
		}
	}
	return true
}

// tokens goes over the tokens of a frame that Split has found whole.
type tokens struct {
	data []byte
	kind byte
	line []byte // of the token, without its type
	text []byte // of a string or an error; nil for null
	n    int    // values in an aggregate
}

func (t *tokens) next() bool {
	if len(t.data) == 0 {
		return false
	}
	t.kind = t.data[0]
	end := bytes.IndexByte(t.data, '\n') + 1
	t.line, t.text, t.n = t.data[1:end-2], nil, 0
	t.data = t.data[end:]
	switch t.kind {
	case '$', '!', '=':
		if n, ok := count(t.line); ok {
			t.text, t.data = t.data[:n], t.data[n+2:]
		}
	case '*', '~', '>':
		t.n, _ = count(t.line)
	case '%', '|':
		t.n, _ = count(t.line)
		t.n *= 2
	default:
		t.text = t.line
	}
	return true
}

func (t *tokens) aggregate() bool {
	switch t.kind {
	case '*', '~', '>', '%', '|':
		return true
	}
	return false
}

// firstOf returns the first element of an array or push, if that is a string.
func firstOf(body []byte) []byte {
	t := tokens{data: body}
	if t.next() && t.n > 0 && t.next() {
		return t.text
	}
	return nil
}

// news reports whether word begins what a server sends of its own to who has subscribed.
func news(word []byte) bool {
	switch string(word) {
	case "message", "pmessage", "smessage":
		return true
	}
	return false
}

// AppendWithID appends the body of m. There is no id. The EXEC of a transaction of which a command was refused is a DISCARD.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, _ protocol.ID) ([]byte, error) {
	if m.Kind == protocol.Request && len(m.Head) > 0 && m.Head[0] == headAbort {
		return append(dst, "*1\r\n$7\r\nDISCARD\r\n"...), nil
	}
	return append(dst, m.Body...), nil
}
