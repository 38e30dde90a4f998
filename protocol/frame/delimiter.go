package frame

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// delimiter is a framing with a mark at the end, and perhaps one at the start.
type delimiter struct {
	start, end []byte
	max        int
	foreign    bool // what looks like another protocol is this one
	lines      bool // a CR before LF belongs to the framing, and empty lines say nothing
}

func (d *delimiter) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if n := min(len(data), len(d.start)); !bytes.Equal(data[:n], d.start[:n]) {
		return refuse(data, atEOF, broken(data, protocol.BadSyntax, 0, "frame.start", "the declared start of a frame", "other bytes"))
	}
	from := max(r.Off, len(d.start))
	if from < len(data) {
		if i := bytes.Index(data[from:], d.end); i >= 0 {
			*r = protocol.Resume{}
			return d.found(data, from+i+len(d.end))
		}
	}
	if err := d.stranger(data[:min(len(data), d.max)]); err != nil {
		return 0, nil, err
	}
	if len(data) >= d.max {
		return 0, nil, broken(data, protocol.TooLarge, d.max, "limits.frame", "a frame of at most "+strconv.Itoa(d.max)+" bytes", "more")
	}
	r.Off = max(len(data)-len(d.end)+1, 0)
	return unfinished(data, atEOF)
}

func (d *delimiter) found(data []byte, n int) (int, []byte, error) {
	if n > d.max {
		if err := d.stranger(data[:d.max]); err != nil {
			return 0, nil, err
		}
		return 0, nil, broken(data, protocol.TooLarge, d.max, "limits.frame", "a frame of at most "+strconv.Itoa(d.max)+" bytes", "more")
	}
	frame := data[:n]
	if err := d.stranger(frame); err != nil {
		return 0, nil, err
	}
	body := frame[len(d.start) : n-len(d.end)]
	if len(d.start) > 0 && bytes.Contains(body, d.start) {
		return 0, nil, broken(data, protocol.BadSyntax, 0, "frame.start", "the end of the frame", "another start")
	}
	if d.lines && len(bytes.TrimRight(body, " \t\r")) == 0 {
		return n, nil, nil
	}
	return n, frame, nil
}

func (d *delimiter) stranger(data []byte) *protocol.FrameError {
	if d.foreign {
		return nil
	}
	return stranger(data)
}

func (d *delimiter) Body(frame []byte) (body, head []byte) {
	body = frame[len(d.start) : len(frame)-len(d.end)]
	if d.lines && len(body) > 0 && body[len(body)-1] == '\r' {
		body = bytes.TrimRight(body, "\r")
	}
	if len(body) == 0 {
		return nil, nil
	}
	return body, nil
}

// Marks returns the bytes that begin and end a frame.
func (d *delimiter) Marks() []byte { return append(bytes.Clone(d.start), d.end...) }

func (d *delimiter) Open(dst, _ []byte) []byte { return append(dst, d.start...) }

func (d *delimiter) Close(dst []byte, start int) ([]byte, error) {
	body := dst[start+len(d.start):]
	if len(body) == 0 {
		return dst[:start], errEmpty
	}
	// A CR before LF would be taken for framing.
	if len(d.start) > 0 && bytes.Contains(body, d.start) || d.lines && body[len(body)-1] == '\r' {
		return dst[:start], errMark
	}
	n := len(dst)
	dst = append(dst, d.end...)
	// The mark may also begin in the body and end in the mark behind it.
	if from := start + len(d.start); from+bytes.Index(dst[from:], d.end) != n {
		return dst[:start], errMark
	}
	if n := len(dst) - start; n > d.max {
		return dst[:start], tooLong(n, d.max)
	}
	return dst, nil
}

// fixed is a framing of frames that all have one size.
type fixed struct{ size int }

func (f *fixed) Split(data []byte, atEOF bool, _ *protocol.Resume) (int, []byte, error) {
	if err := stranger(data[:min(len(data), f.size)]); err != nil {
		return 0, nil, err
	}
	if len(data) < f.size {
		return unfinished(data, atEOF)
	}
	return f.size, data[:f.size], nil
}

func (f *fixed) Body(frame []byte) (body, head []byte) { return frame, nil }

func (f *fixed) Open(dst, _ []byte) []byte { return dst }

func (f *fixed) Close(dst []byte, start int) ([]byte, error) {
	if n := len(dst) - start; n != f.size {
		return dst[:start], tooLong(n, f.size)
	}
	return dst, nil
}
