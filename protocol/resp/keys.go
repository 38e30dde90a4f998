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
	if cmd.streams {
		if s := c.streams(m); s.keys > 0 {
			for i := range (n - s.keys) / 2 {
				each(s.keys + i)
			}
		}
	}
	if cmd.options > 0 {
		c.options(m, cmd, func(i int, pattern bool) {
			if !pattern {
				each(i)
			}
		})
	}
}

// options goes over those options of SORT and GEORADIUS that name a key: one to store the result under, or, of SORT, the
// pattern of many. A pattern without * is that of none.
func (c *Codec) options(m *protocol.Message, cmd *command, each func(i int, pattern bool)) {
	for i := cmd.options; i < len(m.Spans)-1; i++ {
		switch word := c.word(m, i); {
		case bytes.EqualFold(word, []byte("STORE")), bytes.EqualFold(word, []byte("STOREDIST")):
			i++
			each(i, false)
		case bytes.EqualFold(word, []byte("BY")), bytes.EqualFold(word, []byte("GET")):
			i++
			if bytes.IndexByte(c.word(m, i), '*') >= 0 {
				each(i, true)
			}
		case bytes.EqualFold(word, []byte("COUNT")):
			i++
		case bytes.EqualFold(word, []byte("LIMIT")):
			i += 2
		}
	}
}

// roams reports whether m may be about keys that it does not name, as scripts and patterns are.
func (c *Codec) roams(m *protocol.Message, cmd *command) (roams bool) {
	if cmd.options > 0 {
		c.options(m, cmd, func(_ int, pattern bool) { roams = roams || pattern })
	}
	return roams || cmd.roams
}

// Keys appends of each key what decides where it lies: what stands in its first braces, if something does, so that a client
// can keep keys together (as in the specification of Redis Cluster), or all of it.
func (c *Codec) Keys(m *protocol.Message, keys [][]byte) ([][]byte, bool) {
	cmd := c.command(m)
	if cmd == nil {
		return keys, true
	}
	c.keyWords(m, cmd, func(i int) { keys = append(keys, tag(m.Spans[i].In(m.Body))) })
	return keys, cmd.every || cmd.options > 0 && c.roams(m, cmd)
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
	cmd := c.command(m)
	return cmd != nil && cmd.join != joinNot
}

// AppendPart appends the same command with the keys of one part, and with their values.
func (c *Codec) AppendPart(dst []byte, m *protocol.Message, owner []int, part int) ([]byte, error) {
	cmd := c.command(m)
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
	cmd := c.command(m)
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
	start := len(dst)
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
	for _, n := range left {
		if n > 0 {
			return dst[:start], errors.New("resp: the answer to a part has more values than keys")
		}
	}
	return dst, nil
}

// Police holds m against the commands and keys that may pass.
func (c *Codec) Police(m *protocol.Message) *protocol.Refusal {
	k := &c.known[m.Code]
	if !k.may {
		return &refusedCommand
	}
	if len(k.rules) == 0 {
		return nil
	}
	return c.policeKeys(m, k)
}

var refusedCommand = protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden,
	Reasons: []protocol.Reason{{Path: "cmd", Off: -1, Rule: "commands", Want: "a command that is allowed here"}}}

// policeKeys has each key match one of the rules for its command, if there are any. A command that can be about keys that
// it does not name passes only a rule that is about this command expressly. Cmd is nil for one that is not in the table.
func (c *Codec) policeKeys(m *protocol.Message, k *known) *protocol.Refusal {
	bad, n := -1, 0
	switch cmd := k.command; {
	case cmd == nil:
	case cmd.first > 0 && cmd.numkeys == 0 && !cmd.streams && cmd.options == 0: // most: no function is called for each
		last, step := cmd.last, max(cmd.step, 1)
		if last < 0 {
			last += len(m.Spans)
		}
		for i := cmd.first; i <= last && i < len(m.Spans); i += step {
			if n++; bad < 0 && !k.admits(m.Spans[i].In(m.Body)) {
				bad = n
			}
		}
	default:
		c.keyWords(m, cmd, func(i int) {
			if n++; bad < 0 && !k.admits(m.Spans[i].In(m.Body)) {
				bad = n
			}
		})
	}
	r := protocol.Reason{Off: -1, Rule: "keys", Want: "a key that is allowed for this command"}
	switch {
	case bad >= 0:
		r.Path = "key." + strconv.Itoa(bad)
	case !k.express && (k.command == nil || c.roams(m, k.command)), n == 0 && k.command != nil && k.keyed():
		r.Path, r.Want = "cmd", "a command that names every key it is about"
	default:
		return nil
	}
	return &protocol.Refusal{Class: protocol.Denied, Cause: protocol.Forbidden, Observed: k.observed, Reasons: []protocol.Reason{r}}
}

// admits reports whether one of the rules lets key pass.
func (k *known) admits(key []byte) bool {
	for _, rule := range k.rules {
		if rule.pattern.matches(key) {
			return true
		}
	}
	return false
}
