package gateway

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/internal/certs"
	"github.com/sallyport/sallyport/internal/certs/certstest"
)

// credentials are of a gateway, of a client of it, and of its backend, all of one authority.
type credentials struct {
	*testing.T
	dir                              string
	ca                               *certstest.Authority
	gate, client, toBackend, backend *certs.Store
}

func newCredentials(t *testing.T) *credentials {
	c := &credentials{T: t, dir: t.TempDir(), ca: certstest.New(t, "authority")}
	c.gate, c.client = c.store("gate", "127.0.0.1", true), c.store("lab.ward.example", "127.0.0.1", false)
	c.toBackend, c.backend = c.store("gateway", "127.0.0.1", false), c.store("127.0.0.1", "", true)
	c.issue("gate", "127.0.0.1")
	c.refresh(c.gate)
	return c
}

// store returns one that shows a certificate for name.
func (c *credentials) store(name, server string, require bool) *certs.Store {
	c.Helper()
	cert, key := c.issue(name, name)
	s, err := certs.New(certs.Options{Cert: cert, Key: key, CA: certstest.Write(c.T, c.dir, "ca.pem", c.ca.PEM()), Server: server, Require: require})
	if err != nil {
		c.Fatal(err)
	}
	return s
}

func (c *credentials) issue(file, name string) (cert, key string) {
	pair := c.ca.Issue(name)
	return certstest.Write(c.T, c.dir, file+".crt", pair.Cert), certstest.Write(c.T, c.dir, file+".key", pair.Key)
}

func (c *credentials) refresh(s *certs.Store) {
	c.Helper()
	if _, err := s.Refresh(); err != nil {
		c.Error(err)
	}
}

func (c *credentials) call(address net.Addr) talk {
	c.Helper()
	conn, err := tls.Dial("tcp", address.String(), c.client.Dialer())
	if err != nil {
		c.Fatal(err)
	}
	return newTalk(c.T, conn)
}

// Clients and a backend that both speak TLS, and both show who they are: what is asked is answered, and the log has the name.
func TestTLSOnBothSides(t *testing.T) {
	creds := newCredentials(t)
	h := newHost(t)
	r := plainRoute("r", "1", h.config())
	r.TLS, r.Backends[0].TLS = creds.gate.Listener(), creds.toBackend.Dialer()
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	var g *Gateway
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := h.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		secured := tls.Server(conn, creds.backend.Listener())
		b := newTalk(t, secured)
		b.answers(2)
		if got := nameOf(certificateOf(secured)); got != "gateway" {
			t.Errorf("the backend is shown %q", got)
		}
	})
	g, err := New(Config{Shards: 1, Log: logrus.NewEntry(logger), Routes: []Route{r}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(t.Context()) }()
	c := creds.call(g.Addr("r"))
	c.send("Q 1 one")
	c.expect("A 1 one")
	c.send("Q 2 two")
	c.expect("A 2 two")
	_ = c.Close()
	wg.Wait()
	if _, err := tls.Dial("tcp", g.Addr("r").String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("a client without a certificate is let in")
	}
	plain := call(t, g.Addr("r"))
	plain.send("Q 1 in the clear")
	for plain.line() != "" {
	}
	waitFor(t, func() bool { return g.Snapshot().Routes[0].Handshakes.Failed == 2 })
	if s := g.Snapshot().Routes[0]; *s.Handshakes != (HandshakeCounters{Done: 1, Failed: 2}) || s.Counters.Received != 2 {
		t.Errorf("got %+v, %+v", s.Handshakes, s.Counters)
	}
	_ = g.Close()
	<-served
	for _, want := range []string{"identity=lab.ward.example", "client not let in", "didn't provide a certificate", "first record does not look like a TLS handshake"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, &log)
		}
	}
}

// Certificates change under load, a bad one among them: no exchange fails, and no client is refused.
func TestFaultF10RotationUnderLoad(t *testing.T) {
	creds := newCredentials(t)
	b := newNarrowBackend(t, 2)
	r := plainRoute("r", "1", BackendConfig{Name: "b", Address: b.address, Connections: 2})
	r.TLS = creds.gate.Listener()
	g := reloading(t, r)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := tls.Dial("tcp", g.Addr("r").String(), creds.client.Dialer())
				if err != nil {
					t.Error(err)
					return
				}
				c := newTalk(t, conn)
				for range 5 {
					c.send("Q 1 x")
					if got := c.line(); got != "A 1 x" {
						t.Errorf("got %q", got)
					}
				}
				_ = conn.Close()
			}
		})
	}
	rotations := times(t, 60)
	for n := range rotations {
		before := g.Snapshot().Routes[0].Handshakes.Done
		if n%7 == 3 {
			certstest.Write(t, creds.dir, "gate.crt", []byte("no certificate"))
			if _, err := creds.gate.Refresh(); err == nil {
				t.Error("what is no certificate is taken over")
			}
		} else {
			creds.issue("gate", "127.0.0.1")
			creds.refresh(creds.gate)
		}
		waitFor(t, func() bool { return g.Snapshot().Routes[0].Handshakes.Done > before || t.Failed() })
	}
	close(stop)
	wg.Wait()
	if s := g.Snapshot().Routes[0]; s.Counters.Answered != s.Counters.Received || s.Handshakes.Failed != 0 {
		t.Errorf("got %+v, %+v", s.Counters, s.Handshakes)
	}
}

// A flood of handshakes that never end is bounded, leaves room for clients from elsewhere, and ends with the gateway.
func TestFaultD10AFloodOfHandshakes(t *testing.T) {
	creds := newCredentials(t)
	h := newHost(t)
	r := plainRoute("r", "1", h.config())
	r.TLS = creds.gate.Listener()
	g := reloading(t, r)
	b := h.accept()
	for range maxHandshakesA + 10 {
		c := call(t, g.Addr("r"))
		if _, err := c.Write([]byte{22, 3, 1}); err != nil { // a record begins
			t.Fatal(err)
		}
	}
	waitFor(t, func() bool { return g.Snapshot().Routes[0].Handshakes.Crowded == 10 })
	d := creds.client.Dialer()
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}, Config: d}).Dial("tcp", g.Addr("r").String())
	if err != nil {
		t.Skip("there is no second address of this machine to come from: ", err)
	}
	c := newTalk(t, conn)
	c.send("Q 1 x")
	b.answers(1)
	c.expect("A 1 x")
	began := time.Now()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > handshakeTime/2 {
		t.Errorf("the gateway waited %v for handshakes", d)
	}
	_, _ = io.Copy(io.Discard, c)
}
