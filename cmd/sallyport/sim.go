package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/codecs"
	"github.com/sallyport/sallyport/internal/config"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/protocol"
)

func newSimCommand() *cobra.Command {
	var (
		speak   speaker
		o       sim.BackendOptions
		listen  string
		answers []string
		set     []string
		verbose bool
	)
	cmd := &cobra.Command{
		Use:   "sim -p PROTOCOL --listen ADDR",
		Short: "Simulate a backend that is slow, answers out of order, or not at all",
		Long: `Sim listens and answers what it is asked, as badly as you tell it to. For JSON-RPC it
has the methods echo, sleep, sum, subtract, get_data, update, notify_*, order.place
and order.status; for ISO 8583 it is a host that approves, but for amounts that end
with 05 or 51; for HL7 it acknowledges as each message asks, and refuses patients
whose number begins with AE or AR; for Modbus and RESP it keeps what is written; for
other protocols it gives back the request. --set gives back the request with fields
replaced, and --answer texts of your own. With -c it speaks what the backend of
a route speaks, and listens where the route expects it.

A probability is from 0 to 1 and counts for each request. The seed that is printed
makes a run repeatable.`,
		Example: `  sallyport sim -p jsonrpc --listen 127.0.0.1:7100 --delay 50ms --reorder 4 -v
  sallyport sim -c examples/fixed/sallyport.yaml --set code=00`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			spoken, err := speak.load(cmd.Context())
			if err != nil {
				return err
			}
			codec, address := spoken.backend()
			if listen == "" {
				listen = address
			}
			if listen == "" {
				return errors.New("nothing says where to listen: give --listen ADDR, or a configuration with -c FILE")
			}
			if o.Handler, err = handler(codec, set, answers); err != nil {
				return err
			}
			if err := checkSim(codec, &o); err != nil {
				return err
			}
			if !cmd.Flags().Changed("seed") {
				o.Seed = rand.Uint64N(1 << 32)
			}
			if verbose {
				o.Trace = tracer(cmd.OutOrStdout())
			}
			return runSim(cmd, codec, o, listen)
		},
	}
	flags := cmd.Flags()
	speak.flags(cmd)
	flags.StringVar(&listen, "listen", "", "address to listen at, HOST:PORT or unix:/PATH; port 0 takes a free one")
	flags.DurationVar(&o.Delay, "delay", 0, "how long each answer takes")
	flags.DurationVar(&o.Jitter, "jitter", 0, "at most so much longer, by chance")
	flags.IntVar(&o.Reorder, "reorder", 0, "gather so many answers and send them in random order")
	flags.IntVar(&o.Batch, "batch", 0, "gather so many answers and send them in one frame")
	flags.DurationVar(&o.Hold, "hold", 0, "how long --reorder and --batch wait for their number (default 2ms)")
	flags.Float64Var(&o.Miss, "miss", 0, "probability of no answer")
	flags.Float64Var(&o.Late, "late", 0, "probability of a late answer")
	flags.DurationVar(&o.LateBy, "late-by", 0, "how late it then is (default 1s)")
	flags.Float64Var(&o.Twice, "twice", 0, "probability of a second answer")
	flags.Float64Var(&o.Stranger, "stranger", 0, "probability of one more answer, with an id that nobody asked for")
	flags.Float64Var(&o.Garbage, "garbage", 0, "probability of one more frame that is no message")
	flags.IntVar(&o.CloseAfter, "close-after", 0, "close each connection after so many answers")
	flags.Uint64Var(&o.Seed, "seed", 0, "repeat the run with this seed")
	flags.StringArrayVar(&set, "set", nil, "PATH=VALUE: answer with the request, and this value in that field")
	flags.StringArrayVar(&answers, "answer", nil, "[NAME=]TEXT: answer the operation NAME, or any, with TEXT; {PATH} and {PATH:WIDTH} are fields of the request")
	flags.BoolVarP(&verbose, "verbose", "v", false, "print a line for each event")
	return cmd
}

func runSim(cmd *cobra.Command, codec protocol.Codec, o sim.BackendOptions, address string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	network, address := splitAddress(address)
	ln, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("%w\nIs another program using it? --listen takes another address, and port 0 any free one", err)
	}
	b := sim.NewBackend(codec, o)
	fmt.Fprintf(cmd.OutOrStdout(), "%v, listens at %s\n", b, ln.Addr())
	defer context.AfterFunc(ctx, func() { _ = b.Close() })()
	err = b.Serve(ln)
	_ = b.Close() // waits for the connections
	stats := b.Stats()
	fmt.Fprintf(cmd.OutOrStdout(), "connections %d, requests %d, answers %d, without an answer %d, refused %d\n",
		stats.Connections, stats.Requests, stats.Answers, stats.Missed, stats.Refused)
	return err
}

// handler returns nil if neither set nor answers say what to answer.
func handler(codec protocol.Codec, set, answers []string) (sim.Handler, error) {
	switch {
	case len(set) > 0 && len(answers) > 0:
		return nil, errors.New("--set and --answer both say what to answer: give one of them")
	case len(set) > 0:
		fields := map[string]string{}
		for _, s := range set {
			path, value, ok := strings.Cut(s, "=")
			if !ok {
				return nil, fmt.Errorf("--set %s: want PATH=VALUE", s)
			}
			fields[path] = value
		}
		return sim.Echo(codec, fields)
	case len(answers) > 0:
		texts := map[string]string{}
		for _, s := range answers {
			name, text, ok := strings.Cut(s, "=")
			if !ok {
				name, text = "", s
			}
			texts[name] = text
		}
		return sim.Template(codec, texts)
	}
	return nil, nil
}

func checkSim(codec protocol.Codec, o *sim.BackendOptions) error {
	var errs []error
	for _, p := range []struct {
		flag string
		v    float64
	}{{"miss", o.Miss}, {"late", o.Late}, {"twice", o.Twice}, {"stranger", o.Stranger}, {"garbage", o.Garbage}} {
		if !(p.v >= 0 && p.v <= 1) {
			errs = append(errs, fmt.Errorf("--%s %v: a probability is from 0 to 1", p.flag, p.v))
		}
	}
	if o.Delay < 0 || o.Jitter < 0 || o.Hold < 0 || o.LateBy < 0 {
		errs = append(errs, errors.New("a time must not be negative"))
	}
	if _, ok := codec.(protocol.Batching); !ok && o.Batch > 1 {
		errs = append(errs, fmt.Errorf("--batch: %s has no batches", codec.Traits().Name))
	}
	if _, ok := codec.(protocol.Rewriter); !ok && o.Stranger > 0 {
		errs = append(errs, fmt.Errorf("--stranger: %s has no id that can be made up", codec.Traits().Name))
	}
	return errors.Join(errs...)
}

// tracer returns a function that writes a line for each event.
func tracer(w io.Writer) func(sim.Event) {
	var mu sync.Mutex
	return func(e sim.Event) {
		line := fmt.Appendf(nil, "%d %-9s", e.Conn, e.What)
		if e.ID != "" {
			line = fmt.Appendf(line, "  id %s", sim.Printable([]byte(e.ID), 64))
		}
		if e.Name != "" {
			line = fmt.Appendf(line, "  %s", sim.Printable([]byte(e.Name), 64))
		}
		if e.Size > 0 {
			line = fmt.Appendf(line, "  %d bytes", e.Size)
		}
		if e.Err != nil {
			line = fmt.Appendf(line, "  %v", e.Err)
		}
		line = append(bytes.TrimRight(line, " "), '\n')
		mu.Lock()
		defer mu.Unlock()
		_, _ = w.Write(line) // a terminal that has gone does not end the simulation
	}
}

// speaker is the flags that choose what a command speaks.
type speaker struct{ protocol, framing, config, route string }

func (s *speaker) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&s.protocol, "protocol", "p", "jsonrpc", "protocol to speak: "+protocolNames())
	flags.StringVar(&s.framing, "framing", "", "where frames begin and end, such as lines, content-length or length4")
	flags.StringVarP(&s.config, "config", "c", "", "take protocol and addresses from this configuration")
	flags.StringVar(&s.route, "route", "", "of this route (default the first)")
	cmd.MarkFlagsMutuallyExclusive("protocol", "config")
	cmd.MarkFlagsMutuallyExclusive("framing", "config")
}

// spoken is what a speaker has chosen: a codec, and the route that it comes from, if any.
type spoken struct {
	codec protocol.Codec
	route *gateway.Route
}

// backend returns what the route's first backend speaks, and its address.
func (s *spoken) backend() (protocol.Codec, string) {
	if s.route == nil || len(s.route.Backends) == 0 {
		return s.codec, ""
	}
	b := &s.route.Backends[0]
	if b.Codec == nil {
		return s.codec, b.Address
	}
	return b.Codec, b.Address
}

func (s *speaker) load(context.Context) (*spoken, error) {
	if s.config == "" {
		if s.route != "" {
			return nil, errors.New("--route needs a configuration: give it with -c FILE")
		}
		codec, err := s.codec()
		return &spoken{codec: codec}, err
	}
	file, err := config.Load(s.config, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	routes := file.Config().Routes
	var names []string
	for i := range routes {
		speaks := routes[i].Codec != nil // a relay may have no protocol
		switch {
		case s.route == "" && speaks, routes[i].Name == s.route && speaks:
			return &spoken{routes[i].Codec, &routes[i]}, nil
		case routes[i].Name == s.route:
			return nil, fmt.Errorf("the route %q of %s is a relay without a protocol, so there are no messages to speak of; name a protocol with -p", s.route, s.config)
		}
		names = append(names, routes[i].Name)
	}
	if s.route == "" {
		return nil, fmt.Errorf("no route of %s has a protocol; name one with -p", s.config)
	}
	return nil, fmt.Errorf("%s has no route %q; it has %s", s.config, s.route, strings.Join(names, ", "))
}

func (s *speaker) codec() (protocol.Codec, error) {
	p, ok := codecs.Find(s.protocol)
	if !ok {
		return nil, fmt.Errorf("there is no protocol %q; there is %s", s.protocol, protocolNames())
	}
	options := map[string]string{}
	if s.framing != "" {
		options["framing"] = s.framing
	}
	codec, err := p.New(func(into any) error {
		text, err := json.Marshal(options)
		if err != nil {
			return err
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		return dec.Decode(into)
	}, protocol.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w\nA protocol that is declared in a configuration is taken from there with -c FILE --route NAME", s.protocol, err)
	}
	return codec, nil
}

func protocolNames() string {
	var names []string
	for _, p := range codecs.All {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// splitAddress returns network and address of "host:port" or "unix:/path".
func splitAddress(address string) (network, addr string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	return "tcp", address
}
