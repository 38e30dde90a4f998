package generic

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// carryable is a framing whose frames say their length in front.
type carryable interface {
	Header() int
	Total(data []byte) (int64, error)
	CloseHead(dst []byte, start int, rest int64) ([]byte, error)
}

// SplitHead returns the framing's header and the fields at fixed places.
func (c *Codec) SplitHead(data []byte, inline int) (head []byte, rest int64, err error) {
	if c.head == 0 {
		return nil, 0, nil
	}
	f := c.framing.(carryable)
	total, err := f.Total(data)
	n := f.Header() + c.head
	if err != nil || total <= int64(max(inline, n)) {
		return nil, 0, err
	}
	rest = total - int64(n)
	if len(data) < n {
		return nil, rest, nil
	}
	return data[:n:n], rest, nil
}

// DecodeHead is Decode of which only the fields at fixed places are known.
func (c *Codec) DecodeHead(dir protocol.Direction, head []byte, rest int64, m *protocol.Message) error {
	body, reply := c.framing.Body(head)
	m.Reset()
	m.Dir, m.Frame, m.Body, m.Head, m.Rest = dir, head, body, reply, rest
	return c.decode(m, len(head)-len(body))
}

// AppendHead appends a head with the same fields but for the ID.
func (c *Codec) AppendHead(dst []byte, m *protocol.Message, id protocol.ID, head []byte) ([]byte, error) {
	f, ok := c.framing.(carryable)
	if !ok || f.Header() == 0 {
		return dst, errNoHead
	}
	start := len(dst)
	dst = c.framing.Open(dst, head)
	dst, err := c.AppendWithID(dst, m, id)
	if err != nil {
		return dst[:start], err
	}
	return f.CloseHead(dst, start, m.Rest)
}

// InHead reports whether path names a field at a fixed place, or something of the frame.
func (c *Codec) InHead(path string) bool {
	if i, ok := c.byName[path]; ok {
		return c.fields[i].fixed()
	}
	return path == "frame.length" || path == "frame.block"
}

var errNoHead = errors.New("generic: a frame of this framing cannot be carried")
