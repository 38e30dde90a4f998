package hl7

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// refusedFor is why c refuses a body, as "path rule", or "tolerated ..." if it only counts that.
func (c *Codec) refusedFor(t *testing.T, body string) string {
	t.Helper()
	m, err := c.decoded(body)
	if err != nil {
		return "malformed: " + err.Error()
	}
	ref := c.Police(m)
	if ref == nil {
		return ""
	}
	var list []string
	for _, r := range ref.Reasons {
		list = append(list, strings.TrimSpace(r.Path+" "+r.Rule))
		if r.Off < 0 || r.Off > len(body) {
			t.Errorf("%q: a reason at %d", body, r.Off)
		}
	}
	text := fmt.Sprint(ref.Class, ": ", strings.Join(list, ", "))
	if ref.Tolerated {
		text = "tolerated " + text
	}
	return text
}

func TestRules(t *testing.T) {
	header := func(kind, processing, rest string) string {
		return `MSH|^~\&|LAB|N|HIS|H|2026||` + kind + `|1|` + processing + `|2.5` + rest
	}
	for _, v := range []struct{ options, body, want string }{
		{`{"rules": {"types": ["ADT^A01", "ORU^*", "MDM"]}}`, header("ADT^A01", "P", ""), ""},
		{`{"rules": {"types": ["ADT^A01", "ORU^*", "MDM"]}}`, header("ADT^A02", "P", ""), "fix: MSH-9 message-type"},
		{`{"rules": {"types": ["ADT^A01", "ORU^*", "MDM"]}}`, header("ORU^R01", "P", ""), ""},
		{`{"rules": {"types": ["ADT^A01", "ORU^*", "MDM"]}}`, header("MDM^T02^MDM_T02", "P", ""), ""},
		{`{"rules": {"processing": ["P"]}}`, header("ADT^A01", "T", ""), "denied: MSH-11 processing-id"},
		{`{"rules": {"processing": ["P", "T"]}}`, header("ADT^A01", "T^A", ""), ""},
		{`{"rules": {"required": ["PID", "PID-3.1", "OBX-3", "OBX[2]-5"]}}`, header("ADT^A01", "P", "\rPID|||1\rOBX|||a\rOBX|||b||c"), ""},
		{`{"rules": {"required": ["PID", "PID-3.1", "OBX-3", "OBX[2]-5"]}}`, header("ADT^A01", "P", "\rOBX|||a\rOBX|||\rOBX"), "fix: PID required, OBX[2]-3 required, OBX[3]-3 required, OBX[2]-5 required"},
		{`{"rules": {"required": ["PID-3.1"]}}`, header("ADT^A01", "P", "\rPID|||^x\rPID|||1"), "fix: PID-3.1 required"},
		{`{"rules": {"z": ["ZPV"]}}`, header("ADT^A01", "P", "\rZPV|1\rZZZ|1"), "fix: ZZZ segment"},
		{`{"rules": {"z": ["none"]}}`, header("ADT^A01", "P", "\rZPV|1"), "fix: ZPV segment"},
		{`{"rules": {"escapes": true}}`, header("ADT^A01", "P", "\r"+`NTE|1||a \F\ \.br\ \X0D\ \Zx\ \H\b\N\ \C1234\`), ""},
		{`{"rules": {"escapes": true}}`, header("ADT^A01", "P", "\rNTE|1||a \\Q\\"), "fix: NTE escape"},
		{`{"rules": {"escapes": true}}`, header("ADT^A01", "P", "\rNTE|1||a \\"), "fix: NTE escape"},
		{`{"rules": {"charsets": ["", "8859/1"]}}`, header("ADT^A01", "P", ""), ""},
		{`{"rules": {"charsets": ["8859/1"]}}`, header("ADT^A01", "P", "||||||UNICODE UTF-8"), "fix: MSH-18 charset"},
		{`{}`, header("ADT^A01", "P", "||||||KLINGON"), "tolerated fix: MSH-18 charset"},
		{`{}`, header("ADT^A01", "P", "\rNTE|||M\xfcller"), "tolerated fix: MSH-18 charset"},
		{`{}`, header("ADT^A01", "P", "||||||8859/1\rNTE|||M\xfcller"), ""},
		{`{}`, header("ADT^A01", "P", "||||||UNICODE UTF-8\rNTE|||M\xfcller"), "tolerated fix: MSH-18 charset"},
		{`{}`, header("ADT^A01", "P", "||||||UNICODE UTF-8\rNTE|||M\xc3\xbcller"), ""},
		{`{}`, strings.Replace(header("ADT^A01", "P", ""), "|1|", "|123456789012345678901|", 1), "tolerated fix: MSH-10 length"},
		{`{"tolerate": ["lines"]}`, header("ADT^A01", "P", "\nPID|1"), "tolerated fix: tolerate.lines"},
		{`{"tolerate": ["lines"], "profiles": [{"segments": ["MSH", "PID"]}]}`, header("ADT^A01", "P", "\nEVN|1"), "fix: EVN order, PID required"},
		{`{"profiles": [{"messages": ["ORU"], "segments": ["MSH", "PID"]}], "unprofiled": "refuse"}`, header("ADT^A01", "P", ""), "fix: MSH-9 message-type"},
		{`{"profiles": [{"messages": ["ORU"], "segments": ["MSH", "PID"]}]}`, header("ADT^A01", "P", ""), ""},
	} {
		if got := newCodec(t, v.options).refusedFor(t, v.body); got != v.want {
			t.Errorf("%s: %q: got %q, want %q", v.options, v.body, got, v.want)
		}
	}
}

func TestMistakesInOptions(t *testing.T) {
	for name, v := range map[string]struct {
		o    Options
		want string
	}{
		"tolerate": {Options{Tolerate: []string{"everything"}}, "tolerate[0]"}, "release": {Options{Release: 2}, "needs a journal"}, "release 3": {Options{Release: 3}, "release"},
		"accept": {Options{Accept: "promise"}, "needs a journal"}, "accept what": {Options{Accept: "never"}, "accept"}, "answers": {Options{Answers: "x"}, "answers"},
		"versions": {Options{Versions: []string{"3"}}, "versions[0]"}, "segments": {Options{Segments: -1}, "segments"}, "codes": {Options{Codes: map[string]string{"fix": "AA"}}, "codes.fix"},
		"codes what": {Options{Codes: map[string]string{"what": "AE"}}, "codes: "}, "types": {Options{Rules: Rules{Types: []string{"adt"}}}, "rules.types[0]"},
		"processing": {Options{Rules: Rules{Processing: []string{"X"}}}, "rules.processing[0]"}, "z": {Options{Rules: Rules{Z: []string{"PID"}}}, "rules.z[0]"},
		"required": {Options{Rules: Rules{Required: []string{"x"}}}, "rules.required[0]"}, "charsets": {Options{Rules: Rules{Charsets: []string{"x"}}}, "rules.charsets[0]"},
		"batch": {Options{Batch: Batch{Counts: "x", Answers: "y", Unnamed: "z"}}, "batch.unnamed"}, "unprofiled": {Options{Unprofiled: "refuse"}, "unprofiled"},
	} {
		if _, err := New(v.o, protocol.Limits{}); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: got %v, want %s", name, err, v.want)
		}
	}
}
