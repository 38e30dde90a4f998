package jsonrpc

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

var framings = []string{"lines", "content-length", "length4", "json"}

func framing(tb testing.TB, preset string) (o frame.Options) {
	tb.Helper()
	if err := json.Unmarshal([]byte(`"`+preset+`"`), &o); err != nil {
		tb.Fatal(err)
	}
	return o
}

func newCodec(tb testing.TB, o Options) *Codec {
	tb.Helper()
	c, err := New(o, protocol.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var requests = []string{
	`{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}`,
	`{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": {"a/b": [true, null, "` + protocoltest.Canary + `"]}}, "id": "abc"}`,
	` { "id" : -1.50e+1 , "params" : [ ] , "method" : "x\u0041\n" , "jsonrpc" : "2.0" } `,
	`{"jsonrpc":"2.0","\u006dethod":"\ud83d\ude00 ü","\u0069d":"\u0069d"}`,
	`{"jsonrpc":"2.0","method":"","id":null}`,
	`{"id":"` + strings.Repeat("x", 200) + `","jsonrpc":"2.0","method":"m","params":{}}`,
	`{"jsonrpc":"2.0","method":"long","params":["` + strings.Repeat("0123456789", 2000) + `"],"id":7}`,
}

var oneWays = []string{
	`{"jsonrpc":"2.0","method":"update","params":[1,2,3,4,5]}`,
	`{"jsonrpc":"2.0","method":"foobar"}`,
}

var responses = []string{
	`{"jsonrpc":"2.0","result":19,"id":1}`,
	`{"jsonrpc":"2.0","id":"x","result":{"a":[null,true]}}`,
	`{"jsonrpc":"2.0","result":null,"id":1.0}`,
	`{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found","data":{"x":1}},"id":"1"}`,
	`{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}`,
	`{"jsonrpc":"2.0","result":"extra is left out","id":4,"elapsed":3}`,
}

var batches = []string{
	`[{"jsonrpc":"2.0","method":"a","id":1}]`,
	`[ {"jsonrpc":"2.0","method":"a","id":1} , {"foo":"boo"},1,"]",[2,[]],{"jsonrpc":"2.0","method":"b"} ]`,
}

var malformed = []string{
	`{"jsonrpc":"2.0","method":"a","params":"` + protocoltest.Canary + `","id":1}`,
	`{"jsonrpc":"2.0","method":"a","id":1,"` + protocoltest.Canary + `":1}`,
	`{"jsonrpc":"2.0","method":"a","params":{"` + protocoltest.Canary + `":1,"` + protocoltest.Canary + `":2},"id":1}`,
	`{"jsonrpc":"1.0","method":"a","id":1}`,
	`{"jsonrpc":"2.0","method":"a","id":{}}`,
	`{"jsonrpc":"2.0","result":1,"id":1}`,
	`{"foo":"boo"}`,
	`{}`,
	`[]`,
}

func suite(tb testing.TB, preset string) protocoltest.Suite {
	o := Options{Framing: framing(tb, preset)}
	c := newCodec(tb, o)
	s := protocoltest.Suite{
		New:       func() protocol.Codec { return newCodec(tb, o) },
		Requests:  protocoltest.Frames(tb, c, "request", requests...),
		OneWays:   protocoltest.Frames(tb, c, "one-way", oneWays...),
		Batches:   protocoltest.Frames(tb, c, "batch", batches...),
		Responses: protocoltest.Frames(tb, c, "response", responses...),
		Malformed: protocoltest.Frames(tb, c, "malformed", malformed...),
		Paths: []string{"", "/jsonrpc", "/method", "/params", "/id", "/result", "/error", "/error/code", "/params/0",
			"/params/minuend", "/params/subtrahend/a~1b", "/params/subtrahend/a~1b/2"},
		BadPaths: []string{"params", "/foo", "/ID", "/", "/params/~", "/params/~2", "/id/x", "/method/0", "#/params"},
	}
	deep := strings.Repeat(`{"a":[`, 5000)
	var names strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&names, `"%d":1,`, i)
	}
	s.Hostile = protocoltest.Frames(tb, c, "hostile", deep+"1"+strings.Repeat(`]}`, 5000),
		`{"jsonrpc":"2.0","method":"a","id":1,"params":{`+names.String()+`"0":1}}`,
		`[`+strings.Repeat("1,", 100_000)+`1]`, `["`+strings.Repeat(`\u0041`, 50_000)+`"]`)
	switch preset {
	case "lines":
		s.OutOfStep = []protocoltest.Vector{
			{Name: "no end", Data: []byte(`{"a":1}`)},
			{Name: "too long", Data: []byte(strings.Repeat("x", 1<<20+1))},
		}
	case "content-length":
		s.OutOfStep = []protocoltest.Vector{
			{Name: "negative", Data: []byte("Content-Length: -1\r\n\r\n{}")},
			{Name: "huge", Data: []byte("Content-Length: 99999999999999999999\r\n\r\n{}")},
			{Name: "twice", Data: []byte("Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}")},
		}
	case "length4":
		s.OutOfStep = []protocoltest.Vector{
			{Name: "2 GiB", Data: []byte("\x80\x00\x00\x00{}")},
			{Name: "4 GiB - 1", Data: []byte("\xff\xff\xff\xff{}")},
			{Name: "no end", Data: []byte("\x00\x00\x00\x03{}")},
		}
	case "json":
		s.OutOfStep = []protocoltest.Vector{
			{Name: "scalar", Data: []byte(`1 {}`)},
			{Name: "no end", Data: []byte(`{"a":"}`)},
		}
	}
	return s
}

func TestFaultA01Suite(t *testing.T) {
	for _, preset := range framings {
		t.Run(preset, func(t *testing.T) { protocoltest.Run(t, suite(t, preset)) })
	}
}

func FuzzStream(f *testing.F) { protocoltest.Fuzz(f, suite(f, "lines")) }

func TestNewNamesEveryMistake(t *testing.T) {
	_, err := New(Options{Codes: map[string]int{"sometimes": 1, "never": 2}, MaxID: 3}, protocol.Limits{Depth: -1, Items: -1, Frame: 1 << 40})
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{"max_id", "limits.frame", "limits.depth", "limits.items", `"sometimes"`, `"never"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
}
