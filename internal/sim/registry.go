package sim

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

// Registry returns a Handler that accepts whatever comes, as the patient registry of a hospital would.
// A patient whose number begins with AE or AR is refused so.
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
		return Answer{Body: codec.AppendAnswer(nil, m, code, words)}
	}
}
