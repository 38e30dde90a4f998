//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// paymentHead is message type and bitmap of a purchase in 1987-ascii with binary bitmaps: fields 2, 3, 4, 7, 11, 12, 13, 37,
// 41, 42, 48 and 49.
var (
	paymentHead  = []byte("0200\x72\x38\x00\x00\x08\xc1\x80\x00")
	approvedHead = []byte("0210\x72\x38\x00\x00\x0a\xc1\x80\x00") // and 39
)

// Where fields begin, behind the length of two bytes.
const (
	atSTAN     = 2 + 12 + 2 + 16 + 6 + 12 + 10
	behindTime = atSTAN + 6 + 6 + 4
	atTerminal = behindTime + 12
	atNonce    = atTerminal + 8 + 15 + 3
	nonceSize  = 100
)

// payment are purchases of one terminal for each client, whose field 48 holds the nonce. A host answers with the same and a
// response code.
var payment = speech{
	name:  "ISO 8583",
	split: splitLength2,
	ask: func(dst []byte, client, seq int) []byte {
		start := len(dst)
		dst = append(append(dst, 0, 0), paymentHead...)
		dst = append(dst, "164761739001010119000000000000001000"+"1123124501"...)
		dst = appendDigits(dst, seq, 6)
		dst = append(dst, "1245011123"+"RRN000000001"...)
		dst = appendDigits(append(dst, 'T'), client, 7)
		dst = append(dst, "SHOP00000000001"+"100"...)
		at := len(dst)
		dst = append(appendNonce(dst, client, seq), '.')
		for len(dst) < at+nonceSize {
			dst = append(dst, 'n')
		}
		dst = append(dst, "978"...)
		binary.BigEndian.PutUint16(dst[start:], uint16(len(dst)-start-2))
		return dst
	},
	answer: func(dst, q []byte) []byte {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(q)))
		dst = append(append(dst, approvedHead...), q[2+len(paymentHead):atTerminal]...)
		return append(append(dst, "00"...), q[atTerminal:]...)
	},
	check: func(a []byte, client, first, n, _ int) (int, bool) {
		if len(a) < atNonce+2+nonceSize {
			return 0, false
		}
		number, err := strconv.Atoi(string(a[atSTAN : atSTAN+6]))
		seq := first + (number-first%1e6+1e6)%1e6
		var want [40]byte
		nonce := append(appendNonce(want[:0], client, seq), '.')
		return seq, err == nil && seq < first+n && bytes.HasPrefix(a[atNonce+2:], nonce) && string(a[atTerminal:atTerminal+2]) == "00"
	},
}

func splitLength2(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	if n := 2 + int(binary.BigEndian.Uint16(data)); n <= len(data) {
		return n
	}
	return 0
}

// appendDigits appends the last so many digits of n.
func appendDigits(dst []byte, n, digits int) []byte {
	at := len(dst)
	for range digits {
		dst = append(dst, '0')
	}
	for i := at + digits - 1; i >= at; i-- {
		dst[i] += byte(n % 10)
		n /= 10
	}
	return dst
}
