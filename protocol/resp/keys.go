package resp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// places of keys among the words of m, as Redis' own table has them.
func (c *Codec) keyWords(m *protocol.Message, cmd *command, each func(i int)) {
	n := len(m.Spans)
	if cmd.first > 0 {
		last := cmd.last
		if last < 0 {
			last += n
		}
		for i := cmd.first; i <= last && i < n; i += max(cmd.step, 1) {
			each(i)
		}
	}
	if k := cmd.numkeys; k > 0 && k < n {
		count, err := strconv.Atoi(string(m.Spans[k].In(m.Body)))
		if err != nil || count < 0 {
			return // the server refuses it
		}
		for i := k + 1; i <= k+count && i < n; i++ {
			each(i)
		}
	}
	if !cmd.streams {
		return
	}
	for i := 1; i < n; i++ {
		if bytes.EqualFold(c.word(m, i), []byte("STREAMS")) {
			for j := range (n - i - 1) / 2 {
				each(i + 1 + j)
			}
			return
		}
	}
}

// Keys appends of each key what decides where it lies: what stands in its first braces, if something does, so that a client
// can keep keys together (as in the specification of Redis Cluster), or all of it.
func (c *Codec) Keys(m *protocol.Message, keys [][]byte) ([][]byte, bool) {
	cmd := c.commands[string(m.Name)]
	if cmd == nil {
		return keys, true
	}
	c.keyWords(m, cmd, func(i int) { keys = append(keys, tag(m.Spans[i].In(m.Body))) })
	return keys, cmd.every
}

func tag(key []byte) []byte {
	open := bytes.IndexByte(key, '{')
	if open < 0 {
		return key
	}
	if n := bytes.IndexByte(key[open+1:], '}'); n > 0 {
		return key[open+1 : open+1+n]
	}
	return key
}

// Divides reports whether m is MGET, MSET, DEL, UNLINK, EXISTS or TOUCH.
func (c *Codec) Divides(m *protocol.Message) bool {
	cmd := c.commands[string(m.Name)]
	return cmd != nil && cmd.join != joinNot
}

// AppendPart appends the same command with the keys of one part, and with their values.
func (c *Codec) AppendPart(dst []byte, m *protocol.Message, owner []int, part int) ([]byte, error) {
	cmd := c.commands[string(m.Name)]
	if cmd == nil || len(m.Spans) < 1+len(owner)*cmd.step {
		return dst, errors.New("resp: this command cannot be divided")
	}
	n := 0
	for _, o := range owner {
		if o == part {
			n += cmd.step
		}
	}
	dst = appendHead(dst, '*', 1+n)
	dst = appendBulk(dst, m.Name)
	for i, o := range owner {
		for j := range cmd.step {
			if o == part {
				dst = appendBulk(dst, m.Spans[cmd.first+i*cmd.step+j].In(m.Body))
			}
		}
	}
	return dst, nil
}

// Join makes one answer of those of the parts. MGET: the values in the order of the keys, where a part has failed its
// error for each of its keys. The others: the sum, or OK, or the first error.
func (c *Codec) Join(dst []byte, m *protocol.Message, owner []int, answers [][]byte) ([]byte, error) {
	cmd := c.commands[string(m.Name)]
	if cmd == nil {
		return dst, errors.New("resp: this command cannot be divided")
	}
	if cmd.join == joinList {
		return joinLists(dst, owner, answers)
	}
	sum := int64(0)
	for _, a := range answers {
		if len(a) == 0 {
			return dst, errors.New("resp: a part has no answer")
		}
		switch {
		case a[0] == '-' || a[0] == '!':
			return append(dst, a...), nil
		case cmd.join == joinOK:
			if string(a) != "+OK\r\n" {
				return dst, fmt.Errorf("resp: the answer to a part of %s is not OK", cmd.name)
			}
		default:
			v, err := strconv.ParseInt(string(bytes.TrimSuffix(a[1:], []byte("\r\n"))), 10, 64)
			if a[0] != ':' || err != nil {
				return dst, fmt.Errorf("resp: the answer to a part of %s is no integer", cmd.name)
			}
			sum += v
		}
	}
	if cmd.join == joinOK {
		return append(dst, "+OK\r\n"...), nil
	}
	return append(strconv.AppendInt(append(dst, ':'), sum, 10), '\r', '\n'), nil
}

func joinLists(dst []byte, owner []int, answers [][]byte) ([]byte, error) {
	parts := make([]tokens, len(answers))
	whole := make([]bool, len(answers)) // the part is one error
	left := make([]int, len(answers))
	for i, a := range answers {
		parts[i] = tokens{data: a}
		if !parts[i].next() {
			return dst, errors.New("resp: a part has no answer")
		}
		whole[i], left[i] = parts[i].kind == '-' || parts[i].kind == '!', parts[i].n
	}
	dst = appendHead(dst, '*', len(owner))
	for _, o := range owner {
		if whole[o] {
			dst = append(dst, answers[o]...)
			continue
		}
		if left[o] == 0 {
			return dst, errors.New("resp: the answer to a part has fewer values than keys")
		}
		left[o]--
		p := &parts[o]
		before := p.data
		for open := 1; open > 0; open-- {
			if !p.next() {
				return dst, errors.New("resp: the answer to a part ends early")
			}
			open += p.n
		}
		dst = append(dst, before[:len(before)-len(p.data)]...)
	}
	return dst, nil
}

// Police holds m against the commands and keys that may pass.
func (c *Codec) Police(m *protocol.Message) *protocol.Refusal {
	cmd := c.commands[string(m.Name)]
	if c.allowed != nil && !c.allowed[string(m.Name)] || cmd != nil && cmd.place == refused {
		return &refusedCommand
	}
	if cmd == nil || len(c.keys) == 0 {
		return nil
	}
	return c.policeKeys(m, cmd)
}

var refusedCommand = protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden,
	Reasons: []protocol.Reason{{Path: "cmd", Off: -1, Rule: "commands", Want: "a command that is allowed here"}}}

// policeKeys has each key match one of the rules for its command, if there are any.
func (c *Codec) policeKeys(m *protocol.Message, cmd *command) *protocol.Refusal {
	n := 0
	var refusal *protocol.Refusal
	c.keyWords(m, cmd, func(i int) {
		about, held, observed := false, false, true
		for k := range c.keys {
			rule := &c.keys[k]
			if rule.commands != nil && !rule.commands[cmd.name] {
				continue
			}
			about = true
			held = held || glob(rule.pattern, m.Spans[i].In(m.Body))
			observed = observed && rule.observe
		}
		if about && !held && refusal == nil {
			refusal = &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Observed: observed,
				Reasons: []protocol.Reason{{Path: "key." + strconv.Itoa(n), Off: int(m.Spans[i].Off), Rule: "keys", Want: "a key that is allowed for this command"}}}
		}
		n++
	})
	return refusal
}
