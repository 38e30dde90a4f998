package iso8583

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// mistaken proves that New refuses options and names everything that is wrong with them.
func mistaken(t *testing.T, options string, wants ...string) {
	t.Helper()
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		t.Fatal(err)
	}
	_, err := New(o, protocol.Limits{})
	if err == nil {
		t.Fatalf("%s: want an error", options)
	}
	lines := strings.Split(err.Error(), "\n")
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got\n%v\nwant %q", options, err, want)
		}
	}
	if len(lines) != len(wants) {
		t.Errorf("%s: got %d mistakes, want %d:\n%v", options, len(lines), len(wants), err)
	}
}

func TestMistakesInOptions(t *testing.T) {
	mistaken(t, `{"dialect": "2003"}`, "dialect: there is no dialect")
	mistaken(t, `{"framing": "none"}`, "framing: preset: ")
	mistaken(t, `{"key": [11, 200], "echo": [39, 44, 2], "reason": 4}`, "key[1]: ", "echo: field 39", "echo[2]: field 2 (primary account number) is secret", "reason: ")
	mistaken(t, `{"codes": {"later": "9", "x": "30", "busy": "100", "DE4": "1"}}`, "codes.later: ", `codes: "x"`, "codes.busy: ", "codes.DE4: ")
	mistaken(t, `{"network": {"1": "00", "001": "0"}}`, `network: "1"`, "network[001]: ")
	mistaken(t, `{"sign_on": {"70": "x", "200": "1"}, "echo_test": {"x": "1"}}`, "sign_on[70]: ", "sign_on[200]: ", "echo_test[x]: ")
	mistaken(t, `{"advices": "promise"}`, "advices: to answer an advice before the host has it is a promise, which needs a journal")
	mistaken(t, `{"advices": "x"}`, "advices: ")
	mistaken(t, `{"dialect": {"fields": {"11": {"form": "n 6"}}}}`, "dialect: it has no field 39")
}

// What is usual is left out where a dialect or another option has it otherwise; only what was written down can be a mistake.
func TestDefaultsFitTheDialect(t *testing.T) {
	for options, want := range map[string][]int{
		`{}`: {3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49},
		`{"dialect": {"base": "1987-ascii", "fields": {"42": {"secret": true}, "32": "none"}}}`: {3, 4, 7, 11, 12, 13, 37, 41, 49},
		`{"dialect": {"base": "1993-ascii", "fields": {"24": "none"}}}`:                         {3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49},
		`{"dialect": "1993-ascii"}`: {3, 4, 7, 11, 12, 13, 24, 32, 37, 41, 42, 49},
		`{"reason": 42}`:            {3, 4, 7, 11, 12, 13, 32, 37, 41, 49},
		`{"echo": []}`:              {},
	} {
		c := newCodec(t, options)
		if !slices.Equal(c.echo, want) || !slices.Equal(c.key, []int{11, 41}) {
			t.Errorf("%s: gives %v back, and has the key %v", options, c.echo, c.key)
		}
	}
	codes := `"codes": {"fix": "904", "later": "907", "denied": "120", "duplicate": "913", "failed": "911"}`
	mistaken(t, `{"dialect": {"base": "1993-ascii", "version": 2003}, "sign_on": {"24": "801"}, `+codes+`}`, "sign_on: network must say")
}
