package gateway

import (
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// BenchmarkMirror is BenchmarkExchange with 50 clients, 16 requests open on each, and one
// mirror: none, one that reads, one that never does, and files.
func BenchmarkMirror(b *testing.B) {
	for _, c := range []struct {
		name    string
		mirrors func(b *testing.B) []MirrorConfig
	}{
		{"none", func(*testing.B) []MirrorConfig { return nil }},
		{"reads", func(b *testing.B) []MirrorConfig { return []MirrorConfig{{Address: sink(b, true)}} }},
		{"stuck", func(b *testing.B) []MirrorConfig { return []MirrorConfig{{Address: sink(b, false)}} }},
		{"required", func(b *testing.B) []MirrorConfig { return []MirrorConfig{{Address: sink(b, true), Required: true}} }},
		{"file", func(b *testing.B) []MirrorConfig {
			return []MirrorConfig{{File: filepath.Join(b.TempDir(), "audit")}}
		}},
		{"file with results", func(b *testing.B) []MirrorConfig {
			return []MirrorConfig{{File: filepath.Join(b.TempDir(), "audit"), Results: true}}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { benchExchange(b, 50, 16, c.mirrors(b)...) })
	}
}

// sink accepts connections, and reads from them or never does. It returns its address.
func sink(t testing.TB, reads bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	over := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		close(over)
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if reads {
					_, _ = io.Copy(io.Discard, c)
				} else {
					<-over
				}
			})
		}
	})
	return l.Addr().String()
}

func BenchmarkLine(b *testing.B) {
	l := mirrorLine{at: time.Now(), route: "orders", peer: "10.0.0.1:4711", what: "request", id: []byte("1"), name: []byte("order.place"),
		body: []byte(benchLine)}
	dst := make([]byte, 0, 4096)
	b.SetBytes(int64(len(l.body)))
	for b.Loop() {
		dst = l.appendTo(dst[:0])
	}
}

const benchLine = `{"jsonrpc":"2.0","method":"order.place","params":{"amount":5,"note":"the quick brown fox jumps over the lazy dog"},"id":1}`
