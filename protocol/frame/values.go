package frame

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// values is the framing of JSON values that stand one after another: an object or a
// list ends where its brackets are closed.
type values struct{ max, depth int }

// What Resume.State notes of the value that is being read.
const (
	between = iota
	inside
	inString
	inEscape
)

func (v *values) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	i := r.Off
	if r.State == between {
		for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
			i++
		}
		if i > 0 {
			return i, nil, nil
		}
		if len(data) == 0 {
			return 0, nil, nil
		}
		if data[0] != '{' && data[0] != '[' {
			return refuse(data, atEOF, broken(data, protocol.BadSyntax, 0, "frame.json", "an object or a list", "something else"))
		}
		r.State = inside
	}
	for ; i < len(data); i++ {
		if i >= v.max {
			return 0, nil, broken(data, protocol.TooLarge, v.max, "limits.frame", "a frame of at most "+strconv.Itoa(v.max)+" bytes", "more")
		}
		c := data[i]
		switch r.State {
		case inEscape:
			r.State = inString
		case inString:
			switch c {
			case '\\':
				r.State = inEscape
			case '"':
				r.State = inside
			}
		default:
			switch c {
			case '"':
				r.State = inString
			case '{', '[':
				if r.Depth++; int(r.Depth) > v.depth+1 { // one more than a codec allows, which then says so
					return 0, nil, broken(data, protocol.TooLarge, i, "limits.depth", "less nesting", "more")
				}
			case '}', ']':
				if r.Depth--; r.Depth == 0 {
					*r = protocol.Resume{}
					return i + 1, data[:i+1], nil
				}
			}
		}
	}
	r.Off = i
	return unfinished(data, atEOF)
}

func (v *values) Body(frame []byte) (body, head []byte) { return frame, nil }

func (v *values) Open(dst, _ []byte) []byte { return dst }

// Close ends the value with LF, which is white space, so that a reader of lines reads it too.
func (v *values) Close(dst []byte, start int) ([]byte, error) {
	if n := len(dst) - start; n == 0 || n > v.max {
		return dst[:start], tooLong(n, v.max)
	}
	return append(dst, '\n'), nil
}
