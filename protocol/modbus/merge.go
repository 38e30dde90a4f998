package modbus

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
)

// Range tells what 01 to 04 read. The space is unit and function.
func (c *Codec) Range(m *protocol.Message) (protocol.Range, bool) {
	p := pdu(m.Body)
	most := c.opts.MaxRead
	switch functions[p[0]&0x7f].shape {
	case readBits:
		most = c.opts.MaxReadBits
	case readRegs:
	default:
		return protocol.Range{}, false
	}
	return protocol.Range{Space: uint64(m.Body[6])<<8 | uint64(p[0]), First: uint32(be(p[1:])), Count: uint32(be(p[3:])), Most: uint32(most)}, true
}

// AppendRead appends a request for r.
func (c *Codec) AppendRead(dst []byte, r protocol.Range, id protocol.ID) ([]byte, error) {
	dst = appendHeader(dst, id, byte(r.Space>>8), 5)
	return append(dst, byte(r.Space), byte(r.First>>8), byte(r.First), byte(r.Count>>8), byte(r.Count)), nil
}

// appendHeader appends the header of a PDU of n bytes.
func appendHeader(dst []byte, id protocol.ID, unit byte, n int) []byte {
	var tid [2]byte
	copy(tid[:], id)
	return append(dst, tid[0], tid[1], 0, 0, byte((n+1)>>8), byte(n+1), unit)
}

var errSlice = errors.New("modbus: the answer does not have what was asked for")

// AppendSlice appends an answer to a read of part out of m.
func (c *Codec) AppendSlice(dst []byte, m *protocol.Message, whole, part protocol.Range, id protocol.ID) ([]byte, error) {
	p := pdu(m.Body)
	s := functions[p[0]&0x7f].shape
	skip, qty := int(part.First)-int(whole.First), int(part.Count)
	if skip < 0 || skip+qty > int(whole.Count) || len(p) < 2 || len(p) < 2+dataLength(s, int(whole.Count)) {
		return dst, errSlice
	}
	n := dataLength(s, qty)
	dst = appendHeader(dst, id, m.Body[6], 2+n)
	dst = append(dst, p[0], byte(n))
	data := p[2:]
	if s == readRegs {
		return append(dst, data[2*skip:2*(skip+qty)]...), nil
	}
	at := len(dst)
	for range n {
		dst = append(dst, 0)
	}
	for i := range qty { // the first bit is the lowest of the first byte
		if from := skip + i; data[from/8]&(1<<(from%8)) != 0 {
			dst[at+i/8] |= 1 << (i % 8)
		}
	}
	return dst, nil
}

// Splits reports the exceptions that a device with holes between its registers gives: 02, 03 and 04.
func (c *Codec) Splits(m *protocol.Message) bool {
	p := pdu(m.Body)
	return m.Failed && len(p) > 1 && p[1] >= 2 && p[1] <= 4
}
