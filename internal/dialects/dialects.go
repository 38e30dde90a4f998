// Package dialects reads what other products call a specification or a packager of ISO 8583, and writes declarations of
// dialects as a person would.
package dialects

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// Import reads the field specification of moov-io/iso8583 (JSON, its older forms too) or a packager of jPOS (XML). Lost says
// what could not be expressed, or only with another meaning; each begins with its place. An error is that nothing could be read.
func Import(data []byte) (decl *dialect.Declaration, lost []string, err error) {
	im := &importer{decl: &dialect.Declaration{Version: 1987, Fields: map[string]*dialect.Declared{}}}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch trimmed := bytes.TrimSpace(data); {
	case bytes.HasPrefix(trimmed, []byte("{")):
		err = im.moov(utf8From(trimmed))
	case bytes.HasPrefix(trimmed, []byte("<")):
		err = im.jpos(trimmed)
	default:
		err = errors.New("this is neither a field specification in JSON nor a packager in XML")
	}
	if err != nil {
		return nil, nil, err
	}
	if len(im.decl.Fields) == 0 {
		return nil, nil, errors.New("there are no fields in it")
	}
	im.beginning()
	im.edition()
	if _, err := im.decl.Dialect(); err != nil {
		return nil, nil, fmt.Errorf("what is in it is no dialect: %w", err)
	}
	return im.decl, im.lost, nil
}

type importer struct {
	decl *dialect.Declaration
	lost []string
	page bool // that EBCDIC is another there was said
}

// lose notes what is not as it was.
func (im *importer) lose(place, format string, args ...any) {
	im.lost = append(im.lost, place+": "+fmt.Sprintf(format, args...))
}

// add declares field n, without its parts if those cannot be, and not at all if it cannot be itself: one field that is
// wrong leaves the others as they are.
func (im *importer) add(n int, d *dialect.Declared) {
	number := strconv.Itoa(n)
	if n == 35 || n == 36 {
		if digits, ok := strings.CutPrefix(d.Form, "n"); ok {
			d.Form = "z" + digits // tracks have separators, which are no digits
		}
	}
	possible := func() error {
		try := dialect.Declaration{Encoding: im.decl.Encoding, Digits: im.decl.Digits, Prefix: im.decl.Prefix, Tertiary: n > 128,
			Fields: map[string]*dialect.Declared{number: d}}
		_, err := try.Dialect()
		return err
	}
	err := possible()
	if err != nil && d.Inside != nil {
		im.lose("field "+number, "its parts are left out: %s", oneLine(err))
		d.Inside = nil
		err = possible()
	}
	if err != nil {
		im.lose("field "+number, "it is left out: %s", oneLine(err))
		return
	}
	im.decl.Fields[number] = d
	im.decl.Tertiary = im.decl.Tertiary || n > 128
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// beginning says what is taken for granted of the message type and the bitmap.
func (im *importer) beginning() {
	if im.decl.MTI == "" {
		im.decl.MTI = "ascii"
		im.lose("field 0", "it is not said how the message type is written; it is taken for ASCII")
	}
	if im.decl.Bitmap == "" {
		im.decl.Bitmap = "hex"
		im.lose("field 1", "it is not said how the bitmap is written; it is taken for hexadecimal digits")
	}
}

// edition finds the edition, which is not said there, by the length of the response code: each has another one.
func (im *importer) edition() {
	code := im.decl.Fields["39"]
	switch {
	case code != nil && strings.HasSuffix(code.Form, " 2"):
	case code != nil && strings.HasSuffix(code.Form, " 3"):
		im.decl.Version = 1993
	case code != nil && strings.HasSuffix(code.Form, " 4"):
		im.decl.Version = 2003
	default:
		im.lose("field 39", "its length, 2, 3 or 4, would tell the edition; that is taken for 1987: say version: 1993 or 2003 if it is another")
	}
}

// ebcdic says, once, that the signs named are other bytes there than in code page 037.
func (im *importer) ebcdic(place, there, signs string) {
	if !im.page {
		im.page = true
		im.lose(place, "EBCDIC there is %s, and is taken for code page 037, here and in the fields that follow: %s are other bytes", there, signs)
	}
}

// utf8From returns data as UTF-8: what is none is taken for Windows-1252, of which only punctuation differs from Latin-1.
func utf8From(data []byte) []byte {
	if string(bytes.ToValidUTF8(data, nil)) == string(data) {
		return data
	}
	var out bytes.Buffer
	for _, b := range data {
		switch {
		case b < 0x80:
			out.WriteByte(b)
		case b < 0xA0:
			out.WriteByte('-') // dashes and quotes, in descriptions
		default:
			out.WriteRune(rune(b))
		}
	}
	return out.Bytes()
}
