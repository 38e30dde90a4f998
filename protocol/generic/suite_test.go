package generic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// declare returns the codec that text, which is JSON, declares.
func declare(tb testing.TB, text string) *Codec {
	tb.Helper()
	c, err := declared(text, protocol.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func declared(text string, limits protocol.Limits) (*Codec, error) {
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, err
	}
	return New(o, limits)
}

const fixedDialect = `{"framing":"ascii4",
	"fields":[{"name":"type","at":0,"len":1},{"name":"code","at":1,"len":4},{"name":"seq","at":5,"len":6,"type":"digits"},
		{"name":"amount","at":11,"len":8,"type":"digits"},{"name":"rest","at":19,"optional":true,"trim":true}],
	"kind":{"client":[{"field":"type","in":["Q"],"is":"request"},{"field":"type","in":["N"],"is":"one-way"}],
		"backend":[{"field":"type","in":["A"],"is":"response"},{"field":"type","in":["P"],"is":"progress"}]},
	"operation":"code","id":["seq"],"codes":{"fix":"30","later":"91","wait":"09"},
	"notices":{"fix":"A{echo:code}{key}00000000{code:2}{text:20}","later":"A{echo:code}{key}00000000{code:2}{text:20}",
		"wait":"P{echo:code}{key}00000000{code:2}{text:20}"},"wait":"interim"}`

const columnDialect = `{"framing":"lines",
	"fields":[{"name":"type","column":1,"delimiter":"|"},{"name":"key","column":2,"delimiter":"|"},{"name":"sub","column":3,"delimiter":"|"},
		{"name":"amount","column":4,"delimiter":"|","type":"number","optional":true}],
	"kind":{"client":[{"field":"type","in":["REQ"],"is":"request"},{"field":"type","in":["EVT"],"is":"one-way"}],
		"backend":[{"field":"type","in":["ANS","ERR"],"is":"response"}]},
	"id":["key","sub"],"failed":{"field":"type","in":["ERR"]},
	"notices":{"fix":"ERR|{echo:key}|{echo:sub}|1|{text}","failed":"ERR|{echo:key}|{echo:sub}|2|{text}"}}`

const ebcdicDialect = `{"framing":"bin2","charset":"ebcdic",
	"fields":[{"name":"type","at":0,"len":2,"trim":true},{"name":"id","at":2,"len":4,"type":"bin"},{"name":"text","at":6,"len":8,"trim":true},
		{"name":"flag","at":-1,"len":1,"type":"bin"}],
	"kind":{"client":[{"field":"type","in":["Q"],"is":"request"}],"backend":[{"field":"type","in":["A"],"is":"response"}]},
	"id":["id"],"operation":"text","more":{"field":"flag","in":["1"]},"failed":{"field":"flag","in":["2"]},
	"notices":{"later":"A {key}{text:8}0"}}`

const recordDialect = `{"framing":"length4",
	"fields":[{"name":"type","at":0,"len":1},{"name":"id","at":1,"len":3,"type":"digits"}],
	"kind":{"client":[{"field":"type","in":["Q"],"is":"request"}],"backend":[{"field":"type","in":["A"],"is":"response"}]},
	"id":["id"],"notices":{"fix":"A{key}{text:4}"},
	"records":{"when":{"field":"type","in":["B"]},"skip":4,"header":"B000","size":8,"count":"id"}}`

func inEBCDIC(text string) string {
	b := []byte(text)
	for i, c := range b {
		b[i] = frame.ToEBCDIC[c]
	}
	return string(b)
}

func suite(tb testing.TB, dialect string) protocoltest.Suite {
	c := declare(tb, dialect)
	s := protocoltest.Suite{New: func() protocol.Codec { return declare(tb, dialect) }, BadPaths: []string{"", "nothing", "frame.nothing"}}
	frames := func(name string, bodies ...string) []protocoltest.Vector {
		return protocoltest.Frames(tb, c, name, bodies...)
	}
	http := protocoltest.Vector{Name: "http", Data: []byte("GET / HTTP/1.1\r\n\r\n")}
	s.OutOfStep = []protocoltest.Vector{http}
	switch dialect {
	case fixedDialect:
		s.Requests = frames("request", "QPAYM00000100000100", "QBALQ99999900000000"+strings.Repeat("x", 9000), "QBALQ00000700000000 a b ")
		s.OneWays = frames("one-way", "NPAYM00000100000100")
		s.Responses = frames("response", "APAYM00000100000100", "APAYM000001000001000009\n0000")
		s.Malformed = frames("malformed", "QPAYM00000", "QPAYM00x00100000100", "XPAYM00000100000100", "Q")
		s.Paths = []string{"type", "code", "seq", "amount", "rest", "body", "frame.length"}
		s.Hostile = []protocoltest.Vector{{Name: "zeros", Data: []byte(strings.Repeat("0000", 500))}, {Name: "nines", Data: []byte("9999")}}
	case columnDialect:
		s.Requests = frames("request", "REQ|a|bc|1.5", "REQ|ab|c|-2|"+strings.Repeat("x", 9000), "REQ|a|b")
		s.OneWays = frames("one-way", "EVT|a|b|0")
		s.Responses = frames("response", "ANS|a|bc|1", "ERR|ab|c")
		s.Malformed = frames("malformed", "REQ", "REQ|a", "REQ|a|b|"+protocoltest.Canary, "NIL|a|b|1", "REQ|a|b|-")
		s.Paths = []string{"type", "key", "sub", "amount", "body"}
	case ebcdicDialect:
		s.Requests = frames("request", inEBCDIC("Q ")+"\x00\x00\x00\x07"+inEBCDIC("HELLO   ")+"\x00", inEBCDIC("Q ")+"\xff\xff\xff\xff"+inEBCDIC("HELLO   "+strings.Repeat("X", 9000))+"\x00")
		s.Responses = frames("response", inEBCDIC("A ")+"\x00\x00\x00\x07"+inEBCDIC("HELLO   ")+"\x01", inEBCDIC("A ")+"\x00\x00\x00\x07"+inEBCDIC("HELLO   ")+"\x02")
		s.Malformed = frames("malformed", "Q \x00\x00\x00\x07HELLO   \x00", "x")
		s.Paths = []string{"type", "id", "text", "flag", "body"}
	case recordDialect:
		s.Requests = frames("request", "Q0010000", "Q0020000"+strings.Repeat("\x00\x00\x00\x08Q0010000", 900))
		s.Batches = frames("batch", "B002Q0010000Q0020000", "B001Q0010000")
		s.Responses = frames("response", "A0010000")
		s.Malformed = frames("malformed", "B002Q0010000", "B001Q00100000", "B000", "B00xQ0010000", "B999Q0010000", "Q00")
		s.Paths = []string{"type", "id", "body"}
	}
	return s
}

func TestFixedColumns(t *testing.T)     { protocoltest.Run(t, suite(t, fixedDialect)) }
func TestDelimitedColumns(t *testing.T) { protocoltest.Run(t, suite(t, columnDialect)) }
func TestEBCDIC(t *testing.T)           { protocoltest.Run(t, suite(t, ebcdicDialect)) }
func TestRecords(t *testing.T)          { protocoltest.Run(t, suite(t, recordDialect)) }

func FuzzStream(f *testing.F)        { protocoltest.Fuzz(f, suite(f, fixedDialect)) }
func FuzzColumnStream(f *testing.F)  { protocoltest.Fuzz(f, suite(f, columnDialect)) }
func FuzzRecordsStream(f *testing.F) { protocoltest.Fuzz(f, suite(f, recordDialect)) }
