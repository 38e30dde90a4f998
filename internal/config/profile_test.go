package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol/hl7/profile"
)

// What a declaration is printed as is read again as the same.
func TestAPrintedProfileIsTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile.yaml")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.SampledFrom([]string{"", "*", "null", "NULL", "true", "~", "-", "R", "a: b", "#", "a #b", "{", "]", ",", "'", `"`, `\`, "\n", "\t", "&a", "1", "é", "\u2028", "😀", " ", "$", "${A}", "$${", "${file:/etc/hostname}"}),
			rapid.StringMatching(`[ -~]{0,12}`))
		field := func() *profile.Field {
			f := &profile.Field{Name: text.Draw(t, "name"), Type: text.Draw(t, "type"), Length: rapid.IntRange(0, 300).Draw(t, "length"), Max: profile.Many(rapid.IntRange(0, 9).Draw(t, "max"))}
			if rapid.Bool().Draw(t, "conditional") {
				f.Usage, f.When = "C", &profile.When{Path: rapid.SampledFrom([]string{"PV1-2", "PID-3[2].1", "PID-3.4.2", "OBX[3]-5"}).Draw(t, "path"), In: []string{text.Draw(t, "in")}}
			}
			if rapid.Bool().Draw(t, "table") {
				f.Values = []string{text.Draw(t, "value")}
			}
			return f
		}
		whole := field()
		whole.Components = map[string]*profile.Field{"2": field()}
		want := &profile.Declaration{
			Name: text.Draw(t, "profile"), Messages: []string{"ADT^A01"}, Versions: []string{text.Draw(t, "version")}, Others: rapid.SampledFrom([]string{"", "z", "any", "none"}).Draw(t, "others"),
			Segments: []*profile.Element{
				{Segment: "MSH", Fields: map[string]*profile.Field{"3": whole}},
				{Group: "g" + text.Draw(t, "group"), Usage: "O", Segments: []*profile.Element{{Segment: rapid.SampledFrom([]string{"YES", "OFF", "PID", "N12"}).Draw(t, "segment")}}},
			},
			Tables: map[string][]string{"t" + text.Draw(t, "table"): {text.Draw(t, "member")}},
		}
		item := strings.Split(string(want.AppendYAML(nil, "")), "\n")
		for i := range item {
			item[i] = item[i][min(2, len(item[i])):]
		}
		if err := os.WriteFile(path, []byte(strings.Join(item, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Profile(path, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(item, "\n"))
		}
		if a, b := encoded(got), encoded(want); a != b {
			t.Fatalf("got  %s\nwant %s\nof %s", a, b, strings.Join(item, "\n"))
		}
	})
}

func encoded(d *profile.Declaration) string {
	data, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
