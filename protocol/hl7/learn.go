package hl7

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

var _ protocol.Learning = (*Codec)(nil)

// Learn returns who proposes profiles.
func (c *Codec) Learn() protocol.Learner { return learner{profile.NewLearner()} }

type learner struct{ *profile.Learner }

// Add notes order, number and length of what is in m. The lines of a mirror have asterisks in the place of what is a patient's,
// which have the length of that and no type.
func (l learner) Add(m *protocol.Message) {
	t := text(m)
	l.Learner.Add(&t, m.Name)
}

// KeepValues changes nothing: what the fields hold is in no mirror.
func (l learner) KeepValues() {}

// AppendOptions appends a profile for each type of message.
func (l learner) AppendOptions(dst []byte) []byte {
	dst = append(dst, "profiles:\n"...)
	for _, d := range l.Declarations() {
		dst = d.AppendYAML(dst, "  ")
	}
	return dst
}
