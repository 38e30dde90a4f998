package splitter_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/splitter"
)

var (
	errBatch = errors.New("not a batch")
	errPiece = errors.New("not a piece")
)

// commas is the little of a codec that batches need: pieces with commas between them, of
// which an empty one is wrong, and so is a batch with a bang. A piece is its own ID.
type commas struct{ protocol.Codec }

func (commas) Traits() protocol.Traits { return protocol.Traits{Batches: true} }

func (commas) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	if bytes.ContainsRune(m.Body, '!') {
		return nil, errBatch
	}
	return append(bodies, bytes.Split(m.Body, []byte(","))...), nil
}

func (commas) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	if len(body) == 0 {
		return errPiece
	}
	m.Dir, m.Kind, m.Body, m.ID = dir, protocol.Response, body, body
	return nil
}

func (commas) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	if slices.ContainsFunc(bodies, func(b []byte) bool { return string(b) == "!" }) {
		return dst, errBatch
	}
	return append(dst, bytes.Join(bodies, []byte(","))...), nil
}

// Batches of every size go through the same memory, one after another: the parts are the
// pieces, in order, none is missing or invented, and none knows what was there before.
func TestSplitModel(t *testing.T) {
	s := splitter.New(commas{})
	rapid.Check(t, func(t *rapid.T) {
		var parts []splitter.Part
		t.Repeat(map[string]func(*rapid.T){
			"split": func(t *rapid.T) {
				want := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "bc", "def"}), 1, 40).Draw(t, "pieces")
				m := protocol.Message{Dir: protocol.FromBackend, Body: []byte(join(want))}
				var err error
				if parts, err = s.Split(&m, parts); err != nil {
					t.Fatal(err)
				}
				if len(parts) != len(want) {
					t.Fatalf("got %d parts, want %d", len(parts), len(want))
				}
				for i := range parts {
					p := &parts[i]
					switch {
					case want[i] == "":
						if p.Err != errPiece || p.ID != nil || p.Body != nil || p.Kind != protocol.Unknown {
							t.Fatalf("part %d is of no use: got %v, %q", i, p.Err, p.Body)
						}
					case p.Err != nil || string(p.Body) != want[i] || string(p.ID) != want[i] || p.Dir != protocol.FromBackend:
						t.Fatalf("part %d: got %q, %v, want %q", i, p.Body, p.Err, want[i])
					}
				}
			},
			"not a batch": func(t *rapid.T) {
				var err error
				if parts, err = s.Split(&protocol.Message{Body: []byte("a,!")}, parts); err != errBatch || len(parts) != 0 {
					t.Fatalf("got %d parts, %v, want none and %v", len(parts), err, errBatch)
				}
			},
		})
	})
}

func join(pieces []string) string {
	var b []byte
	for i, p := range pieces {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p...)
	}
	return string(b)
}

// A bundle is empty after a batch that could not be made, and knows none of its bodies.
func TestABundleIsEmptyAfterAnError(t *testing.T) {
	var b splitter.Bundle
	b.Add([]byte("a"))
	b.Add([]byte("!"))
	if _, err := b.AppendTo(nil, commas{}); err != errBatch {
		t.Fatalf("got %v, want %v", err, errBatch)
	}
	if got, err := b.AppendTo([]byte("x"), commas{}); err != nil || string(got) != "x" {
		t.Errorf("an empty bundle: got %q, %v, want what was there", got, err)
	}
	b.Add([]byte("b"))
	if got, err := b.AppendTo(nil, commas{}); err != nil || string(got) != "b" {
		t.Errorf("got %q, %v, want b", got, err)
	}
}

// What is added is copied: the caller may use its bytes again.
func TestBundleAndGatherCopy(t *testing.T) {
	var b splitter.Bundle
	g := splitter.NewGather(100)
	body := []byte("one")
	for _, text := range []string{"one", "two"} {
		copy(body, text)
		b.Add(body)
		if err := g.Put(g.Slot(), body); err != nil {
			t.Fatal(err)
		}
	}
	copy(body, "zzz")
	if got, err := b.AppendTo(nil, commas{}); err != nil || string(got) != "one,two" {
		t.Errorf("bundle: got %q, %v", got, err)
	}
	if got, err := g.AppendTo(nil, commas{}); err != nil || string(got) != "one,two" {
		t.Errorf("gather: got %q, %v", got, err)
	}
}

// The first answer for a slot stands, forced or not, and an empty one is one too.
func TestTheFirstAnswerOfASlotStands(t *testing.T) {
	g := splitter.NewGather(1)
	a, b := g.Slot(), g.Slot()
	g.Force(a, []byte("long notice"))
	g.Force(a, []byte("another"))
	if err := g.Put(a, []byte("late")); err != nil {
		t.Errorf("a second answer: got %v, want nil", err)
	}
	if err := g.Put(b, nil); !errors.Is(err, splitter.ErrTooLarge) {
		t.Errorf("after a notice over the bound: got %v, want %v", err, splitter.ErrTooLarge)
	}
	g.Force(b, nil)
	g.Force(b, []byte("another"))
	if g.Seal(); !g.Complete() {
		t.Error("not complete")
	}
	if got, err := g.AppendTo(nil, commas{}); err != nil || string(got) != "long notice," {
		t.Errorf("got %q, %v", got, err)
	}
}
