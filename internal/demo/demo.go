// Package demo shows in a few seconds what sallyport does: an old backend, the gateway
// in front of it, and clients whose ids collide, all in one process. It tells what
// each of them sends and hears, and checks every line that it tells.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/validate"
)

// Options say what Run does.
type Options struct {
	// Keep stays up after the story until the context is done, so that a person can talk
	// to the gateway.
	Keep bool
	// Version is that of the program, for the page.
	Version string
}

const (
	// gather is how long a request waits for others to travel with to the backend.
	gather = 250 * time.Millisecond
	// waitAfter is when a client hears that its request is being processed.
	waitAfter = 800 * time.Millisecond
	// answerIn is how long the backend may take.
	answerIn = 1800 * time.Millisecond
	// seed makes the backend answer in another order than it was asked.
	seed = 1
)

//go:embed orders.json
var schema []byte

// Run tells the story on w. Its error says what did not go as it should; then the
// story ends there. It uses only ephemeral ports of the loopback address.
func Run(ctx context.Context, w io.Writer, o Options) (err error) {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		return fmt.Errorf("protocol: %w", err)
	}
	s := &story{w: w}
	backend, address, err := sim.Listen(codec, sim.BackendOptions{Seed: seed, Reorder: 3, Trace: s.trace})
	if err != nil {
		return fmt.Errorf("backend: %w", err)
	}
	defer func() { err = errors.Join(err, backend.Close()) }()
	config, err := configure(codec, address)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	g, err := gateway.New(config)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- g.Serve(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	s.g, s.backend, s.door = g, backend, g.Addr(route)
	defer s.close()
	if err := s.tell(ctx); err != nil {
		return err
	}
	if !o.Keep {
		return nil
	}
	l, err := goLive(ctx, g, config, o.Version)
	if err != nil {
		return err
	}
	return errors.Join(s.stay(ctx, address, l.page()), l.close())
}

// route is the name of the one route.
const route = "orders"

func configure(codec protocol.Codec, backend string) (gateway.Config, error) {
	rules, err := validate.Compile(codec, []validate.Rule{
		{Name: "offered", Allow: []string{"order.place", "order.status", "sleep", "echo"}},
		{Name: "schema", Schema: &validate.Schema{Document: schema, File: "orders.json"}},
	}, validate.Options{})
	if err != nil {
		return gateway.Config{}, err
	}
	return gateway.Config{
		Shards: 1,
		Drain:  time.Second,
		Routes: []gateway.Route{{
			Name:     route,
			Revision: "of the story",
			Listen:   "127.0.0.1:0",
			Codec:    codec,
			Rules:    rules,
			Wait:     gateway.WaitConfig{On: true, After: waitAfter},
			Timeouts: gateway.Timeouts{Answer: answerIn},
			Backends: []gateway.BackendConfig{{
				Name:        "legacy",
				Address:     backend,
				Connections: 1,
				Batch:       gateway.BatchConfig{Max: 3, Linger: gather},
			}},
		}},
	}, nil
}

// stay tells how to talk to the gateway, and waits for the end of ctx.
func (s *story) stay(ctx context.Context, backend, page string) error {
	host, port, err := net.SplitHostPort(s.door.String())
	if err != nil {
		return err
	}
	s.line("")
	s.line("What it does can be watched in a browser, with some traffic at a second door:")
	s.line("")
	s.line("  %s", page)
	s.line("")
	s.line("The gateway stays at %s, in front of the backend at %s. In another terminal:", s.door, backend)
	s.line("")
	s.line(`  echo '{"jsonrpc":"2.0","method":"order.status","params":{"order":"A-1"},"id":1}' | nc -w 1 %s %s`, host, port)
	s.line(`  echo '{"jsonrpc":"2.0","method":"sleep","params":{"ms":1200},"id":2}' | sallyport send -p jsonrpc %s -`, s.door)
	s.line("")
	s.line("Ctrl-C ends it.")
	if s.failed != nil {
		return s.failed
	}
	<-ctx.Done()
	return nil
}
