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

// moovField is a field of moov-io/iso8583's specification.
type moovField struct {
	Type        string
	Length      int
	Description string
	Enc, Prefix string
	Padding     *struct{ Type string }
	Tag         *struct {
		Length int
		Enc    string
	}
	Subfields map[string]*moovField
}

// moov reads a specification: fields by number ("2" or, before, "Field002"), or, in its oldest form, elements in the
// standard's notation.
func (im *importer) moov(data []byte) error {
	var spec struct {
		Name     string
		Fields   map[string]*moovField
		Elements map[string]struct{ Describe, Description string }
		Encoding map[string]string
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return fmt.Errorf("this is no JSON that a specification could be: %w", err)
	}
	im.decl.Name = spec.Name
	if spec.Elements != nil {
		im.elements(spec.Encoding)
		for key, e := range spec.Elements {
			form, note, _ := strings.Cut(e.Describe, ";")
			switch form = strings.Join(strings.Fields(form), " "); {
			case key == "1":
			case key == "65" && form == "b 1":
				im.lose("elements.65", "bit 65 announces a third bitmap, and is no field: say tertiary: true if there is one")
			default:
				im.decl.Fields[key] = &dialect.Declared{Name: plain(strings.TrimSpace(e.Description + " " + strings.TrimSpace(note))), Form: form}
			}
		}
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(spec.Fields)) {
		n, err := strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(key, "Field"), "0") + map[bool]string{true: "0"}[strings.Trim(strings.TrimPrefix(key, "Field"), "0") == ""])
		f := spec.Fields[key]
		if err != nil || f == nil {
			return errors.New("fields." + key + " is no field with a number")
		}
		place := "field " + strconv.Itoa(n)
		switch n {
		case 0:
			im.decl.MTI = im.encoding(place, f.Enc)
		case 1:
			im.decl.Bitmap = im.encoding(place, f.Enc)
		default:
			if d := im.moovField(place, f); d != nil {
				im.decl.Fields[strconv.Itoa(n)] = d
			}
		}
	}
	return nil
}

// elements takes over the encodings of the oldest form.
func (im *importer) elements(enc map[string]string) {
	is := func(key, value string) bool { return strings.EqualFold(enc[key], value) }
	if is("mti_enc", "BCD") {
		im.decl.MTI = "bcd"
	}
	im.decl.Bitmap = "binary"
	if is("bmp_enc", "HEX") {
		im.decl.Bitmap = "hex"
	}
	for key, into := range map[string]*string{"num_enc": &im.decl.Digits, "len_enc": &im.decl.Prefix} {
		switch {
		case is(key, "BCD"), is(key, "RBCD"):
			*into = "bcd"
		case is(key, "HEX"):
			*into = "hex"
		}
	}
	if is("chr_enc", "EBCDIC") {
		im.decl.Encoding = "ebcdic"
	}
	if is("num_enc", "RBCD") {
		im.lose("encoding.num_enc", "an odd number of digits is filled up on the right: say pad: right for each field")
	}
	if is("bin_enc", "HEX") {
		im.lose("encoding.bin_enc", "bytes are in hexadecimal digits: say encoding: hex for each field of type b")
	}
	if e := enc["trk_enc"]; e != "" && !strings.EqualFold(e, enc["chr_enc"]) {
		im.lose("encoding.trk_enc", "tracks are in %s: say so for fields 35 and 36", e)
	}
}

func (im *importer) moovField(place string, f *moovField) *dialect.Declared {
	d := &dialect.Declared{Name: plain(f.Description)}
	letters := map[string]string{"String": "ans", "Numeric": "n", "Binary": "b", "Hex": "b", "Composite": "ans", "Track1": "ans", "Track2": "z", "Track3": "z"}[f.Type]
	if letters == "" {
		im.lose(place, "there is no type %q here; the field is left out", f.Type)
		return nil
	}
	d.Encoding = im.encoding(place, f.Enc)
	if strings.EqualFold(f.Enc, "LBCD") {
		d.Pad = "right"
	}
	if d.Encoding == "binary" || d.Encoding == "hex" {
		letters = "b"
	}
	if d.Encoding == "bcd" && letters == "ans" {
		letters = "n"
	}
	prefix, width, _ := strings.Cut(f.Prefix, ".")
	dots := strings.Count(strings.ToUpper(width), "L")
	switch {
	case strings.EqualFold(f.Prefix, "BerTLV"): // the tag's length says it
		d.Form = letters + strings.Repeat(".", max(2, len(strconv.Itoa(f.Length)))) + strconv.Itoa(f.Length)
	case strings.EqualFold(width, "fixed"):
		d.Form = letters + " " + strconv.Itoa(f.Length)
		if letters == "b" {
			d.Form = "b " + strconv.Itoa(8*f.Length)
		}
	default:
		im.varies(place, d, letters, prefix, dots, f.Length)
	}
	if f.Subfields != nil {
		d.Inside = im.subfields(place, f)
		if d.Inside != nil && d.Inside.Kind == "ber" {
			d.Encoding, d.Form = "", strings.Replace(d.Form, letters, "b", 1)
		}
	}
	if d.Encoding == "ascii" || letters == "b" && d.Encoding == "binary" {
		d.Encoding = ""
	}
	return d
}

// varies declares a length of so many digits, or bytes, in front.
func (im *importer) varies(place string, d *dialect.Declared, letters, prefix string, width, length int) {
	d.Prefix = im.encoding(place, prefix)
	switch d.Prefix {
	case "hex":
		width *= 2 // so many bytes
	case "ascii":
		d.Prefix = ""
	}
	dots := max(2, len(strconv.Itoa(length)))
	d.Form = letters + strings.Repeat(".", dots) + strconv.Itoa(length)
	usual := dots
	if d.Prefix == "binary" {
		usual = 1
		if length > 255 {
			usual = 2
		}
	}
	if width != usual {
		d.Width = new(width)
	}
}

func (im *importer) encoding(place, name string) string {
	switch strings.ToLower(strings.TrimSuffix(name, "Encoder")) {
	case "ascii", "":
		return "ascii"
	case "bcd", "lbcd":
		return "bcd"
	case "binary":
		return "binary"
	case "hex", "hextoascii", "bytestoasciihex", "asciihextobytes":
		return "hex"
	case "ebcdic":
		return "ebcdic"
	case "ebcdic1047":
		im.lose(place, "EBCDIC of code page 1047 is taken for 037: brackets and a few signs differ")
		return "ebcdic"
	}
	im.lose(place, "there is no encoding %q here; it is taken for ascii", name)
	return "ascii"
}

func (im *importer) subfields(place string, f *moovField) *dialect.Inside {
	in := &dialect.Inside{Kind: "positional"}
	keys := slices.SortedFunc(maps.Keys(f.Subfields), func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		if errX == nil && errY == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
	switch {
	case f.Tag == nil:
	case strings.EqualFold(f.Tag.Enc, "BerTLVTag"):
		in.Kind = "ber"
	default:
		in.Kind = "tagged"
		in.Tag = &dialect.Label{Digits: f.Tag.Length, Encoding: im.encoding(place, f.Tag.Enc)}
	}
	for _, key := range keys {
		sub := f.Subfields[key]
		part := im.moovField(place+"."+key, sub)
		if part == nil {
			continue
		}
		if in.Kind == "tagged" && in.Length == nil {
			prefix, width, _ := strings.Cut(sub.Prefix, ".")
			in.Length = &dialect.Label{Digits: strings.Count(strings.ToUpper(width), "L"), Encoding: im.encoding(place, prefix)}
		}
		if part.Inside != nil {
			im.lose(place+"."+key, "parts of a part are left out")
			part.Inside = nil
		}
		in.Parts = append(in.Parts, &dialect.Part{ID: key, Declared: *part})
	}
	if in.Kind == "tagged" && in.Length == nil {
		im.lose(place, "its parts have no length; they are left out")
		return nil
	}
	return in
}

// plain is a description without what YAML or a terminal could stumble over.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7F }), " ")
}
