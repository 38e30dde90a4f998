package modbus

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// adu returns a frame of unit 1 around a PDU in hexadecimal digits.
func adu(pdu string) []byte {
	p, err := hex.DecodeString(strings.ReplaceAll(pdu, " ", ""))
	if err != nil {
		panic(err)
	}
	return append([]byte{0x12, 0x34, 0, 0, byte((len(p) + 1) >> 8), byte(len(p) + 1), 1}, p...)
}

func frames(name string, pdus ...string) []protocoltest.Vector {
	var all []protocoltest.Vector
	for i, p := range pdus {
		all = append(all, protocoltest.Vector{Name: fmt.Sprintf("%s#%d %s", name, i, p[:min(len(p), 20)]), Data: adu(p)})
	}
	return all
}

func streams(name string, data ...[]byte) []protocoltest.Vector {
	var all []protocoltest.Vector
	for i, d := range data {
		all = append(all, protocoltest.Vector{Name: fmt.Sprintf("%s#%d", name, i), Data: d})
	}
	return all
}

func suite() protocoltest.Suite {
	return protocoltest.Suite{
		New: func() protocol.Codec {
			c, err := New(Options{}, protocol.Limits{})
			if err != nil {
				panic(err)
			}
			return c
		},
		Limits: protocol.Limits{Frame: maxADU, Depth: 1, Items: 1},
		Requests: frames("request", "01 0013 0025", "02 00C4 0016", "03 006B 0003", "04 0008 0001", "05 00AC FF00", "06 0001 0003", "0F 0013 000A 02 CD01",
			"10 0001 0002 04 000A 0102", "14 07 06 0004 0001 0002", "15 0D 06 0004 0007 0003 06AF 04BE 100D", "16 0004 00F2 0025", "17 0003 0006 000E 0003 06 00FF 00FF 00FF",
			"18 04DE", "2B 0E 01 00", "07", "08 0000 A537", "03 FF83 007D", "10 0000 007B F6"+strings.Repeat("0001", 123)),
		Responses: frames("response", "01 05 CD6BB20E1B", "03 06 022B 0000 0064", "05 00AC FF00", "06 0001 0003", "0F 0013 000A", "10 0001 0002", "16 0004 00F2 0025",
			"17 0C 00FE 0ACD 0001 0003 000D 00FF", "18 0006 0002 01B8 1284", "83 02", "2B 0E 01 01 00 00 00", "14 0C 05 06 0DFE 0020 05 06 33CD 0040"),
		Malformed: frames("malformed", "01 0013 0000", "01 0000 07D1", "03 0000 0000", "03 0000 007E", "03 FFFF 0002", "03 0000", "03 0000 0001 00", "05 0000 0001", "0F 0000 0008 02 00 00",
			"0F 0000 07B1 01 00", "10 0000 0002 03 000000", "10 0000 0002 04 0000", "10 0000 007C F8"+strings.Repeat("0001", 123), "17 0000 0001 0000 0002 02 0000", "63 00", "80", "FF 01", "18 00", "2B",
			"14 07 07 0004 0001 0002", "14 06 06 0004 0001 00"),
		OutOfStep: streams("out of step", []byte("\x00\x01\x00\x01\x00\x06\x01\x03\x00\x00\x00\x01"), []byte("\x00\x01\x01\x00\x00\x06"), []byte("\x00\x01\x00\x00\x00\x00"),
			[]byte("\x00\x01\x00\x00\x00\x01"), []byte("\x00\x01\x00\x00\x00\xff"), []byte("\x00\x01\x00\x00\x01\x00"), []byte("\x00\x01\x00\x00\x80\x00"), []byte("\x16\x03\x01\x02\x00\x01\x00\x01"), []byte("GET / HTTP/1.1\r\n"), []byte("SSH-2.0-x\r\n")),
		Hostile:  streams("hostile", bytes.Repeat(adu("03 0000 0001"), 300), append(adu("03 0000 0001"), 0, 0, 0)),
		Paths:    []string{"mbap.tid", "mbap.proto", "mbap.len", "mbap.unit", "pdu.fc", "pdu.addr", "pdu.qty", "pdu.waddr", "pdu.wqty", "pdu.bytes", "pdu.code", "pdu.value[0]", "pdu.value[122]"},
		BadPaths: []string{"", "pdu", "pdu.value", "pdu.value[]", "pdu.value[-1]", "pdu.value[x]", "mbap", "tid"},
	}
}

func TestFaultA01Suite(t *testing.T) { protocoltest.Run(t, suite()) }

func FuzzSplit(f *testing.F) { protocoltest.Fuzz(f, suite()) }
