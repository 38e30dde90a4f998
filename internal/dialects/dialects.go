// Package dialects reads what other products call a specification or a packager of ISO 8583, and writes declarations of
// dialects as a person would.
package dialects

import (
	"bytes"
	"errors"
	"fmt"

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
	if _, err := im.decl.Dialect(); err != nil {
		return nil, nil, fmt.Errorf("what is in it is no dialect: %w", err)
	}
	return im.decl, im.lost, nil
}

type importer struct {
	decl *dialect.Declaration
	lost []string
}

// lose notes what is not as it was.
func (im *importer) lose(place, format string, args ...any) {
	im.lost = append(im.lost, place+": "+fmt.Sprintf(format, args...))
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
