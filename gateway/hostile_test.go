package gateway_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/gateway"
)

// hostile are what a backend may send in place of an answer, by what it is.
func hostile(answer []byte) map[string][]byte {
	list := map[string][]byte{
		"HTTP":             []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope"),
		"TLS":              {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3},
		"SSH":              []byte("SSH-2.0-OpenSSH_9.2\r\n"),
		"zeros":            make([]byte, 4096),
		"ones":             []byte(strings.Repeat("\xff", 4096)),
		"line ends":        []byte(strings.Repeat("\r\n", 2000)),
		"brackets":         []byte(strings.Repeat("[", 100_000)),
		"a great length":   []byte("$2147483647\r\nx"),
		"a negative one":   []byte("*-5\r\n$-2\r\n"),
		"a million parts":  []byte("*1000000\r\n"),
		"great in binary":  binary.BigEndian.AppendUint32(nil, 1<<31-1),
		"negative, binary": binary.BigEndian.AppendUint32(nil, 1<<31),
		"no message":       []byte("\x0bPID|1||4711\r\x1c\r"),
		"marks":            []byte("\x0b\x0b\x1c\x1c\r\x0b"),
		"a batch of all":   []byte(`[{"jsonrpc":"2.0","result":1,"id":1},{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}},7,[]]` + "\n"),
		"error without id": []byte(`{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"},"id":null}` + "\n"),
		"a request":        []byte(`{"jsonrpc":"2.0","method":"x","id":1}` + "\n"),
		"nothing":          nil,
		"half of it":       answer[:len(answer)/2],
		"all but one byte": answer[:len(answer)-1],
		"two of it":        append(append([]byte{}, answer...), answer...),
		"with garbage":     append(append([]byte{}, answer...), "garbage"...),
		"behind garbage":   append([]byte("garbage"), answer...),
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		p := append([]byte{}, answer...)
		p[r.IntN(min(len(p), 120))] ^= byte(1 + r.IntN(255))
		list[fmt.Sprint("another byte ", i)] = p
	}
	for i := range 10 {
		p := make([]byte, 1+r.IntN(400))
		for j := range p {
			p[j] = byte(r.Uint32())
		}
		list[fmt.Sprint("noise ", i)] = p
	}
	return list
}

// traitor sends what it is told to in place of one answer, and is an ordinary backend otherwise.
type traitor struct {
	s    *speech
	mu   sync.Mutex
	next func(answer []byte) []byte // nil: the answer
}

func (h *traitor) betray(f func(answer []byte) []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next = f
}

func (h *traitor) answer(out, request []byte) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	start := len(out)
	out = h.s.answer(out, request)
	if f := h.next; f != nil {
		h.next = nil
		out = append(out[:start], f(append([]byte{}, out[start:]...))...)
	}
	return out
}

// Whatever a backend sends in place of an answer, its client hears something in its own protocol or is closed, nobody else
// does, nothing stays behind, and the next request is answered.
func TestFaultF15AHostileBackend(t *testing.T) {
	for _, s := range speeches(t) {
		switch s.name {
		case "JSON-RPC, no rules", "RESP, GET", "Modbus, read", "ISO 8583, purchase", "HL7, admission":
		default:
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := &traitor{s: &s}
			g, err := gateway.New(gateway.Config{Shards: 1, Routes: []gateway.Route{{Name: "r", Listen: "127.0.0.1:0", Codec: s.codec,
				Timeouts: gateway.Timeouts{Answer: 250 * time.Millisecond, Frame: 500 * time.Millisecond, Linger: 100 * time.Millisecond},
				Backends: []gateway.BackendConfig{{Address: backend(t, &speech{codec: s.codec, answer: h.answer}), Connections: 1,
					Backoff: gateway.Backoff{Min: time.Millisecond, Max: time.Millisecond}, Circuit: gateway.Circuit{Failures: 1000}}}}}})
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- g.Serve(ctx) }()
			defer func() {
				cancel()
				if err := <-served; err != nil {
					t.Error(err)
				}
			}()
			id := 0
			ask := func(c *caller) bool {
				id++
				_ = c.conn.(*net.TCPConn).SetReadDeadline(time.Now().Add(10 * time.Second))
				if _, err := c.conn.Write([]byte(s.ask(0, id))); err != nil {
					return false
				}
				for c.seen = 0; c.seen == 0; {
					if err := c.read(c.count); err != nil {
						if e, ok := err.(net.Error); ok && e.Timeout() {
							t.Fatal("the client hears nothing")
						}
						return false // it was closed
					}
				}
				return true
			}
			address := g.Addr("r").String()
			for what := range hostile([]byte("an answer")) {
				h.betray(func(answer []byte) []byte { return hostile(answer)[what] })
				c := dial(t, address, &s)
				ask(c)
				_ = c.conn.Close()
				c = dial(t, address, &s) // and who comes next is served
				for deadline := time.Now().Add(10 * time.Second); ; {
					before := g.Snapshot().Routes[0].Counters.Answered
					open := ask(c)
					if g.Snapshot().Routes[0].Counters.Answered > before {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("after %q nobody is served any more: %+v", what, g.Snapshot().Routes[0])
					}
					if !open {
						_ = c.conn.Close()
						c = dial(t, address, &s)
					}
				}
				_ = c.conn.Close()
			}
			n := g.Snapshot()
			if n.Panics != 0 || n.Routes[0].Counters.InFlight != 0 {
				t.Errorf("%d panics, %d in flight", n.Panics, n.Routes[0].Counters.InFlight)
			}
		})
	}
}
