package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func explain(t *testing.T, e Explainer, input string) (string, Explained) {
	t.Helper()
	e.Codec = tiny{}
	if e.Paths == nil {
		e.Paths = []string{"2"}
	}
	var out strings.Builder
	found, err := e.Run(&out, strings.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), found
}

func TestExplainer(t *testing.T) {
	for _, c := range []struct {
		name, input, want string
		e                 Explainer
		found             Explained
	}{
		{"a request, without its values", "R 1 secret\n",
			"byte 0: frame of 11 bytes, request, id 1, name 1\n  byte 4    2  text of 6 bytes\n", Explainer{}, Explained{Frames: 1}},
		{"with its values", "N x\nR 1 se\x1bet\n",
			"byte 0: frame of 4 bytes, one-way\nbyte 4: frame of 10 bytes, request, id 1, name 1\n  byte 4    2  text  se\\x1bet\n",
			Explainer{Values: true}, Explained{Frames: 2}},
		{"what is no message", "?\n",
			"byte 0: frame of 2 bytes, unknown\n  refused: this is not a valid request\n    - want R, A, E, W, N or B, got text (kind), at byte 0\n",
			Explainer{}, Explained{Frames: 1, Refused: 1}},
		{"a batch", "B R 1|?\n",
			"byte 0: frame of 8 bytes, batch\n  #0: 3 bytes, request, id 1, name 1\n  #1: 1 byte, unknown\n" +
				"    refused: this is not a valid request\n      - want R, A, E, W, N or B, got text (kind), at byte 0\n",
			Explainer{}, Explained{Frames: 1, Refused: 1}},
		{"a rule", "R 1 a\n",
			"byte 0: frame of 6 bytes, request, id 1, name 1\n  byte 4    2  text of 1 byte\n" +
				"  refused: the request does not meet the rules\n    - 2: want more (min_length), at byte 4\n",
			Explainer{Refuse: func(*protocol.Message) []protocol.Reason {
				return []protocol.Reason{{Path: "2", Off: 4, Rule: "min_length", Want: "more"}}
			}}, Explained{Frames: 1, Refused: 1}},
		{"lost step", "R 1\nR 2",
			"byte 0: frame of 4 bytes, request, id 1, name 1\nbyte 4: out of step, nothing after this can be read\n" +
				"  refused: the message exceeds a limit\n    - (line), at byte 3\n", Explainer{}, Explained{Frames: 1, Lost: true}},
	} {
		got, found := explain(t, c.e, c.input)
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if found != c.found {
			t.Errorf("%s: got %+v, want %+v", c.name, found, c.found)
		}
	}
}

func TestPointersNameEachMemberOnce(t *testing.T) {
	got := pointers([]byte(`{"a":[1,{"b/c":null}],"~":"x","e":{}}`))
	want := []string{"/a", "/a/0", "/a/1", "/a/1/b~1c", "/~0", "/e"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrintableCutsAndEscapes(t *testing.T) {
	for _, c := range []struct {
		text string
		max  int
		want string
	}{
		{`{"a":1}`, 100, `{"a":1}`},
		{"\x1b[2J\u202e", 100, `\x1b[2J\u202e`},
		{"0123456789", 8, "01234567... (10 bytes)"},
	} {
		if got := Printable([]byte(c.text), c.max); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
