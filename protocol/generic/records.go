package generic

import (
	"bytes"
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// records is a Records that was checked.
type records struct {
	when      match
	skip      int
	header    []byte
	size      int
	delimiter []byte
	count     int // field, -1: none
}

// check returns the number of records in m. A body that does not hold whole records, or
// another number than it says, is a *protocol.Malformed.
func (r *records) check(c *Codec, m *protocol.Message) (int, error) {
	bad := func(cause protocol.Cause, rule, want, got string) error {
		return &protocol.Malformed{Cause: cause, Reasons: []protocol.Reason{{Path: "body", Off: -1, Rule: rule, Want: want, Got: got}}}
	}
	if len(m.Body) <= r.skip {
		return 0, bad(protocol.BadShape, "generic.records", "at least one record", "none")
	}
	rest := m.Body[r.skip:]
	n := 0
	if r.size > 0 {
		if len(rest)%r.size != 0 {
			return 0, bad(protocol.BadShape, "generic.records", "whole records", "a part of one at the end")
		}
		n = len(rest) / r.size
	} else {
		n = bytes.Count(rest, r.delimiter) + 1
	}
	if n > c.limits.Items {
		return 0, bad(protocol.TooLarge, "limits.items", "fewer records", "more")
	}
	if r.count >= 0 {
		f := &c.fields[r.count]
		if said, ok := c.readNumber(f, f.find(m.Body).In(m.Body)); !ok || said != uint64(n) {
			return 0, bad(protocol.BadShape, "generic.count", "the number of records", "another number")
		}
	}
	// The owner of a member is one, and rules look at one message.
	for rest := m.Body[r.skip:]; rest != nil; {
		var body []byte
		body, rest = r.next(rest)
		if c.has(body, c.fields[r.when.field].find(body), r.when) {
			return 0, bad(protocol.BadShape, "generic.records", "messages", "records in a record")
		}
	}
	return n, nil
}

// next returns the first record of rest, and what is behind it, nil if there is no other.
func (r *records) next(rest []byte) (body, behind []byte) {
	if r.size > 0 {
		if len(rest) == r.size {
			return rest, nil
		}
		return rest[:r.size], rest[r.size:]
	}
	i := bytes.Index(rest, r.delimiter)
	if i < 0 {
		return rest, nil
	}
	return rest[:i], rest[i+len(r.delimiter):]
}

// Members returns the records of m.
func (c *Codec) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	if c.records == nil {
		return bodies, errNoRecords
	}
	n, err := c.records.check(c, m)
	if err != nil {
		return bodies, err
	}
	rest := m.Body[c.records.skip:]
	for range n {
		var body []byte
		body, rest = c.records.next(rest)
		bodies = append(bodies, body)
	}
	return bodies, nil
}

var (
	errNoRecords = errors.New("generic: no records are declared")
	errCount     = errors.New("generic: the number of records does not fit its field")
	errRecord    = errors.New("generic: a body is no record: its size is another, or it holds the delimiter")
)

// AppendBatch appends a body that holds the bodies as records, behind the declared header.
func (c *Codec) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	r := c.records
	if r == nil {
		return dst, errNoRecords
	}
	start := len(dst)
	dst = append(dst, r.header...)
	for len(dst) < start+r.skip {
		dst = append(dst, c.space()...)
	}
	if r.count >= 0 {
		f := &c.fields[r.count]
		place := dst[start+f.at : start+f.at+f.len]
		c.writeNumber(f, place, uint64(len(bodies)))
		if n, ok := c.readNumber(f, place); !ok || n != uint64(len(bodies)) {
			return dst[:start], errCount
		}
	}
	for i, body := range bodies {
		if r.size > 0 && len(body) != r.size {
			return dst[:start], errRecord
		}
		if i > 0 {
			dst = append(dst, r.delimiter...)
		}
		from := len(dst)
		dst = append(dst, body...)
		// The delimiter may also begin in the body and end in the one behind it.
		if r.size == 0 && bytes.Index(append(dst[from:], r.delimiter...), r.delimiter) != len(body) {
			return dst[:start], errRecord
		}
	}
	return dst, nil
}
