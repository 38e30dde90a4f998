package admin

import (
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// Options are what a Server is made of. The zero value of each that is a func means that the Server cannot do that.
type Options struct {
	// Listen is "host:port" of the loopback, or "unix:/path".
	Listen string
	// Version is that of the program.
	Version string
	// Token is what those must bring who change something over TCP, and, if it is set, those who read too. Empty: nobody
	// changes anything over TCP.
	Token string
	// ReadToken is for those who only read, where Token is set.
	ReadToken string
	// OpenMetrics has /metrics answered without a token.
	OpenMetrics bool
	// Pprof has /debug/pprof answered, as if it changed something: a profile has parts of the memory.
	Pprof bool
	// Config tells of the configuration.
	Config func() ConfigStatus
	// Reload has the configuration read again and taken over, or says why it was not.
	Reload func() (gateway.Change, error)
	// Level has the program log at that level for a time.
	Level func(level string, d time.Duration) error
	// Audit writes down what somebody has changed, or was not allowed to. Bounded: Missed is how many it was not called for.
	Audit func(Audit)
}

// Audit is one line about what somebody has asked for.
type Audit struct {
	Who    string // where from, and with which token
	What   string // the method and the path
	Result string // what was done, or why it was not
	Denied bool
	Missed int // such lines before this one that were left out, as there were too many
}

// Gateway is what a Server looks at, and what it changes.
type Gateway interface {
	Snapshot() gateway.Snapshot
	Draining() bool
	Panics() uint64
	Routes() []string
	Sessions(route string, limit int) (list []gateway.SessionView, more bool)
	Backends() []gateway.BackendView
	Exchanges(route string, limit int) (list []gateway.ExchangeView, more bool)
	Ended(route, state string, limit int) (list []gateway.ExchangeView, more bool)
	Exchange(id uint64) (gateway.ExchangeLife, bool)
	Refusals(route string, limit int) (list []gateway.RefusalView, more bool)
	States(route string) gateway.States
	Latency(route string) gateway.Latency
	Durations(route string) gateway.Durations

	Kick(session uint64) error
	Pause(route string) error
	Resume(route string) error
	Assign(route, backend string, d gateway.Duty) error
}

var _ Gateway = (*gateway.Gateway)(nil)
