package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// batchOf returns a batch of messages with a control id.
func batchOf(id string, members ...string) string {
	return "BHS|^~\\&|WARD|NORTH|HIS|HOSP|20261123||||" + id + "\r" + strings.Join(members, "") + fmt.Sprintf("BTS|%d\r", len(members))
}

// A client's batch is taken apart, and answered as one batch in the order of its messages.
func TestABatchOfMessages(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		bad := strings.Replace(admission("LAB", "2", "b"), "|P|2.5", "|P|9", 1)
		a.block(batchOf("B7", admission("LAB", "1", "a"), bad, admission("LAB", "3", "c")))
		host.is(admission("LAB", "1", "a"))
		host.is(admission("LAB", "3", "c"))
		host.block(acknowledgement("LAB", "AE", "3", "c"))
		a.silent()
		host.block(acknowledgement("LAB", "AA", "1", "a"))
		got := a.blocked()
		lines := strings.Split(strings.TrimSuffix(got, "\r"), "\r")
		if hl7Field(got, "BHS", 12) != "B7" || hl7Field(got, "BHS", 3) != "HIS" || lines[len(lines)-1] != "BTS|3" {
			t.Errorf("the envelope of %q: want BHS-12 B7, BHS-3 HIS and BTS|3", got)
		}
		var said []string
		for _, l := range lines {
			if strings.HasPrefix(l, "MSA") {
				said = append(said, l[4:8])
			}
		}
		if fmt.Sprint(said) != "[AA|1 AR|2 AE|3]" {
			t.Errorf("got %v", said)
		}
	})
}

// Of a batch whose number is wrong nothing is forwarded, and one refusal answers all of it.
func TestABatchThatIsMiscounted(t *testing.T) {
	inHospital(t, `{}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		a.block(strings.Replace(batchOf("B8", admission("LAB", "1", "a"), admission("LAB", "2", "b")), "BTS|2", "BTS|3", 1))
		host.silent()
		got := a.blocked()
		if strings.Count(got, "\rMSA|") != 1 || hl7Field(got, "MSA", 1) != "AE" || hl7Field(got, "MSA", 2) != "B8" || hl7Field(got, "BHS", 12) != "B8" || !strings.Contains(got, "ERR||BTS^1^1") || hl7Field(got, "MSH", 12) != "2.5" || hl7Field(got, "MSH", 3) != "HIS" {
			t.Errorf("got %q, want one refusal of B8 that names BTS-1", got)
		}
	})
}

// In the mode that tells errors only what is not in the answer is accepted, and an answer without any is one.
func TestABatchThatIsAnsweredWithErrorsOnly(t *testing.T) {
	inHospital(t, `{"batch": {"answers": "errors", "headerless": true}}`, nil, func(w *world) {
		host, a := w.backend(), w.client()
		for _, code := range []string{"AA", "AE"} {
			a.block(batchOf("B9", admission("LAB", "1", "a"), admission("LAB", "2", "b"), admission("LAB", "3", "c", "NE", "NE")))
			for i := range 3 {
				if id := hl7Field(host.blocked(), "MSH", 10); id != fmt.Sprint(i+1) {
					t.Fatalf("got %q", id)
				}
			}
			host.block(acknowledgement("LAB", "AA", "1", "a"))
			host.block(acknowledgement("LAB", code, "2", "b"))
			got := a.blocked()
			want := map[string]int{"AA": 0, "AE": 1}[code]
			if n := strings.Count(got, "\rMSA|"); n != want || !strings.HasSuffix(got, fmt.Sprintf("\rBTS|%d\r", want)) {
				t.Errorf("got %q, want %d acknowledgements", got, want)
			}
		}
		a.block(admission("LAB", "4", "d") + admission("LAB", "5", "e"))
		host.is(admission("LAB", "4", "d"))
		host.is(admission("LAB", "5", "e"))
		host.block(acknowledgement("LAB", "AA", "4", "d"))
		host.block(acknowledgement("LAB", "AR", "5", "e"))
		if got := a.blocked(); got != acknowledgement("LAB", "AR", "5", "e") {
			t.Errorf("without headers: got %q", got)
		}
	})
}

// Requests of several clients go as one batch. What its answer names goes to who asked; what it does not name is accepted.
func TestABatchToAHospitalSystem(t *testing.T) {
	inHospital(t, `{"batch": {"unnamed": "accepted"}}`, func(r *Route) { r.Backends[0].Batch = BatchConfig{Max: 4, Linger: time.Second / 2} }, func(w *world) {
		host := w.backend()
		var clients []*peer
		for i := range 4 {
			c := w.client()
			c.block(admission(fmt.Sprint("DEV", i), "1", fmt.Sprint("n", i)))
			clients = append(clients, c)
		}
		got := host.blocked()
		if strings.Count(got, "\rMSH|") != 4 || !strings.HasSuffix(got, "\rBTS|4\r") {
			t.Fatalf("got %q, want a batch of four", got)
		}
		name := hl7Field(got, "BHS", 11)
		ids := map[string]string{}
		for _, m := range strings.Split(got, "\rMSH|")[1:] {
			f := strings.Split(m, "|")
			ids[f[1]] = f[8]
		}
		answer := func(name string, members ...string) string {
			return "BHS|^~\\&|HIS|HOSP|DEV0|WARD|20261123|||||" + name + "\r" + strings.Join(members, "") + fmt.Sprintf("BTS|%d\r", len(members))
		}
		host.block(answer("SOMETHING", acknowledgement("DEV3", "AA", ids["DEV3"], "n3")))
		if got := clients[3].blocked(); hl7Field(got, "MSA", 1) != "AA" || hl7Field(got, "MSA", 3) != "n3" {
			t.Errorf("who is named hears %q", got)
		}
		clients[0].silent()
		host.block(answer(name, acknowledgement("DEV2", "AE", ids["DEV2"], "n2")))
		for i, want := range []string{"AA 1", "AA 1", "AE 1"} {
			if got := clients[i].said(); got != want {
				t.Errorf("client %d hears %q, want %q", i, got, want)
			}
		}
		host.block(answer(name))
		for _, c := range clients {
			c.silent()
		}
	})
}

// The members of a batch of a sender that waits for room keep their places, and a batch that nobody wants to hear of is not
// answered.
func TestABatchThatWaits(t *testing.T) {
	inHospital(t, `{}`, func(r *Route) { r.Backends[0].InFlight, r.Timeouts.Queue = 0, 10*time.Second }, func(w *world) {
		host, a, b := w.backend(), w.client(), w.client()
		b.block(admission("GE", "1", "b"))
		host.is(admission("GE", "1", "b"))
		a.block("FHS|^~\\&|A\r" + batchOf("B1", admission("LAB", "1", "a"), admission("LAB", "2", "b", "NE", "NE")) + batchOf("B2", admission("LAB", "3", "c")) + "FTS|2\r")
		host.block(acknowledgement("GE", "AA", "1", "b"))
		for range 3 {
			id := hl7Field(host.blocked(), "MSH", 10)
			if id != "2" {
				host.block(acknowledgement("LAB", "AA", id, id))
			}
		}
		got := a.blocked()
		first, second, ok := strings.Cut(got, "BTS|1\r")
		if !ok || !strings.Contains(first, "MSA|AA|1|") || !strings.Contains(second, "MSA|AA|3|") || !strings.HasSuffix(got, "BTS|1\rFTS|2\r") {
			t.Errorf("got %q, want one acknowledgement in each of two batches", got)
		}
		a.block(batchOf("B3", admission("LAB", "4", "a", "NE", "NE"), admission("LAB", "5", "b", "NE", "NE")))
		host.blocked()
		host.blocked()
		a.silent()
		b.is(acknowledgement("GE", "AA", "1", "b"))
	})
}
