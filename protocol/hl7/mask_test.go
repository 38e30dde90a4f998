package hl7

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// F3: a patient's name stands in every field of every segment, of messages that are in order and of such that are not. What is
// shown of a message, and what is said about it, has nothing of that.
func TestFaultF03PatientsAreNotShown(t *testing.T) {
	const name = "CANARYDOE"
	strict, tolerant := newCodec(t, `{"rules": {"escapes": true, "z": ["none"], "required": ["PID-40"], "types": ["ADT^A01"]}}`), newCodec(t, `{"tolerate": ["all"], "batch": {"headerless": true}}`)
	headers := []string{plain, enhanced, signs, utf8Set, strings.Replace(plain, "2.5", "9", 1), strings.Replace(plain, "|P|", "|"+name+"|", 1), strings.Replace(plain, "ADT^A01^ADT_A01", name+"^"+name, 1),
		strings.Replace(plain, "|2.5", "|"+name, 1), plain + "|||" + name + "|" + name, plain + "||||||" + name, `MSH|^~|` + name, `MSH|^~\&|A|B|C|D|2026|` + name + `|ADT^A01|1|P|2.5`}
	var bodies []string
	for _, h := range headers {
		d := h[3:4]
		for _, segment := range []string{"PID", "NK1", "OBX", "GT1", "IN1", "ZPA", "EVN", "NTE", "MSA", "ERR", "pid", "P", "BTS", "FTS"} {
			for n := 1; n < 40; n += 3 {
				line := segment + strings.Repeat(d, n)
				for _, text := range []string{name, name + "^" + name + "&" + name + "~" + name, `\X` + fmt.Sprintf("%x", name) + `\` + name} {
					bodies = append(bodies, segments(h, line+text), segments(h, line+text, line+text))
				}
			}
		}
		bodies = append(bodies, segments(h, name), strings.ReplaceAll(segments(h, "PID|"+name), "\r", "\n"), h+name, name+h, segments(h)+segments(h, "PID|"+name))
	}
	shown := 0
	for _, c := range []*Codec{strict, tolerant} {
		for _, dir := range []protocol.Direction{protocol.FromClient, protocol.FromBackend} {
			for _, body := range bodies {
				m := new(protocol.Message)
				err := c.DecodeBody(dir, []byte(body), m)
				masked := c.AppendMasked(nil, m)
				if bytes.Contains(masked, []byte(name)) || len(masked) != len(m.Body) {
					t.Fatalf("%q is shown as %q", body, masked)
				}
				if bytes.Contains(masked, []byte("LAB")) || bytes.Contains(masked, []byte("WARD")) {
					shown++
				}
				if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), name) {
					t.Fatalf("%q: the error is %v", body, err)
				}
				if dir == protocol.FromBackend {
					continue
				}
				n := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadShape}
				switch bad, ok := err.(*protocol.Malformed); {
				case ok:
					n.Reasons = bad.Reasons
				case m.Kind == protocol.Request:
					if ref := c.Police(m); ref != nil {
						n.Reasons = ref.Reasons
					}
				}
				notice, _ := c.AppendNotice(nil, m, &n)
				if echoed := c.echoes(m, name); !echoed && bytes.Contains(notice, []byte(name)) {
					t.Fatalf("%q is answered with %q", body, notice)
				}
			}
		}
	}
	if shown == 0 {
		t.Error("nothing is shown of any message")
	}
}

// echoes reports whether name stands in a field of MSH that an acknowledgement has to give back.
func (c *Codec) echoes(m *protocol.Message, name string) bool {
	for _, n := range []int{sendingApp, sendingFacility, receivingApp, receivingFac, controlID, processingID, versionID, characterSet} {
		if n < len(m.Spans) && bytes.Contains(field(m, n), []byte(name)) {
			return true
		}
	}
	return false
}

func TestShows(t *testing.T) {
	c := newCodec(t, `{}`)
	for path, want := range map[string]map[string]bool{
		"": {"4711": true, "4711\x1eLAB\x1eNORTH": true, "a\x00": false}, "MSH-3": {"LAB": true}, "MSH-8": {"secret": false}, "MSH-9": {"ADT^A01": true, "DOE^JOHN": false},
		"MSH-11": {"P": true, "DOE^JOHN": false}, "MSH-12": {"2.5": true, "DOE": false}, "MSH-15": {"AL": true, "DOE": false}, "MSA-1": {"AA": true}, "MSA-3": {"x": false},
		"PID-3": {"1": false}, "OBX-5": {"1": false}, "PID": {"PID|": false}, "MSH": {"MSH|": false}, "x": {"x": false}, "MSH-14": {"x": false}, "ERR-8": {"x": false}, "ERR-2": {"PID^1": true},
	} {
		for text, want := range want {
			if got := c.Shows(path, []byte(text)); got != want {
				t.Errorf("%s with %q: got %v, want %v", path, text, got, want)
			}
		}
	}
}
