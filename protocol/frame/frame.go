// Package frame tells where frames begin and end, for every codec whose framing can
// be declared: length headers, delimiters, fixed sizes, Content-Length, JSON values.
package frame

import "github.com/sallyport/sallyport/protocol"

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
