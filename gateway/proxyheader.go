package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// A PROXY header is what a proxy puts in front of a client's bytes, to say who the client
// is (the PROXY protocol of HAProxy, versions 1 and 2).

var (
	proxyV1 = []byte("PROXY ")
	proxyV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")

	errNoProxyHeader  = errors.New("want a PROXY header, got something else")
	errBadProxyHeader = errors.New("the PROXY header is malformed")
)

const (
	longestV1 = 107
	longestV2 = 16 + 2048 // with more than anybody sends besides the addresses
)

// readProxyHeader reads the header that data begins with, of n bytes. If n is 0 and there
// is no error it needs more. Source is not valid if the proxy speaks for itself.
func readProxyHeader(data []byte) (n int, source netip.AddrPort, err error) {
	switch {
	case bytes.HasPrefix(data, proxyV2):
		return readProxyV2(data)
	case bytes.HasPrefix(data, proxyV1):
		return readProxyV1(data)
	case bytes.HasPrefix(proxyV1, data), bytes.HasPrefix(proxyV2, data):
		return 0, source, nil
	}
	return 0, source, errNoProxyHeader
}

func readProxyV1(data []byte) (n int, source netip.AddrPort, err error) {
	i := bytes.Index(data[:min(len(data), longestV1)], []byte("\r\n"))
	if i < 0 {
		if len(data) >= longestV1 {
			err = errBadProxyHeader
		}
		return 0, source, err
	}
	parts := strings.Split(string(data[:i]), " ")
	if len(parts) >= 2 && parts[1] == "UNKNOWN" {
		return i + 2, source, nil
	}
	if len(parts) != 6 || parts[1] != "TCP4" && parts[1] != "TCP6" {
		return 0, source, errBadProxyHeader
	}
	host, err := netip.ParseAddr(parts[2])
	port, err2 := strconv.ParseUint(parts[4], 10, 16)
	if err != nil || err2 != nil || host.Is4() != (parts[1] == "TCP4") {
		return 0, source, errBadProxyHeader
	}
	return i + 2, netip.AddrPortFrom(host, uint16(port)), nil
}

func readProxyV2(data []byte) (n int, source netip.AddrPort, err error) {
	if len(data) < 16 {
		return 0, source, nil
	}
	command, family := data[12], data[13]
	size := int(binary.BigEndian.Uint16(data[14:]))
	switch {
	case command>>4 != 2 || command&15 > 1 || 16+size > longestV2:
		return 0, source, errBadProxyHeader
	case len(data) < 16+size:
		return 0, source, nil
	case command&15 == 0: // LOCAL: a health check of the proxy's own
		return 16 + size, source, nil
	}
	body := data[16 : 16+size]
	switch family >> 4 {
	case 1:
		if size < 12 {
			return 0, source, errBadProxyHeader
		}
		source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
	case 2:
		if size < 36 {
			return 0, source, errBadProxyHeader
		}
		source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)), binary.BigEndian.Uint16(body[32:]))
	}
	return 16 + size, source, nil
}

// appendProxyHeader appends a header of version 1 or 2 that names both ends of a client's
// connection.
func appendProxyHeader(dst []byte, version int, source, target netip.AddrPort) []byte {
	from, to := source.Addr().Unmap(), target.Addr().Unmap()
	known := source.IsValid() && target.IsValid() && from.Is4() == to.Is4()
	if version == 1 {
		if !known {
			return append(dst, "PROXY UNKNOWN\r\n"...)
		}
		family := "TCP4 "
		if from.Is6() {
			family = "TCP6 "
		}
		dst = append(append(dst, proxyV1...), family...)
		dst = append(from.WithZone("").AppendTo(dst), ' ')
		dst = append(to.WithZone("").AppendTo(dst), ' ')
		dst = strconv.AppendUint(dst, uint64(source.Port()), 10)
		dst = strconv.AppendUint(append(dst, ' '), uint64(target.Port()), 10)
		return append(dst, '\r', '\n')
	}
	dst = append(dst, proxyV2...)
	if !known {
		return append(dst, 0x20, 0, 0, 0)
	}
	family := byte(0x11)
	if from.Is6() {
		family = 0x21
	}
	a, b := from.AsSlice(), to.AsSlice()
	dst = append(dst, 0x21, family)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*len(a)+4))
	dst = append(append(dst, a...), b...)
	dst = binary.BigEndian.AppendUint16(dst, source.Port())
	return binary.BigEndian.AppendUint16(dst, target.Port())
}
