package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/tunnel"
	"github.com/sallyport/sallyport/tunnel/tunneltest"
)

// backlogModel is a backlog, what it should hold, and what its target has.
type backlogModel struct {
	b        *backlog
	vc       *tunnel.VConn
	put      int      // messages, missed ones too
	want     []string // that are not written whole
	begun    int      // bytes of the first of these that were written
	reserved []string
	there    bool
	on, down bool
	copied   uint64
	missed   uint64
}

// Random messages are offered, reserved, put and released, while a target comes, takes
// some bytes and is lost. What a target gets is whole messages in order, none twice, and
// what is held never exceeds the size.
func TestBacklogModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near, _ := tunneltest.Pipe(1)
		vc, _ := tunnel.NewShard(tunnel.ShardConfig{Pump: true}).New("source", near, 0, nil)
		m := &backlogModel{b: newBacklog(rapid.SampledFrom([]int{100, 3 * backlogBlockSize}).Draw(t, "size")), vc: vc, on: true}
		t.Repeat(map[string]func(*rapid.T){
			"offer": m.offer, "offer ": m.offer, "offer  ": m.offer, "reserve": m.reserve, "spend": m.spend, "release": m.release,
			"write": m.write, "write ": m.write, "attach": m.attach, "detach": m.detach, "expect": m.expect, "miss": m.miss,
			"": m.check,
		})
	})
}

// message returns one that no other is like.
func (m *backlogModel) message(t *rapid.T) string {
	m.put++
	longest := m.b.size / 2
	if rapid.IntRange(0, 20).Draw(t, "too long") == 0 {
		longest = m.b.size + 20
	}
	text := fmt.Sprintf("%d.", m.put)
	return text + strings.Repeat("x", rapid.IntRange(0, longest).Draw(t, "length"))
}

func (m *backlogModel) held() (n int) {
	for _, text := range append(m.want, m.reserved...) {
		n += len(text)
	}
	return n
}

func (m *backlogModel) offer(t *rapid.T) {
	text := m.message(t)
	held := m.held()
	m.b.offer([]byte(text))
	switch {
	case !m.on, len(text) > m.b.size:
		m.missed++
	case held+len(text) > m.b.size:
		m.missed++
		m.on = false
		if len(m.b.slow) != 1 {
			t.Fatal("nobody is told that the target is slow")
		}
	default:
		m.want = append(m.want, text)
	}
}

func (m *backlogModel) miss(*rapid.T) {
	m.b.miss()
	m.missed++
}

func (m *backlogModel) reserve(t *rapid.T) {
	text := m.message(t)
	held := m.held()
	ok, err := m.b.reserve(len(text), m.vc)
	switch {
	case m.down && !m.there:
		if ok || !errors.Is(err, errMirrorDown) {
			t.Fatalf("down: got %v, %v", ok, err)
		}
	case len(text) > m.b.size:
		if ok || !errors.Is(err, tunnel.ErrTooLong) {
			t.Fatalf("too long: got %v, %v", ok, err)
		}
	case ok != (held+len(text) <= m.b.size) || err != nil:
		t.Fatalf("%d held, %d more of %d: got %v, %v", held, len(text), m.b.size, ok, err)
	case !ok && len(m.b.waiting) != 1:
		t.Fatal("the source is not noted")
	case ok:
		m.reserved = append(m.reserved, text)
	}
}

func (m *backlogModel) spend(t *rapid.T) {
	if len(m.reserved) == 0 {
		t.Skip()
	}
	m.b.spend([]byte(m.reserved[0]))
	m.want = append(m.want, m.reserved[0])
	m.reserved = m.reserved[1:]
}

func (m *backlogModel) release(t *rapid.T) {
	if len(m.reserved) == 0 {
		t.Skip()
	}
	m.b.release(len(m.reserved[0]))
	m.reserved = m.reserved[1:]
	if m.held() <= m.b.size/2 && len(m.b.waiting) > 0 {
		t.Fatal("there is room, and a source still waits")
	}
}

// write takes some of what is to be written, as a target does.
func (m *backlogModel) write(t *rapid.T) {
	p, whole := m.b.next()
	all := strings.Join(m.want, "")[m.begun:]
	if (p == nil) != (all == "") || !bytes.HasPrefix([]byte(all), p) {
		t.Fatalf("next is %.20q..., want the beginning of %.20q...", p, all)
	}
	if p != nil && whole != (m.begun == 0) {
		t.Fatalf("%d bytes of a message were written, and whole is %v", m.begun, whole)
	}
	if ends := m.ends(len(p)); len(ends) > 0 && ends[len(ends)-1] != len(p) {
		t.Fatalf("next is %d bytes, and messages end at %v of them", len(p), ends)
	}
	n := rapid.IntRange(0, len(p)).Draw(t, "taken")
	if rapid.Bool().Draw(t, "all") {
		n = len(p)
	}
	m.begun += n
	for len(m.want) > 0 && m.begun >= len(m.want[0]) {
		m.begun -= len(m.want[0])
		m.want = m.want[1:]
		m.copied++
	}
	if begun := m.b.wrote(n); begun != int64(m.begun) {
		t.Fatalf("%d bytes of a message are written: got %d", m.begun, begun)
	}
	if m.held() <= m.b.size/2 && len(m.b.waiting) > 0 {
		t.Fatal("there is room, and a source still waits")
	}
}

// ends returns where messages end in the next n bytes.
func (m *backlogModel) ends(n int) (ends []int) {
	at := -m.begun
	for _, text := range m.want {
		if at += len(text); at > n {
			break
		}
		ends = append(ends, at)
	}
	return ends
}

func (m *backlogModel) attach(*rapid.T) {
	m.b.attach()
	m.there, m.on = true, true
}

func (m *backlogModel) detach(t *rapid.T) {
	m.b.detach()
	m.there, m.on, m.begun = false, false, 0
	if rapid.Bool().Draw(t, "drop") {
		if n := m.b.drop(); n != len(m.want) {
			t.Fatalf("dropped %d, want %d", n, len(m.want))
		}
		m.missed += uint64(len(m.want))
		m.want = nil
	}
	if len(m.b.waiting) > 0 {
		t.Fatal("a source still waits for a target that is gone")
	}
}

func (m *backlogModel) expect(t *rapid.T) {
	m.down = rapid.Bool().Draw(t, "down")
	m.b.expect(!m.down)
	if len(m.b.waiting) > 0 {
		t.Fatal("a source still waits, and nobody looks whether it should")
	}
}

func (m *backlogModel) check(t *rapid.T) {
	copied, missed, waiting, bytes := m.b.counts()
	if held := m.held(); held > m.b.size || m.b.held() != held {
		t.Fatalf("%d bytes are held of %d: got %d", held, m.b.size, m.b.held())
	}
	if copied != m.copied || missed != m.missed || waiting != len(m.want) || bytes != len(strings.Join(m.want, "")) {
		t.Fatalf("got %d copied, %d missed, %d waiting; want %d, %d, %d", copied, missed, waiting, m.copied, m.missed, len(m.want))
	}
	if memory := len(m.b.blocks) * backlogBlockSize; memory > bytes+2*backlogBlockSize {
		t.Fatalf("%d bytes of memory for %d", memory, bytes)
	}
	state := "detached"
	if m.there && m.on {
		state = "attached"
	} else if m.down {
		state = "down"
	}
	if got := m.b.state(); got != state {
		t.Fatalf("got state %s, want %s", got, state)
	}
}

// In its stride a backlog allocates nothing.
func TestBacklogAllocatesNothing(t *testing.T) {
	b := newBacklog(1 << 20)
	b.attach()
	text := bytes.Repeat([]byte("x"), 300)
	round := func() {
		for range 50 {
			b.offer(text)
		}
		for p, _ := b.next(); p != nil; p, _ = b.next() {
			b.wrote(len(p))
		}
		b.next()
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 1 { // the pool may have been emptied by a collection
		t.Errorf("got %v allocations", n)
	}
	if copied, missed, waiting, _ := b.counts(); copied%50 != 0 || missed != 0 || waiting != 0 {
		t.Errorf("got %d copied, %d missed, %d waiting", copied, missed, waiting)
	}
}
