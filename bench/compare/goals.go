//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// goal is one of those that the project has set itself, and what was measured.
type goal struct {
	what   string
	wanted string
	got    string
	met    bool
}

// against notes the middle of the ratios that several loads have, and the range of them.
func (b *bench) against(what string, most bool, wanted float64, ratios []float64) {
	if len(ratios) == 0 {
		return
	}
	sign, met := "≥", rig.Median(ratios) >= wanted
	if most {
		sign, met = "≤", rig.Median(ratios) <= wanted
	}
	b.goals = append(b.goals, goal{what, fmt.Sprintf("%s %.2f", sign, wanted), rig.Spread(ratios) + fmt.Sprintf(", %d loads", len(ratios)), met})
}

// ratios are the middles of sallyport's values of a figure over another's, for each load that is meant.
func ratios(r *rig.Results, loads []redisLoad, figure, other string, meant func(redisLoad) bool) (list []float64) {
	for _, l := range loads {
		if !meant(l) {
			continue
		}
		ours, theirs := r.Values(l.String(), figure, rig.Ours), r.Values(l.String(), figure, other)
		var each []float64
		for i := range min(len(ours), len(theirs)) {
			if theirs[i] > 0 {
				each = append(each, ours[i]/theirs[i])
			}
		}
		if len(each) > 0 {
			list = append(list, rig.Median(each))
		}
	}
	return list
}

func (b *bench) judgeRedis(r *rig.Results) {
	loads := b.o.redisLoads()
	const cpu, rate = "processor time", "rate"
	one := func(l redisLoad) bool { return l.pipeline == 1 }
	deep := func(l redisLoad) bool { return l.pipeline == 16 }
	b.against("processor time, twemproxy, no pipelining", true, 0.75, ratios(r, loads, cpu, "twemproxy", one))
	b.against("processor time, twemproxy, pipeline 16", true, 0.30, ratios(r, loads, cpu, "twemproxy", deep))
	b.against("rate, twemproxy, no pipelining", false, 1.2, ratios(r, loads, rate, "twemproxy", one))
	b.against("rate, twemproxy, pipeline 16, 50 clients", false, 2, ratios(r, loads, rate, "twemproxy", func(l redisLoad) bool { return deep(l) && l.clients == 50 }))
	b.against("rate, twemproxy, pipeline 16, 1000 clients", false, 4, ratios(r, loads, rate, "twemproxy", func(l redisLoad) bool { return deep(l) && l.clients == 1000 }))
	b.against("processor time, HAProxy, no pipelining", true, 0.6, ratios(r, loads, cpu, "HAProxy", one))
	b.against("processor time, HAProxy, pipeline 16", true, 0.8, ratios(r, loads, cpu, "HAProxy", deep))
	b.against("processor time, the limit, no pipelining", true, 1.25, ratios(r, loads, cpu, "limit", one))
	b.against("processor time, the limit, pipeline 16", true, 1.25, ratios(r, loads, cpu, "limit", deep))
}

func (b *bench) judgePace(r *rig.Results) {
	for _, other := range []string{"twemproxy", "HAProxy"} {
		var list []float64
		for _, rate := range []int{5000, 15000} {
			load := fmt.Sprintf("50 clients, %d requests a second", rate)
			ours, theirs := rig.Median(r.Values(load, paceFigures[1].Name, rig.Ours)), rig.Median(r.Values(load, paceFigures[1].Name, other))
			if theirs > 0 {
				list = append(list, ours/theirs)
			}
		}
		b.against("99 of 100 within, at a fixed rate, "+other, true, 1, list)
	}
}

func (b *bench) judgeRest(r *rig.Results, n int) {
	if got := r.Values(fmt.Sprintf("%d idle clients", n), restFigures[0].Name, rig.Ours); len(got) > 0 {
		b.goals = append(b.goals, goal{"resident memory of an idle client", "≤ 1024 bytes", rig.Spread(got), rig.Median(got) <= 1024})
	}
}

var benchLine = regexp.MustCompile(`(?m)^(Benchmark\S+)\s+\d+\s+([\d.]+) ns/op.*?(\d+) allocs/op`)

// judgeTests runs what `go test` says of schemas and of allocations.
func (b *bench) judgeTests() {
	out, err := exec.CommandContext(b.ctx, "go", "test", "./validate", "-run", "xxx", "-bench", "Schema", "-benchmem", "-benchtime", "300ms").CombinedOutput()
	var ours, theirs, allocs float64
	for _, m := range benchLine.FindAllStringSubmatch(string(out), -1) {
		ns, _ := strconv.ParseFloat(m[2], 64)
		switch {
		case strings.HasPrefix(m[1], "BenchmarkSchema1KiBLibrary-"):
			theirs = ns
		case strings.HasPrefix(m[1], "BenchmarkSchema1KiB-"):
			ours = ns
			allocs, _ = strconv.ParseFloat(m[3], 64)
		}
	}
	if err == nil && ours > 0 && theirs > 0 {
		b.goals = append(b.goals, goal{"JSON Schema on a valid request of 1 KiB, the library with decoding", "≥ 20 times as fast, 0 allocations",
			fmt.Sprintf("%.1f times as fast (%.2f us), %.0f allocations", theirs/ours, ours/1000, allocs), theirs/ours >= 20 && allocs == 0})
	}
	out, err = exec.CommandContext(b.ctx, "go", "test", "./gateway", "-run", "ExchangesDoNotAllocate", "-count", "1").CombinedOutput()
	got := "none, by `go test ./gateway -run ExchangesDoNotAllocate`"
	if err != nil {
		got = strings.TrimSpace(string(out))
	}
	b.goals = append(b.goals, goal{"allocations for each exchange", "0: RESP, Modbus; ≤ 1: JSON-RPC without schema", got, err == nil})
}

// withGoals puts a table of the goals behind the heading.
func (b *bench) withGoals(text *bytes.Buffer) *bytes.Buffer {
	if b.o.asked == "" {
		b.judgeTests()
	}
	if len(b.goals) == 0 {
		return text
	}
	head, rest, _ := bytes.Cut(text.Bytes(), []byte("### "))
	var out bytes.Buffer
	out.Write(head)
	fmt.Fprintf(&out, "### Goals\n\nRatios are sallyport's figure divided by the other's: the middle of the loads, with the least and the most.\n\n| goal, against | wanted | got | met |\n| --- | --- | --- | --- |\n")
	for _, g := range b.goals {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", g.what, g.wanted, g.got, map[bool]string{true: "yes", false: "**no**"}[g.met])
	}
	fmt.Fprintf(&out, "\nWhat a relay moves, and what connecting costs, is in the sections on tunnels. What limits sallyport where a goal is not met is in record 40 of docs/DESIGN.md.\n\n### ")
	out.Write(rest)
	return &out
}
