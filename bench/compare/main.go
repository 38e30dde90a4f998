//go:build linux

// Command compare measures sallyport, with its rules on, beside twemproxy, HAProxy and nginx, all of them in front of the
// same server, on loopback, in turns: each load with each proxy, and then again. It prints tables and writes them, with
// plots, to bench/RESULTS.md.
//
// It installs nothing (peers.sh does, on Debian), and leaves out, saying so, what is not there.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == serverCommand {
		fmt.Fprintln(os.Stderr, serve(os.Args[2], os.Stdout))
		os.Exit(1)
	}
	if len(os.Args) == 3 && os.Args[1] == generatorCommand {
		if err := generate(os.Args[2], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds int
	time   time.Duration // of a load, about
	idle   int
	cores  int
	quick  bool
	growth bool
	only   *regexp.Regexp
	out    string
	asked  string // the regular expression
}

func run(ctx context.Context) error {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each load is run with each proxy")
	flag.DurationVar(&o.time, "time", 1200*time.Millisecond, "how long a load takes, about")
	flag.IntVar(&o.idle, "idle", 10_000, "idle clients")
	flag.IntVar(&o.cores, "cores", 1, "threads of each proxy that can have several")
	flag.BoolVar(&o.quick, "quick", false, "fewer loads, once each")
	flag.BoolVar(&o.growth, "growth", false, "how sallyport's cost grows, in place of the comparison")
	flag.StringVar(&o.asked, "loads", "", "a regular expression for the names of the loads to run; what they say is then only printed, unless there is -out")
	flag.StringVar(&o.out, "out", "", "the file whose section is written; plots go beside it (default bench/RESULTS.md)")
	flag.Parse()
	if o.out == "" && o.asked == "" && !o.quick {
		o.out = "bench/RESULTS.md"
	}
	if o.quick {
		o.rounds, o.time = 1, 500*time.Millisecond
	}
	var err error
	if o.only, err = regexp.Compile(o.asked); err != nil {
		return err
	}
	const spare = 600
	if most := rig.RaiseLimit() - spare; o.idle > most {
		o.idle = most
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := rig.Sallyport(dir)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, o: &o, dir: dir, binary: binary}
	sections := comparisons
	name := "compare"
	if o.growth {
		sections, name = growths, "growth"
	}
	var text bytes.Buffer
	b.head(&text)
	for _, s := range sections {
		if err := s(b, &text); err != nil {
			return err
		}
	}
	if b.measured == 0 {
		return fmt.Errorf("no load is called like %q, or nothing that it needs is installed (bench/peers.sh)", o.asked)
	}
	if !o.growth && !o.quick { // one short round proves nothing
		text = *b.withGoals(&text)
	}
	fmt.Print(text.String())
	if o.out == "" {
		return nil
	}
	return rig.WriteSection(o.out, name+", "+rig.Congestion(), text.Bytes())
}

// bench is one run.
type bench struct {
	ctx    context.Context
	o      *options
	dir    string
	binary string // sallyport
	goals  []goal

	measured int // loads
}

// command repeats the run.
func (o *options) command() string {
	text := fmt.Sprintf("go run ./bench/compare -rounds %d -time %v -idle %d -cores %d", o.rounds, o.time, o.idle, o.cores)
	for flag, on := range map[string]bool{" -quick": o.quick, " -growth": o.growth} {
		if on {
			text += flag
		}
	}
	if o.asked != "" {
		text += fmt.Sprintf(" -loads %q", o.asked)
	}
	return text
}
