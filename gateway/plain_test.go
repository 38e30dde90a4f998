package gateway

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// plain is a protocol for tests, one line a message, that can be made to say whatever a
// real protocol may say:
//
//	Q id text     request            A id text    response        B m|m|m   batch
//	N text        one-way            E id text    failed response K         keep-alive
//	P id          progress           M id text    part of a response
//
// Behind a line that ends in " @n" come n bytes more: such a message has a head.
//
// Its notices are "! id class cause outcome" and, for wait, "W id".
type plain struct {
	traits protocol.Traits
	max    int
}

func newPlain(change ...func(*protocol.Traits)) *plain {
	p := &plain{max: 1 << 10, traits: protocol.Traits{Name: "plain", Modes: []protocol.Mode{protocol.Rewrite, protocol.Key, protocol.FIFO, protocol.Exclusive},
		Tickets: 1 << 53, Batches: true, Wait: protocol.Interim}}
	for _, f := range change {
		f(&p.traits)
	}
	return p
}

func (p *plain) Traits() protocol.Traits { return p.traits }

func (p *plain) Split(data []byte, atEOF bool, r *protocol.Resume) (int, []byte, error) {
	i := bytes.IndexByte(data[r.Off:], '\n')
	switch {
	case i >= 0 && r.Off+i+1 <= p.max:
		n := r.Off + i + 1
		if rest := int(follows(data[:n])); n+rest > p.max {
			return 0, nil, &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: -1, Rule: "limits.frame"}}
		} else if len(data) < n+rest {
			return 0, nil, nil
		} else {
			n += rest
		}
		return n, data[:n], nil
	case len(data) > p.max:
		return 0, nil, &protocol.FrameError{Cause: protocol.TooLarge, Reason: protocol.Reason{Off: -1, Rule: "limits.frame"}}
	case atEOF && len(data) > 0:
		return 0, nil, &protocol.FrameError{Cause: protocol.BadSyntax}
	}
	r.Off = len(data)
	return 0, nil, nil
}

func (p *plain) Decode(dir protocol.Direction, frame []byte, m *protocol.Message) error {
	err := p.DecodeBody(dir, frame[:len(frame)-1], m)
	m.Frame = frame
	return err
}

func (p *plain) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	m.Dir, m.Frame, m.Body = dir, body, body
	kind, rest, _ := bytes.Cut(body, []byte(" "))
	id, text, _ := bytes.Cut(rest, []byte(" "))
	m.Name = []byte("plain")
	switch string(kind) {
	case "Q":
		m.Kind, m.ID = protocol.Request, id
	case "N":
		m.Kind = protocol.OneWay
	case "A", "M", "E":
		m.Kind, m.ID, m.More, m.Failed = protocol.Response, id, kind[0] == 'M', kind[0] == 'E'
	case "P":
		m.Kind, m.ID = protocol.Progress, id
	case "K":
		m.Kind = protocol.Keepalive
	case "B":
		m.Kind = protocol.Batch
	}
	if len(m.ID) == 1 && m.ID[0] == '-' {
		m.ID = nil
	}
	if m.Kind == protocol.Unknown || m.Kind != protocol.Batch && bytes.Contains(text, []byte("bad")) {
		return &protocol.Malformed{Cause: protocol.BadShape, Reasons: []protocol.Reason{{Path: "text", Off: 0, Rule: "plain", Want: "good"}}}
	}
	return nil
}

// follows returns how many bytes are behind the line that data begins with.
func follows(data []byte) int64 {
	line, _, ok := bytes.Cut(data, []byte("\n"))
	_, digits, at := bytes.Cut(line, []byte(" @"))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if !ok || !at || err != nil {
		return 0
	}
	return n
}

func (p *plain) SplitHead(data []byte, inline int) ([]byte, int64, error) {
	rest := follows(data)
	n := int64(bytes.IndexByte(data, '\n') + 1)
	if n == 0 || n+rest <= int64(inline) {
		return nil, 0, nil
	}
	return data[:n], rest, nil
}

func (p *plain) DecodeHead(dir protocol.Direction, head []byte, rest int64, m *protocol.Message) error {
	err := p.Decode(dir, head, m)
	m.Rest = rest
	return err
}

func (p *plain) AppendHead(dst []byte, m *protocol.Message, id protocol.ID, _ []byte) ([]byte, error) {
	dst, err := p.AppendWithID(dst, m, id)
	return append(dst, '\n'), err
}

func (p *plain) InHead(string) bool { return true }

func (p *plain) Getter(path string) (protocol.Getter, error) {
	return nil, fmt.Errorf("no path %q", path)
}

func (p *plain) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	if len(id) == 0 || len(m.ID) == 0 {
		return append(dst, m.Body...), nil
	}
	dst = append(dst, m.Body[:2]...)
	dst = append(dst, id...)
	return append(dst, m.Body[2+len(m.ID):]...), nil
}

func (p *plain) AppendNotice(dst []byte, m *protocol.Message, n *protocol.Notice) ([]byte, error) {
	id := protocol.ID("-")
	if m != nil {
		if m.Kind == protocol.OneWay {
			return dst, nil
		}
		if len(m.ID) > 0 {
			id = m.ID
		}
	}
	if n.Class == protocol.Accepted {
		return fmt.Appendf(dst, "W %s", id), nil
	}
	dst = fmt.Appendf(dst, "! %s %s %s", id, n.Class, n.Cause)
	if n.Unknown {
		dst = append(dst, " unknown"...)
	}
	return dst, nil
}

func (p *plain) OpenFrame(dst, _ []byte) []byte { return dst }

func (p *plain) CloseFrame(dst []byte, _ int) ([]byte, error) { return append(dst, '\n'), nil }

func (p *plain) AppendTicket(dst []byte, n uint64) protocol.ID {
	return strconv.AppendUint(dst, n, 10)
}

func (p *plain) Ticket(id protocol.ID) (uint64, bool) {
	n, err := strconv.ParseUint(string(id), 10, 64)
	return n, err == nil
}

func (p *plain) Members(m *protocol.Message, bodies [][]byte) ([][]byte, error) {
	return append(bodies, bytes.Split(m.Body[2:], []byte("|"))...), nil
}

func (p *plain) AppendBatch(dst []byte, bodies [][]byte) ([]byte, error) {
	dst = append(dst, "B "...)
	return append(dst, bytes.Join(bodies, []byte("|"))...), nil
}

func (p *plain) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	return append(dst, m.Frame...), nil
}
