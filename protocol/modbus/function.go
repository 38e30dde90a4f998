package modbus

// shape is what a PDU looks like behind its function code.
type shape uint8

const (
	none       shape = iota
	readBits         // 01 02: address, quantity → count, bits
	readRegs         // 03 04: address, quantity → count, registers
	writeBit         // 05: address, FF00 or 0000 → the same
	writeReg         // 06: address, value → the same
	writeBits        // 0F: address, quantity, count, bits → address, quantity
	writeRegs        // 10: address, quantity, count, registers → address, quantity
	mask             // 16: address, and, or → the same
	readWrite        // 17: address, quantity, address, quantity, count, registers → count, registers
	fifo             // 18: address → count, registers, registers
	files            // 14 15: count, groups → count, groups
	device           // 2B: MEI type, data → MEI type, data
	diagnostic       // 07 08 0B 0C 11: of serial lines
)

// function is one of the public functions (section 6).
type function struct {
	name  []byte
	shape shape
}

// functions by code. Names are those of the specification, in lower case and with hyphens.
var functions = [128]function{
	0x01: {[]byte("read-coils"), readBits},
	0x02: {[]byte("read-discrete-inputs"), readBits},
	0x03: {[]byte("read-holding-registers"), readRegs},
	0x04: {[]byte("read-input-registers"), readRegs},
	0x05: {[]byte("write-single-coil"), writeBit},
	0x06: {[]byte("write-single-register"), writeReg},
	0x07: {[]byte("read-exception-status"), diagnostic},
	0x08: {[]byte("diagnostics"), diagnostic},
	0x0B: {[]byte("get-comm-event-counter"), diagnostic},
	0x0C: {[]byte("get-comm-event-log"), diagnostic},
	0x0F: {[]byte("write-multiple-coils"), writeBits},
	0x10: {[]byte("write-multiple-registers"), writeRegs},
	0x11: {[]byte("report-server-id"), diagnostic},
	0x14: {[]byte("read-file-record"), files},
	0x15: {[]byte("write-file-record"), files},
	0x16: {[]byte("mask-write-register"), mask},
	0x17: {[]byte("read-write-multiple-registers"), readWrite},
	0x18: {[]byte("read-fifo-queue"), fifo},
	0x2B: {[]byte("encapsulated-interface-transport"), device},
}

// Bounds on quantities (sections 6.1 to 6.17).
const (
	maxReadBits  = 2000
	maxReadRegs  = 125
	maxWriteBits = 1968
	maxWriteRegs = 123
	maxBothRegs  = 121 // written by 17
	maxFIFO      = 31
)

// Functions and types that are looked at by themselves.
const (
	readFiles          = 0x14
	readIdentification = 0x0E // a MEI type of 2B
)

// The ADU.
const (
	header    = 7   // transaction id, protocol id, length, unit id
	maxLength = 254 // unit id and PDU
	maxADU    = 6 + maxLength
)

func be(p []byte) int { return int(p[0])<<8 | int(p[1]) }

// pdu returns function code and what follows it.
func pdu(body []byte) []byte { return body[header:] }

// reads returns what a request reads: address and quantity. It is false if it reads nothing that has addresses.
func reads(body []byte) (addr, qty int, ok bool) {
	p := pdu(body)
	switch functions[p[0]&0x7f].shape {
	case readBits, readRegs, readWrite:
		return be(p[1:]), be(p[3:]), true
	case fifo:
		return be(p[1:]), 1, true
	}
	return 0, 0, false
}

// writes returns what a request writes, and where the values stand in the body; 0 if they cannot be told apart.
func writes(body []byte) (addr, qty, at int, ok bool) {
	p := pdu(body)
	switch functions[p[0]&0x7f].shape {
	case writeBit, writeReg:
		return be(p[1:]), 1, header + 3, true
	case mask:
		return be(p[1:]), 1, 0, true
	case writeBits, writeRegs:
		return be(p[1:]), be(p[3:]), header + 6, true
	case readWrite:
		return be(p[5:]), be(p[7:]), header + 10, true
	}
	return 0, 0, 0, false
}
