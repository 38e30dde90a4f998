package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokensOfTheAdminListener(t *testing.T) {
	const routes = "\nroutes:\n  - { name: a, listen: \"127.0.0.1:0\", protocol: { name: jsonrpc }, backend: { address: \"127.0.0.1:1\" } }\n"
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("a-token-from-a-file-7309\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"admin: { listen: \"127.0.0.1:9901\", token: \"${file:" + secret + "}\", pprof: true, open_metrics: true }":    "",
		"admin: { listen: \"127.0.0.1:9901\", token: short7309 }":                                                      "1:43: admin.token: a token has at least 16 characters",
		"admin: { listen: \"127.0.0.1:9901\", token: \"\" }":                                                           "a token has at least 16 characters",
		"admin: { listen: \"127.0.0.1:9901\", read_token: a-token-for-reading-7309 }":                                  "of no use without a token",
		"admin: { listen: \"127.0.0.1:9901\", token: a-token-for-reading-7309, read_token: a-token-for-reading-7309 }": "the same as admin.token",
		"admin: { listen: \"0.0.0.0:9901\", token: a-token-for-all-7309 }":                                             "an address of this machine alone",
		"admin: { token: a-token-for-all-7309 }":                                                                       "listen",
	} {
		f, err := Parse("admin.yaml", []byte(text+routes), os.LookupEnv)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: got %v", text, err)
		case want == "":
			if f.Admin.Token != "a-token-from-a-file-7309" || !f.Admin.Pprof || !f.Admin.OpenMetrics {
				t.Errorf("got %+v", f.Admin)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("%s: got %v, want %s", text, err, want)
		case strings.Contains(err.Error(), "7309"):
			t.Errorf("the token is told: %v", err)
		}
	}
}
