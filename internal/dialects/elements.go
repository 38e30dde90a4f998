package dialects

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// element is a field in the oldest form of moov-io/iso8583's specification, in the standard's notation.
type element struct{ Describe, Description string }

// elements takes over the oldest form, in which an encoding is that of all fields of a type.
func (im *importer) elements(list map[string]element, enc map[string]string) error {
	im.elementEncodings(enc)
	for _, key := range slices.Sorted(maps.Keys(list)) {
		n, err := strconv.Atoi(key)
		if err != nil {
			return fmt.Errorf("elements.%s is no field with a number", key)
		}
		form, note, _ := strings.Cut(list[key].Describe, ";")
		form = strings.Join(strings.Fields(form), " ")
		d := &dialect.Declared{Name: plain(list[key].Description + " " + note), Form: form}
		switch {
		case n == 1:
			continue
		case n == 65 && form == "b 1":
			im.lose("elements.65", "bit 65 announces a third bitmap, and is no field: say tertiary: true if there is one")
			continue
		case strings.HasPrefix(form, "b"):
			d.Encoding = "hex"
		case strings.HasPrefix(form, "z"):
			im.elementText(d, enc["trk_enc"])
		case strings.HasPrefix(form, "n ") || strings.HasPrefix(form, "n."):
			if strings.EqualFold(enc["num_enc"], "BCD") {
				d.Pad = "right" // there BCD is that, and RBCD the other one
			}
		case strings.HasPrefix(form, "x+n"):
			im.elementText(d, enc["chr_enc"]) // there they are characters
		}
		im.add(n, d)
	}
	return nil
}

// elementText has d, which otherwise is written as digits are, in the encoding of text that is called name there.
func (im *importer) elementText(d *dialect.Declared, name string) {
	text := "ascii"
	if strings.EqualFold(name, "EBCDIC") {
		text = "ebcdic"
	}
	if text != im.decl.Digits {
		d.Encoding = text
	}
}

// elementEncodings takes over the encodings, and says what they leave open. Where there are none at all they are the usual ones.
func (im *importer) elementEncodings(enc map[string]string) {
	im.decl.MTI, im.decl.Bitmap, im.decl.Encoding, im.decl.Digits, im.decl.Prefix = "ascii", "hex", "ascii", "ascii", "ascii"
	if enc == nil {
		return
	}
	known := map[string]map[string]string{
		"mti_enc": {"CHAR": "ascii", "BCD": "bcd", "RBCD": "bcd"},
		"bmp_enc": {"HEX": "hex"},
		"len_enc": {"CHAR": "ascii", "ASCII": "ascii", "RBCD": "bcd"},
		"num_enc": {"CHAR": "ascii", "BCD": "bcd", "RBCD": "bcd"},
		"chr_enc": {"CHAR": "ascii", "ASCII": "ascii", "EBCDIC": "ebcdic"},
		"bin_enc": {"HEX": "hex"},
		"trk_enc": {"CHAR": "ascii", "ASCII": "ascii", "EBCDIC": "ebcdic"},
	}
	into := map[string]*string{"mti_enc": &im.decl.MTI, "bmp_enc": &im.decl.Bitmap, "len_enc": &im.decl.Prefix, "num_enc": &im.decl.Digits, "chr_enc": &im.decl.Encoding}
	for _, key := range slices.Sorted(maps.Keys(known)) {
		name, ok := enc[key]
		is, can := known[key][strings.ToUpper(name)]
		switch {
		case !ok:
			im.lose("encoding."+key, "it is not there; it is taken for the usual one, ASCII or hexadecimal digits")
		case !can:
			im.lose("encoding."+key, "%q cannot be said; it is taken for the usual one, ASCII or hexadecimal digits", name)
		case into[key] != nil:
			*into[key] = is
		}
	}
	for _, key := range slices.Sorted(maps.Keys(enc)) {
		if known[key] == nil {
			im.lose("encoding."+key, "nothing here says this")
		}
	}
	if im.decl.Digits == "bcd" {
		im.lose("encoding.num_enc", "it is not said there whether lengths of digits count digits or bytes; they are taken for digits")
	}
}
