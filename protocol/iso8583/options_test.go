package iso8583

import (
	"encoding/json"
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
