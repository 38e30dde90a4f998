package dialects

import (
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// class is what the name of a field packager of jPOS says.
type class struct {
	prefix  string // how the length in front is written, where there is one
	digits  int    // those of that length; of a binary one its bytes
	content string // how the content is written: A, B or E
	kind    string
	full    bool // an odd number of digits is filled up with F
	halves  bool // the length counts the bytes that digits are in
}

var (
	// classes are those that there are, without those that fill a field up behind a length and those that write a tag.
	classes = regexp.MustCompile(`^IF(_E?CHAR|[AE]_L*CHAR|B_L+CHAR|B_LLL?HE?CHAR|(AE|EA)_LLL?CHAR|[ABE]_NUMERIC|B_FNUMERIC|[AE]_L+NUM|B_F?L+NUM|` +
		`B_LLL?HNUM|EB_LLL?NUM|[ABE]_L*BINARY|A_LLL?ABINARY|B_LLL?HBINARY|[ABE]_AMOUNT|[ABE]_BITMAP)$`)
	// pieces are those of a name: how length and content are written, if they are not written alike; F for what an odd number of
	// digits is filled up with; the digits of the length, of which two are a byte with H; A or E for the content; its kind.
	pieces = regexp.MustCompile(`^IF([ABE]?)([ABE]?)_(F?)(L*)(H?)([AE]?)(NUM|NUMERIC|CHAR|BINARY|AMOUNT|BITMAP)$`)
)

// classOf takes a name apart, which is not qualified. It is nil if there is no such class, or if what it writes cannot be said.
func classOf(name string) *class {
	m := pieces.FindStringSubmatch(name)
	if m == nil || !classes.MatchString(name) {
		return nil
	}
	c := &class{prefix: jposText[m[1]], digits: len(m[4]), content: m[1] + m[6], kind: m[7], full: m[3] == "F"}
	if m[5] == "H" {
		c.prefix, c.digits = "binary", len(m[4])-1 // LLH is one byte, LLLH two
	}
	if m[2] != "" {
		c.content, c.halves = m[2], m[2] == "B"
		c.full = c.halves
	}
	if len(c.content) > 1 {
		c.content = m[6]
	}
	if c.kind == "CHAR" && c.content != "E" {
		c.content = "A"
	}
	// Bytes are as they are behind a length, if their name does not say that they are digits.
	if c.kind == "BINARY" && c.digits > 0 && m[6] != "A" {
		c.content = "B"
	}
	return c
}

var jposText = map[string]string{"A": "ascii", "B": "bcd", "E": "ebcdic", "": "ascii"}

// declare says in d how c writes, and returns type and length. Left has an odd number of digits filled up on the left.
func (c *class) declare(d *dialect.Declared, length int, left bool) (letters string, units int) {
	switch c.kind {
	case "CHAR":
		letters, d.Encoding = "ans", jposText[c.content]
	case "BINARY":
		letters = "b"
		switch c.content {
		case "A":
			d.Encoding = "hex"
		case "E":
			letters, d.Encoding, length = "an", "ebcdic", 2*length
		}
	case "AMOUNT":
		letters, d.Encoding = "x+n", jposText[c.content]
		length-- // there the sign is counted
	default:
		letters, d.Encoding = "n", jposText[c.content]
	}
	if d.Encoding == "ascii" {
		d.Encoding = ""
	}
	if d.Encoding == "bcd" && (c.digits > 0 || length%2 != 0) {
		switch {
		case c.halves || c.full && !left:
			d.Pad, d.Fill = "right", "F"
		case !left:
			d.Pad = "right"
		}
	}
	if c.halves {
		d.Counts = "bytes"
	}
	return letters, length
}

// unqualified is the name of a class of Java without its package.
func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
