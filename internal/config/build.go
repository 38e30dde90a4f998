package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/admin"
	"github.com/sallyport/sallyport/protocol"
)

// build makes f what the file describes, and reports what only the packages concerned can
// judge. What was reported before is left out.
func (l *loader) build(f *File) {
	var doc struct {
		Log    logShape   `json:"log"`
		Shards count      `json:"shards"`
		Drain  timeout    `json:"drain"`
		Admin  adminShape `json:"admin"`
	}
	l.decode(nil, &doc)
	f.Admin = l.admin(&doc.Admin)
	f.Log = Log{Level: cmp.Or(doc.Log.Level, "info"), Format: cmp.Or(doc.Log.Format, "text"), Messages: doc.Log.Messages}
	c := gateway.Config{Shards: int(doc.Shards), Drain: time.Duration(doc.Drain)}
	if routes := l.root.get("routes"); routes != nil && routes.kind == sequence {
		for i := range routes.items {
			p := path{"routes", strconv.Itoa(i)}
			l.documents = nil
			c.Routes = append(c.Routes, l.route(p))
			c.Routes[i].LogMessages = f.Log.Messages
			c.Routes[i].Revision = l.revision(append(l.documents, fmt.Append(nil, f.Log.Messages)), p)
		}
	}
	l.twice(&c)
	l.checkGateway(&c)
	f.gateway = c
}

// decode fills into from what stands at p, without what was reported.
func (l *loader) decode(p path, into any) {
	n, ok := l.root.find(p)
	if !ok || n.kind != mapping {
		return
	}
	err := json.Unmarshal(n.marshal(p, l.wrong), into)
	if err != nil && !l.reported(p) {
		l.report(p, n.at, "this cannot be used: "+jsonError(err), "")
	}
}

func (l *loader) route(p path) gateway.Route {
	var s struct {
		routeShape
		Validate, Backend, Backends, Mirror json.RawMessage // each part by itself, below
	}
	l.decode(p, &s)
	limits := protocol.Limits{Frame: int(s.Limits.Frame), Depth: int(s.Limits.Depth), Items: int(s.Limits.Items)}
	r := gateway.Route{
		Name: s.Name, Listen: s.Listen,
		Limits: gateway.Limits{
			InFlight: int(s.Limits.InFlight), InFlightTotal: int(s.Limits.InFlightTotal), Connections: int(s.Limits.Connections),
			ConnectionsPerPeer: int(s.Limits.ConnectionsPerPeer), Frame: int(s.Limits.Frame), Inline: int(s.Limits.Inline), Carry: int64(s.Limits.Carry), Queue: int(s.Limits.Queue),
			Tunnel: int(s.Limits.Tunnel), Gather: int(s.Limits.Gather), Strikes: int(s.Limits.Strikes),
		},
		Timeouts: gateway.Timeouts{
			Frame: time.Duration(s.Timeouts.Frame), Body: time.Duration(s.Timeouts.Body), Idle: time.Duration(s.Timeouts.Idle), Queue: time.Duration(s.Timeouts.Queue),
			Answer: time.Duration(s.Timeouts.Answer), Connect: time.Duration(s.Timeouts.Connect), Linger: time.Duration(s.Timeouts.Linger),
		},
		Wait:       gateway.WaitConfig{On: s.Wait.on, After: time.Duration(s.Wait.After), Keep: time.Duration(s.Wait.Keep)},
		Keep:       gateway.KeepConfig{For: time.Duration(s.Keep.For), Most: int(s.Keep.Most), Bytes: int(s.Keep.Bytes)},
		RetryAfter: time.Duration(s.RetryAfter),
	}
	if mode, ok := protocol.ParseMode(s.Mode); ok {
		r.Mode = &mode
	}
	r.Balance, _ = gateway.ParseBalance(s.Balance)
	_, speaks := l.root.find(p.join("protocol"))
	if s.Kind == "relay" || l.reported(p.join("kind")) && !speaks { // what kind was meant
		r.Kind = gateway.Relay
	}
	l.relay(p, &s.Relay, &r)
	l.address(p.join("listen"), s.Listen)
	r.ProxyFrom = l.networks(p.join("proxy_from"), s.ProxyFrom)
	r.TLS = l.listenTLS(p, s.Name, s.TLS)
	r.Codec = l.codec(p, limits)
	if r.Codec != nil {
		r.Rules = l.rules(p.join("validate"), r.Codec)
	}
	for _, at := range l.backends(p) {
		l.framingOfNothing(p, at)
		r.Backends = append(r.Backends, l.backend(p, at, r.Codec != nil, limits))
	}
	r.Mirrors = l.mirrors(p, r.Codec != nil, limits)
	r.Speech = l.revision(nil, p.join("protocol"))
	return r
}

// backends returns where the backends of the route at p stand: under backend or backends.
func (l *loader) backends(p path) (list []path) {
	n, _ := l.root.find(p)
	one, many := n.get("backend"), n.get("backends")
	switch {
	case one != nil && many != nil:
		l.report(p.join("backends"), l.keyPosition(p.join("backends")), "there is backend as well", "keep one of the two")
	case one != nil:
		return []path{p.join("backend")}
	case many != nil && many.kind == sequence:
		for i := range many.items {
			list = append(list, p.join("backends").index(i))
		}
		return list
	case n.kind == mapping && many == nil:
		l.report(p.join("backend"), n.at, "this key is missing", "or backends, for several")
	}
	return nil
}

func (l *loader) backend(route, p path, routeSpeaks bool, limits protocol.Limits) gateway.BackendConfig {
	var s backendShape
	l.decode(p, &s)
	b := gateway.BackendConfig{
		Name: s.Name, Address: s.Address, Connections: int(s.Connections), Own: int(s.Own), InFlight: int(s.InFlight),
		Window: int(s.Window), Gap: time.Duration(s.Gap), Settle: time.Duration(s.Settle), Serial: s.Serial, Share: s.Share,
		Lane:    gateway.LaneConfig{Window: int(s.Lane.Window), Failures: int(s.Lane.Failures), Rest: time.Duration(s.Lane.Rest)},
		Batch:   gateway.BatchConfig{Max: int(s.Batch.Max), Linger: time.Duration(s.Batch.Linger)},
		Strikes: int(s.Strikes),
		Probe:   gateway.ProbeConfig{Every: time.Duration(s.Probe.Every), Timeout: time.Duration(s.Probe.Timeout), Missed: int(s.Probe.Missed)},
		Backoff: s.Backoff.gateway(),
		Circuit: gateway.Circuit{Failures: int(s.Circuit.Failures), Rest: time.Duration(s.Circuit.Rest)},
	}
	if m := s.Merge; m != nil {
		b.Merge = gateway.MergeConfig{On: true, Wait: time.Duration(m.Wait), Gap: m.Gap}
	}
	l.address(p.join("address"), s.Address)
	b.TLS = l.dialTLS(p, s.TLS, s.Address)
	if routeSpeaks {
		b.Codec = l.framed(route, p.join("protocol"), limits)
	}
	b.Revision = l.revision(nil, p, route.join("protocol"))
	return b
}

// framed makes the codec of the route with the framing that stands at p. It is nil if
// none does.
func (l *loader) framed(route, p path, limits protocol.Limits) protocol.Codec {
	n, ok := l.root.find(p.join("framing"))
	if !ok || l.reported(p) {
		return nil
	}
	return l.backendCodec(route, n, p.join("framing"), limits)
}

func (s backoffShape) gateway() gateway.Backoff {
	return gateway.Backoff{Min: time.Duration(s.Min), Max: time.Duration(s.Max)}
}

// address reports an address that can be nothing.
func (l *loader) address(p path, address string) {
	n, ok := l.root.find(p)
	if !ok || l.reported(p) {
		return
	}
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		if socket == "" {
			l.report(p, n.at, "there is no path", "write unix:/path")
		}
		return
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		l.report(p, n.at, "this is not an address", "write host:port or unix:/path")
		return
	}
	if i, err := strconv.Atoi(port); err != nil || i < 0 || i > 65535 {
		l.report(p, n.at, "the port must be a number from 0 to 65535", "")
	}
}

// adminToken is the least number of characters of a token: fewer can be tried out.
const adminToken = 16

// admin checks where the program tells of itself, and returns it.
func (l *loader) admin(s *adminShape) Admin {
	wrong := func(key, what, hint string) {
		p := path{"admin", key}
		if n, ok := l.root.find(p); ok && !l.reported(p) {
			l.report(p, n.at, what, hint)
		}
	}
	if err := admin.Check(s.Listen); err != nil {
		wrong("listen", err.Error(), "")
	}
	for key, token := range map[string]string{"token": s.Token, "read_token": s.ReadToken} {
		if token = strings.TrimSpace(token); len(token) < adminToken {
			wrong(key, fmt.Sprintf("a token has at least %d characters", adminToken), "head -c 32 /dev/urandom | base64 makes one")
		}
	}
	a := Admin{Listen: s.Listen, Token: strings.TrimSpace(s.Token), ReadToken: strings.TrimSpace(s.ReadToken), OpenMetrics: s.OpenMetrics, Pprof: s.Pprof}
	switch {
	case a.ReadToken != "" && a.Token == "":
		wrong("read_token", "it is of no use without a token, as everybody may read then", "set admin.token too")
	case a.ReadToken != "" && a.ReadToken == a.Token:
		wrong("read_token", "it is the same as admin.token, which may change things", "")
	}
	return a
}

// twice reports routes that listen at the same address.
func (l *loader) twice(c *gateway.Config) {
	first := map[string]int{}
	for i, r := range c.Routes {
		p := path{"routes", strconv.Itoa(i), "listen"}
		if r.Listen == "" || strings.HasSuffix(r.Listen, ":0") || l.reported(p) {
			continue
		}
		if other, ok := first[r.Listen]; ok {
			n, _ := l.root.find(p)
			l.report(p, n.at, fmt.Sprintf("routes[%d] listens there", other), "")
			continue
		}
		first[r.Listen] = i
	}
}

// checkGateway reports what the gateway itself finds wrong.
func (l *loader) checkGateway(c *gateway.Config) {
	err := c.Check()
	if err == nil {
		return
	}
	known := slices.Clone(l.mistakes)
	for _, err := range listed(err) {
		fe, ok := errors.AsType[*gateway.FieldError](err)
		if !ok {
			l.add(nil, l.root.at, err.Error(), "")
			continue
		}
		p, ok := parsePath(fe.Field)
		if !ok {
			l.add(nil, l.root.at, fe.Error(), "")
			continue
		}
		p = l.singular(p)
		// Limits are judged together: one that could not be read makes others look wrong.
		if len(p) > 2 && p[2] == "limits" && related(known, p[:3]) {
			continue
		}
		if len(p) == 3 && p[2] == "backends" && l.reported(p[:2].join("backend")) {
			continue // there is none: said so under the other name
		}
		l.report(p, l.place(p), fe.Err.Error(), "")
	}
}

// singular returns p with backend in place of backends[0], where the file says so.
func (l *loader) singular(p path) path {
	if len(p) < 4 || p[2] != "backends" {
		return p
	}
	if n, _ := l.root.find(p[:2]); n.get("backend") == nil {
		return p
	}
	return p[:2].join("backend").join(p[4:]...)
}

// place returns where p stands, or what it would be in. Of a mapping it is the key.
func (l *loader) place(p path) position {
	n, ok := l.root.find(p)
	for len(p) > 0 {
		if _, there := l.root.find(p); there {
			break
		}
		p = p[:len(p)-1]
	}
	if (!ok || n.kind == mapping) && len(p) > 0 && !isIndex(p[len(p)-1]) {
		return l.keyPosition(p)
	}
	return n.at
}

// listed returns the errors that err holds, itself if it is no list.
func listed(err error) []error {
	if list, ok := errors.AsType[*multierror.Error](err); ok {
		return list.Errors
	}
	return []error{err}
}

// jsonError says what a json.Decoder found wrong, without any value.
func jsonError(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind := e.Value
		if i := strings.IndexByte(kind, ' '); i >= 0 { // "number 5"
			kind = kind[:i]
		}
		return fmt.Sprintf("want %s, got %s", goType(e.Type), kind)
	}
	return err.Error()
}

func goType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return text.String()
	case reflect.Bool:
		return boolean.String()
	case reflect.Slice, reflect.Array:
		return sequence.String()
	case reflect.Struct, reflect.Map:
		return mapping.String()
	case reflect.Float32, reflect.Float64:
		return float.String()
	}
	return integer.String() + " that is in range"
}
