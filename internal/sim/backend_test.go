package sim

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// talk sends text to a Backend in fake time and returns the lines that come back in the
// first hour, each with the time when it came.
func talk(t *testing.T, o BackendOptions, text string) (lines []string, at []time.Duration, stats BackendStats) {
	t.Helper()
	if o.Handler == nil {
		o.Handler = tinyAnswer
	}
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(tiny{}, o)
		near, far := net.Pipe()
		b.ServeConn(far)
		began := time.Now()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = near.Write([]byte(text))
		}()
		_ = near.SetReadDeadline(began.Add(time.Hour))
		for r := bufio.NewReader(near); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			lines, at = append(lines, strings.TrimSuffix(line, "\n")), append(at, time.Since(began))
		}
		_ = near.Close()
		<-sent
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		stats = b.Stats()
	})
	return lines, at, stats
}

const three = "R 1 a\nR 2 b\nR 3 c\n"

func TestBackendAnswersInOrderAfterDelay(t *testing.T) {
	lines, at, stats := talk(t, BackendOptions{Delay: 3 * time.Second}, three+"N x\n")
	if want := []string{"A 1 a", "A 2 b", "A 3 c"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if len(at) == 0 || at[0] != 3*time.Second {
		t.Errorf("answers came after %v, want 3s", at)
	}
	if stats.Requests != 3 || stats.OneWays != 1 || stats.Answers != 3 || stats.Connections != 1 {
		t.Errorf("got %+v", stats)
	}
}

func TestBackendReordersRepeatably(t *testing.T) {
	text := strings.Repeat(three, 5)
	first, _, _ := talk(t, BackendOptions{Seed: 7, Reorder: 15, Hold: time.Minute}, text)
	again, _, _ := talk(t, BackendOptions{Seed: 7, Reorder: 15, Hold: time.Minute}, text)
	if !slices.Equal(first, again) {
		t.Errorf("the same seed gives %q and %q", first, again)
	}
	plain, _, _ := talk(t, BackendOptions{}, text)
	if slices.Equal(first, plain) {
		t.Error("nothing was reordered")
	}
	slices.Sort(first)
	slices.Sort(plain)
	if !slices.Equal(first, plain) {
		t.Errorf("got %q, want in some order %q", first, plain)
	}
}

func TestBackendHoldsAnswersForABatchNotLongerThanHold(t *testing.T) {
	lines, at, stats := talk(t, BackendOptions{Batch: 2, Hold: time.Second}, three)
	if want := []string{"B A 1 a|A 2 b", "A 3 c"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if len(at) == 2 && at[1] != time.Second {
		t.Errorf("the last answer was held for %v, want 1s", at[1])
	}
	if stats.Bundles != 1 {
		t.Errorf("got %d bundles, want 1", stats.Bundles)
	}
}

func TestBackendAnswersABatchAsOne(t *testing.T) {
	lines, _, stats := talk(t, BackendOptions{}, "B R 1 a|N x|?|R 2 b\nB N x\nB R 3 c\n")
	if want := []string{"B A 1 a|E ?|A 2 b", "B A 3 c"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if stats.Batches != 3 || stats.Refused != 1 {
		t.Errorf("got %+v", stats)
	}
}

func TestBackendMisbehavesAsAsked(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     BackendOptions
		check func(lines []string, at []time.Duration, s BackendStats) bool
	}{
		{"miss", BackendOptions{Miss: 1}, func(lines []string, _ []time.Duration, s BackendStats) bool {
			return len(lines) == 0 && s.Missed == 3
		}},
		{"late", BackendOptions{Late: 1, LateBy: time.Minute}, func(lines []string, at []time.Duration, s BackendStats) bool {
			return len(lines) == 3 && at[0] == time.Minute && s.Late == 3
		}},
		{"twice", BackendOptions{Twice: 1}, func(lines []string, _ []time.Duration, s BackendStats) bool {
			return len(lines) == 6 && s.Twice == 3 && lines[0] == lines[1]
		}},
		{"stranger", BackendOptions{Stranger: 1}, func(lines []string, _ []time.Duration, s BackendStats) bool {
			return len(lines) == 6 && s.Strangers == 3 && strings.HasSuffix(lines[1], " a") && lines[1] != lines[0]
		}},
		{"garbage", BackendOptions{Garbage: 1}, func(lines []string, _ []time.Duration, s BackendStats) bool {
			return len(lines) == 6 && s.Garbage == 3 && lines[1] == "?garbage?"
		}},
		{"close", BackendOptions{CloseAfter: 1, Delay: time.Second, Jitter: time.Minute}, func(lines []string, _ []time.Duration, _ BackendStats) bool {
			return len(lines) == 1
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if lines, at, stats := talk(t, c.o, three); !c.check(lines, at, stats) {
				t.Errorf("got %q at %v, %+v", lines, at, stats)
			}
		})
	}
}

func TestBackendRefusesWhatIsNoMessage(t *testing.T) {
	lines, _, stats := talk(t, BackendOptions{}, "hello\nR 1 a\n")
	if want := []string{"E ?", "A 1 a"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if stats.Refused != 1 {
		t.Errorf("got %+v", stats)
	}
}

func TestBackendClosesAfterItLostStep(t *testing.T) {
	lines, at, stats := talk(t, BackendOptions{}, "R 1 a\n"+strings.Repeat("x", 1<<17))
	if want := []string{"A 1 a", "E ?"}; !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if stats.OutOfStep != 1 || len(at) > 0 && at[0] >= time.Hour {
		t.Errorf("got %+v", stats)
	}
}

func TestBackendTellsEachEvent(t *testing.T) {
	events := make(chan Event, 100)
	talk(t, BackendOptions{Trace: func(e Event) { events <- e }}, "R 1 a\n")
	var got []string
	for len(events) > 0 {
		got = append(got, (<-events).What)
	}
	if want := []string{"connected", "request", "answer", "closed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadFindsNothingWrongWithABackendThatIsOnlySlow(t *testing.T) {
	b, address, err := Listen(tiny{}, BackendOptions{Seed: 1, Handler: tinyAnswer, Jitter: 2 * time.Millisecond, Reorder: 4, Batch: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	load := Load{Codec: tiny{}, Speech: tinySpeech(), Dial: DialTCP(address), Clients: 20, Requests: 100, Seed: 1, Batch: 2}
	stats, err := load.Run(context.Background())
	if err != nil {
		t.Error(err)
	}
	if stats.Sent != 2000 || stats.Answered != 2000 {
		t.Errorf("got %+v", stats)
	}
}

func TestLoadReportsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, want string
		o          BackendOptions
	}{
		{"miss", "have no answer", BackendOptions{Miss: 0.1}},
		{"twice", "second answer", BackendOptions{Twice: 0.5}},
		{"stranger", "which was not asked", BackendOptions{Stranger: 0.5}},
		{"garbage", "have no answer", BackendOptions{Garbage: 0.5}},
		{"foreign", "foreign nonce", BackendOptions{Handler: swapped()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Seed = 3
			if c.o.Handler == nil {
				c.o.Handler = tinyAnswer
			}
			b, address, err := Listen(tiny{}, c.o)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			load := Load{Codec: tiny{}, Speech: tinySpeech(), Dial: DialTCP(address), Clients: 1, Requests: 100, Seed: 3,
				Deadline: 100 * time.Millisecond, Linger: 50 * time.Millisecond}
			_, err = load.Run(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), "seed 3") {
				t.Errorf("got %v, want the seed in it", err)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	b, address, err := Listen(tiny{}, BackendOptions{Handler: tinyAnswer, Delay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	load := Load{Codec: tiny{}, Speech: tinySpeech(), Dial: DialTCP(address), Clients: 2, Requests: 1, Deadline: time.Hour}
	if _, err := load.Run(ctx); err == nil {
		t.Error("got no error from a run that was ended")
	}
}

func TestDropClosesConnectionsAndServesNewOnes(t *testing.T) {
	b, address, err := Listen(tiny{}, BackendOptions{Handler: tinyAnswer})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for range 2 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("R 1 a\n")); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		if line, err := r.ReadString('\n'); line != "A 1 a\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		b.Drop()
		if _, err := r.ReadByte(); err == nil {
			t.Error("the connection is still open")
		}
	}
	if got := b.Stats().Connections; got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
}
