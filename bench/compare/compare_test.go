//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/bench/internal/rig"
)

// What each speech asks its server answers with the nonce, and nobody else's answer passes.
func TestAnswersBringTheirNonce(t *testing.T) {
	for _, s := range []*speech{&jsonrpc, &modbus, &payment, &ward} {
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
			if seq, ok := s.check(frame, 7, 0, 4, want); seq != want || !ok {
				t.Errorf("%s: got %d, %v, want %d", s.name, seq, ok, want)
			}
			if _, ok := s.check(frame, 8, 0, 4, want); ok {
				t.Errorf("%s: another client's answer passes", s.name)
			}
			if _, ok := s.check(frame, 7, 4, 4, want); ok {
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

// A value of Redis brings its client's number and that of the SET before. Answers are cut anywhere.
func TestConversationHears(t *testing.T) {
	for _, cut := range []int{1, 2, 7, 64, 1000} {
		c := conversation{speech: redisPairs(64), number: 7}
		asked := string(c.ask(nil, 2))
		value := "7.0." + strings.Repeat("v", 60)
		if want := "*3\r\n$3\r\nSET\r\n$5\r\nkey:7\r\n$64\r\n" + value + "\r\n*2\r\n$3\r\nGET\r\n$5\r\nkey:7\r\n"; asked != want {
			t.Fatalf("got %q, want %q", asked, want)
		}
		answers := "+OK\r\n$64\r\n" + value + "\r\n"
		for len(answers) > 0 {
			n := min(cut, len(answers))
			if c.over() {
				t.Errorf("cut by %d: it is over before %q", cut, answers)
			}
			if err := c.hear([]byte(answers[:n])); err != nil {
				t.Fatalf("cut by %d: %v", cut, err)
			}
			answers = answers[n:]
		}
		if !c.over() {
			t.Errorf("cut by %d: it is not over", cut)
		}
		if asked := string(c.ask(nil, 1)); !strings.Contains(asked, "7.2.v") {
			t.Errorf("the next request is %q", asked)
		}
	}
}

// An answer that is another's, comes twice, in another order or is none, is refused.
func TestConversationRefusesWhatIsNotItsOwn(t *testing.T) {
	value := func(nonce string) string { return "$8\r\n" + nonce + strings.Repeat("v", 8-len(nonce)) + "\r\n" }
	for name, answers := range map[string]string{
		"another's": "+OK\r\n" + value("8.0."), "an older one": "+OK\r\n" + value("7.2."), "no value": "+OK\r\n$-1\r\n", "an error": "-ERR\r\n",
		"another order": value("7.0.") + "+OK\r\n", "one too many": "+OK\r\n" + value("7.0.") + "+OK\r\n", "an OK in place of a value": "+OK\r\n+OK\r\n",
	} {
		c := conversation{speech: redisPairs(8), number: 7}
		c.ask(nil, 2)
		if err := c.hear([]byte(answers)); !errors.Is(err, errStrange) {
			t.Errorf("%s: got %v, want %v", name, err, errStrange)
		}
	}
	c := conversation{speech: &jsonrpc, number: 7}
	requests := c.ask(nil, 2)
	first := jsonrpc.answer(nil, requests[:jsonrpc.split(requests)])
	if err := errors.Join(c.hear(first), c.hear(first)); !errors.Is(err, errStrange) {
		t.Errorf("twice: got %v, want %v", err, errStrange)
	}
}

// One answer that takes long makes all that its client should have sent meanwhile late, and nobody else's.
func TestScheduleCountsFromWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const step = 5 * time.Millisecond
		s := newSchedule(time.Now(), step, 2, 12)
		late := make([][]time.Duration, 2)
		answers := make(chan int, 12)
		serve := func(client int) {
			takes := time.Duration(0)
			if client == 1 && len(late[1]) == 1 {
				takes = 25 * time.Millisecond
			}
			time.AfterFunc(takes, func() { answers <- client })
		}
		for len(late[0])+len(late[1]) < 12 {
			for client, ok := s.take(time.Now()); ok; client, ok = s.take(time.Now()) {
				serve(client)
			}
			wait, ok := s.until(time.Now())
			if !ok {
				wait = time.Hour
			}
			select {
			case client := <-answers:
				took, again := s.answered(client, time.Now())
				late[client] = append(late[client], took)
				if again {
					serve(client)
				}
			case <-time.After(wait):
			}
		}
		// The second client is due at 5, 15, 25, 35, 45 and 55 ms. Its second answer comes at 40, and then it sends what it has missed.
		want := [][]time.Duration{{0, 0, 0, 0, 0, 0}, {0, 25 * time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond, 0, 0}}
		if diff := cmp.Diff(want, late); diff != "" {
			t.Errorf("how late the answers are (-want +got):\n%s", diff)
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

// The generator over sockets: as fast as goes, at a rate, and with an answer of another client.
func TestGenerator(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = jsonrpc.answers(conn) }()
		}
	}()
	b := &bench{ctx: t.Context()}
	p := &rig.Proxy{Address: l.Addr().String()}
	if got, _, err := b.generate(p, job{Speech: "jsonrpc", Clients: 8, Depth: 3, Long: 50 * time.Millisecond}); err != nil || got.Answered < 24 || got.Answered%3 != 0 || got.Took < 40*time.Millisecond {
		t.Errorf("as fast as goes: got %+v, %v", got, err)
	}
	if got, _, err := b.generate(p, job{Speech: "jsonrpc", Clients: 8, Rate: 1000, Long: 100 * time.Millisecond}); err != nil || got.Answered != 100 || got.Took < 90*time.Millisecond || len(got.Late) != len(quantiles) || got.Late[0] <= 0 {
		t.Errorf("at a rate: got %+v, %v", got, err)
	}
	called := false
	if err := b.withGenerator(job{Speech: "jsonrpc", Address: p.Address, Clients: 8}, func(*bufio.Reader) error { called = true; return nil }); err != nil || !called {
		t.Errorf("one exchange of each: %v, called: %v", err, called)
	}
	if _, _, err := b.generate(p, job{Speech: liar, Clients: 1, Depth: 1, Long: time.Second}); err == nil || !strings.Contains(err.Error(), errStrange.Error()) {
		t.Errorf("another client's answer: got %v, want %v", err, errStrange)
	}
}

// liar asks in another client's name, and so hears answers that are not its own.
const liar = "liar"

func TestMain(m *testing.M) {
	speeches[liar] = &speech{name: liar, split: jsonrpc.split, ask: func(dst []byte, _, seq int) []byte { return jsonrpc.ask(dst, 5, seq) }, check: jsonrpc.check}
	if len(os.Args) == 3 && os.Args[1] == generatorCommand {
		main()
		return
	}
	os.Exit(m.Run())
}
