package gateway

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// flow is 10,000 requests, each with a number of its own, that pass a gateway whose
// mirror reads, rests and is lost at random.
type flow struct {
	w      *world
	s      *shadow
	random *rand.Rand
	text   string
	got    []int // at the mirror
	torn   int   // messages that broke off with their connection

	refused uint64 // requests, as a required mirror was down
}

const flowLength = 10_000

func TestMirrorModel(t *testing.T) {
	for _, c := range []struct {
		name     string
		required bool
		rests    bool // now and then it does not read
		lost     bool // now and then its connection breaks
	}{
		{"steady", false, false, false}, {"required and steady", true, false, false},
		{"rests", false, true, false}, {"required and rests", true, true, false},
		{"lost", false, true, true}, {"required and lost", true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			inMirror(t, func(r *Route, m *MirrorConfig) {
				m.Required = c.required
				m.Buffer = 64 << 10
				r.Timeouts.Queue, r.Timeouts.Answer = time.Hour, time.Hour
			}, func(w *world, s *shadow) {
				f := &flow{w: w, s: s, random: rand.New(rand.NewPCG(seed, 1)), text: strings.Repeat("x", 200)}
				f.run(c.rests, c.lost)
				f.verify(c.required, c.rests, c.lost)
				if t := f.w.t; t.Failed() {
					t.Logf("seed %d", seed)
				}
			})
		})
	}
}

// run sends, answers and mirrors everything, some 20 requests at a time.
func (f *flow) run(rests, lost bool) {
	backend, client := f.w.backend(), f.w.client()
	enough := make(chan struct{})
	var all, heard sync.WaitGroup
	all.Go(func() { f.mirror(rests, lost, enough) })
	all.Go(func() { f.answer(backend) })
	heard.Go(func() { f.hear(client) })
	for i := range flowLength {
		if _, err := fmt.Fprintf(client.conn, "Q %d %d %s\n", i, i, f.text[:f.random.IntN(len(f.text))]); err != nil {
			f.w.t.Error(err)
			break
		}
		if i%20 == 0 {
			<-time.After(200 * time.Millisecond)
		}
	}
	heard.Wait()
	for deadline := time.Now().Add(10 * time.Minute); f.w.mirror().Waiting > 0 && time.Now().Before(deadline); {
		<-time.After(time.Second)
	}
	close(enough)
	backend.close()
	all.Wait()
}

// answer is the backend: it answers at once.
func (f *flow) answer(p *peer) {
	for {
		line := p.line()
		if strings.HasPrefix(line, "<") {
			return
		}
		if _, err := fmt.Fprintf(p.conn, "A %s ok\n", strings.Fields(line)[1]); err != nil {
			f.w.t.Error(err)
			return
		}
	}
}

// hear is the client: each of its requests has one answer, or hears that a required
// mirror is down.
func (f *flow) hear(p *peer) {
	heard := make([]bool, flowLength)
	for range flowLength {
		line := p.line()
		word := strings.Fields(line)
		id := -1
		if len(word) > 1 {
			_, _ = fmt.Sscan(word[1], &id)
		}
		if id < 0 || id >= flowLength || heard[id] || line != fmt.Sprintf("A %d ok", id) && line != fmt.Sprintf("! %d later backend-down", id) {
			f.w.t.Errorf("client: got %q", line)
			return
		}
		heard[id] = true
		if word[0] == "!" {
			f.refused++
		}
	}
}

// mirror reads what the mirror's connections bring, until enough is closed.
func (f *flow) mirror(rests, lost bool, enough chan struct{}) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for {
		var p *peer
		select {
		case p = <-f.s.dials:
		case <-enough:
			return
		}
		for open := true; open; {
			if rests && random.IntN(300) == 0 {
				<-time.After(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			if lost && random.IntN(500) == 0 {
				_ = p.conn.Close()
				break
			}
			_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
			line, err := p.r.ReadString('\n')
			switch {
			case err == nil:
				f.take(line)
			case isTimeout(err) && line == "":
				select {
				case <-enough:
					open = false
					_ = p.conn.Close()
				default:
				}
			default:
				if line != "" {
					f.torn++
				}
				open = false
				_ = p.conn.Close()
			}
		}
	}
}

func isTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// take notes the number of a request. It must be one, whole.
func (f *flow) take(line string) {
	var id, n int
	if _, err := fmt.Sscanf(line, "Q %d %d", &id, &n); err != nil || !strings.HasSuffix(line, "\n") {
		f.w.t.Errorf("mirror: got %q", line)
		return
	}
	f.got = append(f.got, n)
}

// verify holds what the mirror got against what was forwarded, which is in order.
func (f *flow) verify(required, rests, lost bool) {
	t := f.w.t
	s, c := f.w.mirror(), f.w.counters()
	if c.Forwarded+f.refused != flowLength || s.Refused != f.refused || s.Copied+s.Missed != c.Forwarded || s.Waiting != 0 {
		t.Errorf("forwarded %d, refused %d: got %+v", c.Forwarded, f.refused, s)
	}
	for i := 1; i < len(f.got); i++ {
		if f.got[i] <= f.got[i-1] {
			t.Fatalf("the mirror got %d after %d", f.got[i], f.got[i-1])
		}
	}
	if uint64(len(f.got)) > s.Copied {
		t.Errorf("the mirror got %d, and %d were copied", len(f.got), s.Copied)
	}
	if !lost && uint64(len(f.got)) != s.Copied {
		t.Errorf("the mirror got %d of %d that were copied, and lost no connection", len(f.got), s.Copied)
	}
	if (required || !rests) && s.Missed != 0 {
		t.Errorf("it missed some: %+v", s)
	}
	if !lost && f.refused > 0 {
		t.Errorf("%d requests were refused", f.refused)
	}
	t.Logf("got %d, torn %d, %+v", len(f.got), f.torn, s)
}
