package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// store is a protocol for tests whose answers are paired by order, one line a message:
//
//	GET k, SET k v    SUM k k k (can be divided), ALL (is about every key), BOTH k k (cannot be divided)
//	BEGIN, END        binds its client to a connection, and ends that
//	POP k             has a connection alone and may take for ever
//	HELLO, QUIT       are answered by the gateway
//	RESET             is too, and gives up what binds its client
//
// Answers are "= text" and "- error"; "> text" is pushed. Notices are "! class cause".
type store struct {
	plain
	greeting string
}

func newStore() *store {
	s := &store{plain: *newPlain(func(t *protocol.Traits) {
		*t = protocol.Traits{Name: "store", Modes: []protocol.Mode{protocol.FIFO}, Ordered: true}
	})}
	return s
}

// What the memo holds between BEGIN and END.
const (
	storeBound = 1
	storeBad   = 2 // something was refused
)

func (c *store) Decode(dir protocol.Direction, frame []byte, m *protocol.Message) error {
	err := c.DecodeBody(dir, frame[:len(frame)-1], m)
	m.Frame = frame
	return err
}

func (c *store) DecodeBody(dir protocol.Direction, body []byte, m *protocol.Message) error {
	m.Dir, m.Frame, m.Body = dir, body, body
	word, _, _ := bytes.Cut(body, []byte(" "))
	m.Name = word
	if dir == protocol.FromBackend {
		m.Kind, m.Failed = protocol.Response, string(word) == "-"
		if string(word) == ">" {
			m.Kind = protocol.Push
		}
		return nil
	}
	m.Kind = protocol.Request
	if m.Memo != 0 {
		m.Bind = protocol.Own
	}
	switch string(word) {
	case "GET", "SET", "SUM", "BOTH", "ALL", "SECRET", "ODD", "TIME":
	case "BEGIN":
		m.Memo, m.Bind = storeBound, protocol.Own
	case "END":
		bad := m.Memo&storeBad != 0
		m.Memo, m.Bind = 0, protocol.Parting
		if bad {
			return &protocol.Malformed{Cause: protocol.BadContent}
		}
	case "POP":
		m.Holds = -1
		if m.Bind == protocol.Any {
			m.Bind = protocol.Alone
		}
	case "HELLO":
		m.Kind = protocol.SignOn
	case "RESET":
		m.Kind, m.Memo, m.Bind = protocol.SignOn, 0, protocol.Parting
	case "QUIT":
		m.Kind = protocol.SignOff
	default:
		return &protocol.Malformed{Cause: protocol.BadName}
	}
	return nil
}

func (c *store) AppendWithID(dst []byte, m *protocol.Message, _ protocol.ID) ([]byte, error) {
	return append(dst, m.Body...), nil
}

func (c *store) AppendNotice(dst []byte, _ *protocol.Message, n *protocol.Notice) ([]byte, error) {
	return fmt.Appendf(dst, "! %s %s", n.Class, n.Cause), nil
}

func (c *store) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	return fmt.Appendf(dst, "= %s\n", m.Name), nil
}

func (c *store) AppendGreeting(dst []byte) ([]byte, int) {
	if c.greeting == "" {
		return dst, 0
	}
	return append(dst, c.greeting...), strings.Count(c.greeting, "\n")
}

func (c *store) Greeted(i int, m *protocol.Message) error {
	if m.Failed {
		return errors.New("it does not let us in")
	}
	return nil
}

func (c *store) Refused(memo uint64, _ *protocol.Message) uint64 {
	if memo != 0 {
		memo |= storeBad
	}
	return memo
}

func (c *store) Keys(m *protocol.Message, keys [][]byte) ([][]byte, bool) {
	words := bytes.Fields(m.Body)
	switch string(words[0]) {
	case "GET", "SET", "POP":
		return append(keys, words[1]), false
	case "SUM", "BOTH":
		return append(keys, words[1:]...), false
	}
	return keys, string(words[0]) == "ALL"
}

func (c *store) Divides(m *protocol.Message) bool { return string(m.Name) == "SUM" }

func (c *store) AppendPart(dst []byte, m *protocol.Message, owner []int, part int) ([]byte, error) {
	dst = append(dst, "SUM"...)
	for i, k := range bytes.Fields(m.Body)[1:] {
		if owner[i] == part {
			dst = append(append(dst, ' '), k...)
		}
	}
	return dst, nil
}

// Join names the keys with what their part has answered.
func (c *store) Join(dst []byte, m *protocol.Message, owner []int, answers [][]byte) ([]byte, error) {
	dst = append(dst, '=')
	for i, k := range bytes.Fields(m.Body)[1:] {
		dst = fmt.Appendf(dst, " %s:%s", k, answers[owner[i]])
	}
	return dst, nil
}

func (c *store) Police(m *protocol.Message) *protocol.Refusal {
	switch string(m.Name) {
	case "SECRET":
		return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden}
	case "ODD":
		return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Observed: true}
	}
	return nil
}

var (
	_ protocol.Keyed       = (*store)(nil)
	_ protocol.Remembering = (*store)(nil)
	_ protocol.Greeting    = (*store)(nil)
	_ protocol.Policing    = (*store)(nil)
	_ protocol.Sessioning  = (*store)(nil)
)

// inStore is inWorld with a route that speaks store, to as many backends as there are names.
func inStore(t *testing.T, names string, change func(*Route), f func(w *world)) {
	t.Helper()
	inWorld(t, func(r *Route) {
		r.Codec = newStore()
		r.Backends = nil
		for _, name := range strings.Fields(names) {
			r.Backends = append(r.Backends, BackendConfig{Name: name, Connections: 1, Own: 2})
		}
		r.Timeouts.Answer = 10 * time.Second
		if change != nil {
			change(r)
		}
	}, f)
}
