package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/golden"
	"github.com/sallyport/sallyport/protocol"
)

// small is a configuration that is right; %s is put behind its route.
const small = `routes:
  - name: a
    listen: 127.0.0.1:7000
    protocol: { name: jsonrpc }
    backend: { address: 127.0.0.1:7100 }
`

func env(pairs ...string) Env {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// unrevised leaves revisions out of a comparison: they are hashes.
var unrevised = cmp.FilterPath(func(p cmp.Path) bool {
	field, ok := p.Last().(cmp.StructField)
	return ok && (field.Name() == "Revision" || field.Name() == "Speech")
}, cmp.Ignore())

// parsed returns the only route of text.
func parsed(t *testing.T, text string, e Env) gateway.Route {
	t.Helper()
	f, err := Parse("testdata/test.yaml", []byte(text), e)
	if err != nil {
		t.Fatal(err)
	}
	return f.Config().Routes[0]
}

// mistakesOf returns the lines that are reported, "" if text is right.
func mistakesOf(t *testing.T, text string, e Env) string {
	t.Helper()
	_, err := Parse("f", []byte(text), e)
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("got an error of type %T: %v", err, err)
	}
	return err.Error()
}

func TestTheFileOfTheDesignWorks(t *testing.T) {
	f, err := Load("testdata/design.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Config()
	r := c.Routes[0]
	if r.Codec == nil || r.Codec.Traits().Name != "jsonrpc" || r.Rules == nil || len(r.Rules.Rules()) != 3 {
		t.Errorf("codec %v, rules %v", r.Codec, r.Rules)
	}
	r.Codec, r.Rules = nil, nil
	want := gateway.Route{
		Name: "orders", Listen: "127.0.0.1:7000",
		Limits:   gateway.Limits{Frame: 1 << 20, InFlight: 128, Connections: 10000},
		Wait:     gateway.WaitConfig{On: true, After: 250 * time.Millisecond},
		Timeouts: gateway.Timeouts{Frame: 10 * time.Second, Idle: 10 * time.Minute, Queue: 5 * time.Second, Answer: 30 * time.Second},
		Backends: []gateway.BackendConfig{{
			Address: "127.0.0.1:7100", Connections: 2, InFlight: 64,
			Batch: gateway.BatchConfig{Max: 32, Linger: 2 * time.Millisecond},
		}},
	}
	if diff := cmp.Diff(want, r, unrevised); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.Log; got != (Log{Level: "info", Format: "text"}) {
		t.Errorf("got %+v", got)
	}
}

func TestEveryKeyReachesTheGateway(t *testing.T) {
	text, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("testdata/full.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Log, (Log{Level: "debug", Format: "json", Messages: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c := f.Config()
	if c.Shards != 3 || c.Drain != 45*time.Second {
		t.Errorf("got %d shards, drain %v", c.Shards, c.Drain)
	}
	r := c.Routes[0]
	if names := ruleNames(r); !cmp.Equal(names, []string{"offered", "schema", "amount", "deny", "size"}) {
		t.Errorf("got rules %q", names)
	}
	if r.Codec.Traits().Name != "jsonrpc" || r.Backends[0].Codec == nil || r.Backends[1].Codec != nil {
		t.Errorf("got codecs %v, %v, %v", r.Codec, r.Backends[0].Codec, r.Backends[1].Codec)
	}
	if r.Mirrors[0].Codec == nil || r.Mirrors[1].Codec != nil {
		t.Errorf("got codecs of mirrors %v, %v", r.Mirrors[0].Codec, r.Mirrors[1].Codec)
	}
	r.Codec, r.Rules, r.Backends[0].Codec, r.Mirrors[0].Codec = nil, nil, nil, nil
	exclusive := protocol.Exclusive
	want := gateway.Route{
		Name: "full", Listen: "unix:/run/full.sock", Mode: &exclusive, Balance: gateway.LeastInFlight,
		Limits: gateway.Limits{
			InFlight: 3, InFlightTotal: 4, Connections: 5, ConnectionsPerPeer: 6, Frame: 64 << 10, Queue: 1 << 20,
			Tunnel: 2e6, Gather: 9000, Strikes: 10,
		},
		Timeouts: gateway.Timeouts{
			Frame: time.Second, Idle: -1, Queue: 2 * time.Second, Answer: 90 * time.Second, Connect: 3 * time.Second, Linger: 1500 * time.Millisecond,
		},
		Wait: gateway.WaitConfig{On: true}, RetryAfter: 4 * time.Second, LogMessages: true,
		Backends: []gateway.BackendConfig{
			{
				Name: "one", Address: "127.0.0.1:7101", Connections: 7, InFlight: 1, Strikes: 8,
				Backoff: gateway.Backoff{Min: time.Millisecond, Max: time.Minute}, Circuit: gateway.Circuit{Failures: 9, Rest: time.Hour},
			},
			{Address: "unix:/run/two.sock"},
		},
		Mirrors: []gateway.MirrorConfig{
			{
				Name: "shadow", Address: "127.0.0.1:7201", Format: gateway.MirrorFrames, Required: true, Buffer: 2 << 20,
				Backoff: gateway.Backoff{Min: 2 * time.Millisecond, Max: 2 * time.Minute},
			},
			{Name: "audit/full.jsonl", File: "testdata/audit/full.jsonl", Format: gateway.MirrorLines, Results: true},
			{Address: "unix:/run/sink.sock"},
		},
	}
	if diff := cmp.Diff(want, r, unrevised); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want = gateway.Route{
		Name: "through", Kind: gateway.Relay, Listen: "127.0.0.1:7300", LogMessages: true,
		Limits:   gateway.Limits{Connections: 5, ConnectionsPerPeer: 6, Tunnel: 128 << 10},
		Timeouts: gateway.Timeouts{Frame: time.Second, Idle: 2 * time.Hour, Connect: 3 * time.Second, Linger: 4 * time.Second},
		Relay: gateway.RelayConfig{
			Allow:       []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")},
			ServerNames: []string{"db.example.org", "*.example.org"},
			ProxyFrom:   []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("198.51.100.0/24")},
			SendProxy:   2, EndTogether: true, Linger: 7 * time.Minute,
		},
		Backends: []gateway.BackendConfig{
			{
				Name: "one", Address: "127.0.0.1:7301",
				Backoff: gateway.Backoff{Min: time.Millisecond, Max: time.Minute}, Circuit: gateway.Circuit{Failures: 9, Rest: time.Hour},
			},
			{Address: "unix:/run/two.sock"},
		},
	}
	if diff := cmp.Diff(want, c.Routes[1], unrevised, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("relay: (-want +got):\n%s", diff)
	}
}

func ruleNames(r gateway.Route) (names []string) {
	for _, info := range r.Rules.Rules() {
		names = append(names, info.Name)
	}
	return names
}

func TestWaitMayBeOnOffOrAnObject(t *testing.T) {
	for text, want := range map[string]gateway.WaitConfig{
		"":                             {},
		"    wait: true\n":             {On: true},
		"    wait: false\n":            {},
		"    wait: {}\n":               {On: true},
		"    wait: { after: 1m30s }\n": {On: true, After: 90 * time.Second},
		"    wait: { after: 0 }\n":     {On: true},
	} {
		if got := parsed(t, small+text, nil).Wait; got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int{
		"4096": 4096, "64KiB": 64 << 10, "1MiB": 1 << 20, "1.5MiB": 3 << 19, "1MB": 1e6, "100kB": 1e5, "100KB": 1e5, "4096B": 4096, `"4096"`: 4096,
		"0": 0, "-1": 0, "1TB": 0, "1 MiB": 0, "1mib": 0, "0.3B": 0, "2048GiB": 0, "true": 0, "1.5": 0, "[1]": 0, "0.0MiB": 0,
	} {
		f, err := Parse("f", []byte(small+"    limits: { frame: "+text+" }\n"), nil)
		switch {
		case err != nil && want != 0:
			t.Errorf("%s: %v", text, err)
		case err == nil && want == 0:
			t.Errorf("%s: no error, got %d", text, f.Config().Routes[0].Limits.Frame)
		case err == nil:
			if got := f.Config().Routes[0].Limits.Frame; got != want {
				t.Errorf("%s: got %d, want %d", text, got, want)
			}
		case !strings.HasPrefix(err.Error(), "f:6:22: routes[0].limits.frame: want a size such as 4096, 64KiB or 1MiB"):
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"250ms": 250 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "1m30s": 90 * time.Second, "2h": 2 * time.Hour, "5µs": 5000,
		"0s": 0, "0": 0, "10": 0, "-1s": 0, "1 s": 0, "1d": 0, "s": 0, "9999999h": 0, "true": 0, "1e3s": 0, "never": 0, "{}": 0,
	} {
		f, err := Parse("f", []byte(small+"    timeouts: { answer: "+text+" }\n"), nil)
		switch {
		case err != nil && want != 0:
			t.Errorf("%s: %v", text, err)
		case err == nil && want == 0:
			t.Errorf("%s: no error, got %v", text, f.Config().Routes[0].Timeouts.Answer)
		case err == nil:
			if got := f.Config().Routes[0].Timeouts.Answer; got != want {
				t.Errorf("%s: got %v, want %v", text, got, want)
			}
		case !strings.HasPrefix(err.Error(), "f:6:25: routes[0].timeouts.answer: want a duration such as 250ms, 10s or 5m"):
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	r := parsed(t, `routes:
  - &first
    name: a
    listen: 127.0.0.1:7000
    protocol: &p { name: jsonrpc }
    backend: { address: 127.0.0.1:7100 }
    limits: { connections: 5 }
  - <<: *first
    name: b
    listen: 127.0.0.1:7001
    protocol: *p
`, nil)
	if r.Limits.Connections != 5 {
		t.Errorf("got %+v", r.Limits)
	}
	f, err := Parse("f", []byte(small+`  - { <<: [*b, *c], name: b, listen: "127.0.0.1:0" }
`), nil)
	if err == nil || !strings.Contains(err.Error(), "there is no such anchor above") {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestLoadSaysWhatCannotBeRead(t *testing.T) {
	for _, path := range []string{"testdata/none.yaml", "testdata", "/dev/zero"} {
		_, err := Load(path, nil)
		if _, ok := errors.AsType[*Error](err); err == nil || ok || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestAFileThatIsTooLargeIsNotReadWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large.yaml")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(200<<20), f.Close()); err != nil { // without content, it takes no room
		t.Fatal(err)
	}
	_, err = Load(name, nil)
	if got, want := err.Error(), name+":1:1: the file is larger than 1 MiB"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheSchemaIsCurrent(t *testing.T) {
	golden.Equal(t, "testdata/schema.json", string(Schema()))
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for name, d := range schema().defs {
		if strings.Contains(name, "_") { // of another package
			continue
		}
		properties, _ := d.(object)["properties"].(object)
		for key, s := range properties {
			if s.(object)["description"] == nil && s.(object)["enum"] == nil {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
}
