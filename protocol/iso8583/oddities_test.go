package iso8583

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// oddities are ways to write fields that no built-in dialect has.
const oddities = `{"framing": "hex4", "key": [11, 37, 41], "rules": {"luhn": true, "dates": true, "messages": {"0200": {"mandatory": [3], "when": [{"field": 4, "if": 3}]}}},
	"dialect": {"mti": "bcd", "bitmap": "ebcdic", "tertiary": true, "encoding": "ebcdic", "digits": "bcd", "prefix": "binary", "fields": {
	"2": {"form": "n..19", "counts": "bytes", "pad": "right", "fill": "F"}, "3": {"form": "n 5"}, "4": {"form": "x+n 7"}, "5": {"form": "x+n 8", "sign": "within"}, "7": {"form": "n 10"},
	"11": {"form": "n 6", "encoding": "ebcdic"}, "12": {"form": "n 6", "encoding": "ascii"}, "14": {"form": "n 4"}, "35": {"form": "z..37", "prefix": "hex", "width": 2},
	"37": {"form": "an..12", "least": 1}, "39": {"form": "an 2"}, "41": {"form": "ans 8"}, "44": {"form": "ans..25", "prefix": "bcd"},
	"48": {"form": "ans...999", "inside": {"kind": "tagged", "tag": {"digits": 2}, "length": {"digits": 2}, "strict": true, "parts": [{"id": "01", "form": "n..9"}]}},
	"55": {"form": "b...255", "encoding": "hex", "inside": {"kind": "ber", "parts": [{"id": "9F02", "form": "n 12"}]}},
	"56": {"form": "n 21", "inside": {"kind": "positional", "parts": [{"id": "a", "form": "n 4"}, {"id": "b", "form": "n 17"}]}},
	"61": {"form": "b...99", "inside": {"kind": "tagged", "tag": {"digits": 1, "encoding": "binary"}, "length": {"digits": 3, "encoding": "bcd"}}},
	"70": {"form": "n 3", "pad": "right"}, "130": {"form": "ans..9"}}}}`

// odd is what these fields can hold.
var odd = map[int]string{2: "476173900101011", 3: "00042", 4: "C0000042", 5: "D0000042", 7: "1123124501", 11: "1", 12: "124501", 14: "2612", 35: "4761=2512", 37: "R1", 41: "TERM0001",
	44: "x", 48: "010212", 55: "\x9f\x02\x06\x00\x00\x00\x00\x00\x01", 56: "42", 61: "\x01\x00\x01x", 130: "third"}

func TestSuiteOfOddities(t *testing.T) {
	c := newCodec(t, oddities)
	frames := func(name string, bodies ...string) []protocoltest.Vector {
		return protocoltest.Frames(t, c, name, bodies...)
	}
	whole := c.body(t, "0200", odd)
	protocoltest.Run(t, protocoltest.Suite{
		New:       func() protocol.Codec { return newCodec(t, oddities) },
		Requests:  frames("request", whole, c.body(t, "0100", with(odd, 37, "", 2, "47617390010101"))),
		OneWays:   frames("notification", c.body(t, "0240", odd)),
		Responses: frames("response", c.body(t, "0210", with(odd, 39, "00")), c.body(t, "0230", map[int]string{11: "1", 39: "00", 41: "TERM0001"})),
		Malformed: frames("malformed", whole[:len(whole)-1], whole+"x", c.body(t, "0200", with(odd, 11, "")), strings.Replace(whole, "\x9f\x02", "\x9f\x03", 1)+"y", "\x02"),
		OutOfStep: []protocoltest.Vector{{Name: "no digits", Data: []byte("00g0" + whole)}},
		Hostile:   frames("hostile", strings.Repeat("\xff", 400), "\x02\x00"+strings.Repeat("\xc6", 48)+strings.Repeat("\x09", 300)),
		Paths:     []string{"MTI", "bitmap", "DE2", "DE4", "DE5", "DE35", "DE37", "DE39", "DE48", "DE48.01", "DE55", "DE55.9F02", "DE56.a", "DE61", "DE61.01", "DE130"},
		BadPaths:  []string{"DE65", "DE48.02", "DE192", "DE61.1", "DE56.c"},
	})
}
