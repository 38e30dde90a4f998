package dialects

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// moov reads a specification: fields by number ("2" or, before, "Field002"), or, in its oldest form, elements in the
// standard's notation.
func (im *importer) moov(data []byte) error {
	var spec struct {
		Name     string
		Fields   map[string]*moovField
		Elements map[string]element
		Encoding map[string]string
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("this is no JSON that a specification could be: %w", err)
	}
	im.decl.Name = plain(spec.Name)
	if spec.Elements != nil {
		return im.elements(spec.Elements, spec.Encoding)
	}
	fields := map[int]*moovField{}
	for key, f := range spec.Fields {
		n, err := strconv.Atoi(strings.TrimPrefix(key, "Field"))
		if err != nil || f == nil {
			return errors.New("fields." + key + " is no field with a number")
		}
		if fields[n] != nil {
			return fmt.Errorf("field %d stands there twice", n)
		}
		fields[n] = f
	}
	expands := fields[1] == nil || !fields[1].FixedBitmap
	for _, n := range slices.Sorted(maps.Keys(fields)) {
		place, f := "field "+strconv.Itoa(n), fields[n]
		switch {
		case n == 0:
			im.moovType(place, f)
		case n == 1:
			im.moovBitmap(place, f)
		case n == 65 && expands && slices.Max(slices.Collect(maps.Keys(fields))) > 128: // its bit announces the third bitmap
		default:
			if d := im.moovField(place, f); d != nil {
				im.add(n, d)
			}
		}
	}
	return nil
}

func (im *importer) moovType(place string, f *moovField) {
	encoding := im.encoding(place, f.Enc)
	switch {
	case encoding == "binary" && f.Length == 2: // digits in nibbles are BCD
		encoding = "bcd"
	case encoding == "binary" && f.Length == 4:
		encoding = "ascii"
	case encoding == "binary" || encoding == "hex":
		im.lose(place, "a message type in %s cannot be said; it is taken for ASCII", encoding)
		encoding = "ascii"
	}
	im.decl.MTI = encoding
}

func (im *importer) moovBitmap(place string, f *moovField) {
	im.decl.Bitmap = im.encoding(place, f.Enc)
	if im.decl.Bitmap != "binary" && im.decl.Bitmap != "hex" {
		im.lose(place, "a bitmap in %s cannot be said; it is taken for hexadecimal digits", im.decl.Bitmap)
		im.decl.Bitmap = "hex"
	}
	if f.FixedBitmap || im.decl.Bitmap == "binary" && f.Length > 8 {
		im.lose(place, "a bitmap of %d bytes whether or not its first bit is set cannot be said", f.Length)
	}
}

// moovTypes are the types that content has here.
var moovTypes = map[string]string{"String": "ans", "Numeric": "n", "Binary": "b", "Hex": "b", "Composite": "ans", "Track1": "ans", "Track2": "z", "Track3": "z"}

// moovField declares f. It is nil if that cannot be said.
func (im *importer) moovField(place string, f *moovField) *dialect.Declared {
	for _, key := range f.others {
		im.lose(place+"."+key, "nothing here says this")
	}
	letters := moovTypes[f.Type]
	prefix, width, _ := strings.Cut(f.Prefix, ".")
	width = strings.ToUpper(width)
	tlv := strings.EqualFold(f.Prefix, "BerTLV")
	switch {
	case letters == "":
		im.lose(place, "there is no type %q here; the field is left out", f.Type)
		return nil
	case !tlv && width != "FIXED" && (width == "" || strings.Trim(width, "L") != ""):
		im.lose(place, "there is no prefix %q here; the field is left out", f.Prefix)
		return nil
	case letters == "n" && f.Padding != nil && f.Padding.Type != "None" && strings.Trim(string(f.Padding.Pad), "0123456789") != "": // blanks in front of digits, for one
		letters = "ans"
	}
	d, length := &dialect.Declared{Name: plain(f.Description)}, f.Length
	if len(f.Subfields) > 0 {
		if d.Inside, d.Encoding = im.subfields(place, f); d.Encoding == "bcd" {
			length *= 2 // there it is in bytes
		}
	} else {
		d.Encoding = im.encoding(place, f.Enc)
	}
	if strings.EqualFold(strings.TrimSuffix(f.Enc, "Encoder"), "LBCD") {
		d.Pad = "right"
	}
	switch {
	case d.Encoding == "binary" || d.Encoding == "hex":
		letters = "b"
	case d.Encoding == "bcd" && letters == "ans":
		letters = "n"
	case letters == "b":
		im.lose(place, "bytes in %s are taken for the text that they are written as", d.Encoding)
		letters = "ans"
	}
	switch {
	case tlv: // the length behind the tag says it
		varies(d, letters, "ascii", max(2, len(strconv.Itoa(length))), length)
	case width == "FIXED":
		fixed(d, letters, length)
	default:
		d.Prefix = im.encoding(place, prefix)
		dots := len(width)
		if d.Prefix == "hex" {
			dots *= 2 // so many bytes
		}
		varies(d, letters, d.Prefix, dots, length)
	}
	if d.Encoding == "ascii" || letters == "b" && d.Encoding == "binary" {
		d.Encoding = ""
	}
	return d
}

// encoding is what moov's name of one is here.
func (im *importer) encoding(place, name string) string {
	switch strings.ToLower(strings.TrimSuffix(name, "Encoder")) {
	case "ascii":
		return "ascii"
	case "bcd", "lbcd":
		return "bcd"
	case "binary", "asciitohex", "asciihextobytes": // the latter two say how a program sees the bytes
		return "binary"
	case "hex", "hextoascii", "bytestoasciihex":
		return "hex"
	case "ebcdic":
		im.ebcdic(place, "a table of moov's own", "! [ ] ^ |")
		return "ebcdic"
	case "ebcdic1047":
		im.ebcdic(place, "code page 1047", "[ ] ^")
		return "ebcdic"
	}
	im.lose(place, "there is no encoding %q here; it is taken for ascii", name)
	return "ascii"
}
