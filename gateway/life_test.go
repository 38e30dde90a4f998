package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// told is all that the gateway tells of its clients and requests.
func (w *world) told() []byte {
	w.t.Helper()
	sessions, _ := w.g.Sessions("", 1000)
	exchanges, _ := w.g.Exchanges("", 1000)
	refusals, _ := w.g.Refusals("", 1000)
	ended, _ := w.g.Ended("", "", 1000)
	data, err := json.Marshal([]any{ended, w.g.Snapshot(), sessions, w.g.Backends(), exchanges, refusals, w.lives(), w.g.States("r"), w.g.Latency("r")})
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// lives returns those of all requests that are known, by number.
func (w *world) lives() []ExchangeLife {
	numbers := map[uint64]bool{}
	exchanges, _ := w.g.Exchanges("", 1000)
	for _, x := range exchanges {
		numbers[x.ID] = true
	}
	for _, r := range w.g.exchanging("") {
		for _, d := range r.workers {
			d.diary.ended.backwards(func(p *page) bool { numbers[p.number] = true; return true })
			d.diary.refusals.backwards(func(q *rebuff) bool { numbers[q.number] = true; return true })
		}
	}
	all := []ExchangeLife{}
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		if l, ok := w.g.Exchange(n); ok {
			all = append(all, l)
		} else {
			w.t.Errorf("request %d is listed, and not known", n)
		}
	}
	return all
}

// flight returns the requests that are not over, each as its state and whether its client has heard a wait notice.
func (w *world) flight() (list []string) {
	exchanges, _ := w.g.Exchanges("r", 100)
	for _, x := range exchanges {
		list = append(list, fmt.Sprintf("%s %v", x.State, x.Waited))
	}
	return list
}

// last returns the life of the request that was numbered last.
func (w *world) last() ExchangeLife {
	w.t.Helper()
	if all := w.lives(); len(all) > 0 {
		return all[len(all)-1]
	}
	w.t.Fatal("no request is known")
	return ExchangeLife{}
}

// steps are the events of a life, and when each was, in milliseconds.
func steps(l ExchangeLife) string {
	var b strings.Builder
	for _, e := range l.Events {
		fmt.Fprintf(&b, "%s@%g ", e.Event, e.After)
	}
	return b.String() + l.State
}

func TestALifeIsToldStepByStep(t *testing.T) {
	change := func(r *Route) {
		r.Wait = WaitConfig{On: true, After: 250 * time.Millisecond}
		r.Backends[0].InFlight = 1
	}
	inWorld(t, change, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 secret")
		t1, _ := b.request()
		c.send("Q 2 secret")
		if got := fmt.Sprint(w.flight()); got != "[forwarded false queued false]" {
			t.Errorf("got %s", got)
		}
		if got := steps(w.last()); got != "receive@0 verify@0 queue@0 queued" {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Second)
		c.expect("W 1")
		if got := fmt.Sprint(w.flight()); got != "[waiting true queued false]" {
			t.Errorf("got %s", got)
		}
		s := w.g.States("r")
		if s.Exchange[ExchangeWaiting] != 1 || s.Exchange[ExchangeQueued] != 1 || s.Session[SessionServing] != 1 || s.Backend[BackendReady] != 1 {
			t.Errorf("got %+v", s)
		}
		b.send("M " + t1 + " part")
		c.expect("M 1 part")
		time.Sleep(time.Second)
		b.send("A " + t1 + " x")
		c.expect("A 1 x")
		t2, _ := b.request()
		first := w.flight()
		if fmt.Sprint(first) != "[forwarded false]" {
			t.Errorf("got %s", first)
		}
		list, _ := w.g.Exchanges("", 1)
		second := list[0]
		if second.Backend != "b" || second.Link != "b#0" || second.Age != 2000 || second.Session == 0 {
			t.Errorf("got %+v", second)
		}
		l, ok := w.g.Exchange(second.ID - 1)
		if got := steps(l); !ok || got != "receive@0 verify@0 forward@0 wait@250 part@1000 answer@2000 answered" || l.Took != 2000 || !l.Over || len(l.Notices) != 1 || l.Notices[0].Cause != "in-process" || l.Link != "b#0" {
			t.Errorf("got %s, %+v", got, l)
		}
		time.Sleep(100 * time.Millisecond)
		b.send("A " + t2 + " y")
		c.expect("A 2 y")
		if got := steps(w.last()); got != "receive@0 verify@0 queue@0 forward@2000 answer@2100 answered" {
			t.Errorf("got %s", got)
		}
		if n := w.g.Latency("r"); n.Count != 2 || n.Most != 2100 || n.P50 < 2000 || n.P99 != 2100 {
			t.Errorf("got %+v", n)
		}
		time.Sleep(2 * time.Minute)
		if n := w.g.Latency("r"); n.Count != 0 {
			t.Errorf("after two minutes: %+v", n)
		}
		if told := w.told(); strings.Contains(string(told), "secret") {
			t.Errorf("it is told what was sent: %s", told)
		}
	})
}

func TestALifeThatEndsBadly(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		c.send("Q 1 x")
		b.request()
		time.Sleep(30 * time.Second)
		c.expect("! 1 failed answer-timeout unknown")
		l := w.last()
		if got := steps(l); got != "receive@0 verify@0 forward@0 expire@30000 expired" || len(l.Notices) != 1 || l.Notices[0].Class != "failed" || l.Notices[0].Cause != "answer-timeout" {
			t.Errorf("got %s, %+v", got, l.Notices)
		}
		c.send("Q 2 x")
		b.request()
		b.close()
		c.line()
		if l = w.last(); l.State != ExchangeFailed || l.Notices[0].Cause != "backend-lost" {
			t.Errorf("got %s, %+v", steps(l), l.Notices)
		}
		if list, more := w.g.Ended("r", "", 10); len(list) != 2 || more || list[0].State != ExchangeFailed || list[1].State != ExchangeExpired || list[1].Age != 30000 || list[1].Link != "b#0" {
			t.Errorf("got %+v", list)
		}
		if list, more := w.g.Ended("r", ExchangeExpired, 1); len(list) != 1 || more || list[0].State != ExchangeExpired {
			t.Errorf("got %+v", list)
		}
		if got := w.g.Backends()[0].LastError; got == "" {
			t.Error("nobody says why the connection was lost")
		}
	})
}

func TestRefusalsAreRemembered(t *testing.T) {
	inWorld(t, func(r *Route) { r.Limits.Strikes = 1 << 20; r.Backends[0].InFlight = 1 }, func(w *world) {
		b, c, d := w.backend(), w.client(), w.client()
		c.send("Q 1 x")
		t1, _ := b.request()
		c.send("X 2 bad")
		c.line()
		list, more := w.g.Refusals("r", 1)
		if len(list) != 1 || more || list[0].Class != "fix" || list[0].Cause != "bad-shape" || list[0].Peer == "" || list[0].ID == 0 {
			t.Fatalf("got %+v, %v", list, more)
		}
		if l, ok := w.g.Exchange(list[0].ID); !ok || steps(l) != "receive@0 refuse@0 refused" || l.Notices[0].Cause != "bad-shape" || l.Session != list[0].Session {
			t.Errorf("got %s, %+v", steps(l), l)
		}
		d.send("Q 1 y")
		time.Sleep(5 * time.Second)
		d.expect("! 1 later queue-timeout")
		list, more = w.g.Refusals("", 1)
		if len(list) != 1 || !more || list[0].Cause != "queue-timeout" {
			t.Fatalf("got %+v, %v", list, more)
		}
		if l, _ := w.g.Exchange(list[0].ID); steps(l) != "receive@0 verify@0 queue@0 refuse@5000 refused" {
			t.Errorf("got %s", steps(l))
		}
		sessions, _ := w.g.Sessions("r", 10)
		if len(sessions) != 2 || sessions[0].Received != 2 || sessions[0].Refused != 1 || sessions[0].Open != 1 || sessions[0].State != SessionServing || sessions[0].ID >= sessions[1].ID {
			t.Errorf("got %+v", sessions)
		}
		b.send("A " + t1 + " x")
		e := w.client()
		e.raw("Q 1 half")
		time.Sleep(time.Minute)
		if list, _ = w.g.Refusals("", 1); list[0].Cause != "too-large" || list[0].Reasons[0].Rule != "timeouts.frame" || list[0].Reasons[0].Offset != nil {
			t.Errorf("got %+v", list)
		}
	})
}

// What is remembered is bounded, however much there was.
func TestADiaryForgetsTheOldest(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		b, c := w.backend(), w.client()
		exchange := func() uint64 {
			c.send("Q 1 x")
			ticket, _ := b.request()
			b.send("A " + ticket + " y")
			c.expect("A 1 y")
			return w.last().ID
		}
		first := exchange()
		for range diaryEnded - 1 {
			exchange()
		}
		if _, ok := w.g.Exchange(first); !ok {
			t.Error("the first is forgotten too early")
		}
		last := exchange()
		if _, ok := w.g.Exchange(first); ok {
			t.Error("the first is not forgotten")
		}
		for id := last; id > last-diaryEnded; id-- {
			if _, ok := w.g.Exchange(id); !ok {
				t.Fatalf("%d of %d is forgotten", id, last)
			}
		}
	})
	var p pages[int]
	for i := range 10 {
		*p.next(4) = i
	}
	var got []int
	p.backwards(func(v *int) bool { got = append(got, *v); return len(got) < 3 })
	if fmt.Sprint(got) != "[9 8 7]" {
		t.Errorf("got %v", got)
	}
}

func TestTempo(t *testing.T) {
	for _, d := range []time.Duration{0, 1, time.Microsecond, 7 * time.Microsecond, 8 * time.Microsecond, 8*time.Microsecond + 1, time.Millisecond, 1234567, time.Second, 17 * time.Minute} {
		i := spreadIndex(d)
		if bound := spreadBound(i); d > bound || i > 0 && d <= spreadBound(i-1) || d > 8*time.Microsecond && float64(bound) > 1.13*float64(d) {
			t.Errorf("%v is counted up to %v", d, bound)
		}
	}
	for i := range 8*spreadPowers - 1 {
		if spreadIndex(spreadBound(i)) != i || spreadIndex(spreadBound(i)+1) != i+1 {
			t.Errorf("the bound %v is not one", spreadBound(i))
		}
	}
	var q tempo
	for s := range 300 {
		q.add(time.Duration(s+1)*time.Millisecond, moment(time.Duration(s)*time.Second))
	}
	var all, recent spread
	q.total(&all)
	most := q.recent(&recent, moment(299*time.Second))
	if n := recent.count(); all.count() != 300 || n != 60 || most != 300*time.Millisecond {
		t.Errorf("got %d, %d and %v", all.count(), n, most)
	}
	if got := recent.quantile(0.5); got < 270*time.Millisecond || got > 300*time.Millisecond {
		t.Errorf("got %v", got)
	}
}

func TestMachinesAreTold(t *testing.T) {
	for name, m := range Machines() {
		for _, a := range m.Transitions {
			if !has(m.States, a.From) || !has(m.States, a.To) {
				t.Errorf("%s: %+v has a state that is not there", name, a)
			}
		}
	}
	if protocol.NoCause != 0 {
		t.Error("an exchange without a notice has one")
	}
}

func has(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
