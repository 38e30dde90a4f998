package resp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Getter compiles cmd (the command in capitals, both words of one that has parts), sub, nargs, arg.N, nkeys and key.N of a
// request, counted from 1, and type and err.code of an answer.
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	switch path {
	case "cmd":
		return func(m *protocol.Message) (protocol.Value, bool) {
			if m.Dir != protocol.FromClient || len(m.Spans) == 0 {
				return protocol.Value{}, false
			}
			return protocol.Value{Type: protocol.String, Text: m.Name, Raw: m.Spans[0].In(m.Body), Off: offset(m, 0)}, true
		}, nil
	case "sub":
		return c.argument(1), nil
	case "nargs":
		return func(m *protocol.Message) (protocol.Value, bool) {
			return number(len(m.Spans)-1, m)
		}, nil
	case "nkeys":
		return func(m *protocol.Message) (protocol.Value, bool) {
			n := 0
			if cmd := c.command(m); cmd != nil && m.Dir == protocol.FromClient {
				c.keyWords(m, cmd, func(int) { n++ })
			}
			return number(n, m)
		}, nil
	case "type":
		return func(m *protocol.Message) (protocol.Value, bool) {
			if m.Dir != protocol.FromBackend || len(m.Body) == 0 {
				return protocol.Value{}, false
			}
			return protocol.Value{Type: protocol.String, Text: m.Body[:1], Raw: m.Body[:1]}, true
		}, nil
	case "err.code":
		return func(m *protocol.Message) (protocol.Value, bool) {
			if m.Dir != protocol.FromBackend || !m.Failed {
				return protocol.Value{}, false
			}
			word := code(m.Body)
			off := 1
			if m.Body[0] == '!' {
				off = bytes.IndexByte(m.Body, '\n') + 1
			}
			return protocol.Value{Type: protocol.String, Text: word, Raw: word, Off: off}, true
		}, nil
	}
	kind, digits, ok := strings.Cut(path, ".")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || kind != "arg" && kind != "key" {
		return nil, fmt.Errorf("there is no %q: there are cmd, sub, nargs, arg.N, nkeys, key.N, type and err.code", path)
	}
	if n < 1 || n > defaultItems {
		return nil, errors.New("arguments and keys are counted from 1")
	}
	if kind == "arg" {
		return c.argument(n), nil
	}
	return func(m *protocol.Message) (v protocol.Value, ok bool) {
		cmd := c.command(m)
		if cmd == nil || m.Dir != protocol.FromClient {
			return v, false
		}
		k := 0
		c.keyWords(m, cmd, func(i int) {
			if k++; k == n {
				v, ok = text(m, i)
			}
		})
		return v, ok
	}, nil
}

func (c *Codec) argument(i int) protocol.Getter {
	return func(m *protocol.Message) (protocol.Value, bool) { return text(m, i) }
}

func text(m *protocol.Message, i int) (protocol.Value, bool) {
	if m.Dir != protocol.FromClient || i >= len(m.Spans) {
		return protocol.Value{}, false
	}
	p := m.Spans[i].In(m.Body)
	return protocol.Value{Type: protocol.String, Text: p, Raw: p, Off: offset(m, i)}, true
}

// offset returns where word i stands in the frame, -1 if it stands there in another form, as in an inline command.
func offset(m *protocol.Message, i int) int {
	if &m.Frame[0] != &m.Body[0] {
		return -1
	}
	return int(m.Spans[i].Off)
}

func number(n int, m *protocol.Message) (protocol.Value, bool) {
	if m.Dir != protocol.FromClient || len(m.Spans) == 0 {
		return protocol.Value{}, false
	}
	if n < len(decimals) {
		return protocol.Value{Type: protocol.Number, Text: decimals[n]}, true
	}
	return protocol.Value{Type: protocol.Number, Text: strconv.AppendInt(nil, int64(n), 10)}, true
}

// decimals are the numbers that need no memory.
var decimals = func() (texts [256][]byte) {
	for i := range texts {
		texts[i] = strconv.AppendInt(nil, int64(i), 10)
	}
	return texts
}()
