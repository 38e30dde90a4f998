package sim

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

func hospital(t *testing.T, o hl7.Options) *hl7.Codec {
	t.Helper()
	c, err := hl7.New(o, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// admission has lines that end as a text file's do. Modes are MSH-15 and 16.
func admission(id, modes, number string) string {
	return "MSH|^~\\&|LAB|NORTH|HIS|HOSP|20261123083000||ADT^A01^ADT_A01|" + id + "|P|2.5|||" + modes + "\n" +
		"EVN|A01|20261123083000\nPID|1||" + number + "^^^HOSP^MR||MUSTER^ANNA\n"
}

// ask sends input to a simulated backend, and returns what is shown.
func ask(t *testing.T, codec protocol.Codec, o BackendOptions, input string) (out string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := NewBackend(codec, o)
		defer b.Close()
		near, far := net.Pipe()
		b.ServeConn(far)
		var shown strings.Builder
		s := Sender{Codec: codec, Linger: time.Minute, Step: true, Untimed: true}
		err = s.Run(t.Context(), &shown, near, strings.NewReader(input))
		out = shown.String()
	})
	return out, err
}

// said returns what stands in the MSA of the answers in out.
func said(out string) (codes []string) {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "MSA|"); ok {
			fields := strings.Split(rest, "|")
			codes = append(codes, fields[0]+" "+fields[1])
		}
	}
	return codes
}

// A registry says as much as a message asks for, and its result after its acceptance.
func TestRegistryAnswersAsItIsAsked(t *testing.T) {
	codec := hospital(t, hl7.Options{})
	for _, c := range []struct{ modes, good, bad string }{
		{"|", "AA 1", "AE 1"},
		{"AL|AL", "CA 1, AA 1", "CA 1, AE 1"},
		{"AL|ER", "CA 1", "CA 1, AE 1"},
		{"AL|SU", "CA 1, AA 1", "CA 1"},
		{"AL|NE", "CA 1", "CE 1"},
		{"SU|NE", "CA 1", ""},
		{"ER|NE", "", "CE 1"},
		{"NE|AL", "AA 1", "AE 1"},
		{"NE|ER", "", "AE 1"},
		{"ER|ER", "", "AE 1"},
		{"NE|NE", "", ""},
	} {
		for number, want := range map[string]string{"4711": c.good, "AE77": c.bad} {
			if c.modes == "SU|NE" && number == "AE77" {
				continue // which nobody can tell from an answer that is lost
			}
			got, err := ask(t, codec, BackendOptions{}, admission("1", c.modes, number))
			if codes := strings.Join(said(got), ", "); codes != want || err != nil {
				t.Errorf("MSH-15 and 16 %s, patient %s: got %q, want %q (%v)\n%s", c.modes, number, codes, want, err, got)
			}
			if strings.Contains(got, "MUSTER") || strings.Contains(got, number) {
				t.Errorf("a patient is shown:\n%s", got)
			}
		}
	}
}

// A batch is answered as one, in the envelope of its answer. What is to say later comes by itself.
func TestRegistryAnswersABatch(t *testing.T) {
	batch := "BHS|^~\\&|LAB|NORTH|HIS|HOSP|20261123083600||||B7\n" + admission("1", "|", "4711") + admission("2", "AL|AL", "4711") + admission("3", "NE|NE", "4711") +
		admission("4", "|", "AE77") + "BTS|4\n"
	for _, c := range []struct {
		answers string
		codes   []string
		count   string
	}{
		{"all", []string{"AA 1", "CA 2", "AE 4", "AA 2"}, "BTS|3"},
		{"errors", []string{"AE 4", "AA 2"}, "BTS|1"},
	} {
		codec := hospital(t, hl7.Options{Batch: hl7.Batch{Answers: c.answers}})
		got, err := ask(t, codec, BackendOptions{}, batch)
		if codes := said(got); !slices.Equal(codes, c.codes) || err != nil && c.answers == "all" {
			t.Errorf("%s: got %q, want %q (%v)\n%s", c.answers, codes, c.codes, err, got)
		}
		answer := got[strings.Index(got, "<-"):]
		if n := strings.Count(answer, "BHS|"); n != 1 || !strings.Contains(answer, "|B7\n") || !strings.Contains(answer, c.count) {
			t.Errorf("%s: there are %d headers, want one with BHS-12 B7, and %s in\n%s", c.answers, n, c.count, answer)
		}
	}
}

// However the lines of a file end, with the bytes of MLLP between them or not, its messages are sent as they should be.
func TestFilesOfMessages(t *testing.T) {
	codec := hospital(t, hl7.Options{})
	text := admission("1", "|", "4711") + "\n" + admission("2", "|", "4711")
	framed := "\x0b" + strings.ReplaceAll(text, "\n\nMSH", "\n\x1c\r\x0bMSH") + "\x1c\r"
	for name, input := range map[string]string{
		"LF":               text,
		"CRLF":             strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":               strings.ReplaceAll(text, "\n", "\r"),
		"no empty line":    strings.ReplaceAll(text, "\n\n", "\n"),
		"no last line end": strings.TrimRight(text, "\n"),
		"MLLP, LF":         framed,
		"MLLP, CR":         strings.ReplaceAll(framed, "\n", "\r"),
		"a mark of UTF-8":  "\ufeff" + text,
	} {
		got, err := ask(t, codec, BackendOptions{}, input)
		if codes := said(got); err != nil || !slices.Equal(codes, []string{"AA 1", "AA 2"}) {
			t.Errorf("%s: got %q, %v\n%s", name, codes, err, got)
		}
	}
	if got, err := ask(t, codec, BackendOptions{}, "no message\n"); err == nil || strings.Contains(got, "->") {
		t.Errorf("got no error for a file without messages, and\n%s", got)
	}
}

// An answer that names another receiver is that of its request nevertheless: many systems have their own name there.
func TestAnAnswerIsKnownByItsControlID(t *testing.T) {
	codec := hospital(t, hl7.Options{})
	answer := func(id string) Handler {
		return func(*protocol.Message) Answer {
			return Answer{Body: []byte("MSH|^~\\&|HIS|HOSP|ENGINE||20261123083000||ACK|9|P|2.5\rMSA|AA|" + id + "\r")}
		}
	}
	if got, err := ask(t, codec, BackendOptions{Handler: answer("1")}, admission("1", "|", "4711")); err != nil {
		t.Errorf("got %v\n%s", err, got)
	}
	if got, err := ask(t, codec, BackendOptions{Handler: answer("2")}, admission("1", "|", "4711")); !errors.Is(err, ErrMissing) {
		t.Errorf("the answer to 2 is taken for that to 1: %v\n%s", err, got)
	}
}
