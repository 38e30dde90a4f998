package hl7

import (
	"bytes"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7/er7"
)

// Bodies takes a file apart as people keep messages in: one after another, in lines that end with CR, LF or both, with empty
// lines between them or not, and perhaps with the bytes of MLLP. A batch is one body. It is false if data holds no message; a
// body belongs to the caller.
func (c *Codec) Bodies(data []byte) (bodies [][]byte, ok bool) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	var body []byte
	batch := false
	flush := func() {
		if len(body) > 0 {
			bodies = append(bodies, body)
		}
		body, batch = nil, false
	}
	for len(data) > 0 {
		var line []byte
		if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			line, data = data, nil
		}
		line = bytes.Trim(line, "\x0b\x1c")
		switch {
		case len(line) == 0:
			continue
		case bytes.HasPrefix(line, []byte("FHS")), bytes.HasPrefix(line, []byte("BHS")) && !batch:
			flush()
			batch = true
		case bytes.HasPrefix(line, []byte("MSH")) && !batch:
			flush()
		case body == nil && bodies == nil:
			return nil, false // it does not begin as a message does
		}
		body = append(append(body, line...), carriage)
		if bytes.HasPrefix(line, []byte("FTS")) {
			flush()
		}
	}
	flush()
	return bodies, len(bodies) > 0
}

// PathsOf returns what stands in m: its fields that are valued, by segment.
func (c *Codec) PathsOf(m *protocol.Message) (paths []string) {
	if len(m.Spans) <= firstSegment || m.Kind == protocol.Batch {
		return nil
	}
	t := text(m)
	seen := map[string]int{}
	for i := range t.Segments {
		name := string(t.Name(i))
		if !isCode([]byte(name)) {
			continue
		}
		seen[name]++
		n, rest, more := 1, t.Fields(i), true
		if er7.IsHeader([]byte(name)) {
			n = 2
		}
		for more = rest.Off >= 0; more; n++ {
			var f protocol.Span
			f, rest, more = t.Cut(rest, t.Delims.Field)
			if f.Len > 0 {
				p := er7.Path{Segment: name, Occurrence: seen[name], Field: n}
				paths = append(paths, p.String())
			}
		}
	}
	return paths
}

// Answers returns what a backend says of req, which it has processed with the result code (AA, AE or AR): in original mode that
// alone; in enhanced mode first that it has accepted req, or not if nobody asks for the result, and then the result, each as far
// as MSH-15 and 16 ask for it. The bodies are the caller's. It is for simulators and tests.
func (c *Codec) Answers(req *protocol.Message, code, words string) (acceptance, result []byte) {
	w := want(req)
	if w.original {
		return nil, c.AppendAnswer(nil, req, code, words)
	}
	good := code == "AA"
	accepted := good || w.application != never
	switch {
	case accepted && w.accept.success():
		acceptance = c.AppendAnswer(nil, req, "CA", "")
	case !accepted && w.accept.failure():
		acceptance = c.AppendAnswer(nil, req, "C"+code[1:], words)
	}
	if good && w.application.success() || !good && w.application.failure() {
		result = c.AppendAnswer(nil, req, code, words)
	}
	return acceptance, result
}

// AppendAnswer appends what a backend answers req with: an acknowledgement with a code such as AA and a text in MSA-3. It is
// for simulators and tests.
func (c *Codec) AppendAnswer(dst []byte, req *protocol.Message, code, words string) []byte {
	if len(req.Spans) <= firstSegment || req.Code&codeRead == 0 {
		return dst
	}
	a := newAnswer(c, req)
	a.version = min(a.version, 260) // which has MSA-3
	dst = a.appendMSA(a.appendHeader(dst), code, field(req, controlID), words)
	if code[1] == 'A' {
		return dst
	}
	dst = append(append(dst, "ERR"...), a.d.Field, a.d.Field, a.d.Field)
	dst = strconv.AppendInt(dst, 207, 10)
	return append(dst, a.d.Field, 'E', carriage)
}
