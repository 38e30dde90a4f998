package gateway

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

// inHospital is inWorld with HL7 and a backend connection, or several. Options are the protocol's.
func inHospital(t *testing.T, options string, change func(*Route), f func(w *world)) {
	t.Helper()
	var o hl7.Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		t.Fatal(err)
	}
	codec, err := hl7.New(o, protocol.Limits{Frame: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, func(r *Route) {
		r.Codec = codec
		r.Timeouts.Answer = time.Second
		r.Limits.Frame = 64 << 10
		r.Backends[0].InFlight = 64
		if change != nil {
			change(r)
		}
	}, f)
}

// admission returns an ADT^A01 of sender with a nonce as the patient's name. Modes are MSH-15 and 16.
func admission(sender, id, nonce string, modes ...string) string {
	extra := ""
	if len(modes) == 2 {
		extra = "|||" + modes[0] + "|" + modes[1]
	}
	return fmt.Sprintf("MSH|^~\\&|%s|WARD|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|%s|P|2.5%s\rEVN|A01|20261123\rPID|1||4711||%s\r", sender, id, extra, nonce)
}

// acknowledgement returns what a backend answers to sender, with the nonce that it was sent.
func acknowledgement(sender, code, id, nonce string) string {
	return fmt.Sprintf("MSH|^~\\&|HIS|HOSP|%s|WARD|20261123123001||ACK^A01^ACK|H%s|P|2.5\rMSA|%s|%s|%s\r", sender, id, code, id, nonce)
}

// block writes a body in a frame of MLLP.
func (p *peer) block(body string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte("\x0b" + body + "\x1c\r")); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	synctest.Wait()
}

// blocked reads a body in a frame of MLLP.
func (p *peer) blocked() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	text, err := p.r.ReadString(0x1C)
	if err != nil {
		return "<" + err.Error() + ">"
	}
	if end, _ := p.r.ReadByte(); text[0] != 0x0B || end != '\r' {
		p.t.Fatalf("%s: got %q and %q, want 0B in front and 0D behind", p.name, text, end)
	}
	return text[1 : len(text)-1]
}

func (p *peer) is(want string) {
	p.t.Helper()
	if got := p.blocked(); got != want {
		p.t.Fatalf("%s: got %q, want %q", p.name, got, want)
	}
}

// hl7Field returns field n of the first segment called name.
func hl7Field(body, name string, n int) string {
	for _, s := range strings.Split(body, "\r") {
		if strings.HasPrefix(s, name+"|") {
			if name == "MSH" || name == "BHS" {
				n--
			}
			if fields := strings.Split(s, "|"); n < len(fields) {
				return fields[n]
			}
		}
	}
	return ""
}

// said returns MSA-1 and MSA-2 of what p hears.
func (p *peer) said() string {
	p.t.Helper()
	body := p.blocked()
	return hl7Field(body, "MSA", 1) + " " + hl7Field(body, "MSA", 2)
}

// B10: twenty senders begin with the same control id. The backend answers late and in any order; one answer is wrong, one does
// not come. Each hears its own, or that it failed.
func TestFaultB10TwentySendersWithTheSameControlID(t *testing.T) {
	for seed := range uint64(20) {
		inHospital(t, `{}`, func(r *Route) { r.Backends[0].Connections = 2 }, func(w *world) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			hosts := []*peer{w.backend(), w.backend()}
			var senders []*peer
			for i := range 20 {
				c := w.client()
				c.block(admission(fmt.Sprint("DEV", i), "1", fmt.Sprint("nonce", i)))
				senders = append(senders, c)
			}
			type asked struct {
				host              *peer
				sender, id, nonce string
			}
			var all []asked
			for _, h := range hosts {
				for waits(h) {
					body := h.blocked()
					all = append(all, asked{h, hl7Field(body, "MSH", 3), hl7Field(body, "MSH", 10), hl7Field(body, "PID", 5)})
				}
			}
			if len(all) != 20 {
				t.Fatalf("%d messages arrived, want 20", len(all))
			}
			seen := map[string]bool{}
			for _, a := range all {
				if key := fmt.Sprintf("%p %s", a.host, a.id); seen[key] {
					t.Errorf("two messages with the control id %s are open on one connection", a.id)
				} else {
					seen[key] = true
				}
			}
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			missing, wrong := all[0], all[1]
			for i, a := range all[1:] {
				time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
				if i == 0 {
					a.id = "another"
				}
				a.host.block(acknowledgement(a.sender, "AA", a.id, a.nonce))
			}
			time.Sleep(2 * time.Second)
			for i, c := range senders {
				body := c.blocked()
				code, id, nonce := hl7Field(body, "MSA", 1), hl7Field(body, "MSA", 2), hl7Field(body, "MSA", 3)
				switch me := fmt.Sprint("DEV", i); {
				case id != "1":
					t.Errorf("%s hears of %q, want its own control id", me, id)
				case me == missing.sender || me == wrong.sender:
					if code != "AR" || !strings.Contains(body, "207") {
						t.Errorf("%s, whose answer is wrong or missing, hears %q", me, body)
					}
				case code != "AA" || nonce != fmt.Sprint("nonce", i):
					t.Errorf("%s hears %q", me, body)
				}
				c.silent()
			}
			if n := w.counters(); n.Answered != 18 || n.Expired != 2 || n.Unknown != 1 {
				t.Errorf("answered %d, expired %d, unknown %d; want 18, 2 and 1", n.Answered, n.Expired, n.Unknown)
			}
		})
	}
}

// B4: an acknowledgement that comes after its time is nobody's, if another message has its control id by then, and the same
// message's if its sender has sent that again.
func TestFaultB04ALateAcknowledgement(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		first := admission("LAB", "1", "first")
		a.block(first)
		host.is(first)
		time.Sleep(2 * time.Second)
		if got := a.said(); got != "AR 1" {
			t.Fatalf("after the timeout: got %q, want AR 1", got)
		}
		a.block(admission("LAB", "1", "second"))
		ticket := hl7Field(host.blocked(), "MSH", 10)
		if ticket == "1" {
			t.Fatal("another message goes out under a control id that may still be answered")
		}
		host.block(acknowledgement("LAB", "AA", "1", "late"))
		a.silent()
		host.block(acknowledgement("LAB", "AA", ticket, "own"))
		a.is(strings.Replace(acknowledgement("LAB", "AA", ticket, "own"), "|AA|"+ticket, "|AA|1", 1))

		again := admission("LAB", "2", "again")
		a.block(again)
		host.is(again)
		time.Sleep(2 * time.Second)
		if got := a.said(); got != "AR 2" {
			t.Fatalf("after the timeout: got %q, want AR 2", got)
		}
		a.block(again)
		host.is(again)
		host.block(acknowledgement("LAB", "AA", "2", "late"))
		a.is(acknowledgement("LAB", "AA", "2", "late"))
		host.block(acknowledgement("LAB", "AA", "2", "second"))
		a.silent()
		if n := w.counters(); n.Late != 1 || n.Answered != 2 || n.Expired != 2 {
			t.Errorf("late %d, answered %d, expired %d; want 1, 2 and 2", n.Late, n.Answered, n.Expired)
		}
	})
}

// A sender that gets no answer repeats on another connection. It is one message.
func TestARepeatedMessageIsForwardedOnce(t *testing.T) {
	inHospital(t, `{}`, func(r *Route) { r.Backends[0].Connections = 2 }, func(w *world) {
		hosts := []*peer{w.backend(), w.backend()}
		old := w.client()
		body := admission("LAB", "1", "a")
		old.block(body)
		host, other := hosts[0], hosts[1]
		if waits(other) {
			host, other = other, host
		}
		host.is(body)
		old.block(body)
		again := w.client()
		again.block(body)
		other.silent()
		host.silent()
		again.block(admission("LAB", "1", "other"))
		if got := again.said(); got != "AE 1" {
			t.Errorf("another message under the same id: got %q, want AE 1", got)
		}
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		old.is(acknowledgement("LAB", "AA", "1", "a"))
		again.is(acknowledgement("LAB", "AA", "1", "a"))
		old.silent()
	})
}

// What was answered a while ago is answered again, on any connection, and not forwarded, as long as the answer is kept. Who has
// heard of an error may try again.
func TestAnAnswerIsKeptForARepeat(t *testing.T) {
	keep := func(r *Route) { r.Keep = KeepConfig{For: time.Minute, Most: 3, Bytes: 4 << 10} }
	inHospital(t, `{}`, keep, func(w *world) {
		host, a := w.backend(), w.client()
		ask := func(id, nonce, code string) {
			t.Helper()
			a.block(admission("LAB", id, nonce))
			got := host.blocked()
			if hl7Field(got, "PID", 5) != nonce {
				t.Fatalf("the backend gets %q", got)
			}
			host.block(acknowledgement("LAB", code, hl7Field(got, "MSH", 10), nonce))
			if got := a.said(); got != code+" "+id {
				t.Fatalf("got %q, want %s %s", got, code, id)
			}
		}
		ask("1", "a", "AA")
		b := w.client()
		b.block(admission("LAB", "1", "a"))
		b.is(acknowledgement("LAB", "AA", "1", "a"))
		b.block(admission("LAB", "1", "b"))
		if got := b.blocked(); hl7Field(got, "MSA", 1) != "AE" || !strings.Contains(got, "|205^") {
			t.Errorf("another message under the id: got %q, want AE with 205", got)
		}
		b.block(batchOf("B", admission("LAB", "1", "a"), admission("LAB", "1", "c")))
		if got := b.blocked(); !strings.Contains(got, acknowledgement("LAB", "AA", "1", "a")) || !strings.Contains(got, "MSA|AE|1|") {
			t.Errorf("in a batch: got %q", got)
		}
		host.silent()
		ask("2", "a", "AE")
		ask("2", "a", "AA")
		ask("3", "a", "AA")
		ask("4", "a", "AA")
		ask("1", "b", "AA") // there was room for three
		time.Sleep(time.Minute + time.Second)
		ask("4", "b", "AA")
		ask("5", strings.Repeat("x", 5<<10), "AA")
		ask("5", strings.Repeat("x", 5<<10), "AA") // it was too long to be kept
		if n := w.counters(); n.Joined != 2 || n.Notices["duplicate"] != 2 {
			t.Errorf("joined %d, duplicate %d; want 2 and 2", n.Joined, n.Notices["duplicate"])
		}
	})
}

// An answer that comes twice finds nobody else, though another sender has that control id by then.
func TestAnAnswerThatComesTwiceFindsNobodyElse(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		a.block(admission("LAB", "1", "a"))
		host.is(admission("LAB", "1", "a"))
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		a.is(acknowledgement("LAB", "AA", "1", "a"))
		b.block(admission("GE", "1", "b"))
		ticket := hl7Field(host.blocked(), "MSH", 10)
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		b.silent()
		host.block(acknowledgement("GE", "AE", ticket, "b"))
		if got := b.said(); got != "AE 1" {
			t.Errorf("got %q, want AE 1", got)
		}
		a.block(admission("LAB", "1", "a")) // the same message again keeps its id, by which the backend knows it
		host.is(admission("LAB", "1", "a"))
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		a.is(acknowledgement("LAB", "AA", "1", "a"))
	})
}

// B15: what a backend sends unasked is nobody's: a message of its own, an acknowledgement of nothing, and one of acceptance
// where none was asked for.
func TestFaultB15WhatAHospitalSystemSendsUnasked(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.block(admission("LAB", "1", "a"))
		host.is(admission("LAB", "1", "a"))
		host.block(admission("HIS", "1", "query"))
		host.block(acknowledgement("LAB", "AA", "0", "nobody"))
		host.block(acknowledgement("LAB", "CA", "1", "commit"))
		a.silent()
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		a.is(acknowledgement("LAB", "AA", "1", "a"))
		if n := w.counters(); n.Unasked != 2 || n.Unknown != 1 {
			t.Errorf("unasked %d, unknown %d; want 2 and 1", n.Unasked, n.Unknown)
		}
	})
}

// B17: parts of two answers, of which each has two: acceptance first, and the result later as a message of its own.
func TestFaultB17AcceptanceAndResultOfTwoSenders(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a, b, c := w.backend(), w.client(), w.client(), w.client()
		a.block(admission("LAB", "1", "a", "AL", "AL"))
		b.block(admission("GE", "1", "b", "AL", "AL"))
		c.block(admission("XR", "7", "c", "AL", "NE"))
		host.is(admission("LAB", "1", "a", "AL", "AL"))
		ticket := hl7Field(host.blocked(), "MSH", 10)
		host.is(admission("XR", "7", "c", "AL", "NE"))
		of := func(code, nonce string) string {
			return strings.Replace(acknowledgement("GE", code, ticket, nonce), "|"+ticket+"|"+nonce, "|1|"+nonce, 1)
		}
		host.block(acknowledgement("GE", "CA", ticket, "b1"))
		host.block(acknowledgement("LAB", "CA", "1", "a1"))
		b.is(of("CA", "b1"))
		a.is(acknowledgement("LAB", "CA", "1", "a1"))
		a.block(acknowledgement("HIS", "CA", "1", "an acknowledgement of an acknowledgement"))
		a.silent()
		host.block(acknowledgement("GE", "AA", ticket, "b2"))
		b.is(of("AA", "b2"))
		host.block(acknowledgement("GE", "AA", ticket, "b3"))
		b.silent()
		host.block(acknowledgement("XR", "CA", "7", "c"))
		c.is(acknowledgement("XR", "CA", "7", "c"))
		c.silent()
		time.Sleep(3 * time.Second)
		if got := a.said(); got != "AR 1" {
			t.Errorf("whose result never comes hears %q, want AR 1", got)
		}
		host.silent()
		if n := w.counters(); n.Answered != 2 || n.Expired != 1 {
			t.Errorf("answered %d, expired %d; want 2 and 1", n.Answered, n.Expired)
		}
	})
}

// Whoever has asked to hear of errors only hears nothing when there are none, and has nothing open after that.
func TestSilenceIsSuccessWhereOnlyErrorsAreTold(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.block(admission("LAB", "1", "a", "NE", "ER"))
		host.is(admission("LAB", "1", "a", "NE", "ER"))
		a.block(admission("LAB", "2", "b", "NE", "ER"))
		host.is(admission("LAB", "2", "b", "NE", "ER"))
		a.block(admission("LAB", "3", "c", "NE", "NE"))
		host.is(admission("LAB", "3", "c", "NE", "NE"))
		host.block(acknowledgement("LAB", "AE", "2", "b"))
		a.is(acknowledgement("LAB", "AE", "2", "b"))
		time.Sleep(3 * time.Second)
		a.silent()
		if n := w.counters(); n.Answered != 3 || n.InFlight != 0 || n.Expired != 0 {
			t.Errorf("answered %d, in flight %d, expired %d; want 3, 0 and 0", n.Answered, n.InFlight, n.Expired)
		}
	})
}

// A backend that has accepted a message, or that says nothing if all is well, takes the next one.
func TestThePlaceIsFreeBeforeTheResult(t *testing.T) {
	inHospital(t, `{}`, func(r *Route) { r.Backends[0].InFlight, r.Backends[0].Connections = 1, 1 }, func(w *world) {
		host, a, b, c := w.backend(), w.client(), w.client(), w.client()
		a.block(admission("LAB", "1", "a", "AL", "AL"))
		host.is(admission("LAB", "1", "a", "AL", "AL"))
		b.block(admission("GE", "2", "b", "NE", "ER"))
		host.silent()
		host.block(acknowledgement("LAB", "CA", "1", "a"))
		a.is(acknowledgement("LAB", "CA", "1", "a"))
		host.is(admission("GE", "2", "b", "NE", "ER"))
		c.block(admission("XR", "3", "c"))
		host.is(admission("XR", "3", "c"))
		b.block(admission("GE", "4", "d"))
		host.silent()
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		a.is(acknowledgement("LAB", "AA", "1", "a"))
		host.silent() // it had no place that could be given back
		host.block(acknowledgement("GE", "AE", "2", "b"))
		b.is(acknowledgement("GE", "AE", "2", "b"))
		host.silent()
		host.block(acknowledgement("XR", "AA", "3", "c"))
		c.is(acknowledgement("XR", "AA", "3", "c"))
		host.is(admission("GE", "4", "d"))
		host.block(acknowledgement("GE", "AA", "4", "d"))
		b.is(acknowledgement("GE", "AA", "4", "d"))
		time.Sleep(5 * time.Second)
	})
}

// Who cannot be answered is disconnected, when what it has sent before is answered; or is passed over.
func TestAHeaderThatCannotBeRead(t *testing.T) {
	for _, options := range []string{`{}`, `{"unreadable": "drop"}`} {
		inHospital(t, options, nil, func(w *world) {
			host, a := w.backend(), w.client()
			a.block(admission("LAB", "1", "a"))
			host.is(admission("LAB", "1", "a"))
			a.block("PID|1\r")
			a.block(admission("LAB", "2", "b"))
			host.block(acknowledgement("LAB", "AA", "1", "a"))
			a.is(acknowledgement("LAB", "AA", "1", "a"))
			if options == `{}` {
				if got := a.blocked(); got != "<EOF>" {
					t.Errorf("got %q, want the end", got)
				}
				host.silent()
				return
			}
			host.is(admission("LAB", "2", "b"))
			host.block(acknowledgement("LAB", "AA", "2", "b"))
			a.is(acknowledgement("LAB", "AA", "2", "b"))
		})
	}
}

// An answer that says neither yes nor no is no success.
func TestAGarbageAcknowledgementIsNoSuccess(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		for i, code := range []string{"", "OK", "aa", "AAA", "XX"} {
			id := fmt.Sprint(i)
			a.block(admission("LAB", id, "a"))
			host.is(admission("LAB", id, "a"))
			host.block(acknowledgement("LAB", code, id, "a"))
			if got := a.said(); got != "AR "+id {
				t.Errorf("MSA-1 %q: got %q, want AR %s", code, got, id)
			}
		}
	})
}

// The order in which a client sends is the order in which the backend gets it, though there are several connections.
func TestMessagesOfOneSenderKeepTheirOrder(t *testing.T) {
	inHospital(t, `{}`, func(r *Route) { r.Backends[0].Connections = 4; r.Backends[0].InFlight = 0 }, func(w *world) {
		hosts := []*peer{w.backend(), w.backend(), w.backend(), w.backend()}
		a := w.client()
		for i := range 10 {
			a.block(admission("LAB", fmt.Sprint(i), "a"))
		}
		for i := range 10 {
			open := 0
			for _, h := range hosts {
				if waits(h) {
					open++
					h.is(admission("LAB", fmt.Sprint(i), "a"))
					h.block(acknowledgement("LAB", "AA", fmt.Sprint(i), "a"))
				}
			}
			if open != 1 {
				t.Fatalf("message %d is open on %d connections with what is behind it, want one alone", i, open)
			}
			a.is(acknowledgement("LAB", "AA", fmt.Sprint(i), "a"))
		}
	})
}

// A client that sends many messages at once is not told to come again later, as the others would pass those.
func TestWhatWaitsForItsClientsOwnAnswersIsNotRefused(t *testing.T) {
	slow := func(r *Route) {
		r.Backends[0].InFlight, r.Timeouts.Answer, r.Timeouts.Queue = 0, 20*time.Second, time.Second
	}
	inHospital(t, `{}`, slow, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		for i := range 5 {
			a.block(admission("LAB", fmt.Sprint(i), "a"))
		}
		b.block(admission("GE", "1", "b"))
		for i := range 5 {
			time.Sleep(10 * time.Second)
			if i == 0 {
				if got := b.said(); got != "AR 1" {
					t.Errorf("another client hears %q, want AR 1", got)
				}
			}
			host.is(admission("LAB", fmt.Sprint(i), "a"))
			host.block(acknowledgement("LAB", "AA", fmt.Sprint(i), "a"))
			a.is(acknowledgement("LAB", "AA", fmt.Sprint(i), "a"))
		}
	})
}

// A link with sequence numbers is started, goes on, and is put right.
func TestSequenceNumbersOfASender(t *testing.T) {
	inHospital(t, `{"sequence": "`+filepath.Join(t.TempDir(), "numbers")+`"}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		numbered := func(id, number string) string {
			return strings.Replace(admission("LAB", id, "a"), "|2.5", "|2.5|"+number, 1)
		}
		hears := func(want string) {
			t.Helper()
			body := a.blocked()
			if got := hl7Field(body, "MSA", 1) + " " + hl7Field(body, "MSA", 4); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		header := func(id, number string) string { return strings.SplitAfter(numbered(id, number), "\r")[0] }
		a.block(numbered("0", "0")) // with content it is a message
		hears("AE -1")
		a.block(header("1", "0"))
		hears("AA -1")
		for _, n := range []string{"5", "6"} {
			a.block(numbered(n, n))
			host.is(numbered(n, n))
			host.block(acknowledgement("LAB", "AA", n, "a"))
			hears("AA " + n)
		}
		a.block(numbered("8", "8"))
		hears("AE 7")
		host.silent()
		a.block(header("9", "0"))
		hears("AA 7")
	})
}
