//go:build linux

package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// What each speech asks its server answers with the nonce, and nobody else's answer passes.
func TestAnswersBringTheirNonce(t *testing.T) {
	for _, s := range []*speech{&jsonrpc, &modbus} {
		var requests []byte
		for seq := range 4 {
			requests = s.ask(requests, 7, seq)
		}
		var answers []byte
		for len(requests) > 0 {
			n := s.split(requests)
			if n == 0 || s.split(requests[:n-1]) != 0 {
				t.Fatalf("%s: split %d", s.name, n)
			}
			answers = s.answer(answers, requests[:n])
			requests = requests[n:]
		}
		for want := range 4 {
			n := s.split(answers)
			frame := answers[:n]
			if seq, ok := s.check(frame, 7, 0, 4); seq != want || !ok {
				t.Errorf("%s: got %d, %v, want %d", s.name, seq, ok, want)
			}
			if _, ok := s.check(frame, 8, 0, 4); ok {
				t.Errorf("%s: another client's answer passes", s.name)
			}
			if _, ok := s.check(frame, 7, 4, 4); ok {
				t.Errorf("%s: an answer to what is not open passes", s.name)
			}
			answers = answers[n:]
		}
	}
}

func TestServerAnswersABatch(t *testing.T) {
	batch := `[{"jsonrpc":"2.0","method":"m","params":{"nonce":"1.2"},"id":33},{"jsonrpc":"2.0","id":44,"params":{"nonce":"5.6"}}]` + "\n"
	want := `[{"jsonrpc":"2.0","id":33,"result":"1.2"},{"jsonrpc":"2.0","id":44,"result":"5.6"}]` + "\n"
	if got := string(jsonrpc.answer(nil, []byte(batch))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A caller refuses an answer that is another's, comes twice or is none.
func TestCallerRefusesWhatIsNotItsOwn(t *testing.T) {
	for name, answers := range map[string]string{
		"another's": "+OK\r\n$3\r\n8.0\r\n", "no value": "+OK\r\n$-1\r\n", "an error": "-ERR\r\n", "another order": "$3\r\n7.0\r\n+OK\r\n",
	} {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Read(make([]byte, 4096))
			_, _ = there.Write([]byte(answers))
		}()
		c := &caller{speech: &redisPairs, conn: here, number: 7, in: make([]byte, 512)}
		if err := c.exchange(2); err == nil {
			t.Errorf("%s: it passes", name)
		}
		_ = here.Close()
		_ = there.Close()
	}
}

// One answer that takes long makes all that should have been sent meanwhile late.
func TestPacedCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		took, err := paced(time.Now(), 10*time.Millisecond, 60*time.Millisecond, func() error {
			if n++; n == 2 {
				time.Sleep(25 * time.Millisecond)
			}
			return nil
		})
		want := []time.Duration{0, 25 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond, 0, 0}
		if err != nil || len(took) != len(want) {
			t.Fatalf("got %v, %v, want %v", took, err, want)
		}
		for i := range want {
			if took[i] != want[i] {
				t.Errorf("got %v, want %v", took, want)
			}
		}
	})
}

func TestGoalsAreHeldAgainstTheMiddleOfTheLoads(t *testing.T) {
	ours, theirs := &rig.Proxy{Name: rig.Ours, Args: []string{"x"}}, &rig.Proxy{Name: "twemproxy", Args: []string{"x"}}
	r := &rig.Results{Proxies: []*rig.Proxy{theirs, ours}}
	b := &bench{o: &options{}}
	for i, l := range b.o.redisLoads() {
		r.Add(l.String(), redisFigures, theirs, []float64{100, 10, 1, 1})
		r.Add(l.String(), redisFigures, ours, []float64{150, 5 + float64(i)/10, 1, 1})
	}
	b.judgeRedis(r)
	var text bytes.Buffer
	text.WriteString("## Head\n\n### Redis\n")
	b.o.asked = "."
	got := b.withGoals(&text).String()
	for _, want := range []string{"| processor time, twemproxy, no pipelining | ≤ 0.75 | 0.61 (0.50–0.72), 12 loads | yes |", "| rate, twemproxy, pipeline 16, 50 clients | ≥ 2.00 | 1.50 (1.50–1.50), 4 loads | **no** |", "### Redis\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}
