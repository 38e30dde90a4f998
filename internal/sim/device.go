package sim

import (
	"encoding/binary"
	"sync"

	"github.com/sallyport/sallyport/protocol"
)

// Bounds of a Device: what lies beyond is an illegal address.
const (
	deviceRegisters = 10_000
	deviceBits      = 10_000
)

// Device is a simulated Modbus device: units with holding registers and coils, which can be written, and input registers
// and discrete inputs, which hold their own addresses and whether these are odd. It is safe for concurrent use.
type Device struct {
	mu    sync.Mutex
	units map[byte]*unit
}

type unit struct {
	registers [deviceRegisters]uint16
	coils     [deviceBits]bool
}

// Handle answers a request. What it does not know is an illegal function.
func (d *Device) Handle(m *protocol.Message) Answer {
	if len(m.Body) < 12 {
		return exception(m, 1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.units[m.Body[6]]
	if u == nil {
		if d.units == nil {
			d.units = map[byte]*unit{}
		}
		u = &unit{}
		d.units[m.Body[6]] = u
	}
	p := m.Body[7:]
	addr, n := int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint16(p[3:]))
	qty := n
	if p[0] == 5 || p[0] == 6 {
		qty = 1
	}
	if addr+qty > deviceRegisters {
		return exception(m, 2)
	}
	switch p[0] {
	case 1:
		return bits(m, n, func(i int) bool { return u.coils[addr+i] })
	case 2:
		return bits(m, n, func(i int) bool { return (addr+i)%2 == 1 })
	case 3:
		return registers(m, n, func(i int) uint16 { return u.registers[addr+i] })
	case 4:
		return registers(m, n, func(i int) uint16 { return uint16(addr + i) })
	case 5:
		u.coils[addr] = n != 0
		return reply(m, p)
	case 6:
		u.registers[addr] = uint16(n)
		return reply(m, p)
	case 15:
		for i := range n {
			u.coils[addr+i] = p[6+i/8]>>(i%8)&1 == 1
		}
		return reply(m, p[:5])
	case 16:
		u.write(addr, p[6:])
		return reply(m, p[:5])
	case 23:
		at := int(binary.BigEndian.Uint16(p[5:]))
		if at+int(binary.BigEndian.Uint16(p[7:])) > deviceRegisters {
			return exception(m, 2)
		}
		u.write(at, p[10:]) // before it reads (section 6.17)
		return registers(m, n, func(i int) uint16 { return u.registers[addr+i] })
	}
	return exception(m, 1)
}

func (u *unit) write(addr int, data []byte) {
	for i := range len(data) / 2 {
		u.registers[addr+i] = binary.BigEndian.Uint16(data[2*i:])
	}
}

func bits(m *protocol.Message, n int, at func(i int) bool) Answer {
	p := append([]byte{m.Body[7], byte((n + 7) / 8)}, make([]byte, (n+7)/8)...)
	for i := range n {
		if at(i) {
			p[2+i/8] |= 1 << (i % 8)
		}
	}
	return reply(m, p)
}

func registers(m *protocol.Message, n int, at func(i int) uint16) Answer {
	p := []byte{m.Body[7], byte(2 * n)}
	for i := range n {
		p = binary.BigEndian.AppendUint16(p, at(i))
	}
	return reply(m, p)
}

func exception(m *protocol.Message, code byte) Answer {
	if len(m.Body) < 8 {
		return Answer{}
	}
	return reply(m, []byte{m.Body[7] | 0x80, code})
}

// reply makes an answer of a PDU, behind the header of the request.
func reply(m *protocol.Message, pdu []byte) Answer {
	body := append(clone(m.Body[:7]), pdu...)
	binary.BigEndian.PutUint16(body[4:], uint16(len(pdu)+1))
	return Answer{Body: body}
}

// Modbus returns the Speech of Modbus: reads and writes of one request (function 23) in which the nonce is written and
// read back.
func Modbus(protocol.Codec) (Speech, error) {
	return Speech{
		ID: func(n int) protocol.ID { return binary.BigEndian.AppendUint16(nil, uint16(n)) },
		Request: func(dst []byte, id protocol.ID, nonce string) []byte {
			dst = append(append(dst, id...), 0, 0, 0, byte(11+NonceLen), 1, 23, 0, 100, 0, NonceLen/2, 0, 100, 0, NonceLen/2, NonceLen)
			return append(dst, nonce...)
		},
		Wait: func(m *protocol.Message) (protocol.ID, bool) { return nil, false },
	}, nil
}
