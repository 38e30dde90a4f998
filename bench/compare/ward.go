//go:build linux

package main

import (
	"bytes"
	"strconv"
	"strings"
)

// admissionRest is what stands behind the header of an admission of about 1 KiB, in front of the nonce.
var admissionRest = "|P|2.5\rEVN|A01|20261123123000\rPID|1||4711^^^HOSP^MR~0815^^^NORTH^PI||MUSTER^ANNA^B||19700228|F|||MAIN STREET 1^^TOWN^^12345^DE||+49^PRN^PH|||M\r" +
	"NK1|1|MUSTER^OTTO|SPO\rPV1|1|I|W1^101^A^HOSP||||007^DOCTOR^WHO|||MED||||1|||||V4711\r" + "OBX|1|TX|NOTE^Note^L||" + strings.Repeat("n", 560) + "||||||F\rOBX|2|ST|NONCE^Nonce^L||"

// ward are admissions of one sender for each client. An information system answers with the control id, and the nonce in MSA-3.
var ward = speech{
	name: "HL7 1 KiB",
	split: func(data []byte) int {
		if i := bytes.Index(data, []byte("\x1c\r")); i >= 0 {
			return i + 2
		}
		return 0
	},
	ask: func(dst []byte, client, seq int) []byte {
		dst = append(dst, "\x0bMSH|^~\\&|DEV"...)
		dst = strconv.AppendInt(dst, int64(client), 10)
		dst = append(dst, "|NORTH|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|"...)
		dst = strconv.AppendInt(dst, int64(seq), 10)
		dst = append(dst, admissionRest...)
		dst = appendNonce(dst, client, seq)
		return append(dst, "||||||F\r\x1c\r"...)
	},
	answer: func(dst, q []byte) []byte {
		sender, behind, _ := between(q, `MSH|^~\&|`, '|')
		id, _, _ := between(behind, "ADT_A01|", '|')
		nonce, _, _ := between(q, "OBX|2|ST|NONCE^Nonce^L||", '|')
		dst = append(dst, "\x0bMSH|^~\\&|HIS|HOSP|"...)
		dst = append(dst, sender...)
		dst = append(dst, "|NORTH|20261123123001||ACK^A01^ACK|H1|P|2.5\rMSA|AA|"...)
		dst = append(append(dst, id...), '|')
		return append(append(dst, nonce...), "\r\x1c\r"...)
	},
	check: func(a []byte, client, first, n, _ int) (int, bool) {
		id, rest, ok := between(a, "MSA|AA|", '|')
		seq, err := strconv.Atoi(string(id))
		var want [40]byte
		nonce := append(appendNonce(want[:0], client, seq), '\r')
		return seq, ok && err == nil && seq >= first && seq < first+n && bytes.HasPrefix(rest[1:], nonce)
	},
}
