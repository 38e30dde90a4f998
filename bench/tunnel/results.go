//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// results are the values of every figure, for each proxy.
type results struct {
	proxies []*proxy
	values  map[string]map[string][]float64 // by load and figure, and by proxy
}

func newResults(proxies []*proxy) *results {
	return &results{proxies: proxies, values: map[string]map[string][]float64{}}
}

// add runs a load through a proxy.
func (r *results) add(l load, p *proxy, o *options) error {
	values, err := l.run(p, o)
	if err != nil {
		return err
	}
	for i, f := range l.figures {
		if f.proxy && p.cmd == nil {
			continue
		}
		key := l.name + "\x00" + f.name
		if r.values[key] == nil {
			r.values[key] = map[string][]float64{}
		}
		r.values[key][p.name] = append(r.values[key][p.name], values[i])
	}
	return nil
}

// write prints all as a section of Markdown.
func (r *results) write(w io.Writer, o *options) {
	fmt.Fprintf(w, "## Tunnels: a relay beside HAProxy and nginx, TCP under %s\n\n", congestion())
	fmt.Fprintf(w, "`%s`, %s.\n", o.command(), time.Now().UTC().Format("2006-01-02"))
	fmt.Fprintf(w, "Medians of the rounds, in which the proxies take turns, with the least and the most in brackets. Client, server and proxy share %d processors,\n", runtime.NumCPU())
	fmt.Fprintf(w, "so absolute values say little; the last columns are sallyport's divided by the other's of the same rounds.\n")
	fmt.Fprintf(w, "%s; %s.\n\n", kernel(), runtime.Version())
	head, line := "| load | figure |", "| --- | --- |"
	for _, p := range r.proxies {
		head, line = head+" "+p.name+" |", line+" --- |"
	}
	rivals := r.rivals()
	for _, p := range rivals {
		head, line = head+" ÷ "+p.name+" |", line+" --- |"
	}
	fmt.Fprintln(w, head)
	fmt.Fprintln(w, line)
	for _, l := range loads {
		for _, f := range l.figures {
			values := r.values[l.name+"\x00"+f.name]
			if len(values) == 0 {
				continue
			}
			row := fmt.Sprintf("| %s | %s, %s, %s is better |", l.name, f.name, f.unit, map[bool]string{true: "less", false: "more"}[f.lower])
			for _, p := range r.proxies {
				row += " " + spread(values[p.name]) + " |"
			}
			for _, p := range rivals {
				row += " " + ratio(values["sallyport"], values[p.name]) + " |"
			}
			fmt.Fprintln(w, row)
		}
	}
	fmt.Fprintln(w)
	for _, p := range r.proxies {
		if p.config == "" {
			continue
		}
		fmt.Fprintf(w, "%s: %s; %s.\n\n```\n%s```\n\n", p.name, p.version, p.why, neutral(p.config))
	}
}

// command repeats the run.
func (o *options) command() string {
	text := fmt.Sprintf("go run ./bench/tunnel -rounds %d -gib %g -idle %d -time %v -cores %d", o.rounds, float64(o.size)/(1<<30), o.idle, o.time, o.cores)
	if o.only != "" {
		text += fmt.Sprintf(" -only %q", o.only)
	}
	return text
}

// rivals are the proxies that sallyport is compared with.
func (r *results) rivals() (list []*proxy) {
	ours := false
	for _, p := range r.proxies {
		ours = ours || p.name == "sallyport"
		if p.cmd != nil && p.name != "sallyport" {
			list = append(list, p)
		}
	}
	if !ours {
		return nil
	}
	return list
}

// neutral takes the folder of this run out of a configuration.
func neutral(config string) string { return strings.ReplaceAll(config, os.TempDir(), "/tmp") }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func spread(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", short(median(values)), short(slices.Min(values)), short(slices.Max(values)))
}

// ratio is the median of the ratios of the same rounds.
func ratio(ours, theirs []float64) string {
	var list []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] != 0 {
			list = append(list, ours[i]/theirs[i])
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", median(list))
}

// short has three digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func kernel() string {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return "Linux"
	}
	text := []byte{}
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		text = append(text, byte(c))
	}
	return "Linux " + string(text)
}

// congestion is how TCP decides what it may send. What a bulk stream costs depends on it, several times over.
func congestion() string {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
