package gateway

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583"
)

// failing is ISO 8583 that cannot encode a request, and has somebody do something before it says so.
type failing struct {
	*iso8583.Codec
	meanwhile atomic.Pointer[func()] // once
}

func (c *failing) AppendWithID(dst []byte, m *protocol.Message, id protocol.ID) ([]byte, error) {
	if m.Dir == protocol.FromBackend {
		return c.Codec.AppendWithID(dst, m, id)
	}
	if f := c.meanwhile.Swap(nil); f != nil {
		(*f)()
		return dst, errors.New("it cannot be encoded")
	}
	return c.Codec.AppendWithID(dst, m, id)
}

// Who has joined a request that then cannot be sent hears that, and may send it again.
func TestWhoHasJoinedWhatIsNotSentHearsThat(t *testing.T) {
	codec := &failing{}
	inPayments(t, `{}`, func(r *Route) {
		codec.Codec = r.Codec.(*iso8583.Codec)
		r.Codec = codec
		r.Backends[0].Connections = 2
	}, func(w *world) {
		hosts := []*peer{w.backend(), w.backend()}
		a, b := w.client(), w.client()
		var joined atomic.Bool
		meanwhile := func() {
			q := iso("0201", "TERM0001", 1, "a")
			_, _ = b.conn.Write(append([]byte{0, byte(len(q))}, q...))
			time.Sleep(time.Millisecond) // in which the others do what they have to
			joined.Store(w.counters().Joined == 1)
		}
		codec.meanwhile.Store(&meanwhile)
		a.message(iso("0200", "TERM0001", 1, "a"))
		time.Sleep(time.Second)
		if !joined.Load() {
			t.Fatal("nobody has joined")
		}
		for name, p := range map[string]*peer{"a": a, "b": b} {
			if got := p.code(); got != "91" && got != "30" {
				t.Errorf("%s hears %q, want that it was not sent", name, got)
			}
		}
		b.message(iso("0201", "TERM0001", 1, "a"))
		host := hosts[0]
		if waits(hosts[1]) {
			host = hosts[1]
		}
		host.hears(iso("0201", "TERM0001", 1, "a"))
		host.message(iso("0210", "TERM0001", 1, "a"))
		b.hears(iso("0210", "TERM0001", 1, "a"))
	})
}
