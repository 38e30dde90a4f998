package splitter

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// ErrTooLarge is returned by Put when the answers would grow over the Gather's bound.
var ErrTooLarge = errors.New("splitter: the answers of this batch are too large together")

// Gather puts the answers to the members of one client's batch together, in the order
// of the members, whatever the order in which they come. It is not safe for concurrent use.
type Gather struct {
	answers [][]byte // by slot; nil: not there yet
	open    int      // slots without an answer
	size    int
	max     int
	sealed  bool
}

// NewGather returns a Gather for answers of at most max bytes together.
func NewGather(max int) *Gather { return &Gather{max: max} }

// Slot makes a place for one more answer. There is none for a member that hears no answer.
func (g *Gather) Slot() int {
	g.answers = append(g.answers, nil)
	g.open++
	return len(g.answers) - 1
}

// Put copies body into slot. A second Put for a slot changes nothing. It returns
// ErrTooLarge, and changes nothing, if the answers would be too large together.
func (g *Gather) Put(slot int, body []byte) error {
	if g.answers[slot] != nil {
		return nil
	}
	if g.size+len(body) > g.max {
		return ErrTooLarge
	}
	g.Force(slot, body)
	return nil
}

// Force is Put without the bound: for the short notice that stands in for an answer
// that was too large.
func (g *Gather) Force(slot int, body []byte) {
	if g.answers[slot] != nil {
		return
	}
	g.answers[slot] = append(make([]byte, 0, len(body)), body...)
	g.size += len(body)
	g.open--
}

// Seal says that no more slots will be made.
func (g *Gather) Seal() { g.sealed = true }

// Complete reports whether the Gather is sealed and every slot has its answer.
func (g *Gather) Complete() bool { return g.sealed && g.open == 0 }

// Answers returns the answers, by slot. They belong to the Gather.
func (g *Gather) Answers() [][]byte { return g.answers }

// AppendTo appends the body of the batch of all answers to dst. It appends nothing if
// no member hears an answer.
func (g *Gather) AppendTo(dst []byte, codec protocol.Batching) ([]byte, error) {
	if len(g.answers) == 0 {
		return dst, nil
	}
	return codec.AppendBatch(dst, g.answers)
}
