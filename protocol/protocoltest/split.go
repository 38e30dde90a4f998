package protocoltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// outcome is all that Split said about a stream.
type outcome struct {
	frames [][]byte
	ends   []int // of the frames, in bytes from the beginning of the stream
	taken  int
	err    *protocol.FrameError
}

func (o outcome) equal(p outcome) bool {
	if o.taken != p.taken || len(o.frames) != len(p.frames) || (o.err == nil) != (p.err == nil) {
		return false
	}
	for i := range o.frames {
		if o.ends[i] != p.ends[i] || !bytes.Equal(o.frames[i], p.frames[i]) {
			return false
		}
	}
	return o.err == nil || o.err.Cause == p.err.Cause && o.err.Reason.Rule == p.err.Reason.Rule && o.err.Foreign == p.err.Foreign
}

func (o outcome) String() string {
	return fmt.Sprintf("%d frames that end at %v, %d bytes taken, error %v", len(o.frames), o.ends, o.taken, o.err)
}

// split feeds the chunks to Split as a connection would, then the end of the stream.
func (c *checker) split(tb testing.TB, chunks ...[]byte) outcome {
	tb.Helper()
	var o outcome
	var r protocol.Resume
	var data []byte
	for n := range len(chunks) + 1 {
		atEOF := n == len(chunks)
		if !atEOF {
			data = append(data, chunks[n]...)
		}
		for {
			// Exactly as long as it is, so that a look beyond its end is found.
			advance, frame, err := c.codec.Split(data[:len(data):len(data)], atEOF, &r)
			if err != nil {
				if !errors.As(err, &o.err) {
					tb.Fatalf("Split: got %T, want a *protocol.FrameError: %v", err, err)
				}
				return o
			}
			if advance < 0 || advance > len(data) || advance == 0 && frame != nil || len(frame) > advance {
				tb.Fatalf("Split of %d bytes: advance %d with a frame of %d bytes", len(data), advance, len(frame))
			}
			if advance == 0 {
				break
			}
			r = protocol.Resume{} // as every caller does
			o.taken += advance
			if frame != nil {
				if !bytes.Contains(data[:advance], frame) {
					tb.Fatalf("Split: the frame is not within the %d bytes that are done with", advance)
				}
				if limit := c.Limits.WithDefaults().Frame; len(frame) > limit {
					tb.Fatalf("Split: a frame of %d bytes, the limit is %d", len(frame), limit)
				}
				o.frames = append(o.frames, bytes.Clone(frame))
				o.ends = append(o.ends, o.taken)
			}
			data = data[advance:]
		}
		if atEOF && len(data) > 0 {
			tb.Fatalf("Split at the end of the stream: %d bytes are left without an error", len(data))
		}
	}
	return o
}

func bytewise(stream []byte) [][]byte {
	chunks := make([][]byte, len(stream))
	for i := range stream {
		chunks[i] = stream[i : i+1]
	}
	return chunks
}

// cuts proves that the same bytes give the same frames, the same errors and the same
// decisions, however they arrive.
func (c *checker) cuts(t *testing.T) {
	stream := Vector{Name: "all in one write"}
	for _, v := range append(c.valid(), c.Malformed...) {
		c.whole(t, v.Name, v.Data)
		stream.Data = append(stream.Data, v.Data...)
	}
	if got, want := len(c.split(t, stream.Data).frames), len(c.valid())+len(c.Malformed); got != want {
		t.Fatalf("all in one write: got %d frames, want %d", got, want)
	}
	places := 2000
	if raceEnabled {
		places = 50
	}
	for _, v := range append(c.everything(), stream) {
		want := c.split(t, v.Data)
		if got := c.split(t, bytewise(head(v.Data, 1<<16))...); len(v.Data) <= 1<<16 && !got.equal(want) {
			t.Errorf("%s, one byte at a time: got %v, want %v", v.Name, got, want)
		}
		for cut := 0; cut <= len(v.Data); cut += 1 + len(v.Data)/places {
			if got := c.split(t, v.Data[:cut], v.Data[cut:]); !got.equal(want) {
				t.Errorf("%s, cut at %d: got %v, want %v", v.Name, cut, got, want)
			}
		}
	}
}

// resume proves that a frame that arrives byte by byte is not looked at from its start
// each time. What came after a first block, which may hold headers, is overwritten with
// copies of the frame's end once Split has seen it: who looks there again finds the ends
// of frames. Only a vector that is longer than the block tells anything.
func (c *checker) resume(t *testing.T) {
	const block, tail = 8 << 10, 8
	for _, v := range c.valid() {
		var r protocol.Resume
		data := bytes.Clone(v.Data)
		end := v.Data[max(0, len(v.Data)-tail):]
		done := 0
		for n := 1; n <= len(data); n++ {
			advance, frame, err := c.codec.Split(data[:n:n], false, &r)
			if err != nil {
				t.Fatalf("%s: Split of %d bytes that it had seen but for the last: %v", v.Name, n, err)
			}
			if r.Off < 0 || r.Off > n {
				t.Fatalf("%s: Split of %d bytes left a Resume of %+v", v.Name, n, r)
			}
			if advance > 0 && frame == nil { // white space before a frame, or after it
				data, n, r = data[advance:], 0, protocol.Resume{}
				continue
			}
			if done = advance; done > 0 {
				data = data[done:]
				break
			}
			if last := n - tail - 1; last >= block && last < len(data)-tail {
				data[last] = end[last%len(end)]
			}
		}
		if rest := c.split(t, data); done == 0 || rest.err != nil || len(rest.frames) > 0 {
			t.Errorf("%s: one byte at a time, it looks again at what it had seen: the frame has %d bytes, of %d", v.Name, done, len(v.Data))
		}
	}
}

// outOfStep proves that streams without a next frame end in a FrameError that tells no
// value.
func (c *checker) outOfStep(t *testing.T) {
	for _, v := range c.OutOfStep {
		o := c.split(t, v.Data)
		if o.err == nil {
			t.Errorf("%s: got %v, want a FrameError", v.Name, o)
			continue
		}
		if o.err.Cause == protocol.NoCause {
			t.Errorf("%s: the FrameError has no cause", v.Name)
		}
		if strings.Contains(o.err.Error(), Canary) {
			t.Errorf("%s: the FrameError tells a value", v.Name)
		}
	}
}

func head(data []byte, n int) []byte { return data[:min(n, len(data))] }
