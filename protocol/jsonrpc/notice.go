package jsonrpc

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// The codes of section 5.1, and those that this package chooses of the range that the
// section leaves to implementations.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
	codeServer   = -32000
	codeNoBack   = -32002 // "resource unavailable" in EIP-1474
	codeLimit    = -32005 // "limit exceeded" in EIP-1474
	codeDenied   = -32010
)

const numCauses = int(protocol.InProcess) + 1

// causeCodes has a code for each cause of its own; 0 is that of its class.
var causeCodes = [numCauses]int{
	protocol.BadSyntax:   codeParse,
	protocol.BadShape:    codeRequest,
	protocol.BadName:     codeMethod,
	protocol.BadContent:  codeParams,
	protocol.TooLarge:    codeRequest,
	protocol.Busy:        codeLimit,
	protocol.BackendDown: codeNoBack,
	protocol.Draining:    codeNoBack,
	protocol.Paused:      codeNoBack,
	protocol.BadAnswer:   codeInternal,
}

var classCodes = [protocol.NumClasses]int{
	protocol.Fix:       codeRequest,
	protocol.Later:     codeServer,
	protocol.Denied:    codeMethod,
	protocol.Duplicate: codeRequest,
	protocol.Failed:    codeServer,
}

// AppendNotice appends an error response with req's id, or null, and with data as in
// {"cause":"busy","retry":"later","retryAfterMs":50,"reasons":[{"path":"/params/0",
// "rule":"type","message":"want text, got a number","offset":41}]}. A Failed has
// "outcome", "unknown" or "not executed", in place of "retry". An Accepted is a
// notification with the id in its params. A notification is never answered. It does not
// allocate if dst has room.
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	var id protocol.ID
	if req != nil {
		if req.Kind == protocol.OneWay || req.Kind == protocol.Response {
			return dst, nil
		}
		id = req.ID
	}
	if n.Class == protocol.Accepted {
		return c.appendWait(dst, id), nil
	}
	class, cause := n.Class, n.Cause
	if int(class) >= protocol.NumClasses || int(cause) >= numCauses {
		class, cause = protocol.Failed, protocol.NoCause
	}
	code := c.codes[class][cause]
	// Whoever may not know that a method exists must hear the same in both cases.
	hidden := !c.opts.ShowDenied && (class == protocol.Denied || cause == protocol.BadName)
	if hidden {
		class, cause = protocol.Fix, protocol.BadName
		code = c.codes[class][cause]
	}

	dst = append(dst, `{"jsonrpc":"2.0","error":{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, message(code, cause))
	dst = append(dst, `,"data":{"cause":"`...)
	dst = append(dst, cause.String()...)
	dst = append(dst, '"')
	switch class {
	case protocol.Fix:
		dst = append(dst, `,"retry":"fix"`...)
	case protocol.Later:
		dst = append(dst, `,"retry":"later"`...)
	case protocol.Failed:
		if n.Unknown {
			dst = append(dst, `,"outcome":"unknown"`...)
		} else {
			dst = append(dst, `,"outcome":"not executed"`...)
		}
	}
	if n.RetryAfter > 0 && !hidden {
		dst = append(dst, `,"retryAfterMs":`...)
		dst = strconv.AppendInt(dst, max(1, n.RetryAfter.Milliseconds()), 10)
	}
	if len(n.Reasons) > 0 && !hidden {
		dst = appendReasons(dst, n.Reasons)
	}
	dst = append(dst, `}},"id":`...)
	return append(appendID(dst, id), '}'), nil
}

// message is the text of section 5.1 for its codes, and the cause's own for others.
func message(code int, cause protocol.Cause) string {
	switch code {
	case codeParse:
		return "Parse error"
	case codeRequest:
		return "Invalid Request"
	case codeMethod:
		return "Method not found"
	case codeParams:
		return "Invalid params"
	case codeInternal:
		return "Internal error"
	}
	if text := cause.Text(); text != "" {
		return text
	}
	return "Server error"
}

func appendReasons(dst []byte, reasons []protocol.Reason) []byte {
	for i := range reasons {
		r := &reasons[i]
		if i == 0 {
			dst = append(dst, `,"reasons":[{"path":`...)
		} else {
			dst = append(dst, `,{"path":`...)
		}
		dst = appendString(dst, r.Path)
		dst = append(dst, `,"rule":`...)
		dst = appendString(dst, r.Rule)
		dst = append(dst, `,"message":`...)
		dst = appendWanted(dst, r)
		if r.Off >= 0 {
			dst = append(dst, `,"offset":`...)
			dst = strconv.AppendInt(dst, int64(r.Off), 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendWanted appends the operator's words, or "want this, got that", where two strings meet without their quotes.
func appendWanted(dst []byte, r *protocol.Reason) []byte {
	switch {
	case r.Say != "":
		return appendString(dst, r.Say)
	case r.Want == "":
		return appendString(dst, r.Rule)
	}
	dst = append(dst, `"want `...)
	dst = appendText(dst, r.Want)
	if r.Got != "" {
		dst = append(dst, `, got `...)
		dst = appendText(dst, r.Got)
	}
	return append(dst, '"')
}

// appendWait appends the wait notice, which nobody could place without an id.
func (c *Codec) appendWait(dst []byte, id protocol.ID) []byte {
	if len(id) == 0 {
		return dst
	}
	dst = append(dst, `{"jsonrpc":"2.0","method":`...)
	dst = appendString(dst, c.opts.WaitMethod)
	dst = append(dst, `,"params":{"id":`...)
	dst = append(dst, id...)
	return append(dst, `,"state":"processing"}}`...)
}

func appendID(dst []byte, id protocol.ID) []byte {
	if len(id) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, id...)
}
