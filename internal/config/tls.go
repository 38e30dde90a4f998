package config

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"

	"github.com/sallyport/sallyport/internal/certs"
)

// listenTLS returns what the listener of the route at p does, nil if it speaks in the clear.
func (l *loader) listenTLS(p path, name string, s *listenTLSShape) *tls.Config {
	if s == nil {
		return nil
	}
	o := certs.Options{For: "route " + name, Cert: l.file(s.Cert), Key: l.file(s.Key), CA: l.file(s.ClientCA), CRL: l.file(s.ClientCRL),
		Require: s.ClientCA != "" && s.ClientAuth != "request", Names: s.Names, Min: versions[s.MinVersion]}
	store := l.store(p.join("tls"), o, map[string]string{"ca": "client_ca", "crl": "client_crl"})
	if store == nil {
		return nil
	}
	return store.Listener()
}

// dialTLS returns how the backend at p, which is at address, is spoken to; nil: in the clear.
func (l *loader) dialTLS(p path, s *dialTLSShape, address string) *tls.Config {
	if s == nil {
		return nil
	}
	o := certs.Options{For: "backend " + address, Cert: l.file(s.Cert), Key: l.file(s.Key), CA: l.file(s.CA), CRL: l.file(s.CRL), Server: s.ServerName, Min: versions[s.MinVersion]}
	at := p.join("tls")
	if o.Server == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil || host == "" {
			l.report(at.join("server_name"), l.place(at), "this key is missing", "the address has no host, which would be the name in the backend's certificate")
			return nil
		}
		o.Server = host
	}
	store := l.store(at, o, nil)
	if store == nil {
		return nil
	}
	return store.Dialer()
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// made returns a Store of o: the one that there was before, refreshed, or a new one.
func (l *loader) made(o certs.Options) (*certs.Store, error) {
	for _, s := range l.had {
		if reflect.DeepEqual(s.Options(), o) {
			_, err := s.Refresh()
			return s, err
		}
	}
	return certs.New(o)
}

// file returns where the file called name is, "" if there is none.
func (l *loader) file(name string) string {
	if name == "" {
		return ""
	}
	return l.near(name)
}

// store reads the files of the TLS options at p, where some have another name than in certs. It is nil if that is not
// possible, which is reported.
func (l *loader) store(p path, o certs.Options, names map[string]string) *certs.Store {
	if l.wrong(p) || l.reported(p) {
		return nil
	}
	store, err := l.made(o)
	if err == nil {
		l.stores = append(l.stores, store)
		return store
	}
	at := p
	if e, ok := errors.AsType[*certs.FileError](err); ok {
		option := e.Option
		if name, ok := names[option]; ok {
			option = name
		}
		at = p.join(option)
	}
	l.report(at, l.place(at), err.Error(), "")
	return nil
}
