package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// counter is a desk, the Session that it belongs to and the end of the client.
type counter struct {
	desk    desk
	session *Session
	far     *tunneltest.Conn
	stop    func()
}

func newCounter(ordered bool, inFlight, queue int) *counter {
	ctx, cancel := context.WithCancel(context.Background())
	shard := tunnel.NewShard(tunnel.ShardConfig{Pump: true})
	near, far := tunneltest.Pipe(1 << 16)
	c := &counter{far: far, session: &Session{route: &route{ordered: ordered, limits: Limits{InFlight: inFlight, Queue: queue}}}}
	c.session.vc, _ = shard.New("client", near, 1<<20, deaf{})
	var wg sync.WaitGroup
	wg.Go(func() { _ = shard.Serve(ctx) })
	c.stop = func() {
		cancel()
		wg.Wait()
		_ = far.Close()
	}
	return c
}

// deaf is a Handler that hears nothing.
type deaf struct{}

func (deaf) Data(_ *tunnel.Owner, p []byte) int { return len(p) }
func (deaf) End(*tunnel.Owner, error)           {}
func (deaf) Room(*tunnel.Owner)                 {}

// request returns an exchange with an ID. There are two hashes for all of them.
func (c *counter) request(id string) *exchange {
	x := exchanges.Get().(*exchange)
	x.session, x.id, x.hash = c.session, append(x.id[:0], id...), hashOf(id)
	return x
}

func hashOf(id string) uint64 { return uint64(len(id) % 2) }

func (c *counter) enter(x *exchange) {
	h := c.session.vc.Lock()
	defer h.Unlock()
	c.desk.enter(h, x)
}

func (c *counter) find(id string) bool {
	h := c.session.vc.Lock()
	defer h.Unlock()
	return c.desk.find(h, protocol.ID(id), hashOf(id))
}

func (c *counter) answer(x *exchange, frame string, final bool) error {
	h := c.session.vc.Lock()
	defer h.Unlock()
	return c.desk.answer(h, c.session, x, []byte(frame), final)
}

func (c *counter) say(frame string) error {
	h := c.session.vc.Lock()
	defer h.Unlock()
	return c.desk.say(h, c.session, []byte(frame))
}

// drop is what becomes of an exchange whose client is to hear nothing of it.
func (c *counter) drop(x *exchange) {
	h := c.session.vc.Lock()
	defer h.Unlock()
	c.desk.settle(h, x)
	c.desk.leave(h, x)
	x.free()
}

// heard closes the client and returns all that was put for it.
func (c *counter) heard(t interface{ Fatal(...any) }) string {
	c.close()
	c.session.vc.Reenable()
	_ = c.far.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c.far)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (c *counter) close() {
	h := c.session.vc.Lock()
	defer h.Unlock()
	h.Close(nil)
}

// line is what lies on the desk, as the model has it.
type line struct {
	x      *exchange // nil: it was said, and answers nothing
	id     string
	frames []string // that wait for their turn
	done   bool
}

// deskModel is a desk, and the same in a few lines that cannot be wrong.
type deskModel struct {
	*counter
	ordered  bool
	inFlight int
	lines    []*line
	want     strings.Builder
	serial   int
}

// Requests come, with IDs that may collide and none, answers come in whatever order, in
// parts too, and notices in between. A client that pairs by order hears everything in
// the order of its requests (I8), any other as it comes; what is open is found, and
// what is answered is not.
func TestDeskModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &deskModel{ordered: rapid.Bool().Draw(t, "ordered"), inFlight: 3}
		m.counter = newCounter(m.ordered, m.inFlight, 1<<20)
		defer m.stop()
		t.Repeat(map[string]func(*rapid.T){
			"request": m.comes, "request ": m.comes, "answer": m.answered, "answer ": m.answered, "part": m.part,
			"say": m.said, "drop": m.dropped, "": m.check,
		})
		if got, want := m.heard(t), m.want.String(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

var deskIDs = []string{"", "a", "b", "c", "aa", "bb"}

func (m *deskModel) comes(t *rapid.T) {
	id := rapid.SampledFrom(deskIDs).Draw(t, "id")
	if m.isOpen(id) {
		t.Skip()
	}
	l := &line{x: m.request(id), id: id}
	m.lines = append(m.lines, l)
	m.enter(l.x)
}

// open returns one of those that have no answer yet.
func (m *deskModel) open(t *rapid.T) (i int, l *line) {
	var open []int
	for i, l := range m.lines {
		if !l.done {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		t.Skip()
	}
	i = open[rapid.IntRange(0, len(open)-1).Draw(t, "which")]
	return i, m.lines[i]
}

func (m *deskModel) frame(l *line) string {
	m.serial++
	return fmt.Sprintf("%s:%d;", l.id, m.serial)
}

func (m *deskModel) answered(t *rapid.T) { m.reply(t, true) }
func (m *deskModel) part(t *rapid.T)     { m.reply(t, false) }

func (m *deskModel) reply(t *rapid.T, final bool) {
	i, l := m.open(t)
	frame := m.frame(l)
	if err := m.answer(l.x, frame, final); err != nil {
		t.Fatal(err)
	}
	l.frames, l.done = append(l.frames, frame), final
	if m.ordered {
		m.flush()
		return
	}
	m.want.WriteString(frame)
	l.frames = nil
	if final {
		m.lines = slices.Delete(m.lines, i, i+1)
	}
}

// flush lets go what is first.
func (m *deskModel) flush() {
	for len(m.lines) > 0 {
		l := m.lines[0]
		m.want.WriteString(strings.Join(l.frames, ""))
		l.frames = nil
		if !l.done {
			return
		}
		m.lines = m.lines[1:]
	}
}

func (m *deskModel) said(t *rapid.T) {
	l := &line{id: "said", done: true}
	frame := m.frame(l)
	l.frames = []string{frame}
	waits := m.ordered && len(m.lines) > 0
	full := waits && len(m.lines) >= 2*m.inFlight
	if err := m.say(frame); errors.Is(err, tunnel.ErrFull) != full || err != nil && !full {
		t.Fatalf("%d lie on the desk: %v", len(m.lines), err)
	}
	switch {
	case full:
	case waits:
		m.lines = append(m.lines, l)
	default:
		m.want.WriteString(frame)
	}
}

// dropped is for one that has heard nothing: the last that came, as it is with the
// members of a batch, of which the last one brings the answer.
func (m *deskModel) dropped(t *rapid.T) {
	if len(m.lines) == 0 {
		t.Skip()
	}
	last := len(m.lines) - 1
	l := m.lines[last]
	if l.done || len(l.frames) > 0 {
		t.Skip()
	}
	m.lines = m.lines[:last]
	m.drop(l.x)
}

func (m *deskModel) isOpen(id string) bool {
	return id != "" && slices.ContainsFunc(m.lines, func(l *line) bool { return l.id == id && !l.done })
}

func (m *deskModel) check(t *rapid.T) {
	for _, id := range deskIDs {
		if got, want := m.find(id), m.isOpen(id); got != want {
			t.Fatalf("find %q: got %v, want %v", id, got, want)
		}
	}
	open, held := 0, 0
	for _, l := range m.lines {
		if !l.done {
			open++
		}
		held += len(strings.Join(l.frames, ""))
	}
	if d := &m.desk; int(d.open) != open || int(d.lies) != len(m.lines) || d.bytes != held {
		t.Fatalf("got %d open of %d with %d bytes, want %d of %d with %d", d.open, d.lies, d.bytes, open, len(m.lines), held)
	}
	if open == 0 && len(m.desk.byID) > 0 {
		t.Fatalf("nothing is open, and %d IDs are known", len(m.desk.byID))
	}
}

func TestI8AnswersThatComeReversedLeaveInOrder(t *testing.T) {
	c := newCounter(true, 10, 1<<10)
	defer c.stop()
	var all []*exchange
	for i := range 4 {
		all = append(all, c.request(fmt.Sprint(i)))
		c.enter(all[i])
	}
	for i := 3; i >= 0; i-- {
		if err := c.answer(all[i], fmt.Sprintf("%d;", i), true); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.heard(t), "0;1;2;3;"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Parts of the second request wait for the first, and then do not wait for their last.
func TestPartsThatWaitLeaveAsSoonAsTheyAreFirst(t *testing.T) {
	c := newCounter(true, 10, 1<<10)
	defer c.stop()
	x, y := c.request("x"), c.request("y")
	c.enter(x)
	c.enter(y)
	for _, step := range []struct {
		x     *exchange
		frame string
		final bool
		held  int
	}{{y, "y1;", false, 3}, {y, "y2;", false, 6}, {x, "x1;", false, 6}, {x, "x2;", true, 0}, {y, "y3;", true, 0}} {
		if err := c.answer(step.x, step.frame, step.final); err != nil {
			t.Fatal(err)
		}
		if c.desk.bytes != step.held {
			t.Errorf("after %s %d bytes wait, want %d", step.frame, c.desk.bytes, step.held)
		}
	}
	if got, want := c.heard(t), "x1;x2;y1;y2;y3;"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What waits for its turn counts against the client's queue.
func TestWhatWaitsForItsTurnIsBounded(t *testing.T) {
	c := newCounter(true, 10, 8)
	defer c.stop()
	x, y, z := c.request("x"), c.request("y"), c.request("z")
	for _, e := range []*exchange{x, y, z} {
		c.enter(e)
	}
	if err := c.answer(y, "12345678", true); err != nil {
		t.Fatal(err)
	}
	if err := c.say("9"); !errors.Is(err, tunnel.ErrFull) {
		t.Errorf("say: got %v, want %v", err, tunnel.ErrFull)
	}
	if err := c.answer(z, "9", true); !errors.Is(err, tunnel.ErrFull) {
		t.Errorf("answer: got %v, want %v", err, tunnel.ErrFull)
	}
}

// The first of them in a chain of one hash is settled, and one in its middle, and the last.
func TestIDsOfOneHash(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}} {
		c := newCounter(false, 10, 1<<10)
		ids := []string{"a", "b", "c"}
		var all []*exchange
		for _, id := range ids {
			all = append(all, c.request(id))
			c.enter(all[len(all)-1])
		}
		for n, i := range order {
			c.drop(all[i])
			for j, id := range ids {
				if got, want := c.find(id), !slices.Contains(order[:n+1], j); got != want {
					t.Errorf("after %v: %s is open: got %v, want %v", order[:n+1], id, got, want)
				}
			}
		}
		c.stop()
	}
}

// Messages that are not answered are none that their client has to wait for.
func TestOneWayMessagesHoldUpNothing(t *testing.T) {
	inWorld(t, func(r *Route) {
		r.Codec = newPlain(func(tr *protocol.Traits) { tr.Ordered = true })
		r.Limits.InFlight = 2
	}, func(w *world) {
		b, c := w.backend(), w.client()
		for i := range 5 {
			c.send(fmt.Sprintf("N %d", i))
			b.expect(fmt.Sprintf("N %d", i))
		}
		c.send("Q 1 x", "Q 2 x")
		first, _ := b.request()
		second, _ := b.request()
		b.send("A "+first+" 1", "A "+second+" 2")
		c.expect("A 1 1", "A 2 2")
		c.send("N last")
		b.expect("N last")
	})
}
