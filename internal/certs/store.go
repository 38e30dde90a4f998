// Package certs has the certificates of listeners and of backends, and takes new ones over while connections are made.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say what one side shows, and what it asks of the other.
type Options struct {
	For       string // what the Store is for, in words
	Cert, Key string // files; both or, for a backend, neither
	CA        string // a file with the authorities that the other side's certificate must come from; "" for a backend: those of the system
	CRL       string // a file with what these authorities have revoked; "": nothing
	Require   bool   // of a listener with CA: who shows no certificate is not let in
	Names     []string
	// Server is the name, or the address, that a backend's certificate must have. A listener needs none.
	Server string
	// Min is the least version of TLS; 0: 1.2.
	Min uint16
}

// Store is what the files say now: Refresh reads them again. It is safe for concurrent use.
type Store struct {
	options Options
	now     func() time.Time

	mu      sync.Mutex // over a Refresh
	current atomic.Pointer[material]
	failed  atomic.Uint64
}

// Options returns what the Store was made with.
func (s *Store) Options() Options { return s.options }

// New reads the files. The error is a *FileError, or of an option that does not go with another.
func New(o Options) (*Store, error) { return newAt(o, time.Now) }

func newAt(o Options, now func() time.Time) (*Store, error) {
	switch {
	case (o.Cert == "") != (o.Key == ""):
		return nil, errors.New("cert and key go together")
	case o.CRL != "" && o.CA == "":
		return nil, errors.New("crl needs ca: who has revoked what")
	case (o.Require || len(o.Names) > 0) && o.CA == "":
		return nil, errors.New("a client's certificate is asked for, and there is no ca that it could come from")
	}
	s := &Store{options: o, now: now}
	m, err := load(&o, now())
	if err != nil {
		return nil, err
	}
	s.current.Store(m)
	return s, nil
}

// Refresh reads the files again, and has connections made from now on with what they say. On an error nothing has changed.
func (s *Store) Refresh() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := load(&s.options, s.now())
	if err != nil {
		s.failed.Add(1)
		return false, err
	}
	was := s.current.Swap(m)
	return was.sum != m.sum, nil
}

// Failed returns how many Refreshes have failed.
func (s *Store) Failed() uint64 { return s.failed.Load() }

// NotAfter returns when what is shown expires; the zero time if nothing is.
func (s *Store) NotAfter() time.Time {
	if c := s.current.Load().cert; c != nil {
		return c.Leaf.NotAfter
	}
	return time.Time{}
}

// Listener returns what a listener is to do.
func (s *Store) Listener() *tls.Config {
	return &tls.Config{
		MinVersion: s.least(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.serve(s.current.Load()), nil
		},
	}
}

func (s *Store) serve(m *material) *tls.Config {
	c := &tls.Config{MinVersion: s.least(), Certificates: []tls.Certificate{*m.cert}, Time: s.now,
		SessionTicketsDisabled: true} // a session that was begun under an authority which is gone is not to go on
	if m.roots == nil {
		return c
	}
	c.ClientCAs, c.ClientAuth = m.roots, tls.VerifyClientCertIfGiven
	if s.options.Require {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.VerifyConnection = func(state tls.ConnectionState) error { return s.admits(m, state.VerifiedChains) }
	return c
}

// admits says what speaks against a client, whose certificate was verified if it has shown one.
func (s *Store) admits(m *material, chains [][]*x509.Certificate) error {
	if len(chains) == 0 {
		return nil // it has shown none, and need not
	}
	valid := false
	for _, chain := range chains {
		valid = valid || !m.revoked.has(chain)
	}
	switch {
	case !valid:
		return errRevoked
	case len(s.options.Names) > 0 && !named(chains[0][0], s.options.Names):
		return errName
	}
	return nil
}

var (
	errRevoked = errors.New("the certificate was revoked")
	errName    = errors.New("no name of the certificate is one of those that are let in")
)

// Dialer returns what a connection to a backend is to do. Options.Server must be there.
func (s *Store) Dialer() *tls.Config {
	return &tls.Config{
		MinVersion: s.least(), ServerName: s.options.Server,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c := s.current.Load().cert; c != nil {
				return c, nil
			}
			return new(tls.Certificate), nil
		},
		// The authorities may change while this stands: verify does all that is skipped here, with those of the moment.
		InsecureSkipVerify: true,
		VerifyConnection:   s.verify,
	}
}

// verify holds the certificate of a backend against the authorities and its name.
func (s *Store) verify(state tls.ConnectionState) error {
	switch {
	case len(state.PeerCertificates) == 0:
		return errors.New("the backend has shown no certificate")
	case s.options.Server == "":
		return errors.New("the backend's certificate: nobody has said which name it must have")
	}
	m := s.current.Load()
	// Not the name of state, which is empty where the backend is named by its address.
	o := x509.VerifyOptions{Roots: m.roots, DNSName: s.options.Server, CurrentTime: s.now(), Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	chains, err := state.PeerCertificates[0].Verify(o)
	if err != nil {
		return fmt.Errorf("the backend's certificate: %w", err)
	}
	for _, chain := range chains {
		if !m.revoked.has(chain) {
			return nil
		}
	}
	return fmt.Errorf("the backend's certificate: %w", errRevoked)
}

func (s *Store) least() uint16 {
	if s.options.Min != 0 {
		return s.options.Min
	}
	return tls.VersionTLS12
}

// named reports whether one of the names of c is in list, where *.example.org stands for whatever has one label more.
func named(c *x509.Certificate, list []string) bool {
	names := append([]string{c.Subject.CommonName}, c.DNSNames...)
	names = append(names, c.EmailAddresses...)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for _, want := range list {
		for _, name := range names {
			if name != "" && (name == want || under(name, want)) {
				return true
			}
		}
	}
	return false
}

func under(name, want string) bool {
	_, rest, ok := strings.Cut(name, ".")
	tail, any := strings.CutPrefix(want, "*.")
	return ok && any && strings.EqualFold(rest, tail)
}
