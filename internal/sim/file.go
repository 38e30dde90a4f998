package sim

import (
	"bytes"
	"errors"
	"io"

	"github.com/sallyport/sallyport/protocol"
)

// Filed is a Codec of messages that people keep in files in another form than they travel in.
type Filed interface {
	// Bodies takes data apart. It is not ok if data is not of that form.
	Bodies(data []byte) (bodies [][]byte, ok bool)
}

// maxFile is how much of a file is read that may be in the form of a Filed codec.
const maxFile = 256 << 20

// framed returns what r holds in frames, if codec knows it in another form; otherwise it is what it is.
func framed(codec protocol.Codec, r io.Reader) (io.Reader, error) {
	filed, ok := codec.(Filed)
	if !ok {
		return r, nil
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("the file is greater than 256 MiB: part it")
	}
	if err != nil {
		return nil, err
	}
	bodies, ok := filed.Bodies(data)
	if !ok {
		return bytes.NewReader(data), nil
	}
	var stream []byte
	for _, body := range bodies {
		start := len(stream)
		stream = append(codec.OpenFrame(stream, nil), body...)
		if stream, err = codec.CloseFrame(stream, start); err != nil {
			return nil, err
		}
	}
	return bytes.NewReader(stream), nil
}
