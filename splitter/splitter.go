// Package splitter takes apart what travels together and puts it together again: one
// response with many results, one batch with many requests, and the answers to a
// client's own batch.
package splitter

import (
	"sync"

	"github.com/sallyport/sallyport/protocol"
)

// Part is one piece of a batch, decoded: a result for one client, or one request. It
// aliases the batch that it was cut from.
type Part struct {
	protocol.Message
	// Err is nil, or says why this piece alone is not to be used; Message then has what
	// could be read of it.
	Err error
}

// Splitter cuts a message of Kind Batch into its pieces. It is safe for concurrent use.
type Splitter interface {
	// Split cuts m. It writes into parts from its beginning, so that a caller who hands
	// in what he got the last time pays for no memory, and returns the pieces in order.
	// They are complete: an error means that m as a whole is not to be used.
	Split(m *protocol.Message, parts []Part) ([]Part, error)
}

// New returns the Splitter of a codec whose protocol has batches, and nil for any other.
func New(codec protocol.Codec) Splitter {
	b, ok := codec.(protocol.Batching)
	if !ok || !codec.Traits().Batches {
		return nil
	}
	return &members{codec: codec, batching: b}
}

// members cuts by the codec's own knowledge of its batches.
type members struct {
	codec    protocol.Codec
	batching protocol.Batching
	bodies   sync.Pool // of *[][]byte
}

func (s *members) Split(m *protocol.Message, parts []Part) ([]Part, error) {
	list, _ := s.bodies.Get().(*[][]byte)
	if list == nil {
		list = new([][]byte)
	}
	bodies, err := s.batching.Members(m, (*list)[:0])
	defer func() {
		clear(bodies)
		*list = bodies
		s.bodies.Put(list)
	}()
	if err != nil {
		return parts[:0], err
	}
	parts = grow(parts, len(bodies))
	for i, body := range bodies {
		parts[i].Reset()
		parts[i].Err = s.codec.DecodeBody(m.Dir, body, &parts[i].Message)
	}
	return parts, nil
}

// grow returns parts with length n; what was in it keeps its memory.
func grow(parts []Part, n int) []Part {
	if n <= cap(parts) {
		return parts[:n]
	}
	return append(parts[:cap(parts)], make([]Part, n-cap(parts))...)
}
