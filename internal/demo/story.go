package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/internal/sim"
)

// story is what is told, and what was checked of it.
type story struct {
	w       io.Writer
	failed  error // of writing
	g       *gateway.Gateway
	backend *sim.Backend
	door    net.Addr
	clients []*client
	checks  int

	mu   sync.Mutex
	sent string // the last batch that the backend sent
}

// trace listens at the backend.
func (s *story) trace(e sim.Event) {
	if e.What == "answer" && len(e.Body) > 0 && e.Body[0] == '[' {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent = string(e.Body)
	}
}

// lastBatch returns the last batch that the backend sent.
func (s *story) lastBatch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// tell tells the whole story, and ends at the first thing that is not as it should be.
func (s *story) tell(ctx context.Context) error {
	for _, name := range []string{"till-1", "till-2", "web"} {
		c, err := dial(name, s.door)
		if err != nil {
			return err
		}
		s.clients = append(s.clients, c)
	}
	s.line("Three clients, an old backend with one connection, and sallyport between them.")
	for i, chapter := range []struct {
		title string
		tell  func(ctx context.Context) error
	}{
		{"Three clients use the same id at the same time.", s.collide},
		{"A request that is wrong is answered at the door, and never seen by the backend.", s.refuse},
		{"One answer takes long: its client hears so. One comes too late: nobody gets it.", s.wait},
		{"The line is still in step: ids collide once more, and each client gets its own.", s.again},
		{"What the gateway has counted.", s.count},
	} {
		s.line("")
		s.line("%d. %s", i+1, chapter.title)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := chapter.tell(ctx); err != nil {
			return fmt.Errorf("chapter %d: %w", i+1, err)
		}
	}
	s.line("")
	s.line("All %d checks hold.", s.checks)
	return s.failed
}

func (s *story) collide(ctx context.Context) error {
	orders := []string{"A-1", "B-2", "C-3"}
	if err := s.ask(ctx, func(i int) string { return request(1, "order.place", place(orders[i], 10*(i+1))) }); err != nil {
		return err
	}
	var all []heard
	for _, c := range s.clients {
		h, err := c.hear()
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	if err := s.split(orders); err != nil {
		return err
	}
	for i, c := range s.clients {
		want := fmt.Sprintf(`{"order":%q,"item":"bolt","quantity":%d,"state":"placed"}`, orders[i], 10*(i+1))
		if err := s.got(c, all[i], 1, want); err != nil {
			return err
		}
	}
	return nil
}

// split tells what went on between gateway and backend while orders were placed.
func (s *story) split(orders []string) error {
	stats, counters := s.backend.Stats(), s.counters()
	var batch []struct {
		ID     json.RawMessage
		Result struct{ Order string }
	}
	_ = json.Unmarshal([]byte(s.lastBatch()), &batch) // what is missing shows in the checks
	var order []string
	tickets := map[string]bool{}
	for _, member := range batch {
		order = append(order, member.Result.Order)
		tickets[string(member.ID)] = true
	}
	s.said("backend", "got", "one batch of three requests, each under an id of the gateway's own")
	s.said("backend", "sent", "one array of three results, in the order %s", strings.Join(order, ", "))
	s.said("gateway", "split", "the array: each result to the one who asked, under the id it asked with")
	return s.hold(
		check{"another order", slices.Equal(order, orders), false},
		check{"results", len(order), 3},
		check{"different ids", len(tickets), 3},
		check{"batches that the backend got", stats.Batches, 1},
		check{"batches that the backend sent", stats.Bundles, 1},
		check{"bundles", counters.Bundles, 1},
		check{"split", counters.Split, 1},
	)
}

func place(order string, quantity int) string {
	return fmt.Sprintf(`{"order":%q,"item":"bolt","quantity":%d}`, order, quantity)
}

func (s *story) refuse(context.Context) error {
	web := s.clients[2]
	before := s.backend.Stats().Requests
	if err := s.send(web, request(2, "order.place", `{"order":"C-4","item":"","quantity":0}`)); err != nil {
		return err
	}
	h, err := web.hear()
	if err != nil {
		return err
	}
	if h.Error == nil {
		return fmt.Errorf("%s: got no refusal", web.name)
	}
	s.said(web.name, "refused", "id %s: %d %s, to do: %s", h.ID, h.Error.Code, h.Error.Message, h.Error.Data.Retry)
	paths := map[string]bool{}
	for _, r := range h.Error.Data.Reasons {
		s.said("", "", "%s: %s (%s)", r.Path, r.Message, r.Rule)
		paths[r.Path] = r.Message != ""
	}
	if err := s.hold(
		check{"id", string(h.ID), "2"},
		check{"code", h.Error.Code, -32602},
		check{"what to do", h.Error.Data.Retry, "fix"},
		check{"reasons", len(h.Error.Data.Reasons), 2},
		check{"paths", paths, map[string]bool{"/params/item": true, "/params/quantity": true}},
		check{"requests that reached the backend", s.backend.Stats().Requests - before, 0},
	); err != nil {
		return err
	}
	s.line("   %s corrects it and sends it again, under the same id.", web.name)
	if err := s.send(web, request(2, "order.place", place("C-4", 5))); err != nil {
		return err
	}
	return s.result(web, 2, `{"order":"C-4","item":"bolt","quantity":5,"state":"placed"}`)
}

func (s *story) wait(ctx context.Context) error {
	slow, late := s.clients[0], s.clients[1]
	ms := func(d time.Duration) string { return fmt.Sprintf(`{"ms":%d}`, d.Milliseconds()) }
	long, tooLong := answerIn*2/3, answerIn*5/4
	if err := s.send(slow, request(2, "sleep", ms(long))); err != nil {
		return err
	}
	if err := s.send(late, request(2, "sleep", ms(tooLong))); err != nil {
		return err
	}
	for _, c := range []*client{slow, late} {
		if err := s.accepted(c, 2); err != nil {
			return err
		}
	}
	if err := s.result(slow, 2, ms(long)); err != nil {
		return err
	}
	h, err := late.hear()
	if err != nil {
		return err
	}
	if h.Error == nil {
		return fmt.Errorf("%s: got no error, and its answer is late", late.name)
	}
	s.said(late.name, "failed", "id %s: %d %s, outcome %s", h.ID, h.Error.Code, h.Error.Message, h.Error.Data.Outcome)
	if err := s.hold(
		check{"id", string(h.ID), "2"},
		check{"outcome", h.Error.Data.Outcome, "unknown"},
		check{"expired", s.counters().Expired, 1},
	); err != nil {
		return err
	}
	if err := s.until(ctx, func() bool { return s.counters().Late == 1 }); err != nil {
		return fmt.Errorf("the late answer did not come: %w", err)
	}
	s.checks++
	s.said("backend", "sent", "its answer after all")
	s.said("gateway", "dropped", "it: late 1, and nobody got it")
	return nil
}

func (s *story) again(ctx context.Context) error {
	text := func(c *client) string { return fmt.Sprintf(`["from %s"]`, c.name) }
	if err := s.ask(ctx, func(i int) string { return request(2, "echo", text(s.clients[i])) }); err != nil {
		return err
	}
	for _, c := range s.clients {
		if err := s.result(c, 2, text(c)); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) count(context.Context) error {
	c := s.counters()
	s.line("   received %d = forwarded %d + refused %d", c.Received, c.Forwarded, c.Refused)
	s.line("   forwarded %d = answered %d + expired %d", c.Forwarded, c.Answered, c.Expired)
	s.line("   wait notices %d, late %d, doubled %d, unknown %d", c.Waits, c.Late, c.Doubled, c.Unknown)
	s.line("   batches to the backend %d, responses split %d, backend connections %d", c.Bundles, c.Split, s.backend.Stats().Connections)
	return s.hold(
		check{"received", c.Received, c.Forwarded + c.Refused},
		check{"forwarded", c.Forwarded, c.Answered + c.Expired},
		check{"received", c.Received, 10},
		check{"refused", c.Refused, 1},
		check{"answered", c.Answered, 8},
		check{"wait notices", c.Waits, 2},
		check{"late", c.Late, 1},
		check{"doubled", c.Doubled, 0},
		check{"unknown", c.Unknown, 0},
		check{"in flight", c.InFlight, 0},
		check{"responses split", c.Split, 2},
		check{"backend connections", s.backend.Stats().Connections, 1},
	)
}

// ask has every client send what text says, one right after the other, each when the one before is on its way.
func (s *story) ask(ctx context.Context, text func(i int) string) error {
	for i, c := range s.clients {
		before := s.counters().Forwarded
		if err := s.send(c, text(i)); err != nil {
			return err
		}
		// The next one is behind it, however busy the machine is: the story is the same each time.
		if err := s.until(ctx, func() bool { return s.counters().Forwarded > before }); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) send(c *client, text string) error {
	s.said(c.name, "sends", "%s", text)
	return c.send(text)
}

// result is told when c gets want as the result of its request id, and nothing before it.
func (s *story) result(c *client, id int, want string) error {
	h, err := c.hear()
	if err != nil {
		return err
	}
	return s.got(c, h, id, want)
}

// got is told when h is what c has heard.
func (s *story) got(c *client, h heard, id int, want string) error {
	s.said(c.name, "gets", "%s", h.text)
	return s.hold(
		check{c.name + ": id", string(h.ID), fmt.Sprint(id)},
		check{c.name + ": result", value(h.Result), value([]byte(want))},
	)
}

// accepted is told when c hears that its request id is being processed.
func (s *story) accepted(c *client, id int) error {
	h, err := c.hear()
	if err != nil {
		return err
	}
	s.said(c.name, "hears", "%s", h.text)
	var params struct{ ID json.RawMessage }
	_ = json.Unmarshal(h.Params, &params) // what is missing shows in the checks
	return s.hold(
		check{c.name + ": method", h.Method, "$/accepted"},
		check{c.name + ": id", string(params.ID), fmt.Sprint(id)},
	)
}

func value(text []byte) any {
	var v any
	_ = json.Unmarshal(text, &v) // what is not JSON is nil, and equal to no result
	return v
}

// check is one thing that must be so.
type check struct {
	what      string
	got, want any
}

// hold counts checks and returns the first that does not hold.
func (s *story) hold(checks ...check) error {
	for _, c := range checks {
		got, want := c.got, c.want
		if fmt.Sprint(got) != fmt.Sprint(want) && !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%s: got %v, want %v", c.what, got, want)
		}
		s.checks++
	}
	return nil
}

func (s *story) counters() gateway.Counters { return s.g.Snapshot().Routes[0].Counters }

// until waits until so is true.
func (s *story) until(ctx context.Context, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// said writes a line of the table: who, what it does, and the words.
func (s *story) said(who, does, format string, args ...any) {
	s.line("   %-8s %-8s %s", who, does, fmt.Sprintf(format, args...))
}

func (s *story) line(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n"
	if _, err := io.WriteString(s.w, text); err != nil && s.failed == nil {
		s.failed = fmt.Errorf("write: %w", err)
	}
}

func (s *story) close() {
	for _, c := range s.clients {
		_ = c.conn.Close()
	}
}
