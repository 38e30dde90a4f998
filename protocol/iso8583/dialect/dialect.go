// Package dialect says, as data, how the messages of one host are written: which fields of ISO 8583 there are and how
// each of them is encoded. It reads no message; package iso8583 does.
package dialect

// Dialect is what one host means by ISO 8583. It is not changed after it was made, and is safe for concurrent use.
type Dialect struct {
	Name string
	Doc  string
	// Version is the edition whose meaning the fields have: 1987, 1993 or 2003.
	Version int
	// MTI is how the four digits of the message type are written: ASCII, EBCDIC or BCD.
	MTI Encoding
	// Bitmap is how a bitmap is written: Binary (8 bytes), or Hex (16 digits in ASCII) or EBCDIC (16 digits in that).
	Bitmap Encoding
	// Tertiary says that bit 65 announces a third bitmap, and is no field.
	Tertiary bool
	// Fields by number, up to 128, or 192 with Tertiary. Nil: the dialect has no such field. 0, 1 and with Tertiary 65 are nil.
	Fields []*Field
}

// Field returns field n, nil if the dialect has none.
func (d *Dialect) Field(n int) *Field {
	if n < 0 || n >= len(d.Fields) {
		return nil
	}
	return d.Fields[n]
}

// Field is one field, or a part of one.
type Field struct {
	// Number is that of a field; of a part it is 0.
	Number int
	// ID names a part in a path: "01" in DE48.01, "9F26" in DE55.9F26, "stan" in DE90.stan.
	ID string
	// Name is what it is in words: "primary account number".
	Name string
	Type Type
	// Length is the length, or with Digits the greatest. It counts characters, digits or, of type Bytes, bytes.
	Length int
	// Least is the least length, with Digits.
	Least int
	// Digits are those of the length prefix, in Prefix: 0 is a fixed field, 2 LLVAR, 3 LLLVAR. Of Prefix Binary it is
	// the number of its bytes, of BCD two are one byte (and an odd number is rounded up).
	Digits int
	Prefix Encoding
	// CountsBytes says that the prefix counts bytes as they are on the wire, and not digits or characters.
	CountsBytes bool
	// Encoding is that of the content: ASCII, EBCDIC, BCD, Binary, or Hex (two digits for each byte of type Bytes).
	Encoding Encoding
	// PadRight says that an odd number of BCD digits is followed by Fill, and not preceded.
	PadRight bool
	// Fill is the nibble that fills BCD up: 0 to 15.
	Fill byte
	// Signed is of type Amount: the sign C or D is not counted by Length (SignExtra), or is (SignWithin).
	Signed Sign
	// Secret is never shown to a person and never written down: a card's number, its tracks, a PIN, chip data.
	Secret bool
	// Inside says how the content is taken apart; nil: it is not.
	Inside *Composite
}

// Composite is what stands inside a field.
type Composite struct {
	Kind Kind
	// Tag is how a tag is written, of TagDigits characters, and Prefix and Digits how the length that follows; of kind Tagged.
	Tag       Encoding
	TagDigits int
	Prefix    Encoding
	Digits    int
	// Parts are those that are known. Positional: all of them, in their order. Tagged and BER: others may come.
	Parts []*Field
	// Strict says that a tag that is not among Parts is refused.
	Strict bool
}

// Kind is a way to put parts into a field.
type Kind uint8

const (
	// Positional parts follow one another, each as its own declaration says; the last of them may be missing, from the end.
	Positional Kind = iota
	// Tagged parts have a tag and a length of fixed widths.
	Tagged
	// BER is BER-TLV (ISO 8825-1) as EMV uses it.
	BER
)

// Type is what a content consists of (ISO 8583:1987, 4.2).
type Type uint8

const (
	// ANS is letters, digits and special characters.
	ANS Type = iota
	// N is digits.
	N
	// A is letters and blanks.
	A
	// AN is letters, digits and blanks.
	AN
	// AS is letters and special characters.
	AS
	// NS is digits and special characters.
	NS
	// Track is tracks 2 and 3 of a card: digits and separators, "=" or the nibble D.
	Track
	// Amount is "x+n": C or D, then digits.
	Amount
	// Bytes is "b": anything.
	Bytes
)

// Encoding is how characters, digits or lengths are written.
type Encoding uint8

const (
	// ASCII is one byte for each character.
	ASCII Encoding = iota
	// EBCDIC is the same, in code page 037.
	EBCDIC
	// BCD is two digits in a byte.
	BCD
	// Binary is bytes as they are, or a length as a big-endian number.
	Binary
	// Hex is two hexadecimal digits in ASCII for each byte; of a length, hexadecimal digits.
	Hex
)

// Sign says whether the sign of an Amount is counted.
type Sign uint8

const (
	// SignExtra: "x+n 8" is nine characters.
	SignExtra Sign = iota
	// SignWithin: it is eight.
	SignWithin
)
