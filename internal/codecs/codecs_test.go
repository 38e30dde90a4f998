package codecs

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func TestTraitsBearTheNameOfTheEntry(t *testing.T) {
	p, ok := Find("jsonrpc")
	if !ok {
		t.Fatal("there is no jsonrpc")
	}
	c, err := p.New(func(any) error { return nil }, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Traits().Name; got != p.Name {
		t.Errorf("got %q, want %q", got, p.Name)
	}
}

func TestEveryEntryIsWhole(t *testing.T) {
	for _, p := range All {
		if got, ok := Find(p.Name); !ok || got.Name != p.Name {
			t.Errorf("%q cannot be found", p.Name)
		}
		if p.Doc == "" || p.Options() == nil {
			t.Errorf("%s: doc %q, options %v", p.Name, p.Doc, p.Options())
		}
	}
}

func TestACodecThatFailsIsNil(t *testing.T) {
	wrong := errors.New("wrong")
	for _, p := range All {
		c, err := p.New(func(any) error { return wrong }, protocol.Limits{})
		if c != nil || !errors.Is(err, wrong) {
			t.Errorf("%s: got %v, %v", p.Name, c, err)
		}
	}
}
