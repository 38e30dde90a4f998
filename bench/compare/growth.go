//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

var growths = []section{(*bench).growClients, (*bench).growSize, (*bench).growRules, (*bench).growDepth, (*bench).growBackends, (*bench).growCores}

// step is one place on the axis of a growth.
type step struct {
	tick string
	run  func() ([]float64, error) // rate, processor time in us
}

// grow runs each step in each round, and prints a table and a plot.
func (b *bench) grow(w *bytes.Buffer, name, title, x, comment string, lines []string, steps map[string][]step) error {
	if !b.o.only.MatchString(name) {
		return nil
	}
	fmt.Fprintf(w, "### %s\n\n%s\n\n| %s |", title, comment, x)
	for _, l := range lines {
		fmt.Fprintf(w, " %s: rate, 1/s | %s: us each |", l, l)
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" --- | --- |", len(lines)))
	p := &rig.Plot{Title: title, X: x, Y: "us of the processor for each exchange", Log: true}
	rates, times := map[string][][]float64{}, map[string][][]float64{}
	for _, l := range lines {
		rates[l], times[l] = make([][]float64, len(steps[l])), make([][]float64, len(steps[l]))
		for range b.o.rounds {
			for i, s := range steps[l] {
				if err := b.ctx.Err(); err != nil {
					return err
				}
				v, err := s.run()
				if err != nil {
					return fmt.Errorf("%s, %s %s: %w", title, s.tick, x, err)
				}
				rates[l][i], times[l][i] = append(rates[l][i], v[0]), append(times[l][i], v[1])
			}
		}
		line := rig.Line{Name: l}
		for i := range steps[l] {
			line.Values = append(line.Values, rig.Median(times[l][i]))
		}
		p.Lines = append(p.Lines, line)
	}
	for i, s := range steps[lines[0]] {
		p.Ticks = append(p.Ticks, s.tick)
		fmt.Fprintf(w, "| %s |", s.tick)
		for _, l := range lines {
			fmt.Fprintf(w, " %s | %s |", rig.Spread(rates[l][i]), rig.Spread(times[l][i]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	for _, l := range p.Lines {
		for i, v := range l.Values {
			if v <= 0 {
				l.Values[i] = math.NaN()
			}
		}
	}
	b.picture(w, "growth-"+name, p)
	b.measured++
	fmt.Fprintln(os.Stderr, "done:", name)
	return nil
}

func (b *bench) growClients(w *bytes.Buffer) error {
	server, stop, err := b.redis()
	if err != nil {
		fmt.Fprintln(os.Stderr, "left out:", err)
		return nil
	}
	defer stop()
	proxies, stop, err := b.start(server, respSallyport)
	if err != nil {
		return err
	}
	defer stop()
	if err := b.prefill(server, 64); err != nil {
		return err
	}
	steps := map[string][]step{}
	for _, clients := range []int{10, 100, 1000, 10_000} {
		clients = min(clients, rig.RaiseLimit()-1000)
		for _, pipeline := range []int{1, 16} {
			name := fmt.Sprintf("pipeline %d", pipeline)
			steps[name] = append(steps[name], step{strconv.Itoa(clients), func() ([]float64, error) {
				return redisLoad{"get", 64, clients, pipeline}.run(b, proxies[0])
			}})
		}
	}
	return b.grow(w, "clients", "Clients", "clients", "GET of 64 bytes by redis-benchmark, one connection to the server.", []string{"pipeline 1", "pipeline 16"}, steps)
}

func (b *bench) growSize(w *bytes.Buffer) error {
	server, stop, err := b.redis()
	if err != nil {
		return nil // said by now
	}
	defer stop()
	proxies, stop, err := b.start(server, respSallyport)
	if err != nil {
		return err
	}
	defer stop()
	var list []step
	for _, size := range []int{64, 1 << 10, 16 << 10, 128 << 10, 1 << 20, 16 << 20} {
		tick := fmt.Sprintf("%d B", size)
		switch {
		case size >= 1<<20:
			tick = fmt.Sprintf("%d MiB", size>>20)
		case size >= 1<<10:
			tick = fmt.Sprintf("%d KiB", size>>10)
		}
		list = append(list, step{tick, func() ([]float64, error) {
			const clients = 8
			n := max(2*clients, min(60_000, (1<<30)/size))
			before := proxies[0].Used()
			got, err := b.redisBenchmark(proxies[0].Address, redisLoad{"set", size, clients, 1}, n)
			if err != nil {
				return nil, err
			}
			return []float64{got[0], float64((proxies[0].Used().CPU - before.CPU).Microseconds()) / float64(n)}, nil
		}})
	}
	return b.grow(w, "size", "Size of a message", "bytes", "SET of values by 8 clients, without pipelining.", []string{"SET"}, map[string][]step{"SET": list})
}

// steps are a route in front of the server that speaks speech for each place on an axis.
func (b *bench) steps(speech string, routes []string, ticks []string, cores func(i int) int, clients, depth func(i int) int) (list []step, stop func(), err error) {
	server, err := startServer(b.ctx, speech)
	if err != nil {
		return nil, nil, err
	}
	var proxies []*rig.Proxy
	stop = func() {
		for _, p := range proxies {
			p.Stop()
		}
		server.stop()
	}
	for i, route := range routes {
		p, err := b.route(server.address, fmt.Sprintf("sallyport-%d", i), "", route, cores(i))
		if err == nil {
			err = p.Start(b.ctx)
		}
		if err != nil {
			stop()
			return nil, nil, err
		}
		proxies = append(proxies, p)
		list = append(list, step{ticks[i], func() ([]float64, error) { return b.talk(speech, p, clients(i), depth(i)) }})
	}
	return list, stop, nil
}

func always(n int) func(int) int { return func(int) int { return n } }

func (b *bench) growRules(w *bytes.Buffer) error {
	var routes, ticks []string
	for _, n := range []int{0, 1, 10, 30, 100} {
		rules := ""
		for i := range n {
			rules += fmt.Sprintf("      - { name: rule %d, field: { path: /params/quantity, type: integer, required: true, min: 1, max: %d } }\n", i, 1000+i)
		}
		routes, ticks = append(routes, withRules(jsonRoute, rules)), append(ticks, strconv.Itoa(n))
	}
	list, stop, err := b.steps("jsonrpc", routes, ticks, always(b.o.cores), always(50), always(16))
	if err != nil {
		return err
	}
	defer stop()
	return b.grow(w, "rules", "Rules", "rules on a field", "JSON-RPC of 1 KiB, 50 clients, 16 requests open each; every rule is about the same field.", []string{"JSON-RPC"}, map[string][]step{"JSON-RPC": list})
}

func (b *bench) growDepth(w *bytes.Buffer) error {
	depths := []int{1, 4, 16, 64, 256}
	all := map[string][]step{}
	names := []string{"JSON-RPC", "Modbus"}
	for i, speech := range []string{"jsonrpc", "modbus"} {
		var routes, ticks []string
		for _, n := range depths {
			routes, ticks = append(routes, []string{jsonRoute, modbusRoute}[i]), append(ticks, strconv.Itoa(50*n))
		}
		list, stop, err := b.steps(speech, routes, ticks, always(b.o.cores), always(50), func(i int) int { return depths[i] })
		if err != nil {
			return err
		}
		defer stop()
		all[names[i]] = list
	}
	return b.grow(w, "in-flight", "Requests in flight", "requests open at once", "50 clients. JSON-RPC of 1 KiB, all of it with the server at once; of Modbus 256 at a time are (`window`), and the others wait for their turn.", names, all)
}

func (b *bench) growBackends(w *bytes.Buffer) error {
	var routes, ticks []string
	for _, n := range []int{1, 2, 4, 8} {
		routes, ticks = append(routes, withBackends(jsonRoute, n)), append(ticks, strconv.Itoa(n))
	}
	list, stop, err := b.steps("jsonrpc", routes, ticks, always(b.o.cores), always(50), always(16))
	if err != nil {
		return err
	}
	defer stop()
	return b.grow(w, "backends", "Backends", "backends, one connection each", "JSON-RPC of 1 KiB, 50 clients, 16 requests open each. With more connections fewer requests travel in one write.", []string{"JSON-RPC"}, map[string][]step{"JSON-RPC": list})
}

func (b *bench) growCores(w *bytes.Buffer) error {
	cores := []int{1, 2}
	list, stop, err := b.steps("jsonrpc", []string{jsonRoute, jsonRoute}, []string{"1", "2"}, func(i int) int { return cores[i] }, always(50), always(16))
	if err != nil {
		return err
	}
	defer stop()
	return b.grow(w, "cores", "Processors", "GOMAXPROCS", "JSON-RPC of 1 KiB, 50 clients, 16 requests open each. The clients and the server need processors too.", []string{"JSON-RPC"}, map[string][]step{"JSON-RPC": list})
}
