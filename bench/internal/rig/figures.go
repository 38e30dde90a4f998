//go:build linux

package rig

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Turn is the order of a round: each begins with another proxy, so that none always has the same one before it.
func Turn(proxies []*Proxy, round int) []*Proxy {
	first := round % len(proxies)
	return slices.Concat(proxies[first:], proxies[:first])
}

// Median returns the middle of values, 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread is the median, with the least and the most in brackets.
func Spread(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", Short(Median(values)), Short(slices.Min(values)), Short(slices.Max(values)))
}

// Ratio is the median of the ratios of the same rounds.
func Ratio(ours, theirs []float64) string {
	var list []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] != 0 {
			list = append(list, ours[i]/theirs[i])
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", Median(list))
}

// Short has three digits.
func Short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Quantile returns the smallest value of sorted, which is not empty, that a share q of it does not exceed.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// Microseconds returns d as their number.
func Microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// sectionMarks stand around a section.
func sectionMarks(name string) (start, end string) {
	return "<!-- " + name + " -->\n", "<!-- /" + name + " -->\n"
}

// WriteSection puts text in the place of the file's section of that name, or at its end.
func WriteSection(path, name string, text []byte) error {
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, replaceSection(old, name, text), 0o644)
}

func replaceSection(old []byte, name string, text []byte) []byte {
	sectionStart, sectionEnd := sectionMarks(name)
	section := append(append([]byte(sectionStart), text...), sectionEnd...)
	before, rest, found := bytes.Cut(old, []byte(sectionStart))
	if !found {
		return append(old, section...)
	}
	_, after, _ := bytes.Cut(rest, []byte(sectionEnd))
	return append(append(append([]byte{}, before...), section...), after...)
}

// Neutral takes the folder of this run out of a configuration.
func Neutral(config string) string { return strings.ReplaceAll(config, os.TempDir(), "/tmp") }
