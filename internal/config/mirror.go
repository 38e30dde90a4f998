package config

import (
	"strings"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/protocol"
)

type mirrorShape struct {
	Name     string       `json:"name" doc:"Shown in logs and metrics. Default: the target."`
	To       string       `json:"to" need:"true" doc:"The target: host:port, unix:/path, or file:/path to append to a file."`
	Format   string       `json:"format" enum:"frames|lines" doc:"Frames are what a backend gets, lines one JSON object for each message. Default: lines for a file, else frames."`
	Protocol framingShape `json:"protocol" doc:"Where the target's framing differs from that of the clients."`
	Results  bool         `json:"results" default:"false" doc:"Copy the backend's results too, as lines."`
	Required bool         `json:"required" default:"false" doc:"Requests wait for room here. Left out: the target misses what it does not keep up with, and nobody waits."`
	Buffer   size         `json:"buffer" default:"4MiB" doc:"Bytes that wait for the target. At least two copies."`
	Backoff  backoffShape `json:"backoff" doc:"The pause before a target that failed is tried again."`
}

// mirrors makes the mirrors of the route at p.
func (l *loader) mirrors(route path, routeSpeaks bool, limits protocol.Limits) (list []gateway.MirrorConfig) {
	n, _ := l.root.find(route)
	many := n.get("mirror")
	if many == nil || many.kind != sequence {
		return nil
	}
	for i := range many.items {
		list = append(list, l.mirror(route, route.join("mirror").index(i), routeSpeaks, limits))
	}
	return list
}

func (l *loader) mirror(route, p path, routeSpeaks bool, limits protocol.Limits) gateway.MirrorConfig {
	var s mirrorShape
	l.decode(p, &s)
	m := gateway.MirrorConfig{Name: s.Name, Results: s.Results, Required: s.Required, Buffer: int(s.Buffer), Backoff: s.Backoff.gateway()}
	m.Format, _ = gateway.ParseMirrorFormat(s.Format)
	if file, ok := strings.CutPrefix(s.To, "file:"); ok {
		l.mirrorFile(p.join("to"), file, &m)
	} else {
		m.Address = s.To
		l.address(p.join("to"), s.To)
	}
	if routeSpeaks {
		m.Codec = l.framed(route, p.join("protocol"), limits)
	}
	m.Revision = l.revision(nil, p, route.join("protocol"))
	return m
}

// mirrorFile fills in a file, relative to that of the configuration.
func (l *loader) mirrorFile(p path, file string, m *gateway.MirrorConfig) {
	if file == "" {
		n, _ := l.root.find(p)
		l.report(p, n.at, "there is no path", "write file:/path")
		return
	}
	m.File = l.near(file)
	if m.Name == "" {
		m.Name = file // as it was written
	}
}
