package modbus

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Getter compiles mbap.tid, mbap.proto, mbap.len, mbap.unit, pdu.fc, pdu.addr, pdu.qty, pdu.waddr, pdu.wqty, pdu.bytes, pdu.code
// (of an exception) and pdu.value[i] (written, or read), all numbers.
func (c *Codec) Getter(path string) (protocol.Getter, error) {
	switch path {
	case "mbap.tid":
		return at(0, 2), nil
	case "mbap.proto":
		return at(2, 2), nil
	case "mbap.len":
		return at(4, 2), nil
	case "mbap.unit":
		return at(6, 1), nil
	case "pdu.fc":
		return func(m *protocol.Message) (protocol.Value, bool) {
			if len(m.Body) <= header {
				return protocol.Value{}, false
			}
			return value16(m, header, 1, int(m.Body[header]&0x7f)), true
		}, nil
	}
	if find, ok := places[path]; ok {
		return func(m *protocol.Message) (protocol.Value, bool) {
			off, n := find(m)
			if off == 0 || off+n > len(m.Body) {
				return protocol.Value{}, false
			}
			return number16(m, off, n), true
		}, nil
	}
	digits, ok := strings.CutPrefix(path, "pdu.value[")
	digits, closed := strings.CutSuffix(digits, "]")
	i, err := strconv.Atoi(digits)
	if !ok || !closed || err != nil || i < 0 || i >= maxReadBits {
		return nil, fmt.Errorf("there is no %q: there are mbap.tid, mbap.proto, mbap.len, mbap.unit, pdu.fc, pdu.addr, pdu.qty, pdu.waddr, pdu.wqty, pdu.bytes, pdu.code and pdu.value[i]", path)
	}
	return func(m *protocol.Message) (protocol.Value, bool) { return element(m, i) }, nil
}

// places are where fields of the PDU stand in the body, and how long they are; 0 if the message has none.
var places = map[string]func(m *protocol.Message) (off, n int){
	"pdu.addr": func(m *protocol.Message) (int, int) {
		if s, req := shapeOf(m); req && s != none && s < files || s == writeBit || s == writeReg || s == writeBits || s == writeRegs || s == mask {
			return header + 1, 2
		}
		return 0, 0
	},
	"pdu.qty": func(m *protocol.Message) (int, int) {
		s, req := shapeOf(m)
		if req && (s == readBits || s == readRegs || s == readWrite) || s == writeBits || s == writeRegs {
			return header + 3, 2
		}
		return 0, 0
	},
	"pdu.waddr": func(m *protocol.Message) (int, int) {
		if s, req := shapeOf(m); req && s == readWrite {
			return header + 5, 2
		}
		return 0, 0
	},
	"pdu.wqty": func(m *protocol.Message) (int, int) {
		if s, req := shapeOf(m); req && s == readWrite {
			return header + 7, 2
		}
		return 0, 0
	},
	"pdu.bytes": func(m *protocol.Message) (int, int) {
		switch s, req := shapeOf(m); {
		case s == files, !req && (s == readBits || s == readRegs || s == readWrite):
			return header + 1, 1
		case !req && s == fifo:
			return header + 1, 2
		case req && (s == writeBits || s == writeRegs):
			return header + 5, 1
		case req && s == readWrite:
			return header + 9, 1
		}
		return 0, 0
	},
	"pdu.code": func(m *protocol.Message) (int, int) {
		if m.Failed && len(m.Body) > header+1 {
			return header + 1, 1
		}
		return 0, 0
	},
}

// shapeOf returns the shape of a message that is no exception, and whether it is a request.
func shapeOf(m *protocol.Message) (shape, bool) {
	if len(m.Body) <= header || m.Body[header] >= 0x80 {
		return none, false
	}
	return functions[m.Body[header]].shape, m.Dir == protocol.FromClient
}

// element returns value i that m writes, or that it brings.
func element(m *protocol.Message, i int) (protocol.Value, bool) {
	s, req := shapeOf(m)
	off, qty := 0, 0
	switch {
	case req:
		if s == none || checkRequest(m.Body) != nil {
			return protocol.Value{}, false
		}
		_, qty, off, _ = writes(m.Body)
	case s == writeBit, s == writeReg:
		off, qty = header+3, 1
	case s == readBits, s == readRegs, s == readWrite:
		if len(m.Body) < header+2 {
			return protocol.Value{}, false
		}
		off, qty = header+2, int(m.Body[header+1])/2
		if s == readBits {
			qty = 8 * int(m.Body[header+1])
		}
	}
	bits := s == writeBits || s == readBits
	if off == 0 || i >= qty || bits && off+i/8 >= len(m.Body) || !bits && off+2*i+2 > len(m.Body) {
		return protocol.Value{}, false
	}
	if bits {
		return value16(m, off+i/8, 1, value(m.Body, off, i)), true
	}
	return value16(m, off+2*i, 2, value(m.Body, off, i)), true
}

func at(off, n int) protocol.Getter {
	return func(m *protocol.Message) (protocol.Value, bool) {
		if off+n > len(m.Body) {
			return protocol.Value{}, false
		}
		return number16(m, off, n), true
	}
}

func number16(m *protocol.Message, off, n int) protocol.Value {
	v := int(m.Body[off])
	if n == 2 {
		v = be(m.Body[off:])
	}
	return value16(m, off, n, v)
}

// value16 is a number that stands in n bytes from off on.
func value16(m *protocol.Message, off, n, v int) protocol.Value {
	from := len(m.Scratch)
	m.Scratch = strconv.AppendInt(m.Scratch, int64(v), 10)
	return protocol.Value{Type: protocol.Number, Text: m.Scratch[from:], Raw: m.Body[off : off+n], Off: off}
}
