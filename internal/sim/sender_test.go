package sim

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// times are what differs between two runs.
var times = regexp.MustCompile(`\d+\.\d{3}s`)

func sendTo(t *testing.T, s *Sender, o BackendOptions, input string) (string, error) {
	t.Helper()
	if o.Handler == nil {
		o.Handler = tinyAnswer
	}
	b, address, err := Listen(tiny{}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s.Codec = tiny{}
	err = s.Run(context.Background(), &out, conn, strings.NewReader(input))
	return times.ReplaceAllString(out.String(), "T"), err
}

func TestSenderShowsWhatGoesOutAndWhatComesBack(t *testing.T) {
	got, err := sendTo(t, &Sender{}, BackendOptions{Delay: 20 * time.Millisecond}, "R 1 a\nN x\n")
	if err != nil {
		t.Error(err)
	}
	want := "->        T     6 bytes  request 1 1\n   R 1 a\n" +
		"->        T     4 bytes  one-way\n   N x\n" +
		"<-        T     6 bytes  response 1 1\n   A 1 a\n"
	if squeezed(got) != squeezed(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSenderStepsFromAnswerToAnswer(t *testing.T) {
	got, err := sendTo(t, &Sender{Step: true, Untimed: true}, BackendOptions{Jitter: 5 * time.Millisecond}, "R 1 a\nN x\n?\nR 2 b\n")
	if err != nil {
		t.Error(err)
	}
	want := "->     6 bytes  request 1 1\n   R 1 a\n<-     6 bytes  response 1 1\n   A 1 a\n" +
		"->     4 bytes  one-way\n   N x\n->     2 bytes  malformed unknown\n   ?\n<-     4 bytes  response ? ? (error)\n   E ?\n" +
		"->     6 bytes  request 2 2\n   R 2 b\n<-     6 bytes  response 2 2\n   A 2 b\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestSenderWaitsForEveryAnswer(t *testing.T) {
	for _, c := range []struct{ name, input string }{
		{"lines", "R 1 a\nR 2 b\n"},
		{"batch", "B R 1 a|N x|?|R 2 b\n"},
		{"malformed", "?\nR 1 a\n"},
		{"nothing to wait for", "N a\n"},
		{"empty", ""},
	} {
		for _, lines := range []bool{false, true} {
			if got, err := sendTo(t, &Sender{Lines: lines, Timeout: 5 * time.Second}, BackendOptions{}, c.input); err != nil {
				t.Errorf("%s: %v\n%s", c.name, err, got)
			}
		}
	}
}

func TestSenderReportsWhatIsMissing(t *testing.T) {
	_, err := sendTo(t, &Sender{Timeout: 30 * time.Millisecond}, BackendOptions{Miss: 1}, "R 17 a\n?\n")
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "1 without an answer, with the id 17") {
		t.Errorf("got %v", err)
	}
	_, err = sendTo(t, &Sender{}, BackendOptions{CloseAfter: 1}, "R 17 a\nR 18 b\n"+strings.Repeat("R 19 c\n", 3))
	if err != nil && !errors.Is(err, ErrMissing) && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "pipe") {
		t.Errorf("got %v", err)
	}
	if _, err := sendTo(t, &Sender{}, BackendOptions{}, "R 1 a"); err == nil {
		t.Error("got no error for an input that ends inside a frame")
	}
}

func TestSenderEndsWithItsContext(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := (&Sender{Codec: tiny{}}).Run(ctx, &strings.Builder{}, near, strings.NewReader("R 1 a\n")); err == nil {
		t.Error("got no error")
	}
}
