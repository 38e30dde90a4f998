package jsonrpc

import (
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

var (
	errKind  = errors.New("jsonrpc: only a request, a notification or a response can be encoded")
	errBatch = errors.New("jsonrpc: this is not a batch that was decoded")
)

// AppendWithID appends the envelope of m anew, on one line, with its params, result or
// error as they were checked. A notification has no id and gets none. M may come from a
// Codec of another framing. It fails for what Decode did not accept, and for a batch.
func (c *Codec) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	if len(m.Spans) < numParts {
		return dst, errKind
	}
	if len(id) == 0 {
		id = m.ID
	}
	start := len(dst)
	dst = append(dst, `{"jsonrpc":"2.0"`...)
	switch m.Kind {
	case protocol.Request, protocol.OneWay:
		dst = appendPart(dst, m, partMethod)
		dst = appendPart(dst, m, partParams)
		if m.Kind == protocol.OneWay {
			return append(dst, '}'), nil
		}
	case protocol.Response:
		dst = appendPart(dst, m, partResult)
		dst = appendPart(dst, m, partError)
	default:
		return dst[:start], errKind
	}
	dst = append(dst, `,"id":`...)
	dst = append(dst, id...)
	return append(dst, '}'), nil
}

func appendPart(dst []byte, m *protocol.Message, part int) []byte {
	span := m.Spans[part]
	if span.Off < 0 {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, partNames[part]...)
	dst = append(dst, '"', ':')
	return appendLine(dst, span.In(m.Body))
}

// AppendTicket appends n in decimal.
func (c *Codec) AppendTicket(dst []byte, n uint64) protocol.ID {
	return strconv.AppendUint(dst, n, 10)
}

// Ticket reads what AppendTicket writes. 01, 1.0, 1e0, "1" and -0 are none.
func (c *Codec) Ticket(id protocol.ID) (n uint64, ok bool) {
	if len(id) == 0 || len(id) > 16 || id[0] == '0' && len(id) > 1 {
		return 0, false
	}
	for _, digit := range id {
		if !isDigit(digit) {
			return 0, false
		}
		n = n*10 + uint64(digit-'0')
	}
	return n, n < tickets
}

// Members appends the members of the batch m in order. They alias m.
func (c *Codec) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	if m.Kind != protocol.Batch || len(m.Spans) <= numParts {
		return bodies, errBatch
	}
	for _, span := range m.Spans[numParts:] {
		bodies = append(bodies, span.In(m.Body))
	}
	return bodies, nil
}

// AppendBatch appends a list of bodies. They come from AppendWithID or AppendNotice. It
// fails if there are none, since an empty list is no batch.
func (c *Codec) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	if len(bodies) == 0 {
		return dst, errors.New("jsonrpc: a batch has at least one member")
	}
	for i, body := range bodies {
		if i == 0 {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, ']'), nil
}
