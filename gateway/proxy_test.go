package gateway

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/validate"
)

// header returns a PROXY header of version 2 for a client at source, with an extension of n bytes.
func header(source string, n int) []byte {
	h := appendProxyHeader(nil, 2, proxyHeader{netip.MustParseAddrPort(source), netip.MustParseAddrPort("192.0.2.1:1")})
	if n > 0 {
		h = append(h, 0x04, byte(n>>8), byte(n))
		h = append(h, make([]byte, n)...)
		binary.BigEndian.PutUint16(h[14:], uint16(len(h)-16))
	}
	return h
}

// Only trusted proxies may come, with a header that is right; the address in it is the one that counts, for limits and rules.
func TestFaultF8ProxyHeaders(t *testing.T) {
	h := newHost(t)
	r := plainRoute("r", "1", h.config())
	r.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	r.Limits.ConnectionsPerPeer = 1
	g := reloading(t, r)
	b := h.accept()
	for name, text := range map[string][]byte{
		"no header":       []byte("Q 1 without a header\n"),
		"half a one":      []byte("PROXY TCP4 192.0.2.7 Q 1 x\r\nQ 2 y\n"),
		"64 KB of it":     header("198.51.100.1:5", 65000),
		"a long line":     []byte("PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n"),
		"another version": append([]byte(proxySignature), 0x31, 0x11, 0, 12),
		"a false family":  append([]byte(proxySignature), 0x21, 0x77, 0, 0),
	} {
		c := call(t, g.Addr("r"))
		if _, err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		if got := c.line(); got != "" {
			t.Errorf("%s: got %q, want an end", name, got)
		}
	}
	if s := g.Snapshot().Routes[0]; s.Handshakes.Failed != 6 || s.Counters.Received != 0 {
		t.Errorf("got %+v, %+v", s.Handshakes, s.Counters)
	}
	from := func(head []byte) talk {
		c := call(t, g.Addr("r"))
		if _, err := c.Write(append(head, "Q 1 x\n"...)); err != nil { // in one piece: not a byte more may be taken
			t.Fatal(err)
		}
		return c
	}
	first := from(header("198.51.100.1:5", 0))
	b.answers(1)
	first.expect("A 1 x")
	other := from([]byte("PROXY TCP4 198.51.100.2 192.0.2.1 6 7\r\n"))
	b.answers(1)
	other.expect("A 1 x")
	second := from(header("198.51.100.1:6", 100))
	if got := second.line(); !strings.Contains(got, "later busy") {
		t.Errorf("a second connection of the same client: got %q", got)
	}
	own := from([]byte("PROXY UNKNOWN\r\n")) // the proxy's own
	b.answers(1)
	own.expect("A 1 x")
	list, _ := g.Sessions("r", 10)
	if len(list) != 3 || list[0].Peer != "198.51.100.1:5" || list[0].Identity != "198.51.100.1" {
		t.Errorf("got %+v", list)
	}
	stranger, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", g.Addr("r").String())
	if err != nil {
		t.Skip("there is no second address of this machine to come from: ", err)
	}
	c := newTalk(t, stranger)
	_, _ = c.Write(append(header("198.51.100.9:5", 0), "Q 1 x\n"...))
	if got := c.line(); got != "" {
		t.Errorf("who is no proxy: got %q", got)
	}
}

// Behind a proxy there is TLS, and the name in a certificate goes before the address in the header. What is another's is
// denied, whoever asks, and the log says who has.
func TestFaultF11IdentityIsBoundToWhatItMayUse(t *testing.T) {
	creds := newCredentials(t)
	h := newHost(t)
	codec := named{newPlain()}
	rules, err := validate.Compile(codec, []validate.Rule{
		{Bind: &validate.Bind{Path: "text", To: map[string][]string{"lab.ward.example": {"LAB1", "LAB2"}, "198.51.100.1": {"*"}}}},
		{Name: "who", Expr: `identity != "198.51.100.3"`, Class: protocol.Denied},
	}, validate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := plainRoute("r", "1", h.config())
	r.Codec, r.Rules = codec, rules
	r.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	secured := plainRoute("secured", "1", h.config())
	secured.Codec, secured.Rules, secured.ProxyFrom, secured.TLS = codec, rules, r.ProxyFrom, creds.gate.Listener()
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	g, err := New(Config{Shards: 1, Log: logrus.NewEntry(logger), Routes: []Route{r, secured}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(t.Context()) }()
	go echoes(h.Listener)
	from := func(source string) talk {
		c := call(t, g.Addr("r"))
		if _, err := c.Write(header(source, 0)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	any, none, never := from("198.51.100.1:1"), from("198.51.100.2:1"), from("198.51.100.3:1")
	any.send("Q 1 LAB9")
	any.expect("A 1 LAB9")
	none.send("Q 1 LAB1")
	none.expect("! 1 denied forbidden")
	never.send("Q 1 LAB1")
	never.expect("! 1 denied forbidden")
	conn := call(t, g.Addr("secured"))
	_, _ = conn.Write(header("198.51.100.1:2", 0))
	lab := newTalk(t, tls.Client(conn, creds.client.Dialer()))
	for text, want := range map[string]string{"LAB1": "A 1 LAB1", "LAB2": "A 1 LAB2", "LAB9": "! 1 denied forbidden", "lab1": "! 1 denied forbidden"} {
		lab.send("Q 1 " + text)
		lab.expect(want)
	}
	_ = g.Close()
	<-served
	for _, want := range []string{`identity=lab.ward.example`, `class=denied`, `rule="bind text"`, `peer="198.51.100.3:1"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), "LAB9") {
		t.Errorf("the log has the value:\n%s", &log)
	}
}

// named is plain with a path.
type named struct{ *plain }

func (named) Getter(string) (protocol.Getter, error) {
	return func(m *protocol.Message) (protocol.Value, bool) {
		parts := bytes.SplitN(m.Body, []byte(" "), 3)
		return protocol.Value{Type: protocol.String, Raw: parts[2], Text: parts[2], Off: 0}, true
	}, nil
}

// echoes answers whatever comes to l.
func echoes(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for buf := make([]byte, 4096); ; {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				for _, line := range bytes.SplitAfter(buf[:n], []byte("\n")) {
					if len(line) > 0 {
						line[0] = 'A'
						_, _ = conn.Write(line)
					}
				}
			}
		}()
	}
}
