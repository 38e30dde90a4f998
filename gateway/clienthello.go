package gateway

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Bounds on a ClientHello. What real clients send, with post-quantum keys, stays below 2 KiB, in one record or two.
const (
	helloMost  = 16 << 10 // bytes of the message; twice that with the headers of its records
	recordMost = 16 << 10 // bytes in one record
)

// Numbers of TLS: RFC 8446 and RFC 6066.
const (
	recordHandshake       = 22
	recordAlert           = 21
	handshakeHello        = 1
	extensionName         = 0
	nameHost              = 0
	alertFatal            = 2
	alertDecodeError      = 50
	alertUnrecognizedName = 112
)

var (
	errNoHello  = errors.New("want a TLS ClientHello, got something else")
	errBadHello = errors.New("the TLS ClientHello is malformed")
	errBigHello = fmt.Errorf("the TLS ClientHello has more than %d bytes", helloMost)
)

// readServerName returns the name of the server that is wanted by the ClientHello which p begins with. Whole is false,
// without an error, as long as more of it is to come. The name, of at most 255 bytes, is as the client has written it, and
// empty if there is none.
func readServerName(p []byte) (name string, whole bool, err error) {
	hello, whole, err := joinHello(p)
	if err != nil || !whole {
		return "", false, err
	}
	name, err = helloName(hello)
	return name, err == nil, err
}

// joinHello returns the body of the ClientHello, without the headers of the records that it is spread over. It looks only
// at these until the whole is there, as it may come byte by byte.
func joinHello(p []byte) (body []byte, whole bool, err error) {
	var head [4]byte // of the message
	have, need := 0, len(head)
	for rest := p; ; {
		if len(rest) > 0 && rest[0] != recordHandshake || len(rest) > 1 && rest[1] != 3 {
			return nil, false, errNoHello
		}
		if len(rest) < 5 {
			return nil, false, tooGreat(p)
		}
		size := int(binary.BigEndian.Uint16(rest[3:]))
		if size == 0 || size > recordMost {
			return nil, false, errBadHello
		}
		piece := rest[5:min(len(rest), 5+size)]
		if have < len(head) {
			copy(head[have:], piece)
		}
		if have += len(piece); have > 0 && head[0] != handshakeHello {
			return nil, false, errNoHello
		}
		if have >= len(head) {
			need = len(head) + (int(head[1])<<16 | int(head[2])<<8 | int(head[3]))
			switch {
			case need == len(head):
				return nil, false, errBadHello
			case need > helloMost:
				return nil, false, errBigHello
			case have >= need:
				return contentOf(p, need)[len(head):], true, nil
			}
		}
		if len(piece) < size {
			return nil, false, tooGreat(p)
		}
		rest = rest[5+size:]
	}
}

// tooGreat bounds what the headers of many small records take.
func tooGreat(p []byte) error {
	if len(p) > 2*helloMost {
		return errBigHello
	}
	return nil
}

// contentOf returns the first n bytes in the records that p begins with.
func contentOf(p []byte, n int) []byte {
	content := make([]byte, 0, n)
	for len(content) < n {
		size := int(binary.BigEndian.Uint16(p[3:]))
		piece := p[5:min(len(p), 5+size)]
		content = append(content, piece[:min(len(piece), n-len(content))]...)
		p = p[5+len(piece):]
	}
	return content
}

// helloName returns the name in the body of a ClientHello.
func helloName(body []byte) (string, error) {
	r := tlsReader{p: body}
	r.skip(2 + 32) // version and random
	r.vector(1)    // session
	r.vector(2)    // cipher suites
	r.vector(1)    // compressions
	if len(r.p) == 0 && !r.short {
		return "", nil // no extensions, as before TLS 1.2
	}
	extensions := tlsReader{p: r.vector(2)}
	if r.short || len(r.p) > 0 {
		return "", errBadHello
	}
	name, seen := "", false
	for len(extensions.p) > 0 {
		kind, content := extensions.number(2), extensions.vector(2)
		if extensions.short {
			return "", errBadHello
		}
		if kind != extensionName {
			continue
		}
		if seen {
			return "", errBadHello // the backend might go by the other one
		}
		seen = true
		var ok bool
		if name, ok = hostName(content); !ok {
			return "", errBadHello
		}
	}
	return name, nil
}

// hostName returns the one name of the extension server_name.
func hostName(content []byte) (string, bool) {
	r := tlsReader{p: content}
	list := tlsReader{p: r.vector(2)}
	kind, host := list.number(1), list.vector(2)
	if r.short || list.short || len(r.p) > 0 || len(list.p) > 0 || kind != nameHost || len(host) == 0 || len(host) > 255 {
		return "", false
	}
	return string(host), true
}

// tlsReader takes apart what TLS has put together. Once there was too little it is short, and gives zeros.
type tlsReader struct {
	p     []byte
	short bool
}

func (r *tlsReader) skip(n int) []byte {
	if r.short || n > len(r.p) {
		r.short = true
		return nil
	}
	taken := r.p[:n]
	r.p = r.p[n:]
	return taken
}

// number reads n bytes.
func (r *tlsReader) number(n int) (v int) {
	for _, b := range r.skip(n) {
		v = v<<8 | int(b)
	}
	return v
}

// vector reads what a length of n bytes stands in front of.
func (r *tlsReader) vector(n int) []byte { return r.skip(r.number(n)) }

// alert is the record that tells a client of TLS why it is closed.
func alert(description byte) []byte { return []byte{recordAlert, 3, 3, 0, 2, alertFatal, description} }

// matchName says whether name is pattern, or one label below it if that is "*.example.org".
func matchName(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(strings.TrimSuffix(name, "."))
	if parent, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, found := strings.Cut(name, ".")
		return found && label != "" && rest == parent
	}
	return name != "" && name == pattern
}

// isServerName reports whether name is one that a certificate could be for: labels of letters, digits and inner hyphens.
func isServerName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(strings.ToLower(label)) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
