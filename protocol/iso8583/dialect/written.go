package dialect

import (
	"strconv"
	"strings"
)

// Declaration returns d as a person could have declared it, without a base.
func (d *Dialect) Declaration() *Declaration {
	decl := &Declaration{Name: d.Name, Doc: d.Doc, Version: d.Version, MTI: d.MTI.String(), Bitmap: d.Bitmap.String(), Tertiary: d.Tertiary,
		Fields: map[string]*Declared{}}
	for n, f := range d.Fields {
		if f != nil {
			decl.Fields[strconv.Itoa(n)] = f.declared()
		}
	}
	return decl
}

// declared says everything of f but what is the default: text in ASCII, and lengths too.
func (f *Field) declared() *Declared {
	d := &Declared{Name: f.Name, Form: f.Form(), Sign: map[Sign]string{SignWithin: "within"}[f.Signed]}
	if f.Encoding != ASCII && !(f.Type == Bytes && f.Encoding == Binary) {
		d.Encoding = f.Encoding.String()
	}
	if f.Encoding == BCD && f.PadRight {
		d.Pad = "right"
	}
	if f.Encoding == BCD && f.Fill != 0 {
		d.Fill = strings.ToUpper(strconv.FormatUint(uint64(f.Fill), 16))
	}
	if f.Digits > 0 {
		if f.Prefix != ASCII {
			d.Prefix = f.Prefix.String()
		}
		if f.CountsBytes {
			d.Counts = "bytes"
		}
		if f.Least > 0 {
			d.Least = new(f.Least)
		}
		d.Form, d.Width = f.notation()
	}
	if f.Secret {
		d.Secret = new(true)
	}
	if f.Inside != nil {
		d.Inside = f.Inside.declared(f)
	}
	return d
}

// notation is the form of a field whose length varies, with as many dots as it needs, and the width of its length where
// that cannot be told from them.
func (f *Field) notation() (string, *int) {
	dots := max(2, len(strconv.Itoa(f.Length)))
	width := dots
	if f.Prefix == Binary {
		width = 1
		if f.Length > 255 {
			width = 2
		}
	}
	form := f.Type.String() + strings.Repeat(".", dots) + strconv.Itoa(f.Length)
	switch {
	case width == f.Digits:
		return form, nil
	case f.Prefix != Binary && f.Digits >= 2 && f.Digits <= 6 && f.Digits > dots:
		return f.Type.String() + strings.Repeat(".", f.Digits) + strconv.Itoa(f.Length), nil
	}
	return form, new(f.Digits)
}

func (c *Composite) declared(f *Field) *Inside {
	in := &Inside{Kind: map[Kind]string{Positional: "positional", Tagged: "tagged", BER: "ber"}[c.Kind], Strict: c.Strict}
	if c.Kind == Tagged {
		in.Tag, in.Length = &Label{c.TagDigits, c.Tag.String()}, &Label{c.Digits, c.Prefix.String()}
	}
	for _, p := range c.Parts {
		d := p.declared()
		if f.Secret {
			d.Secret = nil // as the field is
		}
		in.Parts = append(in.Parts, &Part{p.ID, *d})
	}
	return in
}
