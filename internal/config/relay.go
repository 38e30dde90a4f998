package config

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

type relayShape struct {
	Allow       []string `json:"allow" doc:"The networks (10.0.0.0/8) or addresses that clients may come from. Left out: everybody may."`
	ServerNames []string `json:"server_names" doc:"What a client may ask for by TLS (SNI), exact or *.example.org. Left out: it is not looked at."`
	ProxyFrom   []string `json:"proxy_from" doc:"The networks or addresses of proxies, which must send a PROXY header of version 1 or 2. Nobody else may come. Left out: a header is part of what is relayed."`
	SendProxy   string   `json:"send_proxy" enum:"v1|v2" doc:"The PROXY header that the backend gets. Left out: none."`
	EndTogether bool     `json:"end_together" default:"false" doc:"End both directions with the first. Left out: a client may end its direction and still gets the answer."`
	Linger      timeout  `json:"linger" default:"30s" doc:"How long the other direction may take when one has ended."`
}

// relay fills in what a route of kind relay has of its own.
func (l *loader) relay(p path, s *relayShape, r *gateway.Route) {
	n, given := l.root.find(p.join("relay"))
	if l.reported(p.join("kind")) {
		return
	}
	if r.Kind != gateway.Relay {
		if given && !l.reported(p.join("relay")) {
			l.report(p.join("relay"), n.at, "this route is no relay", "say kind: relay, or leave this out")
		}
		return
	}
	if rules, ok := l.root.find(p.join("validate")); ok {
		if _, ok := l.root.find(p.join("protocol")); !ok && !l.reported(p.join("validate")) {
			l.report(p.join("validate"), rules.at, "rules judge the first frame, which needs a protocol", "add protocol, or leave the rules out")
		}
	}
	r.Relay = gateway.RelayConfig{ServerNames: s.ServerNames, EndTogether: s.EndTogether, Linger: time.Duration(s.Linger)}
	r.Relay.Allow = l.networks(p.join("relay", "allow"), s.Allow)
	r.Relay.ProxyFrom = l.networks(p.join("relay", "proxy_from"), s.ProxyFrom)
	switch s.SendProxy {
	case "v1":
		r.Relay.SendProxy = 1
	case "v2":
		r.Relay.SendProxy = 2
	}
}

// framingOfNothing reports a framing of the backend at p, on a relay without a protocol.
func (l *loader) framingOfNothing(route, p path) {
	kind, _ := l.root.find(route.join("kind"))
	_, speaks := l.root.find(route.join("protocol"))
	if kind.text != "relay" || speaks {
		return
	}
	if _, given := l.root.find(p.join("protocol")); given {
		l.report(p.join("protocol"), l.keyPosition(p.join("protocol")), "a relay sends what the client sends", "leave this out")
	}
}

// networks reads networks, and addresses, which are networks of one.
func (l *loader) networks(p path, list []string) (networks []netip.Prefix) {
	for i, text := range list {
		if address, err := netip.ParseAddr(text); err == nil {
			networks = append(networks, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			at := p.index(i)
			if n, ok := l.root.find(at); ok && !l.reported(at) {
				l.report(at, n.at, "this is no network", "write 10.0.0.0/8 or 192.0.2.7")
			}
			continue
		}
		networks = append(networks, network.Masked())
	}
	return networks
}
