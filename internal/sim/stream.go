// Package sim simulates both ends of a protocol: a Backend that can be slow, reorder,
// batch, answer late, twice or for nobody, and Clients that find out whether what they
// get back is theirs. Each run is repeatable from its seed.
package sim

import (
	"errors"
	"io"
	"reflect"

	"github.com/sallyport/sallyport/protocol"
)

// Stream reads whole messages from a byte stream. It is not safe for concurrent use.
type Stream struct {
	r      io.Reader
	codec  protocol.Codec
	dir    protocol.Direction
	resume protocol.Resume
	buf    []byte // read and not taken yet
	next   int    // where in buf the next frame begins
	off    int64  // of buf[next] in the stream
	eof    bool
	err    error // why nothing more can be read
}

// NewStream returns a Stream of what the sender named by dir wrote into r.
func NewStream(r io.Reader, codec protocol.Codec, dir protocol.Direction) *Stream {
	return &Stream{r: r, codec: codec, dir: dir}
}

// Next decodes the next frame into m, which is good until the next call, and returns
// where in the stream it begins. An error that is a *protocol.Malformed leaves the
// stream in step: m has what could be read, and Next may be called again. Any other
// is final: io.EOF after a whole frame, a *protocol.FrameError, or that of the reader.
func (s *Stream) Next(m *protocol.Message) (off int64, err error) {
	for s.err == nil {
		n, frame, err := s.codec.Split(s.buf[s.next:], s.eof, &s.resume)
		switch {
		case err != nil:
			s.err = err
		case n > 0:
			data := s.buf[s.next:]
			off = s.off + int64(distance(data, frame))
			s.next += n
			s.off += int64(n)
			s.resume = protocol.Resume{}
			if frame != nil {
				m.Reset()
				err := s.codec.Decode(s.dir, frame, m)
				if m.Frame == nil {
					m.Frame = frame
				}
				return off, err
			}
		case s.eof:
			s.err = io.EOF
		default:
			s.fill()
		}
	}
	return s.off, s.err
}

// distance returns where in data part begins, which aliases it.
func distance(data, part []byte) int {
	if len(part) == 0 {
		return 0
	}
	return int(reflect.ValueOf(part).Pointer() - reflect.ValueOf(data).Pointer())
}

// fill reads once. What is in buf from next on keeps its place only until then.
func (s *Stream) fill() {
	if s.next > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.next:])]
		s.next = 0
	}
	if cap(s.buf)-len(s.buf) < 4<<10 {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)+16<<10), s.buf...)
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		s.eof = true
	} else if err != nil {
		s.err = err
	}
}

// Each calls f for every message in m: for m itself, or for each member if it is a
// batch. A member that is not to be used comes with its error.
func Each(codec protocol.Codec, m *protocol.Message, f func(m *protocol.Message, err error)) error {
	batching, ok := codec.(protocol.Batching)
	if m.Kind != protocol.Batch || !ok {
		f(m, nil)
		return nil
	}
	bodies, err := batching.Members(m, nil)
	if err != nil {
		return err
	}
	var member protocol.Message
	for _, body := range bodies {
		member.Reset()
		f(&member, codec.DecodeBody(m.Dir, body, &member))
	}
	return nil
}

// appendFrame appends body as a frame that answers a request with head.
func appendFrame(dst []byte, codec protocol.Codec, head, body []byte) ([]byte, error) {
	start := len(dst)
	dst = codec.OpenFrame(dst, head)
	dst = append(dst, body...)
	return codec.CloseFrame(dst, start)
}
