package gateway

import (
	"encoding/binary"
	"errors"
	"strings"
)

var (
	errNoHello  = errors.New("want a TLS ClientHello, got something else")
	errBadHello = errors.New("the TLS ClientHello is malformed")
	errBigHello = errors.New("the TLS ClientHello is longer than 16 KiB")
)

const longestHello = 16 << 10

// readServerName reads the server name of the ClientHello that data begins with (RFC 8446
// section 4.1.2, RFC 6066 section 3), which may lie in several records. It is empty if the
// client names none. If ok is false and there is no error it needs more.
func readServerName(data []byte) (name string, ok bool, err error) {
	var hello []byte
	for len(data) > 0 {
		if data[0] != 22 || len(data) > 1 && data[1] != 3 {
			return "", false, errNoHello
		}
		if len(data) < 5 {
			return "", false, nil
		}
		size := int(binary.BigEndian.Uint16(data[3:]))
		if size == 0 || size > longestHello {
			return "", false, errNoHello
		}
		part := data[5:min(len(data), 5+size)]
		hello = append(hello, part...)
		data = data[5+len(part):]
		if len(hello) >= 4 {
			if hello[0] != 1 {
				return "", false, errNoHello
			}
			n := int(hello[1])<<16 | int(hello[2])<<8 | int(hello[3])
			switch {
			case n > longestHello:
				return "", false, errBigHello
			case len(hello) >= 4+n:
				name, err = serverName(hello[4 : 4+n])
				return name, err == nil, err
			}
		}
		if len(part) < size {
			return "", false, nil
		}
	}
	return "", false, nil
}

// fields reads what has its length in front. After a mistake it is empty and bad.
type fields struct {
	data []byte
	bad  bool
}

func (f *fields) take(n int) []byte {
	if n > len(f.data) {
		f.data, f.bad = nil, true
		return nil
	}
	p := f.data[:n]
	f.data = f.data[n:]
	return p
}

// sized takes a field behind its length, which has width bytes.
func (f *fields) sized(width int) []byte {
	n := 0
	for _, b := range f.take(width) {
		n = n<<8 | int(b)
	}
	return f.take(n)
}

// serverName reads the body of a ClientHello.
func serverName(body []byte) (string, error) {
	f := fields{data: body}
	f.take(2 + 32) // version, random
	f.sized(1)     // session
	f.sized(2)     // cipher suites
	f.sized(1)     // compressions
	if f.bad {
		return "", errBadHello
	}
	if len(f.data) == 0 {
		return "", nil // without extensions
	}
	extensions := fields{data: f.sized(2)}
	for len(extensions.data) > 0 {
		kind := extensions.take(2)
		value := fields{data: extensions.sized(2)}
		if extensions.bad {
			return "", errBadHello
		}
		if kind[0] != 0 || kind[1] != 0 {
			continue
		}
		names := fields{data: value.sized(2)}
		for len(names.data) > 0 {
			kind, name := names.take(1), names.sized(2)
			if names.bad {
				return "", errBadHello
			}
			if kind[0] == 0 {
				return string(name), nil
			}
		}
		if value.bad || names.bad {
			return "", errBadHello
		}
	}
	if f.bad || extensions.bad {
		return "", errBadHello
	}
	return "", nil
}

// matchName says whether name is pattern, or one label below it if that is "*.example.org".
func matchName(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(strings.TrimSuffix(name, "."))
	if parent, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, found := strings.Cut(name, ".")
		return found && label != "" && rest == parent
	}
	return name != "" && name == pattern
}

// alert is a fatal TLS alert.
func alert(description byte) []byte { return []byte{21, 3, 1, 0, 2, 2, description} }

const (
	alertUnrecognizedName = 112
	alertDecodeError      = 50
)
