// Package frame tells where frames begin and end, for every codec whose framing can
// be declared: length headers, delimiters, fixed sizes, Content-Length, JSON values.
package frame

import (
	"bytes"

	"github.com/sallyport/sallyport/protocol"
)

// Framing finds and makes frames. It is immutable and safe for concurrent use.
type Framing interface {
	// Split is Split of protocol.Codec.
	Split(data []byte, atEOF bool, r *protocol.Resume) (advance int, frame []byte, err error)
	// Body returns what frame, which came from Split, holds, and the head that its
	// answer must give back. Both alias frame. A body of nil is a keep-alive.
	Body(frame []byte) (body, head []byte)
	// Open and Close are OpenFrame and CloseFrame of protocol.Codec.
	Open(dst, head []byte) []byte
	Close(dst []byte, start int) ([]byte, error)
}

// Refuse is the verdict of a Framing of another package on data that begins no frame: an error that names the protocol
// which data looks like, or a wait for the few bytes that tell which.
func Refuse(data []byte, atEOF bool, rule, want string) (int, []byte, error) {
	return refuse(data, atEOF, broken(data, protocol.BadSyntax, 0, rule, want, "other bytes"))
}

// Offset is where body, which aliases frame, begins in it.
func Offset(frame, body []byte) int {
	if off := cap(frame) - cap(body); off >= 0 && off < len(frame) && len(body) > 0 && &frame[off] == &body[0] {
		return off
	}
	return max(0, bytes.Index(frame, body))
}
