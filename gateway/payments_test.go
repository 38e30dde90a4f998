package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583"
	"github.com/sirupsen/logrus"
)

// inPayments is inWorld with ISO 8583 and a backend connection, or several. Options are the protocol's.
func inPayments(t *testing.T, options string, change func(*Route), f func(w *world)) {
	t.Helper()
	var o iso8583.Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		t.Fatal(err)
	}
	codec, err := iso8583.New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, func(r *Route) {
		r.Codec = codec
		r.Timeouts.Answer = time.Second
		r.Limits.Frame = 4 << 10
		if change != nil {
			change(r)
		}
	}, f)
}

// iso returns a message in 1987-ascii: MTI, terminal, STAN and a nonce in field 48, with a response code if it is an answer.
func iso(mti, terminal string, stan int, nonce string) string {
	if mti[2]%2 != 0 {
		return fmt.Sprintf("%s0020000002810000%06d00%-8s%03d%s", mti, stan, terminal, len(nonce), nonce)
	}
	return fmt.Sprintf("%s0020000000810000%06d%-8s%03d%s", mti, stan, terminal, len(nonce), nonce)
}

// network returns a message of network management with a code in field 70.
func network(mti string, stan int, answer, code string) string {
	if answer != "" {
		return fmt.Sprintf("%s80200000020000000400000000000000%06d%s%s", mti, stan, answer, code)
	}
	return fmt.Sprintf("%s80200000000000000400000000000000%06d%s", mti, stan, code)
}

// message writes one behind its length.
func (p *peer) message(body string) {
	p.t.Helper()
	if _, err := p.conn.Write(append([]byte{byte(len(body) >> 8), byte(len(body))}, body...)); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	synctest.Wait()
}

// body reads one.
func (p *peer) body() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	var n [2]byte
	if _, err := io.ReadFull(p.r, n[:]); err != nil {
		return "<" + err.Error() + ">"
	}
	body := make([]byte, int(n[0])<<8|int(n[1]))
	if _, err := io.ReadFull(p.r, body); err != nil {
		return "<" + err.Error() + ">"
	}
	return string(body)
}

func (p *peer) hears(want string) {
	p.t.Helper()
	if got := p.body(); got != want {
		p.t.Fatalf("%s: got %q, want %q", p.name, got, want)
	}
}

// code reads an answer without field 48, a notice, and returns its response code.
func (p *peer) code() string {
	p.t.Helper()
	body := p.body()
	if len(body) < 28 {
		return body
	}
	return body[26:28]
}

// B4 and B10: two terminals begin with the same number. Each hears its own answer, in whatever order; a late one nobody.
func TestFaultB04AndB10TerminalsWithTheSameNumber(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		b.message(iso("0200", "TERM0002", 1, "b"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0002", 1, "b"))
		host.message(iso("0210", "TERM0002", 1, "b"))
		b.hears(iso("0210", "TERM0002", 1, "b"))
		time.Sleep(2 * time.Second)
		if got := a.code(); got != "68" {
			t.Errorf("a hears %q, want 68", got)
		}
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.silent()
		b.silent()
		if n := w.counters(); n.Late != 1 || n.Expired != 1 {
			t.Errorf("late %d, expired %d; want 1 and 1", n.Late, n.Expired)
		}
	})
}

// B11: a repeat on the same connection is neither forwarded nor refused; another request under the same number is refused.
func TestFaultB11RepeatsJoinWhatIsOpen(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		a.message(iso("0201", "TERM0001", 1, "a"))
		a.message(iso("0200", "TERM0001", 1, "other"))
		if got := a.code(); got != "94" {
			t.Errorf("another request hears %q, want 94", got)
		}
		host.silent()
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.hears(iso("0210", "TERM0001", 1, "a"))
		a.silent()
		if n := w.counters(); n.Joined != 1 || n.Answered != 1 {
			t.Errorf("joined %d, answered %d; want 1 and 1", n.Joined, n.Answered)
		}
	})
}

// A terminal whose connection broke repeats on another one, which may go to another backend connection: the request is
// forwarded once, and the answer reaches the terminal where it is now.
func TestARepeatOnAnotherConnectionJoinsWhatIsOpen(t *testing.T) {
	two := func(r *Route) { r.Backends[0].Connections = 2 }
	for _, stays := range []bool{false, true} {
		inPayments(t, `{}`, two, func(w *world) {
			hosts := []*peer{w.backend(), w.backend()}
			old := w.client()
			old.message(iso("0200", "TERM0001", 1, "a"))
			host, other := hosts[0], hosts[1]
			if waits(other) {
				host, other = other, host
			}
			host.hears(iso("0200", "TERM0001", 1, "a"))
			if !stays {
				old.close()
			}
			for i := range 3 { // one of them would go to the other backend connection
				again := w.client()
				again.message(iso("0201", "TERM0001", 1, "a"))
				defer again.hears(iso("0210", "TERM0001", 1, "a"))
				stranger := w.client()
				stranger.message(iso("0200", "TERM0001", 1, "stolen"))
				if got := stranger.code(); got != "94" {
					t.Errorf("%d: another request under the number hears %q, want 94", i, got)
				}
			}
			host.silent()
			other.silent()
			host.message(iso("0210", "TERM0001", 1, "a"))
			if stays {
				old.hears(iso("0210", "TERM0001", 1, "a"))
			}
			if n := w.counters(); n.Joined != 3 || n.Answered != 1 || n.Forwarded != 1 {
				t.Errorf("joined %d, answered %d, forwarded %d; want 3, 1 and 1", n.Joined, n.Answered, n.Forwarded)
			}
		})
	}
}

func waits(p *peer) bool {
	synctest.Wait()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := p.r.Peek(1)
	return err == nil
}

// Who has joined hears it too when there is no answer, and the number is free again after its quarantine.
func TestWhoHasJoinedHearsThatThereIsNoAnswer(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		b := w.client()
		b.message(iso("0201", "TERM0001", 1, "a"))
		time.Sleep(1500 * time.Millisecond)
		for _, p := range []*peer{a, b} {
			if got := p.code(); got != "68" {
				t.Errorf("%s hears %q, want 68", p.name, got)
			}
		}
		time.Sleep(3 * time.Second)
		b.message(iso("0200", "TERM0001", 1, "later"))
		host.hears(iso("0200", "TERM0001", 1, "later"))
		host.close()
		if got := b.code(); got != "91" {
			t.Errorf("b hears %q, want 91", got)
		}
		host = w.backend()
		b.message(iso("0200", "TERM0001", 1, "again"))
		host.hears(iso("0200", "TERM0001", 1, "again"))
		host.message(iso("0210", "TERM0001", 1, "again"))
		b.hears(iso("0210", "TERM0001", 1, "again"))
	})
}

// A host that is cut off with 500 requests open: each terminal hears so at once, nothing is sent twice, and after the
// sign-on new ones pass.
func TestAHostIsCutOffWithManyOpen(t *testing.T) {
	const n = 500
	inPayments(t, `{"sign_on": {"70": "001"}}`, func(r *Route) {
		r.Backends[0].InFlight, r.Timeouts.Answer = n, time.Hour
		r.Backends[0].Backoff.Min = 50 * time.Millisecond
	}, func(w *world) {
		host := w.backend()
		signOn := func() {
			got := host.body()
			if len(got) < 10 || got[:4] != "0800" {
				t.Fatalf("got %q, want a sign-on", got)
			}
			host.message(network("0810", 1, "00", "001"))
		}
		signOn()
		clients := make([]*peer, n)
		for i := range clients {
			clients[i] = w.client()
			clients[i].message(iso("0200", fmt.Sprintf("T%07d", i), 1, "first"))
		}
		for range n {
			host.body()
		}
		begun := time.Now()
		host.close()
		for i, c := range clients {
			if got := c.code(); got != "91" {
				t.Fatalf("client %d hears %q, want 91", i, got)
			}
		}
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("the last heard after %v", took)
		}
		host = w.backend()
		signOn()
		clients[7].message(iso("0200", "T0000007", 2, "second"))
		host.hears(iso("0200", "T0000007", 2, "second"))
		host.message(iso("0210", "T0000007", 2, "second"))
		clients[7].hears(iso("0210", "T0000007", 2, "second"))
		host.silent()
	})
}

// A host that says nothing any more is asked, and given up; one that answers is not.
func TestProbes(t *testing.T) {
	inPayments(t, `{}`, func(r *Route) {
		r.Backends[0].Probe = ProbeConfig{Every: 30 * time.Second, Timeout: 5 * time.Second, Missed: 2}
	}, func(w *world) {
		host, a := w.backend(), w.client()
		for i := range 3 {
			begun := time.Now()
			got := host.body()
			if len(got) < 10 || got[:4] != "0800" || got[len(got)-3:] != "301" {
				t.Fatalf("got %q, want an echo test", got)
			}
			if took := time.Since(begun); took > 36*time.Second {
				t.Errorf("probe %d came after %v", i, took)
			}
			host.message(network("0810", i+1, "00", "301"))
		}
		a.silent()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.hears(iso("0210", "TERM0001", 1, "a"))
		host.body() // a probe that is not answered
		begun := time.Now()
		host.body() // and another
		if got := host.body(); got[0] != '<' {
			t.Errorf("got %q, want the end", got)
		}
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("it was given up after %v", took)
		}
		if n := w.counters(); n.Limits["probes"] != 1 || n.Unknown+n.Unasked+n.Doubled != 0 {
			t.Errorf("got %+v", n)
		}
		w.backend()
	})
}

// B15: what a host asks unasked is answered if it is of the connection, and otherwise dropped; it is nobody's answer.
func TestFaultB15WhatTheHostAsks(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		host.message(network("0800", 7, "", "301"))
		host.hears(network("0810", 7, "00", "301"))
		host.message(network("0800", 8, "", "161"))
		host.hears(network("0810", 8, "40", "161")) // keys are not exchanged
		host.message(iso("0100", "TERM0001", 1, "a"))
		a.silent()
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.hears(iso("0210", "TERM0001", 1, "a"))
		if n := w.counters(); n.Unasked != 1 {
			t.Errorf("unasked %d, want 1", n.Unasked)
		}
	})
}

// B6 and B7: an answer to what nobody has asked, and a second one, are nobody's; after too many of them the connection is given up.
func TestFaultB06AndB07AnswersToNobody(t *testing.T) {
	inPayments(t, `{}`, func(r *Route) { r.Backends[0].Strikes = 3 }, func(w *world) {
		host, a := w.backend(), w.client()
		ask := func() {
			a.message(iso("0200", "TERM0001", 1, "a"))
			host.hears(iso("0200", "TERM0001", 1, "a"))
		}
		ask()
		host.message(iso("0210", "TERM0002", 1, "a"))
		host.message(iso("0210", "TERM0001", 2, "a"))
		a.silent()
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.hears(iso("0210", "TERM0001", 1, "a"))
		host.message(iso("0210", "TERM0001", 1, "a"))
		host.message(iso("0410", "TERM0001", 1, "a"))
		a.silent()
		if n := w.counters(); n.Answered != 1 || n.Unknown != 4 {
			t.Errorf("answered %d, unknown %d; want 1 and 4", n.Answered, n.Unknown)
		}
		host.message(iso("0210", "TERM0003", 1, "a"))
		if got := host.body(); got[0] != '<' {
			t.Errorf("got %q, want the end", got)
		}
		w.backend()
	})
}

// B13: the right number with another terminal, where the number is the gateway's own: nothing on the connection can be believed.
func TestFaultB13TheRightNumberOfAnotherTerminal(t *testing.T) {
	inPayments(t, `{}`, func(r *Route) { r.Mode = new(protocol.Rewrite) }, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		first := host.body()
		b.message(iso("0200", "TERM0002", 1, "b"))
		second := host.body()
		if first[20:26] == second[20:26] {
			t.Fatalf("both have the number %s", first[20:26])
		}
		host.message("0210" + "0020000002810000" + first[20:26] + "00" + second[26:])
		for _, p := range []*peer{a, b} {
			if got := p.code(); got != "91" && got != "96" {
				t.Errorf("%s hears %q, want a failure", p.name, got)
			}
			p.silent()
		}
		if n := w.counters(); n.Misfits != 1 || n.Answered != 0 {
			t.Errorf("got %+v", n)
		}
		host = w.backend()
		a.message(iso("0200", "TERM0001", 2, "a"))
		q := host.body()
		host.message("0210" + "0020000002810000" + q[20:26] + "00" + q[26:])
		a.hears(iso("0210", "TERM0001", 2, "a"))
	})
}

// No line of the log has anything of a message, whatever becomes of it.
func TestFaultF1NoLineHasTheNumberOfACard(t *testing.T) {
	const pan = "4761739001010119"
	var out bytes.Buffer
	inPayments(t, `{"rules": {"luhn": true}}`, func(r *Route) { r.LogMessages = true }, func(w *world) {
		log := logrus.New()
		log.SetOutput(&out)
		log.SetLevel(logrus.TraceLevel)
		w.g.routes[0].logger = logrus.NewEntry(log)
		host, a := w.backend(), w.client()
		body := func(mti string, pan string, stan int) string {
			return fmt.Sprintf("%s6020000000810000%02d%s000000%06dTERM0001003abc", mti, len(pan), pan, stan)
		}
		a.message(body("0200", pan, 1))
		host.hears(body("0200", pan, 1))
		for i, wrong := range []string{body("0200", "4761739001010118", 2), body("0200", pan, 3) + pan, body("0200", pan, 4)[:40], body("1200", pan, 5), body("0210", pan, 6), "x" + pan} {
			a.message(wrong)
			if i < 4 {
				a.code()
			}
		}
		host.message(body("0210", pan, 9) + pan)
		a.code()
	})
	if n := strings.Count(out.String(), "\n"); n < 8 || strings.Contains(out.String(), "47617390") {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}

// A client's network management is answered and never forwarded.
func TestNetworkManagementIsAnsweredWhereItArrives(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		for code, answer := range map[string]string{"001": "00", "002": "00", "301": "00", "101": "40"} {
			a.message(network("0800", 5, "", code))
			a.hears(network("0810", 5, answer, code))
		}
		host.silent()
	})
}

// Ten thousand terminals over two host connections whose answers come in any order: each hears its own nonce.
func TestTenThousandTerminals(t *testing.T) {
	const n, each = 10_000, 2
	inPayments(t, `{}`, func(r *Route) {
		r.Backends[0].Connections, r.Backends[0].InFlight = 2, n
		r.Limits.Connections, r.Limits.InFlightTotal = n, 2*n
		r.Timeouts.Answer = time.Hour
	}, func(w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 2 {
			host := w.backend()
			go func() { // answers what has come in any order, from time to time
				var open []string
				for {
					body := host.body()
					if body[0] == '<' {
						return
					}
					open = append(open, body)
					if len(open) < 50 && waitsNow(host) {
						continue
					}
					rand.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
					for _, q := range open {
						answer := "0210" + "0020000002810000" + q[20:26] + "00" + q[26:]
						_, _ = host.conn.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...))
					}
					open = open[:0]
				}
			}()
		}
		clients := make([]*peer, n)
		for i := range clients {
			near := w.client()
			clients[i] = near
		}
		wants := make([][each]string, n)
		for round := range each {
			for i, c := range clients {
				nonce := fmt.Sprintf("%d-%d", i, random.Uint64())
				q := iso("0200", fmt.Sprintf("T%07d", i), round, nonce)
				if _, err := c.conn.Write(append([]byte{byte(len(q) >> 8), byte(len(q))}, q...)); err != nil {
					t.Fatal(err)
				}
				wants[i][round] = iso("0210", fmt.Sprintf("T%07d", i), round, nonce)
			}
		}
		for i, c := range clients {
			got := map[string]bool{}
			for range each {
				got[c.body()] = true
			}
			for _, want := range wants[i] {
				if !got[want] {
					t.Fatalf("terminal %d hears %v, want %q", i, got, want)
				}
			}
		}
	})
}

func waitsNow(p *peer) bool {
	return p.r.Buffered() > 0
}

// Where it is asked for, a repeat hears at once that the request is in process, and nothing more.
func TestARepeatMayHearThatItIsInProcess(t *testing.T) {
	inPayments(t, `{"repeats": "in-progress"}`, func(r *Route) { r.Backends[0].Connections = 2 }, func(w *world) {
		hosts := []*peer{w.backend(), w.backend()}
		a := w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host, other := hosts[0], hosts[1]
		if waits(other) {
			host, other = other, host
		}
		host.hears(iso("0200", "TERM0001", 1, "a"))
		clients := []*peer{a, w.client(), w.client()}
		for i, c := range clients {
			c.message(iso("0201", "TERM0001", 1, "a"))
			if got := c.code(); got != "09" {
				t.Errorf("client %d hears %q, want 09", i, got)
			}
			c.message(iso("0200", "TERM0001", 1, "other"))
			if got := c.code(); got != "94" {
				t.Errorf("client %d: another request hears %q, want 94", i, got)
			}
		}
		host.silent()
		other.silent()
		host.message(iso("0210", "TERM0001", 1, "a"))
		a.hears(iso("0210", "TERM0001", 1, "a"))
		for _, c := range clients {
			c.silent()
		}
	})
}
