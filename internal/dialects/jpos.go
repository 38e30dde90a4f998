package dialects

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// packed is a field of a packager of jPOS's GenericPackager, and the packager itself.
type packed struct {
	XMLName  xml.Name
	ID       string     `xml:"id,attr"`
	Length   int        `xml:"length,attr"`
	Name     string     `xml:"name,attr"`
	Pad      string     `xml:"pad,attr"`
	Class    string     `xml:"class,attr"`
	Packager string     `xml:"packager,attr"`
	Bitmap   string     `xml:"emitBitmap,attr"`
	First    string     `xml:"firstField,attr"`
	Others   []xml.Attr `xml:",any,attr"`
	Fields   []packed   `xml:",any"`
	number   int
}

// jpos reads a packager. What a DOCTYPE names is not fetched.
func (im *importer) jpos(data []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = singleByte
	var p packed
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("this is no XML that a packager could be: %w", err)
	}
	if p.XMLName.Local != "isopackager" {
		return fmt.Errorf("this is <%s>, and a packager is <isopackager>", p.XMLName.Local)
	}
	if err := p.sort(); err != nil {
		return err
	}
	if p.Bitmap == "false" {
		im.lose("isopackager", "a message without a bitmap cannot be said")
	}
	im.jposOthers("isopackager", &p)
	third := slices.ContainsFunc(p.Fields, func(f packed) bool { return f.number == 1 && f.Length > 16 })
	for i := range p.Fields {
		f := &p.Fields[i]
		place, name := "field "+f.ID, unqualified(f.Class)
		c := classOf(name)
		switch {
		case name == "IF_NOP" || name == "IF_UNUSED": // no field
		case f.number == 65 && third: // its bit announces the third bitmap
		case f.number > 128 && !third:
			im.lose(place, "only a bitmap with a length of 24 could announce it; it is left out")
		case c == nil:
			im.jposUnknown(place, name)
		case f.number == 0:
			im.jposType(place, name, c)
		case f.number == 1:
			im.jposBitmap(place, name, c)
		default:
			if d := im.jposField(place, f); d != nil {
				im.add(f.number, d)
			}
		}
	}
	im.decl.Tertiary = third
	return nil
}

// singleByte reads the encodings that packagers are written in besides UTF-8.
func singleByte(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "iso-8859-1", "iso8859-1", "latin1", "windows-1252", "us-ascii", "ascii":
		data, err := io.ReadAll(r)
		return bytes.NewReader(utf8From(data)), err
	}
	return nil, fmt.Errorf("it is in %s; want UTF-8 or ISO-8859-1", charset)
}

// sort numbers the fields of p and puts them in their order.
func (p *packed) sort() error {
	for i := range p.Fields {
		f := &p.Fields[i]
		n, err := strconv.Atoi(f.ID)
		if err != nil || strconv.Itoa(n) != f.ID || n < 0 || n > 192 {
			return fmt.Errorf("field %q: want a number up to 192", f.ID)
		}
		f.number = n
	}
	slices.SortStableFunc(p.Fields, func(a, b packed) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(p.Fields); i++ {
		if p.Fields[i].number == p.Fields[i-1].number {
			return fmt.Errorf("field %s stands there twice", p.Fields[i].ID)
		}
	}
	return nil
}

// jposOthers says which attributes of p nothing here reads. What trim changes is not seen in a message.
func (im *importer) jposOthers(place string, p *packed) {
	for _, a := range p.Others {
		name := a.Name.Local
		usual := name == "trim" || name == "maxValidField" || name == "bitmapField" && a.Value == "1"
		if a.Name.Space == "" && name != "xmlns" && !usual {
			im.lose(place, "%s=%q cannot be said", name, a.Value)
		}
	}
}

func (im *importer) jposUnknown(place, name string) {
	im.lose(place, "what the class %q writes cannot be said; the field is left out", name)
}

func (im *importer) jposType(place, name string, c *class) {
	if c.digits > 0 || c.kind == "AMOUNT" || c.kind == "BITMAP" || c.kind == "BINARY" && c.content != "B" {
		im.lose(place, "%s writes no message type", name)
		return
	}
	im.decl.MTI = jposText[c.content]
}

func (im *importer) jposBitmap(place, name string, c *class) {
	if c.kind != "BITMAP" {
		im.lose(place, "%s writes no bitmap", name)
		return
	}
	im.decl.Bitmap = map[string]string{"A": "hex", "B": "binary", "E": "ebcdic"}[c.content]
}

// jposField makes a field of what the name of its class says. It is nil if that cannot be said.
func (im *importer) jposField(place string, f *packed) *dialect.Declared {
	im.jposOthers(place, f)
	c := classOf(unqualified(f.Class))
	if c == nil || c.kind == "BITMAP" || f.Length < 1 {
		im.jposUnknown(place, unqualified(f.Class))
		return nil
	}
	d := &dialect.Declared{Name: plain(f.Name)}
	letters, length := c.declare(d, f.Length, f.Pad == "true")
	if d.Encoding == "ebcdic" && letters == "ans" {
		im.ebcdic(place, "code page 1047", "[ ] ^")
	}
	if c.kind == "BINARY" && c.content == "E" && c.digits == 0 {
		im.lose(place, "bytes in hexadecimal digits of EBCDIC are taken for the text that they are written as")
	}
	if f.XMLName.Local == "isofieldpackager" {
		letters = im.jposInside(place, f, d, letters)
	}
	if c.digits == 0 {
		fixed(d, letters, length)
	} else {
		varies(d, letters, c.prefix, c.digits, length)
	}
	return d
}
