//go:build linux

package main

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func TestMedianAndRatio(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v): got %v, want %v", c.values, got, c.want)
		}
	}
	if got := ratio([]float64{2, 6, 1}, []float64{1, 2, 1}); got != "2.00" {
		t.Errorf("ratio: got %s, want 2.00", got)
	}
	if got := ratio([]float64{2}, nil); got != "–" {
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
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile(%v, %v): got %d, want %d", c.sorted, c.q, got, c.want)
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
	if u := used(os.Getpid()); u.resident == 0 {
		t.Error("this process uses nothing")
	}
}

func TestReplaceSection(t *testing.T) {
	old := []byte("# Results\n")
	one := replaceSection(old, []byte("first\n"))
	two := replaceSection(append(one, "after\n"...), []byte("second\n"))
	want := "# Results\n" + sectionStart + "second\n" + sectionEnd + "after\n"
	if !bytes.Equal(two, []byte(want)) {
		t.Errorf("got %q, want %q", two, want)
	}
}
