package hl7

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// mustDecode reads a body of a client, in order or not.
func (c *Codec) decoded(body string) (*protocol.Message, error) {
	m := new(protocol.Message)
	return m, c.DecodeBody(protocol.FromClient, []byte(body), m)
}

// says returns what c answers body with when n is said, its segments line by line.
func (c *Codec) says(t *testing.T, body string, n protocol.Notice) string {
	t.Helper()
	m, _ := c.decoded(body)
	out, err := c.AppendNotice(nil, m, &n)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\r", "\n")
}

var missing = protocol.Notice{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: []protocol.Reason{
	{Path: "PID-5[2].1.3", Off: 3, Rule: "required", Want: "a | value", Got: "nothing"},
	{Path: "OBX[3]-5", Off: 4, Rule: "length", Want: "at most 3 bytes"},
	{Off: -1, Rule: "strange"},
}}

// The form of an acknowledgement is that of the version of the message.
func TestNoticesOfEachVersion(t *testing.T) {
	c := newCodec(t, `{}`)
	header := func(version string) string {
		return segments(`MSH|^~\&|LAB^1.2^ISO|NORTH|HIS|HOSP|2026||ORU^R01|4711|T|` + version + `||||||8859/1`)
	}
	for _, v := range []struct{ version, want string }{
		{"2.1", `MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK|SPTEST01A1|T|2.1||||||8859/1
MSA|AE|4711|the request does not meet the rules
ERR|PID^1^5^101&Required field missing&HL70357~OBX^3^5^104&Value too long&HL70357~^^^199&Other HL7 Error&HL70357
`},
		{"2.3", `MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK^R01|SPTEST01A1|T|2.3||||||8859/1
MSA|AE|4711|the request does not meet the rules
ERR|PID^1^5^101&Required field missing&HL70357~OBX^3^5^104&Value too long&HL70357~^^^199&Other HL7 Error&HL70357
`},
		{"2.3.1", `MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK^R01^ACK|SPTEST01A1|T|2.3.1||||||8859/1
MSA|AE|4711|the request does not meet the rules
ERR|PID^1^5^101&Required field missing&HL70357~OBX^3^5^104&Value too long&HL70357~^^^199&Other HL7 Error&HL70357
`},
		{"2.5", `MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK^R01^ACK|SPTEST01A1|T|2.5||||||8859/1
MSA|AE|4711|the request does not meet the rules
ERR||PID^1^5^2^1^3|101^Required field missing^HL70357|E||||PID-5[2].1.3: want a \F\ value, got nothing (required)
ERR||OBX^3^5|104^Value too long^HL70357|E||||OBX[3]-5: want at most 3 bytes (length)
ERR|||199^Other HL7 Error^HL70357|E||||(strange)
`[:0] + strings.Replace(`MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK^R01^ACK|SPTEST01A1|T|2.5||||||8859/1
MSA|AE|4711|the request does not meet the rules
ERR||PID^1^5^2^1^3|101^Required field missing^HL70357|E||||PID-5[2].1.3: want a \F\ value, got nothing (required)
ERR||OBX^3^5|104^Value too long^HL70357|E||||OBX[3]-5: want at most 3 bytes (length)
ERR|||199^Other HL7 Error^HL70357|E||||SPACE(strange)
`, "SPACE", " ", 1)},
		{"2.8", `MSH|^~\&|HIS|HOSP|LAB^1.2^ISO|NORTH|20261123123045+0000||ACK^R01^ACK|SPTEST01A1|T|2.8||||||8859/1
MSA|AE|4711
ERR||PID^1^5^2^1^3|101^Required field missing^HL70357|E||||PID-5[2].1.3: want a \F\ value, got nothing (required)
ERR||OBX^3^5|104^Value too long^HL70357|E||||OBX[3]-5: want at most 3 bytes (length)
ERR|||199^Other HL7 Error^HL70357|E|||| (strange)
`},
	} {
		c.own.Store(0)
		if got := c.says(t, header(v.version), missing); got != v.want {
			t.Errorf("%s:\ngot  %s\nwant %s", v.version, got, v.want)
		}
	}
}

// What is said, and whether, is by MSH-15 and 16 and the table of the route.
func TestWhatIsSaid(t *testing.T) {
	fix := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: []protocol.Reason{{Path: "PID-3", Rule: "required"}}}
	kind := protocol.Notice{Class: protocol.Fix, Cause: protocol.BadName, Reasons: []protocol.Reason{{Path: "MSH-9.2", Rule: "event"}}}
	later := protocol.Notice{Class: protocol.Later, Cause: protocol.Busy}
	failed := protocol.Notice{Class: protocol.Failed, Cause: protocol.AnswerTimeout}
	double := protocol.Notice{Class: protocol.Duplicate, Cause: protocol.StillOpen}
	for _, v := range []struct {
		options, modes                    string
		fix, kind, later, failed, doubled string
	}{
		{`{}`, "|", "AE", "AR", "AR", "AR", "AE"},
		{`{}`, "AL|AL", "CE", "CR", "CE", "AR", "CE"},
		{`{}`, "AL|NE", "CE", "CR", "CE", "CE", "CE"},
		{`{}`, "ER|", "CE", "CR", "CE", "CE", "CE"},
		{`{}`, "NE|AL", "AE", "AR", "AR", "AR", "AE"},
		{`{}`, "SU|SU", "", "", "", "", ""},
		{`{}`, "NE|NE", "", "", "", "", ""},
		{`{}`, "SU|ER", "AE", "AR", "AR", "AR", "AE"},
		{`{"codes": {"later": "AE", "answer-timeout": "AE", "PID-3": "AR/CR", "header": "AE", "duplicate": ""}}`, "|", "AR", "AE", "AE", "AE", ""},
		{`{"codes": {"later": "AR/CR", "failed": "AE", "busy": "AE"}}`, "AL|AL", "CE", "CR", "CE", "AE", "CE"},
	} {
		c := newCodec(t, v.options)
		body := segments(`MSH|^~\&|LAB|NORTH|HIS|HOSP|2026||ORU^R01|4711|P|2.5|||` + v.modes)
		for _, one := range []struct {
			n    protocol.Notice
			want string
		}{{fix, v.fix}, {kind, v.kind}, {later, v.later}, {failed, v.failed}, {double, v.doubled}} {
			got := c.says(t, body, one.n)
			if _, after, ok := strings.Cut(got, "MSA|"); ok {
				got = after[:2]
			}
			if got != one.want {
				t.Errorf("%s, modes %s, %v %v: got %q, want %q", v.options, v.modes, one.n.Class, one.n.Cause, got, one.want)
			}
		}
	}
}

func TestNothingIsSaidToWhatIsNoRequest(t *testing.T) {
	c := newCodec(t, `{}`)
	for _, body := range []string{"", "x", "EVN|A01\r", "MSH|^~\\&\r", "MSH", segments(plain, "MSA|AA|1"), segments(plain, "MSA|AE|1", "PID|bad\x00"), segments(strings.Replace(plain, "|2.5", "|9.9", 1), "MSA|AA|1"), admission(silent), "\x06"} {
		if got := c.says(t, body, missing); got != "" {
			t.Errorf("%q is answered with %q", body, got)
		}
	}
}

// The signs are those of the message, also where they are not the usual ones, and where they are wrong.
func TestNoticesInOtherSigns(t *testing.T) {
	c := newCodec(t, `{}`)
	got := c.says(t, segments(signs, "PID@"), missing)
	if !strings.HasPrefix(got, `MSH@~&#\@HIS@HOSP@WARD@NORTH@20261123123045+0000@@ACK~A01~ACK@SPTEST01A1@P@2.5`) || !strings.Contains(got, "ERR@@PID~1~5~2~1~3@101~Required field missing~HL70357@E@@@@PID-5[2].1.3: want a | value, got nothing (required)") {
		t.Errorf("got %s", got)
	}
	for _, wrong := range []string{`MSH|^~|LAB|NORTH|HIS|HOSP|2026||ORU^R01|4711|P|2.5`, `MSH^~~~~^LAB^NORTH^HIS^HOSP^2026^^ORU^4711^P^2.5`, `MSH|abcd|LAB|NORTH|HIS|HOSP|2026||ORU^R01|4711|P|2.5`} {
		m, err := c.decoded(segments(wrong))
		if err == nil {
			t.Errorf("%q is accepted", wrong)
		}
		out, _ := c.AppendNotice(nil, m, &missing)
		back := new(protocol.Message)
		if err := c.DecodeBody(protocol.FromBackend, out, back); err != nil || string(back.Spans[msaID].In(back.Body)) != "4711" {
			t.Errorf("%q is answered with %q: %v", wrong, out, err)
		}
	}
}

// Own control ids come once, and look like no ticket.
func TestOwnControlIDs(t *testing.T) {
	c := newCodec(t, `{}`)
	seen := map[string]bool{}
	for range 1000 {
		id := string(c.appendControlID(nil))
		if _, ticket := c.Ticket(protocol.ID(id)); seen[id] || ticket || len(id) > 20 {
			t.Fatalf("%q: seen before %v, a ticket %v", id, seen[id], ticket)
		}
		seen[id] = true
	}
	other, _ := New(Options{}, protocol.Limits{})
	another, _ := New(Options{}, protocol.Limits{})
	if other.prefix == another.prefix {
		t.Errorf("two codecs have the prefix %q", other.prefix)
	}
}
