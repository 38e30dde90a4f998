package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/certs/certstest"
)

// place is a folder with certificates of an authority.
type place struct {
	*testing.T
	dir string
	ca  *certstest.Authority
}

func newPlace(t *testing.T) place { return place{t, t.TempDir(), certstest.New(t, "ward authority")} }

func (p place) write(name string, data []byte) string { return certstest.Write(p.T, p.dir, name, data) }

// pair writes a certificate for name, and returns the options that show it.
func (p place) pair(file string, c certstest.Pair) Options {
	return Options{Cert: p.write(file+".crt", c.Cert), Key: p.write(file+".key", c.Key)}
}

func (p place) store(o Options) *Store {
	p.Helper()
	s, err := New(o)
	if err != nil {
		p.Fatal(err)
	}
	return s
}

// meet has a client with one configuration come to a listener with another, and returns what each side says of it.
func meet(t *testing.T, listener, client *tls.Config) (letIn, came error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = near.SetDeadline(deadline), far.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		c := tls.Client(far, client)
		err := c.Handshake()
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // TLS 1.3 tells a client only now
		}
		done <- err
	}()
	s := tls.Server(near, listener)
	letIn = s.Handshake()
	if letIn == nil {
		_, _ = s.Write([]byte("x"))
	} else {
		_ = near.Close()
	}
	return letIn, <-done
}

// Who comes without the right certificate is refused before it has said anything, and the reason says which it was.
func TestFaultF9MutualTLS(t *testing.T) {
	p := newPlace(t)
	stranger := certstest.New(t, "another authority")
	revoked := p.ca.Issue("lab.ward.example")
	o := p.pair("server", p.ca.Issue("gate.example"))
	o.CA, o.Require, o.Names = p.write("ca.pem", p.ca.PEM()), true, []string{"*.ward.example", "spiffe://hospital/monitor"}
	o.CRL = p.write("crl.pem", p.ca.Revoke(time.Now().Add(time.Hour), revoked))
	listener := p.store(o).Listener()
	shows := func(c certstest.Pair) *tls.Config {
		cert, err := tls.X509KeyPair(c.Cert, c.Key)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(p.ca.PEM())
		// What is shown is shown, whatever authority is asked for.
		return &tls.Config{RootCAs: roots, ServerName: "gate.example", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }}
	}
	good := p.ca.Issue("lab.ward.example")
	old := shows(good)
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	none := shows(good)
	none.GetClientCertificate = nil
	uri := p.ca.Issue("x.example", func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "hospital", Path: "/monitor"}}
	})
	for name, c := range map[string]struct {
		client *tls.Config
		want   string
	}{
		"good":        {shows(good), ""},
		"by its URI":  {shows(uri), ""},
		"expired":     {shows(p.ca.Issue("lab.ward.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), "expired"},
		"not yet":     {shows(p.ca.Issue("lab.ward.example", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), "not yet valid"},
		"wrong CA":    {shows(stranger.Issue("lab.ward.example")), "unknown authority"},
		"self-signed": {shows(certstest.New(t, "lab.ward.example").Issue("lab.ward.example")), "unknown authority"},
		"wrong name":  {shows(p.ca.Issue("lab.elsewhere.example")), "no name of the certificate"},
		"a part":      {shows(p.ca.Issue("ward.example")), "no name of the certificate"},
		"revoked":     {shows(revoked), "revoked"},
		"none":        {none, "didn't provide a certificate"},
		"TLS 1.1":     {old, "unsupported versions"},
		"a server's":  {shows(p.ca.Issue("lab.ward.example", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })), "incompatible key usage"},
	} {
		letIn, came := meet(t, listener, c.client)
		switch {
		case c.want == "" && (letIn != nil || came != nil):
			t.Errorf("%s: %v, %v", name, letIn, came)
		case c.want != "" && (letIn == nil || came == nil || !strings.Contains(letIn.Error(), c.want)):
			t.Errorf("%s: got %v, want %q; the client: %v", name, letIn, c.want, came)
		}
	}
}

// A backend must show what it is, by its name or its address.
func TestABackendShowsWhatItIs(t *testing.T) {
	p := newPlace(t)
	ca := p.write("ca.pem", p.ca.PEM())
	shows := func(c certstest.Pair) *tls.Config { return p.store(p.pair("b", c)).Listener() }
	revoked := p.ca.Issue("his.example")
	crl := p.write("crl.pem", p.ca.Revoke(time.Now().Add(time.Hour), revoked))
	for name, c := range map[string]struct {
		backend certstest.Pair
		server  string
		want    string
	}{
		"its name":         {p.ca.Issue("his.example"), "his.example", ""},
		"its address":      {p.ca.Issue("192.0.2.1"), "192.0.2.1", ""},
		"another name":     {p.ca.Issue("his.example"), "other.example", "not other.example"},
		"another address":  {p.ca.Issue("192.0.2.1"), "192.0.2.2", "192.0.2.2"},
		"nobody knows who": {p.ca.Issue("his.example"), "", "which name"},
		"another's":        {certstest.New(t, "another").Issue("his.example"), "his.example", "unknown authority"},
		"revoked":          {revoked, "his.example", "revoked"},
	} {
		conf := p.store(Options{CA: ca, CRL: crl, Server: c.server}).Dialer()
		conf.ServerName = "x" // what a client says is not what is verified
		_, err := meet(t, shows(c.backend), conf)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A new certificate is taken over, a bad one is not, and an authority that is gone lets nobody in.
func TestFaultF10Rotation(t *testing.T) {
	p := newPlace(t)
	o := p.pair("server", p.ca.Issue("gate.example"))
	o.CA, o.Require = p.write("ca.pem", p.ca.PEM()), true
	s := p.store(o)
	listener := s.Listener()
	shown := p.pair("client", p.ca.Issue("lab.example"))
	client := p.store(Options{Cert: shown.Cert, Key: shown.Key, CA: p.write("own.pem", p.ca.PEM()), Server: "gate.example"}).Dialer()
	try := func(want bool) {
		t.Helper()
		if letIn, came := meet(t, listener, client); (letIn == nil && came == nil) != want {
			t.Fatalf("%v, %v", letIn, came)
		}
	}
	refresh := func(want bool, says string) {
		t.Helper()
		changed, err := s.Refresh()
		if changed != want || (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("changed: %v, %v; want %v, %q", changed, err, want, says)
		}
	}
	try(true)
	refresh(false, "")
	was := s.NotAfter()
	p.pair("server", p.ca.Issue("gate.example", func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Hour) }))
	refresh(true, "")
	if !s.NotAfter().After(was) {
		t.Errorf("the new one expires %v, the old one %v", s.NotAfter(), was)
	}
	try(true)
	good, expired := p.ca.Issue("gate.example"), p.ca.Issue("gate.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	for name, c := range map[string]struct {
		cert, key []byte
		says      string
	}{
		"another's key": {p.ca.Issue("gate.example").Cert, good.Key, "does not match"},
		"expired":       {expired.Cert, expired.Key, "expired on"},
		"nothing":       {nil, good.Key, "no certificate"},
		"a part":        {good.Cert[:200], good.Key, "no certificate"},
		"no key":        {good.Cert, nil, "key"},
	} {
		p.write("server.crt", c.cert)
		p.write("server.key", c.key)
		t.Log(name)
		refresh(false, c.says)
		try(true)
	}
	if s.Failed() != 5 {
		t.Errorf("%d failed", s.Failed())
	}
	p.pair("server", p.ca.Issue("gate.example"))
	p.write("ca.pem", certstest.New(t, "another").PEM())
	refresh(true, "")
	try(false)
}

// A private key that others can read is refused, as is what is no file.
func TestFaultF14Keys(t *testing.T) {
	p := newPlace(t)
	o := p.pair("server", p.ca.Issue("gate.example"))
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o660: false, 0o604: false, 0o700: false, 0o602: false} {
		if err := os.Chmod(o.Key, mode); err != nil {
			t.Fatal(err)
		}
		_, err := New(o)
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "open to others") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	o.Key = p.dir
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	o.Key = filepath.Join(p.dir, "none")
	_, err := New(o)
	if e, ok := errors.AsType[*FileError](err); !ok || e.Option != "key" || !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("none: %v", err)
	}
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	p := newPlace(t)
	pair := p.pair("server", p.ca.Issue("gate.example"))
	for _, o := range []Options{{Cert: pair.Cert}, {Key: pair.Key}, {Cert: pair.Cert, Key: pair.Key, CRL: pair.Cert}, {Cert: pair.Cert, Key: pair.Key, Require: true},
		{CA: pair.Key}, {CA: pair.Cert, CRL: pair.Key}, {CA: p.write("ca.pem", p.ca.PEM()), CRL: p.write("old.pem", p.ca.Revoke(time.Now().Add(-time.Minute)))},
		{CA: p.write("ca.pem", p.ca.PEM()), CRL: p.write("other.pem", certstest.New(t, "another").Revoke(time.Now().Add(time.Hour)))}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
