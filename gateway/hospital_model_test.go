package gateway

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
)

// TestHospitalModel has senders, some of them with the same name, send messages under few control ids over several connections, in
// both modes, send again, hang up, and send something else under an id, while the backend answers in any order, late, twice, with
// garbage, under ids that nobody has given, or not at all. No two messages that are open on a backend connection have the same id;
// what a client hears with a nonce is the nonce of a message that it has sent under that id; and nobody is left without an answer.
func TestHospitalModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		connections := rapid.IntRange(1, 3).Draw(rt, "connections")
		inFlight := rapid.SampledFrom([]int{1, 2, 100}).Draw(rt, "in flight")
		keep := rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(rt, "keep")
		mode := rapid.SampledFrom([]protocol.Mode{protocol.Key, protocol.Key, protocol.Rewrite}).Draw(rt, "mode")
		var failure any // a failure is a panic, which must not end a goroutine of the bubble
		inHospital(t, `{}`, func(r *Route) {
			r.Backends[0] = BackendConfig{Name: "b", Connections: connections, InFlight: inFlight, Circuit: Circuit{Failures: 1000}, Strikes: 1000}
			r.Limits.Strikes, r.Timeouts.Idle, r.Timeouts.Queue = 1000, -1, 2*time.Second
			r.Keep.For, r.Mode = keep, &mode
		}, func(w *world) {
			defer func() { failure = recover() }()
			m := &hospitalModel{T: rt, w: w}
			m.check(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"send": m.send, "send ": m.send, "send again": m.sendAgain, "hang up": m.hangUp, "answer": m.answer, "answer ": m.answer, "answer  ": m.answer,
				"answer again": m.answerAgain, "confuse": m.confuse, "lose a backend": m.lose, "time": m.pass, "": m.check,
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

type hospitalModel struct {
	*rapid.T
	w       *world
	sent    []letter
	senders []*sendingLine
	hosts   []*ward
	nonce   int
}

// letter is a message. Modes are MSH-15 and 16.
type letter struct{ sender, id, nonce, accept, application string }

func (l letter) body() string {
	if l.accept == "" {
		return admission(l.sender, l.id, l.nonce)
	}
	return admission(l.sender, l.id, l.nonce, l.accept, l.application)
}

// sendingLine is a client: what it has sent, by control id, and how many answers to that are still to come.
type sendingLine struct {
	peer   *peer
	nonces map[string][]string
	waits  map[string]int
}

// ward is a backend connection, and what it has.
type ward struct {
	peer *peer
	open []letter // under the id that it has got
	done []letter
}

func (m *hospitalModel) line(t *rapid.T) *sendingLine {
	i := rapid.IntRange(-1, len(m.senders)-1).Draw(t, "line")
	if i >= 0 {
		return m.senders[i]
	}
	if len(m.senders) >= 6 {
		t.Skip()
	}
	l := &sendingLine{peer: m.w.client(), nonces: map[string][]string{}, waits: map[string]int{}}
	m.senders = append(m.senders, l)
	return l
}

func (m *hospitalModel) send(t *rapid.T) {
	m.nonce++
	q := letter{sender: rapid.SampledFrom([]string{"LAB", "GE", "XR"}).Draw(t, "sender"), id: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id"), nonce: fmt.Sprintf("n%d.", m.nonce)}
	if rapid.IntRange(0, 3).Draw(t, "enhanced") == 0 {
		q.accept, q.application = "AL", rapid.SampledFrom([]string{"AL", "NE"}).Draw(t, "application")
	}
	m.sent = append(m.sent, q)
	m.give(m.line(t), q)
}

func (m *hospitalModel) sendAgain(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip()
	}
	m.give(m.line(t), rapid.SampledFrom(m.sent[max(0, len(m.sent)-5):]).Draw(t, "letter"))
}

func (m *hospitalModel) give(l *sendingLine, q letter) {
	if !slices.Contains(l.nonces[q.id], q.nonce) {
		l.nonces[q.id] = append(l.nonces[q.id], q.nonce)
	}
	l.waits[q.nonce] = 1 // at least one final answer from now on; repeats may share it
	_, _ = l.peer.conn.Write([]byte("\x0b" + q.body() + "\x1c\r"))
}

func (m *hospitalModel) hangUp(t *rapid.T) {
	if len(m.senders) == 0 || rapid.IntRange(0, 2).Draw(t, "really") > 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.senders)-1).Draw(t, "line")
	if rapid.Bool().Draw(t, "reset") {
		_ = m.senders[i].peer.conn.SetLinger(0)
	}
	m.senders[i].peer.close()
	m.senders = slices.Delete(m.senders, i, i+1)
}

func (m *hospitalModel) host(t *rapid.T, has func(*ward) bool) *ward {
	var with []*ward
	for _, h := range m.hosts {
		if has(h) {
			with = append(with, h)
		}
	}
	if len(with) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(with).Draw(t, "backend")
}

func (h *ward) say(code string, q letter) {
	_, _ = h.peer.conn.Write([]byte("\x0b" + acknowledgement(q.sender, code, q.id, q.nonce) + "\x1c\r"))
}

func (m *hospitalModel) answer(t *rapid.T) {
	h := m.host(t, func(h *ward) bool { return len(h.open) > 0 })
	i := rapid.IntRange(0, len(h.open)-1).Draw(t, "which")
	q := h.open[i]
	h.open = slices.Delete(h.open, i, i+1)
	if q.accept == "AL" {
		h.say("CA", q)
	}
	if q.application != "NE" {
		h.say(rapid.SampledFrom([]string{"AA", "AA", "AE", "AR", "??"}).Draw(t, "code"), q)
	}
	h.done = append(h.done, q)
}

// answerAgain answers what was answered, or whose time is over: nobody may hear it who has not sent it.
func (m *hospitalModel) answerAgain(t *rapid.T) {
	h := m.host(t, func(h *ward) bool { return len(h.done) > 0 })
	h.say("AA", rapid.SampledFrom(h.done).Draw(t, "which"))
}

// confuse says something that nobody has asked for.
func (m *hospitalModel) confuse(t *rapid.T) {
	h := m.host(t, func(*ward) bool { return true })
	switch rapid.IntRange(0, 3).Draw(t, "how") {
	case 0:
		h.say("AA", letter{sender: "LAB", id: "77", nonce: "nobody's"})
	case 1:
		h.say("CA", letter{sender: "LAB", id: "78", nonce: "nobody's"})
	case 2:
		_, _ = h.peer.conn.Write([]byte("\x0b" + admission("HIS", "1", "nobody's") + "\x1c\r"))
	case 3:
		h.say("AA", letter{sender: "LAB", nonce: "nobody's"})
	}
}

func (m *hospitalModel) lose(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 || len(m.hosts) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.hosts)-1).Draw(t, "backend")
	m.hosts[i].peer.close()
	m.hosts = slices.Delete(m.hosts, i, i+1)
}

func (m *hospitalModel) pass(t *rapid.T) {
	for range rapid.IntRange(1, 15).Draw(t, "steps") {
		time.Sleep(100 * time.Millisecond)
		m.check(t)
	}
}

// check reads what has come.
func (m *hospitalModel) check(t *rapid.T) {
	synctest.Wait()
	for len(m.w.dials) > 0 {
		m.hosts = append(m.hosts, &ward{peer: <-m.w.dials})
	}
	for _, h := range m.hosts {
		for m.there(t, h.peer) {
			body := h.peer.blocked()
			q := letter{hl7Field(body, "MSH", 3), hl7Field(body, "MSH", 10), hl7Field(body, "PID", 5), hl7Field(body, "MSH", 15), hl7Field(body, "MSH", 16)}
			for _, o := range append(slices.Clone(h.open), h.done...) {
				if o.id == q.id && o.nonce != q.nonce {
					t.Fatalf("the backend gets %q under %s, which on this connection it has had for %q", q.nonce, q.id, o.nonce)
				}
			}
			h.open = append(h.open, q)
		}
	}
	for _, l := range m.senders {
		for m.there(t, l.peer) {
			m.hear(t, l, l.peer.blocked())
		}
	}
}

func (m *hospitalModel) there(t *rapid.T, p *peer) bool {
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := p.r.Peek(1)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%s: %v", p.name, err)
	}
	return err == nil
}

// hear holds an answer against what the line has sent.
func (m *hospitalModel) hear(t *rapid.T, l *sendingLine, body string) {
	code, id, nonce := hl7Field(body, "MSA", 1), hl7Field(body, "MSA", 2), hl7Field(body, "MSA", 3)
	list := l.nonces[id]
	if len(list) == 0 {
		t.Fatalf("a line hears %q, and has sent nothing under that id", body)
	}
	if !strings.HasSuffix(nonce, ".") { // the gateway's own: it may be about any of them
		if code != "AR" && code != "AE" && code != "CE" {
			t.Fatalf("a line hears %q", body)
		}
		for _, n := range list {
			delete(l.waits, n)
		}
		return
	}
	if !slices.Contains(list, nonce) {
		t.Fatalf("a line hears %q, and has sent %v under that id", body, list)
	}
	delete(l.waits, nonce)
}

// settle lets everything that is open come to its end.
func (m *hospitalModel) settle() {
	for range 100 {
		time.Sleep(time.Second)
		m.check(m.T)
	}
	for _, l := range m.senders {
		for nonce := range l.waits {
			m.Fatalf("%s was never answered", nonce)
		}
	}
	if n := m.w.counters(); n.InFlight != 0 || n.Queued != 0 || n.Received != n.Forwarded+n.Refused+n.Joined || n.Forwarded != n.Answered+n.Failed+n.Expired+n.Abandoned {
		m.Fatalf("the counters do not balance: %+v", n)
	}
}
