package resp

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// Bounds of what stands in one line.
const (
	maxLine   = 64 << 10 // a simple string, an error, an inline command
	maxNumber = 32       // a length or a count, CRLF included
)

// What Resume.State says of a frame that is not whole yet. Off is where the token begins that is not whole, Depth how
// many values are still to come.
const (
	stateBegin uint8 = iota
	stateToken       // nothing can be said before Need bytes are there
	stateLine        // the bytes before Need hold no line end
)

// Split finds the first value, with all that it contains, or the first line of an inline command. It looks at each byte
// of a line once and at none of a bulk string, however they arrive.
func (c *Codec) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if len(data) == 0 {
		return 0, nil, nil
	}
	if r.State == stateBegin {
		if n := c.quick(data); n > 0 {
			return n, data[:n], nil
		}
	}
	s := splitter{codec: c, data: data, open: 1}
	if r.State == stateBegin {
		if !typed(data[0]) {
			r.Depth = 0
			r.State, r.Off, r.Need = stateLine, 0, 0
		} else {
			r.State, r.Off, r.Need, r.Depth = stateToken, 0, 0, 1
		}
	}
	if r.State == stateToken && len(data) < r.Need {
		return s.unfinished(atEOF, r)
	}
	if r.Depth == 0 {
		return s.inline(atEOF, r)
	}
	s.pos, s.open = r.Off, int(r.Depth)
	if r.State == stateLine {
		s.seen = r.Need
	}
	for s.open > 0 {
		ok, err := s.token()
		if err != nil {
			return 0, nil, err
		}
		if !ok {
			r.Off, r.Depth = s.pos, int32(s.open)
			r.State, r.Need = stateLine, len(data)
			if s.need > 0 {
				r.State, r.Need = stateToken, s.need
			}
			return s.unfinished(atEOF, r)
		}
	}
	*r = protocol.Resume{}
	return s.pos, data[:s.pos], nil
}

// typed reports whether b is the first byte of a value.
func typed(b byte) bool {
	switch b {
	case '*', '$', '+', '-', ':', '_', '#', ',', '(', '!', '=', '%', '~', '|', '>':
		return true
	}
	return false
}

// splitter goes over the tokens of one frame: a line, with the bytes of a bulk string behind it.
type splitter struct {
	codec *Codec
	data  []byte
	pos   int // of the token
	open  int // values that are still to come
	seen  int // there is no line end before
	need  int // how many bytes the token wants
}

// token passes over the token at pos. It is false if that is not whole.
func (s *splitter) token() (bool, error) {
	if s.pos >= len(s.data) {
		s.need = s.pos + 1
		return false, nil
	}
	kind := s.data[s.pos]
	most := maxNumber
	if kind == '+' || kind == '-' || kind == '(' {
		most = maxLine
	}
	if !typed(kind) {
		return false, s.bad("type", "the type of a value", "another byte")
	}
	line, end, err := s.line(most)
	if err != nil || end == 0 {
		return false, err
	}
	s.seen = 0
	switch kind {
	case '$', '!', '=':
		return s.bulk(kind, line, end)
	case '*', '~', '%', '>', '|':
		return true, s.aggregate(kind, line, end)
	}
	if !wellFormed(kind, line) {
		return false, s.bad("number", "a value as its type says", "another text")
	}
	s.pos = end
	s.open--
	return true, s.fits(s.pos)
}

// line returns what stands between the type and the line end, and where the next token begins: 0 if there is no line end yet.
func (s *splitter) line(most int) (line []byte, end int, err error) {
	from := max(s.pos+1, s.seen)
	n := bytes.IndexByte(s.data[min(from, len(s.data)):], '\n')
	if n < 0 {
		return nil, 0, s.short(len(s.data), most)
	}
	at := from + n
	if err := s.short(at+1, most); err != nil {
		return nil, 0, err
	}
	if at == s.pos+1 || s.data[at-1] != '\r' {
		s.pos = at
		return nil, 0, s.bad("line end", "CR before LF", "a bare LF")
	}
	line = s.data[s.pos+1 : at-1]
	if cr := bytes.IndexByte(line, '\r'); cr >= 0 {
		s.pos += 1 + cr
		return nil, 0, s.bad("line end", "LF behind CR", "another byte")
	}
	return line, at + 1, nil
}

// bulk passes over a bulk string.
func (s *splitter) bulk(kind byte, line []byte, end int) (bool, error) {
	n, ok := count(line)
	if kind == '$' && string(line) == "-1" {
		s.pos, s.open = end, s.open-1
		return true, s.fits(s.pos)
	}
	if !ok || kind == '=' && n < 4 {
		return false, s.bad("length", "a length in decimal digits", "something else")
	}
	whole := end + n + 2
	if err := s.fits(whole); err != nil {
		return false, err
	}
	if len(s.data) < whole {
		s.need = whole
		return false, nil
	}
	if s.data[whole-2] != '\r' || s.data[whole-1] != '\n' {
		s.pos = whole - 2
		return false, s.bad("line end", "CR LF behind a string of the declared length", "other bytes")
	}
	s.pos, s.open = whole, s.open-1
	return true, nil
}

// aggregate passes over the head of an array, set, map, push or attribute. An attribute is no value itself.
func (s *splitter) aggregate(kind byte, line []byte, end int) error {
	n, ok := count(line)
	switch {
	case kind == '*' && string(line) == "-1":
		n = 0
	case !ok:
		return s.bad("count", "a count in decimal digits", "something else")
	case n > s.codec.limits.Items:
		return s.large("limits.items", "fewer elements")
	case kind == '>' && (s.pos > 0 || n == 0):
		return s.bad("type", "a push between two values and not within one", "another place")
	}
	switch kind {
	case '%':
		s.open += 2*n - 1
	case '|':
		s.open += 2 * n
	default:
		s.open += n - 1
	}
	s.pos = end
	// The least value takes three bytes.
	return s.fits(s.pos + 3*s.open)
}

// wellFormed reports whether line is what stands behind kind, of those types that are not any text: a script can have any
// for a big number.
func wellFormed(kind byte, line []byte) bool {
	switch kind {
	case ':':
		if _, err := strconv.ParseInt(string(line), 10, 64); err != nil {
			return false
		}
		return integer(line)
	case '_':
		return len(line) == 0
	case '#':
		return len(line) == 1 && (line[0] == 't' || line[0] == 'f')
	case ',':
		return double(line)
	}
	return true
}

// integer reports whether p is digits without leading zeros, perhaps behind a minus.
func integer(p []byte) bool {
	if len(p) > 1 && p[0] == '-' && p[1] != '0' {
		p = p[1:]
	}
	return digits(p) == len(p) && len(p) > 0 && (p[0] != '0' || len(p) == 1)
}

// double reports whether p is a number as C prints it.
func double(p []byte) bool {
	p = bytes.TrimPrefix(p, []byte("-"))
	switch string(p) {
	case "inf", "nan":
		return true
	}
	n := digits(p)
	if n == 0 {
		return false
	}
	if p = p[n:]; len(p) > 0 && p[0] == '.' {
		n = digits(p[1:])
		if p = p[1+n:]; n == 0 {
			return false
		}
	}
	if len(p) > 0 && (p[0] == 'e' || p[0] == 'E') {
		if p = p[1:]; len(p) > 0 && (p[0] == '+' || p[0] == '-') {
			p = p[1:]
		}
		n = digits(p)
		return n > 0 && n == len(p)
	}
	return len(p) == 0
}

// digits returns how many p begins with.
func digits(p []byte) (n int) {
	for n < len(p) && '0' <= p[n] && p[n] <= '9' {
		n++
	}
	return n
}

// count reads a length: digits, without a sign and without leading zeros.
func count(line []byte) (n int, ok bool) {
	if len(line) == 0 || len(line) > 10 || line[0] == '0' && len(line) > 1 {
		return 0, false
	}
	for _, d := range line {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}

// inline passes over a line, up to LF or CR LF.
func (s *splitter) inline(atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if err := s.stranger(atEOF); err != nil {
		return 0, nil, err
	}
	blank := s.data[0] == '\r' || s.data[0] == '\n'
	if !s.codec.opts.Inline && !blank {
		if s.mayBeForeign() && !atEOF {
			r.Need = 0
			return 0, nil, nil
		}
		return 0, nil, s.bad("type", "an array of bulk strings", "another byte")
	}
	n := bytes.IndexByte(s.data[r.Need:], '\n')
	if n < 0 {
		if err := s.short(len(s.data), maxLine); err != nil {
			return 0, nil, err
		}
		r.Need = len(s.data)
		return s.unfinished(atEOF, r)
	}
	end := r.Need + n + 1
	if err := s.short(end, maxLine); err != nil {
		return 0, nil, err
	}
	if blank && len(bytes.TrimRight(s.data[:end], "\r\n")) > 0 {
		return 0, nil, s.bad("type", "an array of bulk strings", "another byte")
	}
	*r = protocol.Resume{}
	return end, s.data[:end], nil
}

// foreign are the first bytes of those who have come to the wrong port.
var foreign = [...]struct{ begin, name string }{
	{"\x16\x03", "TLS"}, {"SSH-", "SSH"}, {"GET /", "HTTP"}, {"POST /", "HTTP"}, {"HEAD /", "HTTP"}, {"PUT /", "HTTP"},
	{"OPTIONS ", "HTTP"}, {"CONNECT ", "HTTP"}, {"DELETE /", "HTTP"}, {"PATCH /", "HTTP"}, {"PRI * HTTP", "HTTP"},
}

// stranger is the error for what is surely another protocol. Where inline commands are taken these are no commands.
func (s *splitter) stranger(bool) error {
	for _, f := range foreign {
		if bytes.HasPrefix(s.data, []byte(f.begin)) {
			err := s.bad("type", "an array of bulk strings", f.name)
			err.Foreign = f.name
			return err
		}
	}
	return nil
}

// mayBeForeign reports whether more bytes could tell which protocol this is.
func (s *splitter) mayBeForeign() bool {
	for _, f := range foreign {
		if len(s.data) < len(f.begin) && f.begin[:len(s.data)] == string(s.data) {
			return true
		}
	}
	return false
}

// short refuses a line from pos to end that is longer than it may be, or than the frame has room for. It names the limit
// that is reached first, however the bytes arrive.
func (s *splitter) short(end, most int) error {
	switch room := s.codec.limits.Frame - s.pos; {
	case room < most && end-s.pos > room:
		return s.large("limits.frame", "a shorter message")
	case room >= most && end-s.pos > most:
		return s.large("line", "a shorter line")
	}
	return nil
}

// fits refuses a frame of n bytes that is longer than it may be.
func (s *splitter) fits(n int) error {
	if n > s.codec.limits.Frame {
		return s.large("limits.frame", "a shorter message")
	}
	return nil
}

func (s *splitter) bad(rule, want, got string) *protocol.FrameError {
	return &protocol.FrameError{Cause: protocol.BadSyntax, Reason: protocol.Reason{Off: s.pos, Rule: rule, Want: want, Got: got}}
}

func (s *splitter) large(rule, want string) *protocol.FrameError {
	return &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: s.pos, Rule: rule, Want: want, Got: "a longer one"}}
}

// unfinished asks for more, of which there is none at the end of the stream.
func (s *splitter) unfinished(atEOF bool, _ *protocol.Resume) (int, []byte, error) {
	if !atEOF {
		return 0, nil, nil
	}
	return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax,
		Reason: protocol.Reason{Off: len(s.data), Rule: "end", Want: "the rest of the message", Got: "the end of the stream"}}
}
