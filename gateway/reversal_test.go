package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// takenBack returns what is asked of a host that has not answered the request that iso makes: 0420 or, again, 0421.
func takenBack(mti, terminal string, stan int, at string) string {
	return fmt.Sprintf("%s82200000008000000000004000000000%s%06d%-8s0200%06d%s%s", mti, at, stan, terminal, stan, strings.Repeat("0", 10), strings.Repeat("0", 22))
}

// What a host may have done without the terminal having heard of it is taken back until the host has answered that. Its
// answer is nobody's.
func TestWhatNobodyKnowsTheOutcomeOfIsTakenBack(t *testing.T) {
	inPayments(t, `{"reversal": {"on": ["answer-timeout", "backend-lost"]}}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		begun := time.Now()
		at := func(d time.Duration) string { return begun.Add(d).UTC().Format("0102150405") }
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		host.hears(takenBack("0420", "TERM0001", 1, at(time.Second)))
		if got := a.code(); got != "68" {
			t.Errorf("a hears %q, want 68", got)
		}
		host.hears(takenBack("0421", "TERM0001", 1, at(time.Second))) // it was not answered
		if took := time.Since(begun); took != 6*time.Second {
			t.Errorf("the repeat came after %v, want 6s", took)
		}
		host.message("0430" + "0020000002800000" + "000001" + "00" + "TERM0001")
		a.silent()
		time.Sleep(5 * time.Minute)
		host.silent()

		a.message(iso("0400", "TERM0001", 2, "a")) // is no payment
		host.hears(iso("0400", "TERM0001", 2, "a"))
		time.Sleep(2 * time.Second)
		a.code()
		host.silent()

		a.message(iso("0200", "TERM0001", 3, "a"))
		host.hears(iso("0200", "TERM0001", 3, "a"))
		lost := time.Since(begun)
		host.close()
		if got := a.code(); got != "91" {
			t.Errorf("a hears %q, want 91", got)
		}
		host = w.backend()
		host.hears(takenBack("0420", "TERM0001", 3, at(lost)))
		for range 9 {
			host.hears(takenBack("0421", "TERM0001", 3, at(lost)))
		}
		time.Sleep(24 * time.Hour)
		host.silent() // it was given up
		if n := w.counters(); n.Reversals != 2 || n.Limits["reversals"] != 1 || n.Unknown != 0 {
			t.Errorf("reversals %d, given up %d, unknown %d; want 2, 1 and 0", n.Reversals, n.Limits["reversals"], n.Unknown)
		}
	})
}

// A terminal that takes back under the number of its payment hears its own answer, and the gateway's reversal has its own.
func TestAReversalOfTheTerminalsIsNotTakenForOneOfTheGateways(t *testing.T) {
	inPayments(t, `{"reversal": {"on": ["answer-timeout"]}}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.body()
		time.Sleep(1500 * time.Millisecond)
		a.code()
		host.body() // 0420
		a.message(iso("0400", "TERM0001", 1, "mine"))
		host.hears(iso("0400", "TERM0001", 1, "mine"))
		host.message("0430" + "0020000002800000" + "000001" + "00" + "TERM0001")
		a.silent()
		host.message(iso("0410", "TERM0001", 1, "mine"))
		a.hears(iso("0410", "TERM0001", 1, "mine"))
		time.Sleep(5 * time.Minute)
		host.silent() // both are done
		if n := w.counters(); n.Unasked+n.Unknown != 0 {
			t.Errorf("unasked %d, unknown %d", n.Unasked, n.Unknown)
		}
	})
}

// Nothing is taken back where that was not asked for.
func TestNothingIsTakenBackUnasked(t *testing.T) {
	inPayments(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.message(iso("0200", "TERM0001", 1, "a"))
		host.hears(iso("0200", "TERM0001", 1, "a"))
		time.Sleep(time.Minute)
		host.silent()
		if got := a.code(); got != "68" {
			t.Errorf("a hears %q, want 68", got)
		}
	})
}

// Where the gateway gives requests numbers of its own, a reversal names the first request by the number that the host knows. What
// is not remembered is not passed on under a number that is another's there.
func TestAReversalNamesWhatTheHostKnows(t *testing.T) {
	ask := func(mti, terminal string, stan int, original string) string {
		return fmt.Sprintf("%s80200000008000000000004000000000%06d%-8s%s%s", mti, stan, terminal, original, strings.Repeat("0", 32))
	}
	inPayments(t, `{}`, func(r *Route) { r.Mode = new(protocol.Rewrite) }, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		numbers := map[string]string{}
		for terminal, c := range map[string]*peer{"TERM0001": a, "TERM0002": b} {
			c.message(iso("0200", terminal, 1, terminal))
			q := host.body()
			numbers[terminal] = q[20:26]
			host.message("0210" + "0020000002810000" + q[20:26] + "00" + q[26:])
			c.hears(iso("0210", terminal, 1, terminal))
		}
		for terminal, c := range map[string]*peer{"TERM0001": a, "TERM0002": b} {
			c.message(ask("0400", terminal, 2, "0200000001"))
			q := host.body()
			if got, want := q, ask("0400", terminal, 2, "0200"+numbers[terminal]); got[:36] != want[:36] || got[42:] != want[42:] || got[36:42] == "000002" && numbers[terminal] != "000001" {
				t.Errorf("%s: got %q, want %q with another number in field 11", terminal, got, want)
			}
		}
		a.message(ask("0400", "TERM0001", 3, "0200000077"))
		if got := a.code(); got != "30" {
			t.Errorf("a reversal of what is not remembered hears %q, want 30", got)
		}
		a.message(ask("0400", "TERM0001", 4, "0200000000")) // it names none
		host.body()
		time.Sleep(25 * time.Hour)
		a = w.client()
		a.message(ask("0400", "TERM0001", 5, "0200000001"))
		if got := a.code(); got != "30" {
			t.Errorf("a reversal a day later hears %q, want 30", got)
		}
		host.silent()
		if n := w.counters(); n.Limits["citations"] != 2 {
			t.Errorf("citations %d, want 2", n.Limits["citations"])
		}
	})
}

// No more is remembered than was said, the oldest is forgotten first, and what has come again is as new.
func TestCitationsAreBounded(t *testing.T) {
	c := &citations{most: 3, keep: time.Hour, tickets: map[string]citation{}}
	now := time.Now()
	for i, id := range []string{"a", "b", "a", "c", "d"} {
		c.note(protocol.ID(id), uint64(i), now.Add(time.Duration(i)*time.Minute))
	}
	for id, want := range map[string]uint64{"a": 2, "c": 3, "d": 4} {
		if got, ok := c.ticket(protocol.ID(id), now.Add(10*time.Minute)); !ok || got != want {
			t.Errorf("%s: got %d, %v, want %d", id, got, ok, want)
		}
	}
	if _, ok := c.ticket(protocol.ID("b"), now); ok || len(c.tickets) > 3 || c.order.len() > 3 {
		t.Errorf("b is remembered; %d in all", len(c.tickets))
	}
	if _, ok := c.ticket(protocol.ID("d"), now.Add(2*time.Hour)); ok {
		t.Error("d is remembered for too long")
	}
}
