package resp

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// What Memo holds of a client's connection.
const (
	memoThree uint64 = 1 << iota // it has asked for version 3
	memoMulti                    // a transaction is open
	memoWatch                    // keys are watched
	memoSub                      // it has subscribed
	memoState                    // it has changed its connection: SELECT, AUTH, CLIENT TRACKING
	memoDirty                    // a command of the transaction was refused
	memoVoid                     // MULTI itself was: the backend knows of no transaction

	memoBound = memoMulti | memoWatch | memoSub | memoState
)

// request reads what a client has sent.
func (c *Codec) request(body []byte, m *protocol.Message) error {
	m.Kind = protocol.Request
	switch {
	case body[0] != '*' && typed(body[0]):
		return malformed(protocol.BadShape, protocol.Reason{Rule: "type", Want: "an array of bulk strings", Got: "another type"})
	case body[0] != '*':
		var err error
		if body, err = c.words(body, m); err != nil {
			return err
		}
	}
	if err := c.arguments(body, m); err != nil {
		return err
	}
	if len(m.Spans) == 0 { // an empty request is passed over
		m.Kind = protocol.Keepalive
		return nil
	}
	cmd := c.name(m)
	if cmd == nil {
		path := "cmd"
		switch {
		case c.commands[string(m.Name)] != nil:
			path = "sub"
		case c.opts.Unknown == "pass" && len(m.Name) > 0:
			return c.bind(m, nil)
		}
		return malformed(protocol.BadName, protocol.Reason{Path: path, Rule: "command", Want: "a command that there is"})
	}
	if n := len(m.Spans); cmd.arity > 0 && n != cmd.arity || n < -cmd.arity || cmd.step > 1 && (n-cmd.first)%cmd.step != 0 {
		return malformed(protocol.BadContent, protocol.Reason{Path: "nargs", Rule: "arity",
			Want: strconv.Itoa(max(cmd.arity, -cmd.arity)-1) + atLeast(cmd.arity) + " arguments", Got: strconv.Itoa(n - 1)})
	}
	return c.bind(m, cmd)
}

func atLeast(arity int) string {
	if arity < 0 {
		return " or more"
	}
	return ""
}

func malformed(cause protocol.Cause, r protocol.Reason) error {
	if r.Off == 0 {
		r.Off = -1
	}
	return &protocol.Malformed{Cause: cause, Reasons: []protocol.Reason{r}}
}

// arguments notes where the words of a request stand.
func (c *Codec) arguments(body []byte, m *protocol.Message) error {
	m.Spans = m.Spans[:0]
	if c.quickArguments(body, m) {
		return nil
	}
	return c.slowArguments(body, m)
}

// slowArguments is arguments for any array, with an error for what may not be.
func (c *Codec) slowArguments(body []byte, m *protocol.Message) error {
	s := splitter{codec: c, data: body}
	line, end, err := s.line(maxNumber)
	if err != nil || end == 0 {
		return shape("count")
	}
	n, ok := count(line)
	if !ok {
		n = 0 // *-1
	}
	if n > c.opts.MaxArgs {
		return malformed(protocol.TooLarge, protocol.Reason{Path: "nargs", Rule: "max_args", Want: "at most " + strconv.Itoa(c.opts.MaxArgs) + " words", Got: strconv.Itoa(n)})
	}
	m.Spans = m.Spans[:0]
	for range n {
		s.pos = end
		if body[end] != '$' {
			return shape("a bulk string")
		}
		line, next, err := s.line(maxNumber)
		k, ok := count(line)
		if err != nil || !ok {
			return shape("a bulk string")
		}
		if c.opts.MaxArg > 0 && k > c.opts.MaxArg {
			return malformed(protocol.TooLarge, protocol.Reason{Path: "arg." + strconv.Itoa(len(m.Spans)), Off: next, Rule: "max_arg",
				Want: "at most " + strconv.Itoa(c.opts.MaxArg) + " bytes", Got: strconv.Itoa(k) + " bytes"})
		}
		m.Spans = append(m.Spans, protocol.Span{Off: int32(next), Len: int32(k)})
		end = next + k + 2
	}
	return nil
}

func shape(want string) error {
	return malformed(protocol.BadShape, protocol.Reason{Rule: "type", Want: want, Got: "another type"})
}

// words makes the body of m out of an inline command: words between blanks, in quotes if they hold some (as sdssplitargs
// of Redis has it).
func (c *Codec) words(line []byte, m *protocol.Message) ([]byte, error) {
	var words [][]byte
	rest := bytes.Trim(line, "\r\n")
	for {
		rest = bytes.TrimLeft(rest, " \t\x00")
		if len(rest) == 0 {
			break
		}
		word, n, ok := unquote(rest)
		if !ok || len(words) >= c.opts.MaxArgs {
			return nil, malformed(protocol.BadSyntax, protocol.Reason{Rule: "inline", Want: "balanced quotes"})
		}
		words = append(words, word)
		rest = rest[n:]
	}
	m.Scratch = appendCommand(m.Scratch[:0], words...)
	m.Body = m.Scratch
	return m.Body, nil
}

// unquote reads the word that p begins with, n bytes of it.
func unquote(p []byte) (word []byte, n int, ok bool) {
	quote := byte(0)
	for n < len(p) {
		switch b := p[n]; {
		case quote == 0 && (b == ' ' || b == '\t' || b == 0):
			return word, n, true
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case quote != 0 && b == quote:
			return word, n + 1, n+1 == len(p) || p[n+1] == ' ' || p[n+1] == '\t'
		case quote == '"' && b == '\\' && n+1 < len(p):
			n++
			if p[n] == 'x' && n+2 < len(p) {
				if v, err := strconv.ParseUint(string(p[n+1:n+3]), 16, 8); err == nil {
					word = append(word, byte(v))
					n += 2
					break
				}
			}
			if i := bytes.IndexByte([]byte("nrtba"), p[n]); i >= 0 {
				word = append(word, "\n\r\t\b\a"[i])
			} else {
				word = append(word, p[n])
			}
		case quote == '\'' && b == '\\' && n+1 < len(p) && p[n+1] == '\'':
			n++
			word = append(word, '\'')
		default:
			word = append(word, b)
		}
		n++
	}
	return word, n, quote == 0
}

// appendCommand appends a request of these words.
func appendCommand[T []byte | string](dst []byte, words ...T) []byte {
	dst = appendHead(dst, '*', len(words))
	for _, w := range words {
		dst = appendBulk(dst, w)
	}
	return dst
}

func appendHead(dst []byte, kind byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, kind), int64(n), 10)
	return append(dst, '\r', '\n')
}

func appendBulk[T []byte | string](dst []byte, p T) []byte {
	dst = appendHead(dst, '$', len(p))
	return append(append(dst, p...), '\r', '\n')
}

// name finds the command that m is, and gives m its name in capitals.
func (c *Codec) name(m *protocol.Message) *command {
	first := m.Spans[0].In(m.Body)
	if code := c.lookup.find(first); code > 0 && !c.known[code].container {
		k := &c.known[code]
		m.Name, m.Code = k.word, code
		return k.command
	}
	at := len(m.Scratch)
	if len(m.Body) == 0 || at == 0 || &m.Body[0] != &m.Scratch[0] {
		m.Scratch, at = m.Scratch[:0], 0 // nothing of it is in use
	}
	if len(first) > 64 || bytes.IndexByte(first, ' ') >= 0 { // of what the table has with a blank, the parts are two words
		m.Name = nil
		return nil
	}
	m.Scratch = appendUpper(m.Scratch, first)
	m.Name = m.Scratch[at:]
	cmd := c.commands[string(m.Name)]
	if cmd == nil {
		return nil
	}
	if !cmd.container || len(m.Spans) < 2 {
		m.Code = cmd.code
		return cmd
	}
	if sub := m.Spans[1].In(m.Body); len(sub) <= 64 {
		m.Scratch = appendUpper(append(m.Scratch, ' '), sub)
		if part := c.commands[string(m.Scratch[at:])]; part != nil {
			m.Name, m.Code = m.Scratch[at:], part.code
			return part
		}
		if cmd.place == refused || string(m.Scratch[at+len(m.Name)+1:]) == "HELP" {
			m.Code = cmd.code
			return cmd
		}
	}
	return nil // nobody can say what a part that is not in the table does to its connection
}

func appendUpper(dst, word []byte) []byte {
	for _, b := range word {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}

// bind decides over which connection m goes, and what is to be remembered after it. Cmd is nil for a command that is not
// in the table.
func (c *Codec) bind(m *protocol.Message, cmd *command) error {
	if m.Memo == 0 && m.Code > 0 && c.known[m.Code].plain {
		return nil
	}
	before := m.Memo & memoBound
	if c.opts.Version == 3 {
		m.Head = c.head(m, cmd)
	}
	if m.Memo&memoVoid != 0 {
		c.void(m)
		return nil
	}
	if cmd == nil {
		m.Bind = bound(before, before, false)
		return nil
	}
	if cmd.place == refused && !c.idle(m, cmd) {
		return nil // Police says so
	}
	needsOwn := cmd.place == own
	switch cmd.name {
	case "MULTI":
		m.Memo |= memoMulti
	case "EXEC", "DISCARD":
		if m.Memo&memoMulti == 0 {
			break // an error, and what is watched stays so
		}
		if m.Memo&memoDirty != 0 && cmd.name == "EXEC" {
			m.Head = aborts
		}
		m.Memo &^= memoMulti | memoWatch | memoDirty
	case "WATCH":
		m.Memo |= memoWatch
	case "CLIENT TRACKING":
		for i := 3; i < len(m.Spans); i++ {
			if bytes.EqualFold(c.word(m, i), []byte("REDIRECT")) {
				return malformed(protocol.BadContent, protocol.Reason{Path: "arg." + strconv.Itoa(i), Rule: "redirect", Want: "no REDIRECT: it could name another's connection"})
			}
		}
		m.Memo |= memoState
	case "UNWATCH":
		if m.Memo&memoMulti == 0 {
			m.Memo &^= memoWatch
		}
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
		if m.Memo&memoMulti != 0 {
			return notQueued()
		}
		m.Memo |= memoSub
	case "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		if m.Memo&memoMulti != 0 {
			return notQueued()
		}
		if before == 0 { // it ends nothing, and yet has an answer for each channel
			m.Bind = protocol.Alone
			return nil
		}
	case "RESET": // at the backend it would undo the greeting too
		m.Memo, m.Head = 0, nil
		m.Kind = protocol.SignOn
		if before != 0 {
			m.Bind = protocol.Parting
		}
		return nil
	case "SELECT", "CLIENT REPLY":
		if c.idle(m, cmd) {
			m.Kind = protocol.SignOn
			return nil
		}
		if needsOwn {
			m.Memo |= memoState
		}
	case "HELLO":
		if m.Memo&memoMulti != 0 {
			return notQueued()
		}
		return c.hello(m)
	case "QUIT":
		m.Kind = protocol.SignOff
		return nil
	default:
		if needsOwn {
			m.Memo |= memoState
		}
	}
	if m.Memo&memoMulti != 0 && len(m.Head) == 2 && m.Head[1]&(shapeFlat|shapePairs) != 0 && c.differs(m, cmd) {
		return notQueued() // EXEC tells nothing of the commands whose answers it has
	}
	if cmd.place == local && before == 0 {
		m.Kind = protocol.SignOn
		return nil
	}
	m.Bind = bound(before, m.Memo&memoBound, cmd.place == own && before|m.Memo&memoBound != 0)
	if holds, ok := c.holds(m, cmd); ok && m.Memo&memoMulti == 0 { // in a transaction nothing waits
		m.Holds = holds
		m.Bind = max(m.Bind, protocol.Alone)
	}
	return nil
}

// idle reports whether m asks a connection that nothing has changed for what it does anyway.
func (c *Codec) idle(m *protocol.Message, cmd *command) bool {
	switch cmd.name {
	case "SELECT":
		return m.Memo&memoBound == 0 && string(c.word(m, 1)) == strconv.Itoa(c.opts.Database)
	case "CLIENT REPLY":
		return m.Memo&memoBound == 0 && bytes.EqualFold(c.word(m, 2), []byte("ON"))
	}
	return false
}

func bound(before, after uint64, needs bool) protocol.Bind {
	switch {
	case after != 0 || needs && before == 0:
		return protocol.Own
	case before != 0:
		return protocol.Parting
	}
	return protocol.Any
}

// void is what becomes of m behind a MULTI that was refused. What its client has meant for the transaction, and has perhaps
// sent already, must not be carried out by itself. Who sends something else than an end of it is told so, and closed.
func (c *Codec) void(m *protocol.Message) {
	m.Kind = protocol.SignOn
	switch string(m.Name) {
	case "EXEC", "DISCARD":
		m.Memo &^= memoMulti | memoDirty | memoVoid
	case "RESET":
		m.Memo = 0
		m.Bind = protocol.Parting
	default:
		m.Kind = protocol.SignOff
	}
}

// differs reports whether the answer to m has another shape in version 2.
func (c *Codec) differs(m *protocol.Message, cmd *command) bool {
	for i := 2; i < len(m.Spans); i++ {
		if word := c.word(m, i); bytes.EqualFold(word, []byte("WITHSCORES")) || bytes.EqualFold(word, []byte("WITHVALUES")) {
			return true
		}
	}
	return cmd.counts > 0 || cmd.streams
}

// notQueued refuses in a transaction what has not one answer, or another than QUEUED.
func notQueued() error {
	return malformed(protocol.BadContent, protocol.Reason{Path: "cmd", Rule: "transaction", Want: "a command that a transaction can hold"})
}

// Refused notes that a command of a transaction was, or its beginning.
func (c *Codec) Refused(memo uint64, m *protocol.Message) uint64 {
	switch {
	case memo&memoMulti != 0:
		memo |= memoDirty
	case string(m.Name) == "MULTI":
		memo |= memoMulti | memoDirty | memoVoid
	}
	return memo
}

// hello is the choice of a version. One that authenticates becomes an AUTH, for a connection of the client's own.
func (c *Codec) hello(m *protocol.Message) error {
	if len(m.Spans) > 1 {
		switch string(c.word(m, 1)) {
		case "2":
			m.Memo &^= memoThree
		case "3":
			if c.opts.Version != 3 {
				return malformed(protocol.BadContent, protocol.Reason{Path: "arg.1", Rule: "version", Want: "version 2"})
			}
			m.Memo |= memoThree
		default:
			return malformed(protocol.BadContent, protocol.Reason{Path: "arg.1", Rule: "version", Want: "version 2 or 3"})
		}
	}
	auth := 0
	for i := 2; i < len(m.Spans); i++ {
		switch left := len(m.Spans) - i; {
		case left > 1 && bytes.EqualFold(c.word(m, i), []byte("SETNAME")):
			i++
		case left > 2 && bytes.EqualFold(c.word(m, i), []byte("AUTH")):
			auth = i
			i += 2
		default:
			return malformed(protocol.BadContent, protocol.Reason{Path: "arg." + strconv.Itoa(i), Rule: "option", Want: "AUTH with two words, or SETNAME with one"})
		}
	}
	if auth == 0 {
		m.Kind = protocol.SignOn
		return nil
	}
	at := len(m.Scratch)
	m.Scratch = appendCommand(m.Scratch, []byte("AUTH"), c.word(m, auth+1), c.word(m, auth+2))
	m.Body = m.Scratch[at:]
	if err := c.arguments(m.Body, m); err != nil {
		return err
	}
	m.Name, m.Code = c.word(m, 0), c.commands["AUTH"].code
	m.Head = helloTwo
	if m.Memo&memoThree != 0 {
		m.Head = helloThree
	}
	m.Bind = protocol.Own
	m.Memo |= memoState
	return nil
}

// word returns word i of a request, nil if it has none.
func (c *Codec) word(m *protocol.Message, i int) []byte {
	if i < 0 || i >= len(m.Spans) {
		return nil
	}
	return m.Spans[i].In(m.Body)
}

// holds reports whether a command may wait at the server, and how long, negative for ever. A time that cannot be read is 0:
// the server may understand it, as it does hexadecimal ones, and it still must not wait where others do.
func (c *Codec) holds(m *protocol.Message, cmd *command) (time.Duration, bool) {
	switch {
	case cmd.streams:
		s := c.streams(m)
		if s.block == 0 {
			return 0, s.keys == 0
		}
		return wait(c.word(m, s.block), time.Millisecond), true
	case cmd.waits != 0:
		i, unit := cmd.waits, time.Second
		if i < 0 {
			i += len(m.Spans)
		}
		if strings.HasPrefix(cmd.name, "WAIT") {
			unit = time.Millisecond
		}
		return wait(c.word(m, i), unit), true
	}
	return 0, cmd.place == alone
}

// streams are places in XREAD and XREADGROUP, 0 for what is not there.
type streams struct {
	block int // the word that says how long it may wait
	keys  int // the first key
}

// streams goes over the options as Redis does: a group may have the name of one.
func (c *Codec) streams(m *protocol.Message) (s streams) {
	for i := 1; i < len(m.Spans); {
		switch word := c.word(m, i); {
		case bytes.EqualFold(word, []byte("BLOCK")):
			s.block = i + 1
			i += 2
		case bytes.EqualFold(word, []byte("COUNT")):
			i += 2
		case bytes.EqualFold(word, []byte("GROUP")):
			i += 3
		case bytes.EqualFold(word, []byte("NOACK")):
			i++
		case bytes.EqualFold(word, []byte("STREAMS")):
			s.keys = i + 1
			return s
		default:
			return s
		}
	}
	return s
}

// wait reads a time.
func wait(text []byte, unit time.Duration) time.Duration {
	if len(text) > 32 {
		return 0
	}
	f, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil, f < 0, math.IsNaN(f):
		return 0
	case f == 0, f*float64(unit) > math.MaxInt64/4:
		return -1
	}
	return time.Duration(f * float64(unit))
}
