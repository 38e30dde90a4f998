package sim

import (
	"bytes"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

// processing is how long a Registry takes from the acceptance of a message to its result.
const processing = 50 * time.Millisecond

// Registry returns a Handler that accepts whatever comes, as the patient registry of a hospital would: with one
// acknowledgement in original mode, and in enhanced mode with those that a message asks for, that of its result later and as a
// message of its own. A patient whose number begins with AE or AR is refused so.
func Registry(codec *hl7.Codec) Handler {
	number, err := codec.Getter("PID-3.1")
	if err != nil {
		panic(err) // the path is as it must be
	}
	return func(m *protocol.Message) Answer {
		code := "AA"
		if v, ok := number(m); ok && (bytes.HasPrefix(v.Text, []byte("AE")) || bytes.HasPrefix(v.Text, []byte("AR"))) {
			code = string(v.Text[:2])
		}
		words := "done"
		if code != "AA" {
			words = "no such patient here"
		}
		acceptance, result := codec.Answers(m, code, words)
		switch {
		case acceptance == nil:
			return Answer{Body: result}
		case result == nil:
			return Answer{Body: acceptance}
		}
		return Answer{Body: acceptance, Then: &Answer{Body: result, After: processing}}
	}
}
