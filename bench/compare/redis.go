//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// redis starts a server, and returns its address and what ends it.
func (b *bench) redis() (address string, stop func(), err error) {
	path, err := rig.Find("redis-server")
	if err != nil {
		return "", nil, err
	}
	if address, err = rig.FreeAddress(); err != nil {
		return "", nil, err
	}
	_, port, _ := cutAddress(address)
	p := &rig.Proxy{Name: "redis-server", Address: address,
		Args: []string{path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "18000", "--proto-max-bulk-len", "64mb", "--loglevel", "warning", "--dir", b.dir}}
	if err := p.Start(b.ctx); err != nil {
		return "", nil, err
	}
	return address, p.Stop, nil
}

// redisLoad is one of redis-benchmark.
type redisLoad struct {
	op       string // get or set
	size     int
	clients  int
	pipeline int
}

func (l redisLoad) String() string {
	pipeline := "no pipelining"
	if l.pipeline > 1 {
		pipeline = "pipeline " + strconv.Itoa(l.pipeline)
	}
	size := fmt.Sprintf("%d B", l.size)
	if l.size >= 1024 {
		size = fmt.Sprintf("%d KiB", l.size>>10)
	}
	return fmt.Sprintf("%s %s, %d clients, %s", strings.ToUpper(l.op), size, l.clients, pipeline)
}

var redisFigures = []rig.Figure{{Name: "rate", Unit: "1/s"}, {Name: "processor time", Unit: "us each", Lower: true, Proxy: true}, {Name: "median", Unit: "ms", Lower: true}, {Name: "99 of 100 within", Unit: "ms", Lower: true}}

// prefill has the server hold a value of that size under every key that is asked for.
func (b *bench) prefill(server string, size int) error {
	_, err := b.redisBenchmark(server, redisLoad{"set", size, 50, 16}, 8*keys)
	return err
}

const keys = 10_000

// run is about as long as is asked for, after a short one that says how fast it goes.
func (l redisLoad) run(b *bench, p *rig.Proxy) ([]float64, error) {
	least := 4 * l.clients * l.pipeline
	try, err := b.redisBenchmark(p.Address, l, max(least, 5000))
	if err != nil {
		return nil, err
	}
	n := max(least, int(try[0]*b.o.time.Seconds()))
	before := p.Used()
	got, err := b.redisBenchmark(p.Address, l, n)
	if err != nil {
		return nil, err
	}
	cpu := p.Used().CPU - before.CPU
	return []float64{got[0], float64(cpu.Microseconds()) / float64(n), got[1], got[2]}, nil
}

var benchmarkLine = regexp.MustCompile(`"(?:GET|SET)","([\d.]+)","[\d.]+","[\d.]+","([\d.]+)","[\d.]+","([\d.]+)"`)

// redisBenchmark returns requests per second, and the median and the 99th percentile in milliseconds.
func (b *bench) redisBenchmark(address string, l redisLoad, n int) ([]float64, error) {
	path, err := rig.Find("redis-benchmark")
	if err != nil {
		return nil, err
	}
	host, port, _ := cutAddress(address)
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute) // of a proxy that stands still it would wait for ever
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-h", host, "-p", port, "-n", strconv.Itoa(n), "-c", strconv.Itoa(l.clients), "-P", strconv.Itoa(l.pipeline),
		"-d", strconv.Itoa(l.size), "-t", l.op, "-r", strconv.Itoa(keys), "--csv").CombinedOutput()
	found := benchmarkLine.FindSubmatch(out)
	if err != nil || found == nil {
		return nil, errors.Join(fmt.Errorf("redis-benchmark said %q", out), err)
	}
	var values []float64
	for _, text := range found[1:] {
		v, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// redisLoads are every operation, size, number of clients and depth, or few of them.
func (o *options) redisLoads() (list []redisLoad) {
	for _, op := range []string{"get", "set"} {
		for _, size := range []int{64, 1024} {
			for _, clients := range []int{50, 200, 1000} {
				for _, pipeline := range []int{1, 16} {
					if !o.quick || op == "get" && size == 1024 && clients == 50 {
						list = append(list, redisLoad{op, size, clients, pipeline})
					}
				}
			}
		}
	}
	return list
}

// start starts the proxies of makers in front of backend. What is not installed is left out.
func (b *bench) start(backend string, makers ...maker) (list []*rig.Proxy, stop func(), err error) {
	stop = func() {
		for _, p := range list {
			p.Stop()
		}
	}
	for _, make := range makers {
		p, err := make(b, backend)
		if err != nil {
			fmt.Fprintln(os.Stderr, "left out:", err)
			continue
		}
		if p.Runs() {
			if err := p.Start(b.ctx); err != nil {
				stop()
				return nil, nil, err
			}
		}
		list = append(list, p)
	}
	return list, stop, nil
}

func cutAddress(address string) (host, port string, err error) { return net.SplitHostPort(address) }
