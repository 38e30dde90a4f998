//go:build linux

package rig

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedianAndRatio(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("Median(%v): got %v, want %v", c.values, got, c.want)
		}
	}
	if got := Ratio([]float64{2, 6, 1}, []float64{1, 2, 1}); got != "2.00" {
		t.Errorf("ratio: got %s, want 2.00", got)
	}
	if got := Ratio([]float64{2}, nil); got != "–" {
		t.Errorf("ratio of nothing: got %s", got)
	}
}

func TestQuantile(t *testing.T) {
	ten := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, c := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{{ten, 0.5, 5}, {ten, 0.99, 10}, {ten, 0.9, 9}, {ten, 0, 1}, {ten, 1, 10}, {ten[:1], 0.5, 1}, {ten[:3], 0.5, 2}} {
		if got := Quantile(c.sorted, c.q); got != c.want {
			t.Errorf("Quantile(%v, %v): got %d, want %d", c.sorted, c.q, got, c.want)
		}
	}
}

func TestWhatProcessesUse(t *testing.T) {
	stat := []byte("42 (a ) name) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 7 8 20 0 1 0 100 1000 200")
	if got := cpuTime(stat); got != 4*time.Second {
		t.Errorf("cpuTime: got %v, want 4s", got)
	}
	if got := resident([]byte("Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t  12 kB\n")); got != 12<<10 {
		t.Errorf("resident: got %d, want %d", got, 12<<10)
	}
	if u := UsedBy(os.Getpid()); u.Resident == 0 {
		t.Error("this process uses nothing")
	}
}

func TestRoundsBeginWithEachProxy(t *testing.T) {
	a, b, c := &Proxy{Name: "a"}, &Proxy{Name: "b"}, &Proxy{Name: "c"}
	all := []*Proxy{a, b, c}
	for round, want := range [][]*Proxy{{a, b, c}, {b, c, a}, {c, a, b}, {a, b, c}} {
		if got := Turn(all, round); !slices.Equal(got, want) {
			t.Errorf("round %d begins with %s, want %s", round, got[0].Name, want[0].Name)
		}
	}
}

func TestTable(t *testing.T) {
	ours, theirs := &Proxy{Name: "sallyport", Args: []string{"program"}}, &Proxy{Name: "HAProxy", Args: []string{"program"}}
	r := &Results{Proxies: []*Proxy{{Name: "direct"}, theirs, ours}}
	figures := []Figure{{Name: "throughput", Unit: "GiB/s"}, {Name: "processor time", Unit: "s/GiB", Lower: true, Proxy: true}}
	for _, v := range []float64{1, 2, 4} {
		for i, p := range r.Proxies {
			v := v * float64(int(1)<<i) // sallyport, the last, is twice as fast as HAProxy in each round
			r.Add("64 streams", figures, p, []float64{v, 1 / v})
		}
	}
	var text bytes.Buffer
	r.Write(&text)
	for _, want := range []string{
		"| 64 streams | throughput, GiB/s, more is better | 2.00 (1.00–4.00) | 4.00 (2.00–8.00) | 8.00 (4.00–16.0) | 2.00 |\n",
		"| 64 streams | processor time, s/GiB, less is better | – | 0.25 (0.12–0.50) | 0.12 (0.06–0.25) | 0.50 |\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &text)
		}
	}
}

func TestReplaceSection(t *testing.T) {
	text := []byte("# Results\n")
	for _, add := range []struct{ name, text string }{{"tunnel, bbr", "first\n"}, {"tunnel, reno", "another\n"}, {"tunnel, bbr", "second\n"}} {
		text = replaceSection(text, add.name, []byte(add.text))
	}
	want := "# Results\n<!-- tunnel, bbr -->\nsecond\n<!-- /tunnel, bbr -->\n<!-- tunnel, reno -->\nanother\n<!-- /tunnel, reno -->\n"
	if string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestPlot(t *testing.T) {
	for _, log := range []bool{true, false} {
		p := &Plot{Title: "a < b", X: "clients", Y: "us", Log: log, Ticks: []string{"1", "10"}, Lines: []Line{{"one & two", []float64{2, 30}}, {"three", []float64{math.NaN(), 4}}}}
		var svg bytes.Buffer
		if err := p.WriteSVG(&svg); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(&svg)
		points := 0
		for {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
				points++
			}
		}
		if points != 3 {
			t.Errorf("%d points are drawn, want 3", points)
		}
	}
}
