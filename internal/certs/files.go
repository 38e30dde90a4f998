package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// FileError is what is wrong with one of the files, by the option that names it.
type FileError struct {
	Option string // "cert", "key", "ca", "crl"
	File   string
	Err    error
}

// Error returns file and error, without anything of the content.
func (e *FileError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *FileError) Unwrap() error { return e.Err }

// maxFile is more than any bundle of certificates has.
const maxFile = 4 << 20

// read returns the content of a file. What is secret must not be open to others.
func read(option, name string, secret bool) ([]byte, error) {
	bad := func(err error) error {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return &FileError{option, name, err}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, bad(err)
	case !info.Mode().IsRegular():
		return nil, bad(errors.New("it is not a regular file"))
	case secret && info.Mode().Perm()&0o137 != 0:
		return nil, bad(fmt.Errorf("it is open to others (mode %04o): a private key must be 0600, or 0640 for a group that may read it", info.Mode().Perm()))
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, bad(err)
	case len(data) > maxFile:
		return nil, bad(fmt.Errorf("it is longer than %d bytes", maxFile))
	}
	return data, nil
}

// material is what one version of the files says.
type material struct {
	sum     [32]byte
	cert    *tls.Certificate // nil: none is shown
	roots   *x509.CertPool   // nil: those of the system, or nobody is asked
	revoked revocations
}

// load reads everything that o names.
func load(o *Options, now time.Time) (*material, error) {
	m := &material{}
	h := sha256.New()
	if o.Cert != "" {
		cert, err := read("cert", o.Cert, false)
		if err != nil {
			return nil, err
		}
		key, err := read("key", o.Key, true)
		if err != nil {
			return nil, err
		}
		h.Write(cert)
		h.Write(key)
		if m.cert, err = pair(o, cert, key, now); err != nil {
			return nil, err
		}
	}
	var authorities []*x509.Certificate
	if o.CA != "" {
		data, err := read("ca", o.CA, false)
		if err != nil {
			return nil, err
		}
		h.Write(data)
		if authorities, err = bundle(data); err != nil {
			return nil, &FileError{"ca", o.CA, err}
		}
		m.roots = x509.NewCertPool()
		for _, c := range authorities {
			m.roots.AddCert(c)
		}
	}
	if o.CRL != "" {
		data, err := read("crl", o.CRL, false)
		if err != nil {
			return nil, err
		}
		h.Write(data)
		if m.revoked, err = lists(data, authorities, now); err != nil {
			return nil, &FileError{"crl", o.CRL, err}
		}
	}
	h.Sum(m.sum[:0])
	return m, nil
}

// pair makes a certificate of its file and that of its key.
func pair(o *Options, cert, key []byte, now time.Time) (*tls.Certificate, error) {
	if _, err := bundle(cert); err != nil {
		return nil, &FileError{"cert", o.Cert, err}
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, &FileError{"key", o.Key, fmt.Errorf("with %s: %w", o.Cert, err)}
	}
	switch {
	case now.After(c.Leaf.NotAfter):
		return nil, &FileError{"cert", o.Cert, fmt.Errorf("the certificate has expired on %s", c.Leaf.NotAfter.Format(time.DateTime))}
	case now.Before(c.Leaf.NotBefore):
		return nil, &FileError{"cert", o.Cert, fmt.Errorf("the certificate is not valid before %s", c.Leaf.NotBefore.Format(time.DateTime))}
	}
	return &c, nil
}

// bundle returns the certificates of a PEM file: at least one.
func bundle(data []byte) (list []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no certificate in it; want PEM, -----BEGIN CERTIFICATE-----")
	}
	return list, nil
}

// revocations are the serial numbers that were revoked, by issuer.
type revocations map[string]map[string]bool

// lists reads certificate revocation lists, in PEM or one in DER, each signed by one of authorities.
func lists(data []byte, authorities []*x509.Certificate, now time.Time) (revocations, error) {
	r := revocations{}
	rest := data
	for n := 0; ; n++ {
		var block *pem.Block
		der := data
		if block, rest = pem.Decode(rest); block != nil {
			der = block.Bytes
		} else if n > 0 {
			return r, nil
		}
		if err := r.add(der, authorities, now); err != nil {
			return nil, err
		}
		if block == nil {
			return r, nil
		}
	}
}

func (r revocations) add(der []byte, authorities []*x509.Certificate, now time.Time) error {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("want a certificate revocation list: %w", err)
	}
	signed := false
	for _, c := range authorities {
		signed = signed || bytes.Equal(c.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(c) == nil
	}
	switch {
	case !signed:
		return errors.New("the revocation list is signed by none of the authorities in ca")
	case !list.NextUpdate.IsZero() && now.After(list.NextUpdate):
		return fmt.Errorf("the revocation list was to be replaced by %s", list.NextUpdate.Format(time.DateTime))
	}
	serials := r[string(list.RawIssuer)]
	if serials == nil {
		serials = map[string]bool{}
		r[string(list.RawIssuer)] = serials
	}
	for i := range list.RevokedCertificateEntries {
		serials[list.RevokedCertificateEntries[i].SerialNumber.String()] = true
	}
	return nil
}

// has reports whether one of the certificates of chain was revoked.
func (r revocations) has(chain []*x509.Certificate) bool {
	for _, c := range chain {
		if r[string(c.RawIssuer)][c.SerialNumber.String()] {
			return true
		}
	}
	return false
}
