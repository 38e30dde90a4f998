package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
	"github.com/sallyport/sallyport/protocol/iso8583"
)

// card is the number of one. Its last digit does not fit the others.
const card = "7309730973097309"

// hasCard reports whether data holds the number, or most of it, in ASCII, EBCDIC or BCD.
func hasCard(data []byte, digits string) bool {
	ebcdic := make([]byte, len(digits))
	for i := range ebcdic {
		ebcdic[i] = frame.ToEBCDIC[digits[i]]
	}
	return bytes.Contains(data, []byte(digits)) || bytes.Contains(data, ebcdic) || strings.Contains(hex.EncodeToString(data), digits)
}

// A card's number stands in every field that has room for it, of requests that pass and of such that are refused, and comes back
// in answers, good and bad. It is in no notice, in no line of the log or of a mirror, and in nothing that is counted.
func TestCardNumbersAreWrittenNowhere(t *testing.T) {
	for _, dialect := range []string{"1987-ascii", "1987-binary", "1987-ebcdic", "1993-ascii"} {
		t.Run(dialect, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "seen")
			var log bytes.Buffer
			var snapshot []byte
			passed, refused := 0, 0
			record := func(r *Route) {
				r.LogMessages = true
				r.Mirrors = []MirrorConfig{{File: path, Results: true, Buffer: 64 << 10}}
			}
			inPayments(t, `{"dialect": "`+dialect+`", "rules": {"luhn": true, "dates": true}}`, record, func(w *world) {
				logger := logrus.New()
				logger.SetOutput(&log)
				logger.SetLevel(logrus.TraceLevel)
				w.g.routes[0].logger = logrus.NewEntry(logger)
				codec := w.g.routes[0].codec.(*iso8583.Codec)
				host := w.backend()
				mti, code := "0200", "00"
				if dialect == "1993-ascii" {
					mti, code = "1200", "000"
				}
				refuse := func(c *peer, body []byte) {
					refused++
					if notice := c.body(); hasCard([]byte(notice), card) || notice[0] == '<' {
						t.Errorf("%x hears %q", body, notice)
					}
				}
				for n := 2; n <= 128; n++ {
					body, err := codec.AppendTyped(nil, fmt.Appendf(nil, "%s 41=T%07d %d=%s", mti, n, n, card), n)
					if err != nil {
						continue // it has no room
					}
					c := w.client()
					for _, broken := range [][]byte{append(bytes.Clone(body), 'x'), body[:len(body)-1], body[:len(body)-9]} {
						c.message(string(broken))
						refuse(c, broken)
					}
					c.message(string(body))
					if !waits(host) {
						refuse(c, body)
						continue
					}
					var m protocol.Message
					if err := codec.DecodeBody(protocol.FromClient, []byte(host.body()), &m); err != nil {
						t.Fatal(err)
					}
					answer, err := codec.AppendResponse(nil, &m, []int{3, 11, 41, n}, code)
					if err != nil {
						t.Fatal(err)
					}
					passed++
					host.message(string(answer))
					if got := c.body(); got != string(answer) {
						t.Errorf("got %q, want %q", got, answer)
					}
				}
				c := w.client()
				body, err := codec.AppendTyped(nil, []byte(mti+" 43=card_"+card), 999)
				if err != nil {
					t.Fatal(err)
				}
				c.message(string(body))
				host.message(host.body() + card) // no answer
				refuse(c, body)
				snapshot = append(snapshot, w.told()...)
			})
			if passed < 10 || refused < 3*passed {
				t.Errorf("%d have passed and %d were refused, which proves little", passed, refused)
			}
			if hasCard(log.Bytes(), card[:13]) || strings.Count(log.String(), "msg=refused") < 3*passed {
				t.Errorf("the log:\n%s", &log)
			}
			if hasCard(snapshot, card[:13]) {
				t.Errorf("it is counted: %s", snapshot)
			}
			seen, err := os.ReadFile(path)
			if err != nil || bytes.Count(seen, []byte("\n")) < 2*passed {
				t.Fatalf("the mirror has %q, %v", seen, err)
			}
			for line := range bytes.Lines(seen) {
				var l struct{ Body64 string }
				if err := json.Unmarshal(line, &l); err != nil {
					t.Fatal(err)
				}
				body, err := base64.StdEncoding.DecodeString(l.Body64)
				if err != nil || hasCard(line, card[:13]) || hasCard(body, card[:13]) {
					t.Errorf("the mirror has %s, which is %q", line, body)
				}
			}
		})
	}
}

// What nobody may see is not written to a file as it is.
func TestNoFramesOfPaymentsInAFile(t *testing.T) {
	codec, err := iso8583.New(iso8583.Options{}, protocol.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for format, ok := range map[MirrorFormat]bool{MirrorDefault: true, MirrorLines: true, MirrorFrames: false} {
		r := Route{Name: "r", Listen: "127.0.0.1:0", Codec: codec, Backends: []BackendConfig{{Address: "127.0.0.1:1"}}, Mirrors: []MirrorConfig{{File: "seen", Format: format}}}
		_, err := New(Config{Routes: []Route{r}})
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "mirror[0].format: frames in a file") {
			t.Errorf("%v: got %v", format, err)
		}
	}
}
