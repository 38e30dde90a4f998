//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// picture writes a plot beside the results, and a reference to it.
func (b *bench) picture(w *bytes.Buffer, name string, p *rig.Plot) {
	if b.o.out == "" {
		return
	}
	dir := filepath.Join(filepath.Dir(b.o.out), "plots")
	var svg bytes.Buffer
	err := p.WriteSVG(&svg)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".svg"), svg.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no plot:", err)
		return
	}
	fmt.Fprintf(w, "![%s](plots/%s.svg)\n\n", p.Title, name)
}

// plotRedis draws the processor time of each proxy over the number of clients, without and with pipelining.
func (b *bench) plotRedis(w *bytes.Buffer, r *rig.Results) {
	for _, pipeline := range []int{1, 16} {
		p := &rig.Plot{Title: fmt.Sprintf("Processor time of the proxy for a GET of 1 KiB, pipeline %d", pipeline), X: "clients", Y: "us", Log: pipeline > 1}
		clients := []int{50, 200, 1000}
		for _, proxy := range r.Proxies {
			l := rig.Line{Name: proxy.Name}
			some := false
			for _, n := range clients {
				v := math.NaN()
				if values := r.Values(redisLoad{"get", 1024, n, pipeline}.String(), "processor time", proxy.Name); len(values) > 0 {
					v, some = rig.Median(values), true
				}
				l.Values = append(l.Values, v)
			}
			if some {
				p.Lines = append(p.Lines, l)
			}
		}
		for _, n := range clients {
			p.Ticks = append(p.Ticks, strconv.Itoa(n))
		}
		if len(p.Lines) > 0 {
			b.picture(w, fmt.Sprintf("redis-%d", pipeline), p)
		}
	}
}
