package splitter

import "github.com/sallyport/sallyport/protocol"

// Bundle collects the bodies of requests that are to travel to a backend as one batch.
// The zero value is empty. It is not safe for concurrent use.
type Bundle struct {
	buf    []byte // the bodies, one after another
	ends   []int  // where each ends in buf
	bodies [][]byte
}

// Len returns the number of bodies.
func (b *Bundle) Len() int { return len(b.ends) }

// Size returns the bytes of all bodies.
func (b *Bundle) Size() int { return len(b.buf) }

// Add copies body to the end of the bundle.
func (b *Bundle) Add(body []byte) {
	b.buf = append(b.buf, body...)
	b.ends = append(b.ends, len(b.buf))
}

// AppendTo appends the body of the batch to dst and empties the bundle. A single body
// is appended as it is: a batch of one would only be a harder way to say the same.
func (b *Bundle) AppendTo(dst []byte, codec protocol.Batching) ([]byte, error) {
	b.bodies = b.bodies[:0]
	start := 0
	for _, end := range b.ends {
		b.bodies = append(b.bodies, b.buf[start:end])
		start = end
	}
	var err error
	switch len(b.bodies) {
	case 0:
	case 1:
		dst = append(dst, b.bodies[0]...)
	default:
		dst, err = codec.AppendBatch(dst, b.bodies)
	}
	clear(b.bodies)
	b.Reset()
	return dst, err
}

// Reset empties the bundle.
func (b *Bundle) Reset() { b.buf, b.ends = b.buf[:0], b.ends[:0] }
