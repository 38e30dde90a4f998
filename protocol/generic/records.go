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
	return n, nil
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
		end, next := c.records.size, c.records.size
		if end == 0 {
			if end = bytes.Index(rest, c.records.delimiter); end < 0 {
				end = len(rest)
			}
			next = min(end+len(c.records.delimiter), len(rest))
		}
		bodies = append(bodies, rest[:end])
		rest = rest[next:]
	}
	return bodies, nil
}

var (
	errNoRecords = errors.New("generic: no records are declared")
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
		dst = append(dst, ' ')
	}
	if r.count >= 0 {
		f := &c.fields[r.count]
		c.writeNumber(f, dst[start+f.at:start+f.at+f.len], uint64(len(bodies)))
	}
	for i, body := range bodies {
		if r.size > 0 && len(body) != r.size || len(r.delimiter) > 0 && bytes.Contains(body, r.delimiter) {
			return dst[:start], errRecord
		}
		if i > 0 {
			dst = append(dst, r.delimiter...)
		}
		dst = append(dst, body...)
	}
	return dst, nil
}
