package iso8583

import (
	"bytes"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// FuzzDecode holds that what is accepted is encoded again byte for byte, whatever the dialect, that it can be answered, and that
// nothing that is done with a message, accepted or not, fails.
func FuzzDecode(f *testing.F) {
	codecs := []*Codec{newCodec(f, oddities)}
	for _, s := range setups {
		codecs = append(codecs, newCodec(f, s.options))
	}
	for i, c := range codecs {
		fields := odd
		if i > 0 {
			fields = c.purchase()
		}
		f.Add(i, []byte(c.body(f, c.mti("200"), fields)))
		f.Add(i, []byte(c.body(f, c.mti("800"), map[int]string{11: "1", c.network: "301"})))
	}
	getters := make([][]protocol.Getter, len(codecs))
	for i, c := range codecs {
		for _, path := range append(c.Paths(), "MTI.class", "bitmap") {
			get, err := c.Getter(path)
			if err != nil {
				f.Fatal(path, err)
			}
			getters[i] = append(getters[i], get)
		}
	}
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		if i < 0 || i >= len(codecs) || len(body) > 1<<16 {
			t.Skip()
		}
		c, was := codecs[i], bytes.Clone(body)
		var m protocol.Message
		err := c.DecodeBody(protocol.FromClient, body, &m)
		if masked := c.AppendMasked(nil, &m); len(masked) != len(body) {
			t.Fatalf("of %d bytes %d are left when they are masked", len(body), len(masked))
		}
		for _, r := range reasons(err) {
			if r.Off < -1 || r.Off > len(body) {
				t.Fatalf("a reason is at %d of %d bytes", r.Off, len(body))
			}
		}
		notice, e := c.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Fix, Cause: protocol.BadShape, Reasons: reasons(err)})
		if e != nil {
			t.Fatal(e)
		}
		var answer protocol.Message
		if e := c.DecodeBody(protocol.FromBackend, notice, &answer); len(notice) > 0 && e != nil {
			t.Fatalf("the notice %q: %v", notice, e)
		}
		if err != nil {
			return
		}
		for _, get := range getters[i] {
			if v, ok := get(&m); ok && !bytes.Equal(body[v.Off:v.Off+len(v.Raw)], v.Raw) {
				t.Fatalf("a value is not at %d: %q", v.Off, v.Raw)
			}
		}
		for n, at := range m.Spans {
			if at.Off < 0 {
				continue
			}
			d, wire := c.fields[n], body[int(at.Off)-c.fields[n].prefix:at.Off+at.Len]
			again, err := d.appendContent(nil, c.find(&m, n))
			if d.Encoding == dialect.Hex || d.Prefix == dialect.Hex {
				wire, again = bytes.ToUpper(wire), bytes.ToUpper(again)
			}
			if err != nil || !bytes.Equal(again, wire) {
				t.Fatalf("%s is %x, %q, and written again %x, %v", d.path, wire, c.find(&m, n), again, err)
			}
		}
		c.Police(&m)
		if m.Kind == protocol.Request && (!c.Repeats(body, &m) || string(answer.ID) != string(m.ID) || c.Match(m.Expect, true, &answer) != protocol.Answers) {
			t.Fatalf("%q is no repeat of itself, or not answered by its notice %q", body, notice)
		}
		if m.Kind == protocol.SignOn {
			if _, err := c.AppendReply(nil, &m); err != nil {
				t.Fatal(err)
			}
		}
		out, err := c.AppendWithID(nil, &m, m.ID)
		if err != nil || !bytes.Equal(out, was) || !bytes.Equal(body, was) {
			t.Fatalf("%x is encoded again as %x, %v", was, out, err)
		}
		if c.stan > 0 && m.Kind == protocol.Request {
			out, err := c.AppendWithID(nil, &m, c.AppendTicket(nil, 12_344))
			var other protocol.Message
			if err == nil {
				err = c.DecodeBody(protocol.FromClient, out, &other)
			}
			if n, ok := c.Ticket(other.ID); err != nil || n != 12_344 || !ok {
				t.Fatalf("with another number %q is %q: %d, %v", was, out, n, err)
			}
		}
	})
}
