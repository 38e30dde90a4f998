package gateway

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// v2 is a header of version 2 with a length that fits.
func v2(command, family byte, body string) string {
	return proxySignature + string([]byte{command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

const fourAddresses = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x11\x11\x22\x22"

// sealed puts a checksum behind the addresses, which is wrong if off is not 0.
func sealed(off uint32) string {
	header := []byte(v2(0x21, 0x11, fourAddresses+"\x03\x00\x04\x00\x00\x00\x00"+"\x04\x00\x01x"))
	sum := crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(header[len(header)-8:], sum+off)
	return string(header)
}

func TestFaultF08WrongProxyHeadersAreRefused(t *testing.T) {
	for name, header := range map[string]string{
		"nothing of the kind":       "GET / HTTP/1.1\r\n\r\n",
		"almost":                    "PROXY\r\n",
		"no end":                    "PROXY TCP4 " + strings.Repeat("1", 200),
		"no CR":                     "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n",
		"another family":            "PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n",
		"target of another family":  "PROXY TCP4 10.0.0.1 2001:db8::1 1 2\r\n",
		"unknown family":            "PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n",
		"port too great":            "PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n",
		"port with a zero in front": "PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n",
		"port with a sign":          "PROXY TCP4 10.0.0.1 10.0.0.2 1 +2\r\n",
		"zone":                      "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
		"two spaces":                "PROXY TCP4  10.0.0.1 10.0.0.2 1 2\r\n",
		"too many words":            "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n",
		"version 3":                 v2(0x31, 0x11, fourAddresses),
		"another command":           v2(0x22, 0x11, fourAddresses),
		"no family of addresses":    v2(0x21, 0x41, fourAddresses),
		"too short for IPv4":        v2(0x21, 0x11, fourAddresses[:11]),
		"too short for IPv6":        v2(0x21, 0x21, fourAddresses),
		"an extension that is cut":  v2(0x21, 0x11, fourAddresses+"\x04\x00\x05abcd"),
		"half an extension":         v2(0x21, 0x11, fourAddresses+"\x04\x00"),
		"extensions of 64 KB":       v2(0x21, 0x11, fourAddresses+"\x04\xff\xe0"+strings.Repeat("x", 0xffe0)),
		"a checksum that is wrong":  sealed(1),
		"a checksum of two bytes":   v2(0x21, 0x11, fourAddresses+"\x03\x00\x02xx"),
	} {
		if h, n, err := readProxyHeader([]byte(header)); err == nil || n != 0 || h != (proxyHeader{}) {
			t.Errorf("%s: got %v, %d, %v, want an error", name, h, n, err)
		}
	}
}

func TestGoodProxyHeaders(t *testing.T) {
	from, to := netip.MustParseAddrPort("10.0.0.1:4369"), netip.MustParseAddrPort("10.0.0.2:8738")
	both, none := proxyHeader{from, to}, proxyHeader{}
	for name, x := range map[string]struct {
		header string
		want   proxyHeader
	}{
		"line":                                    {"PROXY TCP4 10.0.0.1 10.0.0.2 4369 8738\r\n", both},
		"line of IPv4 in IPv6":                    {"PROXY TCP6 ::ffff:10.0.0.1 ::ffff:10.0.0.2 4369 8738\r\n", both},
		"line that tells nothing":                 {"PROXY UNKNOWN\r\n", none},
		"line that tells nothing, and goes on":    {"PROXY UNKNOWN ffff::1 whatever\r\n", none},
		"binary":                                  {v2(0x21, 0x11, fourAddresses), both},
		"binary of datagrams":                     {v2(0x21, 0x12, fourAddresses), both},
		"with an extension":                       {v2(0x21, 0x11, fourAddresses+"\x02\x00\x03a.b"), both},
		"with a checksum":                         {sealed(0), both},
		"a proxy for itself":                      {v2(0x20, 0x00, ""), none},
		"a proxy for itself, and what is skipped": {v2(0x20, 0x77, "skipped"), none},
		"unspecified":                             {v2(0x21, 0x00, ""), none},
		"unix":                                    {v2(0x21, 0x31, strings.Repeat("x", 216)), none},
	} {
		h, n, err := readProxyHeader([]byte(x.header + "PROXY more"))
		if h != x.want || n != len(x.header) || err != nil {
			t.Errorf("%s: got %v, %d, %v", name, h, n, err)
		}
		for k := range len(x.header) {
			if _, n, err := readProxyHeader([]byte(x.header[:k])); n != 0 || err != nil {
				t.Errorf("%s, %d bytes of it: got %d, %v", name, k, n, err)
			}
		}
	}
}
