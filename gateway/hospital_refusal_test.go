package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// That a backend's answer to a batch does not name a message means that it is accepted only if all of the answer was understood,
// it is whole, and it says nothing of the batch itself. Otherwise nobody hears that his message was accepted.
func TestSilenceInARefusalMeansNothing(t *testing.T) {
	for name, answer := range map[string]func(bundle, first string) string{
		"the whole is refused":     func(bundle, _ string) string { return acknowledgement("WARD", "AR", bundle, "") + "BTS|1\r" },
		"an error of nobody":       func(string, string) string { return "MSH|^~\\&|HIS|HOSP|WARD|N|2026||ACK|77|P|2.5\rERR|||207\rBTS|1\r" },
		"a stranger is refused":    func(string, string) string { return acknowledgement("WARD", "AE", "4711", "") + "BTS|1\r" },
		"it is cut short":          func(_, first string) string { return acknowledgement("DEV0", "AE", first, "") + "BTS|7\r" },
		"nothing of two":           func(string, string) string { return "BTS|2\r" },
		"a remark":                 func(string, string) string { return "BTS|0|total failure, batch rejected\r" },
		"no end":                   func(string, string) string { return "" },
		"a count that is no count": func(string, string) string { return "BTS|none\r" },
	} {
		t.Run(name, func(t *testing.T) {
			inHospital(t, `{"batch": {"unnamed": "accepted"}}`, func(r *Route) {
				r.Backends[0].Batch, r.Timeouts.Answer = BatchConfig{Max: 3, Linger: time.Second / 2}, 5*time.Second
			}, func(w *world) {
				host := w.backend()
				var clients []*peer
				for i := range 3 {
					c := w.client()
					c.block(admission(fmt.Sprint("DEV", i), "1", fmt.Sprint("n", i)))
					clients = append(clients, c)
				}
				got := host.blocked()
				bundle := hl7Field(got, "BHS", 11)
				first := hl7Field(got, "MSH", 10)
				host.block("BHS|^~\\&|HIS|HOSP|DEV0|WARD|20261123|||||" + bundle + "\r" + answer(bundle, first))
				for i, c := range clients {
					if got := c.said(); strings.HasPrefix(got, "AA") {
						t.Errorf("client %d hears %q", i, got)
					}
				}
			})
		})
	}
}

// With answers of errors alone every member that was not accepted is named: one that cannot be read, and one that the backend
// refuses with a blank in front of its code.
func TestWhatIsNotAcceptedIsNamed(t *testing.T) {
	inHospital(t, `{"batch": {"answers": "errors"}}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.block(batchOf("B1", admission("LAB", "1", "a"), "MSH|broken\rPID|1\r", "MSH\r", admission("LAB", "2", "b")))
		host.is(admission("LAB", "1", "a"))
		host.is(admission("LAB", "2", "b"))
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		host.block(strings.Replace(acknowledgement("LAB", "AE", "2", "b"), "MSA|AE", "MSA| AE", 1))
		got := a.blocked()
		if strings.Count(got, "\rMSA|AE||") != 2 || strings.Count(got, "\rMSA| AE|2") != 1 || !strings.HasSuffix(got, "BTS|3\r") {
			t.Errorf("got %q, want two that cannot be named, and 2", got)
		}
		a.block(batchOf("B2", admission("LAB", "3", "c"), acknowledgement("LAB", "AA", "9", "x"))) // what answers cannot be answered
		host.silent()
		if got := a.blocked(); hl7Field(got, "MSA", 1) != "AE" || hl7Field(got, "MSA", 2) != "B2" {
			t.Errorf("got %q, want B2 refused as a whole", got)
		}
	})
}

// A batch without headers that is refused as a whole is refused message by message.
func TestABatchWithoutHeadersIsRefused(t *testing.T) {
	inHospital(t, `{"batch": {"headerless": true}}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.block(admission("LAB", "1", "a") + admission("LAB", "2", "b") + "BTS|5\r")
		host.silent()
		got := a.blocked()
		if strings.Count(got, "\rMSA|AE|1|") != 1 || strings.Count(got, "\rMSA|AE|2|") != 1 || !strings.Contains(got, "BTS^1^1") {
			t.Errorf("got %q", got)
		}
	})
}

// A client's message with an MSA somewhere in it is no acknowledgement, which nobody would answer.
func TestAMessageWithAnMSAIsAnswered(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		for _, more := range []string{"MSA|AA|1\r", "MSA|\r", "MSA\r"} {
			a.block(admission("LAB", "1", "a") + more)
			if got := a.said(); got != "AE 1" {
				t.Errorf("with %q: got %q", more, got)
			}
		}
		a.block(strings.Replace(admission("LAB", "2", "a"), "EVN|", "MSA||\rEVN|", 1))
		if got := a.said(); got != "AE 2" {
			t.Errorf("got %q", got)
		}
		host.silent()
		a.block(acknowledgement("LAB", "AA", "7", "")) // this is one
		a.silent()
		if c := w.counters(); c.Received != 4 || c.Refused != 4 || c.Unasked != 1 {
			t.Errorf("got %+v", c)
		}
	})
}
