package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// declare returns the framing that text, which is JSON, declares.
func declare(tb testing.TB, text string) Framing {
	tb.Helper()
	f, err := declared(text, protocol.Limits{})
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return f
}

func declared(text string, limits protocol.Limits) (Framing, error) {
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, err
	}
	return New(o, limits)
}

// split returns the frames of the chunks and the error that ended them.
func split(tb testing.TB, f Framing, chunks ...[]byte) (frames []string, fault *protocol.FrameError) {
	tb.Helper()
	var r protocol.Resume
	var data []byte
	for n := range len(chunks) + 1 {
		if n < len(chunks) {
			data = append(data, chunks[n]...)
		}
		for {
			advance, frame, err := f.Split(data[:len(data):len(data)], n == len(chunks), &r)
			if err != nil {
				if !errors.As(err, &fault) {
					tb.Fatalf("Split: got %T, want a *protocol.FrameError", err)
				}
				return frames, fault
			}
			if advance == 0 {
				break
			}
			if r != (protocol.Resume{}) {
				tb.Fatalf("Split took a frame and left %+v", r)
			}
			if frame != nil {
				frames = append(frames, string(frame))
			}
			data = data[advance:]
		}
	}
	return frames, nil
}

func single(stream string) [][]byte {
	var chunks [][]byte
	for i := range len(stream) {
		chunks = append(chunks, []byte{stream[i]})
	}
	return chunks
}

const zeros22 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// vectors are frames that were made by hand.
var vectors = []struct{ framing, body, frame string }{
	{`"lines"`, "hello", "hello\n"},
	{`"crlf"`, "hello", "hello\r\n"},
	{`"etx"`, "ISO026", "ISO026\x03"},
	{`"mllp"`, "MSH|^~&|\r", "\x0bMSH|^~&|\r\x1c\r"},
	{`"content-length"`, `{"a":1}`, "Content-Length: 7\r\n\r\n{\"a\":1}"},
	{`"json"`, `{"a":"}\""}`, `{"a":"}\""}` + "\n"},
	{`"length4"`, "hello", "\x00\x00\x00\x05hello"},
	{`"ascii4"`, "hello", "0005hello"},
	{`"hex4"`, "hello, world", "000Chello, world"},
	{`"bin2"`, "hello", "\x00\x05hello"},
	{`"bin3"`, "hello", "\x00\x00\x05hello"},
	{`"bin4"`, "hello", "\x00\x00\x00\x05hello"},
	{`"nac"`, "0800", "\x00\x09\x60\x00\x00\x00\x000800"},
	{`"bcd2"`, "hello, world", "\x00\x12hello, world"},
	{`"cs"`, "hello", "\x00\x05\x00\x00hello"},
	{`"vap"`, "hello", "\x00\x1b\x00\x00" + "\x16\x01\x02\x00\x1b" + zeros22[:17] + "hello"},
	{`"gicc"`, "hello", "\x00\x00\x00\x05hello"},
	{`"amex"`, "hello", "\x00\x07hello"},
	{`"base24tcp"`, "ISO026", "\x00\x07ISO026\x03"},
	{`{"kind":"fixed","size":5}`, "hello", "hello"},
	{`{"kind":"length","width":4,"encoding":"ebcdic"}`, "hello", "\xf0\xf0\xf0\xf5hello"},
	{`{"preset":"bin2","order":"little"}`, "hello", "\x05\x00hello"},
	{`{"preset":"bin2","adjust":-2}`, "hello", "\x00\x07hello"},
	{`{"preset":"bin2","adjust":2}`, "hello", "\x00\x03hello"},
	{`{"preset":"bin2","lead":"AB","pad":1}`, "hello", "AB\x00\x05\x00hello"},
	{`{"preset":"bin2","lead_size":4}`, "hello", "\x00\x00\x00\x00\x00\x05hello"},
	{`{"preset":"bin2","block":"literal","block_bytes":"hex:00 01"}`, "hello", "\x00\x07\x00\x01hello"},
	{`{"preset":"bin2","block":"regex","block_regex":"v[0-9]","block_size":2,"block_bytes":"v1"}`, "hello", "\x00\x07v1hello"},
	{`{"preset":"base24tcp","trailer":"hex:0d0a"}`, "hello", "\x00\x07hello\r\n"},
	{`{"kind":"length","width":1}`, "hello", "\x05hello"},
	{`{"kind":"length","width":7}`, "hello", "\x00\x00\x00\x00\x00\x00\x05hello"},
	{`{"kind":"length","width":9,"encoding":"bcd"}`, "hello", "\x00\x00\x00\x00\x00\x00\x00\x00\x05hello"},
}

func TestOpenAndCloseMakeTheseBytes(t *testing.T) {
	for _, v := range vectors {
		f := declare(t, v.framing)
		got, err := f.Close(append(f.Open([]byte("x"), nil), v.body...), 1)
		if err != nil || string(got) != "x"+v.frame {
			t.Errorf("%s: got %q, %v, want %q", v.framing, got, err, "x"+v.frame)
		}
	}
}

func TestFaultA01EveryCutGivesTheSameFrames(t *testing.T) {
	for _, v := range vectors {
		f := declare(t, v.framing)
		stream := v.frame + v.frame
		want, fault := split(t, f, []byte(stream))
		if fault != nil || len(want) != 2 || want[0] != want[1] {
			t.Errorf("%s: got %q, %v, want two frames", v.framing, want, fault)
			continue
		}
		if body, _ := f.Body([]byte(want[0])); string(body) != v.body {
			t.Errorf("%s: got body %q, want %q", v.framing, body, v.body)
		}
		for cut := range stream {
			if got, fault := split(t, f, []byte(stream[:cut]), []byte(stream[cut:])); fault != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s cut at %d: got %q, %v, want %q", v.framing, cut, got, fault, want)
			}
		}
		if got, fault := split(t, f, single(stream)...); fault != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s one byte at a time: got %q, %v, want %q", v.framing, got, fault, want)
		}
		if _, fault := split(t, f, []byte(v.frame[:len(v.frame)-1])); fault == nil && v.framing != `"json"` {
			t.Errorf("%s cut short: want an error at the end of the stream", v.framing)
		}
	}
}

func TestEveryPresetHasAVector(t *testing.T) {
	for _, name := range Presets() {
		found := false
		for _, v := range vectors {
			found = found || v.framing == `"`+name+`"`
		}
		if !found {
			t.Errorf("%s: no vector", name)
		}
	}
}

func TestAnAnswerGivesTheAddressesBackExchanged(t *testing.T) {
	for _, v := range []struct{ framing, request, answer string }{
		{`"nac"`, "\x00\x09\x60\x01\x02\x03\x040800", "\x00\x09\x60\x03\x04\x01\x020810"},
		{`{"preset":"bcd2","block":"tpdu"}`, "\x00\x09\x60\x01\x02\x03\x040800", "\x00\x09\x60\x03\x04\x01\x020810"},
		{`"vap"`, "\x00\x1a\x00\x00" + "\x16\x01\x02\x00\x00AAABBB" + zeros22[:11] + "0800",
			"\x00\x1a\x00\x00" + "\x16\x01\x02\x00\x1aBBBAAA" + zeros22[:11] + "0810"},
		{`{"preset":"bin2","lead_size":4}`, "\x00\x07\x00\x00\x00\x040800", "\x00\x07\x00\x00\x00\x040810"},
		{`{"preset":"bin2","block":"regex","block_regex":"v[0-9]","block_size":2,"block_bytes":"v1"}`, "\x00\x06v70800", "\x00\x06v70810"},
	} {
		f := declare(t, v.framing)
		frames, fault := split(t, f, []byte(v.request))
		if fault != nil || len(frames) != 1 {
			t.Fatalf("%s: got %q, %v", v.framing, frames, fault)
		}
		_, head := f.Body([]byte(frames[0]))
		got, err := f.Close(append(f.Open(nil, head), "0810"...), 0)
		if err != nil || string(got) != v.answer {
			t.Errorf("%s: got %q, %v, want %q", v.framing, got, err, v.answer)
		}
	}
}

func TestAZeroLengthIsAKeepaliveWhereDeclared(t *testing.T) {
	for _, v := range []struct {
		framing, data string
		echo          bool
	}{
		{`"ascii4"`, "0000", false}, {`"bin3"`, "\x00\x00\x00", true}, {`"cs"`, "\x00\x00\x00\x00", true},
		{`"vap"`, "\x00\x00\x00\x00", true}, {`"gicc"`, "\x00\x00\x00\x00", true}, {`"amex"`, "\x00\x00", false},
		{`"base24tcp"`, "\x00\x00", true}, {`{"preset":"nac","zero":"echo"}`, "\x00\x00", true},
	} {
		f := declare(t, v.framing)
		frames, fault := split(t, f, []byte(v.data))
		if fault != nil || len(frames) != 1 || frames[0] != v.data {
			t.Errorf("%s: got %q, %v, want a frame of no body", v.framing, frames, fault)
			continue
		}
		if body, head := f.Body([]byte(frames[0])); body != nil || head != nil {
			t.Errorf("%s: got body %q, head %q, want none", v.framing, body, head)
		}
		if got := f.(interface{ Echoes() bool }).Echoes(); got != v.echo {
			t.Errorf("%s: echoes: got %v, want %v", v.framing, got, v.echo)
		}
	}
}

func TestEmptyLinesSayNothing(t *testing.T) {
	got, fault := split(t, declare(t, `"lines"`), []byte("\n\r\n \t\na\r\n\nb\n"))
	if fault != nil || fmt.Sprintf("%q", got) != `["a\r\n" "b\n"]` {
		t.Errorf("got %q, %v", got, fault)
	}
	if body, _ := declare(t, `"lines"`).Body([]byte("a\r\n")); string(body) != "a" {
		t.Errorf("got body %q, want %q: the CR belongs to the framing", body, "a")
	}
}

func TestFaultA02LengthsAtTheEdges(t *testing.T) {
	for _, v := range []struct {
		framing, data string
		ok            bool
	}{
		{`"bin2"`, "\x00\x00", false},
		{`"bcd2"`, "\x00\x00", false},
		{`"hex4"`, "0000", false},
		{`"amex"`, "\x00\x01", false},
		{`"amex"`, "\x00\x02", false},
		{`"amex"`, "\x00\x03x", true},
		{`"nac"`, "\x00\x05\x60\x00\x00\x00\x00", false},
		{`"nac"`, "\x00\x04\x60\x00\x00\x00", false},
		{`"base24tcp"`, "\x00\x01\x03", false},
		{`"vap"`, "\x00\x16\x00\x00", false},
		{`{"preset":"bin2","max":10}`, "\x00\x0812345678", true},
		{`{"preset":"bin2","max":10}`, "\x00\x09", false},
		{`{"preset":"ascii4","max":10}`, "0006123456", true},
		{`{"preset":"ascii4","max":10}`, "0007", false},
		{`{"preset":"bin2","adjust":-2}`, "\x00\x01", false},
		{`{"preset":"bin2","adjust":-2}`, "\x00\x02", false},
		{`{"preset":"lines","max":4}`, "abc\n", true},
		{`{"preset":"lines","max":4}`, "abcd", false},
		{`{"preset":"lines","max":4}`, "abcd\n", false},
		{`{"preset":"mllp","max":5}`, "\x0bab\x1c\r", true},
		{`{"preset":"mllp","max":5}`, "\x0babc\x1c\r", false},
		{`{"preset":"json","max":4}`, `[11]`, true},
		{`{"preset":"json","max":4}`, `[111]`, false},
		{`{"preset":"content-length","max":30}`, "Content-Length: 9\r\n\r\n123456789", true},
		{`{"preset":"content-length","max":30}`, "Content-Length: 10\r\n\r\n", false},
		{`"content-length"`, "Content-Length: 0\r\n\r\n", false},
	} {
		f := declare(t, v.framing)
		for _, chunks := range [][][]byte{{[]byte(v.data)}, single(v.data)} {
			frames, fault := split(t, f, chunks...)
			if v.ok && (fault != nil || len(frames) != 1) {
				t.Errorf("%s %q: got %q, %v, want a frame", v.framing, v.data, frames, fault)
			}
			if !v.ok && (fault == nil || fault.Reason.Rule == "frame.end") {
				t.Errorf("%s %q: got %q, %v, want an error at the header", v.framing, v.data, frames, fault)
			}
		}
	}
}

func TestFaultA03ADeclaredLengthAllocatesNothing(t *testing.T) {
	for _, v := range []struct{ framing, data string }{
		{`{"preset":"length4","max":1048576}`, "\x00\x0f\xff\xf0"},
		{`"ascii4"`, "9999"},
		{`"content-length"`, "Content-Length: 1000000\r\n\r\n"},
		{`{"kind":"fixed","size":1000000}`, "x"},
	} {
		f := declare(t, v.framing)
		data := []byte(v.data)
		var r protocol.Resume
		got := testing.AllocsPerRun(20, func() {
			r = protocol.Resume{}
			if n, _, err := f.Split(data, false, &r); n != 0 || err != nil {
				t.Errorf("%s: got %d, %v, want to wait", v.framing, n, err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations, want none", v.framing, got)
		}
	}
}

func TestFaultA04SignsAndOtherDigitsAreRefused(t *testing.T) {
	for _, v := range []struct{ framing, data string }{
		{`"length4"`, "\x80\x00\x00\x00"}, {`"length4"`, "\xff\xff\xff\xff"}, {`"length4"`, "\x7f\xff\xff\xff"},
		{`{"kind":"length","width":7}`, "\xff\xff\xff\xff\xff\xff\xff"},
		{`{"kind":"length","width":7,"adjust":1048576}`, "\xff\xff\xff\xff\xff\xff\xff"},
		{`{"kind":"length","width":9,"encoding":"bcd"}`, "\x99\x99\x99\x99\x99\x99\x99\x99\x99"},
		{`"ascii4"`, "-001"}, {`"ascii4"`, "+001"}, {`"ascii4"`, "   1"}, {`"ascii4"`, "1   "}, {`"ascii4"`, "0x10"}, {`"ascii4"`, "1e10"},
		{`"ascii4"`, "\xf0\xf0\xf0\xf1"}, {`"ascii4"`, "\xd9\xa1\xd9\xa1"},
		{`"hex4"`, "00g0"}, {`"hex4"`, "-001"}, {`"hex4"`, "0x01"}, {`"hex4"`, "\x10\x10\x10\x11"}, {`"hex4"`, "PPPQ"},
		{`"bcd2"`, "\x0a\x00"}, {`"bcd2"`, "\x00\xa0"}, {`"bcd2"`, "\xd0\x01"},
		{`{"kind":"length","width":4,"encoding":"ebcdic"}`, "0001"}, {`{"kind":"length","width":4,"encoding":"ebcdic"}`, "\xf0\xf0\xf0\xfa"},
		{`"content-length"`, "Content-Length: -1\r\n\r\n"}, {`"content-length"`, "Content-Length: +1\r\n\r\n"},
		{`"content-length"`, "Content-Length: 1 1\r\n\r\n"}, {`"content-length"`, "Content-Length: 0x1\r\n\r\n"},
		{`"content-length"`, "Content-Length: 99999999999999999999999999\r\n\r\n"}, {`"content-length"`, "Content-Length:\r\n\r\n"},
		{`"content-length"`, "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"}, {`"content-length"`, "Content-Length : 2\r\n\r\n{}"},
		{`"content-length"`, "Content-Type: x\r\n\r\n{}"}, {`"content-length"`, "\r\n\r\n{}"}, {`"content-length"`, ": 2\r\n\r\n{}"},
	} {
		f := declare(t, v.framing)
		for _, chunks := range [][][]byte{{[]byte(v.data)}, single(v.data)} {
			frames, fault := split(t, f, chunks...)
			if fault == nil || fault.Reason.Rule == "frame.end" || len(frames) > 0 {
				t.Errorf("%s %q: got %q, %v, want an error at the header", v.framing, v.data, frames, fault)
			}
		}
	}
}

func TestHeaderLinesInAnyOrderAndCase(t *testing.T) {
	f := declare(t, `"content-length"`)
	for _, frame := range []string{
		"content-LENGTH:2\r\n\r\n{}",
		"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
		"Content-Length: \t 2 \r\nContent-Type: x:y\r\n\r\n{}",
	} {
		got, fault := split(t, f, single(frame+frame)...)
		if fault != nil || len(got) != 2 || got[1] != frame {
			t.Errorf("%q: got %q, %v", frame, got, fault)
			continue
		}
		if body, _ := f.Body([]byte(got[0])); string(body) != "{}" {
			t.Errorf("%q: got body %q", frame, body)
		}
	}
	endless := "X: " + strings.Repeat("x", 9<<10)
	if _, fault := split(t, f, []byte(endless)); fault == nil || fault.Cause != protocol.TooLarge {
		t.Errorf("9 KiB of header lines: got %v, want too large", fault)
	}
}

func TestFaultA05TheWrongVariantIsNotRead(t *testing.T) {
	for _, v := range []struct{ framing, data string }{
		{`{"preset":"length4","order":"little"}`, "\x00\x00\x00\x05hello"},
		{`{"preset":"bin2","max":100}`, "\x05\x00hello"},
		{`"amex"`, "\x00\x05hello\x00\x05hello"},
		{`"bin2"`, "\x00\x07hello\x00\x07hello"},
	} {
		if frames, fault := split(t, declare(t, v.framing), []byte(v.data)); fault == nil {
			t.Errorf("%s %q: got %q, want an error", v.framing, v.data, frames)
		}
	}
}

func TestFaultA06WhatDoesNotFitIsRefused(t *testing.T) {
	for _, v := range []struct {
		framing string
		most    int
	}{
		{`"bin2"`, 65535}, {`"hex4"`, 65535}, {`"ascii4"`, 9999}, {`"bcd2"`, 9999}, {`"amex"`, 65533}, {`"nac"`, 65530},
		{`"base24tcp"`, 65534}, {`"etx"`, 4095}, {`"vap"`, 2022}, {`{"kind":"length","width":1}`, 255},
		{`{"preset":"length4","max":100}`, 96}, {`{"preset":"lines","max":100}`, 99}, {`{"kind":"fixed","size":100}`, 100},
		{`{"preset":"content-length","max":100}`, 100 - len("Content-Length: 78\r\n\r\n")},
	} {
		f := declare(t, v.framing)
		frame, err := f.Close(append(f.Open([]byte("before"), nil), bytes.Repeat([]byte("b"), v.most)...), 6)
		if err != nil {
			t.Errorf("%s, %d bytes: %v", v.framing, v.most, err)
			continue
		}
		if got, fault := split(t, f, frame[6:]); fault != nil || len(got) != 1 {
			t.Errorf("%s, %d bytes: read again: %d frames, %v", v.framing, v.most, len(got), fault)
		}
		for _, n := range []int{v.most + 1, v.most + 65536, v.most + 10000} {
			if got, err := f.Close(append(f.Open([]byte("before"), nil), bytes.Repeat([]byte("b"), n)...), 6); err == nil || string(got) != "before" {
				t.Errorf("%s, %d bytes: got %d bytes and %v, want an error and dst as it was", v.framing, n, len(got), err)
			}
		}
	}
}

func TestCloseRefusesABodyThatReadsAsAnother(t *testing.T) {
	for _, v := range []struct{ framing, body string }{
		{`"lines"`, "a\nb"}, {`"crlf"`, "a\r\nb"}, {`"etx"`, "a\x03"}, {`"mllp"`, "a\x1c\rb"}, {`"mllp"`, "a\x0bb"},
		{`"lines"`, ""}, {`"mllp"`, ""}, {`"json"`, ""}, {`"content-length"`, ""}, {`"bin2"`, ""}, {`"ascii4"`, ""},
		{`"amex"`, ""}, {`"nac"`, ""}, {`{"preset":"ascii4","adjust":5}`, "hello"}, {`{"preset":"bin2","adjust":6}`, "hello"},
	} {
		f := declare(t, v.framing)
		if got, err := f.Close(append(f.Open([]byte("before"), nil), v.body...), 6); err == nil || string(got) != "before" {
			t.Errorf("%s, %q: got %q, %v, want an error and dst as it was", v.framing, v.body, got, err)
		}
	}
}

func TestFaultA08Garbage(t *testing.T) {
	for _, v := range []struct{ framing, data string }{
		{`"mllp"`, "\n\x0bMSH\x1c\r"}, {`"mllp"`, "\x0bMSH\x1c\r\x00\x0bMSH\x1c\r"}, {`"mllp"`, "\x0bMSH\x0bMSH\x1c\r"}, {`"mllp"`, "\x0bMSH\x1c\n"},
		{`{"kind":"delimiter","start":"<<<","end":">"}`, "<<a>"}, {`{"kind":"delimiter","start":"<<<","end":">"}`, "<<>"},
		{`"gicc"`, "\x00\x01\x00\x05hello"}, {`"json"`, "{}x{}"}, {`"json"`, "12"}, {`"json"`, `"text"`}, {`"json"`, "\xef\xbb\xbf{}"}, {`"json"`, "]"},
		{`{"preset":"bin2","block":"literal","block_bytes":"AB"}`, "\x00\x04AChh"}, {`{"preset":"bin2","block":"regex","block_regex":"v[0-9]","block_size":2,"block_bytes":"v1"}`, "\x00\x04vvhh"},
		{`"base24tcp"`, "\x00\x03ab\x04"}, {`"content-length"`, "garbage\r\n\r\n"},
	} {
		f := declare(t, v.framing)
		whole, fault := split(t, f, []byte(v.data))
		if fault == nil {
			t.Errorf("%s %q: got %q, want an error", v.framing, v.data, whole)
			continue
		}
		if again, second := split(t, f, single(v.data)...); second == nil || *second != *fault || len(again) != len(whole) {
			t.Errorf("%s %q: one byte at a time: got %v, want %v", v.framing, v.data, second, fault)
		}
	}
}
