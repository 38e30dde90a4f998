package resp

import "github.com/sallyport/sallyport/protocol"

// quick returns the end of the value that data begins with, if that is of the kinds that nearly all are, whole and within
// every bound: a bulk string, an array of them, OK, an integer. It is 0 if it is not, or not surely; then the splitter says
// what it is.
func (c *Codec) quick(data []byte) int {
	n, at := 1, 0
	switch data[0] {
	case '*':
		if n, at = decimal(data, 1); at == 0 || n == 0 || n > c.limits.Items {
			return 0
		}
	case '$':
	case ':':
		_, at = decimal(data, 1)
		n = 0
	case '+':
		if len(data) < 5 || string(data[:5]) != "+OK\r\n" {
			return 0
		}
		n, at = 0, 5
	default:
		return 0
	}
	for ; n > 0; n-- {
		if at >= len(data) || data[at] != '$' {
			return 0
		}
		size, from := decimal(data, at+1)
		at = from + size + 2
		if from == 0 || at > len(data) || data[at-2] != '\r' || data[at-1] != '\n' {
			return 0
		}
	}
	if at > c.limits.Frame {
		return 0
	}
	return at
}

// quickArguments notes where the words of body are, which Split has found whole. It is false if they are not an array of
// bulk strings within all bounds.
func (c *Codec) quickArguments(body []byte, m *protocol.Message) bool {
	n, at := decimal(body, 1)
	if at == 0 || n > c.opts.MaxArgs {
		return false
	}
	for range n {
		if at >= len(body) || body[at] != '$' {
			return false
		}
		size, from := decimal(body, at+1)
		if from == 0 || c.opts.MaxArg > 0 && size > c.opts.MaxArg {
			return false
		}
		m.Spans = append(m.Spans, protocol.Span{Off: int32(from), Len: int32(size)})
		at = from + size + 2
	}
	return true
}

// decimal reads a number without sign and leading zeros that stands in data at at, and CRLF. Next is what comes behind, 0 if
// there is nothing of that kind, or more than 9 digits.
func decimal(data []byte, at int) (n, next int) {
	i := at
	for i < len(data) && i < at+10 {
		d := data[i] - '0'
		if d > 9 {
			break
		}
		n = n*10 + int(d)
		i++
	}
	if i == at || i >= at+10 || i+1 >= len(data) || data[i] != '\r' || data[i+1] != '\n' || data[at] == '0' && i > at+1 {
		return 0, 0
	}
	return n, i + 2
}
