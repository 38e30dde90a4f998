package dialects

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// subfields returns what is inside a field, nil if that cannot be said, and how the field is then written: where its parts are
// not all text of one encoding, as bytes.
func (im *importer) subfields(place string, f *moovField) (in *dialect.Inside, written string) {
	if len(f.Bitmap) > 0 && string(f.Bitmap) != "null" {
		im.lose(place, "a bitmap that announces its parts cannot be said; they are left out")
		return nil, "binary"
	}
	in = im.container(place, f)
	missing := false
	for _, key := range f.keys() {
		sub, at := f.Subfields[key], place+"."+key
		var part *dialect.Declared
		if sub == nil {
			im.lose(at, "this is no field")
		} else {
			part = im.moovField(at, sub)
		}
		switch {
		case part == nil && in.Kind == "positional":
			im.lose(place, "without part %s no other can be found; the parts are left out", key)
			return nil, "binary"
		case part == nil:
			missing = true
			continue
		case part.Inside != nil:
			im.lose(at, "parts of a part are left out")
			part.Inside = nil
		}
		if in.Kind == "tagged" {
			if !im.label(place, at, in, sub, part) {
				return nil, "binary"
			}
		}
		in.Parts = append(in.Parts, &dialect.Part{ID: f.tagOf(key), Declared: *part})
	}
	in.Strict = in.Strict && !missing
	written = asOne(in, strings.HasSuffix(strings.ToUpper(f.Prefix), ".FIXED"))
	if written == "binary" && in.Tag != nil && (in.Tag.Encoding == "ebcdic" || in.Tag.Encoding == "hex") {
		im.lose(place, "tags in %s among bytes cannot be said; the parts are left out", in.Tag.Encoding)
		return nil, "binary"
	}
	return in, written
}

// container is how the parts of f are told from one another.
func (im *importer) container(place string, f *moovField) *dialect.Inside {
	in := &dialect.Inside{Kind: "positional"}
	if f.Tag == nil {
		return in
	}
	for _, key := range f.Tag.others {
		im.lose(place+".tag."+key, "nothing here says this")
	}
	switch {
	case f.Tag.Enc == "": // no tag stands in the message
		return in
	case strings.EqualFold(f.Tag.Enc, "BerTLVTag"):
		in.Kind = "ber"
	case strings.EqualFold(strings.TrimSuffix(f.Tag.Enc, "Encoder"), "Binary"): // the characters of the tag, as they are
		in.Kind, in.Tag = "tagged", &dialect.Label{Digits: f.Tag.Length, Encoding: "ascii"}
	default:
		in.Kind, in.Tag = "tagged", &dialect.Label{Digits: f.Tag.Length, Encoding: im.encoding(place, f.Tag.Enc)}
	}
	in.Strict = !f.Tag.Skip
	return in
}

// label has in know the length in front of a part. It reports whether it is that of the parts before, and counts bytes.
func (im *importer) label(place, at string, in *dialect.Inside, sub *moovField, part *dialect.Declared) bool {
	prefix, width, _ := strings.Cut(sub.Prefix, ".")
	length := dialect.Label{Digits: strings.Count(strings.ToUpper(width), "L")}
	if length.Digits == 0 {
		im.lose(place, "part %s has no length; the parts are left out", at)
		return false
	}
	if length.Encoding = im.encoding(at, prefix); length.Encoding == "hex" {
		length.Digits *= 2
	}
	if in.Length == nil {
		in.Length = &length
	}
	switch encoding := encodingOf(part); {
	case length != *in.Length:
		im.lose(place, "the length of %s is not written as that of the parts before; the parts are left out", at)
		return false
	case encoding == "bcd" || encoding == "hex":
		im.lose(place, "the length of %s counts digits, not bytes, which cannot be said; the parts are left out", at)
		return false
	}
	part.Prefix, part.Width = "", nil
	return true
}

// asOne returns the encoding that everything in a field has, and "binary" if there is none: BCD only where the length does not
// vary, as it is in bytes. The parts of a text are written as the text is, and say nothing.
func asOne(in *dialect.Inside, fixed bool) string {
	written := map[string]bool{}
	for _, p := range in.Parts {
		written[encodingOf(&p.Declared)] = true
		if in.Kind == "positional" && strings.Contains(p.Form, "..") {
			written[orASCII(p.Prefix)] = true
		}
	}
	labels := []*dialect.Label{in.Tag, in.Length}
	for _, l := range labels {
		if l != nil {
			written[l.Encoding] = true
		}
	}
	for _, encoding := range []string{"ascii", "ebcdic", "bcd"} {
		if in.Kind == "ber" || len(written) != 1 || !written[encoding] || encoding == "bcd" && !(fixed && wholeBytes(in)) {
			continue
		}
		for _, p := range in.Parts {
			p.Encoding, p.Prefix, p.Pad = "", "", ""
		}
		for _, l := range labels {
			if l != nil {
				l.Encoding = ""
			}
		}
		return encoding
	}
	return "binary"
}

// wholeBytes reports whether in has digits alone, of which nothing fills up a byte: those of all the parts are then one number.
func wholeBytes(in *dialect.Inside) bool {
	return in.Kind == "positional" && !slices.ContainsFunc(in.Parts, func(p *dialect.Part) bool {
		digits, ok := strings.CutPrefix(p.Form, "n ")
		return !ok || strings.ContainsAny(digits[len(digits)-1:], "13579")
	})
}

// keys are those of the parts, in the order in which they stand in a message where no tags say which is which.
func (f *moovField) keys() []string {
	base := 10
	if f.Tag != nil && f.Tag.Sort == "StringsByHex" {
		base = 16
	}
	return slices.SortedFunc(maps.Keys(f.Subfields), func(a, b string) int {
		x, errX := strconv.ParseInt(a, base, 64)
		y, errY := strconv.ParseInt(b, base, 64)
		if errX == nil && errY == nil && x != y {
			return int(min(max(x-y, -1), 1))
		}
		return strings.Compare(a, b)
	})
}

// tagOf is key as it stands in a message: filled up to the length of a tag.
func (f *moovField) tagOf(key string) string {
	if f.Tag == nil || f.Tag.Padding == nil || len(f.Tag.Padding.Pad) != 1 || len(key) >= f.Tag.Length || f.Tag.Length > 6 {
		return key
	}
	fill := strings.Repeat(string(f.Tag.Padding.Pad), f.Tag.Length-len(key))
	if f.Tag.Padding.Type == "Right" {
		return key + fill
	}
	return fill + key
}
