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

// Several definitions are a list, and one is a file.
func TestSeveral(t *testing.T) {
	const one = `<HL7v2xStaticDef MsgType="ADT" EventType="A01"><Segment Name="MSH" Usage="R"/></HL7v2xStaticDef>`
	for n, want := range map[int]string{
		1: "name: \"ADT^A01\"\nmessages: [\"ADT^A01\"]\nothers: none\nsegments:\n  - segment: MSH\n",
		2: strings.Repeat("- name: \"ADT^A01\"\n  messages: [\"ADT^A01\"]\n  others: none\n  segments:\n    - segment: MSH\n", 2),
	} {
		decls, lost, err := Import([]byte("<HL7v2xConformanceProfile>" + strings.Repeat(one, n) + "</HL7v2xConformanceProfile>"))
		if got := string(YAML(decls)); got != want || len(lost) > 0 || err != nil {
			t.Errorf("%d: got %q, lost %q, %v", n, got, lost, err)
		}
	}
}

func FuzzImport(f *testing.F) {
	data, err := os.ReadFile("testdata/adt_a01.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		decls, lost, err := Import(data)
		if err != nil {
			return
		}
		for _, d := range decls {
			if _, err := d.Profile(); err != nil {
				t.Errorf("what was imported is no profile: %v", err)
			}
		}
		size := len(YAML(decls))
		for _, l := range lost {
			size += len(l)
		}
		if size > 1000+100*len(data) {
			t.Errorf("%d bytes are made of %d", size, len(data))
		}
	})
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
