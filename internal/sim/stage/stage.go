// Package stage plays a configuration file: the gateway that it describes, a simulated
// backend behind it, and messages sent through it. It is for tests.
package stage

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
)

// Options say what a Stage is made of.
type Options struct {
	// Backend says how the backend misbehaves.
	Backend sim.BackendOptions
	// Handler returns the Handler of a backend that speaks codec. Nil: that of Backend.
	Handler func(codec protocol.Codec) (sim.Handler, error)
	// Change changes the route before the gateway is made of it. It may be nil.
	Change func(r *gateway.Route)
}

// Stage is a running gateway with one route, and the backend behind it. Both listen at
// ephemeral ports of the loopback address, wherever the file says.
type Stage struct {
	// Codec is what clients speak.
	Codec   protocol.Codec
	Gateway *gateway.Gateway
	Backend *sim.Backend
	// BackendAddress is where the backend listens.
	BackendAddress string

	name string
}

// Open plays the first route of the file at path until the end of the test.
func Open(t testing.TB, path string, o Options) *Stage {
	t.Helper()
	file, err := config.Load(path, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config()
	c.Routes = c.Routes[:1]
	r := &c.Routes[0]
	r.Listen = "127.0.0.1:0"
	if o.Change != nil {
		o.Change(r)
	}
	b := &r.Backends[0]
	r.Backends = r.Backends[:1]
	codec := b.Codec
	if codec == nil {
		codec = r.Codec
	}
	if o.Handler != nil {
		if o.Backend.Handler, err = o.Handler(codec); err != nil {
			t.Fatal(err)
		}
	}
	s := &Stage{Codec: r.Codec, name: r.Name}
	if s.Backend, b.Address, err = sim.Listen(codec, o.Backend); err != nil {
		t.Fatal(err)
	}
	s.BackendAddress = b.Address
	t.Cleanup(func() { _ = s.Backend.Close() })
	if s.Gateway, err = gateway.New(c); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Gateway.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// Address is where clients connect to.
func (s *Stage) Address() string { return s.Gateway.Addr(s.name).String() }

// Send sends the messages in the file at path, each when those before it are answered,
// and returns what went out and what came back. Lines is that of sim.Sender.
func (s *Stage) Send(t testing.TB, path string, lines bool) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return s.SendFrom(t, f, lines)
}

// SendFrom is Send for messages that are not in a file.
func (s *Stage) SendFrom(t testing.TB, input io.Reader, lines bool) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	sender := sim.Sender{Codec: s.Codec, Lines: lines, Timeout: 10 * time.Second, Step: true, Untimed: true}
	if err := sender.Run(context.Background(), &out, conn, input); err != nil && !errors.Is(err, sim.ErrMissing) {
		t.Fatalf("%v, after\n%s", err, &out)
	} else if err != nil {
		t.Errorf("%v, after\n%s", err, &out)
	}
	return out.String()
}

// Counters are those of the route.
func (s *Stage) Counters() gateway.Counters { return s.Gateway.Snapshot().Routes[0].Counters }
