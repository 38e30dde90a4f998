package iso8583

import (
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func BenchmarkDecode(b *testing.B) {
	for _, s := range setups {
		b.Run(s.name, func(b *testing.B) {
			c := newCodec(b, s.options)
			body := []byte(c.body(b, c.mti("200"), c.purchase()))
			var m protocol.Message
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.DecodeBody(protocol.FromClient, body, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNotice(b *testing.B) {
	c := newCodec(b, `{}`)
	var m protocol.Message
	if err := c.DecodeBody(protocol.FromClient, []byte(c.body(b, "0200", c.purchase())), &m); err != nil {
		b.Fatal(err)
	}
	n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: []protocol.Reason{{Path: "DE4", Rule: "min", Want: "more than 0"}}}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out, _ = c.AppendNotice(out[:0], &m, &n)
	}
}
