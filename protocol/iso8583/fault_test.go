package iso8583

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// refusedAt proves that body is refused with a reason at path, that the next message is not affected, and that the notice says
// the field's number.
func refusedAt(t *testing.T, c *Codec, what, body, path string) {
	t.Helper()
	var m protocol.Message
	err := c.DecodeBody(protocol.FromClient, []byte(body), &m)
	bad, ok := errors.AsType[*protocol.Malformed](err)
	if !ok || bad.Reasons[0].Path != path {
		t.Errorf("%s: got %v, want a reason at %s", what, err, path)
		return
	}
	notice, err := c.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Fix, Cause: bad.Cause, Reasons: bad.Reasons})
	if err != nil || path != "MTI" && len(notice) == 0 {
		t.Errorf("%s: the notice: %q, %v", what, notice, err)
		return
	}
	var answer protocol.Message
	if err := c.DecodeBody(protocol.FromBackend, notice, &answer); err != nil {
		t.Errorf("%s: the notice: %v", what, err)
	} else if code, reason := c.find(&answer, deCode), c.find(&answer, 44); strings.Trim(string(code), "904") != "" && string(code) != "30" || path != "" && !strings.HasPrefix(string(reason), path) {
		t.Errorf("%s: the notice says %q, %q", what, code, reason)
	}
	good := []byte(c.body(t, c.mti("200"), c.purchase()))
	if err := c.DecodeBody(protocol.FromClient, good, &m); err != nil {
		t.Errorf("after %s: %v", what, err)
	}
}

// A5: of a length that counts its own header and one that does not only the configured one is understood.
func TestFaultA05LengthsThatCountThemselves(t *testing.T) {
	with, without := newCodec(t, `{"framing": "amex"}`), newCodec(t, `{"framing": "bin2"}`)
	little := newCodec(t, `{"framing": {"kind": "length", "width": 2, "order": "little"}}`)
	body := without.body(t, "0200", without.purchase())
	framed := func(c *Codec) []byte {
		data, err := c.CloseFrame(append(c.OpenFrame(nil, nil), body...), 0)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	understands := func(c *Codec, data []byte) bool {
		stream := append(append([]byte{}, data...), data...)
		var m protocol.Message
		for range 2 {
			var r protocol.Resume
			n, frame, err := c.Split(stream, false, &r)
			if err != nil || frame == nil || c.Decode(protocol.FromClient, frame, &m) != nil {
				return false
			}
			stream = stream[n:]
		}
		return len(stream) == 0
	}
	codecs := map[string]*Codec{"counts itself": with, "does not": without, "little": little}
	for a, writes := range codecs {
		for b, reads := range codecs {
			if got := understands(reads, framed(writes)); got != (a == b) {
				t.Errorf("written %s, read %s: understood %v", a, b, got)
			}
		}
	}
}

// A6: what does not fit its length, of the frame or of a field, is refused before a byte of it is written.
func TestFaultA06LengthsThatDoNotFit(t *testing.T) {
	c := newCodec(t, `{"framing": "ascii4", "dialect": {"base": "1987-ascii", "fields": {"60": {"form": "ans....9999"}, "61": {"form": "ans...999"}}}}`)
	if _, err := c.CloseFrame(append(c.OpenFrame(nil, nil), make([]byte, 10_000)...), 0); err == nil {
		t.Error("10,000 bytes behind four digits: want an error")
	}
	for n, length := range map[int]int{60: 10_000, 61: 1000, 2: 20, 35: 38} {
		if out, err := c.fields[n].appendContent([]byte("x"), []byte(strings.Repeat("1", length))); err == nil || string(out) != "x" {
			t.Errorf("field %d with %d: got %d bytes, %v", n, length, len(out), err)
		}
	}
	if n, ok := appendLength(nil, 256, 1, 3); ok {
		t.Errorf("256 in a byte: got %x", n)
	}
}

// A10: bits and fields that do not fit.
func TestFaultA10BitmapsAndFields(t *testing.T) {
	for _, s := range setups {
		c := newCodec(t, s.options)
		fields := c.purchase()
		whole := c.body(t, c.mti("200"), fields)
		head := len(c.appendMTI(nil, [4]byte([]byte("0200"))))
		var set [3]uint64
		at := c.readBitmaps([]byte(whole), head, &set, new(faults))
		put := func(set [3]uint64, rest string) string {
			return whole[:head] + string(c.appendBitmaps(nil, &set)) + rest
		}
		rest := whole[at:]
		missing := set
		mark(&missing, 64)
		refusedAt(t, c, s.name+": the last field is missing", put(missing, rest), "DE64")
		last := set
		mark(&last, 128)
		refusedAt(t, c, s.name+": bit 128 without its field", put(last, rest), "DE128")
		mark(&last, 65)
		refusedAt(t, c, s.name+": a field that there is not", put(last, rest+strings.Repeat("0", 40)), "DE65")
		second := set
		second[0] |= 1 << 63
		body := []byte(whole)
		copy(body[head:], c.appendBitmaps(nil, &[3]uint64{second[0]}))
		body = body[:at]
		refusedAt(t, c, s.name+": a second bitmap that is not there", string(body), "bitmap")
		refusedAt(t, c, s.name+": one byte too many", whole+"0", "")
	}
}

// A11: lengths and digits that are none.
func TestFaultA11DigitsThatAreNone(t *testing.T) {
	ascii, binary, ebcdic := newCodec(t, `{}`), newCodec(t, `{"dialect": "1987-binary"}`), newCodec(t, `{"dialect": "1987-ebcdic"}`)
	for _, x := range []struct {
		c        *Codec
		n        int
		off      int // in the field, its length included
		was, put string
	}{
		{ascii, 2, 0, "16", "1x"}, {ascii, 2, 0, "16", "-6"}, {ascii, 2, 0, "16", " 6"}, {ascii, 2, 0, "16", "99"}, {ascii, 3, 0, "000000", "00x000"},
		{ascii, 4, 0, "000000001000", "00000000100A"}, {ascii, 41, 0, "TERM0001", "TERM\x00001"}, {ascii, 35, 0, "24", "2?"},
		{binary, 2, 0, "\x16", "\x1A"}, {binary, 2, 0, "\x16", "\xF6"}, {binary, 3, 0, "\x00\x00\x00", "\x00\x0B\x00"}, {binary, 4, 0, "\x00", "\xF0"},
		{ebcdic, 2, 0, "\xF1\xF6", "\xF1\xC1"}, {ebcdic, 3, 0, "\xF0", "\x00"}, {ebcdic, 2, 0, "\xF1\xF6", "16"},
	} {
		body := x.c.body(t, "0200", x.c.purchase())
		var m protocol.Message
		if err := x.c.DecodeBody(protocol.FromClient, []byte(body), &m); err != nil {
			t.Fatal(err)
		}
		at := int(m.Spans[x.n].Off) - x.c.fields[x.n].prefix + x.off
		if body[at:at+len(x.was)] != x.was {
			t.Fatalf("field %d begins with %x", x.n, body[at:at+len(x.was)])
		}
		refusedAt(t, x.c, fmt.Sprintf("%s, field %d with %x", x.c.dialect.Name, x.n, x.put), body[:at]+x.put+body[at+len(x.put):], fmt.Sprintf("DE%d", x.n))
	}
	// An odd number of digits in BCD, filled up on either side.
	for side, fields := range map[string][2]string{"left": {"\x05\x01\x23\x45", "\x05\xF1\x23\x45"}, "right": {"\x05\x12\x34\x50", "\x05\x12\x34\x5F"}} {
		c := newCodec(t, `{"dialect": {"base": "1987-binary", "fields": {"32": {"pad": "`+side+`"}}}}`)
		head := c.appendMTI(nil, [4]byte([]byte("0200")))
		var set [3]uint64
		mark(&set, 11)
		mark(&set, 32)
		body := string(c.appendBitmaps(head, &set)) + "\x00\x00\x01"
		var m protocol.Message
		if err := c.DecodeBody(protocol.FromClient, []byte(body+fields[0]), &m); err != nil || string(c.find(&m, 32)) != "12345" {
			t.Errorf("%s: got %q, %v", side, c.find(&m, 32), err)
		}
		refusedAt(t, c, side+" filled with F", body+fields[1], "DE32")
	}
}
