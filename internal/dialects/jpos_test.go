package dialects

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

const jposPackager = `<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE isopackager PUBLIC "-//jPOS/jPOS Generic Packager DTD 1.0//EN" "http://127.0.0.1:1/not-fetched.dtd">
<isopackager maxValidField="128" bitmapField="1" headerLength="5">
  <isofield id="0" length="4" name="MTI" class="org.jpos.iso.IFB_NUMERIC" pad="true"/>
  <isofield id="1" length="16" name="BIT MAP" class="org.jpos.iso.IFB_BITMAP"/>
  <isofield id="2" length="19" name="PAN" pad="false" class="org.jpos.iso.IFB_LLNUM"/>
  <isofield id="3" length="6" name="PROCESSING CODE" class="org.jpos.iso.IFA_NUMERIC"/>
  <isofield id="28" length="9" name="FEE" class="org.jpos.iso.IFA_AMOUNT"/>
  <isofield id="39" length="3" name="ACTION" class="org.jpos.iso.IF_CHAR"/>
  <isofield id="43" length="40" name="NAME" class="org.jpos.iso.IFE_CHAR" trim="true"/>
  <isofield id="44" length="25" name="MORE" class="org.jpos.iso.IFE_LLCHAR"/>
  <isofield id="48" length="999" name="PRIVATE" class="org.jpos.iso.IFB_LLLCHAR"/>
  <isofield id="52" length="8" name="PIN" class="org.jpos.iso.IFA_BINARY"/>
  <isofield id="55" length="255" name="ICC" class="org.jpos.iso.IFB_LLHBINARY"/>
  <isofield id="60" length="999" name="X" class="com.example.Strange"/>
  <isofieldpackager id="61" length="999" name="Y" class="org.jpos.iso.IFA_LLLCHAR"><isofield id="1" length="2" class="org.jpos.iso.IFA_NUMERIC"/></isofieldpackager>
  <isofield id="62" length="0" name="EMPTY" class="org.jpos.iso.IFA_LLCHAR"/>
  <isofield id="63" length="4" name="UNUSED" class="org.jpos.iso.IF_NOP"/>
  <isofield id="64" length="120" name="TOO LONG" class="org.jpos.iso.IFA_LLCHAR"/>
  <isofield id="130" length="4" name="THIRD" class="org.jpos.iso.IF_CHAR"/>
</isopackager>`

func TestAPackagerOfJPOS(t *testing.T) {
	decl, lost, err := Import([]byte(jposPackager))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost, "isopackager: headerLength", "field 43: EBCDIC there is code page 1047", "field 60: ", "field 61: ", "field 62: ", "field 64: it is left out", "field 130: ")
	d := again(t, decl)
	if d.MTI != dialect.BCD || d.Bitmap != dialect.Binary || d.Version != 1993 || d.Tertiary {
		t.Errorf("got %+v", d)
	}
	for _, n := range []int{60, 62, 63, 64, 130} {
		if d.Field(n) != nil {
			t.Errorf("there is a field %d", n)
		}
	}
	same(t, d, map[int]dialect.Field{
		2:  {Type: dialect.N, Length: 19, Digits: 2, Prefix: dialect.BCD, Encoding: dialect.BCD, PadRight: true, Secret: true},
		3:  {Type: dialect.N, Length: 6},
		28: {Type: dialect.Amount, Length: 8},
		43: {Length: 40, Encoding: dialect.EBCDIC},
		48: {Length: 999, Digits: 3, Prefix: dialect.BCD, Secret: true},
		52: {Type: dialect.Bytes, Length: 8, Encoding: dialect.Hex, Secret: true},
		55: {Type: dialect.Bytes, Length: 255, Digits: 1, Prefix: dialect.Binary, Encoding: dialect.Binary, Secret: true},
		61: {Length: 999, Digits: 3, Secret: true},
	})
}

// classesOfJPOS are names of classes, a length, whether pad is true, and a content as they write it.
var classesOfJPOS = []struct {
	class  string
	length int
	pad    bool
	wire   string
	text   string
}{
	{"IF_CHAR", 4, false, "41422020", "AB  "},
	{"IF_ECHAR", 2, false, "C1C2", "AB"},
	{"IFE_CHAR", 2, false, "C1C2", "AB"},
	{"IFA_LCHAR", 9, false, "324142", "AB"},
	{"IFA_LLLLLLCHAR", 5000, false, "3030303030324142", "AB"},
	{"IFB_LLCHAR", 99, false, "024142", "AB"},
	{"IFB_LLLCHAR", 999, false, "00024142", "AB"},
	{"IFB_LLHCHAR", 255, false, "024142", "AB"},
	{"IFB_LLLHCHAR", 2000, false, "00024142", "AB"},
	{"IFB_LLHECHAR", 255, false, "02C1C2", "AB"},
	{"IFE_LLCHAR", 25, false, "F0F2C1C2", "AB"},
	{"IFAE_LLCHAR", 25, false, "3032C1C2", "AB"},
	{"IFEA_LLCHAR", 25, false, "F0F24142", "AB"},
	{"IFA_NUMERIC", 3, false, "303132", "012"},
	{"IFE_NUMERIC", 3, false, "F0F1F2", "012"},
	{"IFB_NUMERIC", 3, true, "0123", "123"},
	{"IFB_NUMERIC", 3, false, "1230", "123"},
	{"IFB_FNUMERIC", 3, false, "123F", "123"},
	{"IFB_FNUMERIC", 3, true, "0123", "123"},
	{"IFA_LLNUM", 11, false, "3033313233", "123"},
	{"IFE_LLNUM", 11, false, "F0F3F1F2F3", "123"},
	{"IFB_LLNUM", 11, false, "031230", "123"},
	{"IFB_LLNUM", 11, true, "030123", "123"},
	{"IFB_FLLNUM", 11, false, "03123F", "123"},
	{"IFB_LLHNUM", 11, false, "031230", "123"},
	{"IFEB_LLNUM", 11, false, "F0F2123F", "123"},
	{"IFEB_LLNUM", 11, true, "F0F21234", "1234"},
	{"IFA_BINARY", 2, false, "31413242", "\x1A\x2B"},
	{"IFB_BINARY", 2, false, "1A2B", "\x1A\x2B"},
	{"IFA_LLBINARY", 20, false, "30321A2B", "\x1A\x2B"},
	{"IFE_LLBINARY", 20, false, "F0F21A2B", "\x1A\x2B"},
	{"IFA_LLABINARY", 20, false, "303231413242", "\x1A\x2B"},
	{"IFB_LLBINARY", 20, false, "021A2B", "\x1A\x2B"},
	{"IFB_LLHBINARY", 200, false, "021A2B", "\x1A\x2B"},
	{"IFB_LLLHBINARY", 2000, false, "00021A2B", "\x1A\x2B"},
}

func TestClassesOfJPOS(t *testing.T) {
	for _, c := range classesOfJPOS {
		decl, lost, err := Import(fmt.Appendf(nil, `<isopackager><isofield id="0" length="4" class="IFA_NUMERIC"/><isofield id="1" length="16" class="IFB_BITMAP"/>
			<isofield id="11" length="6" class="IFA_NUMERIC"/><isofield id="39" length="2" class="IF_CHAR"/><isofield id="41" length="8" class="IF_CHAR"/>
			<isofield id="60" length="%d" class="org.jpos.iso.%s" pad="%v"/></isopackager>`, c.length, c.class, c.pad))
		if err != nil {
			t.Errorf("%s: %v", c.class, err)
			continue
		}
		lost = slices.DeleteFunc(lost, func(line string) bool { return strings.Contains(line, "1047") })
		if len(lost) > 0 {
			t.Errorf("%s: lost %q", c.class, lost)
		}
		reads(t, decl, map[string]string{"DE60": c.text, "MTI": "0200"}, hexed("0200"), "0020000000800010", hexed("000001"), hexed("TERM0001"), c.wire)
	}
}

func hexed(text string) string { return hex.EncodeToString([]byte(text)) }

// Of these what is written cannot be said, or they are none.
func TestOtherClassesOfJPOS(t *testing.T) {
	for _, name := range []string{"IFA_LLBNUM", "IFA_FLLCHAR", "IFB_LLHFBINARY", "IFEP_LLCHAR", "IFA_TTLLCHAR", "IFEMC_LLCHAR", "IFA_AMOUNT2003", "IFB_LLHEX", "IFA_BITMAPStandalone",
		"IFA_LLHCHAR", "IFB_LLAMOUNT", "IFAB_LLNUM", "IF_NUMERIC", "IF_", ""} {
		if c := classOf(name); c != nil {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

func TestAThirdBitmapOfJPOS(t *testing.T) {
	decl, lost, err := Import([]byte(`<isopackager><isofield id="0" length="4" class="IFA_NUMERIC"/><isofield id="1" length="24" class="IFB_BITMAP"/>
		<isofield id="11" length="6" class="IFA_NUMERIC"/><isofield id="39" length="2" class="IF_CHAR"/><isofield id="41" length="8" class="IF_CHAR"/>
		<isofield id="65" length="8" class="IFB_BITMAP"/><isofield id="130" length="2" class="IF_CHAR"/></isopackager>`))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost)
	reads(t, decl, map[string]string{"DE130": "AB"}, hexed("0200"), "8020000000800000", "8000000000000000", "4000000000000000", hexed("000001"), hexed("TERM0001"), hexed("AB"))
}

// subpackagers are composite fields, and one message that they write.
const subpackagers = `<isopackager><isofield id="0" length="4" class="IFE_NUMERIC"/><isofield id="1" length="16" class="IFB_BITMAP"/>
	<isofieldpackager id="3" length="6" class="org.jpos.iso.IFB_NUMERIC" packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false">
		<isofield id="0" length="9" class="org.jpos.iso.IFA_NUMERIC"/>
		<isofield id="1" length="2" class="org.jpos.iso.IFA_NUMERIC"/><isofield id="2" length="2" class="org.jpos.iso.IFA_NUMERIC"/><isofield id="3" length="2" class="org.jpos.iso.IFA_NUMERIC"/>
	</isofieldpackager>
	<isofield id="11" length="6" class="IFA_NUMERIC"/><isofield id="39" length="2" class="IF_CHAR"/><isofield id="41" length="8" class="IF_CHAR"/>
	<isofieldpackager id="48" length="99" class="org.jpos.iso.IFE_LLCHAR" packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false">
		<isofield id="1" length="2" class="org.jpos.iso.IF_CHAR"/><isofield id="2" length="9" class="org.jpos.iso.IFA_LLCHAR"/>
	</isofieldpackager>
	<isofieldpackager id="55" length="999" class="org.jpos.iso.IFB_LLLHBINARY" packager="org.jpos.tlv.packager.bertlv.BERTLVBinaryPackager" emitBitmap="false"/>
	<isofieldpackager id="60" length="99" class="org.jpos.iso.IFA_LLCHAR" packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false">
		<isofield id="1" length="2" class="org.jpos.iso.IF_CHAR"/><isofield id="2" length="4" class="org.jpos.iso.IFB_NUMERIC"/>
	</isofieldpackager>
	<isofieldpackager id="61" length="99" class="org.jpos.iso.IFE_LLCHAR" packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false">
		<isofield id="1" length="4" class="org.jpos.iso.IFB_NUMERIC"/>
	</isofieldpackager>
	<isofieldpackager id="62" length="99" class="org.jpos.iso.IFA_LLCHAR" packager="org.jpos.iso.packager.GenericSubFieldPackager" emitBitmap="false">
		<isofield id="1" length="4" class="com.example.Strange"/><isofield id="2" length="4" class="IF_CHAR"/>
	</isofieldpackager></isopackager>`

func TestSubpackagersOfJPOS(t *testing.T) {
	decl, lost, err := Import([]byte(subpackagers))
	if err != nil {
		t.Fatal(err)
	}
	said(t, lost, "field 48: EBCDIC", "field 61: its parts are not written as the text", "field 62.1: ", "field 62: without part 1 no other")
	d := again(t, decl)
	for _, n := range []int{61, 62} {
		if d.Field(n) == nil || d.Field(n).Inside != nil {
			t.Errorf("field %d is %+v", n, d.Field(n))
		}
	}
	reads(t, decl, map[string]string{"DE3": "123456", "DE3.1": "12", "DE3.3": "56", "DE48.1": "AB", "DE48.2": "CDE", "DE55.9F26": "\x12\x34", "DE60.1": "AB", "DE60.2": "1234"},
		"F0F2F0F0", "2020000000810210", "123456", hexed("000001"), hexed("TERM0001"), "F0F7C1C2F0F3C3C4C5", "00059F26021234", "303441421234")
}
