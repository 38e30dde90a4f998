package iso8583

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

func TestShows(t *testing.T) {
	for _, c := range []struct {
		options, path, text string
		want                bool
	}{
		{`{}`, "MTI", "0200", true},
		{`{}`, "MTI.class", "2", true},
		{`{}`, "DE2", "1", false},
		{`{}`, "DE35", "", false},
		{`{}`, "DE4", "1000", true},
		{`{}`, "DE41", "TERM0001", true},
		{`{}`, "DE43", "Smith, card 4761739001010119", false},
		{`{}`, "DE43", "Smith, card 4761 7390 0101 0119", false},
		{`{}`, "DE43", "Smith, card 4761-7390-0101-0119", false},
		{`{}`, "DE43", "Smith, 476173900101", true},
		{`{}`, "DE86", "0000000000001000", true},
		{`{}`, "DE86", "4761739001010119", false},
		{`{}`, "DE90", "020000004211231245010000001234500000000000", false},
		{`{}`, "DE90.stan", "000042", true},
		{`{}`, "DE52", "12345678", false},
		{`{}`, "DE55.9F26", "x", false},
		{`{}`, "DE64", "\x01\x02\x03\x04\x05\x06\xff\x08", true},
		{`{}`, "DE64", "\x47\x61\x73\x90\x01\x01\x01\x19", false},
		{`{}`, "DE64", "\xf4\xf7\xf6\xf1\xf7\xf3\xf9\xf0\xf0\xf1\xf0\xf1\xf0", false},
		{`{}`, "DE193", "x", false},
		{`{}`, "anything", "x", false},
		{`{}`, "", "000042.02.8:TERM0001", true},
		{`{}`, "", "000042.02.15:476173900101011", false},
		{`{"dialect": {"base": "1987-ascii", "fields": {"41": {"secret": true}}}, "key": [11]}`, "DE41", "TERM0001", false},
		{tagged, "DE48.01", "abc", false},
	} {
		if got := newCodec(t, c.options).Shows(c.path, []byte(c.text)); got != c.want {
			t.Errorf("%s, %s %q: got %v", c.options, c.path, c.text, got)
		}
	}
}

// A dialect that has nothing from a base has the same secrets.
func TestSecretsOfADialectOfOnesOwn(t *testing.T) {
	c := newCodec(t, `{"dialect": {"fields": {"2": {"form": "n..19"}, "11": {"form": "n 6"}, "35": {"form": "z..37"}, "39": {"form": "an 2"}, "52": {"form": "b 64"}}}}`)
	for _, path := range []string{"DE2", "DE35", "DE52"} {
		if c.Shows(path, []byte("1")) {
			t.Errorf("%s is shown", path)
		}
	}
}

func TestMaskedMessages(t *testing.T) {
	for _, s := range []struct{ options, request, want string }{
		{`{}`, start(41, 42) + "TERM0001" + "SHOP 0000000001", start(41, 42) + "TERM0001" + "SHOP 0000000001"},
		{`{}`, start(41, 42) + "TERM0001" + "SHOP 00000001\x01x", "0200" + strings.Repeat("*", 16+6+8+15)},
		{`{}`, start(35, 41) + "04" + "41=2" + "TERM0001", start(35, 41) + "04" + "****" + "TERM0001"},
		{`{}`, "1200" + start()[4:], strings.Repeat("*", 26)},
		{`{}`, "02", "**"},
		{`{"dialect": "1987-ebcdic"}`, "\xf0\xf2\xf0\xf0\x00\x20\x00\x00\x20\x00\x00\x00\xf0\xf0\xf0\xf0\xf0\xf1\xf0\xf4\xf4\xf1\x7e\xf2",
			"\xf0\xf2\xf0\xf0\x00\x20\x00\x00\x20\x00\x00\x00\xf0\xf0\xf0\xf0\xf0\xf1\xf0\xf4\x5c\x5c\x5c\x5c"},
	} {
		c := newCodec(t, s.options)
		var m protocol.Message
		err := c.DecodeBody(protocol.FromClient, []byte(s.request), &m)
		if got := c.AppendMasked([]byte("before"), &m); string(got) != "before"+s.want || string(m.Body) != s.request {
			t.Errorf("%q (%v): got %q, want %q", s.request, err, got, s.want)
		}
	}
}

// leaks reports whether digits stand in data, in ASCII, EBCDIC or BCD.
func leaks(data []byte, digits string) bool {
	ebcdic := make([]byte, len(digits))
	for i := range ebcdic {
		ebcdic[i] = frame.ToEBCDIC[digits[i]]
	}
	return bytes.Contains(data, []byte(digits)) || bytes.Contains(data, ebcdic) || strings.Contains(hex.EncodeToString(data), digits)
}

// shown is all that a person could see of a body: why it is refused, what decode shows, and what goes into a log. The notice is
// apart, as it goes to whom the body came from.
func (c *Codec) shown(body []byte) (all, notice []byte) {
	var m protocol.Message
	err := c.DecodeBody(protocol.FromClient, body, &m)
	all = fmt.Appendf(nil, "%v %+v\n", err, reasons(err))
	n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadShape, Reasons: reasons(err)}
	if err == nil {
		for _, path := range c.Paths() {
			get, _ := c.Getter(path)
			if v, ok := get(&m); ok && c.Shows(path, v.Text) {
				all = fmt.Appendf(all, "%s %s\n", path, v.Text)
			}
		}
		if c.Shows("", m.ID) {
			all = append(all, m.ID...)
		}
		if refusal := c.Police(&m); refusal != nil {
			all = fmt.Appendf(all, "%+v\n", refusal)
		}
	}
	all = c.AppendMasked(all, &m)
	notice, err = c.AppendNotice(nil, &m, &n)
	return fmt.Appendf(all, "%v", err), notice
}

// leaky fails if any of digits, the card's number or most of it, can be seen.
func (c *Codec) leaky(t *testing.T, name string, body []byte) {
	t.Helper()
	all, notice := c.shown(body)
	if leaks(all, pan[:panDigits]) {
		t.Errorf("%s: %x is shown as %q", name, body, all)
	}
	if leaks(notice, pan) {
		t.Errorf("%s: %x is answered with %q", name, body, notice)
	}
}

// A card's number is put into every field, as text, in EBCDIC, in BCD and as hexadecimal digits, whether the field can have it or
// not; then everything is cut and damaged, and read in every other dialect. It must be seen nowhere.
func TestNoCardNumberIsSeen(t *testing.T) {
	packed := string(unspaced(t, pan))
	ebcdic := make([]byte, len(pan))
	for i := range ebcdic {
		ebcdic[i] = frame.ToEBCDIC[pan[i]]
	}
	var codecs []*Codec
	for _, s := range setups {
		c := newCodec(t, s.options)
		c.rules.luhn, c.rules.dates = true, true
		codecs = append(codecs, c)
	}
	for i, c := range codecs {
		name := setups[i].name
		for n, d := range c.fields {
			if d == nil || n == deSTAN {
				continue
			}
			for _, content := range []string{pan, string(ebcdic), packed, "\x0a" + packed, pan + "000", "card " + pan, hex.EncodeToString([]byte(packed))} {
				c.leaky(t, fmt.Sprintf("%s, field %d", name, n), c.forced(n, content))
				if _, err := d.appendContent(nil, []byte(content)); err == nil {
					c.leaky(t, fmt.Sprintf("%s, field %d in order", name, n), []byte(c.body(t, c.mti("200"), map[int]string{deSTAN: "1", n: content})))
				}
			}
		}
		whole := []byte(c.body(t, c.mti("200"), with(c.purchase(), 43, "card "+pan, 48, pan, 54, pan, 102, pan)))
		for at := range whole {
			c.leaky(t, name+", cut short", whole[:at])
			for _, b := range []byte{0, '9', ' ', 0xFF, whole[at] ^ 1} {
				damaged := bytes.Clone(whole)
				damaged[at] = b
				c.leaky(t, name+", damaged", damaged)
			}
		}
		for j, other := range codecs {
			other.leaky(t, name+" read as "+setups[j].name, whole)
		}
	}
}

// forced is a request with content in field n as if it fitted.
func (c *Codec) forced(n int, content string) []byte {
	var set [3]uint64
	mark(&set, deSTAN)
	mark(&set, n)
	body := c.appendBitmaps(c.appendMTI(nil, [4]byte([]byte(c.mti("200")))), &set)
	stan, _ := c.fields[deSTAN].appendContent(nil, []byte("000001"))
	if n > deSTAN {
		body = append(body, stan...)
	}
	if d := c.fields[n]; d.Digits > 0 {
		body, _ = appendLength(body, min(len(content), d.Length), d.prefix, d.Prefix)
	}
	body = append(body, content...)
	if n < deSTAN {
		body = append(body, stan...)
	}
	return body
}

// What a person has typed wrong is not repeated either.
func TestTypedCardNumbersAreNotRepeated(t *testing.T) {
	c := newCodec(t, `{}`)
	for _, line := range []string{pan, "0200 " + pan, "0200 2 " + pan, "0200 " + pan + "=2512", "0200 3=" + pan, "0200 DE" + pan + "=1", "0200 4=" + pan, "0200 200=" + pan} {
		body, err := c.AppendTyped(nil, []byte(line), 1)
		if err == nil || leaks([]byte(err.Error()), pan[:panDigits]) || len(body) > 0 {
			t.Errorf("%q: got %q, %v", line, body, err)
		}
	}
}
