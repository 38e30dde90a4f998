package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
)

// BenchmarkExchange is a request through the whole gateway and its answer back, over
// loopback: clients that each keep depth requests open, one backend connection.
func BenchmarkExchange(b *testing.B) {
	for _, clients := range []int{1, 50} {
		for _, depth := range []int{1, 16} {
			b.Run(fmt.Sprintf("clients=%d/depth=%d", clients, depth), func(b *testing.B) { benchExchange(b, clients, depth) })
		}
	}
}

func benchExchange(b *testing.B, clients, depth int, mirrors ...MirrorConfig) {
	back := echoBackend(b)
	g, err := New(Config{Shards: 1, Routes: []Route{{Name: "bench", Listen: "127.0.0.1:0", Codec: newPlain(),
		Backends: []BackendConfig{{Address: back, Connections: 1, InFlight: 4096}}, Mirrors: mirrors}}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})

	batch := bytes.NewBuffer(nil)
	for i := range depth {
		fmt.Fprintf(batch, "Q %d %s\n", i, "the quick brown fox jumps over the lazy dog")
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", g.Addr("bench").String()); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
	}
	rounds := b.N/(clients*depth) + 1
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			r := bufio.NewReaderSize(c, 64<<10)
			for range rounds {
				if _, err := c.Write(batch.Bytes()); err != nil {
					b.Error(err)
					return
				}
				for range depth {
					if _, err := r.ReadSlice('\n'); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// echoBackend answers every request with itself, and returns its address.
func echoBackend(b testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	b.Cleanup(func() {
		_ = l.Close()
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
				buf, keep := make([]byte, 64<<10), 0
				for {
					n, err := c.Read(buf[keep:])
					if err != nil {
						return
					}
					n += keep
					whole := bytes.LastIndexByte(buf[:n], '\n') + 1
					for at := 0; at < whole; at += bytes.IndexByte(buf[at:whole], '\n') + 1 {
						buf[at] = 'A'
					}
					if _, err := c.Write(buf[:whole]); err != nil {
						return
					}
					keep = copy(buf, buf[whole:n])
				}
			})
		}
	})
	return l.Addr().String()
}
