//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// speech is what clients and a server say to each other. Each request holds a nonce that its answer must bring back.
type speech struct {
	name   string
	split  func(data []byte) int                    // the length of the first frame, 0 if it is not whole
	ask    func(dst []byte, client, seq int) []byte // one request
	answer func(dst, request []byte) []byte         // the server's; nil if there is another server
	// check returns which of the n requests from first on frame answers, where the client has had nth answers to these.
	check func(frame []byte, client, first, n, nth int) (seq int, ok bool)
}

// speeches are what a generator can speak.
var speeches = map[string]*speech{"jsonrpc": &jsonrpc, "modbus": &modbus, "payment": &payment, "ward": &ward, "resp 64 B": redisPairs(64), "resp 1 KiB": redisPairs(1 << 10)}

// appendNonce is what no other request has.
func appendNonce(dst []byte, client, seq int) []byte {
	dst = append(strconv.AppendInt(dst, int64(client), 10), '.')
	return strconv.AppendInt(dst, int64(seq), 10)
}

var note = strings.Repeat("n", 850)

// jsonrpc are lines of about 1 KiB; the server takes arrays too.
var jsonrpc = speech{
	name:  "JSON-RPC 1 KiB",
	split: func(data []byte) int { return bytes.IndexByte(data, '\n') + 1 },
	ask: func(dst []byte, client, seq int) []byte {
		dst = strconv.AppendInt(append(dst, `{"jsonrpc":"2.0","id":`...), int64(seq), 10)
		dst = appendNonce(append(dst, `,"method":"order.place","params":{"nonce":"`...), client, seq)
		dst = append(dst, `","item":"bolt","quantity":12,"price":{"amount":1250,"currency":"EUR"},"due":"2024-02-29","note":"`...)
		return append(append(dst, note...), `"}}`+"\n"...)
	},
	answer: func(dst, request []byte) []byte {
		batch, comma := request[0] == '[', false
		if batch {
			dst = append(dst, '[')
		}
		for {
			id, behindID, ok := number(request)
			nonce, behindNonce, found := between(request, `"nonce":"`, '"')
			if !ok || !found {
				break
			}
			rest := behindID // either may be the first of the two
			if len(behindNonce) < len(rest) {
				rest = behindNonce
			}
			if comma {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, `{"jsonrpc":"2.0","id":`...), id...), `,"result":"`...)
			dst = append(append(dst, nonce...), `"}`...)
			request, comma = rest, true
		}
		if batch {
			dst = append(dst, ']')
		}
		return append(dst, '\n')
	},
	check: func(frame []byte, client, first, n, _ int) (int, bool) {
		id, _, _ := number(frame)
		seq, err := strconv.Atoi(string(id))
		nonce, _, _ := between(frame, `"result":"`, '"')
		var want [40]byte
		return seq, err == nil && seq >= first && seq < first+n && bytes.Equal(nonce, appendNonce(want[:0], client, seq))
	},
}

// number returns the first id in p.
func number(p []byte) (id, rest []byte, ok bool) {
	i := bytes.Index(p, []byte(`"id":`))
	if i < 0 {
		return nil, nil, false
	}
	p = p[i+len(`"id":`):]
	for i = 0; i < len(p) && '0' <= p[i] && p[i] <= '9'; i++ {
	}
	return p[:i], p[i:], i > 0
}

// between returns what stands in p between begin and the next end, and what comes behind.
func between(p []byte, begin string, end byte) (found, rest []byte, ok bool) {
	i := bytes.Index(p, []byte(begin))
	if i < 0 {
		return nil, nil, false
	}
	p = p[i+len(begin):]
	if i = bytes.IndexByte(p, end); i < 0 {
		return nil, nil, false
	}
	return p[:i], p[i:], true
}

// modbus are reads of two registers, whose values are their addresses.
var modbus = speech{
	name: "Modbus",
	split: func(data []byte) int {
		if len(data) < 6 {
			return 0
		}
		if n := 6 + int(binary.BigEndian.Uint16(data[4:])); n <= len(data) {
			return n
		}
		return 0
	},
	ask: func(dst []byte, client, seq int) []byte {
		dst = binary.BigEndian.AppendUint16(dst, uint16(seq))
		dst = append(dst, 0, 0, 0, 6, 1, 3)
		dst = binary.BigEndian.AppendUint16(dst, registerOf(client, seq))
		return append(dst, 0, 2)
	},
	answer: func(dst, q []byte) []byte {
		dst = append(append(dst, q[:4]...), 0, 7, q[6], q[7], 4)
		first := binary.BigEndian.Uint16(q[8:])
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(dst, first), first+1)
	},
	check: func(a []byte, client, first, n, _ int) (int, bool) {
		if len(a) != 13 {
			return 0, false
		}
		seq := first + int(binary.BigEndian.Uint16(a)-uint16(first))
		register := registerOf(client, seq)
		return seq, seq < first+n && binary.BigEndian.Uint16(a[9:]) == register && binary.BigEndian.Uint16(a[11:]) == register+1
	},
}

func registerOf(client, seq int) uint16 { return uint16(client*7919+seq*31) % 60000 }

// redisPairs set a key that is the client's own to a value of so many bytes and get it again, by turns. So an OK that is
// another's, which looks like any other, is in the place of a value.
func redisPairs(size int) *speech {
	fill := bytes.Repeat([]byte{'v'}, size)
	appendValue := func(dst []byte, client, seq int) []byte {
		dst = append(strconv.AppendInt(append(dst, '$'), int64(size), 10), '\r', '\n')
		before := len(dst)
		dst = append(appendNonce(dst, client, seq), '.')
		return append(append(dst, fill[len(dst)-before:]...), '\r', '\n')
	}
	return &speech{
		name:  fmt.Sprintf("RESP with nonces, %d bytes", size),
		split: splitRESP,
		ask: func(dst []byte, client, seq int) []byte {
			set := seq%2 == 0
			if set {
				dst = append(dst, "*3\r\n$3\r\nSET\r\n$"...)
			} else {
				dst = append(dst, "*2\r\n$3\r\nGET\r\n$"...)
			}
			var digits [20]byte
			number := strconv.AppendInt(digits[:0], int64(client), 10)
			dst = strconv.AppendInt(dst, int64(len("key:")+len(number)), 10)
			dst = append(append(append(dst, "\r\nkey:"...), number...), '\r', '\n')
			if set {
				dst = appendValue(dst, client, seq)
			}
			return dst
		},
		check: func(frame []byte, client, first, _, nth int) (int, bool) {
			seq := first + nth // answers come in order
			if seq%2 == 0 {
				return seq, string(frame) == "+OK\r\n"
			}
			var want [2 << 10]byte
			return seq, bytes.Equal(frame, appendValue(want[:0], client, seq-1))
		},
	}
}

// splitRESP knows what GET and SET are answered with.
func splitRESP(data []byte) int {
	end := bytes.IndexByte(data, '\n') + 1
	if end < 3 || data[0] != '$' {
		return end
	}
	n := 0
	for _, d := range data[1 : end-2] {
		if d < '0' || d > '9' {
			return end // -1
		}
		n = 10*n + int(d-'0')
	}
	if end+n+2 > len(data) {
		return 0
	}
	return end + n + 2
}
