//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// section measures something and prints it.
type section func(b *bench, w *bytes.Buffer) error

var comparisons = []section{(*bench).redisSection, (*bench).paceSection, (*bench).checkedSection, (*bench).batchSection, (*bench).restSection}

func (b *bench) head(w *bytes.Buffer) {
	what := "sallyport with its rules on, beside proxies that look at less"
	if b.o.growth {
		what = "how the cost of an exchange grows"
	}
	fmt.Fprintf(w, "## %s\n\n`%s`, %s.\n", upper(what), b.o.command(), time.Now().UTC().Format("2006-01-02"))
	fmt.Fprintf(w, "Medians of the rounds, in which the proxies take turns, with the least and the most in brackets. Clients, server and proxy share %d processors,\n", runtime.NumCPU())
	fmt.Fprintf(w, "so absolute values say little; the last columns are sallyport's divided by the other's of the same rounds. Processor time is user and system of the proxy alone.\n")
	fmt.Fprintf(w, "%s; TCP under %s; %s.\n\n", rig.Kernel(), rig.Congestion(), runtime.Version())
}

func upper(text string) string { return string(text[0]-'a'+'A') + text[1:] }

// measure runs a load with each proxy in each round.
type measure struct {
	name    string
	figures []rig.Figure
	before  func() error
	rounds  int // 0: as many as are asked for
	run     func(p *rig.Proxy) ([]float64, error)
}

func (b *bench) measure(proxies []*rig.Proxy, list []measure) (*rig.Results, error) {
	r := &rig.Results{Proxies: proxies}
	for _, m := range list {
		if !b.o.only.MatchString(m.name) {
			continue
		}
		if m.before != nil {
			if err := m.before(); err != nil {
				return nil, err
			}
		}
		rounds := b.o.rounds
		if m.rounds > 0 {
			rounds = m.rounds
		}
		for round := range rounds {
			for _, p := range rig.Turn(proxies, round) {
				if err := b.ctx.Err(); err != nil {
					return nil, err
				}
				values, err := m.run(p)
				if err != nil {
					return nil, fmt.Errorf("%s through %s: %w", m.name, p.Name, err)
				}
				if values != nil {
					r.Add(m.name, m.figures, p, values)
				}
			}
		}
		b.measured++
		fmt.Fprintln(os.Stderr, "done:", m.name)
	}
	return r, nil
}

func (b *bench) redisSection(w *bytes.Buffer) error {
	server, stop, err := b.redis()
	if err != nil {
		fmt.Fprintln(os.Stderr, "left out:", err)
		return nil
	}
	defer stop()
	proxies, stop, err := b.start(server, direct, twemproxy, haproxy, nginx, b.limit, respSallyport, respUnbound)
	if err != nil {
		return err
	}
	defer stop()
	var list []measure
	for _, l := range b.o.redisLoads() {
		list = append(list, measure{l.String(), redisFigures, func() error { return b.prefill(server, l.size) }, 0, func(p *rig.Proxy) ([]float64, error) { return l.run(b, p) }})
	}
	for _, size := range []string{"64 B", "1 KiB"} {
		for _, depth := range []int{1, 16} {
			list = append(list, measure{fmt.Sprintf("own keys with nonces, %s, 200 clients, depth %d", size, depth), talkFigures, nil, 0,
				func(p *rig.Proxy) ([]float64, error) { return b.talk("resp "+size, p, 200, depth) }})
		}
	}
	r, err := b.measure(proxies, list)
	if err != nil {
		return errors.Join(err, there(server))
	}
	if r.Empty() {
		return nil
	}
	fmt.Fprintf(w, "### Redis\n\nThe server is one redis-server; the load is redis-benchmark with %d keys, except where clients have keys of their own: each answer must bring back the nonce that its own client has set, or the run fails.\n\n", keys)
	r.Write(w)
	b.plotRedis(w, r)
	r.WriteConfigs(w)
	b.judgeRedis(r)
	return nil
}

// there says if nobody listens at address any more: what went wrong was then no proxy's fault.
func there(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return fmt.Errorf("the server has ended: %w", err)
	}
	return conn.Close()
}

func (b *bench) paceSection(w *bytes.Buffer) error {
	server, stop, err := b.redis()
	if err != nil {
		return nil // said by now
	}
	defer stop()
	proxies, stop, err := b.start(server, direct, twemproxy, haproxy, respSallyport, respUnbound)
	if err != nil {
		return err
	}
	defer stop()
	var list []measure
	for _, rate := range []int{5000, 15000} {
		list = append(list, measure{fmt.Sprintf("50 clients, %d requests a second", rate), paceFigures, nil, 3 * b.o.rounds,
			func(p *rig.Proxy) ([]float64, error) { return b.pace("resp 1 KiB", p, 50, rate) }})
	}
	r, err := b.measure(proxies, list)
	if err != nil {
		return err
	}
	if r.Empty() {
		return nil
	}
	fmt.Fprintf(w, "### Latency at a fixed rate\n\nValues of 1 KiB; three times as many rounds. Each request has a time at which it is to be sent, and its latency is counted from that, so that what had to wait for a slow answer counts too.\n\n")
	r.Write(w)
	b.judgePace(r)
	return nil
}

func (b *bench) checkedSection(w *bytes.Buffer) error {
	const free = "sallyport without rules"
	title := "### JSON-RPC, Modbus, ISO 8583 and HL7\n\nThe server answers at once. HAProxy looks at nothing, and its clients have connections of their own; sallyport validates, gives each request a ticket, and has one connection. Each answer must bring its request's nonce.\n\n"
	for _, c := range []struct {
		name string
		ours []maker
	}{
		{"jsonrpc", []maker{variant(rig.Ours, "a list of methods, two rules on fields, and the schema of the parameters", jsonRoute), variant(free, "", withRules(jsonRoute, ""))}},
		{"modbus", []maker{variant(rig.Ours, "rules on units, functions and registers; answers are held against their requests", modbusRoute)}},
		{"payment", []maker{variant(rig.Ours, "a list of message types, mandatory fields, the card's last digit, and two rules on fields; answers are found by number and terminal", paymentRoute)}},
		{"ward", []maker{variant(rig.Ours, "a list of messages, required fields, and a profile with the order of segments, types, lengths and tables", wardRoute), variant(free, "", withoutProfile(wardRoute))}},
	} {
		server, err := startServer(b.ctx, c.name)
		if err != nil {
			return err
		}
		defer server.stop()
		proxies, stop, err := b.start(server.address, append([]maker{direct, haproxy}, c.ours...)...)
		if err != nil {
			return err
		}
		defer stop()
		for _, p := range proxies {
			if p.Name == free {
				p.Config = "" // shown once
			}
		}
		s := speeches[c.name]
		var list []measure
		for _, clients := range []int{50, 1000} {
			for _, depth := range []int{1, 16} {
				list = append(list, measure{fmt.Sprintf("%s, %d clients, depth %d", s.name, clients, depth), talkFigures, nil, 0,
					func(p *rig.Proxy) ([]float64, error) { return b.talk(c.name, p, clients, depth) }})
			}
		}
		r, err := b.measure(proxies, list)
		if err != nil {
			return err
		}
		if r.Empty() {
			continue
		}
		w.WriteString(title)
		title = ""
		r.Write(w)
		r.WriteConfigs(w)
	}
	return nil
}

var batchFigures = append(talkFigures[:len(talkFigures):len(talkFigures)], rig.Figure{Name: "processor time of the server", Unit: "us each", Lower: true})

func (b *bench) batchSection(w *bytes.Buffer) error {
	server, err := startServer(b.ctx, "jsonrpc")
	if err != nil {
		return err
	}
	defer server.stop()
	var makers []maker
	for _, most := range []int{1, 8, 64} {
		route := jsonRoute
		if most > 1 {
			route = withBatches(route, most)
		}
		makers = append(makers, variant(fmt.Sprintf("batches of %d", most), "", route))
	}
	proxies, stop, err := b.start(server.address, makers...)
	if err != nil {
		return err
	}
	defer stop()
	r, err := b.measure(proxies, []measure{{"JSON-RPC 1 KiB, 50 clients, depth 16", batchFigures, nil, 0,
		func(p *rig.Proxy) ([]float64, error) {
			return b.talkBeside("jsonrpc", p, 50, 16, p.Used, server.used)
		}}})
	if err != nil {
		return err
	}
	if r.Empty() {
		return nil
	}
	fmt.Fprintf(w, "### Batches to the backend\n\nThe same route, whose requests travel to the server alone, or up to 8 or 64 in one array; the array of answers is split.\n\n")
	r.Write(w)
	return nil
}

var restFigures = []rig.Figure{{Name: "resident memory", Unit: "bytes each", Lower: true, Proxy: true}}

func (b *bench) restSection(w *bytes.Buffer) error {
	server, stop, err := b.redis()
	if err != nil {
		return nil // said by now
	}
	defer stop()
	proxies, stop, err := b.start(server, twemproxy, haproxy, respSallyport)
	if err != nil {
		return err
	}
	defer stop()
	n := b.idle(2)
	r, err := b.measure(proxies, []measure{{fmt.Sprintf("%d idle clients", n), restFigures, nil, 1, func(p *rig.Proxy) ([]float64, error) { return b.rest("resp 64 B", p, n) }}})
	if err != nil {
		return err
	}
	if r.Empty() {
		return nil
	}
	fmt.Fprintf(w, "### Idle clients\n\nEach has done one exchange of RESP and stays. HAProxy needs two descriptors for each, and a process may have no more than the system allows. Once each.\n\n")
	r.Write(w)
	b.judgeRest(r, n)
	return nil
}
