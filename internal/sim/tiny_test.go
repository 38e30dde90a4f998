package sim

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// tiny is a codec of lines: "R id text" is a request, "A id text" its answer, "E id" an
// error, "W id" a wait notice, "N text" a notification. "B" and lines joined by "|" are
// a batch.
type tiny struct{}

var (
	_ protocol.Codec    = tiny{}
	_ protocol.Rewriter = tiny{}
	_ protocol.Batching = tiny{}
)

func (tiny) Traits() protocol.Traits {
	return protocol.Traits{Name: "tiny", Modes: []protocol.Mode{protocol.Rewrite}, Tickets: 1 << 40, Wait: protocol.Interim, JSON: true}
}

func (tiny) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	if i := bytes.IndexByte(data[r.Off:], '\n'); i >= 0 {
		return r.Off + i + 1, data[:r.Off+i+1], nil
	}
	r.Off = len(data)
	if len(data) > 1<<16 || atEOF && len(data) > 0 {
		return 0, nil, &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: len(data), Rule: "line"}}
	}
	return 0, nil, nil
}

func (c tiny) Decode(dir protocol.Direction, frame []byte, m *protocol.Message) error {
	err := c.DecodeBody(dir, frame[:len(frame)-1], m)
	m.Frame = frame
	return err
}

func (tiny) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	m.Dir, m.Frame, m.Body = dir, body, body
	words := bytes.SplitN(body, []byte(" "), 3)
	kinds := map[string]protocol.Kind{"R": protocol.Request, "A": protocol.Response, "E": protocol.Response,
		"W": protocol.Progress, "N": protocol.OneWay, "B": protocol.Batch}
	m.Kind = kinds[string(words[0])]
	if m.Kind == protocol.Unknown || m.Kind != protocol.OneWay && m.Kind != protocol.Batch && len(words) < 2 {
		return &protocol.Malformed{Cause: protocol.BadShape, Reasons: []protocol.Reason{{Off: 0, Rule: "kind", Want: "R, A, E, W, N or B", Got: "text"}}}
	}
	m.Failed = words[0][0] == 'E'
	if len(words) > 1 && m.Kind != protocol.Batch && m.Kind != protocol.OneWay {
		m.ID = words[1]
		m.Name = words[1][:1]
	}
	return nil
}

func (tiny) Getter(path string) (protocol.Getter, error) {
	n, err := strconv.Atoi(path)
	if err != nil {
		return nil, fmt.Errorf("%q is no number of a word", path)
	}
	return func(m *protocol.Message) (protocol.Value, bool) {
		off := 0
		for i, word := range bytes.Split(m.Body, []byte(" ")) {
			if i == n {
				return protocol.Value{Type: protocol.String, Text: word, Raw: word, Off: off}, true
			}
			off += len(word) + 1
		}
		return protocol.Value{}, false
	}, nil
}

func (tiny) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	words := bytes.SplitN(m.Body, []byte(" "), 3)
	words[1] = id
	return append(dst, bytes.Join(words, []byte(" "))...), nil
}

func (tiny) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	if req == nil || len(req.ID) == 0 {
		return append(dst, "E ?"...), nil
	}
	return fmt.Appendf(dst, "E %s %s", req.ID, n.Cause), nil
}

func (tiny) OpenFrame(dst, _ []byte) []byte { return dst }

func (tiny) CloseFrame(dst []byte, start int) ([]byte, error) {
	if bytes.IndexByte(dst[start:], '\n') >= 0 {
		return dst[:start], fmt.Errorf("a line break in the body")
	}
	return append(dst, '\n'), nil
}

func (tiny) AppendTicket(dst []byte, n uint64) protocol.ID { return strconv.AppendUint(dst, n, 10) }

func (tiny) Ticket(id protocol.ID) (uint64, bool) {
	n, err := strconv.ParseUint(string(id), 10, 40)
	return n, err == nil
}

func (tiny) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	return append(bodies, bytes.Split(m.Body[2:], []byte("|"))...), nil
}

func (tiny) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	return append(append(dst, "B "...), bytes.Join(bodies, []byte("|"))...), nil
}

// tinySpeech asks "R n nonce".
func tinySpeech() Speech {
	return Speech{
		ID: func(n int) protocol.ID { return strconv.AppendInt(nil, int64(n), 10) },
		Request: func(dst []byte, id protocol.ID, nonce string) []byte {
			return fmt.Appendf(dst, "R %s %s", id, nonce)
		},
		Wait: func(m *protocol.Message) (protocol.ID, bool) { return m.ID, m.Kind == protocol.Progress },
	}
}

// tinyAnswer answers "R id text" with "A id text".
func tinyAnswer(m *protocol.Message) Answer {
	return Answer{Body: append([]byte("A"), m.Body[1:]...)}
}

// swapped returns a Handler that gives every second request the nonce of the one before.
func swapped() Handler {
	var last []byte
	n := 0
	return func(m *protocol.Message) Answer {
		words := bytes.SplitN(bytes.Clone(m.Body), []byte(" "), 3)
		nonce := words[2]
		if n++; n%2 == 0 {
			words[2] = last
		}
		last = nonce
		words[0] = []byte("A")
		return Answer{Body: bytes.Join(words, []byte(" "))}
	}
}
