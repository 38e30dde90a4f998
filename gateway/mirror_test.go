package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// shadow is the far end of a mirror, connection after connection.
type shadow struct {
	t      *testing.T
	dials  chan *peer
	refuse atomic.Bool
}

// newShadow is called in the bubble.
func newShadow(t *testing.T) *shadow { return &shadow{t: t, dials: make(chan *peer, 1000)} }

// dial makes a connection that holds 1 KiB that is not read.
func (s *shadow) dial(context.Context) (net.Conn, error) {
	if s.refuse.Load() {
		return nil, errors.New("refused")
	}
	near, far := tunneltest.Pipe(1 << 10)
	s.dials <- newPeer(nil, "mirror", far) // the test is known once the world is there
	return near, nil
}

// next returns the next connection that was made.
func (s *shadow) next() *peer {
	s.t.Helper()
	select {
	case p := <-s.dials:
		p.t = s.t
		synctest.Wait()
		return p
	case <-time.After(time.Hour):
		s.t.Fatal("the mirror was not dialled")
		return nil
	}
}

// inMirror is inWorld with one mirror, in frames unless change says otherwise.
func inMirror(t *testing.T, change func(*Route, *MirrorConfig), f func(w *world, s *shadow)) {
	t.Helper()
	var s *shadow
	inWorld(t, func(r *Route) {
		s = newShadow(t)
		m := MirrorConfig{Name: "m", Dial: s.dial, Buffer: 8 << 10}
		if change != nil {
			change(r, &m)
		}
		r.Mirrors = []MirrorConfig{m}
	}, func(w *world) {
		s.t = w.t
		f(w, s)
	})
}

func (w *world) mirror() MirrorSnapshot { return w.g.Snapshot().Routes[0].Mirrors[0] }

func TestAMirrorGetsWhatIsForwardedAndNothingElse(t *testing.T) {
	inMirror(t, func(r *Route, _ *MirrorConfig) { r.Limits.InFlight = 4 }, func(w *world, s *shadow) {
		b, m, one, two := w.backend(), s.next(), w.client(), w.client()
		one.send("Q 7 alpha")
		two.send("Q 7 beta", "Q 8 bad")
		two.expect("! 8 fix bad-shape")
		two.send("Q 7 again")
		two.expect("! 7 duplicate still-open")
		one.send("N gamma", "K", "B Q 1 delta|Q 2 bad|N epsilon|A 3 x|Q 4 zeta", "Q 5 eta", "Q 6 theta")
		one.expect("K", "! 6 later busy")
		m.expect("Q 1 alpha", "Q 2 beta", "N gamma", "Q 3 delta", "N epsilon", "Q 4 zeta", "Q 5 eta")
		m.silent()
		for range 7 {
			b.line()
		}
		b.silent()
		if got := w.mirror(); got.Copied != 7 || got.Missed != 0 || got.State != "attached" || got.Queued != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAMirrorKeepsIDsWhereNobodyRewritesThem(t *testing.T) {
	inMirror(t, func(r *Route, _ *MirrorConfig) { r.Mode = new(protocol.FIFO) }, func(w *world, s *shadow) {
		m := s.next()
		w.client().send("Q abc x")
		m.expect("Q abc x")
	})
}

// What the backend's Ledger refuses is not copied, and keeps no room.
func TestAMirrorGetsNothingThatWasNotForwarded(t *testing.T) {
	for _, required := range []bool{false, true} {
		inMirror(t, func(r *Route, m *MirrorConfig) { r.Mode, m.Required = new(protocol.Key), required }, func(w *world, s *shadow) {
			m := s.next()
			w.client().send("Q key one")
			two := w.client()
			two.send("Q key two")
			two.expect("! key duplicate still-open")
			two.send("Q other three")
			m.expect("Q key one", "Q other three")
			m.silent()
		})
	}
}

func TestAMirrorSpeaksItsOwnFraming(t *testing.T) {
	inMirror(t, func(_ *Route, m *MirrorConfig) { m.Codec = bracketed{newPlain()} }, func(w *world, s *shadow) {
		m := s.next()
		w.client().send("Q 5 x", "Q 6 unframable")
		m.expect("[Q 1 x]")
		if got := w.mirror(); got.Copied != 1 || got.Missed != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

// bracketed is plain in another framing.
type bracketed struct{ *plain }

func (bracketed) OpenFrame(dst, _ []byte) []byte { return append(dst, '[') }

func (bracketed) CloseFrame(dst []byte, start int) ([]byte, error) {
	if strings.Contains(string(dst[start:]), "unframable") {
		return dst[:start], errors.New("it does not fit")
	}
	return append(dst, "]\n"...), nil
}

// told is what a client heard, and when.
type told struct {
	after time.Duration
	line  string
}

// schedule sends requests of one client at fixed times, answers each after 1 ms, and
// returns what the client heard.
func schedule(w *world, n int, text string) (heard []told) {
	b, c := w.backend(), w.client()
	began := time.Now()
	for i := range n {
		c.send(fmt.Sprintf("Q %d %s", i, text))
		ticket, _ := b.request()
		<-time.After(time.Millisecond)
		b.send("A " + ticket + " " + fmt.Sprint(i))
		line := c.line()
		heard = append(heard, told{time.Since(began), line})
	}
	return heard
}

func TestAMirrorThatStopsReadingChangesNothing(t *testing.T) {
	const n = 200
	text := strings.Repeat("x", 500)
	var alone, mirrored []told
	inWorld(t, nil, func(w *world) { alone = schedule(w, n, text) })
	inMirror(t, nil, func(w *world, s *shadow) {
		m := s.next()
		mirrored = schedule(w, n, text)
		got := w.mirror()
		m.conn.Close()
		if got.Detached == 0 || got.Missed < n/2 || got.Copied+got.Missed+uint64(got.Waiting) != n {
			t.Errorf("got %+v", got)
		}
		for len(s.dials) > 0 { // it was dialled again, and was as slow
			m = <-s.dials
			m.conn.Close()
		}
		m = s.next()
		w.client().send("Q 1 after")
		if line := m.line(); !strings.HasSuffix(line, " after") {
			t.Errorf("got %q", line)
		}
	})
	if !slices.Equal(alone, mirrored) {
		t.Errorf("alone, the client heard %v; with a mirror that does not read %v", alone, mirrored)
	}
}

func TestAMirrorThatIsNotThereChangesNothing(t *testing.T) {
	const n = 50
	var alone, mirrored []told
	inWorld(t, nil, func(w *world) { alone = schedule(w, n, "x") })
	inMirror(t, func(_ *Route, m *MirrorConfig) {
		m.Dial = func(context.Context) (net.Conn, error) { return nil, errors.New("refused") }
	}, func(w *world, _ *shadow) {
		<-time.After(time.Minute)
		if got := w.mirror(); got.State != "down" || got.Dials < 5 || got.Dials > 30 {
			t.Errorf("got %+v", got)
		}
		mirrored = schedule(w, n, "x")
		if got := w.mirror(); got.Missed != n {
			t.Errorf("got %+v", got)
		}
	})
	if !slices.Equal(alone, mirrored) {
		t.Errorf("alone, the client heard %v; without the mirror's target %v", alone, mirrored)
	}
}

// A mirror that is left in the middle of a frame gets the next one from its beginning.
func TestAMirrorBeginsWithAFrame(t *testing.T) {
	text := strings.Repeat("x", 900)
	inMirror(t, nil, func(w *world, s *shadow) {
		m, c := s.next(), w.client()
		for i := range 3 { // the first fits into the connection, and a part of the second
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		_ = m.conn.SetLinger(0)
		m.close()
		m = s.next()
		c.send("Q 4 new")
		if line := m.line(); !strings.HasSuffix(line, " new") {
			t.Errorf("got %q", line)
		}
		if got := w.mirror(); got.Copied != 2 || got.Missed != 2 || got.Detached != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhatAMirrorAnswersIsDropped(t *testing.T) {
	inMirror(t, nil, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		c.send("Q 1 x")
		ticket, _ := b.request()
		m.expect("Q 1 x")
		m.send("A " + ticket + " forged")
		m.send("A 1 forged", "B garbage", strings.Repeat("z", 5000))
		c.silent()
		b.send("A " + ticket + " true")
		c.expect("A 1 true")
		if got := w.mirror(); got.Returned != 5000+uint64(len("A  forged\nA 1 forged\nB garbage\n\n")+len(ticket)) {
			t.Errorf("got %+v", got)
		}
	})
}

// What is held for a required mirror stays within its bound, its source is slowed, and
// when it reads again nothing is lost or doubled.
func TestARequiredMirrorSlowsItsSource(t *testing.T) {
	const n = 100
	text := strings.Repeat("x", 500)
	inMirror(t, func(r *Route, m *MirrorConfig) {
		m.Required = true
		r.Timeouts.Queue = time.Hour
		r.Timeouts.Answer = time.Hour
		r.Backends[0].InFlight = n
		r.Limits.Tunnel = 2 << 10 // room towards the backend is given back whenever there is none here
	}, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		for i := range n {
			c.send(fmt.Sprintf("Q %d %d-%s", i, i, text)) // the pipe takes what the gateway does not
		}
		<-time.After(10 * time.Minute)
		got, counters := w.mirror(), w.counters()
		if got.Queued == 0 || got.Queued > 8<<10 || got.Missed > 0 || counters.Queued != 1 {
			t.Errorf("got %+v, %d held", got, counters.Queued)
		}
		if stopped := int(counters.Forwarded); stopped > 20 {
			t.Errorf("%d requests were forwarded past a mirror that does not read", stopped)
		}
		for i := range n {
			if i%10 == 0 {
				<-time.After(time.Minute) // it fills again
			}
			if line, want := m.line(), fmt.Sprintf(" %d-%s", i, text); !strings.HasSuffix(line, want) {
				t.Fatalf("mirror: got %q, want it to end in %q", line, want)
			}
			if _, got := b.request(); !strings.HasPrefix(got, fmt.Sprintf("%d-", i)) {
				t.Fatalf("backend: got %q, want request %d", got, i)
			}
		}
		if got := w.mirror(); got.Copied != n || got.Missed != 0 || got.Detached != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestARequestThatWaitsForAMirrorTooLongHearsLater(t *testing.T) {
	inMirror(t, func(r *Route, m *MirrorConfig) { m.Required, m.Buffer = true, 2<<10 }, func(w *world, s *shadow) {
		s.next()
		w.backend()
		c := w.client()
		text := strings.Repeat("x", 900)
		began := time.Now()
		for i := range 4 { // one fits into the connection, two into the buffer
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		c.expect("! 3 later queue-timeout")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// Copies that a required mirror had not taken when it was lost go to its next connection.
func TestARequiredMirrorMissesNothingThatWasNotWritten(t *testing.T) {
	text := strings.Repeat("x", 400)
	inMirror(t, func(r *Route, m *MirrorConfig) { m.Required = true }, func(w *world, s *shadow) {
		m, c := s.next(), w.client()
		for i := range 10 { // two fit into the connection, and a part of the third
			c.send(fmt.Sprintf("Q %d %d-%s", i, i, text))
		}
		m.expect("Q 1 0-"+text, "Q 2 1-"+text)
		_ = m.conn.SetLinger(0)
		m.close()
		m = s.next()
		var id, first int
		if line := m.line(); !strings.HasSuffix(line, text) {
			t.Errorf("got %q", line)
		} else if _, err := fmt.Sscanf(line, "Q %d %d-", &id, &first); err != nil || first < 2 || first > 6 { // what it had taken by then
			t.Errorf("got %q, %v", line, err)
		}
		for i := first + 1; i < 10; i++ {
			m.expect(fmt.Sprintf("Q %d %d-%s", i+1, i, text))
		}
		if got := w.mirror(); got.Copied != 10 || got.Missed != 0 || got.Detached != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestARequiredMirrorThatIsDown(t *testing.T) {
	inMirror(t, func(r *Route, m *MirrorConfig) { m.Required = true }, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		s.refuse.Store(true)
		m.close()
		<-time.After(time.Minute)
		if got := w.mirror(); got.State != "down" {
			t.Fatalf("got %+v", got)
		}
		c.send("Q 1 x")
		c.expect("! 1 later backend-down")
		b.silent()
		if got := w.mirror(); got.Refused != 1 || got.Missed != 0 {
			t.Errorf("got %+v", got)
		}
		s.refuse.Store(false)
		m = s.next()
		c.send("Q 2 y")
		m.expect("Q 2 y")
		b.request()
	})
}

// A required mirror that goes down for good frees the requests that wait for it.
func TestARequiredMirrorThatIsLostFreesWhoWaits(t *testing.T) {
	inMirror(t, func(r *Route, m *MirrorConfig) {
		m.Required, m.Buffer = true, 2<<10
		r.Timeouts.Queue = time.Hour
	}, func(w *world, s *shadow) {
		m, c := s.next(), w.client()
		text := strings.Repeat("x", 900)
		for i := range 4 { // one fits into the connection, two into the buffer
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		s.refuse.Store(true)
		m.close()
		c.expect("! 3 later backend-down")
	})
}

func TestAMirrorThatIsStuckIsDialledAgain(t *testing.T) {
	inMirror(t, nil, func(w *world, s *shadow) {
		s.next()
		c := w.client()
		text := strings.Repeat("x", 900)
		for i := range 3 {
			c.send(fmt.Sprintf("Q %d %s", i, text))
		}
		began := time.Now()
		s.next()
		if took := time.Since(began); took < 30*time.Second || took > 61*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

func TestAResultIsALine(t *testing.T) {
	inMirror(t, func(_ *Route, m *MirrorConfig) { m.Format, m.Results = MirrorLines, true }, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		began := time.Now().UTC().Format(time.RFC3339)
		c.send("Q 7 hello", "N note")
		c.send("B Q 8 one|Q 9 two")
		for _, want := range []struct{ what, id, body string }{
			{"request", "7", "Q 7 hello"}, {"one-way", "", "N note"}, {"request", "8", "Q 8 one"}, {"request", "9", "Q 9 two"},
		} {
			expectLine(t, m, began, want.what, want.id, want.body, false)
		}
		seven, _ := b.request()
		b.expect("N note")
		eight, _ := b.request()
		nine, _ := b.request()
		b.send("M "+seven+" part", "A "+seven+" rest", "A 99999 stray", "B A "+nine+" ii|E "+eight+" i")
		expectLine(t, m, began, "result", "7", "M 7 part", true)
		expectLine(t, m, began, "result", "7", "A 7 rest", false)
		expectLine(t, m, began, "result", "9", "A 9 ii", false)
		expectLine(t, m, began, "result", "8", "E 8 i", false)
		m.silent()
		c.expect("M 7 part", "A 7 rest", "B E 8 i|A 9 ii")
	})
}

func expectLine(t *testing.T, m *peer, began, what, id, body string, more bool) {
	t.Helper()
	var got struct {
		Time                              time.Time
		Route, Peer, What, ID, Name, Body string
		More                              bool
	}
	text := m.line()
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if got.Time.Format(time.RFC3339) != began || got.Route != "r" || got.Peer == "" || got.What != what || got.ID != id || got.Body != body || got.More != more {
		t.Errorf("got %s", text)
	}
}

func TestAShutdownWritesWhatIsLeft(t *testing.T) {
	text := strings.Repeat("x", 900)
	inMirror(t, nil, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		for i := range 5 {
			c.send(fmt.Sprintf("Q %d %s", i, text))
			ticket, _ := b.request()
			b.send("A " + ticket + " x")
			c.line()
		}
		c.close()
		ended := make(chan error, 1)
		go func() { ended <- w.g.Shutdown(context.Background()) }()
		<-time.After(time.Second) // nothing is left to do but this
		for i := range 5 {
			m.expect(fmt.Sprintf("Q %d %s", i+1, text))
		}
		m.expect("<EOF>")
		m.close()
		began := time.Now()
		if err := <-ended; err != nil || time.Since(began) > 0 {
			t.Errorf("got %v, after %v", err, time.Since(began))
		}
	})
}

func TestAShutdownDoesNotWaitForAMirrorThatDoesNotRead(t *testing.T) {
	text := strings.Repeat("x", 900)
	for _, required := range []bool{false, true} {
		inMirror(t, func(_ *Route, m *MirrorConfig) { m.Required = required }, func(w *world, s *shadow) {
			b, c := w.backend(), w.client()
			s.next()
			for i := range 5 {
				c.send(fmt.Sprintf("Q %d %s", i, text))
				ticket, _ := b.request()
				b.send("A " + ticket + " x")
				c.line()
			}
			c.close()
			began := time.Now()
			if err := w.g.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 2*time.Second+10*time.Millisecond {
				t.Errorf("required %v: it took %v", required, took)
			}
			if got := w.mirror(); got.Copied != 1 || got.Missed != 4 {
				t.Errorf("required %v: got %+v", required, got)
			}
		})
	}
}

// A bug between the reserving of room and the copy costs one connection and no room.
func TestABugLeavesNoRoomReserved(t *testing.T) {
	var first, second *shadow
	inWorld(t, func(r *Route) {
		first, second = newShadow(t), newShadow(t)
		r.Mirrors = []MirrorConfig{{Name: "first", Dial: first.dial, Required: true}, {Name: "second", Dial: second.dial, Required: true, Codec: panicking{newPlain()}}}
	}, func(w *world) {
		c := w.client()
		c.send("Q 1 panic")
		if got := c.line(); !strings.HasPrefix(got, "<") {
			t.Errorf("got %q", got)
		}
		if n := w.g.Snapshot().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
		if n := w.g.routes[0].mirrors[0].backlog.held(); n != 0 {
			t.Errorf("%d bytes are still reserved", n)
		}
		w.client().send("Q 2 x")
		for _, s := range []*shadow{first, second} {
			if line := s.next().line(); !strings.HasSuffix(line, " x") {
				t.Errorf("got %q", line)
			}
		}
	})
}

// panicking is plain with a bug.
type panicking struct{ *plain }

func (p panicking) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	if strings.HasSuffix(string(m.Body), "panic") {
		panic("a bug")
	}
	return p.plain.AppendWithID(dst, m, id)
}

// What comes before the first target is there waits for it.
func TestAMirrorGetsWhatCameFirst(t *testing.T) {
	inMirror(t, func(_ *Route, m *MirrorConfig) {
		dial := m.Dial
		m.Dial = func(ctx context.Context) (net.Conn, error) {
			<-time.After(time.Second)
			return dial(ctx)
		}
	}, func(w *world, s *shadow) {
		w.client().send("Q 7 first")
		if got := w.mirror(); got.State != "detached" || got.Waiting != 1 {
			t.Errorf("got %+v", got)
		}
		s.next().expect("Q 1 first")
	})
}

// A frame that is carried is missed by a mirror that wants frames, and only that one.
func TestWhatIsCarriedIsNotCopiedAsAFrame(t *testing.T) {
	inMirror(t, func(r *Route, _ *MirrorConfig) { carries(r) }, func(w *world, s *shadow) {
		b, m, c := w.backend(), s.next(), w.client()
		c.raw(greatLine("Q", "7") + body(great) + "Q 8 after\n")
		b.request()
		b.bytes(great)
		m.expect("Q 1 after")
		if got := w.mirror(); got.Missed != 1 || got.Copied != 1 {
			t.Errorf("got %+v", got)
		}
	})
}
