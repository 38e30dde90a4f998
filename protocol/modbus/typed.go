package modbus

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Paths are the fields that tell a person what a message is.
func (c *Codec) Paths() []string {
	return []string{"mbap.unit", "pdu.fc", "pdu.addr", "pdu.qty", "pdu.waddr", "pdu.wqty", "pdu.code"}
}

var errTyped = errors.New("write UNIT FUNCTION ADDRESS and then the quantity to read or the values to write, as in '1 3 40 2' or '1 write-multiple-registers 40 7 8'")

// AppendTyped appends the request that a person means by a line: unit, function by code or name, address, and then a
// quantity to read or the values to write. N becomes the transaction id.
func (c *Codec) AppendTyped(dst, line []byte, n int) ([]byte, error) {
	words := bytes.Fields(line)
	if len(words) < 4 {
		return dst, errTyped
	}
	fc := byte(0)
	for code := range functions {
		if name := functions[code].name; name != nil && bytes.Equal(name, words[1]) {
			fc = byte(code)
		}
	}
	var values []int
	for i, w := range words {
		if i == 1 && fc != 0 {
			values = append(values, int(fc))
			continue
		}
		v, err := strconv.ParseInt(string(w), 0, 32)
		if err != nil || v < -1<<15 || v > 0xFFFF {
			return dst, fmt.Errorf("%q is no number of 16 bits; %w", w, errTyped)
		}
		values = append(values, int(v))
	}
	if values[0] > 255 || values[1] < 1 || values[1] > 127 {
		return dst, errTyped
	}
	fc = byte(values[1])
	p := append([]byte{fc}, byte(values[2]>>8), byte(values[2]))
	data := values[3:]
	switch functions[fc].shape {
	case readBits, readRegs, writeReg:
		p = append(p, byte(data[0]>>8), byte(data[0]))
	case writeBit:
		p = append(p, 0, 0)
		if data[0] != 0 {
			p[3] = 0xFF
		}
	case writeBits:
		p = append(p, byte(len(data)>>8), byte(len(data)), byte((len(data)+7)/8))
		p = append(p, make([]byte, (len(data)+7)/8)...)
		for i, v := range data {
			if v != 0 {
				p[6+i/8] |= 1 << (i % 8)
			}
		}
	case writeRegs:
		p = append(p, byte(len(data)>>8), byte(len(data)), byte(2*len(data)))
		for _, v := range data {
			p = append(p, byte(v>>8), byte(v))
		}
	default:
		return dst, fmt.Errorf("function %d cannot be typed: send a file of frames", fc)
	}
	dst = appendHeader(dst, []byte{byte(n >> 8), byte(n)}, byte(values[0]), len(p))
	return append(dst, p...), nil
}
