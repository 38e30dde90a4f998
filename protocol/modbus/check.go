package modbus

import (
	"encoding/binary"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

// checkRequest holds the PDU of a request against section 6. Offsets are those in the frame.
func checkRequest(body []byte) error {
	p := pdu(body)
	f := &functions[p[0]&0x7f]
	if p[0] >= 0x80 || f.shape == none {
		return malformed(protocol.BadName, "pdu.fc", header, "function", "a function of the specification", "another one")
	}
	switch f.shape {
	case readBits:
		return first(size(p, 5), func() error { return span(p, 1, "pdu.addr", 3, "pdu.qty", maxReadBits) })
	case readRegs:
		return first(size(p, 5), func() error { return span(p, 1, "pdu.addr", 3, "pdu.qty", maxReadRegs) })
	case writeBit:
		return first(size(p, 5), func() error {
			if v := be(p[3:]); v != 0 && v != 0xFF00 {
				return malformed(protocol.BadContent, "pdu.value[0]", header+3, "coil", "FF00 or 0000", "another value")
			}
			return nil
		})
	case writeReg, mask:
		n := 5
		if f.shape == mask {
			n = 7
		}
		return size(p, n)
	case writeBits, writeRegs:
		return checkMany(p, f.shape)
	case readWrite:
		return checkBoth(p)
	case fifo:
		return size(p, 3)
	case files:
		return checkFiles(p)
	case device:
		if len(p) < 2 {
			return size(p, 2)
		}
	}
	return nil
}

func first(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

// size refuses a PDU that is not n bytes long.
func size(p []byte, n int) error {
	if len(p) == n {
		return nil
	}
	return malformed(protocol.BadShape, "mbap.len", 4, "length", strconv.Itoa(n+1)+" for this function", strconv.Itoa(len(p)+1))
}

// span holds a quantity and the last address against their bounds.
func span(p []byte, addr int, addrPath string, qty int, qtyPath string, most int) error {
	a, q := be(p[addr:]), be(p[qty:])
	if q < 1 || q > most {
		return malformed(protocol.BadContent, qtyPath, header+qty, "quantity", "1 to "+strconv.Itoa(most), strconv.Itoa(q))
	}
	if a+q > 1<<16 {
		return malformed(protocol.BadContent, addrPath, header+addr, "address", "addresses up to 65535", "up to "+strconv.Itoa(a+q-1))
	}
	return nil
}

// checkMany is for 0F and 10.
func checkMany(p []byte, s shape) error {
	if len(p) < 6 {
		return size(p, 6)
	}
	most := maxWriteRegs
	if s == writeBits {
		most = maxWriteBits
	}
	if err := span(p, 1, "pdu.addr", 3, "pdu.qty", most); err != nil {
		return err
	}
	return counted(p, 5, dataLength(s, be(p[3:])))
}

// checkBoth is for 17.
func checkBoth(p []byte) error {
	if len(p) < 10 {
		return size(p, 10)
	}
	if err := span(p, 1, "pdu.addr", 3, "pdu.qty", maxReadRegs); err != nil {
		return err
	}
	if err := span(p, 5, "pdu.waddr", 7, "pdu.wqty", maxBothRegs); err != nil {
		return err
	}
	return counted(p, 9, 2*be(p[7:]))
}

// counted refuses a byte count that is not n, and data of another length.
func counted(p []byte, at, n int) error {
	if int(p[at]) != n {
		return malformed(protocol.BadContent, "pdu.bytes", header+at, "count", strconv.Itoa(n)+" for this quantity", strconv.Itoa(int(p[at])))
	}
	return size(p, at+1+n)
}

func dataLength(s shape, qty int) int {
	if s == writeBits || s == readBits {
		return (qty + 7) / 8
	}
	return 2 * qty
}

// checkFiles is for 14 and 15: the groups fill the PDU (sections 6.14 and 6.15).
func checkFiles(p []byte) error {
	if len(p) < 2 {
		return size(p, 2)
	}
	least, most := 0x07, 0xF5
	if p[0] == 0x15 {
		least, most = 0x09, 0xFB
	}
	if n := int(p[1]); n < least || n > most {
		return malformed(protocol.BadContent, "pdu.bytes", header+1, "count", strconv.Itoa(least)+" to "+strconv.Itoa(most), strconv.Itoa(n))
	}
	if err := size(p, 2+int(p[1])); err != nil {
		return err
	}
	for g := p[2:]; len(g) > 0; {
		n := 7
		if len(g) >= 7 && p[0] == 0x15 {
			n += 2 * be(g[5:])
		}
		if len(g) < n || g[0] != 6 {
			return malformed(protocol.BadContent, "pdu.bytes", header+len(p)-len(g), "group", "whole groups of reference type 6", "something else")
		}
		g = g[n:]
	}
	return nil
}

// checkAnswer holds the PDU of an answer against itself; Match holds it against its request.
func checkAnswer(body []byte) error {
	p := pdu(body)
	if p[0]&0x80 != 0 {
		return size(p, 2)
	}
	switch functions[p[0]].shape {
	case none:
		return malformed(protocol.BadShape, "pdu.fc", header, "function", "a function of the specification", "another one")
	case readBits, readRegs, readWrite, files:
		if len(p) < 2 {
			return size(p, 2)
		}
		if err := size(p, 2+int(p[1])); err != nil || p[0] != readFiles {
			return err
		}
		if _, ok := groupsOf(p[2:]); !ok {
			return malformed(protocol.BadContent, "pdu.bytes", header+1, "groups", "groups of type 6 that fill the count", "something else")
		}
	case diagnostic:
		return checkDiagnostic(p)
	case device:
		if len(p) < 2 || p[1] == readIdentification && len(p) < 7 {
			return size(p, 7)
		}
		if p[1] == readIdentification && !objects(p[7:], int(p[6])) {
			return malformed(protocol.BadContent, "pdu.bytes", header+6, "objects", "as many objects as are announced", "something else")
		}
	case writeBit, writeReg, writeBits, writeRegs:
		return size(p, 5)
	case mask:
		return size(p, 7)
	case fifo:
		if len(p) < 5 {
			return size(p, 5)
		}
		if n := be(p[3:]); n > maxFIFO || be(p[1:]) != 2+2*n {
			return malformed(protocol.BadContent, "pdu.bytes", header+1, "count", "two bytes for each of at most 31 registers", "something else")
		}
		return size(p, 3+be(p[1:]))
	}
	return nil
}

// checkDiagnostic holds the answer of a serial line's function against itself (sections 6.7 to 6.10 and 6.13).
func checkDiagnostic(p []byte) error {
	switch p[0] {
	case 0x07:
		return size(p, 2)
	case 0x08:
		if len(p) < 5 || len(p)%2 == 0 {
			return size(p, max(5, len(p)|1))
		}
		return nil
	case 0x0B:
		return size(p, 5)
	}
	if len(p) < 2 {
		return size(p, 2)
	}
	return size(p, 2+int(p[1]))
}

// groupsOf counts the groups in an answer that reads files: a length that counts the type, the type 6, and data (section 6.14).
func groupsOf(p []byte) (n int, ok bool) {
	for len(p) > 0 {
		size := int(p[0])
		if size < 1 || size%2 == 0 || len(p) < 1+size || p[1] != 6 {
			return n, false
		}
		p = p[1+size:]
		n++
	}
	return n, true
}

// objects reports whether p holds n objects of an identification: an id, a length and a value each (section 6.21).
func objects(p []byte, n int) bool {
	for range n {
		if len(p) < 2 || len(p) < 2+int(p[1]) {
			return false
		}
		p = p[2+int(p[1]):]
	}
	return len(p) == 0
}

// Match holds the unit, the function and the shape of an answer against the request: the echo of what was written, and as
// much data as was asked for.
func (c *Codec) Match(expect uint64, open bool, m *protocol.Message) protocol.Match {
	var q [8]byte // unit, function and what follows it
	binary.BigEndian.PutUint64(q[:], expect)
	if !open || m.Body[6] != q[0] || m.Body[7]&0x7f != q[1] {
		return protocol.Foreign
	}
	if m.Failed {
		return protocol.Answers
	}
	p, ok := pdu(m.Body)[1:], true
	switch s := functions[q[1]].shape; s {
	case readBits, readRegs:
		ok = int(p[0]) == dataLength(s, be(q[4:]))
	case readWrite:
		ok = int(p[0]) == 2*be(q[4:])
	case writeBit, writeReg, mask:
		ok = string(p) == string(q[2:2+len(p)])
	case writeBits, writeRegs:
		ok = string(p[:4]) == string(q[2:6])
	case files:
		if q[1] == readFiles {
			groups, _ := groupsOf(p[1:])
			ok = groups == int(q[2])/7 // each is asked for with seven bytes
		} else {
			ok = string(p[:min(len(p), 6)]) == string(q[2:8])
		}
	case device:
		ok = p[0] == q[2] && (q[2] != readIdentification || p[1] == q[3])
	case diagnostic:
		ok = q[1] != 0x08 || string(p[:2]) == string(q[2:4])
	}
	if !ok {
		return protocol.Foreign
	}
	return protocol.Answers
}

// expected is what Match wants to know of a request: unit, function, and the six bytes behind it, which hold all that an
// answer repeats or is measured by.
func expected(frame []byte) uint64 {
	var q [8]byte
	copy(q[:], frame[6:])
	return binary.BigEndian.Uint64(q[:])
}
