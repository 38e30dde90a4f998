package dialects

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// packager is a packager of jPOS's GenericPackager.
type packager struct {
	XMLName xml.Name
	Fields  []packed `xml:",any"`
}

type packed struct {
	XMLName xml.Name
	ID      string   `xml:"id,attr"`
	Length  int      `xml:"length,attr"`
	Name    string   `xml:"name,attr"`
	Pad     string   `xml:"pad,attr"`
	Class   string   `xml:"class,attr"`
	Fields  []packed `xml:",any"`
}

// className takes the name of a field packager apart: how it is written, how long the length in front is, whether that is
// binary, and what it holds.
var className = regexp.MustCompile(`^IF([AEB]|EP)?_(L*)(H?)(E?)(NUM|NUMERIC|CHAR|BINARY|AMOUNT|BITMAP|NOP)$`)

// jpos reads a packager. What a DOCTYPE names is not fetched.
func (im *importer) jpos(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var p packager
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("this is no XML that a packager could be: %w", err)
	}
	if p.XMLName.Local != "isopackager" {
		return fmt.Errorf("this is <%s>, and a packager is <isopackager>", p.XMLName.Local)
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		n, err := strconv.Atoi(f.ID)
		if err != nil || n < 0 || n > 192 {
			return fmt.Errorf("field %q: want a number up to 192", f.ID)
		}
		place := "field " + f.ID
		class := f.Class[strings.LastIndexByte(f.Class, '.')+1:]
		written := map[string]string{"A": "ascii", "B": "bcd", "E": "ebcdic", "": "ascii"}
		m := className.FindStringSubmatch(class)
		switch {
		case m == nil:
			im.lose(place, "there is no class %q here; the field is left out", class)
		case n == 0:
			im.decl.MTI = written[m[1]]
		case n == 1 || m[5] == "BITMAP":
			if n == 1 {
				im.decl.Bitmap = map[string]string{"A": "hex", "B": "binary", "E": "ebcdic"}[m[1]]
			}
		case m[5] == "NOP":
		default:
			if n > 128 {
				im.decl.Tertiary = true
			}
			if d := im.jposField(place, f, m); d != nil {
				im.decl.Fields[f.ID] = d
			}
		}
		if f.XMLName.Local == "isofieldpackager" {
			im.lose(place, "its parts are left out: the content is one text")
		}
	}
	return nil
}

// jposField makes a field of the parts of its class's name: m has how it is written, the L of the length, H, E, and what it holds.
func (im *importer) jposField(place string, f *packed, m []string) *dialect.Declared {
	d := &dialect.Declared{Name: plain(f.Name)}
	how, width, binary := m[1], len(m[2]), m[3] == "H"
	letters := map[string]string{"NUM": "n", "NUMERIC": "n", "CHAR": "ans", "BINARY": "b", "AMOUNT": "x+n"}[m[5]]
	length := f.Length
	switch {
	case m[5] == "NUM" || m[5] == "NUMERIC" || m[5] == "AMOUNT":
		d.Encoding = map[string]string{"A": "ascii", "B": "bcd", "E": "ebcdic"}[how]
	case m[5] == "CHAR" && (how == "E" || m[4] == "E"):
		d.Encoding = "ebcdic"
	case m[5] == "BINARY" && how == "A" && width == 0:
		d.Encoding = "hex"
	case m[5] == "BINARY" && how != "B":
		im.lose(place, "it is not said here whether %s holds bytes or digits; it is taken for bytes", m[0])
	}
	if m[5] == "AMOUNT" {
		length-- // there the sign is counted
	}
	if d.Encoding == "bcd" && f.Pad != "true" && (width > 0 || length%2 != 0) {
		d.Pad = "right"
	}
	if width == 0 {
		d.Form = letters + " " + strconv.Itoa(length)
		if letters == "b" {
			d.Form = "b " + strconv.Itoa(8*length)
		}
	} else {
		prefix := map[string]string{"A": "ascii", "B": "bcd", "E": "ebcdic", "": "ascii"}[how]
		if binary {
			prefix, width = "binary", (width+1)/2 // LLH is one byte, LLLH two
		}
		im.varies(place, d, letters, prefix, width, length)
	}
	if d.Encoding == "ascii" {
		d.Encoding = ""
	}
	return d
}
