//go:build linux

package rig

import (
	"fmt"
	"io"
)

// Figure is what a load says.
type Figure struct {
	Name  string
	Unit  string
	Lower bool // is better
	Proxy bool // it is about the proxy: there is none without one
}

// Results are the values of every figure, in the order in which they came, for each proxy.
type Results struct {
	Proxies []*Proxy
	rows    []*row
}

type row struct {
	load   string
	figure Figure
	values map[string][]float64 // by proxy
}

// Add notes what a load has said of p in a round: a value for each figure.
func (r *Results) Add(load string, figures []Figure, p *Proxy, values []float64) {
	for i, f := range figures {
		if f.Proxy && !p.Runs() {
			continue
		}
		row := r.row(load, f)
		row.values[p.Name] = append(row.values[p.Name], values[i])
	}
}

func (r *Results) row(load string, f Figure) *row {
	for _, row := range r.rows {
		if row.load == load && row.figure.Name == f.Name {
			return row
		}
	}
	n := &row{load, f, map[string][]float64{}}
	r.rows = append(r.rows, n)
	return n
}

// Empty reports whether nothing was added.
func (r *Results) Empty() bool { return len(r.rows) == 0 }

// Values returns what a figure of a load was for the proxy called name, in each round.
func (r *Results) Values(load, figure, name string) []float64 {
	for _, row := range r.rows {
		if row.load == load && row.figure.Name == figure {
			return row.values[name]
		}
	}
	return nil
}

// Write prints a table of Markdown: the median of each figure, and sallyport's divided by the other's of the same rounds.
func (r *Results) Write(w io.Writer) {
	head, line := "| load | figure |", "| --- | --- |"
	for _, p := range r.Proxies {
		head, line = head+" "+p.Name+" |", line+" --- |"
	}
	rivals := r.rivals()
	for _, p := range rivals {
		head, line = head+" ÷ "+p.Name+" |", line+" --- |"
	}
	fmt.Fprintln(w, head)
	fmt.Fprintln(w, line)
	for _, row := range r.rows {
		f := row.figure
		text := fmt.Sprintf("| %s | %s, %s, %s is better |", row.load, f.Name, f.Unit, map[bool]string{true: "less", false: "more"}[f.Lower])
		for _, p := range r.Proxies {
			text += " " + Spread(row.values[p.Name]) + " |"
		}
		for _, p := range rivals {
			text += " " + Ratio(row.values[Ours], row.values[p.Name]) + " |"
		}
		fmt.Fprintln(w, text)
	}
	fmt.Fprintln(w)
}

// Ours is the name of the proxy that the others are compared with.
const Ours = "sallyport"

// rivals are the proxies that sallyport is compared with.
func (r *Results) rivals() (list []*Proxy) {
	ours := false
	for _, p := range r.Proxies {
		ours = ours || p.Name == Ours
		if p.Runs() && p.Name != Ours {
			list = append(list, p)
		}
	}
	if !ours {
		return nil
	}
	return list
}

// WriteConfigs prints how each proxy was configured, and why that is fair.
func (r *Results) WriteConfigs(w io.Writer) {
	for _, p := range r.Proxies {
		if p.Config != "" {
			fmt.Fprintf(w, "%s: %s; %s.\n\n```\n%s```\n\n", p.Name, p.Version, p.Why, Neutral(p.Config))
		}
	}
}
