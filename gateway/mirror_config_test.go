package gateway

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-multierror"

	"github.com/sallyport/sallyport/protocol"
)

func TestMirrorsAreChecked(t *testing.T) {
	other := newPlain(func(tr *protocol.Traits) { tr.Name = "other" })
	for want, m := range map[string]MirrorConfig{
		"to: must not be empty":                                                                            {},
		"to: an address and a file: want one of the two":                                                   {Address: "a:1", File: "f"},
		"protocol: the mirror speaks other and the route plain":                                            {Address: "a:1", Codec: other},
		"protocol: lines are JSON and have no framing of the protocol's":                                   {File: "f", Codec: newPlain()},
		"results: a target for frames gets requests only; results need format lines":                       {Address: "a:1", Results: true},
		"results: a result never waits, so no copy of it can be required; use a second mirror for results": {File: "f", Results: true, Required: true},
		"buffer: must not be negative":                                                                     {Address: "a:1", Buffer: -1},
		"buffer: 2047 bytes cannot hold two copies of frames of 1024 bytes; want at least 2048":            {Address: "a:1", Buffer: 2047},
		"buffer: 4095 bytes cannot hold two copies of frames of 1024 bytes; want at least 4096":            {File: "f", Buffer: 4095},
		"backoff: min must be at least 0 and at most max":                                                  {File: "f", Backoff: Backoff{Min: 2, Max: 1}},
	} {
		c := Config{Routes: []Route{{Name: "r", Listen: ":0", Codec: newPlain(), Backends: []BackendConfig{{Address: "b:1"}},
			Limits: Limits{Frame: 1 << 10}, Mirrors: []MirrorConfig{m}}}}
		if got, want := checked(&c), "routes[0].mirror[0]."+want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestARequiredMirrorOfFramesCarriesNothing(t *testing.T) {
	r := Route{Name: "r", Listen: ":0", Backends: []BackendConfig{{Address: "b:1"}}, Mirrors: []MirrorConfig{{Address: "a:1", Required: true}}}
	carries(&r)
	c := Config{Routes: []Route{r}}
	want := "routes[0].mirror[0].required: what is longer than limits.inline is carried, and cannot be copied as a frame; use format lines, which get its head"
	if got := checked(&c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.Routes[0].Mirrors[0].Format = MirrorLines
	if got := checked(&c); got != "nothing" {
		t.Errorf("got %s", got)
	}
}

func TestMirrorsDoNotShareANameOrAFile(t *testing.T) {
	r := Route{Name: "r", Listen: ":0", Codec: newPlain(), Backends: []BackendConfig{{Address: "b:1"}}}
	c := Config{Routes: []Route{r, r}}
	c.Routes[1].Name = "s"
	c.Routes[0].Mirrors = []MirrorConfig{{File: "a/f"}, {Address: "x:1"}, {Address: "x:1"}}
	c.Routes[1].Mirrors = []MirrorConfig{{Name: "z", File: "a//f"}}
	want := "routes[1].mirror[0].to: routes[0].mirror[0] writes to the same file; routes[0].mirror[2].name: mirror[1] has the same name"
	if got := checked(&c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// checked returns what is wrong with c, in one line.
func checked(c *Config) string {
	list, ok := c.Check().(*multierror.Error)
	if !ok {
		return "nothing"
	}
	var all []string
	for _, err := range list.Errors {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

func TestMirrorDefaults(t *testing.T) {
	r := Route{Codec: newPlain(), Limits: Limits{Frame: 4 << 20}}
	file := MirrorConfig{File: "f"}.withDefaults(&r)
	if file.Name != "f" || file.Format != MirrorLines || file.Buffer != 16<<20 || file.Dial != nil && file.File == "" {
		t.Errorf("got %+v", file)
	}
	conn := MirrorConfig{Address: "a:1"}.withDefaults(&r)
	if conn.Name != "a:1" || conn.Format != MirrorFrames || conn.Buffer != 8<<20 || conn.Dial == nil || conn.Codec != r.Codec ||
		conn.Backoff != (BackendConfig{}).withDefaults(&r).Backoff {
		t.Errorf("got %+v", conn)
	}
}
