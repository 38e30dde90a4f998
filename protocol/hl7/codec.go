package hl7

import (
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

// Codec is HL7 v2 over MLLP. It is immutable but for the count of its own messages, and safe for concurrent use.
type Codec struct {
	mllp         mllp
	maxSegments  int
	items        int
	versions     []string
	wantVersions string
	codes        codes
	drops        bool // what nobody can be told about
	strict       bool // an answer must name the sender of what it answers
	batch        Batch
	rules        rules
	sequence     *sequences // nil: sequence numbers are the backend's
	profiles     []*profile.Profile
	refuses      bool   // what no profile is about
	prefix       string // of the codec's own control ids
	own          atomic.Uint64
	now          func() time.Time
}

var (
	_ protocol.Codec      = (*Codec)(nil)
	_ protocol.Rewriter   = (*Codec)(nil)
	_ protocol.Scoped     = (*Codec)(nil)
	_ protocol.Matching   = (*Codec)(nil)
	_ protocol.Masking    = (*Codec)(nil)
	_ protocol.Sessioning = (*Codec)(nil)
	_ protocol.Policing   = (*Codec)(nil)
	_ protocol.Repeating  = (*Codec)(nil)
	_ protocol.Enveloping = (*Codec)(nil)
)

// Traits tells that results are matched by key, or by a control id of the gateway's own; that the order of what a client sends
// means something; and that a backend is expected to take one message at a time, as MLLP has it.
func (c *Codec) Traits() protocol.Traits {
	t := protocol.Traits{Name: "hl7", Modes: []protocol.Mode{protocol.Key, protocol.Rewrite}, Tickets: tickets, Frame: c.mllp.max, FrameTime: 30 * time.Second,
		InFlight: 1, Steady: true, Batches: true, Wait: protocol.NoWait, Echo: true, Acks: true}
	for class := range t.Says {
		t.Says[class] = protocol.Class(class) != protocol.Accepted
	}
	return t
}

// Split finds the first frame by MLLP.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	return c.mllp.Split(data, atEOF, r)
}

// OpenFrame and CloseFrame are those of MLLP.
func (c *Codec) OpenFrame(dst, _ []byte) []byte { return c.mllp.open(dst) }

// CloseFrame is described at OpenFrame.
func (c *Codec) CloseFrame(dst []byte, start int) ([]byte, error) { return c.mllp.close(dst, start) }
