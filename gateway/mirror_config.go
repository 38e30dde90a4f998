package gateway

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	"github.com/sallyport/sallyport/protocol"
)

// MirrorConfig is a further target of a route: each request that is forwarded is copied
// to it, once, at that moment, in the order in which its client sent them. Its answers
// are read and dropped.
type MirrorConfig struct {
	// Name is shown in logs and metrics; Address or File by default.
	Name string
	// Address is "host:port" or "unix:/path". Dial, if it is set, is used in its place.
	Address string
	Dial    func(ctx context.Context) (net.Conn, error)
	// File is the path of a file that is appended to, in place of a connection. It is made
	// with mode 0600 if it is not there, and opened anew when it was renamed or removed.
	File string
	// Codec is what a shadow backend speaks: the route's protocol, perhaps in another
	// framing. Nil: the route's codec.
	Codec protocol.Codec
	// Format is what a copy looks like.
	Format MirrorFormat
	// Results copies the backend's results too. They are lines, and not Required.
	Results bool
	// Required has requests wait for room here as they wait for room towards the backend.
	// Otherwise the mirror misses what it has no room for, and nobody waits.
	Required bool
	// Buffer is the bytes that may wait for the target; 4 MiB, at least two copies.
	Buffer int
	// Backoff bounds the pause before a target that was lost is tried again, as that of a
	// BackendConfig does.
	Backoff Backoff
	// Revision says, for Reload, what the mirror was made of: two with the same one are the same. Empty: it differs from all
	// others.
	Revision string
}

// MirrorFormat is what the copies of a mirror look like.
type MirrorFormat uint8

const (
	// MirrorDefault is MirrorLines for a file and MirrorFrames for a connection.
	MirrorDefault MirrorFormat = iota
	// MirrorFrames copies the frame that a backend gets. Where results are matched by
	// Rewrite its ID is a number of the mirror's own. A frame that is carried is missed.
	MirrorFrames
	// MirrorLines copies one JSON object a line: when, on which route, from whom, and the
	// message as its client sent it. Of a frame that is carried it has the head.
	MirrorLines
)

// ParseMirrorFormat returns the MirrorFormat that is called name in a configuration.
func ParseMirrorFormat(name string) (MirrorFormat, bool) {
	switch name {
	case "frames":
		return MirrorFrames, true
	case "lines":
		return MirrorLines, true
	}
	return MirrorDefault, false
}

// checkMirrorFiles finds files that two mirrors would write: their copies would be cut
// into each other's.
func (c *Config) checkMirrorFiles(bad func(field, format string, args ...any)) {
	first := map[string]string{}
	for i := range c.Routes {
		for j, m := range c.Routes[i].Mirrors {
			at := fmt.Sprintf("routes[%d].mirror[%d]", i, j)
			if m.File == "" {
				continue
			}
			if other, ok := first[filepath.Clean(m.File)]; ok {
				bad(at+".to", "%s writes to the same file", other)
				continue
			}
			first[filepath.Clean(m.File)] = at
		}
	}
}

func (r *Route) checkMirrors(bad func(field, format string, args ...any)) {
	names := map[string]int{}
	for i := range r.Mirrors {
		m := &r.Mirrors[i]
		at := fmt.Sprintf("mirror[%d].", i)
		m.check(r, func(field, format string, args ...any) { bad(at+field, format, args...) })
		if first, ok := names[m.name()]; ok && m.targets() > 0 {
			bad(at+"name", "mirror[%d] has the same name", first)
		}
		names[m.name()] = i
	}
}

func (m *MirrorConfig) check(r *Route, bad func(field, format string, args ...any)) {
	switch targets := m.targets(); {
	case targets == 0:
		bad("to", "must not be empty")
	case targets > 1:
		bad("to", "an address and a file: want one of the two")
	case m.Address != "" && m.Dial == nil && sameDoor(r.Listen, m.Address):
		bad("to", "this is where the route itself listens: each copy would be a request that is copied again")
	}
	lines := m.format() == MirrorLines
	if m.Codec != nil {
		if got, want := m.Codec.Traits().Name, r.Codec.Traits().Name; got != want {
			bad("protocol", "the mirror speaks %s and the route %s", got, want)
		}
		if lines {
			bad("protocol", "lines are JSON and have no framing of the protocol's")
		}
	}
	if _, masks := r.Codec.(protocol.Masking); masks && m.File != "" && !lines {
		bad("format", "frames in a file would be what nobody may see, written down; use lines, in which it is masked")
	}
	if m.Required && !lines && r.carries() {
		bad("required", "what is longer than limits.inline is carried, and cannot be copied as a frame; use format lines, which get its head")
	}
	if m.Results && !lines {
		bad("results", "a target for frames gets requests only; results need format lines")
	}
	if m.Results && m.Required {
		bad("results", "a result never waits, so no copy of it can be required; use a second mirror for results")
	}
	if m.Buffer < 0 {
		bad("buffer", "must not be negative")
	} else if b, frame := m.withDefaults(r).Buffer, r.limits().Frame; b < 2*m.growth()*frame {
		bad("buffer", "%d bytes cannot hold two copies of frames of %d bytes; want at least %d", b, frame, 2*m.growth()*frame)
	}
	if m.Backoff.Min < 0 || m.Backoff.Max < 0 || m.Backoff.Max > 0 && m.Backoff.Min > m.Backoff.Max {
		bad("backoff", "min must be at least 0 and at most max")
	}
}

// checkRelay is check for a mirror of a relay, which gets the bytes that clients send.
func (m *MirrorConfig) checkRelay(bad func(field, format string, args ...any)) {
	if m.Address == "" && m.Dial == nil {
		bad("to", "a mirror of a relay is a connection for each client; want host:port or unix:/path")
	}
	for _, o := range []struct {
		field string
		set   bool
	}{{"format", m.Format == MirrorLines}, {"protocol", m.Codec != nil}, {"results", m.Results}} {
		if o.set {
			bad(o.field, "a mirror of a relay gets the bytes that clients send, and knows no messages")
		}
	}
	if m.Buffer < 0 {
		bad("buffer", "must not be negative")
	}
}

func (m MirrorConfig) withDefaults(r *Route) MirrorConfig {
	m.Format = m.format()
	if m.Codec == nil {
		m.Codec = r.Codec
	}
	def(&m.Buffer, max(4<<20, 2*m.growth()*r.limits().Frame))
	return m.withReach()
}

// withReach has the defaults of what concerns every kind of route.
func (m MirrorConfig) withReach() MirrorConfig {
	m.Name = m.name()
	def(&m.Buffer, 4<<20)
	target := BackendConfig{Address: m.Address, Dial: m.Dial, Backoff: m.Backoff}.withReach() // it is reached as a backend is
	m.Dial, m.Backoff = target.Dial, target.Backoff
	return m
}

func (m *MirrorConfig) targets() (n int) {
	if m.Address != "" || m.Dial != nil {
		n++
	}
	if m.File != "" {
		n++
	}
	return n
}

func (m *MirrorConfig) format() MirrorFormat {
	switch {
	case m.Format != MirrorDefault:
		return m.Format
	case m.File != "":
		return MirrorLines
	}
	return MirrorFrames
}

// growth is how much longer than its frame a copy may be, nearly: a line has two bytes
// for a quotation mark, and four for three that are no text.
func (m *MirrorConfig) growth() int {
	if m.format() == MirrorLines {
		return 2
	}
	return 1
}

func (m *MirrorConfig) name() string {
	switch {
	case m.Name != "":
		return m.Name
	case m.File != "":
		return m.File
	}
	return m.Address
}
