package dialects

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// moovField is a field of moov-io/iso8583's specification.
type moovField struct {
	Type        string
	Length      int
	Description string
	Enc, Prefix string
	Padding     *moovPadding // of a value before it is written: in a message it is content
	Tag         *moovTag
	Subfields   map[string]*moovField
	Bitmap      json.RawMessage
	FixedBitmap bool `json:"disableautoexpand"`
	others      []string
}

type moovTag struct {
	Length    int
	Enc, Sort string
	Padding   *moovPadding
	Skip      bool `json:"skipUnknownTLVTags"`
	others    []string
}

type moovPadding struct {
	Type string
	Pad  padding
}

// padding is a character, which older specifications have as its number.
type padding string

// UnmarshalJSON reads a character or its number.
func (p *padding) UnmarshalJSON(data []byte) error {
	var number rune
	if json.Unmarshal(data, &number) == nil {
		*p = padding(number)
		return nil
	}
	return json.Unmarshal(data, (*string)(p))
}

// UnmarshalJSON reads a field, and notes what nothing here reads.
func (f *moovField) UnmarshalJSON(data []byte) (err error) {
	type plain moovField
	if err = json.Unmarshal(data, (*plain)(f)); err == nil {
		f.others, err = others(data, "type", "length", "description", "enc", "prefix", "padding", "tag", "subfields", "bitmap", "disableautoexpand")
	}
	return err
}

// UnmarshalJSON reads a tag, and notes what nothing here reads.
func (t *moovTag) UnmarshalJSON(data []byte) (err error) {
	type plain moovTag
	if err = json.Unmarshal(data, (*plain)(t)); err == nil {
		t.others, err = others(data, "length", "enc", "sort", "padding", "skipunknowntlvtags", "storeunknowntlvtags")
	}
	return err
}

// others are the keys of an object that are none of those that are known.
func others(data []byte, known ...string) ([]string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(object))
	return slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(known, strings.ToLower(key)) }), nil
}
