package iso8583

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// canaries are how the number of a card can stand in bytes.
func canaries(pan string) map[string][]byte {
	ebcdic := make([]byte, len(pan))
	wide := make([]byte, 0, 2*len(pan))
	for i := range len(pan) {
		ebcdic[i] = frame.ToEBCDIC[pan[i]]
		wide = append(wide, 0, pan[i])
	}
	packed, _ := hex.DecodeString(pan)
	return map[string][]byte{"plain": []byte(pan), "BCD": packed, "EBCDIC": ebcdic, "UTF-16": wide, "base64": []byte(base64.StdEncoding.EncodeToString([]byte(pan)))[:20],
		"spaced": []byte(pan[:4] + " " + pan[4:8] + " " + pan[8:12] + " " + pan[12:])}
}

// seenAs returns which form of pan stands in text, "" if none does.
func seenAs(text []byte, pan string) string {
	for name, form := range canaries(pan) {
		if bytes.Contains(text, form) {
			return name
		}
	}
	return ""
}

// everywhere returns messages with pan in each field that has room for it, whole and broken in several ways.
func everywhere(t *testing.T, c *Codec) map[string][]byte {
	list := map[string][]byte{}
	least := map[int]string{11: "1", 41: "TERM0001"}
	for n, f := range c.fields {
		if f == nil || n == deSTAN || n == deTerminal {
			continue
		}
		for form, text := range map[string]string{"plain": pan, "spaced": pan[:4] + " " + pan[4:8] + " " + pan[8:12] + " " + pan[12:], "track": pan + "=2512101", "long": strings.Repeat(pan, 20)} {
			if f.Digits == 0 && len(text) < f.Length && f.chars&letter == 0 && f.chars != digit {
				text += strings.Repeat("0", f.Length-len(text))
			}
			if f.n == 28 || f.Type == 7 {
				text = "C" + text
			}
			fields := with(least, n, text)
			body := c.appendMTI(nil, [4]byte([]byte(c.mti("200"))))
			var set [3]uint64
			for n := range fields {
				mark(&set, n)
			}
			body = c.appendBitmaps(body, &set)
			ok := true
			for i := range c.fields {
				if text, there := fields[i]; there && ok {
					var err error
					body, err = c.fields[i].appendContent(body, []byte(text))
					ok = err == nil
				}
			}
			if !ok {
				continue
			}
			name := fmt.Sprintf("DE%d %s", n, form)
			list[name] = body
			list[name+", cut"] = body[:len(body)-1]
			list[name+", more"] = append(body[:len(body):len(body)], pan...)
			list[name+", cut in the number"] = body[:len(body)/2]
			wrong := append([]byte{}, body...)
			wrong[len(c.appendMTI(nil, [4]byte([]byte("0200"))))+1] ^= 0x11 // other bits
			list[name+", other bits"] = wrong
		}
	}
	if len(list) < 100 {
		t.Fatalf("there are only %d messages", len(list))
	}
	return list
}

// F1 and F2: whatever is wrong, and wherever the number of a card stands: in no error, no reason, no notice, and nothing that a person sees.
func TestFaultF1AndF2NumbersOfCardsAreSeenNowhere(t *testing.T) {
	for _, s := range setups {
		c := newCodec(t, s.options)
		for name, body := range everywhere(t, c) {
			for _, dir := range []protocol.Direction{protocol.FromClient, protocol.FromBackend} {
				var m protocol.Message
				err := c.DecodeBody(dir, body, &m)
				reasons := []protocol.Reason{{Path: "DE4", Rule: "min", Want: "more"}}
				if bad, ok := errors.AsType[*protocol.Malformed](err); ok {
					reasons = bad.Reasons
				}
				said := fmt.Sprint(err, reasons, string(m.ID), string(m.Name))
				for class := range protocol.Class(protocol.NumClasses) {
					notice, err := c.AppendNotice(nil, &m, &protocol.Notice{Class: class, Cause: protocol.BadShape, Reasons: reasons})
					said += fmt.Sprint(err) + string(notice)
				}
				said += string(c.AppendMasked(nil, &m))
				for _, path := range c.Paths() {
					get, err := c.Getter(path)
					if err != nil {
						t.Fatal(err)
					}
					if v, ok := get(&m); ok && c.Shows(path, v.Text) {
						said += " " + string(v.Text)
					}
				}
				if form := seenAs([]byte(said), pan); form != "" {
					t.Errorf("%s: %s: the number is seen, %s", s.name, name, form)
				}
			}
		}
	}
}

// F4: how often the masker hides what is no card's number, and how often it does not hide one. Numbers of 13 digits or more are always
// hidden; STANs, RRNs, terminals and amounts never are.
func TestFaultF4WhatTheMaskerHides(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = '0' + byte(random.IntN(10))
		}
		return string(b)
	}
	for range 1_000_000 / 8 {
		for _, n := range []int{6, 8, 10, 12} {
			if text := digits(n); looksLikePAN([]byte(text)) {
				t.Fatalf("%q is hidden", text)
			}
		}
		number := digits(13 + random.IntN(7))
		for _, text := range []string{number, "a" + number + "b", number[:4] + " " + number[4:8] + "-" + number[8:], number + "=2512"} {
			if !looksLikePAN([]byte(text)) {
				t.Fatalf("%q is not hidden", text)
			}
		}
	}
	long := []byte(strings.Repeat("123456789012 x", 1<<20/14))
	if looksLikePAN(long) {
		t.Error("a long text of short numbers is hidden")
	}
}
