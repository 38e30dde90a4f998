// Package protocoltest holds what every codec must pass: that cutting a stream in other
// places changes nothing, that what is encoded can be decoded, that hostile input costs
// little and that no value of a message appears where it must not.
package protocoltest

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// Canary is a text for vectors to plant as a value of a request. The suite fails if it
// appears in a notice, unless the codec's Traits say Echo, or in an error.
const Canary = "CANARY7309"

// Vector is one piece of input with a name for failures.
type Vector struct {
	Name string
	Data []byte
}

// Suite is a codec and what it is tested with. Fields that are left empty are not tested.
type Suite struct {
	// New returns the codec, always of the same dialect.
	New func() protocol.Codec

	// Requests, OneWays and Batches are whole frames from a client.
	Requests, OneWays, Batches []Vector
	// Responses are whole frames from a backend.
	Responses []Vector
	// Malformed are whole frames from a client that Decode refuses. The stream stays in step.
	Malformed []Vector
	// OutOfStep are streams that Split refuses.
	OutOfStep []Vector
	// Hostile are streams that may do anything but panic and use much memory.
	Hostile []Vector
	// Paths are what Getter compiles, BadPaths what it refuses.
	Paths, BadPaths []string
	// Limits are those that the codec was made with.
	Limits protocol.Limits
}

// Frames puts each body into a frame of codec. The vectors are named name#0, name#1 ...
func Frames(tb testing.TB, codec protocol.Codec, name string, bodies ...string) []Vector {
	tb.Helper()
	var vectors []Vector
	for i, body := range bodies {
		vectors = append(vectors, Vector{fmt.Sprintf("%s#%d", name, i), inFrame(tb, codec, nil, []byte(body))})
	}
	return vectors
}

// Run runs every check of the suite as a subtest. It does not run in parallel, as it
// counts allocations.
func Run(t *testing.T, s Suite) {
	c := checker{s, s.New()}
	t.Run("Cuts", c.cuts)
	t.Run("Resume", c.resume)
	t.Run("Kinds", c.kinds)
	t.Run("Reuse", c.reuse)
	t.Run("RoundTrip", c.roundTrip)
	t.Run("Tickets", c.tickets)
	t.Run("Batches", c.batches)
	t.Run("Malformed", c.malformed)
	t.Run("OutOfStep", c.outOfStep)
	t.Run("Notices", c.notices)
	t.Run("Getters", c.getters)
	t.Run("Damage", c.damage)
	t.Run("Bounds", c.bounds)
	t.Run("NoAllocations", c.noAllocations)
	t.Run("Concurrency", c.concurrency)
}

// Fuzz fuzzes streams, from the vectors of s on: any cut gives the same frames, and what
// is accepted can be encoded and read again.
func Fuzz(f *testing.F, s Suite) {
	c := checker{s, s.New()}
	for _, v := range c.everything() {
		if len(v.Data) <= 4<<10 { // what is found behind a longer one takes a minute to be made smaller
			f.Add(v.Data, len(v.Data)/2)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		if cut < 0 || cut > len(stream) || len(stream) > 1<<16 {
			t.Skip()
		}
		want := c.split(t, stream)
		if got := c.split(t, stream[:cut], stream[cut:]); !got.equal(want) {
			t.Errorf("cut at %d: got %v, want %v", cut, got, want)
		}
		if got := c.split(t, bytewise(stream)...); !got.equal(want) {
			t.Errorf("one byte at a time: got %v, want %v", got, want)
		}
		c.use(t, "the stream", stream)
	})
}

type checker struct {
	Suite
	codec protocol.Codec
}

func (c *checker) fromClient() []Vector {
	var all []Vector
	all = append(all, c.Requests...)
	all = append(all, c.OneWays...)
	return append(all, c.Batches...)
}

func (c *checker) valid() []Vector { return append(c.fromClient(), c.Responses...) }

func (c *checker) everything() []Vector {
	all := append(c.valid(), c.Malformed...)
	all = append(all, c.OutOfStep...)
	return append(all, c.Hostile...)
}

// inFrame returns body in a frame that answers a request with this head.
func inFrame(tb testing.TB, codec protocol.Codec, head, body []byte) []byte {
	tb.Helper()
	const before = "before"
	dst := codec.OpenFrame([]byte(before), head)
	dst, err := codec.CloseFrame(append(dst, body...), len(before))
	if err != nil {
		tb.Fatalf("CloseFrame of %d bytes: %v", len(body), err)
	}
	if string(dst[:len(before)]) != before {
		tb.Fatalf("a frame of %d bytes changed what was before it in dst", len(body))
	}
	return dst[len(before):]
}

// whole returns the one frame in data, and fails if data is anything else.
func (c *checker) whole(tb testing.TB, name string, data []byte) []byte {
	tb.Helper()
	s := c.split(tb, data)
	if s.err != nil || len(s.frames) != 1 || s.taken != len(data) {
		tb.Fatalf("%s: want one whole frame of %d bytes, got %v", name, len(data), s)
	}
	return s.frames[0]
}

// decode decodes the one frame in data, which must be accepted.
func (c *checker) decode(tb testing.TB, name string, dir protocol.Direction, data []byte) *protocol.Message {
	tb.Helper()
	m := new(protocol.Message)
	if err := c.codec.Decode(dir, c.whole(tb, name, data), m); err != nil {
		tb.Fatalf("%s: Decode: %v", name, err)
	}
	return m
}

// encode returns m in a frame, under id.
func (c *checker) encode(tb testing.TB, name string, m *protocol.Message, id protocol.ID) []byte {
	tb.Helper()
	body, err := c.codec.AppendWithID(nil, m, id)
	if err != nil {
		tb.Fatalf("%s: AppendWithID: %v", name, err)
	}
	return inFrame(tb, c.codec, nil, body)
}
