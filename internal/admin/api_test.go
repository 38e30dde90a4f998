package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/gateway"
)

func TestTheAPI(t *testing.T) {
	g := &fake{s: gateway.Snapshot{Panics: 1, Routes: []gateway.RouteSnapshot{route("wards", 2)}}}
	s := listen(t, "127.0.0.1:0", g)
	for path, want := range map[string]string{
		"/v1/status":                      `"version":"1.2.3"`,
		"/v1/snapshot":                    `"states":{"session":{"serving":3}`,
		"/v1/machines":                    `{"event":"expire","from":"waiting","to":"expired"}`,
		"/v1/sessions":                    `"sessions":[{"id":"0"`,
		"/v1/sessions?limit=2":            `"truncated":true`,
		"/v1/backends":                    `"admin":"enabled"`,
		"/v1/exchanges?route=wards":       `{"id":"7"`,
		"/v1/ended?state=failed":          `"state":"failed"`,
		"/v1/ended?state=queued":          "400 state: want one of answered, expired",
		"/v1/exchanges/7":                 `"state":"answered"`,
		"/v1/refusals?route=wards":        `{"id":"8"`,
		"/v1/exchanges/9":                 "404 request 9 is not known",
		"/v1/exchanges/x":                 "400 an id is a number",
		"/v1/sessions?limit=0":            "400 limit: want a number from 1 to 1000",
		"/v1/sessions?limit=1001":         "400 limit",
		"/v1/sessions?limit=x":            "400 limit",
		"/v1/refusals?route=ward":         "404 route: there is none",
		"/v1/exchanges?route=..%2f..%2fx": "404 route: there is none",
		"/v1/exchanges?a;b":               "400 the query cannot be read",
	} {
		status, body, header := get(t, s, "localhost", path)
		if code, text, bad := strings.Cut(want, " "); bad && len(code) == 3 {
			var wrong struct{ Error string }
			if err := json.Unmarshal([]byte(body), &wrong); err != nil || !strings.HasPrefix(wrong.Error, text) || code != strconv.Itoa(status) {
				t.Errorf("%s: got %d %s, want %s", path, status, body, want)
			}
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Errorf("%s: %v in %s", path, err, body)
		}
		flat, _ := json.Marshal(json.RawMessage(body))
		if status != http.StatusOK || !strings.Contains(string(flat), want) || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s, want %s", path, status, flat, want)
		}
	}
}
