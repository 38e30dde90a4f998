package iso8583

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// start is a request in 1987-ascii up to the end of field 11, with bits for fields that follow.
func start(fields ...int) string {
	set := [3]uint64{}
	mark(&set, deSTAN)
	for _, n := range fields {
		mark(&set, n)
	}
	return fmt.Sprintf("0200%016X000001", set[0])
}

// tagged declares field 48 with two parts, of which one is digits.
const tagged = `{"dialect": {"base": "1987-ascii", "fields": {"48": {"inside": {"kind": "tagged", "tag": {"digits": 2}, "length": {"digits": 3}, "strict": true,
	"parts": [{"id": "01", "form": "ans..40"}, {"id": "02", "form": "n..9"}]}}}}}`

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, options, body, path, says string }{
		{"nothing", `{}`, "", "MTI", "0: want four digits of a message type, got the end of the message"},
		{"half a message type", `{}`, "020", "MTI", "0: want four digits of a message type, got the end of the message"},
		{"letters", `{}`, "GET / HTTP/1.1", "MTI", "0: want four digits of a message type, got other bytes"},
		{"message type in EBCDIC", `{}`, "\xf0\xf2\xf0\xf0\x00\x00\x00\x00\x00\x00\x00\x00", "MTI", "0: want four digits of a message type, got other bytes, which are digits in EBCDIC: is the dialect the host's?"},
		{"message type in BCD", `{}`, "\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "MTI", "0: want four digits of a message type, got other bytes, which are digits in BCD: is the dialect the host's?"},
		{"message type in ASCII", `{"dialect": "1987-ebcdic"}`, "0200\x00\x00\x00\x00\x00\x00\x00\x00", "MTI", "0: want four digits of a message type, got other bytes, which are digits in ASCII: is the dialect the host's?"},
		{"message type of 1993", `{}`, strings.Replace(start(), "0200", "1200", 1), "MTI.version", "0: want 0, of ISO 8583:1987, got another edition"},
		{"message type of 1987", `{"dialect": "1993-ascii"}`, start(), "MTI.version", "0: want 1, of ISO 8583:1993, got another edition"},
		{"class 0", `{}`, strings.Replace(start(), "0200", "0000", 1), "MTI", "0: want a class from 1 to 8 and an origin up to 5, got others"},
		{"class 9", `{}`, strings.Replace(start(), "0200", "0900", 1), "MTI", "0: want a class from 1 to 8 and an origin up to 5, got others"},
		{"origin 6", `{}`, strings.Replace(start(), "0200", "0206", 1), "MTI", "0: want a class from 1 to 8 and an origin up to 5, got others"},
		{"half a bitmap", `{}`, "020000200000", "bitmap", "4: want 16 bytes, got 8 bytes"},
		{"no second bitmap", `{}`, "02008020000000000000", "bitmap", "20: want 16 bytes, got 0 bytes"},
		{"a bitmap in bytes", `{}`, "0200\x00\x20\x00\x00\x00\x00\x00\x00000001  ", "bitmap", "4: want 16 hexadecimal digits, got other bytes; a bitmap of 8 bytes is what another dialect has"},
		{"a bitmap in digits", `{"dialect": "1987-binary"}`, "\x02\x00" + "0020000000000000" + "\x00\x00\x01", "DE11", "19: want 3 bytes, got 2 bytes, behind DE4; the bitmap looks like one in hexadecimal digits, which is what another dialect has"},
		{"field 65", `{}`, "0200" + "8020000000000000" + "8000000000000000" + "000001" + "1", "DE65", "42: want a field of the dialect, got the bit of a field that it does not have"},
		{"field that was taken away", `{"dialect": {"base": "1987-ascii", "fields": {"48": "none"}}}`, start(48) + "001x", "DE48", "26: want a field of the dialect, got the bit of a field that it does not have"},
		{"field of a third bitmap", `{"dialect": {"base": "1987-ascii", "tertiary": true}}`, "0200" + "8020000000000000" + "8000000000000000" + "8000000000000000" + "000001", "DE129", "58: want a field of the dialect, got the bit of a field that it does not have"},
		{"cut field", `{}`, start(12) + "12450", "DE12", "26: want 6 bytes, got 5 bytes, behind DE11"},
		{"cut length", `{}`, start(48) + "00", "DE48", "26: want a length of 3 bytes, got 2 bytes, behind DE11"},
		{"cut behind a length", `{}`, start(48) + "003ab", "DE48", "29: want 3 bytes, got 2 bytes, behind DE11"},
		{"length of no digits", `{}`, start(44) + "+1x", "DE44", "26: want a length of at most 25, got something else, behind DE11"},
		{"length of too much", `{}`, start(44) + "26" + strings.Repeat("x", 26), "DE44", "26: want a length of at most 25, got another, behind DE11"},
		{"length of too little", `{"dialect": {"base": "1987-ascii", "fields": {"44": {"least": 3}}}}`, start(44) + "02ab", "DE44", "26: want a length from 3 to 25, got another, behind DE11"},
		{"letters in digits", `{}`, start(12) + "12450x", "DE12", "26: want digits, got something else, behind DE11"},
		{"digits in letters", `{"dialect": {"base": "1987-ascii", "fields": {"40": {"form": "a 3"}}}}`, start(40) + "ab1", "DE40", "26: want letters, got something else, behind DE11"},
		{"special in letters and digits", `{}`, start(38) + "12345!", "DE38", "26: want letters and digits, got something else, behind DE11"},
		{"control in text", `{}`, start(41) + "TERM000\x00", "DE41", "26: want printable characters, got something else, behind DE11"},
		{"beyond ASCII in text", `{}`, start(41) + "TERM000\xc4", "DE41", "26: want printable characters, got something else, behind DE11"},
		{"letter in a track", `{}`, start(35) + "04123A", "DE35", "28: want digits and separators of a track, got something else, behind DE11"},
		{"amount without sign", `{}`, start(28) + "000000100", "DE28", "26: want C or D and digits, got something else, behind DE11"},
		{"amount without digits", `{}`, start(28) + "C0000010x", "DE28", "26: want C or D and digits, got something else, behind DE11"},
		{"more than there is", `{}`, start(12) + "124501" + "xy", "", "32: want the end of the message, got 2 more bytes, behind DE12"},
		{"no field 11", `{}`, "0200" + "0010000000000000" + "124501", "DE11", "26: want this field, which names the request, got nothing, behind DE12"},
		{"BCD of letters", `{"dialect": "1987-binary"}`, "\x02\x00" + "\x00\x20\x00\x00\x00\x00\x00\x00" + "\x00\x00\x0a", "DE11", "10: want digits, got something else"},
		{"BCD filled with another digit", `{"dialect": "1987-binary"}`, "\x02\x00" + "\x00\x20\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01" + "\x10\x51", "DE22", "13: want digits, got something else, behind DE11"},
		{"EBCDIC of other characters", `{"dialect": "1987-ebcdic"}`, "\xf0\xf2\xf0\xf0" + "\x00\x20\x00\x00\x00\x80\x00\x00" + "\xf0\xf0\xf0\xf0\xf0\xf1" + "TERM0001", "DE41", "18: want printable characters, got something else, behind DE11"},
		{"a part of tagged ones", tagged, start(48) + "010" + "01003abc" + "02", "DE48", "37: want a tag and a length, got something else, behind DE11"},
		{"content of a part", tagged, start(48) + "014" + "01003abc" + "02001x", "DE48.02", "42: want digits, got something else, behind DE11"},
		{"a part of another length", tagged, start(48) + "015" + "020101234567890", "DE48.02", "34: want a length of at most 9, got something else, behind DE11"},
		{"a part of EMV of another length", `{"dialect": {"base": "1987-ascii", "fields": {"55": {"inside": {"kind": "ber", "parts": [{"id": "9F1A", "form": "n 3", "encoding": "bcd"}]}}}}}`,
			start(55) + "010" + "\x9f\x1a\x02\x09\x78" + "\x9f\x1a\x02\x97\x80", "DE55.9F1A", "37: want digits, got something else, behind DE11"},
		{"a part that is too long", `{"dialect": {"base": "1987-ascii", "fields": {"55": {"inside": {"kind": "ber", "parts": [{"id": "9F1A", "form": "n 3", "encoding": "bcd"}]}}}}}`,
			start(55) + "006" + "\x9f\x1a\x03\x09\x78\x00", "DE55.9F1A", "32: want a length of 3, got something else, behind DE11"},
		{"an unknown tag", tagged, start(48) + "006" + "03001x", "DE48", "29: want a part that is declared, got something else, behind DE11"},
		{"a tag that does not end", `{"dialect": {"base": "1987-ascii", "fields": {"55": {"inside": {"kind": "ber"}}}}}`, start(55) + "002" + "\x9f\x26", "DE55", "29: want a tag of up to 3 bytes and a length, got something else, behind DE11"},
		{"a part that is cut", `{"dialect": {"base": "1987-ascii", "fields": {"55": {"inside": {"kind": "ber"}}}}}`, start(55) + "004" + "\x9f\x26\x02\x00", "DE55", "29: want all of the part, got something else, behind DE11"},
		{"original data that end too soon", `{"dialect": "1993-ascii"}`, "1200" + "0020000000000100" + "000001" + "11" + "1200000001x", "DE56", "28: want digits, got something else, behind DE11"},
	} {
		codec := newCodec(t, c.options)
		var m protocol.Message
		err := codec.DecodeBody(protocol.FromClient, []byte(c.body), &m)
		bad, ok := errors.AsType[*protocol.Malformed](err)
		if !ok {
			t.Errorf("%s: got %v, want a Malformed", c.name, err)
			continue
		}
		r := bad.Reasons[0]
		if got := fmt.Sprintf("%d: want %s, got %s", r.Off, r.Want, r.Got); r.Path != c.path || got != c.says {
			t.Errorf("%s:\n got %s: %s\nwant %s: %s", c.name, r.Path, got, c.path, c.says)
		}
	}
}
