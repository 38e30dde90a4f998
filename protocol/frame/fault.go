package frame

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// errMark is the error of Close for a body that holds the mark of its own end.
var errMark = errors.New("frame: the body holds a mark of the framing")

// errTooGreat is the error of CloseHead for a length that its field has no room for.
var errTooGreat = errors.New("frame: the length field has no room for so long a frame")

// errEmpty is the error of Close for a body that its framing could not tell from nothing.
var errEmpty = errors.New("frame: the body is empty")

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

// refuse ends the stream with err, or waits for the few bytes that tell which other
// protocol this is: the same bytes give the same error however they arrive.
func refuse(data []byte, atEOF bool, err *protocol.FrameError) (int, []byte, error) {
	if err.Foreign == "" && !atEOF && undecided(data) {
		return 0, nil, nil
	}
	if err.Foreign != "" {
		err.Cause, err.Reason.Got = protocol.BadSyntax, err.Foreign
	}
	return 0, nil, err
}

// stranger is the error for data that could be a frame, but is surely the beginning of
// another protocol. It is nil for anything that may be meant.
func stranger(data []byte) *protocol.FrameError {
	name := foreign(data)
	switch name {
	case "":
		return nil
	case "TLS":
		// One record that holds one ClientHello: the two lengths agree.
		if len(data) < 9 || data[5] != 1 || data[6] != 0 || int(data[3])<<8+int(data[4]) != 4+int(data[7])<<8+int(data[8]) {
			return nil
		}
	case "SSH":
		if !bytes.HasPrefix(data, []byte("SSH-2.0-")) && !bytes.HasPrefix(data, []byte("SSH-1.")) {
			return nil
		}
	case "HTTP":
		line := data[:min(len(data), 2048)]
		end := bytes.IndexAny(line, "\r\n")
		if end < 0 || !bytes.Contains(line[:end], []byte(" HTTP/")) {
			return nil
		}
	}
	return &protocol.FrameError{Cause: protocol.BadSyntax, Foreign: name,
		Reason: protocol.Reason{Path: "frame", Rule: "frame.foreign", Want: "the declared framing", Got: name}}
}

var signatures = [...]string{"SSH-", "GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE ", "PATCH ", "PRI * HTTP"}

// foreign names the protocol whose first bytes stand at the start of data: clients that
// have come to the wrong port.
func foreign(data []byte) string {
	if len(data) >= 3 && data[0] == 0x16 && data[1] == 0x03 && data[2] <= 0x04 {
		return "TLS"
	}
	if len(data) == 0 || data[0] < 'A' || data[0] > 'Z' {
		return ""
	}
	for i, s := range signatures {
		if len(data) >= len(s) && string(data[:len(s)]) == s {
			if i == 0 {
				return "SSH"
			}
			return "HTTP"
		}
	}
	return ""
}

// undecided says that more bytes could make data foreign.
func undecided(data []byte) bool {
	if len(data) == 0 || len(data) < 3 && string(data) == "\x16\x03"[:len(data)] {
		return true
	}
	for _, s := range signatures {
		if len(data) < len(s) && s[:len(data)] == string(data) {
			return true
		}
	}
	return false
}
