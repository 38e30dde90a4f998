package iso8583

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// setups are dialects and framings, each as a configuration says it.
var setups = []struct{ name, options string }{
	{"1987 in ASCII behind two bytes", `{}`},
	{"1987 in BCD behind a TPDU", `{"dialect": "1987-binary", "framing": "nac"}`},
	{"1987 in EBCDIC behind four digits", `{"dialect": "1987-ebcdic", "framing": "ascii4"}`},
	{"1993 in ASCII behind a BASE I header", `{"dialect": "1993-ascii", "framing": "vap", "key": [11, 12, 41], "key_function": true, "repeats": "in-progress"}`},
}

func newCodec(tb testing.TB, options string) *Codec {
	tb.Helper()
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		tb.Fatal(err)
	}
	c, err := New(o, protocol.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// body makes a message of c by its own means. One that was put down by hand is in vectors_test.go.
func (c *Codec) body(tb testing.TB, mti string, fields map[int]string) string {
	tb.Helper()
	body := c.appendMTI(nil, [4]byte([]byte(mti)))
	var set [3]uint64
	for n := range fields {
		mark(&set, n)
	}
	body = c.appendBitmaps(body, &set)
	for _, n := range slices.Sorted(maps.Keys(fields)) {
		var err error
		if body, err = c.fields[n].appendContent(body, []byte(fields[n])); err != nil {
			tb.Fatalf("field %d: %v", n, err)
		}
	}
	return string(body)
}

// with returns fields with others in their place; an empty one is left out.
func with(fields map[int]string, others ...any) map[int]string {
	fields = maps.Clone(fields)
	for i := 0; i < len(others); i += 2 {
		n, text := others[i].(int), others[i+1].(string)
		if fields[n] = text; text == "" {
			delete(fields, n)
		}
	}
	return fields
}

// purchase is a financial request. The card's number is the canary of this package.
const pan = "7309730973097309"

func (c *Codec) purchase() map[int]string {
	fields := map[int]string{2: pan, 3: "000000", 4: "000000001000", 7: "1123124501", 11: "000001", 12: "124501", 13: "1123", 35: pan + "=2512101",
		37: "RRN000000001", 41: "TERM0001", 42: "SHOP0001", 43: protocoltest.Canary, 48: "nonce", 49: "978", 52: "\x01\x02\x03\x04\x05\x06\x07\x08", 55: "\x9f\x26\x02\x12\x34\x95\x01\x00"}
	if c.edition == '1' {
		fields = with(fields, 12, "261123124501", 13, "", 22, "210101211001", 24, "200")
	}
	return fields
}

// version puts the edition's digit in front of three.
func (c *Codec) mti(rest string) string { return string(c.edition) + rest }

func suite(tb testing.TB, options string) protocoltest.Suite {
	c := newCodec(tb, options)
	fields := c.purchase()
	answer := map[int]string{3: "000000", 4: "000000001000", 11: "000001", 12: fields[12], 39: "00", 41: "TERM0001", 90: strings.Repeat("0", 42)}
	if c.edition == '1' {
		answer = with(answer, 39, "000", 90, "", 56, "0200000001261123124501")
	}
	frames := func(name string, bodies ...string) []protocoltest.Vector {
		return protocoltest.Frames(tb, c, name, bodies...)
	}
	whole := c.body(tb, c.mti("200"), fields)
	unknown := c.body(tb, c.mti("200"), with(fields, 2, ""))
	unknown = unknown[:len(c.appendMTI(nil, [4]byte{'0', '2', '0', '0'}))] + flip(unknown, c, 40)
	return protocoltest.Suite{
		New:       func() protocol.Codec { return newCodec(tb, options) },
		Requests:  frames("request", whole, c.body(tb, c.mti("100"), with(fields, 55, "", 35, "")), c.body(tb, c.mti("401"), with(fields, 11, "999999")), c.body(tb, c.mti("120"), fields)),
		OneWays:   frames("notification", c.body(tb, c.mti("240"), fields)),
		Responses: frames("response", c.body(tb, c.mti("210"), answer), c.body(tb, c.mti("410"), with(answer, 41, ""))),
		Malformed: frames("malformed", whole[:len(whole)-1], whole+"x", c.body(tb, c.mti("200"), with(fields, 11, "")),
			c.body(tb, "2200", fields), c.body(tb, c.mti("900"), fields), unknown, "x", whole[:7]),
		OutOfStep: []protocoltest.Vector{{Name: "HTTP", Data: []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")}, {Name: "TLS", Data: []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")}},
		Hostile:   frames("hostile", strings.Repeat("\xff", 400), strings.Repeat("9", 2000), "0200"+strings.Repeat("F", 32)+strings.Repeat("9", 300)),
		Paths:     []string{"MTI", "MTI.version", "MTI.class", "MTI.function", "MTI.origin", "bitmap", "DE2", "DE3", "DE4", "DE11", "DE35", "DE39", "DE41", "DE52", "DE55"},
		BadPaths:  []string{"", "DE", "DE0", "DE1", "DE02", "DE193", "DE3.1", "MTI.x", "de2", "DE90.nothing", "DE2 ", "2"},
	}
}

// flip returns what follows the message type, with the bit of field n set.
func flip(body string, c *Codec, n int) string {
	at := len(c.appendMTI(nil, [4]byte{'0', '2', '0', '0'}))
	var set [3]uint64
	_ = c.readBitmaps([]byte(body), at, &set, new(faults))
	old := len(c.appendBitmaps(nil, &set))
	mark(&set, n)
	return string(c.appendBitmaps(nil, &set)) + body[at+old:]
}

func TestSuite(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) { protocoltest.Run(t, suite(t, s.options)) })
	}
}

func FuzzSplit(f *testing.F)     { protocoltest.Fuzz(f, suite(f, setups[0].options)) }
func FuzzSplitTPDU(f *testing.F) { protocoltest.Fuzz(f, suite(f, setups[1].options)) }

// reasons are why a message was refused, nil if it was not.
func reasons(err error) []protocol.Reason {
	if bad, ok := errors.AsType[*protocol.Malformed](err); ok {
		return bad.Reasons
	}
	return nil
}

// mustDecode reads a body that must be in order.
func (c *Codec) mustDecode(tb testing.TB, dir protocol.Direction, body string) *protocol.Message {
	tb.Helper()
	m := new(protocol.Message)
	if err := c.DecodeBody(dir, []byte(body), m); err != nil {
		tb.Fatalf("%q: %v", body, err)
	}
	return m
}

// texts are the fields of a message.
func (c *Codec) texts(m *protocol.Message) map[int]string {
	fields := map[int]string{}
	for n := range m.Spans {
		if text := c.find(m, n); text != nil {
			fields[n] = string(text)
		}
	}
	return fields
}
