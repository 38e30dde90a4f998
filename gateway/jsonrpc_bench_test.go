package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/validate"
)

// BenchmarkJSONRPC is a JSON-RPC request of 1 KiB through the whole gateway and its
// answer back, over loopback, 16 requests open on each of 50 connections: without rules,
// with field rules, with an expression, and with a schema.
func BenchmarkJSONRPC(b *testing.B) {
	for _, c := range []struct {
		name  string
		rules []validate.Rule
	}{
		{"rules=none", nil},
		{"rules=fields", []validate.Rule{{Allow: []string{"order.place"}}, {Field: &validate.Field{Path: "/params/amount", Type: "integer", Required: true}}}},
		{"rules=expression", []validate.Rule{{Expr: `field("/params/amount") < 10000`}}},
		{"rules=schema", []validate.Rule{{Schema: &validate.Schema{Document: []byte(benchSchema), File: "bench.json"}}}},
	} {
		b.Run(c.name, func(b *testing.B) { benchJSONRPC(b, c.rules) })
	}
}

const benchSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"order.place":{"type":"object",
	"required":["amount","note"],"properties":{"amount":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":2000}}}}}`

func benchRequest(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":"order.place","params":{"amount":5,"note":%q},"id":%d}`, strings.Repeat("n", 930), id)
}

func benchJSONRPC(b *testing.B, rules []validate.Rule) {
	codec, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	program, err := validate.Compile(codec, rules, validate.Options{})
	if err != nil {
		b.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{Shards: 1, Routes: []gateway.Route{{Name: "bench", Listen: "127.0.0.1:0", Codec: codec, Rules: program,
		Backends: []gateway.BackendConfig{{Address: jsonBackend(b), Connections: 1, InFlight: 4096}}}}})
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
	const clients, depth = 50, 16
	var batch bytes.Buffer
	for i := range depth {
		batch.WriteString(benchRequest(i) + "\n")
	}
	b.SetBytes(int64(batch.Len() / depth))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c, err := net.Dial("tcp", g.Addr("bench").String())
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReaderSize(c, 64<<10)
			for range b.N/(clients*depth) + 1 {
				if _, err := c.Write(batch.Bytes()); err != nil {
					b.Error(err)
					return
				}
				for range depth {
					line, err := r.ReadSlice('\n')
					if err != nil || !bytes.Contains(line, []byte(`"result"`)) {
						b.Errorf("got %q, %v", line, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// jsonBackend answers each line with a result under its id, and returns its address.
func jsonBackend(b *testing.B) string {
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
				r, w := bufio.NewReaderSize(c, 256<<10), bufio.NewWriterSize(c, 64<<10)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					id := line[bytes.LastIndex(line, []byte(`"id":`))+5 : len(line)-2]
					_, _ = w.WriteString(`{"jsonrpc":"2.0","result":"ok","id":`)
					_, _ = w.Write(id)
					_, _ = w.WriteString("}\n")
					if r.Buffered() == 0 && w.Flush() != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}
