package dialects

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// fixed declares a length that does not vary.
func fixed(d *dialect.Declared, letters string, length int) {
	if letters == "b" {
		length *= 8
	}
	d.Form = letters + " " + strconv.Itoa(length)
}

// varies declares a length in front: of width digits, or bytes where it is a binary number.
func varies(d *dialect.Declared, letters, prefix string, width, length int) {
	if d.Prefix = prefix; prefix == "ascii" {
		d.Prefix = ""
	}
	dots := max(2, len(strconv.Itoa(length)))
	d.Form = letters + strings.Repeat(".", dots) + strconv.Itoa(length)
	usual := dots
	if prefix == "binary" {
		usual = 1
		if length > 255 {
			usual = 2
		}
	}
	if width != usual {
		d.Width = new(width)
	}
}

// inText reports whether d, a part, is written as the ASCII text that it would stand in.
func inText(d *dialect.Declared) bool {
	return encodingOf(d) == "ascii" && (!strings.Contains(d.Form, "..") || orASCII(d.Prefix) == "ascii")
}

// encodingOf is how d is written.
func encodingOf(d *dialect.Declared) string {
	if d.Encoding == "" && strings.HasPrefix(d.Form, "b") {
		return "binary"
	}
	return orASCII(d.Encoding)
}

func orASCII(encoding string) string {
	if encoding == "" {
		return "ascii"
	}
	return encoding
}

// plain is a description without what YAML or a terminal could stumble over.
func plain(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7F }), " ")
}
