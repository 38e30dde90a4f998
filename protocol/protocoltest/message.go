package protocoltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// kinds proves that each vector is what the suite says it is, with and without framing.
func (c *checker) kinds(t *testing.T) {
	check := func(vectors []Vector, dir protocol.Direction, want protocol.Kind) {
		for _, v := range vectors {
			m := c.decode(t, v.Name, dir, v.Data)
			if m.Kind != want || m.Dir != dir {
				t.Errorf("%s: got a %v from the %v, want a %v from the %v", v.Name, m.Kind, m.Dir, want, dir)
			}
			if want == protocol.Batch {
				continue
			}
			var inner protocol.Message
			if err := c.codec.DecodeBody(dir, m.Body, &inner); err != nil {
				t.Errorf("%s: DecodeBody: %v", v.Name, err)
			} else if got, want := says(&inner), says(m); got != want {
				t.Errorf("%s: DecodeBody: got %s, want %s", v.Name, got, want)
			}
		}
	}
	check(c.Requests, protocol.FromClient, protocol.Request)
	check(c.OneWays, protocol.FromClient, protocol.OneWay)
	check(c.Batches, protocol.FromClient, protocol.Batch)
	check(c.Responses, protocol.FromBackend, protocol.Response)
}

// says is what a message tells, apart from its framing.
func says(m *protocol.Message) string {
	return fmt.Sprintf("%v id %q name %q more %v failed %v", m.Kind, m.ID, m.Name, m.More, m.Failed)
}

// reuse proves that nothing of one message is left in the next, valid or not.
func (c *checker) reuse(t *testing.T) {
	type case_ struct {
		Vector
		dir protocol.Direction
	}
	var all []case_
	for _, v := range append(c.fromClient(), c.Malformed...) {
		all = append(all, case_{v, protocol.FromClient})
	}
	for _, v := range c.Responses {
		all = append(all, case_{v, protocol.FromBackend})
	}
	getters := c.compile(t)
	told := func(v case_, m *protocol.Message) string {
		m.Memo = 0 // whose it is the caller says
		err := c.codec.Decode(v.dir, c.whole(t, v.Name, v.Data), m)
		text := fmt.Sprintf("%s, body %q, head %q, error %v", says(m), m.Body, m.Head, err)
		for i, get := range getters {
			value, ok := get(m)
			text += fmt.Sprintf(", %s %v %q %v", c.Paths[i], value.Type, value.Raw, ok)
		}
		return text
	}
	for _, second := range all {
		want := told(second, new(protocol.Message))
		for _, first := range all {
			m := new(protocol.Message)
			told(first, m)
			if got := told(second, m); got != want {
				t.Errorf("%s after %s: got %s, want %s", second.Name, first.Name, got, want)
			}
		}
	}
}

// roundTrip proves that what is encoded decodes to the same message, and that encoding
// that changes nothing more.
func (c *checker) roundTrip(t *testing.T) {
	check := func(vectors []Vector, dir protocol.Direction) {
		for _, v := range vectors {
			m := c.decode(t, v.Name, dir, v.Data)
			before := says(m)
			once := c.encode(t, v.Name, m, nil)
			if after := says(m); after != before {
				t.Errorf("%s: AppendWithID changed the message from %s to %s", v.Name, before, after)
			}
			again := c.decode(t, v.Name+" encoded anew", dir, once)
			if got := says(again); got != before {
				t.Errorf("%s encoded anew: got %s, want %s", v.Name, got, before)
			}
			if twice := c.encode(t, v.Name, again, nil); !bytes.Equal(twice, once) {
				t.Errorf("%s encoded twice: got %q, want %q", v.Name, twice, once)
			}
		}
	}
	check(c.Requests, protocol.FromClient)
	check(c.OneWays, protocol.FromClient)
	check(c.Responses, protocol.FromBackend)
}

// tickets proves that a ticket goes through a message and back, and that the client's id
// comes back byte for byte.
func (c *checker) tickets(t *testing.T) {
	max := c.codec.Traits().Tickets
	rewriter, ok := c.codec.(protocol.Rewriter)
	if !ok || max == 0 {
		t.Skip("the codec writes no tickets")
	}
	for _, n := range []uint64{0, 1, 9, 10, max / 2, max - 1} {
		id := rewriter.AppendTicket([]byte("x"), n)[1:]
		if got, ok := rewriter.Ticket(id); !ok || got != n {
			t.Errorf("Ticket(AppendTicket(%d)): got %d, %v", n, got, ok)
		}
		check := func(vectors []Vector, dir protocol.Direction) {
			for _, v := range vectors {
				m := c.decode(t, v.Name, dir, v.Data)
				out := c.decode(t, v.Name+" with a ticket", dir, c.encode(t, v.Name, m, id))
				if got, ok := rewriter.Ticket(out.ID); !ok || got != n {
					t.Errorf("%s with ticket %d: got id %q, ticket %d, %v", v.Name, n, out.ID, got, ok)
				}
				if len(m.ID) == 0 {
					continue
				}
				back := c.decode(t, v.Name+" with its id again", dir, c.encode(t, v.Name, out, m.ID))
				if got, want := says(back), says(m); got != want {
					t.Errorf("%s after ticket %d: got %s, want %s", v.Name, n, got, want)
				}
			}
		}
		check(c.Requests, protocol.FromClient)
		check(c.Responses, protocol.FromBackend)
	}
	if n, ok := rewriter.Ticket(nil); ok {
		t.Errorf("Ticket of no id: got %d", n)
	}
}

// batches proves that the members are those of the body, in order, and that a batch of
// them is the same batch.
func (c *checker) batches(t *testing.T) {
	batching, ok := c.codec.(protocol.Batching)
	if !ok {
		t.Skip("the codec has no batches")
	}
	for _, v := range c.Batches {
		m := c.decode(t, v.Name, protocol.FromClient, v.Data)
		members, err := batching.Members(m, nil)
		if err != nil || len(members) == 0 {
			t.Errorf("%s: Members: got %d, %v", v.Name, len(members), err)
			continue
		}
		at := 0
		for i, member := range members {
			off := cap(m.Body) - cap(member)
			if off < at || off+len(member) > len(m.Body) || !bytes.Equal(m.Body[off:off+len(member)], member) {
				off = at + bytes.Index(m.Body[at:], member) // its capacity may be cut
			}
			if off < at {
				t.Fatalf("%s: member %d is not in the body behind the one before it", v.Name, i)
			}
			at = off + len(member)
		}
		body, err := batching.AppendBatch(nil, members)
		if err != nil {
			t.Errorf("%s: AppendBatch: %v", v.Name, err)
			continue
		}
		again := c.decode(t, v.Name+" put together again", protocol.FromClient, inFrame(t, c.codec, nil, body))
		got, err := batching.Members(again, nil)
		if err != nil || len(got) != len(members) {
			t.Errorf("%s put together again: got %d members, want %d: %v", v.Name, len(got), len(members), err)
			continue
		}
		for i := range got {
			if !bytes.Equal(got[i], members[i]) {
				t.Errorf("%s put together again, member %d: got %q, want %q", v.Name, i, got[i], members[i])
			}
		}
		if enveloping, ok := c.codec.(protocol.Enveloping); ok {
			c.envelope(t, enveloping, v.Name, m.Head, members)
		}
	}
}

// envelope proves that the answer to a batch has what its members hear, each in its place, and can be read.
func (c *checker) envelope(t *testing.T, codec protocol.Enveloping, name string, head []byte, members [][]byte) {
	t.Helper()
	for skip := -1; skip < len(members); skip++ {
		answers := make([][]byte, len(members))
		said := 0
		for i, member := range members {
			var m protocol.Message
			if i == skip || c.codec.DecodeBody(protocol.FromClient, member, &m) != nil {
				continue
			}
			answers[i], _ = c.codec.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Later, Cause: protocol.Busy})
			if len(answers[i]) > 0 {
				said++
			}
		}
		body, err := codec.AppendAnswers(nil, head, answers)
		if err != nil || (len(body) > 0) != (said > 0) {
			t.Errorf("%s: the answer to it with %d answers has %d bytes, %v", name, said, len(body), err)
		}
		if len(body) == 0 {
			continue
		}
		m := c.decode(t, name+", its answer", protocol.FromBackend, inFrame(t, c.codec, head, body))
		got := [][]byte{m.Body}
		if m.Kind == protocol.Batch {
			got, err = codec.Members(m, nil)
		}
		if err != nil || len(got) != said {
			t.Errorf("%s: the answer to it has %d answers, want %d: %v", name, len(got), said, err)
			continue
		}
		for _, a := range answers {
			if len(a) == 0 {
				continue
			}
			if !bytes.Equal(got[0], a) {
				t.Errorf("%s: in the answer to it stands %q, want %q", name, got[0], a)
			}
			got = got[1:]
		}
	}
}

// malformed proves that what is wrong in one message is told with a reason and without a
// value, and that the next message is not affected.
func (c *checker) malformed(t *testing.T) {
	for _, v := range c.Malformed {
		var m protocol.Message
		err := c.codec.Decode(protocol.FromClient, c.whole(t, v.Name, v.Data), &m)
		var malformed *protocol.Malformed
		if !errors.As(err, &malformed) {
			t.Errorf("%s: got %v, want a *protocol.Malformed", v.Name, err)
			continue
		}
		if len(malformed.Reasons) == 0 || malformed.Cause == protocol.NoCause {
			t.Errorf("%s: a Malformed needs a cause and a reason, got %v and %d", v.Name, malformed.Cause, len(malformed.Reasons))
		}
		if strings.Contains(err.Error()+fmt.Sprint(malformed.Reasons), Canary) {
			t.Errorf("%s: the Malformed tells a value: %v", v.Name, err)
		}
		for _, r := range malformed.Reasons {
			if r.Off < -1 || r.Off > len(m.Frame) {
				t.Errorf("%s: a reason is at %d in a frame of %d bytes", v.Name, r.Off, len(m.Frame))
			}
		}
		c.notice(t, v.Name, &m, &protocol.Notice{Class: protocol.Fix, Cause: malformed.Cause, Reasons: malformed.Reasons})
		for _, next := range head2(c.Requests) {
			if s := c.split(t, append(bytes.Clone(v.Data), next.Data...)); len(s.frames) != 2 || !bytes.Equal(s.frames[1], c.whole(t, next.Name, next.Data)) {
				t.Errorf("%s and %s: the second is not found: %v", v.Name, next.Name, s)
			}
		}
	}
}

func head2(v []Vector) []Vector { return v[:min(2, len(v))] }

func (c *checker) compile(tb testing.TB) []protocol.Getter {
	tb.Helper()
	var getters []protocol.Getter
	for _, path := range c.Paths {
		get, err := c.codec.Getter(path)
		if err != nil {
			tb.Fatalf("Getter(%q): %v", path, err)
		}
		getters = append(getters, get)
	}
	return getters
}

// getters proves that a value is where it says it is, and that mistakes in paths are
// found when they are compiled.
func (c *checker) getters(t *testing.T) {
	for _, path := range append([]string{"\x00", "no such path \xff"}, c.BadPaths...) {
		if _, err := c.codec.Getter(path); err == nil {
			t.Errorf("Getter(%q): want an error", path)
		}
	}
	found := make([]bool, len(c.Paths))
	check := func(vectors []Vector, dir protocol.Direction) {
		for i, get := range c.compile(t) {
			if _, ok := get(new(protocol.Message)); ok {
				t.Errorf("%s: found in a message without content", c.Paths[i])
			}
			for _, v := range vectors {
				m := c.decode(t, v.Name, dir, v.Data)
				value, ok := get(m)
				if !ok {
					continue
				}
				found[i] = true
				if value.Type == protocol.Missing {
					t.Errorf("%s: %s is there and of type Missing", v.Name, c.Paths[i])
				}
				end := value.Off + len(value.Raw)
				if value.Off < 0 || end > len(m.Frame) || !bytes.Equal(m.Frame[value.Off:end], value.Raw) {
					t.Errorf("%s: %s is not at %d of the frame", v.Name, c.Paths[i], value.Off)
				}
			}
		}
	}
	check(c.fromClient(), protocol.FromClient)
	check(c.Responses, protocol.FromBackend)
	for i, ok := range found {
		if !ok {
			t.Errorf("%s: no vector has it", c.Paths[i])
		}
	}
}
