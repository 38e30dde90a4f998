//go:build linux

package rig

import (
	"fmt"
	"html"
	"io"
	"math"
)

// Line is one of a plot's lines: a value for each place on the axis, NaN for none.
type Line struct {
	Name   string
	Values []float64
}

// Plot is a picture of lines over places that stand at equal distances, such as numbers that double.
type Plot struct {
	Title string
	X, Y  string // what the axes are
	Ticks []string
	Lines []Line
	Log   bool // the vertical axis counts in powers
}

const (
	plotWidth, plotHeight = 760, 380
	plotLeft, plotRight   = 70, 160
	plotTop, plotBottom   = 46, 64
)

// colours can be told apart, on light and on dark, by those who do not see all of them too; so can the dashes.
var (
	colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a"}
	dashes  = []string{"", "6 3", "2 3", "9 3 2 3", "1 4", "12 4", "4 4"}
)

// WriteSVG draws it.
func (p *Plot) WriteSVG(w io.Writer) error {
	low, high := p.bounds()
	x := func(i int) float64 {
		return plotLeft + (float64(i)+0.5)*float64(plotWidth-plotLeft-plotRight)/float64(max(1, len(p.Ticks)))
	}
	y := func(v float64) float64 {
		share := (v - low) / (high - low)
		if p.Log {
			share = (math.Log10(v) - math.Log10(low)) / (math.Log10(high) - math.Log10(low))
		}
		return plotHeight - plotBottom - share*float64(plotHeight-plotTop-plotBottom)
	}
	e := &errWriter{w: w}
	e.print(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n", plotWidth, plotHeight, html.EscapeString(p.Title))
	e.print(`<style>text{font:12px sans-serif;fill:#222}.g{stroke:#8884}.b{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#ddd}.b{fill:#151515}}</style>` + "\n")
	e.print(`<rect class="b" width="%d" height="%d"/><text x="%d" y="22" style="font-size:15px">%s</text>`+"\n", plotWidth, plotHeight, plotLeft, html.EscapeString(p.Title))
	for _, v := range p.marks(low, high) {
		e.print(`<line class="g" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft, plotWidth-plotRight, y(v), y(v), plotLeft-6, y(v)+4, Short(v))
	}
	for i, t := range p.Ticks {
		e.print(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(i), plotHeight-plotBottom+18, html.EscapeString(t))
	}
	e.print(`<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (plotLeft+plotWidth-plotRight)/2, plotHeight-plotBottom+40, html.EscapeString(p.X))
	e.print(`<text x="14" y="%d" transform="rotate(-90 14 %d)" text-anchor="middle">%s</text>`+"\n", (plotTop+plotHeight-plotBottom)/2, (plotTop+plotHeight-plotBottom)/2, html.EscapeString(p.Y))
	for n, l := range p.Lines {
		colour, dash, path := colours[n%len(colours)], dashes[n%len(dashes)], ""
		for i, v := range l.Values {
			if math.IsNaN(v) {
				continue
			}
			letter := "L"
			if path == "" {
				letter = "M"
			}
			path += fmt.Sprintf("%s%.1f %.1f", letter, x(i), y(v))
			e.print(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(i), y(v), colour)
		}
		e.print(`<path d="%s" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n", path, colour, dash)
		at := plotTop + 10 + 20*n
		e.print(`<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="2" stroke-dasharray="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			plotWidth-plotRight+12, plotWidth-plotRight+40, at, at, colour, dash, plotWidth-plotRight+46, at+4, html.EscapeString(l.Name))
	}
	e.print("</svg>\n")
	return e.err
}

// bounds are the least and the greatest value that the vertical axis shows.
func (p *Plot) bounds() (low, high float64) {
	low, high = math.Inf(1), 0
	for _, l := range p.Lines {
		for _, v := range l.Values {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if high == 0 {
		return 0, 1
	}
	if p.Log {
		low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
		return low, max(high, 10*low)
	}
	return 0, 1.05 * high
}

// marks are where lines go across.
func (p *Plot) marks(low, high float64) (list []float64) {
	if p.Log {
		for v := low; v <= high*1.001; v *= 10 {
			list = append(list, v)
		}
		return list
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for high/step < 4 {
		step /= 2
	}
	for v := 0.0; v <= high; v += step {
		list = append(list, v)
	}
	return list
}

// errWriter keeps the first error.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) print(format string, args ...any) {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.w, format, args...)
	}
}
