package admin

import "github.com/sallyport/sallyport/gateway"

// Options are what a Server is made of.
type Options struct {
	// Listen is "host:port" of the loopback, or "unix:/path".
	Listen string
	// Version is that of the program.
	Version string
	// Config tells of the configuration; nil: nothing is known of it.
	Config func() ConfigStatus
	// Reload has the configuration read again and taken over, or says why it was not; nil: it cannot be.
	Reload func() (gateway.Change, error)
}

// Gateway is what a Server looks at.
type Gateway interface {
	Snapshot() gateway.Snapshot
	Draining() bool
	Panics() uint64
	Routes() []string
	Sessions(route string, limit int) (list []gateway.SessionView, more bool)
	Backends() []gateway.BackendView
	Exchanges(route string, limit int) (list []gateway.ExchangeView, more bool)
	Exchange(id uint64) (gateway.ExchangeLife, bool)
	Refusals(route string, limit int) (list []gateway.RefusalView, more bool)
	States(route string) gateway.States
	Latency(route string) gateway.Latency
}

var _ Gateway = (*gateway.Gateway)(nil)
