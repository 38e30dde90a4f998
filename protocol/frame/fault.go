package frame

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// errMark is the error of Close for a body that holds the mark of its own end.
var errMark = errors.New("frame: the body holds a mark of the framing")

func tooLong(n, max int) error {
	return fmt.Errorf("frame: %d bytes do not fit a frame of %d", n, max)
}

// broken says that the stream is out of step, and names the protocol that it looks like.
func broken(data []byte, cause protocol.Cause, off int, rule, want, got string) *protocol.FrameError {
	return &protocol.FrameError{Cause: cause, Foreign: foreign(data),
		Reason: protocol.Reason{Path: "frame", Off: off, Rule: rule, Want: want, Got: got}}
}

// unfinished asks for more, of which there is none at the end of the stream.
func unfinished(data []byte, atEOF bool) (int, []byte, error) {
	if !atEOF || len(data) == 0 {
		return 0, nil, nil
	}
	return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax,
		Reason: protocol.Reason{Path: "frame", Off: len(data), Rule: "frame.end", Want: "the rest of the frame", Got: "the end of the stream"}}
}

// foreign names the protocol whose first bytes stand at the start of data: clients that
// have come to the wrong port.
func foreign(data []byte) string {
	switch {
	case len(data) < 3:
		return ""
	case data[0] == 0x16 && data[1] == 0x03 && data[2] <= 0x04:
		return "TLS"
	case bytes.HasPrefix(data, []byte("SSH-")):
		return "SSH"
	case data[0] < 'A' || data[0] > 'Z':
		return ""
	}
	for _, method := range [...]string{"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE ", "PATCH ", "PRI * HTTP"} {
		if bytes.HasPrefix(data, []byte(method)) {
			return "HTTP"
		}
	}
	return ""
}
