// Package fixed tests the example in this folder.
package fixed

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/golden"
	"github.com/sallyport/sallyport/internal/sim"
	"github.com/sallyport/sallyport/internal/sim/stage"
	"github.com/sallyport/sallyport/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// done is the mainframe: it gives the record back as an answer.
func done(codec protocol.Codec) (sim.Handler, error) {
	return sim.Echo(codec, map[string]string{"type": "A", "result": "00"})
}

func TestMessagesGetWhatTheReadmeSays(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{Handler: done, Change: func(r *gateway.Route) { r.Wait.On = false }})
	for _, c := range []struct {
		name  string
		lines bool
	}{{"valid.txt", true}, {"wrong.txt", true}, {"valid.bin", false}} {
		got := s.Send(t, filepath.Join("messages", c.name), c.lines)
		golden.Equal(t, filepath.Join("testdata", c.name), got)
	}
}

func TestASlowAnswerIsAnnounced(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{Handler: done, Backend: sim.BackendOptions{Delay: 200 * time.Millisecond},
		Change: func(r *gateway.Route) { r.Wait.After = 10 * time.Millisecond }})
	golden.Equal(t, filepath.Join("testdata", "wait.txt"), s.Send(t, filepath.Join("messages", "valid.txt"), true))
}

func TestTerminalsWithEqualSequences(t *testing.T) {
	s := stage.Open(t, "sallyport.yaml", stage.Options{Handler: done, Backend: sim.BackendOptions{Seed: 9, Jitter: 3 * time.Millisecond, Reorder: 5}})
	text, err := os.ReadFile("messages/valid.txt")
	if err != nil {
		t.Fatal(err)
	}
	sample, _, _ := strings.Cut(string(text), "\n")
	speech, err := sim.Record(s.Codec, []byte(sample), "sequence", "reference")
	if err != nil {
		t.Fatal(err)
	}
	load := sim.Load{Codec: s.Codec, Speech: speech, Dial: sim.DialTCP(s.Address()), Clients: 20, Requests: 30, Seed: 9,
		Linger: 20 * time.Millisecond}
	stats, err := load.Run(context.Background())
	if err != nil {
		t.Error(err)
	}
	if stats.Answered != 600 {
		t.Errorf("got %d answers, want 600: %+v", stats.Answered, stats)
	}
	if got := s.Backend.Stats().Connections; got != 1 {
		t.Errorf("got %d backend connections, want 1", got)
	}
}
