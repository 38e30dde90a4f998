package hl7

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// setups are codecs, each as a configuration says it.
var setups = []struct{ name, options string }{
	{"strict", `{}`},
	{"tolerant", `{"tolerate": ["all"], "batch": {"headerless": true}}`},
}

func newCodec(tb testing.TB, options string) *Codec {
	tb.Helper()
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		tb.Fatal(err)
	}
	c, err := New(o, protocol.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	c.prefix = "SPTEST01"
	c.now = func() time.Time { return time.Date(2026, 11, 23, 12, 30, 45, 0, time.UTC) }
	return c
}

// segments joins what is written line by line.
func segments(list ...string) string { return strings.Join(list, "\r") + "\r" }

const canary = protocoltest.Canary

// admission is an ADT^A01 with the canary as the patient's name and number.
func admission(header string) string {
	return segments(header, "EVN|A01|20261123123000", "PID|1||"+canary+"^^^HOSP^MR||"+canary+"^ANNA||19700101|F", "PV1|1|I|W1^101^A")
}

const (
	plain    = `MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|4711|P|2.5`
	enhanced = `MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|4712|P|2.7|||AL|AL`
	old      = `MSH|^~\&|LAB^L^M|SOUTH|HIS||199911231230||ORU^R01|0|D|2.2`
	silent   = `MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A08^ADT_A01|4713|P|2.5|||NE|NE`
	signs    = `MSH@~&#\@WARD@NORTH@HIS@HOSP@20261123123000@@ADT~A01@4714@P@2.5`
	utf8Set  = `MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01^ADT_A01|4715|P|2.5.1||||||UNICODE UTF-8`
)

func suite(tb testing.TB, options string) protocoltest.Suite {
	c := newCodec(tb, options)
	frames := func(name string, bodies ...string) []protocoltest.Vector {
		return protocoltest.Frames(tb, c, name, bodies...)
	}
	ack := func(rest ...string) string {
		return segments(append([]string{`MSH|^~\&|HIS|HOSP|WARD|NORTH|20261123123001||ACK^A01^ACK|H1|P|2.5`}, rest...)...)
	}
	odd := segments(signs, "EVN@A01@20261123123000", "PID@1@@"+canary+"~~~HOSP~MR@@"+canary+"~ANNA@@19700101@F")
	s := protocoltest.Suite{
		New: func() protocol.Codec { return newCodec(tb, options) },
		Requests: frames("request", admission(plain), admission(enhanced), segments(old, "PID|||"+canary), odd, admission(utf8Set),
			admission(plain)+segments(`OBX|1|TX|FREE^Free||a \F\ b \S\ c`, `OBX|2|NM|X||""`), strings.TrimSuffix(admission(plain), "\r"),
			admission(plain)+segments("OBX|1|ED|DOC||^AP^^Base64^"+strings.Repeat("QUJD", 6000))),
		OneWays:   frames("one-way", admission(silent)),
		Responses: frames("response", ack("MSA|AA|4711"), ack("MSA|AE|4711|no", "ERR||PID^1^3|101^Required field missing^HL70357|E"), ack("MSA|CA|4712")),
		Batches: frames("batch", segments(`BHS|^~\&|WARD|NORTH|HIS|HOSP|20261123||||B1`)+admission(plain)+admission(enhanced)+segments("BTS|2"),
			segments(`FHS|^~\&|WARD|NORTH`, `BHS|^~\&|WARD|NORTH`)+admission(plain)+segments("BTS|1", `BHS|^~\&|WARD|NORTH`)+admission(old)+segments("BTS|1", "FTS|2")),
		Malformed: frames("malformed", "x", "EVN|A01\r", "MSH", `MSH|^~`, segments(`MSH|^~|WARD|NORTH|HIS|HOSP|2026||ADT^A01|1|P|2.5`, "PID|||"+canary),
			admission(`MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01||P|2.5`), admission(`MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000|||1|P|2.5`),
			admission(`MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01|1|Q|2.5`), admission(`MSH|^~\&|WARD|NORTH|HIS|HOSP|20261123123000||ADT^A01|1|P|3.0`),
			admission(`MSH|^~\&|^~\&|NORTH|HIS|HOSP|20261123123000||ADT^A01|1|P|2.5`), admission(plain)+segments("pid|"+canary), admission(plain)+segments("PI"),
			segments(`BHS|^~\&|WARD|NORTH|HIS|HOSP|20261123||||B1`)+admission(plain)+segments("BTS|2"), segments(`BHS|^~\&|A`, "BTS|0"), "\x06", "\x15"),
		OutOfStep: []protocoltest.Vector{{Name: "HTTP", Data: []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")}, {Name: "TLS", Data: []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")},
			{Name: "a second start", Data: []byte("\x0b" + plain + "\x0b" + plain + "\x1c\r")}, {Name: "garbage", Data: []byte(canary + "\x0b" + plain + "\x1c\r")}},
		Hostile: frames("hostile", strings.Repeat("M\r", 3000), "MSH"+strings.Repeat("|", 9000), "MSH|"+strings.Repeat("\\", 9000), admission(plain)+strings.Repeat("OBX|\r", 3000),
			"BHS|^~\\&\r"+strings.Repeat("MSH|^~\\&\r", 500), "FHS|^~\\&\r"+strings.Repeat("BHS|^~\\&\rMSH\r", 500)),
		Paths:    []string{"MSH-1", "MSH-2", "MSH-3", "MSH-9", "MSH-9.2", "MSH-10", "PID-3", "PID-3.1", "PID-3[1].5", "PID-5(1).2", "OBX[2]-5", "OBX-5", "EVN", "PID-5.1.1", "MSA-2"},
		BadPaths: []string{"", "MSH", "msh-10", "MSH-0", "MSH-10.", "PID-3[0]", "PID[1", "PIDX-1", "MSH[2]-3", "PID-3.1.2.3", "1"}[:],
	}
	s.BadPaths = []string{"", "msh-10", "MSH-0", "MSH-10.", "PID-3[0]", "PID[1", "PIDX-1", "MSH[2]-3", "PID-3.1.2.3", "1"}
	if c.mllp.accept == 0 {
		s.Malformed = append(s.Malformed, frames("malformed line ends", strings.ReplaceAll(admission(plain), "\r", "\n"), admission(plain)+admission(plain), admission(plain)+"\r"+segments("OBX|1"))...)
		s.OutOfStep = append(s.OutOfStep, protocoltest.Vector{Name: "1C alone", Data: []byte("\x0b" + plain + "\x1c\x0b")},
			protocoltest.Vector{Name: "no start", Data: []byte(plain + "\x1c\r")}, protocoltest.Vector{Name: "a line feed in between", Data: []byte("\n\x0b" + plain + "\x1c\r")})
	} else {
		s.Requests = append(s.Requests, frames("LF", strings.ReplaceAll(admission(plain), "\r", "\n"), strings.ReplaceAll(admission(enhanced), "\r", "\r\n"), "\xef\xbb\xbf"+admission(plain)+"\r\r")...)
		s.Batches = append(s.Batches, frames("headerless", admission(plain)+admission(enhanced))...)
		s.Hostile = append(s.Hostile, protocoltest.Vector{Name: "between", Data: []byte("\r\n \x1c\x0b\x0b" + admission(plain) + "\x1c\x1c\x0b" + admission(plain) + "\x1c\n")})
	}
	return s
}

func TestSuite(t *testing.T) {
	for _, s := range setups {
		t.Run(s.name, func(t *testing.T) { protocoltest.Run(t, suite(t, s.options)) })
	}
}

func FuzzSplit(f *testing.F)         { protocoltest.Fuzz(f, suite(f, setups[0].options)) }
func FuzzSplitTolerant(f *testing.F) { protocoltest.Fuzz(f, suite(f, setups[1].options)) }
