package generic

import (
	"bytes"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

func carriedOptions() Options {
	return Options{Framing: frame.Options{Preset: "bin4"}, Operation: "op", ID: []string{"id"},
		Fields:  []Field{{Name: "op", Len: 4}, {Name: "id", At: 4, Len: 8, Type: "digits"}, {Name: "data", At: 12}},
		Notices: map[string]string{"fix": "ERR {key}{text}"}}
}

func TestAHeadIsSplitFromAFrameThatIsTooLongToHold(t *testing.T) {
	c, err := New(carriedOptions(), protocol.Limits{Frame: 1024})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Traits().Carries {
		t.Fatal("nothing is carried")
	}
	frame := append([]byte{0, 0x10, 0, 0}, "PUT 00000042"...) // 1 MiB
	for n := range frame {
		head, rest, err := c.SplitHead(frame[:n], 512)
		if err != nil || head != nil || rest != 0 && rest != 1<<20-12 {
			t.Errorf("%d bytes: got %q, %d, %v", n, head, rest, err)
		}
	}
	head, rest, err := c.SplitHead(append(frame, "more"...), 512)
	if err != nil || !bytes.Equal(head, frame) || rest != 1<<20-12 {
		t.Fatalf("got %q, %d, %v", head, rest, err)
	}
	var m protocol.Message
	if err := c.DecodeHead(protocol.FromClient, head, rest, &m); err != nil {
		t.Fatal(err)
	}
	if string(m.Name) != "PUT" || string(m.ID) != "00000042" || m.Rest != rest || m.Kind != protocol.Request {
		t.Errorf("got %q, %q, %d, %v", m.Name, m.ID, m.Rest, m.Kind)
	}
	out, err := c.AppendHead([]byte("before"), &m, protocol.ID("00000007"), nil)
	if err != nil || string(out) != "before\x00\x10\x00\x00PUT 00000007" {
		t.Errorf("got %q, %v", out, err)
	}
	get, err := c.Getter("data")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := get(&m); ok {
		t.Errorf("data in a head: got %v", v)
	}
	for path, want := range map[string]bool{"op": true, "id": true, "data": false, "body": false, "frame.length": true} {
		if got := c.InHead(path); got != want {
			t.Errorf("InHead(%q): got %v, want %v", path, got, want)
		}
	}
	get, _ = c.Getter("frame.length")
	if v, _ := get(&m); string(v.Text) != "1048580" {
		t.Errorf("frame.length: got %s", v.Text)
	}
}

func TestAFrameThatIsShortEnoughHasNoHead(t *testing.T) {
	c, err := New(carriedOptions(), protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"", "\x00", "\x00\x00\x01\x00PUT 00000042", "\x00\x00\x00\x00"} {
		if head, rest, err := c.SplitHead([]byte(data), 512); head != nil || rest != 0 || err != nil {
			t.Errorf("%q: got %q, %d, %v", data, head, rest, err)
		}
	}
}

func TestWhatCannotBeCarried(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"lines":                    func(o *Options) { o.Framing = frame.Options{Preset: "lines"} },
		"a trailer":                func(o *Options) { o.Framing = frame.Options{Preset: "base24tcp"} },
		"a block with the length":  func(o *Options) { o.Framing = frame.Options{Preset: "vap"} },
		"an operation by column":   func(o *Options) { o.Fields[0] = Field{Name: "op", Column: 1, Delimiter: "|"} },
		"an id at the end":         func(o *Options) { o.Fields[1] = Field{Name: "id", At: -8, Len: 8, Type: "digits"} },
		"a match in what is after": func(o *Options) { o.Failed = &Match{Field: "data", In: []string{"x"}} },
	} {
		o := carriedOptions()
		change(&o)
		c, err := New(o, protocol.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Traits().Carries {
			t.Errorf("%s: it can be carried", name)
		}
		if _, rest, _ := c.SplitHead([]byte("\x00\x10\x00\x00PUT 00000042"), 10); rest != 0 {
			t.Errorf("%s: a head was split", name)
		}
	}
}

func TestAHeadKeepsWhatItsFramingWantsBack(t *testing.T) {
	o := carriedOptions()
	o.Framing = frame.Options{Preset: "nac", Width: 4}
	o.Framing.Kind, o.Framing.Block, o.Framing.BlockBytes = "length", "tpdu", frame.Bytes{0x60, 0, 0, 0, 0}
	c, err := New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	head, rest, err := c.SplitHead([]byte("\x00\x20\x00\x00\x60\x01\x02\x03\x04PUT 00000042"), 100)
	if err != nil || head == nil {
		t.Fatal(head, rest, err)
	}
	var m protocol.Message
	if err := c.DecodeHead(protocol.FromClient, head, rest, &m); err != nil {
		t.Fatal(err)
	}
	out, err := c.AppendHead(nil, &m, nil, m.Head)
	if err != nil || string(out) != "\x00\x20\x00\x00\x60\x03\x04\x01\x02PUT 00000042" {
		t.Errorf("got %q, %v", out, err)
	}
}
