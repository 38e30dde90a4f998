package demo

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoryIsTheSameEachTimeAndEveryCheckHolds(t *testing.T) {
	began := time.Now()
	var out strings.Builder
	if err := Run(context.Background(), &out, Options{}); err != nil {
		t.Fatalf("%v, after\n%s", err, &out)
	}
	golden.Equal(t, "testdata/story.txt", out.String())
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestKeepStaysUntilItsContextIsDone(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, w, Options{Keep: true}) }()
	var told strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(told.String(), "Ctrl-C") {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(buf[:n])
	}
	select {
	case err := <-ended:
		t.Fatalf("it did not stay: %v", err)
	default:
	}
	line := ""
	for _, l := range strings.Split(told.String(), "\n") {
		if strings.Contains(l, "| nc") {
			line = strings.TrimSpace(l)
		}
	}
	if line == "" {
		t.Fatalf("there is no line to copy in\n%s", &told)
	}
	if _, err := exec.LookPath("nc"); err == nil {
		got, err := exec.Command("sh", "-c", line).Output()
		if want := `{"jsonrpc":"2.0","result":{"order":"A-1","state":"on its way"},"id":1}` + "\n"; string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := Run(ctx, io.Discard, Options{}); err == nil {
		t.Error("got no error")
	}
}

// full is a writer that has no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestFailsIfItCannotBeRead(t *testing.T) {
	if err := Run(context.Background(), full{}, Options{}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v", err)
	}
}

func TestHoldReportsWhatDoesNotHold(t *testing.T) {
	var s story
	if err := s.hold(check{"a", 1, 1}, check{"b", uint64(2), 2}, check{"c", []string{"x"}, []string{"x"}}); err != nil || s.checks != 3 {
		t.Errorf("got %v after %d checks", err, s.checks)
	}
	if err := s.hold(check{"late", 1, 2}); err == nil || err.Error() != "late: got 1, want 2" {
		t.Errorf("got %v", err)
	}
}
