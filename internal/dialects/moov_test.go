package dialects

import (
	"testing"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// moovSpec is a specification with the fields that every message here has, and others.
func moovSpec(others string) []byte {
	return []byte(`{"name": "x", "fields": {
		"0": {"type": "String", "length": 4, "enc": "BCD", "prefix": "BCD.Fixed"}, "1": {"type": "Bitmap", "length": 8, "enc": "Binary", "prefix": "Binary.Fixed"},
		"11": {"type": "Numeric", "length": 6, "enc": "BCD", "prefix": "BCD.Fixed", "padding": {"type": "Left", "pad": "0"}}, "39": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"},
		"41": {"type": "String", "length": 8, "enc": "ASCII", "prefix": "ASCII.Fixed"}, ` + others + `}}`)
}

func TestMoovFields(t *testing.T) {
	decl, lost, err := Import(moovSpec(`
		"4": {"type": "Numeric", "length": 12, "enc": "ASCII", "prefix": "ASCII.Fixed", "padding": {"type": "Left", "pad": " "}},
		"5": {"type": "Numeric", "length": 12, "enc": "ASCII", "prefix": "ASCII.Fixed", "padding": {"type": "Left", "pad": 48}},
		"35": {"type": "String", "length": 37, "enc": "BCD", "prefix": "BCD.LL"}, "36": {"type": "Numeric", "length": 104, "enc": "ASCII", "prefix": "ASCII.LLL"},
		"48": {"type": "String", "length": 5, "enc": "LBCD", "prefix": "Hex.L"}, "52": {"type": "Binary", "length": 8, "enc": "HexToASCII", "prefix": "Hex.Fixed"},
		"53": {"type": "String", "length": 8, "enc": "ASCIIToHex", "prefix": "Binary.Fixed"}, "54": {"type": "Binary", "length": 8, "enc": "ASCII", "prefix": "ASCII.LL"},
		"60": {"type": "What", "length": 3, "prefix": "ASCII.Fixed"}, "61": {"type": "String", "length": 3, "enc": "EBCDIC1047", "prefix": "Hex.L"}, "62": {"type": "String", "length": 3, "enc": "EBCDIC1047", "prefix": "Hex.L"},
		"63": {"type": "String", "length": 3, "enc": "ASCII", "prefix": "None.LL.L"}, "64": {"type": "String", "length": 300, "enc": "ASCII", "prefix": "ASCII.LL"},
		"65": {"type": "Bitmap", "length": 8, "enc": "Binary", "prefix": "Binary.Fixed"},
		"130": {"type": "String", "length": 3, "enc": "Rot13", "prefix": "ASCII.LL", "flavour": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost, "field 54: bytes in ascii", "field 60: there is no type", "field 61: EBCDIC there is code page 1047, and is taken for code page 037", "field 63: there is no prefix", "field 64: it is left out",
		"field 130.flavour: ", "field 130: there is no encoding")
	d := again(t, decl)
	if !d.Tertiary || d.Version != 1987 || d.MTI != dialect.BCD || d.Bitmap != dialect.Binary {
		t.Errorf("got %+v", d)
	}
	same(t, d, map[int]dialect.Field{
		4:  {Length: 12},
		5:  {Type: dialect.N, Length: 12},
		11: {Type: dialect.N, Length: 6, Encoding: dialect.BCD},
		35: {Type: dialect.Track, Length: 37, Digits: 2, Prefix: dialect.BCD, Encoding: dialect.BCD, Secret: true},
		36: {Type: dialect.Track, Length: 104, Digits: 3, Secret: true},
		48: {Type: dialect.N, Length: 5, Digits: 2, Prefix: dialect.Hex, Encoding: dialect.BCD, PadRight: true, Secret: true},
		52: {Type: dialect.Bytes, Length: 8, Encoding: dialect.Hex, Secret: true},
		53: {Type: dialect.Bytes, Length: 8, Encoding: dialect.Binary, Secret: true},
		61: {Length: 3, Digits: 2, Prefix: dialect.Hex, Encoding: dialect.EBCDIC, Secret: true},
	})
	for _, n := range []int{60, 63, 64, 65} {
		if d.Field(n) != nil {
			t.Errorf("there is a field %d", n)
		}
	}
}

func TestMoovBeginnings(t *testing.T) {
	for text, want := range map[string][]string{
		`"0": {"type": "String", "length": 4, "enc": "EBCDIC", "prefix": "EBCDIC.Fixed"}, "1": {"type": "Bitmap", "length": 8, "enc": "Hex", "prefix": "Hex.Fixed", "disableautoexpand": true}`: {"field 0: EBCDIC", "field 1: a bitmap of 8 bytes"},
		`"0": {"type": "String", "length": 2, "enc": "ASCIIToHex", "prefix": "Binary.Fixed"}, "1": {"type": "Bitmap", "length": 16, "enc": "Binary", "prefix": "Binary.Fixed"}`:                 {"field 1: a bitmap of 16 bytes"},
		`"0": {"type": "String", "length": 2, "enc": "HexToASCII", "prefix": "Hex.Fixed"}, "1": {"type": "Bitmap", "length": 16, "enc": "ASCII", "prefix": "Binary.Fixed"}`:                     {"field 0: a message type in hex", "field 1: a bitmap in ascii"},
		`"3": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}`:                                                                                                         {"field 0: it is not said", "field 1: it is not said"},
	} {
		_, lost, err := Import([]byte(`{"fields": {"39": {"type": "String", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"}, ` + text + `}}`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		said(t, lost, want...)
	}
}

// composites are composite fields, of which there is a message in TestMoovComposites.
const composites = `
		"3": {"type": "Composite", "length": 6, "prefix": "ASCII.Fixed", "subfields": {"10": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}, "2": {"type": "Numeric", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"}}},
		"22": {"type": "Composite", "length": 3, "prefix": "BCD.Fixed", "subfields": {"1": {"type": "Numeric", "length": 2, "enc": "BCD", "prefix": "BCD.Fixed"}, "2": {"type": "Numeric", "length": 4, "enc": "BCD", "prefix": "BCD.Fixed"}}},
		"23": {"type": "Composite", "length": 4, "prefix": "BCD.Fixed", "subfields": {"1": {"type": "Numeric", "length": 3, "enc": "BCD", "prefix": "BCD.Fixed"}, "2": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}}},
		"48": {"type": "Composite", "length": 999, "prefix": "ASCII.LLL", "tag": {"length": 2, "enc": "ASCII", "padding": {"type": "Left", "pad": "0"}}, "subfields": {"1": {"type": "String", "length": 5, "enc": "ASCII", "prefix": "ASCII.LL"}}},
		"54": {"type": "Composite", "length": 99, "prefix": "EBCDIC.LL", "tag": {"length": 2, "enc": "EBCDIC", "skipUnknownTLVTags": true}, "subfields": {"01": {"type": "String", "length": 5, "enc": "EBCDIC", "prefix": "EBCDIC.LL"}}},
		"55": {"type": "Composite", "length": 255, "prefix": "Binary.L", "tag": {"enc": "BerTLVTag", "sort": "StringsByHex"}, "subfields": {"9F26": {"type": "Binary", "length": 8, "enc": "Binary", "prefix": "BerTLV"}}},
		"60": {"type": "Composite", "length": 99, "prefix": "Binary.L", "tag": {"length": 1, "enc": "ASCIIToHex"}, "subfields": {"1F": {"type": "String", "length": 5, "enc": "ASCII", "prefix": "Binary.L"}, "2F": {"type": "What"}}}`

func TestMoovComposites(t *testing.T) {
	decl, lost, err := Import(moovSpec(composites))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost, "field 54: EBCDIC there is a table of moov's own", "field 60.2F: there is no type")
	d := again(t, decl)
	for n, strict := range map[int]bool{48: true, 54: false, 55: true, 60: false} {
		if in := d.Field(n).Inside; in == nil || in.Strict != strict {
			t.Errorf("field %d: %+v", n, in)
		}
	}
	reads(t, decl, map[string]string{"DE3.2": "1234", "DE3.10": "AB", "DE22": "123456", "DE22.1": "12", "DE22.2": "3456", "DE23.1": "123", "DE23.2": "AB", "DE48.01": "ABC", "DE54.01": "AB",
		"DE55.9F26": "\x01\x02\x03\x04\x05\x06\x07\x08", "DE60.1F": "AB"},
		"0200", "2020060000810610", hexed("1234AB"), "000001", "123456", "01234142", hexed("TERM0001"), hexed("007"+"0103ABC"), "F0F6"+"F0F1F0F2C1C2", "0B"+"9F26080102030405060708", "04"+"1F024142")
}

// What cannot be said of a composite leaves its bytes.
func TestMoovCompositesThatCannotBeSaid(t *testing.T) {
	for text, want := range map[string][]string{
		`"bitmap": {"type": "Bitmap", "length": 8, "enc": "Binary", "prefix": "Binary.Fixed"}, "subfields": {"1": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}}`:                             {"field 60: a bitmap"},
		`"subfields": {"1": {"type": "What"}, "2": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}}`:                                                                                            {"field 60.1: ", "field 60: without part 1"},
		`"tag": {"length": 2, "enc": "ASCII"}, "subfields": {"01": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}}`:                                                                            {"field 60: part field 60.01 has no length"},
		`"tag": {"length": 2, "enc": "ASCII"}, "subfields": {"01": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.LL"}, "02": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.LLL"}}`: {"field 60: the length of field 60.02"},
		`"tag": {"length": 2, "enc": "ASCII"}, "subfields": {"01": {"type": "String", "length": 4, "enc": "BCD", "prefix": "ASCII.LL"}}`:                                                                                 {"field 60: the length of field 60.01 counts digits"},
		`"tag": {"length": 2, "enc": "HexToASCII", "shade": "red"}, "subfields": {"01": {"type": "String", "length": 4, "enc": "ASCII", "prefix": "ASCII.LL"}}`:                                                          {"field 60.tag.shade: ", "field 60: tags in hex"},
		`"subfields": {"1": null}`: {"field 60.1: this is no field", "field 60: without part 1"},
	} {
		decl, lost, err := Import(moovSpec(`"60": {"type": "Composite", "length": 99, "prefix": "ASCII.LL", ` + text + `}`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		said(t, lost, want...)
		d := again(t, decl)
		same(t, d, map[int]dialect.Field{60: {Type: dialect.Bytes, Length: 99, Digits: 2, Encoding: dialect.Binary, Secret: true}})
		if d.Field(60).Inside != nil {
			t.Errorf("%s: %+v is inside", text, d.Field(60).Inside)
		}
	}
}

const moovElements = `{"elements": {"1": {"Describe": "b 64"}, "2": {"Describe": "n..19"}, "3": {"Describe": "n 6; MMDD", "Description": "code"}, "11": {"Describe": "n 6"}, "19": {"Describe": "n 3"},
		"28": {"Describe": "x+n 8"}, "35": {"Describe": "z..37"}, "39": {"Describe": "an 2"}, "41": {"Describe": "ans 8"}, "52": {"Describe": "b 64"}, "60": {"Describe": "s 4"}},
		"encoding": {"mti_enc": "BCD", "bmp_enc": "HEX", "len_enc": "RBCD", "num_enc": "BCD", "chr_enc": "EBCDIC", "bin_enc": "HEX", "trk_enc": "ASCII", "sky_enc": "BLUE"}}`

func TestMoovElements(t *testing.T) {
	decl, lost, err := Import([]byte(moovElements))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost, "encoding.sky_enc: ", "encoding.num_enc: ", "field 60: it is left out")
	same(t, again(t, decl), map[int]dialect.Field{
		2:  {Type: dialect.N, Length: 19, Digits: 2, Prefix: dialect.BCD, Encoding: dialect.BCD, PadRight: true, Secret: true},
		19: {Type: dialect.N, Length: 3, Encoding: dialect.BCD, PadRight: true},
		28: {Type: dialect.Amount, Length: 8, Encoding: dialect.EBCDIC},
		35: {Type: dialect.Track, Length: 37, Digits: 2, Prefix: dialect.BCD, Secret: true},
		41: {Length: 8, Encoding: dialect.EBCDIC},
		52: {Type: dialect.Bytes, Length: 8, Encoding: dialect.Hex, Secret: true},
	})
}
