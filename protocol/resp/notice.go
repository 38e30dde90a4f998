package resp

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// AppendNotice appends an error in the words of Redis, from which clients take what to do: ERR, NOPERM, TRYAGAIN, LOADING
// (most try again after both) and EXECABORT. It names no argument.
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	var cmd *command
	if req != nil {
		cmd = c.command(req)
	}
	dst = append(dst, '-')
	switch n.Class {
	case protocol.Accepted:
		return dst[:len(dst)-1], nil
	case protocol.Fix:
		dst = c.appendFix(dst, req, cmd, n)
	case protocol.Denied:
		dst = append(dst, "NOPERM "...)
		dst = appendWhy(dst, n)
	case protocol.Later:
		if n.Cause == protocol.BackendDown {
			dst = append(dst, "LOADING "...) // a state of the server that passes, as clients know it
		} else {
			dst = append(dst, "TRYAGAIN "...)
		}
		dst = appendWhy(dst, n)
	default:
		dst = append(dst, "ERR "...)
		switch n.Cause {
		case protocol.AnswerTimeout:
			dst = append(dst, "backend timeout"...)
		case protocol.BackendLost:
			dst = append(dst, "backend connection lost"...)
		default:
			dst = appendWhy(dst, n)
		}
		if n.Unknown {
			dst = append(dst, "; the command may have been executed"...)
		}
	}
	return append(dst, '\r', '\n'), nil
}

func (c *Codec) appendFix(dst []byte, req *protocol.Message, cmd *command, n *protocol.Notice) []byte {
	rule := ""
	if len(n.Reasons) > 0 {
		rule = n.Reasons[0].Rule
	}
	switch {
	case req == nil:
		dst = append(dst, "ERR Protocol error: "...)
	case rule == "version":
		return append(dst, "NOPROTO unsupported protocol version"...)
	case n.Cause == protocol.BadName && rule == "command" && n.Reasons[0].Path == "sub":
		return append(dst, "ERR unknown subcommand"...)
	case n.Cause == protocol.BadName:
		return append(dst, "ERR unknown command"...)
	case rule == "arity" && cmd != nil:
		dst = append(dst, "ERR wrong number of arguments for '"...)
		return append(append(dst, cmd.lower...), "' command"...)
	default:
		dst = append(dst, "ERR "...)
	}
	return appendWhy(dst, n)
}

// appendWhy appends the first reason, or what the cause says.
func appendWhy(dst []byte, n *protocol.Notice) []byte {
	if len(n.Reasons) == 0 {
		return append(dst, n.Cause.Text()...)
	}
	return appendClean(dst, n.Reasons[0].AppendText(nil))
}

// AppendReply answers what is of the client's connection alone.
func (c *Codec) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	if m.Memo&memoVoid != 0 && string(m.Name) != "QUIT" {
		return append(dst, "-ERR MULTI was refused: nothing of the transaction is carried out\r\n"...), nil
	}
	switch string(m.Name) {
	case "":
		return dst, nil // an empty request
	case "RESET":
		return append(dst, "+RESET\r\n"...), nil
	case "EXEC": // behind a MULTI that was refused, as what follows
		return append(dst, execAbort...), nil
	case "CLIENT GETNAME":
		if m.Memo&memoThree != 0 {
			return append(dst, "_\r\n"...), nil
		}
		return append(dst, "$-1\r\n"...), nil
	case "CLIENT ID":
		return append(dst, ":1\r\n"...), nil
	case "HELLO":
		return appendHello(dst, byte(2+m.Memo&memoThree)), nil
	}
	return append(dst, "+OK\r\n"...), nil
}

// appendHello appends the answer to HELLO in version 2 or 3.
func appendHello(dst []byte, version byte) []byte {
	if version == 3 {
		dst = append(dst, "%6\r\n"...)
	} else {
		dst = append(dst, "*12\r\n"...)
	}
	dst = appendBulk(appendBulk(dst, "server"), "sallyport")
	dst = appendBulk(appendBulk(dst, "version"), "7.0.0") // clients read from it which commands there are
	dst = append(appendBulk(dst, "proto"), ':', '0'+version)
	dst = append(append(dst, "\r\n"...), "$2\r\nid\r\n:1\r\n"...)
	dst = appendBulk(appendBulk(dst, "mode"), "proxy")
	return append(appendBulk(dst, "modules"), "*0\r\n"...)
}

// greet makes what the gateway says first on each connection to a backend.
func (c *Codec) greet() {
	add := func(what string, words ...string) {
		c.greeting = appendCommand(c.greeting, words...)
		c.greets = append(c.greets, what)
	}
	o := &c.opts
	switch {
	case o.Username != "":
		add("AUTH", "AUTH", o.Username, o.Password)
	case o.Password != "":
		add("AUTH", "AUTH", o.Password)
	}
	if o.Version == 3 {
		add("HELLO 3", "HELLO", "3")
	}
	if o.Database != 0 {
		add("SELECT", "SELECT", strconv.Itoa(o.Database))
	}
}

// AppendGreeting appends AUTH, HELLO and SELECT, as far as the options want them.
func (c *Codec) AppendGreeting(dst []byte) ([]byte, int) {
	return append(dst, c.greeting...), len(c.greets)
}

// Greeted reports an answer that is an error, by its code.
func (c *Codec) Greeted(i int, m *protocol.Message) error {
	if !m.Failed {
		return nil
	}
	return &greetingError{c.greets[i], string(code(m.Body))}
}

type greetingError struct{ command, code string }

// Error names the command and the code of the error, and nothing else of what the backend has said.
func (e *greetingError) Error() string {
	return e.command + " was answered with the error " + e.code + ": see username, password, version and database"
}

// code returns the first word of an error.
func code(body []byte) []byte {
	t := tokens{data: body}
	if !t.next() || t.kind != '-' && t.kind != '!' {
		return nil
	}
	for i, b := range t.text {
		if b == ' ' || i == 32 {
			return t.text[:i]
		}
	}
	return t.text
}
