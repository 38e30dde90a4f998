package frame

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// contentLength is the framing of the Language Server Protocol: header lines, an empty
// one, and a body of Content-Length bytes.
type contentLength struct{ max int }

// maxHeader bounds the header lines.
const maxHeader = 8 << 10

var blank = []byte("\r\n\r\n")

func (c *contentLength) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if r.Need == 0 {
		if name := foreign(data); name != "" {
			return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax, Foreign: name,
				Reason: protocol.Reason{Path: "frame", Rule: "frame.header", Want: "header lines", Got: name}}
		}
		// Where the empty line was looked for stands in Depth: the lines before it are read
		// once more, when it is there, so Off must not pass them.
		searched := int(r.Depth)
		most := min(maxHeader, c.max)
		i := bytes.Index(data[searched:min(len(data), most)], blank)
		if i < 0 {
			if len(data) > most {
				return 0, nil, broken(data, protocol.TooLarge, 0, "frame.header", "header lines of at most "+strconv.Itoa(most)+" bytes", "more")
			}
			r.Depth = int32(max(len(data)-len(blank)+1, 0))
			return unfinished(data, atEOF)
		}
		head := searched + i + len(blank)
		n, err := c.length(data[:head-2])
		if err != nil {
			return 0, nil, err
		}
		if n > int64(c.max-head) {
			return 0, nil, broken(data, protocol.TooLarge, 0, "limits.frame", "a frame of at most "+strconv.Itoa(c.max)+" bytes", "more")
		}
		r.Off, r.Need = head, head+int(n)
	}
	if len(data) < r.Need {
		return unfinished(data, atEOF)
	}
	n := r.Need
	*r = protocol.Resume{}
	return n, data[:n], nil
}

// length reads the header lines. Content-Length must stand there exactly once.
func (c *contentLength) length(head []byte) (int64, error) {
	n, off := int64(-1), 0
	for len(head) > off {
		end := off + bytes.Index(head[off:], blank[:2])
		line := head[off:end]
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return 0, broken(head, protocol.BadSyntax, off, "frame.header", "Name: value", "another line")
		}
		if bytes.EqualFold(name, []byte("Content-Length")) {
			value = bytes.Trim(value, " \t")
			v, ok := decimal(value)
			if !ok || n >= 0 {
				return 0, broken(head, protocol.BadSyntax, off, "frame.header", "one Content-Length of decimal digits", "another")
			}
			n = v
		}
		off = end + 2
	}
	if n < 0 {
		return 0, broken(head, protocol.BadSyntax, 0, "frame.header", "a Content-Length", "none")
	}
	if n == 0 {
		return 0, broken(head, protocol.BadShape, 0, "frame.header", "a Content-Length above 0", "0")
	}
	return n, nil
}

// decimal reads digits, and nothing else.
func decimal(text []byte) (n int64, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(text) > 0
}

func (c *contentLength) Body(frame []byte) (body, head []byte) {
	return frame[bytes.Index(frame, blank)+len(blank):], nil
}

const contentName = "Content-Length: "

// room is left for the number, which is known only at the end.
const contentRoom = "0000000000\r\n\r\n"

func (c *contentLength) Open(dst, _ []byte) []byte {
	dst = append(dst, contentName...)
	return append(dst, contentRoom...)
}

func (c *contentLength) Close(dst []byte, start int) ([]byte, error) {
	from := start + len(contentName)
	n := len(dst) - from - len(contentRoom)
	var digits [20]byte
	number := strconv.AppendInt(digits[:0], int64(n), 10)
	if n <= 0 {
		return dst[:start], errEmpty
	}
	if total := len(contentName) + len(number) + len(blank) + n; total > c.max {
		return dst[:start], tooLong(total, c.max)
	}
	copy(dst[from:], number)
	end := from + len(number)
	end += copy(dst[end:], dst[from+len(contentRoom)-len(blank):])
	return dst[:end], nil
}
