//go:build linux

package main

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// report prints the section on tunnels.
func report(w io.Writer, r *rig.Results, o *options) {
	fmt.Fprintf(w, "## Tunnels: a relay beside HAProxy and nginx, TCP under %s\n\n", rig.Congestion())
	fmt.Fprintf(w, "`%s`, %s.\n", o.command(), time.Now().UTC().Format("2006-01-02"))
	fmt.Fprintf(w, "Medians of the rounds, in which the proxies take turns, with the least and the most in brackets. Client, server and proxy share %d processors,\n", runtime.NumCPU())
	fmt.Fprintf(w, "so absolute values say little; the last columns are sallyport's divided by the other's of the same rounds.\n")
	fmt.Fprintf(w, "%s; %s.\n\n", rig.Kernel(), runtime.Version())
	r.Write(w)
	r.WriteConfigs(w)
}

// command repeats the run.
func (o *options) command() string {
	text := fmt.Sprintf("go run ./bench/tunnel -rounds %d -gib %g -idle %d -time %v -cores %d", o.rounds, float64(o.size)/(1<<30), o.idle, o.time, o.cores)
	if o.only != "" {
		text += fmt.Sprintf(" -only %q", o.only)
	}
	return text
}
