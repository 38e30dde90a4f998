package resp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Learn returns who proposes the commands that may pass.
func (c *Codec) Learn() protocol.Learner { return &learner{codec: c, seen: map[string]int{}} }

type learner struct {
	codec *Codec
	seen  map[string]int
	args  int
}

// KeepValues does nothing: values of keys are nobody's business.
func (l *learner) KeepValues() {}

func (l *learner) Add(m *protocol.Message) {
	if l.codec.commands[string(m.Name)] == nil {
		return
	}
	l.seen[string(m.Name)]++
	l.args = max(l.args, len(m.Spans))
}

// AppendOptions appends the commands that were seen, and the greatest number of words in one.
func (l *learner) AppendOptions(dst []byte) []byte {
	names := slices.Sorted(maps.Keys(l.seen))
	dst = fmt.Appendf(dst, "allow: [%s]\n", strings.Join(names, ", "))
	return fmt.Appendf(dst, "max_args: %d\n", l.args)
}
