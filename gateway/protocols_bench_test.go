package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/gateway"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
	"github.com/sallyport/sallyport/protocol/iso8583"
	"github.com/sallyport/sallyport/protocol/jsonrpc"
	"github.com/sallyport/sallyport/protocol/modbus"
	"github.com/sallyport/sallyport/protocol/resp"
	"github.com/sallyport/sallyport/validate"
)

// speech is what clients and a backend say to each other in a benchmark. Neither allocates.
type speech struct {
	name   string
	codec  protocol.Codec
	rules  []validate.Rule
	ask    func(client, id int) string
	answer func(out, request []byte) []byte
	keys   int // of each request, in the table of what is open
}

// speeches are 1 KiB requests of JSON-RPC under several rules, commands of RESP and a read of Modbus, each with its codec's
// own rules on.
func speeches(t testing.TB) []speech {
	json, err := jsonrpc.New(jsonrpc.Options{}, protocol.Limits{})
	must(t, err)
	redis, err := resp.New(resp.Options{Deny: []string{"KEYS"}, Keys: []resp.KeyRule{{Pattern: "key:*"}}}, protocol.Limits{})
	must(t, err)
	device, err := modbus.New(modbus.Options{Access: []modbus.Access{{Units: "1-10", Functions: "3,16", Ranges: "0-999"}}}, protocol.Limits{})
	must(t, err)
	schema := `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"order.place":{"type":"object",
		"required":["amount","note"],"properties":{"amount":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":2000}}}}}`
	order := func(_, id int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"order.place","params":{"amount":5,"note":%q},"id":%d}`+"\n", strings.Repeat("n", 930), id)
	}
	placed := func(out, request []byte) []byte {
		id := request[bytes.LastIndex(request, []byte(`"id":`))+5 : bytes.LastIndexByte(request, '}')]
		out = append(out, `{"jsonrpc":"2.0","result":"ok","id":`...)
		return append(append(out, id...), "}\n"...)
	}
	host, err := iso8583.New(iso8583.Options{Rules: iso8583.Rules{Luhn: true}}, protocol.Limits{})
	must(t, err)
	var m protocol.Message // there is one connection to the host
	echo := []int{3, 4, 11, 37, 41, 49}
	purchased := func(out, request []byte) []byte {
		must(t, host.Decode(protocol.FromClient, request, &m))
		start := len(out)
		out, err := host.AppendResponse(host.OpenFrame(out, nil), &m, echo, "00")
		must(t, err)
		out, err = host.CloseFrame(out, start)
		must(t, err)
		return out
	}
	value := "$1024\r\n" + strings.Repeat("v", 1024) + "\r\n"
	read := []byte{0, 0, 0, 0, 0, 23, 7, 3, 20, 19: 1, 28: 9}
	registry, err := hl7.New(hl7.Options{Rules: hl7.Rules{Types: []string{"ADT^A01"}, Required: []string{"PID-3.1"}}}, protocol.Limits{})
	must(t, err)
	var admitted protocol.Message
	acknowledged := func(out, request []byte) []byte {
		must(t, registry.Decode(protocol.FromClient, request, &admitted))
		start := len(out)
		out, err := registry.CloseFrame(registry.AppendAnswer(registry.OpenFrame(out, nil), &admitted, "AA", ""), start)
		must(t, err)
		return out
	}
	return []speech{
		{"JSON-RPC, no rules", json, nil, order, placed, 0},
		{"JSON-RPC, fields", json, []validate.Rule{{Allow: []string{"order.place"}}, {Field: &validate.Field{Path: "/params/amount", Type: "integer", Required: true}}}, order, placed, 0},
		{"JSON-RPC, expression", json, []validate.Rule{{Expr: `field("/params/amount") < 10000`}}, order, placed, 0},
		{"JSON-RPC, schema", json, []validate.Rule{{Schema: &validate.Schema{Document: []byte(schema), File: "bench.json"}}}, order, placed, 0},
		{"RESP, GET", redis, nil, func(_, _ int) string { return "*2\r\n$3\r\nGET\r\n$7\r\nkey:123\r\n" },
			func(out, _ []byte) []byte { return append(out, value...) }, 0},
		{"RESP, SET", redis, nil, func(_, _ int) string { return "*3\r\n$3\r\nSET\r\n$7\r\nkey:123\r\n" + value },
			func(out, _ []byte) []byte { return append(out, "+OK\r\n"...) }, 0},
		{"Modbus, read", device, nil, func(_, id int) string { return string([]byte{0, byte(id), 0, 0, 0, 6, 7, 3, 0, 100, 0, 10}) },
			func(out, request []byte) []byte { return append(append(out, request[:2]...), read[2:]...) }, 0},
		{"ISO 8583, purchase", host, []validate.Rule{{Allow: []string{"0200"}}, {Field: &validate.Field{Path: "DE4", Min: new(1.0)}}},
			func(client, id int) string {
				return "\x00\x55" + fmt.Sprintf("02007020000008808000164761739001010119000000000000001000%06dRRN%09dTERM%04d978", id, id, client)
			}, purchased, 1},
		{"HL7, admission", registry, []validate.Rule{{Field: &validate.Field{Path: "PID-8", In: []string{"F", "M"}}}}, func(client, id int) string {
			return fmt.Sprintf("\x0bMSH|^~\\&|DEV%d|NORTH|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|%d.%d|P|2.5\rEVN|A01|20261123\rPID|1||4711^^^HOSP||MUSTER^ANNA||19700101|F\rOBX|1|TX|A||%s\r\x1c\r", client, client, id, strings.Repeat("n", 850))
		}, acknowledged, 1},
	}
}

// BenchmarkProtocols is a request through the whole gateway and its answer back, over loopback, 16 requests open on each of
// 50 connections.
func BenchmarkProtocols(b *testing.B) {
	for _, s := range speeches(b) {
		b.Run(s.name, func(b *testing.B) {
			address := serve(b, &s)
			const clients, depth = 50, 16
			b.SetBytes(int64(len(s.ask(0, 0))))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for n := range clients {
				wg.Go(func() {
					var batch []byte
					for i := range depth {
						batch = append(batch, s.ask(n, i)...)
					}
					c := dial(b, address, &s)
					defer c.conn.Close()
					for range b.N/(clients*depth) + 1 {
						c.exchange(batch, depth)
					}
				})
			}
			wg.Wait()
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs a gateway with one shard and one connection to a backend that answers at once, and returns its address.
func serve(t testing.TB, s *speech) string {
	program, err := validate.Compile(s.codec, s.rules, validate.Options{})
	must(t, err)
	g, err := gateway.New(gateway.Config{Shards: 1, Routes: []gateway.Route{{Name: "bench", Listen: "127.0.0.1:0", Codec: s.codec, Rules: program,
		Backends: []gateway.BackendConfig{{Address: backend(t, s), Connections: 1, InFlight: 4096}}}}})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return g.Addr("bench").String()
}

// backend answers each frame, and returns its address.
func backend(t testing.TB, s *speech) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() {
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
				var out []byte
				r := reader{conn: c, codec: s.codec, buf: make([]byte, 1<<20)}
				for {
					out = out[:0]
					if r.read(func(frame []byte) { out = s.answer(out, frame) }) != nil {
						return
					}
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// reader reads frames.
type reader struct {
	conn  net.Conn
	codec protocol.Codec
	buf   []byte
	n     int
	state protocol.Resume
}

// read waits for bytes, and calls f for each frame that is whole by then.
func (r *reader) read(f func(frame []byte)) error {
	n, err := r.conn.Read(r.buf[r.n:])
	if err != nil {
		return err
	}
	r.n += n
	taken := 0
	for {
		n, frame, err := r.codec.Split(r.buf[taken:r.n], false, &r.state)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		taken += n
		r.state = protocol.Resume{}
		if frame != nil {
			f(frame)
		}
	}
	r.n = copy(r.buf, r.buf[taken:r.n])
	return nil
}

// caller is a client.
type caller struct {
	t testing.TB
	reader
	seen  int
	count func([]byte)
}

func dial(t testing.TB, address string, s *speech) *caller {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return nil
	}
	c := &caller{t: t, reader: reader{conn: conn, codec: s.codec, buf: make([]byte, 256<<10)}}
	c.count = func([]byte) { c.seen++ }
	return c
}

// exchange sends batch, and waits for as many answers as it has requests.
func (c *caller) exchange(batch []byte, depth int) {
	_, err := c.conn.Write(batch)
	for c.seen = 0; err == nil && c.seen < depth; {
		err = c.read(c.count)
	}
	if err != nil && err != io.EOF {
		c.t.Error(err)
	}
}
