package protocoltest

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// use decodes all of stream, both ways, and does with each message what a gateway does.
// What is accepted must be usable.
func (c *checker) use(t *testing.T, name string, stream []byte) {
	t.Helper()
	getters := c.compile(t)
	for _, frame := range c.split(t, stream).frames {
		for _, dir := range []protocol.Direction{protocol.FromClient, protocol.FromBackend} {
			var m protocol.Message
			if err := c.codec.Decode(dir, frame, &m); err != nil {
				if _, ok := err.(*protocol.Malformed); !ok {
					t.Fatalf("%s: Decode: got %T, want a *protocol.Malformed: %v", name, err, err)
				}
				c.notice(t, name, &m, &protocol.Notice{Class: protocol.Fix, Reasons: err.(*protocol.Malformed).Reasons})
				continue
			}
			for _, get := range getters {
				get(&m)
			}
			switch m.Kind {
			case protocol.Batch:
				members, err := c.codec.(protocol.Batching).Members(&m, nil)
				if err != nil {
					t.Fatalf("%s: Members of what was accepted: %v", name, err)
				}
				for _, member := range members {
					c.useBody(t, name, dir, member, getters)
				}
			case protocol.Request, protocol.OneWay, protocol.Response:
				c.again(t, name, &m)
				c.useBody(t, name, dir, m.Body, getters)
			}
		}
	}
}

func (c *checker) useBody(t *testing.T, name string, dir protocol.Direction, body []byte, getters []protocol.Getter) {
	t.Helper()
	var m protocol.Message
	if err := c.codec.DecodeBody(dir, body, &m); err != nil {
		if _, ok := err.(*protocol.Malformed); !ok {
			t.Fatalf("%s: DecodeBody: got %T, want a *protocol.Malformed: %v", name, err, err)
		}
		return
	}
	for _, get := range getters {
		get(&m)
	}
	switch m.Kind {
	case protocol.Request, protocol.OneWay, protocol.Response:
		c.again(t, name, &m)
	}
}

// again encodes m and decodes that: it must say the same.
func (c *checker) again(t *testing.T, name string, m *protocol.Message) {
	t.Helper()
	body, err := c.codec.AppendWithID(nil, m, nil)
	if err != nil {
		t.Fatalf("%s: AppendWithID of what was accepted: %v", name, err)
	}
	var back protocol.Message
	if err := c.codec.DecodeBody(m.Dir, body, &back); err != nil {
		t.Fatalf("%s: encoded anew it is refused: %v", name, err)
	}
	if got, want := says(&back), says(m); got != want {
		t.Fatalf("%s: encoded anew: got %s, want %s", name, got, want)
	}
}

// damage proves that no vector cut short, and none with one bit or byte changed, does harm.
func (c *checker) damage(t *testing.T) {
	places := 500
	if raceEnabled { // it finds nothing here and is slow
		places = 20
	}
	for _, v := range append(c.valid(), c.Malformed...) {
		step := 1 + len(v.Data)/places
		data := bytes.Clone(v.Data)
		for i := 0; i < len(data); i += step {
			c.use(t, v.Name+" cut short", data[:i])
			for _, b := range []byte{data[i] ^ 1, data[i] ^ 0x80, 0, '\n', '"', 0xFF} {
				old := data[i]
				data[i] = b
				c.use(t, v.Name+" with one byte changed", data)
				data[i] = old
			}
		}
		m := c.decodeAny(v)
		body := bytes.Clone(m.Body)
		for i := 0; i < len(body); i += step {
			c.useBody(t, v.Name+", its body cut short", protocol.FromClient, body[:i:i], nil)
			c.useBody(t, v.Name+", its body cut short", protocol.FromBackend, body[:i:i], nil)
		}
	}
}

func (c *checker) decodeAny(v Vector) *protocol.Message {
	var r protocol.Resume
	m := new(protocol.Message)
	_, frame, _ := c.codec.Split(v.Data, true, &r)
	_ = c.codec.Decode(protocol.FromClient, frame, m) // the body is there in any case
	return m
}

// bounds proves that memory is bounded by what has arrived and not by what is declared.
func (c *checker) bounds(t *testing.T) {
	const factor, constant = 64, 64 << 10
	for _, v := range c.everything() {
		var r protocol.Resume
		var m protocol.Message
		run := func() {
			data := v.Data
			for len(data) > 0 {
				r = protocol.Resume{}
				advance, frame, err := c.codec.Split(data, false, &r)
				if err != nil || advance == 0 {
					return
				}
				if frame != nil {
					_ = c.codec.Decode(protocol.FromClient, frame, &m)
				}
				data = data[advance:]
			}
		}
		run()
		if got, limit := allocated(run), uint64(factor*len(v.Data)+constant); got > limit {
			t.Errorf("%s: %d bytes of input allocate %d bytes, want at most %d", v.Name, len(v.Data), got, limit)
		}
	}
}

// allocated is the number of bytes that run allocates.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// noAllocations proves that the way of a valid message costs no memory once there is
// room.
func (c *checker) noAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	check := func(vectors []Vector, dir protocol.Direction) {
		for _, v := range vectors {
			var m protocol.Message
			var r protocol.Resume
			dst := make([]byte, 0, 2*len(v.Data)+256)
			failed := false
			got := testing.AllocsPerRun(50, func() {
				r = protocol.Resume{}
				advance, frame, err := c.codec.Split(v.Data, false, &r)
				if frame == nil && err == nil { // white space before it
					_, frame, err = c.codec.Split(v.Data[advance:], false, &r)
				}
				if err != nil || c.codec.Decode(dir, frame, &m) != nil {
					failed = true
					return
				}
				dst = c.codec.OpenFrame(dst[:0], nil)
				if dst, err = c.codec.AppendWithID(dst, &m, nil); err != nil {
					failed = true
					return
				}
				if dst, err = c.codec.CloseFrame(dst, 0); err != nil {
					failed = true
				}
			})
			if failed {
				t.Errorf("%s: is not accepted", v.Name)
			}
			if got != 0 {
				t.Errorf("%s: Split, Decode and AppendWithID make %v allocations, want none", v.Name, got)
			}
		}
	}
	check(c.Requests, protocol.FromClient)
	check(c.OneWays, protocol.FromClient)
	check(c.Responses, protocol.FromBackend)
}

// concurrency proves, under the race detector, that one codec serves many.
func (c *checker) concurrency(t *testing.T) {
	for range 4 {
		t.Run("OneOfFour", func(t *testing.T) {
			t.Parallel()
			for _, v := range append(c.valid(), c.Malformed...) {
				c.use(t, v.Name, v.Data)
			}
		})
	}
}
