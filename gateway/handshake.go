package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// What bounds the handshakes of one listener.
const (
	handshakeTime  = 10 * time.Second
	maxHandshakes  = 256                // at once
	maxHandshakesA = maxHandshakes >> 2 // from one address, so that nobody can have all
)

// preface is what must be settled with a client before it is let in.
type preface struct {
	proxies []netip.Prefix // that say for whom they speak; nobody else may come. None: there are no proxies
	tls     *tls.Config    // nil: what follows is in the clear
}

func (p preface) wanted() bool { return len(p.proxies) > 0 || p.tls != nil }

// HandshakeCounters are what was settled with clients of one route before they were let in: PROXY headers and TLS.
type HandshakeCounters struct {
	Done    uint64 `json:"done"`
	Failed  uint64 `json:"failed"`  // with what the client has said, or was to show; or not over in time
	Crowded uint64 `json:"crowded"` // not begun, as too many were under way
}

// shakeCounters is what is behind HandshakeCounters while a route runs.
type shakeCounters struct{ done, failed, crowded atomic.Uint64 }

func (c *shakeCounters) snapshot(p preface) *HandshakeCounters {
	if !p.wanted() {
		return nil
	}
	return &HandshakeCounters{Done: c.done.Load(), Failed: c.failed.Load(), Crowded: c.crowded.Load()}
}

// handshakes are the clients of one listener that are not let in yet: each has a goroutine until its TLS handshake is over.
type handshakes struct {
	running sync.WaitGroup

	mu    sync.Mutex
	all   int
	hosts map[string]int
}

// begin counts one in. It is false if there are too many.
func (h *handshakes) begin(host string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= maxHandshakes || h.hosts[host] >= maxHandshakesA {
		return false
	}
	if h.hosts == nil {
		h.hosts = map[string]int{}
	}
	h.all++
	h.hosts[host]++
	return true
}

func (h *handshakes) end(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.hosts[host]--; h.hosts[host] <= 0 {
		delete(h.hosts, host)
	}
}

// shake settles p with the client of conn, and then lets it in. It does not block.
func (g *gate) shake(ctx context.Context, conn net.Conn, p preface) {
	host := hostOf(conn.RemoteAddr().String())
	d := (*g.front.Load()).entrance()
	switch {
	case len(p.proxies) > 0 && !within(p.proxies, addressOf(conn.RemoteAddr()).Addr()):
		d.shakes.failed.Add(1)
		d.notLetIn(conn, errNoProxy)
		return
	case !g.shakes.begin(host):
		d.shakes.crowded.Add(1)
		d.notLetIn(conn, errManyHandshakes)
		return
	}
	g.shakes.running.Go(func() {
		defer g.shakes.end(host)
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		settled, peer, err := p.settle(ctx, conn)
		if err != nil {
			if ctx.Err() != nil {
				err = errSlowHandshake
			}
			d.shakes.failed.Add(1)
			d.notLetIn(conn, err)
			return
		}
		d.shakes.done.Add(1)
		(*g.front.Load()).admit(settled, peer)
	})
}

// settle returns the connection that what follows comes on, and where its client is.
func (p preface) settle(ctx context.Context, conn net.Conn) (net.Conn, string, error) {
	peer := conn.RemoteAddr().String()
	if len(p.proxies) > 0 {
		h, err := takeProxyHeader(ctx, conn)
		if err != nil {
			return nil, "", err
		}
		if h.source.IsValid() {
			peer = h.source.String()
		}
	}
	if p.tls == nil {
		return conn, peer, nil
	}
	secured := tls.Server(conn, p.tls)
	return secured, peer, secured.HandshakeContext(ctx)
}

var (
	errManyHandshakes = errors.New("too many handshakes are under way")
	errSlowHandshake  = errors.New("the handshake was not over within " + handshakeTime.String())
)

// notLetIn closes the connection of a client that could not say anything, and logs why.
func (d *door) notLetIn(conn net.Conn, why error) {
	_ = conn.Close()
	if d.logger != nil && d.logger.Logger.IsLevelEnabled(logrus.InfoLevel) {
		d.logger.WithFields(logrus.Fields{"peer": conn.RemoteAddr().String(), "error": why.Error()}).Info("client not let in")
	}
}

// certified reports whether conn has gone through a TLS handshake.
func certified(conn net.Conn) bool {
	_, ok := conn.(*tls.Conn)
	return ok
}

// certificateOf returns the certificate that the client of conn has shown and that was verified, or nil.
func certificateOf(conn net.Conn) *x509.Certificate {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	if chains := secured.ConnectionState().VerifiedChains; len(chains) > 0 {
		return chains[0][0]
	}
	return nil
}

// nameOf returns what the client of a certificate is called: its first URI, DNS name or mail address, or else its common name.
func nameOf(c *x509.Certificate) string {
	switch {
	case c == nil:
		return ""
	case len(c.URIs) > 0:
		return c.URIs[0].String()
	case len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case len(c.EmailAddresses) > 0:
		return c.EmailAddresses[0]
	}
	return c.Subject.CommonName
}

// identityOf returns who is on the other side of conn: the name in its certificate, or its address.
func identityOf(conn net.Conn, peer string) string {
	if name := nameOf(certificateOf(conn)); name != "" {
		return name
	}
	return hostOf(peer)
}

// secure has conn, to the backend at address, go through a TLS handshake.
func secure(ctx context.Context, conn net.Conn, conf *tls.Config, address string) (net.Conn, error) {
	if conf.ServerName == "" {
		conf = conf.Clone()
		conf.ServerName = hostOf(address)
	}
	secured := tls.Client(conn, conf)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}
