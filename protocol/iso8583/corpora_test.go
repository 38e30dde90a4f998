package iso8583

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// corpus reads a message that others have published. Without the folder the test is skipped.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "corpora", "iso8583", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the corpora are not beside the project")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// dialects of the messages of the corpora that are not in 1987-ascii: what each file is named after.
const (
	signWithin  = `{"dialect": {"base": "1987-ascii", "fields": {"28": {"sign": "within"}}}}`
	hexLength   = `{"dialect": {"base": "1987-ascii", "fields": {"32": {"prefix": "hex", "width": 1}}}}`
	ebcdicField = `{"dialect": {"base": "1987-ascii", "fields": {"42": {"encoding": "ebcdic"}}}}`
	switchOne   = `{"dialect": {"base": "1987-ascii", "bitmap": "binary", "fields": {"12": {"form": "n 12"}, "55": {"prefix": "bcd", "width": 4, "form": "b...255", "inside": {"kind": "ber"}}}}}`
)

func TestMessagesOfOthersAreAcceptedAndStayAsTheyAre(t *testing.T) {
	for _, c := range []struct{ file, options, mti string }{
		{"moov/testdata/financial_transaction_message.dat", `{}`, "0200"},
		{"moov/testdata/financial_transaction_message_response.dat", `{}`, "0210"},
		{"moov/testdata/iso_reversal_message.dat", `{}`, "0400"},
		{"moov/testdata/iso_reversal_message_response.dat", `{}`, "0410"},
		{"moov/testdata/iso_reversal_repeat_message.dat", `{}`, "0401"},
		{"moov/testdata/iso_reversal_repeat_message_response.dat", `{}`, "0410"},
		{"moov/testdata/iso_reversal_message_advice.dat", `{}`, "0420"},
		{"moov/testdata/network_management_message.dat", `{}`, "0800"},
		{"moov/testdata/network_management_message_response.dat", `{}`, "0810"},
		{"moov/testdata/message_with_indicate_numeric.dat", signWithin, "0800"},
		{"moov/testdata/message_with_hex_length.dat", hexLength, "0800"},
		{"moov/testdata/message_with_character_ebcdic_encoding.dat", ebcdicField, "0800"},
		{"socketqueue/sample_payloads/sv_200_purchase.txt", switchOne, "0200"},
		{"socketqueue/sample_payloads/sv_800_echo.txt", switchOne, "0800"},
	} {
		data := corpus(t, c.file)
		codec := newCodec(t, c.options)
		var m protocol.Message
		if err := codec.DecodeBody(protocol.FromClient, data, &m); err != nil || string(m.Name) != c.mti {
			t.Errorf("%s: got %q, %v", c.file, m.Name, err)
			continue
		}
		if got, err := codec.AppendWithID(nil, &m, m.ID); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: encoded again it is another: %v", c.file, err)
		}
	}
}

func TestBrokenMessagesOfOthersAreRefusedAtTheirField(t *testing.T) {
	for file, want := range map[string]string{
		"error_message.dat":                               "DE55",
		"message_with_error_indicate_numeric.dat":         "DE28",
		"message_with_hex_bcd.dat":                        "DE48",
		"message_with_hex_rbcd.dat":                       "DE48",
		"message_with_hex_length.dat":                     "DE32",
		"message_with_number_bcd_encoding.dat":            "DE7",
		"network_management_message_with_error_track.dat": "DE35",
		"attributes_data_elements.dat":                    "MTI",
	} {
		data := corpus(t, "moov/testdata/"+file)
		codec := newCodec(t, `{}`)
		var m protocol.Message
		err := codec.DecodeBody(protocol.FromClient, data, &m)
		bad, ok := errors.AsType[*protocol.Malformed](err)
		if !ok || bad.Reasons[0].Path != want {
			t.Errorf("%s: got %v, want a reason at %s", file, err, want)
			continue
		}
		notice, err := codec.AppendNotice(nil, &m, &protocol.Notice{Class: protocol.Fix, Cause: bad.Cause, Reasons: bad.Reasons})
		if want == "MTI" {
			if len(notice) > 0 {
				t.Errorf("%s: what is no message is answered", file)
			}
			continue
		}
		var answer protocol.Message
		if e := codec.DecodeBody(protocol.FromBackend, notice, &answer); err != nil || e != nil {
			t.Errorf("%s: the notice: %v, %v", file, err, e)
			continue
		}
		if code, reason := codec.find(&answer, 39), codec.find(&answer, 44); string(code) != "30" || !strings.HasPrefix(string(reason), want+" ") || answer.Name[2] != m.Name[2]+1 {
			t.Errorf("%s: got code %q, reason %q", file, code, reason)
		}
	}
}

func TestAFramedMessageOfOthers(t *testing.T) {
	options := strings.Replace(switchOne, `{"dialect"`, `{"framing": "ascii4", "dialect"`, 1)
	codec := newCodec(t, options)
	for _, file := range []string{"sv_200_purchase_header.txt", "sv_800_echo_header.txt"} {
		data := corpus(t, "socketqueue/sample_payloads/"+file)
		var m protocol.Message
		n, frame, err := codec.Split(data, true, new(protocol.Resume))
		if err == nil && n == len(data) {
			err = codec.Decode(protocol.FromClient, frame, &m)
		}
		if err != nil || n != len(data) {
			t.Errorf("%s: %d of %d bytes, %v", file, n, len(data), err)
		}
	}
}
