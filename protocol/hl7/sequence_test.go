package hl7

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func numbered(sender, id, number string) string {
	return segments(`MSH|^~\&|` + sender + `|N|HIS|H|2026||ADT^A01|` + id + `|P|2.5|` + number)
}

// link is a sender, a codec and a backend that accepts what it gets.
type link struct {
	t *testing.T
	c *Codec
}

// says sends a message and returns MSA-1 and MSA-4 of what is answered, with a plus if the backend has got it.
func (l link) says(body, code string) string {
	l.t.Helper()
	m, err := l.c.decoded(body)
	if err != nil {
		l.t.Fatal(err)
	}
	fields := func(ack []byte) string {
		_, msa, _ := strings.Cut(string(ack), "\rMSA|")
		msa, _, _ = strings.Cut(msa, "\r")
		list := append(strings.Split(msa, "|"), "", "", "")
		return list[0] + " " + list[3]
	}
	if m.Kind == protocol.SignOn {
		ack, err := l.c.AppendReply(nil, m)
		if err != nil {
			l.t.Fatal(err)
		}
		return fields(ack)
	}
	if ref := l.c.Police(m); ref != nil {
		ack, _ := l.c.AppendNotice(nil, m, &protocol.Notice{Class: ref.Class, Cause: ref.Cause, Reasons: ref.Reasons})
		return fields(ack)
	}
	answer := new(protocol.Message)
	if err := l.c.DecodeBody(protocol.FromBackend, l.c.AppendAnswer(nil, m, code, ""), answer); err != nil {
		l.t.Fatal(err)
	}
	ack, err := l.c.AppendWithID(nil, answer, m.ID)
	if err != nil {
		return "+" + err.Error()
	}
	return "+" + fields(ack)
}

// Sequence numbers are in order, outlive the process, and are each sender's own.
func TestSequenceNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers")
	open := func() link { return link{t, newCodec(t, `{"sequence": "`+path+`"}`)} }
	l := open()
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file before it is needed")
	}
	for _, step := range []struct{ sender, id, number, code, want string }{
		{"A", "1", "0", "AA", "AA -1"}, {"A", "2", "7", "AA", "+AA 7"}, {"A", "3", "8", "AA", "+AA 8"}, {"A", "4", "8", "AA", "AE 9"}, {"A", "5", "10", "AA", "AE 9"},
		{"B", "1", "1", "AA", "+AA 1"}, {"A", "6", "9", "AE", "+AE "}, {"A", "6", "9", "AA", "+AA 9"}, {"A", "7", "", "AA", "+AA "}, {"A", "8", "x", "AA", "AE 10"}, {"A", "9", "-2", "AA", "AE 10"},
		{"A", "10", "10", "AE", "+AE "}, {"A", "11", "", "AA", "+AA "}, {"A", "12", "0", "AA", "AA 10"},
	} {
		if got := l.says(numbered(step.sender, step.id, step.number), step.code); got != step.want {
			t.Errorf("%v: got %q, want %q", step, got, step.want)
		}
	}
	l = open() // the process was started again
	for _, step := range []struct{ sender, number, want string }{
		{"A", "0", "AA 10"}, {"B", "0", "AA 2"}, {"A", "11", "AE 10"}, {"A", "-1", "AA -1"}, {"A", "100", "+AA 100"}, {"B", "2", "+AA 2"},
	} {
		if got := l.says(numbered(step.sender, "1", step.number), "AA"); got != step.want {
			t.Errorf("after a start: %v: got %q, want %q", step, got, step.want)
		}
	}
	// A line that was not written whole was not acknowledged.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, `"A`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := open().says(numbered("A", "1", "0"), "AA"); got != "AA 101" {
		t.Errorf("after a cut line: got %q, want AA 101", got)
	}
}

// What cannot be stored is not acknowledged.
func TestSequenceNumbersThatCannotBeStored(t *testing.T) {
	folder := t.TempDir()
	l := link{t, newCodec(t, `{"sequence": "`+filepath.Join(folder, "none", "numbers")+`"}`)}
	if got := l.says(numbered("A", "1", "1"), "AA"); got != "AR " {
		t.Errorf("no folder: got %q, want AR", got)
	}
	if got := l.says(numbered("A", "1", "0"), "AA"); got != "AR " {
		t.Errorf("no folder, at the start of a link: got %q, want AR", got)
	}
	path := filepath.Join(folder, "numbers")
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = link{t, newCodec(t, `{"sequence": "`+path+`"}`)}
	if got := l.says(numbered("A", "1", "1"), "AA"); got != "AR " {
		t.Errorf("another file: got %q, want AR", got)
	}
	if data, _ := os.ReadFile(path); string(data) != "nonsense\n" {
		t.Errorf("the other file is now %q", data)
	}
	l = link{t, newCodec(t, `{"sequence": "`+filepath.Join(folder, "good")+`"}`)}
	if got := l.says(numbered("A", "1", "1"), "AA"); got != "+AA 1" {
		t.Fatal(got)
	}
	_ = l.c.sequence.file.Close() // the disk is gone
	if got := l.says(numbered("A", "2", "2"), "AA"); !strings.HasPrefix(got, "+hl7: the sequence numbers cannot be stored") {
		t.Errorf("got %q", got)
	}
}

// The file does not grow with the messages.
func TestSequenceNumbersAreRewritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers")
	s := &sequences{path: path}
	if _, err := s.expected("A"); err != nil {
		t.Fatal(err)
	}
	s.lines = 10_001
	s.forward("A", "1", 1)
	if n, err := s.accept("A", "1"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	s.forward("A", "2", 2)
	if n, err := s.accept("A", "2"); n != 2 || err != nil || s.lines != 1 {
		t.Fatal(n, err, s.lines)
	}
	if data, _ := os.ReadFile(path); string(data) != "\"A\" 2\n" {
		t.Errorf("got %q", data)
	}
}
