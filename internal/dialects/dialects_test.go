package dialects

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

// again writes decl to a file and reads it.
func again(t *testing.T, decl *dialect.Declaration) *dialect.Dialect {
	t.Helper()
	path := filepath.Join(t.TempDir(), "host.yaml")
	if err := os.WriteFile(path, YAML(decl), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := config.Dialect(path, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, YAML(decl))
	}
	return d
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.Find(name)
		got := again(t, d.Declaration())
		for n := range d.Fields {
			if !reflect.DeepEqual(got.Field(n), d.Field(n)) {
				t.Errorf("%s: field %d is %+v, written and read %+v", name, n, d.Field(n), got.Field(n))
			}
		}
	}
}

func TestSpecificationsOfOthers(t *testing.T) {
	for file, want := range map[string]struct {
		fields, lost int
		form         map[int]string
	}{
		"specs/spec87ascii.json":               {64, 0, map[int]string{2: "ans..19", 3: "n 6", 52: "b 64"}},
		"specs/spec87ascii-root.json":          {64, 0, map[int]string{2: "ans..19", 3: "n 6", 52: "b 64"}},
		"testdata/specification_ver_1987.json": {126, 3, map[int]string{2: "n..19", 7: "n 10", 28: "x+n 8"}},
	} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "corpora", "iso8583", "moov", file))
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("the corpora are not beside the project")
		}
		if err != nil {
			t.Fatal(err)
		}
		decl, lost, err := Import(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(decl.Fields) < want.fields-2 || len(lost) != want.lost {
			t.Errorf("%s: %d fields, lost %q", file, len(decl.Fields), lost)
		}
		d := again(t, decl)
		for n, form := range want.form {
			if got := d.Field(n); got == nil || got.Form() != form {
				t.Errorf("%s: field %d is %+v, want %s", file, n, got, form)
			}
		}
	}
}

const jposPackager = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE isopackager PUBLIC "-//jPOS/jPOS Generic Packager DTD 1.0//EN" "http://127.0.0.1:1/not-fetched.dtd">
<isopackager>
  <isofield id="0" length="4" name="MTI" class="org.jpos.iso.IFB_NUMERIC" pad="true"/>
  <isofield id="1" length="16" name="BIT MAP" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="2" length="19" name="PAN" pad="false" class="org.jpos.iso.IFB_LLNUM"/>
  <isofield id="3" length="6" name="PROCESSING CODE" class="org.jpos.iso.IFA_NUMERIC"/>
  <isofield id="28" length="9" name="FEE" class="org.jpos.iso.IFA_AMOUNT"/>
  <isofield id="43" length="40" name="NAME" class="org.jpos.iso.IFE_CHAR"/>
  <isofield id="48" length="999" name="PRIVATE" class="org.jpos.iso.IFB_LLLCHAR"/>
  <isofield id="52" length="8" name="PIN" class="org.jpos.iso.IFA_BINARY"/>
  <isofield id="55" length="255" name="ICC" class="org.jpos.iso.IFB_LLHBINARY"/>
  <isofield id="60" length="999" name="X" class="com.example.Strange"/>
  <isofieldpackager id="61" length="999" name="Y" class="org.jpos.iso.IFA_LLLCHAR"><isofield id="1" length="2" class="org.jpos.iso.IFA_NUMERIC"/></isofieldpackager>
</isopackager>`

func TestAPackagerOfJPOS(t *testing.T) {
	decl, lost, err := Import([]byte(jposPackager))
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 2 || !strings.HasPrefix(lost[0], "field 60: ") || !strings.HasPrefix(lost[1], "field 61: ") {
		t.Errorf("lost %q", lost)
	}
	d := again(t, decl)
	if d.MTI != dialect.BCD || d.Bitmap != dialect.Binary {
		t.Errorf("got %+v", d)
	}
	for n, want := range map[int]dialect.Field{
		2:  {Type: dialect.N, Length: 19, Digits: 2, Prefix: dialect.BCD, Encoding: dialect.BCD, PadRight: true, Secret: true},
		3:  {Type: dialect.N, Length: 6},
		28: {Type: dialect.Amount, Length: 8},
		43: {Length: 40, Encoding: dialect.EBCDIC},
		48: {Length: 999, Digits: 3, Prefix: dialect.BCD, Secret: true},
		52: {Type: dialect.Bytes, Length: 8, Encoding: dialect.Hex, Secret: true},
		55: {Type: dialect.Bytes, Length: 255, Digits: 1, Prefix: dialect.Binary, Encoding: dialect.Binary, Secret: true},
		61: {Length: 999, Digits: 3, Secret: true},
	} {
		got := *d.Field(n)
		got.Number, got.Name = 0, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("field %d: got %+v, want %+v", n, got, want)
		}
	}
}

func TestMoovComposites(t *testing.T) {
	decl, lost, err := Import([]byte(`{"name": "x", "fields": {
		"0": {"type": "String", "length": 4, "enc": "BCD", "prefix": "BCD.Fixed"}, "1": {"type": "Bitmap", "enc": "Binary", "prefix": "Binary.Fixed"},
		"3": {"type": "Composite", "length": 6, "prefix": "ASCII.Fixed", "subfields": {"10": {"type": "String", "length": 2, "enc": "ASCII", "prefix": "ASCII.Fixed"}, "2": {"type": "Numeric", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"}}},
		"48": {"type": "Composite", "length": 999, "prefix": "ASCII.LLL", "tag": {"length": 2, "enc": "ASCII"}, "subfields": {"01": {"type": "String", "length": 5, "enc": "ASCII", "prefix": "ASCII.LL"}}},
		"55": {"type": "Composite", "length": 255, "prefix": "Binary.L", "tag": {"enc": "BerTLVTag"}, "subfields": {"9F26": {"type": "Binary", "length": 8, "enc": "Binary", "prefix": "BerTLV"}}},
		"60": {"type": "What", "length": 3, "prefix": "ASCII.Fixed"}, "61": {"type": "String", "length": 3, "enc": "EBCDIC1047", "prefix": "Hex.L"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(lost) != 2 {
		t.Errorf("lost %q", lost)
	}
	d := again(t, decl)
	if in := d.Field(3).Inside; in == nil || in.Kind != dialect.Positional || in.Parts[0].ID != "2" || in.Parts[1].ID != "10" {
		t.Errorf("field 3: %+v", in)
	}
	if in := d.Field(48).Inside; in == nil || in.Kind != dialect.Tagged || in.TagDigits != 2 || in.Digits != 2 {
		t.Errorf("field 48: %+v", in)
	}
	if f := d.Field(55); f.Inside == nil || f.Inside.Kind != dialect.BER || f.Type != dialect.Bytes || f.Prefix != dialect.Binary || f.Digits != 1 {
		t.Errorf("field 55: %+v", f)
	}
}

func TestWhatIsNoSpecification(t *testing.T) {
	for _, text := range []string{"", "x", "{}", `{"fields": {"x": {}}}`, "<a/>", "<isopackager/>", "<isopackager", `<isopackager><isofield id="900" class="IFA_NUMERIC"/></isopackager>`, `{"fields": null`} {
		if _, _, err := Import([]byte(text)); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}
