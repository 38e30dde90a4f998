package splitter_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/generic"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/splitter"
)

func jsonCodec(t interface{ Fatal(...any) }) *jsonrpc.Codec {
	c, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Parts come in order, none is invented, and each is judged by itself.
func TestSplitTakesAResponseApart(t *testing.T) {
	c := jsonCodec(t)
	s := splitter.New(c)
	var m protocol.Message
	if err := c.Decode(protocol.FromBackend, []byte(`[{"jsonrpc":"2.0","result":1,"id":11},7,{"jsonrpc":"2.0","error":{"code":1,"message":"x"},"id":12}]`+"\n"), &m); err != nil {
		t.Fatal(err)
	}
	parts, err := s.Split(&m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != 3 || string(parts[0].ID) != "11" || parts[1].Err == nil || string(parts[2].ID) != "12" || !parts[2].Failed {
		t.Errorf("got %d parts: %+v", len(parts), parts)
	}
	// A later batch in the same memory knows nothing of this one.
	if err := c.Decode(protocol.FromBackend, []byte(`[{"jsonrpc":"2.0","result":2,"id":13}]`+"\n"), &m); err != nil {
		t.Fatal(err)
	}
	if parts, err = s.Split(&m, parts); err != nil || len(parts) != 1 || parts[0].Err != nil || string(parts[0].ID) != "13" {
		t.Errorf("got %+v, %v", parts, err)
	}
}

// Whatever is put into one frame comes out of it again, whole and in order.
func TestBundleAndSplitAreInverse(t *testing.T) {
	records, err := generic.New(generic.Options{
		Framing: frame.Options{Preset: "length4"},
		Fields:  []generic.Field{{Name: "type", At: 0, Len: 1}, {Name: "id", At: 1, Len: 6, Type: "digits"}, {Name: "count", At: 1, Len: 3, Type: "digits", Optional: true}},
		ID:      []string{"id"},
		Records: &generic.Records{When: generic.Match{Field: "type", In: []string{"B"}}, Skip: 4, Header: frame.Bytes("B000"), Delimiter: frame.Bytes(";"), Count: "count"},
	}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]interface {
		protocol.Codec
		protocol.Batching
	}{"jsonrpc": jsonCodec(t), "generic": records} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.IntRange(1, 40).Draw(t, "n")
				var b splitter.Bundle
				var want []string
				for i := range n {
					body := fmt.Sprintf("Q%06d%s", i, strings.Repeat("x", rapid.IntRange(0, 9).Draw(t, "size")))
					if name == "jsonrpc" {
						body = fmt.Sprintf(`{"jsonrpc":"2.0","method":"m","id":%d}`, i)
					}
					b.Add([]byte(body))
					want = append(want, body)
				}
				if b.Len() != n || b.Size() != len(strings.Join(want, "")) {
					t.Fatalf("got %d bodies of %d bytes", b.Len(), b.Size())
				}
				framed := c.OpenFrame(nil, nil)
				framed, err := b.AppendTo(framed, c)
				if err != nil {
					t.Fatal(err)
				}
				if framed, err = c.CloseFrame(framed, 0); err != nil {
					t.Fatal(err)
				}
				if b.Len() != 0 || b.Size() != 0 {
					t.Fatal("the bundle is not empty afterwards")
				}
				var m protocol.Message
				if err := c.Decode(protocol.FromClient, framed, &m); err != nil {
					t.Fatal(err)
				}
				got := []string{string(m.Body)}
				if n > 1 {
					parts, err := splitter.New(c).Split(&m, nil)
					if err != nil {
						t.Fatal(err)
					}
					got = nil
					for i := range parts {
						if parts[i].Err != nil {
							t.Fatal(parts[i].Err)
						}
						got = append(got, string(parts[i].Body))
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestNewIsNilForAProtocolWithoutBatches(t *testing.T) {
	c, err := jsonrpc.New(jsonrpc.Options{NoBatch: true}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if s := splitter.New(c); s != nil {
		t.Errorf("got %v", s)
	}
}

// Answers stand in the order of their slots, whatever the order in which they come; a
// Gather is complete once it is sealed and all are there, and no sooner.
func TestGatherModel(t *testing.T) {
	c := jsonCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		g := splitter.NewGather(1 << 20)
		n := rapid.IntRange(0, 20).Draw(t, "n")
		var open []int
		var want [][]byte
		sealed := false
		put := func() {
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			slot := open[i]
			if err := g.Put(slot, want[slot]); err != nil {
				t.Fatal(err)
			}
			if err := g.Put(slot, []byte(`"another"`)); err != nil {
				t.Fatal(err)
			}
			open = append(open[:i], open[i+1:]...)
		}
		for i := range n {
			if slot := g.Slot(); slot != i {
				t.Fatalf("slot %d is called %d", i, slot)
			}
			open = append(open, i)
			want = append(want, fmt.Appendf(nil, `{"n":%d}`, i))
			if rapid.Bool().Draw(t, "answer") {
				put()
			}
			if g.Complete() {
				t.Fatal("complete before it is sealed")
			}
		}
		g.Seal()
		for sealed = true; len(open) > 0; put() {
			if g.Complete() {
				t.Fatal("complete without an answer")
			}
		}
		if !g.Complete() || !sealed {
			t.Fatal("not complete")
		}
		got, err := g.AppendTo(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		all := []byte("[" + string(bytes.Join(want, []byte(","))) + "]")
		if n == 0 {
			all = nil
		}
		if !bytes.Equal(got, all) {
			t.Fatalf("got %s, want %s", got, all)
		}
	})
}

func TestGatherIsBounded(t *testing.T) {
	g := splitter.NewGather(10)
	a, b := g.Slot(), g.Slot()
	if err := g.Put(a, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := g.Put(b, make([]byte, 3)); !errors.Is(err, splitter.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, splitter.ErrTooLarge)
	}
	g.Seal()
	if g.Complete() {
		t.Error("complete although an answer was too large")
	}
	if g.Force(b, []byte("notice")); !g.Complete() {
		t.Error("not complete")
	}
}
