package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/golden"
)

func TestDecodeExplains(t *testing.T) {
	orders, hospital := "../../examples/orders/", "../../examples/hospital/"
	for _, c := range []struct {
		name, input string
		args        []string
		fails       string // a part of the error; "" for none
	}{
		{"valid", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/valid.json"}, ""},
		{"values", call, []string{"--values"}, ""},
		{"wrong", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/wrong.json"}, "frames: 5, refused: 4"},
		{"batch", "", []string{"-c", orders + "sallyport.yaml", orders + "messages/batch.json"}, "frames: 1, refused: 1"},
		{"field", call, []string{"--field", "/params/1", "--values"}, ""},
		{"answer", `{"jsonrpc":"2.0","result":3,"id":"a"}`, []string{"--from", "backend"}, ""},
		{"payment", purchase, []string{"-p", "iso8583", "--framing", "ascii4", "--values"}, ""},
		{"payment-wrong", strings.Replace(purchase, "TERM0001", "TERM000\xc4", 1), []string{"-p", "iso8583", "--framing", "ascii4", "--values"}, "frames: 1, refused: 1"},
		{"hospital", "", []string{"-c", hospital + "sallyport.yaml", "--values", hospital + "messages.hl7"}, "frames: 7, refused: 4"},
		{"hospital-field", admission, []string{"-p", "hl7", "--field", "MSH-10", "--field", "PID-5.1", "--values"}, ""},
		{"hospital-wrong", strings.Replace(admission, "|2.5", "|9.9", 1), []string{"-p", "hl7"}, "frames: 1, refused: 1"},
		{"lost", "Content-Length: -1\r\n\r\n", []string{"--framing", "content-length"}, "out of step after 0 frames"},
	} {
		got, err := output(newDecodeCommand(), c.input, c.args...)
		if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.fails)
		}
		golden.Equal(t, filepath.Join("testdata", "decode", c.name+".txt"), got)
	}
}

// purchase is one in the dialect 1987-ascii, behind four digits. There is a card's number in fields 2, 35 and 43.
var purchase = "0149" + "0200" + "7220000020A08000" + "16" + card + "000000" + "000000001000" + "1123124501" + "000642" + "24" + card + "=2512101" + "TERM0001" +
	"card " + card + strings.Repeat(" ", 19) + "978"

const card = "7309730973097309"

// A card's number is shown by no command, whichever field is asked for.
func TestDecodeShowsNoCardNumber(t *testing.T) {
	for cut := range len(purchase) {
		if got, err := output(newDecodeCommand(), purchase[:cut], "-p", "iso8583", "--framing", "ascii4", "--values"); strings.Contains(got+fmt.Sprint(err), card[:13]) {
			t.Errorf("cut to %d bytes: got\n%s%v", cut, got, err)
		}
	}
	for _, field := range []string{"DE2", "DE35", "DE43", "bitmap", "MTI"} {
		got, err := output(newDecodeCommand(), purchase, "-p", "iso8583", "--framing", "ascii4", "--values", "--field", field)
		if strings.Contains(got, card[:13]) || err != nil || !strings.Contains(got, field) {
			t.Errorf("%s: got\n%s%v", field, got, err)
		}
	}
	for _, framing := range []string{"bin2", "ascii4", "hex4", "bcd2", "nac", "vap"} {
		for off := range 20 {
			if got, err := output(newDecodeCommand(), purchase[off:]+purchase, "-p", "iso8583", "--framing", framing, "--values"); strings.Contains(got+fmt.Sprint(err), card[:13]) {
				t.Errorf("%s from byte %d: got\n%s%v", framing, off, got, err)
			}
		}
	}
}

// admission is one with a patient in PID, NK1 and OBX, and in a segment of a vendor's own.
const admission = "MSH|^~\\&|LAB|NORTH|HIS|HOSP|20261123083000||ADT^A01^ADT_A01|1|P|2.5\nEVN|A01|20261123083000\nPID|1||0815-" + patient + "^^^HOSP^MR||" + patient +
	"^ANNA||19700101|F|||" + patient + " STREET 1\nNK1|1|" + patient + "^OTTO\nZPI|" + patient + "\nOBX|1|TX|NOTE^Note^L||" + patient + " fell||||||F\n"

const patient = "MUSTERFRAU"

// shows reports whether text holds what is a patient's.
func shows(text string) bool {
	for _, secret := range []string{patient[:6], "ANNA", "OTTO", "19700101", "0815", "fell"} {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// A patient is shown by no command, wherever a message is cut off or its segments are broken.
func TestDecodeShowsNoPatient(t *testing.T) {
	hl7 := []string{"-p", "hl7", "--values"}
	for cut := range len(admission) {
		for _, input := range []string{admission[:cut], admission[:cut] + "\n" + admission[cut:], admission[:cut] + "|" + admission[cut:], "\x0b" + admission[:cut] + "\x1c\r"} {
			if got, err := output(newDecodeCommand(), input, hl7...); shows(got + fmt.Sprint(err)) {
				t.Fatalf("%q: got\n%s%v", input, got, err)
			}
		}
	}
	for _, field := range []string{"PID-3.1", "PID-5", "PID-5.2", "PID-7", "NK1-2", "ZPI-1", "OBX-5"} {
		got, err := output(newDecodeCommand(), admission, append(hl7, "--field", field)...)
		if shows(got) || err != nil || !strings.Contains(got, field) {
			t.Errorf("%s: got\n%s%v", field, got, err)
		}
	}
}

func TestDecodeShowsNoValueUnlessAsked(t *testing.T) {
	const secret = "4111111111111111"
	for _, input := range []string{
		`{"jsonrpc":"2.0","method":"pay","params":{"card":"` + secret + `","list":["` + secret + `"]},"id":1}`,
		`{"jsonrpc":"2.0","method":"pay","params":"` + secret + `","id":1}`,
		`{"jsonrpc":"2.0","method":"pay","params":["` + secret + `"],"id":1,"extra":"` + secret + `"}`,
		`[` + secret + `]`,
		secret,
	} {
		got, err := output(newDecodeCommand(), input)
		if strings.Contains(got, secret) || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got\n%s%v", input, got, err)
		}
	}
}

func TestDecodeRefusesWhatCannotBe(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--from nobody", "want client or backend"},
		{"--field x", "--field x"},
		{"no-such-file", "no-such-file"},
	} {
		if _, err := output(newDecodeCommand(), "", strings.Fields(c.args)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
}
