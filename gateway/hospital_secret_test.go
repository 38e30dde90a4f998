package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/hl7"
)

// patients are what must be found nowhere: a name, a number, a date of birth.
var patients = []string{"CANARYDOE", "MRN7309", "19730930"}

func hasPatient(data []byte) string {
	for _, p := range patients {
		if bytes.Contains(data, []byte(p)) {
			return p
		}
	}
	return ""
}

// F3: a patient's name, number and date of birth stand in every field that is not the message's own header, of messages that
// pass, that are refused, that time out, and in answers of every kind. They are in no notice, in no line of the log or of a mirror,
// and in nothing that is counted.
func TestFaultF03PatientsAreWrittenNowhere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	var log bytes.Buffer
	var snapshot []byte
	passed, refused := 0, 0
	record := func(r *Route) {
		r.LogMessages = true
		r.Mirrors = []MirrorConfig{{File: path, Results: true, Buffer: 1 << 20}}
		r.Keep = KeepConfig{For: time.Minute}
		r.Limits.Strikes = 1 << 20
	}
	inHospital(t, `{"rules": {"escapes": true, "z": ["none"], "types": ["ADT^A01"], "required": ["PID-3.1"]}, "tolerate": ["lines"],
		"profiles": [{"segments": ["MSH", "EVN", {"segment": "PID", "max": "*", "fields": {"7": {"type": "DTM"}, "8": {"values": ["M"]}}}], "others": "any"}]}`, record, func(w *world) {
		logger := logrus.New()
		logger.SetOutput(&log)
		logger.SetLevel(logrus.TraceLevel)
		w.g.routes[0].logger = logrus.NewEntry(logger)
		host, c := w.backend(), w.client()
		refuse := func(body string) {
			t.Helper()
			refused++
			c.block(body)
			if notice := c.blocked(); hasPatient([]byte(notice)) != "" || hl7Field(notice, "MSA", 1)[0] != 'A' || hl7Field(notice, "MSA", 1) == "AA" {
				t.Errorf("%q hears %q", body, notice)
			}
		}
		for i, segment := range []string{"PID", "NK1", "OBX", "GT1", "IN1", "NTE", "ERR", "EVN", "ZPA", "Pid", "P"} {
			for n := 1; n < 24; n += 2 {
				id := fmt.Sprintf("%d-%d", i, n)
				patient := strings.Join(patients, "^")
				head := strings.Replace(admission("LAB", id, patient), "PID|1||4711", "PID|1||"+patients[1], 1)
				line := segment + strings.Repeat("|", n) + patient + "\r"
				for _, broken := range []string{
					strings.Replace(head, "|2.5", "|9", 1) + line, strings.Replace(head, "ADT^A01", patients[0]+"^A01", 1) + line, strings.Replace(head, "ADT^A01", "ADT^A02", 1) + line,
					head + "NTE|" + patients[0] + "\\Q\\\r", head + patient + "\r", strings.Replace(head, "PID|1||"+patients[1], "PID|1||", 1),
					strings.Replace(head, "EVN|", "PID|1||"+patients[1]+"||||x"+patients[2]+"|"+patients[0]+"\rEVN|", 1)} {
					refuse(broken)
				}
				c.block(head + line)
				if !waits(host) {
					refused++
					if notice := c.blocked(); hasPatient([]byte(notice)) != "" {
						t.Errorf("%q hears %q", head+line, notice)
					}
					continue
				}
				if got := host.blocked(); got != head+line {
					t.Fatalf("got %q, want %q", got, head+line)
				}
				passed++
				switch n % 6 {
				case 1:
					host.block(acknowledgement("LAB", "AE", id, patient))
					c.is(acknowledgement("LAB", "AE", id, patient))
				case 3:
					host.block(acknowledgement("LAB", patients[0], id, patient))
					if notice := c.blocked(); hasPatient([]byte(notice)) != "" {
						t.Errorf("after an answer of no use: %q", notice)
					}
				default:
					snapshot = append(snapshot, w.told()...) // with a request in flight
					host.block(acknowledgement("LAB", "AA", id, patient))
					c.is(acknowledgement("LAB", "AA", id, patient))
					c.block(head + line + "NTE||" + patients[0] + "\r") // something else under the same id
					if notice := c.blocked(); hasPatient([]byte(notice)) != "" {
						t.Errorf("a duplicate hears %q", notice)
					}
				}
			}
		}
		c.block(admission("LAB", "late", patients[0]))
		host.blocked()
		host.block(admission("HIS", "late", patients[0]))
		host.block(acknowledgement("LAB", "AA", patients[1], patients[0]))
		time.Sleep(2 * time.Second)
		if notice := c.blocked(); hasPatient([]byte(notice)) != "" {
			t.Errorf("after the timeout: %q", notice)
		}
		c.block(batchOf("B1", admission("LAB", "b1", patients[0]), patients[0]+"|"+patients[1]))
		for waits(host) {
			id := hl7Field(host.blocked(), "MSH", 10)
			host.block(acknowledgement("LAB", "AA", id, "done"))
		}
		if notice := c.blocked(); hasPatient([]byte(notice)) != "" {
			t.Errorf("a batch hears %q", notice)
		}
		host.block("MSH|" + patients[0]) // which costs the connection
		snapshot = append(snapshot, w.told()...)
	})
	if passed < 50 || refused < 3*passed {
		t.Errorf("%d have passed and %d were refused, which proves little", passed, refused)
	}
	if p := hasPatient(log.Bytes()); p != "" || strings.Count(log.String(), "msg=refused") < 3*passed {
		t.Errorf("%s is in the log, or too little is:\n%s", p, &log)
	}
	if p := hasPatient(snapshot); p != "" {
		t.Errorf("%s is counted: %s", p, snapshot)
	}
	seen, err := os.ReadFile(path)
	if err != nil || bytes.Count(seen, []byte("\n")) < passed {
		t.Fatalf("the mirror has %q, %v", seen, err)
	}
	for line := range bytes.Lines(seen) {
		var l struct{ Body64 string }
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		body, err := base64.StdEncoding.DecodeString(l.Body64)
		if err != nil || hasPatient(line) != "" || hasPatient(body) != "" {
			t.Errorf("the mirror has %s, which is %q", line, body)
		}
	}
}

// What nobody may see is not written to a file as it is.
func TestNoFramesOfAHospitalInAFile(t *testing.T) {
	codec, err := hl7.New(hl7.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := Route{Name: "r", Listen: "127.0.0.1:0", Codec: codec, Backends: []BackendConfig{{Address: "127.0.0.1:1"}}, Mirrors: []MirrorConfig{{File: "seen", Format: MirrorFrames}}}
	if _, err := New(Config{Routes: []Route{r}}); err == nil || !strings.Contains(err.Error(), "mirror[0].format: frames in a file") {
		t.Errorf("got %v", err)
	}
}
