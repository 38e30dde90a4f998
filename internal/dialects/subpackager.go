package dialects

import (
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// jposInside declares the parts of f, which is d with a content of the type letters, if they can be said. It returns the type
// that the content then has: bytes, where the parts are not written as the text that they stand in.
func (im *importer) jposInside(place string, f *packed, d *dialect.Declared, letters string) string {
	packager := unqualified(f.Packager)
	switch {
	case packager == "BERTLVBinaryPackager" && letters == "b":
		d.Inside = &dialect.Inside{Kind: "ber"}
		return letters
	case packager != "GenericSubFieldPackager" && packager != "GenericPackager", f.Bitmap != "false", letters == "an":
		im.lose(place, "parts that %s takes apart, with emitBitmap=%q, cannot be said; they are left out", packager, f.Bitmap)
		return letters
	}
	if err := f.sort(); err != nil {
		im.lose(place, "its parts are left out: %v", err)
		return letters
	}
	in := &dialect.Inside{Kind: "positional"}
	text := true
	for i := range f.Fields {
		sub := &f.Fields[i]
		at := place + "." + sub.ID
		if sub.number == 0 && packager == "GenericSubFieldPackager" && f.First != "0" && len(f.Fields) > 1 {
			continue // it is not read there
		}
		part := im.jposField(at, sub)
		if part == nil {
			im.lose(place, "without part %s no other can be found; the parts are left out", sub.ID)
			return letters
		}
		if part.Inside != nil {
			im.lose(at, "parts of a part are left out")
			part.Inside = nil
		}
		text = text && inText(part)
		in.Parts = append(in.Parts, &dialect.Part{ID: sub.ID, Declared: *part})
	}
	switch {
	case len(in.Parts) == 0:
		im.lose(place, "there are no parts in it")
		return letters
	case text || letters == "b":
	case d.Encoding == "" && strings.HasPrefix(letters, "a"):
		letters = "b" // of ASCII the bytes are the text
	default:
		im.lose(place, "its parts are not written as the text that they stand in; they are left out")
		return letters
	}
	d.Inside = in
	return letters
}
