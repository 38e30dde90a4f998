package profiles

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/golden"
)

func TestAMessageProfile(t *testing.T) {
	data, err := os.ReadFile("testdata/adt_a01.xml")
	if err != nil {
		t.Fatal(err)
	}
	decls, lost, err := Import(data)
	if err != nil || len(decls) != 1 {
		t.Fatalf("%d profiles, %v", len(decls), err)
	}
	golden.Equal(t, "testdata/adt_a01.yaml", string(YAML(decls))+"# "+strings.Join(lost, "\n# ")+"\n")
	p, err := decls[0].Profile()
	if err != nil || !p.Matches([]byte("ADT^A01"), []byte("2.5")) || p.Matches([]byte("ADT^A01"), []byte("2.4")) {
		t.Errorf("what it matches, %v", err)
	}
}

func TestWhatIsNoMessageProfile(t *testing.T) {
	bomb := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><HL7v2xConformanceProfile>&b;</HL7v2xConformanceProfile>`
	for text, want := range map[string]string{
		"": "no XML", "x": "no XML", "<html/>": "<html>", "<HL7v2xConformanceProfile/>": "no <HL7v2xStaticDef>", bomb: "no XML",
		`<?xml version="1.0" encoding="EBCDIC"?><x/>`:                                                                   "save it as UTF-8",
		`<HL7v2xConformanceProfile><HL7v2xStaticDef><Segment Name="PID"/></HL7v2xStaticDef></HL7v2xConformanceProfile>`: "want MSH first",
	} {
		if _, _, err := Import([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", text, err, want)
		}
	}
}
