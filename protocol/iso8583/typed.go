package iso8583

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
)

var errTyped = errors.New("write a message type and fields, as in '0200 3=000000 4=1000 41=TERM0001'; an underscore is a blank")

// AppendTyped appends the message that a person means by a line: its type, and fields by number. Fields 7 and 11 are
// filled in where they are left out, 11 with n. An underscore stands for a blank.
func (c *Codec) AppendTyped(dst, line []byte, n int) ([]byte, error) {
	words := bytes.Fields(line)
	if len(words) == 0 || len(words[0]) != mtiSize {
		return dst, errTyped
	}
	for _, d := range words[0] {
		if d < '0' || d > '9' {
			return dst, errTyped
		}
	}
	texts := make([][]byte, len(c.fields))
	if c.fields[deTime] != nil {
		texts[deTime] = now()
	}
	if f := c.fields[deSTAN]; f != nil {
		texts[deSTAN] = strconv.AppendInt(nil, int64(n), 10)
	}
	for i, w := range words[1:] {
		name, text, ok := bytes.Cut(w, []byte("="))
		number, err := strconv.Atoi(string(bytes.TrimPrefix(name, []byte("DE"))))
		switch {
		case !ok || err != nil: // the word is not repeated: it may be a card's number that stands alone
			return dst, fmt.Errorf("word %d is no field: %w", i+2, errTyped)
		case number < 2 || number >= len(c.fields) || c.fields[number] == nil:
			return dst, fmt.Errorf("word %d: the dialect has no such field; %w", i+2, errTyped)
		}
		texts[number] = bytes.ReplaceAll(text, []byte("_"), []byte(" "))
	}
	return c.appendTexts(dst, [mtiSize]byte(words[0]), texts)
}

// AppendResponse appends the answer of a host to req: the fields in echo that req has, as they came, and the response
// code. It is for simulators and tests.
func (c *Codec) AppendResponse(dst []byte, req *protocol.Message, echo []int, code string) ([]byte, error) {
	if len(req.Name) != mtiSize || !known(req.Name) || !asks(req.Name[2]) {
		return dst, errors.New("iso8583: this is not answered")
	}
	return c.appendAnswer(dst, req, echo, []byte(code), nil)
}

// appendTexts appends a message of the fields whose text is not nil.
func (c *Codec) appendTexts(dst []byte, mti [mtiSize]byte, texts [][]byte) ([]byte, error) {
	start := len(dst)
	dst = c.appendMTI(dst, mti)
	var set [3]uint64
	for n, text := range texts {
		if text != nil {
			mark(&set, n)
		}
	}
	dst = c.appendBitmaps(dst, &set)
	for n, text := range texts {
		if text == nil {
			continue
		}
		var err error
		if dst, err = c.fields[n].appendContent(dst, text); err != nil {
			return dst[:start], fmt.Errorf("field %d: %w: want %s, as %s has them", n, err, wanted[c.fields[n].Type], c.fields[n].Form())
		}
	}
	return dst, nil
}
