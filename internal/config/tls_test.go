package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/certs/certstest"
)

// What is wrong with a certificate is reported at the option that names its file; a route that is right has it.
func TestTLSOptions(t *testing.T) {
	dir := t.TempDir()
	ca := certstest.New(t, "authority")
	pair := ca.Issue("gate.example")
	for name, data := range map[string][]byte{"ca.pem": ca.PEM(), "gate.crt": pair.Cert, "gate.key": pair.Key, "other.key": ca.Issue("x").Key} {
		certstest.Write(t, dir, name, data)
	}
	certstest.Write(t, dir, "open.key", pair.Key)
	if err := os.Chmod(filepath.Join(dir, "open.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	read := func(listener, backend string) (*File, string) {
		text := "routes:\n  - name: r\n    listen: 127.0.0.1:7000\n    tls: { " + listener + " }\n    protocol: { name: jsonrpc }\n    backend: { address: \"his.example:7100\", tls: { " + backend + " } }\n"
		f, err := Parse(filepath.Join(dir, "f.yaml"), []byte(text), nil)
		if err != nil {
			return nil, strings.ReplaceAll(err.Error(), dir+"/", "")
		}
		return f, ""
	}
	const good = "cert: gate.crt, key: gate.key"
	f, wrong := read(good+", client_ca: ca.pem, client_names: [ \"*.example\" ], min_version: \"1.3\"", "ca: ca.pem")
	if wrong != "" {
		t.Fatal(wrong)
	}
	r := f.Config().Routes[0]
	if r.TLS == nil || r.Backends[0].TLS == nil || r.Backends[0].TLS.ServerName != "his.example" || len(f.Stores()) != 2 {
		t.Errorf("got %+v, %+v, %d stores", r.TLS, r.Backends[0].TLS, len(f.Stores()))
	}
	for _, c := range []struct{ listener, backend, want string }{
		{"cert: gate.crt", "", "f.yaml:4:10: routes[0].tls.key: this key is missing"},
		{"cert: none.crt, key: gate.key", "", "f.yaml:4:18: routes[0].tls.cert: none.crt: no such file or directory"},
		{"cert: gate.crt, key: other.key", "", "f.yaml:4:33: routes[0].tls.key: other.key: with gate.crt: tls: private key does not match public key"},
		{"cert: gate.crt, key: open.key", "", "f.yaml:4:33: routes[0].tls.key: open.key: it is open to others (mode 0644)"},
		{good + ", client_ca: gate.key", "", "routes[0].tls.client_ca: gate.key: there is no certificate in it"},
		{good + ", client_auth: require", "", ""},
		{good + ", client_names: [ a ]", "", "routes[0].tls: a client's certificate is asked for, and there is no ca"},
		{good + ", min_version: \"1.1\"", "", "routes[0].tls.min_version: "},
		{good, "ca: none.pem", "f.yaml:6:56: routes[0].backend.tls.ca: none.pem: no such file or directory"},
		{good, "cert: gate.crt", "routes[0].backend.tls: cert and key go together"},
	} {
		if _, wrong := read(c.listener, c.backend); (c.want == "") != (wrong == "") || !strings.Contains(wrong, c.want) {
			t.Errorf("{ %s }, { %s }: got %q, want %q", c.listener, c.backend, wrong, c.want)
		}
	}
}

// A file that is read again keeps the certificates that it had, with what their files say by now, so that routes which did not
// change follow them.
func TestAgainKeepsCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := certstest.New(t, "authority")
	issue := func() {
		pair := ca.Issue("gate.example")
		certstest.Write(t, dir, "gate.crt", pair.Cert)
		certstest.Write(t, dir, "gate.key", pair.Key)
	}
	issue()
	file := certstest.Write(t, dir, "f.yaml", []byte(small+"    tls: { cert: gate.crt, key: gate.key }\n"))
	f, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	issue()
	again, err := f.Again(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := f.Stores(), again.Stores(); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("got %v, then %v", a, b)
	}
	if changed, err := f.Stores()[0].Refresh(); changed || err != nil {
		t.Errorf("what was new had not been read: %v, %v", changed, err)
	}
	certstest.Write(t, dir, "gate.crt", nil)
	if _, err := again.Again(nil); err == nil || !strings.Contains(err.Error(), "tls.cert") {
		t.Errorf("got %v", err)
	}
}
