package gateway

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestRepeatModel has terminals pay, lose their connections, and repeat on others what they have not heard the answer to,
// while strangers use their numbers and hosts answer late, twice, or are lost. A host never has the same key twice, each
// connection hears what it has asked for and no more than once, and nobody is left without an answer.
func TestRepeatModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		connections := rapid.IntRange(1, 3).Draw(rt, "connections")
		inFlight := rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "in flight")
		var failure any // a failure is a panic, which must not end a goroutine of the bubble
		inPayments(t, `{}`, func(r *Route) {
			r.Backends[0] = BackendConfig{Name: "b", Connections: connections, InFlight: inFlight, Circuit: Circuit{Failures: 1000}, Strikes: 1000}
			r.Limits.Strikes, r.Timeouts.Idle, r.Timeouts.Queue = 1000, -1, 2*time.Second
		}, func(w *world) {
			defer func() { failure = recover() }()
			m := &repeatModel{T: rt, w: w, waits: inFlight < 1000, new: map[string]int{}}
			m.check(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"pay": m.pay, "pay ": m.pay, "repeat": m.repeat, "repeat ": m.repeat, "steal": m.steal, "hang up": m.hangUp,
				"answer": m.answer, "answer ": m.answer, "answer again": m.answerAgain, "lose a host": m.lose, "time": m.pass, "": m.check,
			})
			m.settle()
		})
		if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
			panic(failure) // from a place of its own: rapid tells failures apart by that
		}
		if failure != nil {
			panic(failure)
		}
	})
}

// The times of the model's route, less what the model may see too late.
const (
	modelStep  = 100 * time.Millisecond
	modelOpen  = time.Second - modelStep     // a request is open for so long
	modelRests = 3*time.Second - 2*modelStep // and its key open or in quarantine
)

type repeatModel struct {
	*rapid.T
	w        *world
	waits    bool // requests may wait for a place
	payments []payment
	lines    []*terminalLine
	hosts    []*paymentHost
	nonce    int
	new      map[string]int // by nonce: how often it was asked for when it was not open, and may have gone to a host since
}

// payment is what a terminal has asked for once. Its repeats are the same.
type payment struct {
	terminal string
	stan     int
	nonce    string
}

func (p payment) key() string { return fmt.Sprintf("%06d%s", p.stan, p.terminal) }

// terminalLine is a client.
type terminalLine struct {
	peer *peer
	asks map[string]*asked // by key
}

// asked is what a line has asked for under a key.
type asked struct {
	nonce   string
	answers int  // that it may still hear
	waits   bool // for one
}

// paymentHost is a backend connection, and what it has.
type paymentHost struct {
	peer *peer
	open []hostRequest
	done []hostRequest
}

type hostRequest struct {
	payment
	body string
	came time.Time
}

func (m *repeatModel) connect() *terminalLine {
	l := &terminalLine{peer: m.w.client(), asks: map[string]*asked{}}
	m.lines = append(m.lines, l)
	return l
}

func (m *repeatModel) pay(t *rapid.T) {
	m.nonce++
	p := payment{fmt.Sprintf("TERM000%d", rapid.IntRange(1, 3).Draw(t, "terminal")), rapid.IntRange(1, 3).Draw(t, "stan"), fmt.Sprintf("n%d", m.nonce)}
	m.payments = append(m.payments, p)
	m.ask(t, "0200", p)
}

func (m *repeatModel) repeat(t *rapid.T) {
	if len(m.payments) == 0 {
		t.Skip()
	}
	latest := m.payments[max(0, len(m.payments)-6):]
	m.ask(t, "0201", rapid.SampledFrom(latest).Draw(t, "payment"))
}

// steal asks for something else under the key of a payment.
func (m *repeatModel) steal(t *rapid.T) {
	if len(m.payments) == 0 {
		t.Skip()
	}
	p := m.payments[len(m.payments)-1]
	m.nonce++
	p.nonce = fmt.Sprintf("s%d", m.nonce)
	m.ask(t, rapid.SampledFrom([]string{"0200", "0201"}).Draw(t, "type"), p)
}

// ask sends p on a line that has nothing else open under that key.
func (m *repeatModel) ask(t *rapid.T, mti string, p payment) {
	var lines []*terminalLine
	for _, l := range m.lines {
		if a := l.asks[p.key()]; a == nil || a.nonce == p.nonce {
			lines = append(lines, l)
		}
	}
	i := rapid.IntRange(-1, len(lines)-1).Draw(t, "line")
	if i < 0 && len(m.lines) >= 8 {
		t.Skip()
	}
	var l *terminalLine
	if i < 0 {
		l = m.connect()
	} else {
		l = lines[i]
	}
	o := m.has(p.key(), modelOpen)
	joins := o != nil && o.nonce == p.nonce && (!m.waits || !l.waits())
	if !joins {
		m.new[p.nonce]++
	}
	a := l.asks[p.key()]
	if a == nil {
		a = &asked{nonce: p.nonce}
		l.asks[p.key()] = a
	}
	if !a.waits || !joins {
		a.answers++ // otherwise there is one for what the line has open and for this
	}
	a.waits = true
	body := iso(mti, p.terminal, p.stan, p.nonce)
	_, _ = l.peer.conn.Write(append([]byte{0, byte(len(body))}, body...))
}

// waits reports whether the line waits for anything, so that it may not be read at once.
func (l *terminalLine) waits() bool {
	for _, a := range l.asks {
		if a.waits {
			return true
		}
	}
	return false
}

func (m *repeatModel) hangUp(t *rapid.T) {
	if len(m.lines) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.lines)-1).Draw(t, "line")
	if rapid.Bool().Draw(t, "reset") {
		_ = m.lines[i].peer.conn.SetLinger(0)
	}
	m.lines[i].peer.close()
	m.lines = append(m.lines[:i], m.lines[i+1:]...)
}

func (m *repeatModel) answer(t *rapid.T) {
	var with []*paymentHost
	for _, h := range m.hosts {
		if len(h.open) > 0 {
			with = append(with, h)
		}
	}
	if len(with) == 0 {
		t.Skip()
	}
	h := rapid.SampledFrom(with).Draw(t, "host")
	i := rapid.IntRange(0, len(h.open)-1).Draw(t, "which")
	q := h.open[i]
	h.open = append(h.open[:i], h.open[i+1:]...)
	if time.Since(q.came) < modelRests { // what comes later than that could be anybody's
		h.answer(q)
		h.done = append(h.done, q)
	}
}

// answerAgain answers what was answered, if nothing else is open under that key: nobody can tell two answers under a key apart.
func (m *repeatModel) answerAgain(t *rapid.T) {
	var again []hostRequest
	var by []*paymentHost
	for _, h := range m.hosts {
		for _, q := range h.done {
			if m.has(q.key(), modelRests) == nil {
				again, by = append(again, q), append(by, h)
			}
		}
	}
	if len(again) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(again)-1).Draw(t, "which")
	by[i].answer(again[i])
}

func (h *paymentHost) answer(q hostRequest) {
	body := iso("0210", q.terminal, q.stan, q.nonce)
	_, _ = h.peer.conn.Write(append([]byte{0, byte(len(body))}, body...))
}

func (m *repeatModel) lose(t *rapid.T) {
	if len(m.hosts) == 0 || rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.hosts)-1).Draw(t, "host")
	m.hosts[i].peer.close()
	m.hosts = append(m.hosts[:i], m.hosts[i+1:]...)
}

func (m *repeatModel) pass(t *rapid.T) {
	for range rapid.IntRange(1, 15).Draw(t, "steps") {
		time.Sleep(modelStep)
		m.check(t)
	}
}

// has returns what a host has been asked under a key, and not answered, in the last while, or nil.
func (m *repeatModel) has(key string, while time.Duration) *hostRequest {
	for _, h := range m.hosts {
		for i := range h.open {
			if q := &h.open[i]; q.key() == key && time.Since(q.came) < while {
				return q
			}
		}
	}
	return nil
}

// check reads what has come.
func (m *repeatModel) check(t *rapid.T) {
	synctest.Wait()
	for len(m.w.dials) > 0 {
		m.hosts = append(m.hosts, &paymentHost{peer: <-m.w.dials})
	}
	for _, h := range m.hosts {
		for m.there(t, h.peer) {
			body := h.peer.body()
			stan, err := strconv.Atoi(body[20:26])
			if err != nil || body[:3] != "020" || body[3] > '1' {
				t.Fatalf("the host got %q", body)
			}
			q := hostRequest{payment{body[26:34], stan, body[37:]}, body, time.Now()}
			if o := m.has(q.key(), modelRests); o != nil {
				t.Fatalf("the host got %q, %v after %q, which is open or rests", body, time.Since(o.came), o.body)
			}
			if m.new[q.nonce]--; m.new[q.nonce] < 0 {
				t.Fatalf("the host got %q, all repeats of which were asked for while it was open", body)
			}
			h.open = append(h.open, q)
		}
	}
	for _, l := range m.lines {
		for m.there(t, l.peer) {
			m.hear(t, l, l.peer.body())
		}
	}
}

// there reports whether something can be read.
func (m *repeatModel) there(t *rapid.T, p *peer) bool {
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := p.r.Peek(1)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%s: %v", p.name, err)
	}
	return err == nil
}

// hear holds an answer against what the line has asked for.
func (m *repeatModel) hear(t *rapid.T, l *terminalLine, body string) {
	key := body[20:26] + body[28:36]
	a := l.asks[key]
	if a == nil || a.answers == 0 {
		t.Fatalf("a line hears %q, and has nothing open under that key", body)
	}
	if strings.HasPrefix(body[4:], "0020000002810000") {
		if nonce := body[39:]; nonce != a.nonce {
			t.Fatalf("a line hears %q, and has asked for %s", body, a.nonce)
		}
	} else if code := body[26:28]; code == "94" {
		if q := m.has(key, modelOpen); q != nil && q.nonce == a.nonce {
			t.Fatalf("%s is refused as a duplicate of itself", a.nonce)
		}
	} else if code != "68" && code != "91" && code != "96" {
		t.Fatalf("a line hears %q", body)
	}
	a.answers--
	a.waits = false
	if a.answers == 0 {
		delete(l.asks, key)
	}
}

// settle lets everything that is open come to its end.
func (m *repeatModel) settle() {
	for range 600 { // a line that waits for a place is read on when it has one, or none in time
		time.Sleep(modelStep)
		m.check(m.T)
		if !slices.ContainsFunc(m.lines, (*terminalLine).waits) {
			break
		}
	}
	for _, l := range m.lines {
		for key, a := range l.asks {
			if a.waits {
				m.Fatalf("%s under %s was never answered", a.nonce, key)
			}
		}
	}
	time.Sleep(time.Minute) // what nobody waits for ends too
	synctest.Wait()
	if n := m.w.counters(); n.InFlight != 0 || n.Queued != 0 {
		m.Fatalf("in flight %d, queued %d", n.InFlight, n.Queued)
	}
}
