package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// carries is a route that carries what is longer than a line of 100 bytes.
func carries(r *Route) {
	r.Codec = newPlain(func(t *protocol.Traits) { t.Carries = true })
	r.Limits.Inline = 100
}

func carriesOver(n int) func(*Route) {
	return func(r *Route) {
		carries(r)
		r.Backends[0].Connections = n
	}
}

// body returns n bytes that contain no newline and differ from those at other places.
func body(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()[:n]
}

// raw writes text, from a goroutine, as it may have to wait.
func (p *peer) raw(text string) {
	go func() { _, _ = p.conn.Write([]byte(text)) }()
	synctest.Wait()
}

// bytes reads n bytes.
func (p *peer) bytes(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	if k, err := io.ReadFull(p.r, b); err != nil {
		p.t.Fatalf("%s: after %d of %d bytes: %v", p.name, k, n, err)
	}
	return string(b)
}

const great = 300_000

func greatLine(kind, id string) string { return fmt.Sprintf("%s %s @%d\n", kind, id, great) }

func TestABodyIsCarriedAndTheSessionGoesOnBehindIt(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c := w.backend(), w.client()
		want := body(great)
		c.raw(greatLine("Q", "1") + want + "Q 2 after\n")
		ticket, text := b.request()
		if text != "@300000" {
			t.Errorf("head: got %q", text)
		}
		if got := b.bytes(great); got != want {
			t.Error("the backend got other bytes")
		}
		other, text := b.request()
		if text != "after" || other == ticket {
			t.Errorf("got %q under %s, the first was %s", text, other, ticket)
		}
		b.send("A "+other+" second", "A "+ticket+" first")
		c.expect("A 2 second", "A 1 first")
		if n := w.counters(); n.Carried != 1 || n.Cut != 0 || n.Answered != 2 {
			t.Errorf("counters: %+v", n)
		}
	})
}

func TestOthersGoRoundAConnectionThatCarries(t *testing.T) {
	inWorld(t, carriesOver(2), func(w *world) {
		one, two := w.backend(), w.backend()
		c, d := w.client(), w.client()
		c.raw(greatLine("Q", "1") + "the beginning")
		carrier, free := one, two
		if carrier.r.Buffered() == 0 {
			_ = one.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := one.r.Peek(1); err != nil {
				carrier, free = two, one
			}
		}
		ticket, _ := carrier.request()
		for i := range 5 {
			d.send(fmt.Sprintf("Q %d small", i))
			other, _ := free.request()
			free.send("A " + other + " ok")
			d.expect(fmt.Sprintf("A %d ok", i))
		}
		c.raw(body(great - len("the beginning")))
		if got := carrier.bytes(great); got != "the beginning"+body(great-len("the beginning")) {
			t.Error("something came between the bytes of the body")
		}
		carrier.send("A " + ticket + " done")
		c.expect("A 1 done")
	})
}

func TestABodyWaitsForAConnectionThatIsEmpty(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 small")
		first, _ := b.request()
		d.raw(greatLine("Q", "1") + body(great))
		b.silent()
		c.send("Q 2 behind it")
		b.silent() // the connection is being emptied
		b.send("A " + first + " ok")
		c.expect("A 1 ok")
		ticket, text := b.request()
		if text != "@300000" {
			t.Errorf("got %q, want the head", text)
		}
		b.bytes(great)
		next, text := b.request()
		if text != "behind it" {
			t.Errorf("got %q", text)
		}
		b.send("A "+next+" ok", "A "+ticket+" ok")
		c.expect("A 2 ok")
		d.expect("A 1 ok")
	})
}

func TestAClientThatBreaksOffCostsThatConnectionAndNothingElse(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"end":   func(p *peer) { _ = p.conn.CloseWrite() },
		"reset": func(p *peer) { _ = p.conn.SetLinger(0); _ = p.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, carries, func(w *world) {
				b, c, d := w.backend(), w.client(), w.client()
				c.raw(greatLine("Q", "1") + "the beginning")
				b.request()
				b.bytes(len("the beginning"))
				end(c)
				synctest.Wait()
				if got := b.line(); !strings.HasPrefix(got, "<") || got == "<EOF>" {
					t.Errorf("the backend sees %q, want a reset", got)
				}
				next := w.backend()
				d.send("Q 1 hello")
				ticket, _ := next.request()
				next.send("A " + ticket + " ok")
				d.expect("A 1 ok")
				if n := w.counters(); n.Cut != 1 {
					t.Errorf("cut: got %d, want 1", n.Cut)
				}
			})
		})
	}
}

func TestABackendThatIsLostInABodyLeavesTheClientInStep(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw(greatLine("Q", "1") + body(1000))
		b.request()
		b.bytes(1000)
		_ = b.conn.SetLinger(0)
		b.close()
		c.raw(body(great)[1000:] + "Q 2 after\n")
		c.expect("! 1 failed backend-lost unknown")
		next := w.backend()
		ticket, text := next.request()
		if text != "after" {
			t.Errorf("got %q", text)
		}
		next.send("A " + ticket + " ok")
		c.expect("A 2 ok")
	})
}

func TestTheBodyOfARefusedRequestIsSkipped(t *testing.T) {
	inWorld(t, func(r *Route) { carries(r); r.Limits.Strikes = 3 }, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw("Q 1 bad @300000\n" + body(great) + "Q 2 good\n")
		c.expect("! 1 fix bad-shape")
		ticket, text := b.request()
		if text != "good" {
			t.Errorf("got %q", text)
		}
		b.send("A " + ticket + " ok")
		c.expect("A 2 ok")
	})
}

func TestABodyThatDoesNotMoveEnds(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw(greatLine("Q", "1") + "the beginning")
		b.request()
		time.Sleep(time.Minute)
		if got := c.line(); !strings.HasPrefix(got, "<") && !strings.HasPrefix(got, "!") {
			t.Errorf("the client sees %q, want the end", got)
		}
		w.backend()
		if n := w.counters(); n.Limits["body_time"] != 1 {
			t.Errorf("body_time: got %d, want 1", n.Limits["body_time"])
		}
	})
}

func TestABodyThatDripsEndsToo(t *testing.T) {
	inWorld(t, func(r *Route) { carries(r); r.Timeouts.Body = time.Minute }, func(w *world) {
		_, c := w.backend(), w.client()
		c.raw(greatLine("Q", "1"))
		for range 80 {
			if _, err := c.conn.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if n := w.counters(); n.Limits["body_time"] != 1 {
			t.Errorf("body_time: got %d, want 1", n.Limits["body_time"])
		}
	})
}

func TestTheTimeForTheAnswerBeginsBehindTheBody(t *testing.T) {
	inWorld(t, func(r *Route) { carries(r); r.Timeouts.Answer = 5 * time.Second }, func(w *world) {
		b, c := w.backend(), w.client()
		go func() { _, _ = io.Copy(io.Discard, b.r) }()
		c.raw(greatLine("Q", "1"))
		for i := range 10 {
			c.raw(body(great)[i*great/10 : (i+1)*great/10])
			time.Sleep(2 * time.Second)
		}
		c.silent()
		time.Sleep(4 * time.Second)
		c.expect("! 1 failed answer-timeout unknown")
	})
}

func TestAOneWayMessageIsCarriedToo(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw("N note @300000\n" + body(great) + "Q 2 after\n")
		b.expect("N note @300000")
		b.bytes(great)
		ticket, _ := b.request()
		b.send("A " + ticket + " ok")
		c.expect("A 2 ok")
	})
}

func TestAResultIsCarriedBack(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 great")
		one, _ := b.request()
		d.send("Q 1 small")
		two, _ := b.request()
		want := body(great)
		b.raw(greatLine("A", one) + want + "A " + two + " ok\n")
		c.expect("A 1 @300000")
		if got := c.bytes(great); got != want {
			t.Error("the client got other bytes")
		}
		d.expect("A 1 ok")
		c.send("Q 1 again") // the id is free
		ticket, _ := b.request()
		b.send("A " + ticket + " ok")
		c.expect("A 1 ok")
		if n := w.counters(); n.Carried != 1 || n.Answered != 3 || n.Cut != 0 {
			t.Errorf("counters: %+v", n)
		}
	})
}

func TestNothingComesBetweenTheBytesOfAResult(t *testing.T) {
	inWorld(t, func(r *Route) { carriesOver(3)(r); r.Backends[0].InFlight = 1 }, func(w *world) {
		c := w.client()
		c.send("Q 1 a", "Q 2 b", "Q 3 c")
		var backends []*peer
		var tickets []string
		for range 3 {
			b := w.backend()
			ticket, _ := b.request()
			backends, tickets = append(backends, b), append(tickets, ticket)
		}
		backends[0].raw(greatLine("A", tickets[0]) + "begin,")
		backends[1].raw(greatLine("A", tickets[1]) + body(great)) // it waits for the first
		backends[2].send("A " + tickets[2] + " small")            // it is kept aside
		backends[0].raw(body(great - len("begin,")))
		if got := c.line(); !strings.HasSuffix(got, " @300000") {
			t.Fatalf("got %q, want a head", got)
		}
		if got := c.bytes(great); got != "begin,"+body(great-len("begin,")) {
			t.Fatal("something came between")
		}
		if got := c.line(); !strings.HasSuffix(got, " small") {
			t.Fatalf("got %q, want the small result", got)
		}
		if got := c.line(); !strings.HasSuffix(got, " @300000") {
			t.Fatalf("got %q, want a head", got)
		}
		if c.bytes(great) != body(great) {
			t.Fatal("something came between")
		}
	})
}

func TestAClientThatDoesNotReadItsGreatResultIsLostAlone(t *testing.T) {
	inWorld(t, func(r *Route) { carries(r); r.Limits.Queue = 4 << 10 }, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 great")
		one, _ := b.request()
		d.send("Q 1 small")
		two, _ := b.request()
		b.raw(greatLine("A", one) + body(great) + "A " + two + " ok\n")
		time.Sleep(time.Minute)
		d.expect("A 1 ok")
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Hour))
		if got, err := io.ReadAll(c.r); err == nil || !bytes.HasPrefix([]byte("A 1 @300000\n"+body(great)), got) {
			t.Errorf("the client got %d bytes and %v, want a part and a reset", len(got), err)
		}
		if n := w.counters(); n.Cut != 1 || n.Abandoned != 1 {
			t.Errorf("counters: %+v", n)
		}
	})
}

func TestABackendThatBreaksOffInAResultCostsThatClientToo(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 great")
		one, _ := b.request()
		d.send("Q 1 small")
		b.request()
		b.raw(greatLine("A", one) + body(1000))
		b.close()
		c.expect("A 1 @300000")
		if got, err := io.ReadAll(c.r); err == nil {
			t.Errorf("the client got %d bytes and a clean end", len(got))
		}
		d.expect("! 1 failed backend-lost unknown")
	})
}

func TestAResultForAClientThatIsGoneIsSkipped(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 great")
		one, _ := b.request()
		d.send("Q 1 small")
		two, _ := b.request()
		_ = c.conn.SetLinger(0)
		c.close()
		b.raw(greatLine("A", one) + body(great) + greatLine("A", "77") + body(great) + "A " + two + " ok\n")
		d.expect("A 1 ok")
	})
}

func TestWhatIsLongerThanIsCarriedIsRefused(t *testing.T) {
	inWorld(t, func(r *Route) { carries(r); r.Limits.Carry = 1000 }, func(w *world) {
		w.backend()
		c := w.client()
		c.send("Q 1 @1001")
		c.expect("! - fix too-large", "<EOF>")
	})
}

func TestAShutdownEndsABodyAtItsDeadline(t *testing.T) {
	inWorld(t, carries, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw(greatLine("Q", "1") + "the beginning")
		b.request()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.g.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: got %v, want that it waited for the 5 s", err)
		}
		b.bytes(len("the beginning"))
		for _, p := range []*peer{b, c} {
			if got, err := io.ReadAll(p.r); err == nil && p == b {
				t.Errorf("%s: got %q and a clean end in the middle of a body", p.name, got)
			}
		}
	})
}

func TestCheckOfInline(t *testing.T) {
	r := Route{Name: "r", Listen: ":0", Codec: newPlain(), Backends: []BackendConfig{{Name: "b", Address: "x"}}, Limits: Limits{Inline: 100}}
	c := Config{Routes: []Route{r}}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "limits.inline") {
		t.Errorf("a codec without heads: got %v", err)
	}
	carries(&c.Routes[0])
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Routes[0].Limits.Inline = 2 << 20
	if err := c.Check(); err == nil {
		t.Error("more than limits.frame passes")
	}
}

func TestAMirrorOfLinesGetsTheHeadOfWhatIsCarried(t *testing.T) {
	sink := make(chan net.Conn, 5)
	inWorld(t, func(r *Route) {
		carries(r)
		dial := func(context.Context) (net.Conn, error) {
			near, far := tunneltest.Pipe(64 << 10)
			sink <- far
			return near, nil
		}
		r.Mirrors = []MirrorConfig{
			{Name: "lines", Dial: dial, Format: MirrorLines, Results: true},
			{Name: "frames", Dial: func(context.Context) (net.Conn, error) { return nil, errors.New("refused") }},
		}
	}, func(w *world) {
		b, c := w.backend(), w.client()
		c.raw(greatLine("Q", "1") + body(great))
		ticket, _ := b.request()
		b.bytes(great)
		b.raw(greatLine("A", ticket) + body(great))
		c.expect("A 1 @300000")
		c.bytes(great)
		synctest.Wait()
		far := <-sink
		_ = far.SetReadDeadline(time.Now().Add(time.Second))
		got, _ := io.ReadAll(far)
		lines := strings.Split(strings.TrimSpace(string(got)), "\n")
		if len(lines) != 2 || !strings.HasSuffix(lines[0], `"body":"Q 1 @300000","rest":300000}`) || !strings.HasSuffix(lines[1], `"body":"A 1 @300000","rest":300000}`) {
			t.Errorf("got %q", lines)
		}
		_ = far.Close()
	})
}

// A client that takes its great result slowly, or not at all, does not make others late whose answers are behind it.
func TestAnswersBehindAGreatResultAreNotLate(t *testing.T) {
	inWorld(t, func(r *Route) {
		carries(r)
		r.Timeouts.Frame, r.Timeouts.Answer = 20*time.Second, 5*time.Second
	}, func(w *world) {
		b, slow, other := w.backend(), w.client(), w.client()
		slow.send("Q 1 great")
		first, _ := b.request()
		other.send("Q 1 small")
		second, _ := b.request()
		b.raw(greatLine("A", first) + body(great) + "A " + second + " small\n")
		time.Sleep(10 * time.Second) // nobody reads meanwhile
		if n := w.counters(); n.Expired != 0 {
			t.Errorf("%d have expired behind a great result", n.Expired)
		}
		slow.line()
		slow.bytes(great)
		other.expect("A 1 small")
	})
}
