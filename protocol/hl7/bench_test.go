package hl7

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// document is an ORU^R01 of about 1 KiB.
func document() string {
	return segments(`MSH|^~\&|LAB|NORTH|HIS|HOSP|20261123123000||ORU^R01^ORU_R01|4711|P|2.5`, "PID|1||4711^^^HOSP^MR~0815^^^NORTH^PI||MUSTER^ANNA^B||19700228|F|||MAIN STREET 1^^TOWN^^12345^DE",
		"PV1|1|I|W1^101^A^HOSP||||007^DOCTOR^WHO|||MED", "OBR|1|ORD1|FIL1|CBC^Complete blood count^L|||20261123") +
		strings.Repeat(segments("OBX|1|NM|HGB^Hemoglobin^L||13.2|g/dL|12-16|N|||F|||20261123"), 12)
}

func BenchmarkDecode(b *testing.B) {
	c := newCodec(b, `{}`)
	frame := []byte("\x0b" + document() + "\x1c\r")
	m := new(protocol.Message)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		var r protocol.Resume
		_, f, err := c.Split(frame, false, &r)
		if err == nil {
			err = c.Decode(protocol.FromClient, f, m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPolice(b *testing.B) {
	c := newCodec(b, `{"rules": {"types": ["ORU^R01"], "processing": ["P"], "required": ["PID-3.1", "OBX-3"], "z": ["none"], "escapes": true}}`)
	m := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromClient, []byte(document()), m); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ref := c.Police(m); ref != nil {
			b.Fatal(ref.Reasons)
		}
	}
}

func BenchmarkGetter(b *testing.B) {
	c := newCodec(b, `{}`)
	m := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromClient, []byte(document()), m); err != nil {
		b.Fatal(err)
	}
	get, _ := c.Getter("OBX[12]-5")
	b.ReportAllocs()
	for b.Loop() {
		if v, ok := get(m); !ok || string(v.Text) != "13.2" {
			b.Fatal(v)
		}
	}
}

func BenchmarkNotice(b *testing.B) {
	c := newCodec(b, `{}`)
	m := new(protocol.Message)
	if err := c.DecodeBody(protocol.FromClient, []byte(document()), m); err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out, _ = c.AppendNotice(out[:0], m, &missing)
	}
}
