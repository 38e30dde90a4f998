package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

// A verified request has a line of its own only where that was asked for, and no line
// holds anything that the client sent.
func TestLinesForMessages(t *testing.T) {
	for _, asked := range []bool{false, true} {
		var out bytes.Buffer
		inWorld(t, func(r *Route) { r.LogMessages = asked }, func(w *world) {
			log := logrus.New()
			log.SetOutput(&out)
			w.g.routes[0].logger = logrus.NewEntry(log)
			b, c := w.backend(), w.client()
			c.send("Q canary1 canary2", "Q canary3 bad canary4")
			b.request()
			c.expect("! canary3 fix bad-shape")
		})
		if got := strings.Count(out.String(), "msg=passed"); (got == 1) != asked || got > 1 {
			t.Errorf("asked %v: got %d lines for verified requests", asked, got)
		}
		if got := strings.Count(out.String(), "msg=refused"); got != 1 {
			t.Errorf("got %d lines for refusals, want 1", got)
		}
		if strings.Contains(out.String(), "canary") {
			t.Errorf("a value is in the log:\n%s", &out)
		}
	}
}
