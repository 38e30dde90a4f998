package faultproxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// frames sends n numbered lines and returns the lines that arrive.
func frames(t *testing.T, n int, faults ...Fault) []string {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d\n", i)
	}
	got := strings.Join(through(t, Config{Seed: 11, Split: lines, ToBackend: faults}, text.String()), "")
	return strings.Fields(got)
}

func numbers(n int) (want []string) {
	for i := range n {
		want = append(want, fmt.Sprint(i))
	}
	return want
}

func TestDropFramesLosesWholeOnes(t *testing.T) {
	got := frames(t, 1000, DropFrames(0.3))
	if n := len(got); n < 620 || n > 780 {
		t.Errorf("got %d frames of 1000, want about 700", n)
	}
	want := slices.DeleteFunc(numbers(1000), func(s string) bool { return !slices.Contains(got, s) })
	if !slices.Equal(got, want) {
		t.Error("got other frames, or another order, than those that were sent")
	}
	if got := frames(t, 50, DropFrames(1)); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
}

func TestDoubleFramesSendsThemTwice(t *testing.T) {
	if got, want := frames(t, 3, DoubleFrames(1)), []string{"0", "0", "1", "1", "2", "2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(frames(t, 1000, DoubleFrames(0.2))); n < 1130 || n > 1270 {
		t.Errorf("got %d frames of 1000, want about 1200", n)
	}
}

func TestReorderFramesLetsAWindowOvertake(t *testing.T) {
	const window = 4
	got := frames(t, 1000, ReorderFrames(0.2, window, 0))
	if slices.Equal(got, numbers(1000)) {
		t.Error("got the order of before")
	}
	moved := 0
	for i, s := range got {
		var n int
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatal(err)
		}
		// A frame that goes out late lets those behind it be counted later, so that a
		// place may shift by more than the window, but never by much.
		if i != n {
			moved++
		}
		if i-n > 4*window || n-i > 4*window {
			t.Errorf("frame %d came as number %d", n, i)
		}
	}
	if moved == 0 {
		t.Error("none was moved")
	}
	slices.SortFunc(got, func(a, b string) int { return strings.Compare(pad(a), pad(b)) })
	if !slices.Equal(got, numbers(1000)) {
		t.Error("a frame was lost or came twice")
	}
}

func TestReorderedFrameGoesWhenItsHoldIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{Split: lines, ToBackend: []Fault{ReorderFrames(1, 1, time.Minute)}})
		defer over()
		start := time.Now()
		send(t, client, "alone\n")
		receive(t, backend, "alone\n")
		if got, want := time.Since(start), time.Minute; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestDelayFramesHoldsTheStreamBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, backend, over := pipes(t, Config{Split: lines, ToBackend: []Fault{DelayFrames(1, time.Minute, 0)}})
		defer over()
		start := time.Now()
		send(t, client, "one\ntwo\n")
		receive(t, backend, "one\ntwo\n")
		if got, want := time.Since(start), 2*time.Minute; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestUnfinishedFramePassesAtTheEnd(t *testing.T) {
	got := through(t, Config{Split: lines, ToBackend: []Fault{DropFrames(1)}}, "lost\nun", "finished")
	if want := "unfinished"; strings.Join(got, "") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatSplitSkipsGoesWithTheNextFrame(t *testing.T) {
	split := func(data []byte, eof bool) (int, []byte, error) {
		if len(data) > 0 && data[0] == ' ' {
			return 1, nil, nil
		}
		return lines(data, eof)
	}
	got := through(t, Config{Split: split, ToBackend: []Fault{DoubleFrames(1)}}, "a\n ", " b\n ")
	if want := "a\na\n  b\n  b\n "; strings.Join(got, "") != want {
		t.Errorf("got %q, want %q", strings.Join(got, ""), want)
	}
}

func TestOutOfStepTheRestPassesAsPlainBytes(t *testing.T) {
	split := func(data []byte, eof bool) (int, []byte, error) {
		if len(data) > 0 && data[0] == '!' {
			return 0, nil, errors.New("out of step")
		}
		return lines(data, eof)
	}
	for name, chunks := range map[string][]string{"at once": {"a\n!b\nc\n"}, "byte for byte": strings.Split("a\n!b\nc\n", "")} {
		t.Run(name, func(t *testing.T) {
			got := through(t, Config{Split: split, ToBackend: []Fault{DropFrames(1)}}, chunks...)
			if want := "!b\nc\n"; strings.Join(got, "") != want {
				t.Errorf("got %q, want %q", strings.Join(got, ""), want)
			}
		})
	}
}

func pad(s string) string { return strings.Repeat("0", 8-len(s)) + s }
