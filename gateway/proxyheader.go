package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// proxyHeader is what a PROXY header says about the connection that it stands in front of. Both
// addresses are invalid if it says nothing: the proxy speaks for itself, or does not know.
type proxyHeader struct {
	source, target netip.AddrPort
}

const (
	proxyLine      = "PROXY "                 // how version 1 begins
	proxySignature = "\r\n\r\n\x00\r\nQUIT\n" // how version 2 begins
	proxyLeast     = len("PROXY UNKNOWN\r\n") // bytes of the shortest, of either version
	proxyLineMost  = 107                      // bytes of version 1, its end included
	proxyMost      = 4 << 10                  // bytes of version 2: addresses take 216, the rest is for extensions
	proxyFixed     = len(proxySignature) + 4  // bytes in front of the addresses of version 2
	proxyCRC       = 0x03                     // the extension that holds a CRC-32c
	proxyLocal     = 0x20                     // version 2: the proxy speaks for itself
	proxyCommand   = 0x21                     // version 2: for a client
)

var errNoProxyHeader = errors.New("want a PROXY header, got something else")

// readProxyHeader reads the header, version 1 or 2, that p begins with, and returns its length. That is 0, without an
// error, as long as it is not whole.
func readProxyHeader(p []byte) (h proxyHeader, n int, err error) {
	switch {
	case begins(p, proxySignature):
		h, n, err = readProxyBinary(p)
	case begins(p, proxyLine):
		h, n, err = readProxyLine(p)
	default:
		err = errNoProxyHeader
	}
	if err != nil {
		return proxyHeader{}, 0, err
	}
	return h, n, nil
}

// takeProxyHeader reads the header that stands in front of what else comes on conn, and not a byte more. When ctx is done it
// ends, and conn is of no use any more.
func takeProxyHeader(ctx context.Context, conn net.Conn) (proxyHeader, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	buf := make([]byte, 0, proxyLineMost)
	for want := proxyLeast; ; want = proxyWants(buf) {
		at := len(buf)
		buf = append(buf, make([]byte, want)...)
		_, err := io.ReadFull(conn, buf[at:])
		if err != nil {
			stop()
			return proxyHeader{}, fmt.Errorf("PROXY header: %w", err)
		}
		h, n, err := readProxyHeader(buf)
		if n == 0 && err == nil {
			continue
		}
		if !stop() {
			err = ctx.Err()
		}
		return h, err
	}
}

// proxyWants returns how many bytes are certain to follow p, the beginning of a header.
func proxyWants(p []byte) int {
	switch {
	case begins(p, proxyLine):
		return 1
	case len(p) < proxyFixed:
		return proxyFixed - len(p)
	}
	return proxyFixed + int(binary.BigEndian.Uint16(p[14:])) - len(p) // readProxyHeader has seen that it is not too much
}

// begins reports whether p begins with s, as far as it goes.
func begins(p []byte, s string) bool {
	n := min(len(p), len(s))
	return string(p[:n]) == s[:n]
}

func readProxyLine(p []byte) (h proxyHeader, n int, err error) {
	end := bytes.IndexByte(p[:min(len(p), proxyLineMost)], '\n')
	if end < 0 {
		if len(p) >= proxyLineMost {
			err = fmt.Errorf("PROXY header: its line has more than %d bytes", proxyLineMost)
		}
		return h, 0, err
	}
	line, ok := strings.CutSuffix(string(p[:end]), "\r")
	if !ok {
		return h, 0, errors.New("PROXY header: its line does not end in CR LF")
	}
	words := strings.Split(line, " ")
	switch {
	case words[1] == "UNKNOWN":
		return h, end + 1, nil
	case len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6":
		return h, 0, errors.New("PROXY header: its line is not TCP4 or TCP6, two addresses and two ports")
	}
	if h.source, err = proxyAddress(words[2], words[4], words[1] == "TCP4"); err == nil {
		h.target, err = proxyAddress(words[3], words[5], words[1] == "TCP4")
	}
	return h, end + 1, err
}

func proxyAddress(host, port string, four bool) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != four || addr.Zone() != "" {
		return netip.AddrPort{}, errors.New("PROXY header: an address is not of the family that it names")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, errors.New("PROXY header: a port is not a number from 0 to 65535")
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}

func readProxyBinary(p []byte) (h proxyHeader, n int, err error) {
	if len(p) < proxyFixed {
		return h, 0, nil
	}
	command, family, length := p[12], p[13], int(binary.BigEndian.Uint16(p[14:]))
	if command != proxyLocal && command != proxyCommand {
		return h, 0, fmt.Errorf("PROXY header: byte 12 is %#02x, and neither LOCAL nor PROXY of version 2", command)
	}
	if n = proxyFixed + length; n > proxyMost {
		return h, 0, fmt.Errorf("PROXY header: %d bytes are more than the %d that are taken", n, proxyMost)
	}
	if len(p) < n {
		return h, 0, nil
	}
	body := p[proxyFixed:n]
	if command == proxyLocal {
		return h, n, nil // whatever follows is to be skipped
	}
	size, known := proxySizes[family]
	if !known {
		return h, 0, fmt.Errorf("PROXY header: byte 13 is %#02x, which is no family of addresses", family)
	}
	if len(body) < size {
		return h, 0, fmt.Errorf("PROXY header: %d bytes cannot hold its addresses, which take %d", len(body), size)
	}
	switch size {
	case 12:
		h = proxyHeader{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[4:])), binary.BigEndian.Uint16(body[10:])),
		}
	case 36:
		h = proxyHeader{
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)).Unmap(), binary.BigEndian.Uint16(body[32:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[16:])).Unmap(), binary.BigEndian.Uint16(body[34:])),
		}
	}
	return h, n, proxyExtensions(p[:n], proxyFixed+size)
}

// proxySizes are the bytes of both addresses by the byte that says of which family they are.
var proxySizes = map[byte]int{0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}

// proxyExtensions looks at what stands in p from at on. A checksum must be right if there is one.
func proxyExtensions(p []byte, at int) error {
	for at < len(p) {
		if len(p)-at < 3 || len(p)-at-3 < int(binary.BigEndian.Uint16(p[at+1:])) {
			return errors.New("PROXY header: an extension goes beyond its end")
		}
		size := int(binary.BigEndian.Uint16(p[at+1:]))
		if p[at] == proxyCRC {
			if size != 4 {
				return fmt.Errorf("PROXY header: its checksum has %d bytes, want 4", size)
			}
			sum := crc32.Checksum(p[:at+3], castagnoli)
			sum = crc32.Update(sum, castagnoli, make([]byte, 4)) // it counts as zero itself
			sum = crc32.Update(sum, castagnoli, p[at+7:])
			if sum != binary.BigEndian.Uint32(p[at+3:]) {
				return errors.New("PROXY header: its checksum is wrong")
			}
		}
		at += 3 + size
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendProxyHeader appends a header of the version v, 1 or 2, that says h, or that nothing is known if h does not.
func appendProxyHeader(dst []byte, v int, h proxyHeader) []byte {
	source, target := h.source, h.target
	known := source.IsValid() && target.IsValid()
	four := known && source.Addr().Unmap().Is4() && target.Addr().Unmap().Is4()
	switch {
	case v == 1 && !known:
		return append(dst, "PROXY UNKNOWN\r\n"...)
	case v == 1 && four:
		return fmt.Appendf(dst, "PROXY TCP4 %s %s %d %d\r\n", source.Addr().Unmap(), target.Addr().Unmap(), source.Port(), target.Port())
	case v == 1:
		return fmt.Appendf(dst, "PROXY TCP6 %s %s %d %d\r\n", proxyText(source.Addr()), proxyText(target.Addr()), source.Port(), target.Port())
	}
	dst = append(dst, proxySignature...)
	switch {
	case !known:
		return append(dst, proxyCommand, 0x00, 0, 0)
	case four:
		dst = append(dst, proxyCommand, 0x11, 0, 12)
		dst = append(dst, source.Addr().Unmap().AsSlice()...)
		dst = append(dst, target.Addr().Unmap().AsSlice()...)
	default:
		from, to := source.Addr().As16(), target.Addr().As16()
		dst = append(dst, proxyCommand, 0x21, 0, 36)
		dst = append(append(dst, from[:]...), to[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, source.Port())
	return binary.BigEndian.AppendUint16(dst, target.Port())
}

// proxyText returns a as an address of version 6, without a zone, which means something to this machine only.
func proxyText(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
