package dialect

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBuiltIns(t *testing.T) {
	for _, name := range Names() {
		d, ok := Find(name)
		if !ok || d.Name != name || d.Doc == "" {
			t.Fatalf("%s: got %v, %v", name, d, ok)
		}
		for n, f := range d.Fields {
			switch {
			case f == nil && n > 1 && n != 65:
				t.Errorf("%s: there is no field %d", name, n)
			case f == nil:
			case f.Number != n || f.Name == "" || f.Length == 0:
				t.Errorf("%s: field %d is %+v", name, n, f)
			}
		}
		for _, n := range []int{2, 34, 35, 36, 45, 52, 55} {
			if !d.Field(n).Secret {
				t.Errorf("%s: field %d is no secret", name, n)
			}
		}
	}
	if _, ok := Find("2003"); ok {
		t.Error("found a dialect that there is not")
	}
}

func TestForms(t *testing.T) {
	for _, form := range []string{"n 6", "n..19", "ans...999", "x+n 8", "z..37", "b 64", "b...255", "an 12", "as 3", "ns..28"} {
		var f Field
		if err := f.setForm(form); err != nil || f.Form() != form {
			t.Errorf("%s: got %s, %v", form, f.Form(), err)
		}
	}
	for _, form := range []string{"", "n", "6", "q 6", "n.6", "n..100", "b 63", "n 0", "n -1", "n .......1", "n 6 "} {
		if err := new(Field).setForm(form); err == nil {
			t.Errorf("%q: want an error", form)
		}
	}
}

func declare(t *testing.T, text string) (*Dialect, error) {
	t.Helper()
	var r Ref
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, err
	}
	return r.Resolve()
}

func TestDeclaration(t *testing.T) {
	d, err := declare(t, `{"name": "host", "base": "1987-ascii", "bitmap": "binary", "fields": {
		"2": {"form": "n..19", "encoding": "bcd", "prefix": "bcd", "pad": "right", "fill": "F"},
		"28": {"sign": "within"}, "43": "none",
		"48": {"inside": {"kind": "tagged", "tag": {"digits": 2}, "length": {"digits": 3}, "parts": [{"id": "01", "form": "n..10", "name": "a number"}]}},
		"55": {"prefix": "binary", "inside": {"kind": "ber", "strict": true}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	base, _ := Find("1987-ascii")
	if f := d.Field(2); f.Encoding != BCD || f.Prefix != BCD || !f.PadRight || f.Fill != 15 || !f.Secret || f.Name != base.Field(2).Name {
		t.Errorf("field 2: got %+v", f)
	}
	if f := d.Field(28); f.Signed != SignWithin || f.Form() != "x+n 8" {
		t.Errorf("field 28: got %+v", f)
	}
	if d.Field(43) != nil || base.Field(43) == nil || base.Field(2).Encoding != ASCII || base.Bitmap != Hex {
		t.Error("the base was changed, or the field is still there")
	}
	if c := d.Field(48).Inside; c == nil || c.Kind != Tagged || c.TagDigits != 2 || c.Digits != 3 || c.Parts[0].ID != "01" || !c.Parts[0].Secret {
		t.Errorf("field 48: got %+v", c)
	}
	if f := d.Field(55); f.Prefix != Binary || !f.Inside.Strict {
		t.Errorf("field 55: got %+v", f)
	}
	if d, err = declare(t, `{"encoding": "ebcdic", "digits": "bcd", "mti": "bcd", "bitmap": "binary", "tertiary": true, "fields": {"11": {"form": "n 6"}, "41": {"form": "ans 8"}, "130": {"form": "b..20"}}}`); err != nil {
		t.Fatal(err)
	}
	if f, g, h := d.Field(11), d.Field(41), d.Field(130); f.Encoding != BCD || g.Encoding != EBCDIC || h.Encoding != Binary || h.Prefix != BCD || d.Field(3) != nil {
		t.Errorf("got %+v, %+v, %+v", f, g, h)
	}
}

func TestMistakesInDeclarations(t *testing.T) {
	for text, wants := range map[string][]string{
		`"2003"`: {"there is no dialect"},
		`{"base": "x", "version": 1988, "mti": "binary", "bitmap": "bcd"}`:                                                         {"base: ", "version: ", "mti: ", "bitmap: "},
		`{"base": "1987-ascii", "digits": "bcd"}`:                                                                                  {"encoding: with a base"},
		`{"fields": {"1": {"form": "n 1"}, "x": {"form": "n 1"}, "193": "none", "02": {"form": "n 1"}}}`:                           {"fields[1]: ", "fields[x]: ", "fields[193]: ", "fields[02]: "},
		`{"fields": {"3": {}, "4": {"form": "n6"}, "5": {"form": "q 6"}}}`:                                                         {"fields[3].form: this is missing", "fields[5]: form: "},
		`{"fields": {"3": {"form": "ans 6", "encoding": "bcd"}, "4": {"form": "n 6", "encoding": "hex"}}}`:                         {"fields[3].encoding: ", "fields[4].encoding: "},
		`{"fields": {"3": {"form": "n 6", "width": 2, "least": 3, "pad": "up", "fill": "G", "sign": "within", "counts": "bits"}}}`: {"[3].width: ", "[3].least: ", "[3].pad: ", "[3].fill: ", "[3].sign: ", "[3].counts: "},
		`{"base": "1987-ascii", "fields": {"2": {"secret": false}}}`:                                                               {"fields[2].secret: "},
		`{"fields": {"48": {"form": "ans...999", "inside": {"kind": "ber"}}}}`:                                                     {"fields[48].inside.kind: "},
		`{"fields": {"48": {"form": "ans...999", "inside": {"kind": "tagged", "parts": [{"id": "a.b"}]}}}}`:                        {"inside.tag.digits: ", "inside.length.digits: ", "inside.parts[0].id: "},
		`{"fields": {"48": {"form": "ans...999", "prefix": "binary", "width": 1}}}`:                                                {"fields[48].form: "},
		`{"tertiary": true, "fields": {"65": {"form": "n 6"}}}`:                                                                    {"fields[65]: "},
		`{"what": 1}`:                            {"unknown field"},
		`{"fields": {"3": {"what": 1}}}`:         {"unknown field"},
		`{"fields": {"3": {"inside": {"a":1}}}}`: {"unknown field"},
	} {
		_, err := declare(t, text)
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", text, err, want)
			}
		}
	}
}

func TestNamesOfFiles(t *testing.T) {
	for text, want := range map[string]bool{"1987-ascii": false, "./host.yaml": true, "host.yaml": true, "dialects/host": true, "host": false} {
		if got := (Ref{}).FromFile(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// What a dialect is declared as is that dialect.
func TestBuiltInsCanBeDeclared(t *testing.T) {
	for _, name := range Names() {
		d, _ := Find(name)
		again, err := d.Declaration().Dialect()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := range d.Fields {
			want, got := d.Field(n), again.Field(n)
			if want == nil && got == nil {
				continue
			}
			a, _ := json.Marshal(want)
			b, _ := json.Marshal(got)
			if !strings.EqualFold(string(a), string(b)) {
				t.Errorf("%s: field %d is %s, declared %s", name, n, a, b)
			}
		}
		if again.MTI != d.MTI || again.Bitmap != d.Bitmap || again.Version != d.Version {
			t.Errorf("%s: got %+v", name, again)
		}
	}
}
