package hl7

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

// Options say how the systems of a route speak.
type Options struct {
	Tolerate   []string          `json:"tolerate" doc:"Deviations that are taken for what was meant; each is counted and logged. blanks: blanks and line ends between frames. no-start: no 0B. bare-end: 1C without 0D. lines: segments that end with LF or CRLF, empty ones, a byte order mark; they are forwarded with CR. keep-alive: 1C 0B between frames. all: all of them."`
	Release    int               `json:"release" doc:"The release of MLLP: 1, which is the default. 2, in which each block is acknowledged when it is in safe storage, needs the journal."`
	Accept     string            `json:"accept" enum:"forward|promise" doc:"Who acknowledges acceptance (CA) where MSH-15 asks for it: forward, which is the default, the backend. promise, that sallyport does so itself and keeps the message until the backend has it, needs the journal."`
	Codes      map[string]string `json:"codes" doc:"Replaces acknowledgement codes: AE or AR, or for original and enhanced mode 'AR/CE'; an empty text says nothing. A key is a class of notice ('later') or, before it, a cause ('busy'), or, before both, a place that is wrong ('PID-3'); 'header' is a type, processing id or version that is refused."`
	Answers    string            `json:"answers" enum:"id|sender" doc:"What an acknowledgement must name: id, which is the default, the control id; sender, in MSH-5 and MSH-6 the sender too, byte for byte."`
	Unreadable string            `json:"unreadable" enum:"close|drop" doc:"What becomes of a client whose message begins with no header that could be read, so that it cannot be answered: close, which is the default, as it would wait; or drop, which passes over the message."`
	Versions   []string          `json:"versions" doc:"The versions that messages may have. The default is 2.1 to 2.8.2."`
	Segments   int               `json:"segments" doc:"The greatest number of segments in a frame; 20000."`
	Sequence   string            `json:"sequence" doc:"The file, with its whole path, in which the sequence numbers (MSH-13) are kept of what each sender has had accepted; one for each route. A message with another number than the next is refused, and MSA-4 names that one. Left out: MSH-13 and MSA-4 are passed on, and the backend's."`
	Batch      Batch             `json:"batch" doc:"Frames with several messages."`
	Profiles   []profile.Ref     `json:"profiles" doc:"What messages look like: declarations, each in place or in a file. A message is held against the first that is about its type and version."`
	Unprofiled string            `json:"unprofiled" enum:"pass|refuse" doc:"What becomes of a message that no profile is about: pass, which is the default, or refuse."`
	Rules      Rules             `json:"rules" doc:"What the messages of clients must meet beside being whole."`
}

// versions are the published ones.
var versions = []string{"2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"}

// defaultFrame is the greatest frame if nothing else is said: documents travel in OBX-5.
const defaultFrame = 10 << 20

// New returns the Codec that o describes. The error names every mistake in o.
func New(o Options, limits protocol.Limits) (*Codec, error) {
	if limits.Frame == 0 {
		limits.Frame = defaultFrame
	}
	limits = limits.WithDefaults()
	m := &mistakes{}
	c := &Codec{mllp: mllp{max: limits.Frame}, maxSegments: o.Segments, items: limits.Items, versions: o.Versions, batch: o.Batch,
		strict: o.Answers == "sender", prefix: newPrefix(), now: time.Now}
	for i, name := range o.Tolerate {
		t, ok := tolerances[name]
		if !ok {
			m.bad(fmt.Sprintf("tolerate[%d]", i), "there is no %q; there are blanks, no-start, bare-end, lines, keep-alive and all", name)
		}
		c.mllp.accept |= t
	}
	if c.maxSegments == 0 {
		c.maxSegments = 20000
	}
	if c.maxSegments < 0 {
		m.bad("segments", "must not be negative")
	}
	c.promises(m, &o)
	oneOf(m, "answers", o.Answers, "id", "sender")
	oneOf(m, "unreadable", o.Unreadable, "close", "drop")
	c.drops = o.Unreadable == "drop"
	oneOf(m, "batch.counts", o.Batch.Counts, "refuse", "accept")
	oneOf(m, "batch.answers", o.Batch.Answers, "all", "errors")
	oneOf(m, "batch.unnamed", o.Batch.Unnamed, "wait", "accepted")
	for i, v := range c.versions {
		if versionOf([]byte(v)) == 0 {
			m.bad(fmt.Sprintf("versions[%d]", i), "%q is no version such as 2.5.1", v)
		}
	}
	if len(c.versions) == 0 {
		c.versions, c.wantVersions = versions, "a version from 2.1 to 2.8.2"
	} else {
		c.wantVersions = "one of " + strings.Join(c.versions, ", ")
	}
	c.setCodes(m, o.Codes)
	if o.Batch.Answers == "errors" {
		for _, name := range slices.Sorted(maps.Keys(o.Codes)) {
			if o.Codes[name] == "" {
				m.bad("codes."+name, "with batch.answers: errors what is not told is accepted: a code must be said")
			}
		}
	}
	if o.Sequence != "" {
		if !filepath.IsAbs(o.Sequence) {
			m.bad("sequence", "%q depends on where the program was started: want the whole path", o.Sequence)
		}
		c.sequence = &sequences{path: o.Sequence}
	}
	c.setRules(m, &o.Rules)
	c.setProfiles(m, &o)
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// promises refuses what would release a sender from sending again while the message is in memory only. Here the journal will
// stand: what it has on stable storage may be acknowledged with CA, and a block of release 2 with 06.
func (c *Codec) promises(m *mistakes, o *Options) {
	switch o.Release {
	case 0, 1:
	case 2:
		m.bad("release", "a block of MLLP release 2 is acknowledged when it is in safe storage, which is a promise that needs a journal, and there is none yet; use release 1")
	default:
		m.bad("release", "there is no release %d of MLLP; there are 1 and 2", o.Release)
	}
	oneOf(m, "accept", o.Accept, "forward", "promise")
	if o.Accept == "promise" {
		m.bad("accept", "an acknowledgement of acceptance (CA) releases the sender from sending again, which is a promise that needs a journal, and there is none yet; use forward")
	}
}

func oneOf(m *mistakes, path, got string, list ...string) {
	if got != "" && !slices.Contains(list, got) {
		m.bad(path, "%q is none of %s", got, strings.Join(list, ", "))
	}
}

// allows reports whether a message may have this version.
func (c *Codec) allows(version []byte, number int) bool {
	return number != 0 && slices.Contains(c.versions, string(version))
}

// newPrefix returns what the codec's own control ids begin with. It cannot be guessed, so that no client's looks like one.
func newPrefix() string {
	const digits = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	prefix := []byte("SP")
	for _, b := range random {
		prefix = append(prefix, digits[int(b)%len(digits)])
	}
	return string(prefix)
}

// mistakes are the errors of a configuration, each beginning with its path.
type mistakes struct{ errs []error }

func (m *mistakes) bad(path, format string, args ...any) {
	m.errs = append(m.errs, fmt.Errorf(path+": "+format, args...))
}

func (m *mistakes) path(path, text string) (er7.Path, bool) {
	p, err := er7.ParsePath(text)
	if err != nil {
		m.bad(path, "%w", err)
	}
	return p, err == nil
}

func (c *Codec) setProfiles(m *mistakes, o *Options) {
	oneOf(m, "unprofiled", o.Unprofiled, "pass", "refuse")
	c.refuses = o.Unprofiled == "refuse"
	if c.refuses && len(o.Profiles) == 0 {
		m.bad("unprofiled", "there are no profiles: nothing would pass")
	}
	for i, ref := range o.Profiles {
		p, err := ref.Resolve()
		if err != nil {
			m.bad(fmt.Sprintf("profiles[%d]", i), "%w", err)
			continue
		}
		c.profiles = append(c.profiles, p)
	}
}
