//go:build linux

// Command tunnel measures sallyport's relay beside HAProxy and nginx, all of them in front of the same server, on
// loopback, in turns: each load with each proxy, and then again. It prints a table and writes it to
// bench/RESULTS.md.
//
// It needs haproxy and nginx with its stream module, which peers.sh installs on Debian, and leaves out, saying so,
// whichever is not there.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == serverCommand {
		fmt.Fprintln(os.Stderr, serve(os.Stdout))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "tunnel:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds int
	size   int64 // bytes of a bulk transfer
	idle   int
	time   time.Duration // of a load that is counted by time
	cores  int
	only   string
	out    string
}

const (
	pipes = 200 // for HAProxy, which reserves two descriptors for each: 64 streams have use for 128
	spare = 600 // descriptors that a proxy needs beside two for each client, those of pipes above all
)

func run(ctx context.Context) error {
	var o options
	gib := 0.0
	flag.IntVar(&o.rounds, "rounds", 3, "how often each load is run with each proxy")
	flag.Float64Var(&gib, "gib", 4, "GiB of a bulk transfer")
	flag.IntVar(&o.idle, "idle", 10_000, "idle connections")
	flag.DurationVar(&o.time, "time", 3*time.Second, "how long connections are made and closed")
	flag.IntVar(&o.cores, "cores", 1, "threads of each proxy")
	flag.StringVar(&o.only, "only", "", "the loads to run, by the beginning of their names; the table is then only printed, unless there is -out")
	flag.StringVar(&o.out, "out", "", "the file whose section on tunnels is written (default bench/RESULTS.md)")
	flag.Parse()
	if o.out == "" && o.only == "" {
		o.out = "bench/RESULTS.md"
	}
	o.size = int64(gib * (1 << 30))

	if most := (rig.RaiseLimit() - spare) / 2; o.idle > most {
		fmt.Fprintf(os.Stderr, "%d idle connections in place of %d: a process may have no more descriptors (ulimit -Hn)\n", most, o.idle)
		o.idle = most
	}
	dir, err := os.MkdirTemp("", "tunnel")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	var proxies []*rig.Proxy
	for _, make := range []func(dir, backend string, o *options) (*rig.Proxy, error){direct, haproxy, nginx, sallyport} {
		p, err := make(dir, server.address, &o)
		if err != nil {
			fmt.Fprintln(os.Stderr, "left out:", err)
			continue
		}
		if err := p.Start(ctx); err != nil {
			return err
		}
		defer p.Stop()
		proxies = append(proxies, p)
	}
	results := &rig.Results{Proxies: proxies}
	for round := range o.rounds {
		for _, l := range loads {
			if !strings.HasPrefix(l.name, o.only) {
				continue
			}
			for _, p := range rig.Turn(proxies, round) {
				if err := ctx.Err(); err != nil {
					return err
				}
				values, err := l.run(p, &o)
				if err != nil {
					return fmt.Errorf("%s through %s: %w", l.name, p.Name, err)
				}
				results.Add(l.name, l.figures, p, values)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d is done\n", round+1, o.rounds)
	}
	var text bytes.Buffer
	report(&text, results, &o)
	fmt.Print(text.String())
	if o.out == "" {
		return nil
	}
	return rig.WriteSection(o.out, "tunnel, "+rig.Congestion(), text.Bytes())
}
