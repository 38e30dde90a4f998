package hl7

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// The bytes of MLLP.
const (
	blockStart = 0x0B // <SB>, a vertical tab
	blockEnd   = 0x1C // <EB>, a file separator
	carriage   = 0x0D
	committed  = 0x06 // of release 2: the block is in safe storage
	rejected   = 0x15 // of release 2: it is not
)

// tolerance is a set of deviations that are taken for what was meant.
type tolerance uint8

const (
	blanks  tolerance = 1 << iota // blanks, CR and LF between frames
	noStart                       // no 0B
	bareEnd                       // 1C without 0D, or with 0A
	lines                         // segments that end with LF or CRLF, empty ones, a byte order mark
	alive                         // 1C 0B between frames is a sign of life
)

var tolerances = map[string]tolerance{"blanks": blanks, "no-start": noStart, "bare-end": bareEnd, "lines": lines, "keep-alive": alive,
	"all": blanks | noStart | bareEnd | lines | alive}

// mllp finds frames. A strict one takes 0B, what is neither 0B nor 1C, 1C and 0D, and nothing else.
//
// With bareEnd a frame ends with 1C, since nobody knows whether more will come, and a 0D that follows belongs to nothing. What
// else stands between frames and is tolerated is a frame of its own that says nothing, so that it is seen.
type mllp struct {
	max    int
	accept tolerance
}

func (f *mllp) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	if r.Off == 0 {
		if n, token := f.between(data); n > 0 {
			return n, token, nil
		}
	}
	start := 1
	if data[0] != blockStart {
		if f.accept&alive != 0 && data[0] == blockEnd && len(data) == 1 && !atEOF {
			return 0, nil, nil
		}
		if f.accept&noStart == 0 || data[0] != 'M' && data[0] != 'F' && data[0] != 'B' {
			return frame.Refuse(data, atEOF, "mllp.start", "a frame that begins with 0B")
		}
		start = 0
	}
	from := max(r.Off, start)
	window := data[from:min(len(data), f.max)]
	end := bytes.IndexByte(window, blockEnd)
	if end >= 0 {
		window = window[:end]
	}
	if i := bytes.IndexByte(window, blockStart); i >= 0 {
		return f.broken(from+i, "mllp.end", "the end of the frame (1C 0D)", "another start (0B)")
	}
	if end < 0 {
		if len(data) >= f.max {
			return 0, nil, f.tooLarge()
		}
		r.Off = len(data)
		return f.unfinished(len(data), atEOF)
	}
	end += from
	if f.accept&bareEnd != 0 && end < f.max {
		*r = protocol.Resume{}
		return end + 1, data[:end+1], nil
	}
	if end+1 == len(data) {
		r.Off = end
		return f.unfinished(len(data), atEOF)
	}
	if data[end+1] != carriage {
		return f.broken(end+1, "mllp.end", "0D behind 1C", "another byte")
	}
	if end+2 > f.max {
		return 0, nil, f.tooLarge()
	}
	*r = protocol.Resume{}
	return end + 2, data[:end+2], nil
}

// between takes what may stand between two frames. A token is what Decode is to see of it.
func (f *mllp) between(data []byte) (n int, token []byte) {
	switch c := data[0]; {
	case c == carriage && f.accept&bareEnd != 0:
		return 1, nil
	case c == '\n' && f.accept&bareEnd != 0:
		return 1, data[:1]
	case (c == carriage || c == '\n' || c == ' ' || c == '\t') && f.accept&blanks != 0:
		return 1, data[:1]
	case c == blockEnd && len(data) > 1 && data[1] == blockStart && f.accept&alive != 0:
		return 2, data[:2]
	}
	return 0, nil
}

func (f *mllp) broken(off int, rule, want, got string) (int, []byte, error) {
	return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax, Reason: protocol.Reason{Path: "frame", Off: off, Rule: rule, Want: want, Got: got}}
}

func (f *mllp) tooLarge() error {
	return &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Path: "frame", Off: f.max, Rule: "limits.frame",
		Want: "a frame of at most " + strconv.Itoa(f.max) + " bytes", Got: "more"}}
}

func (f *mllp) unfinished(n int, atEOF bool) (int, []byte, error) {
	if !atEOF {
		return 0, nil, nil
	}
	return f.broken(n, "mllp.end", "the rest of the frame", "the end of the stream")
}

// body returns what a frame from Split holds, and which tolerances were used for its framing. It is nil for what stands
// between two frames.
func (f *mllp) body(data []byte) (body []byte, used tolerance) {
	switch {
	case len(data) == 1 && data[0] == '\n' && f.accept&bareEnd != 0:
		return nil, bareEnd
	case len(data) == 1:
		return nil, blanks
	case len(data) == 2 && data[0] == blockEnd:
		return nil, alive
	}
	if body = data; data[0] == blockStart {
		body = data[1:]
	} else {
		used = noStart
	}
	return body[:bytes.IndexByte(body, blockEnd)], used
}

func (f *mllp) open(dst []byte) []byte { return append(dst, blockStart) }

var (
	errEmpty = errors.New("hl7: the body is empty")
	errMark  = errors.New("hl7: the body holds 0B or 1C, which are marks of the framing")
)

func (f *mllp) close(dst []byte, start int) ([]byte, error) {
	body := dst[start+1:]
	switch {
	case len(body) == 0:
		return dst[:start], errEmpty
	case bytes.IndexByte(body, blockStart) >= 0 || bytes.IndexByte(body, blockEnd) >= 0:
		return dst[:start], errMark
	case len(body)+3 > f.max:
		return dst[:start], errors.New("hl7: a frame of more than " + strconv.Itoa(f.max) + " bytes")
	}
	return append(dst, blockEnd, carriage), nil
}
