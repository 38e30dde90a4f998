package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile are texts that forge, hide or break lines where they are not cleaned.
var hostile = []string{
	"a\nlevel=error msg=forged", "a\r\nb", "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\x9b31m", "x\x00y", "%s%n%!d",
	"\u202Egnp.exe", "a\u2066b\u2069", "\u200b\u200e\u061c", "a\u2028b\u2029c\u0085d", "\ufeffbom", "bad \xff\xfe utf8", "\xc2",
	`"quoted" \" back\slash`, strings.Repeat("x", 1<<20), strings.Repeat("ä\n", 1<<19), "\U000E0041\U000E0042", "\x7f\b\b\b",
}

func TestFaultF5(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, text := range hostile {
			var out bytes.Buffer
			l, closer := New("debug", format, &out)
			l.WithFields(logrus.Fields{"value": text, text: "key", "err": errors.New(text), "bytes": []byte(text), "any": struct{ S string }{text}}).Info(text)
			l.Info("next")
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			oneLineEach(t, format, out.String(), 2)
		}
	}
}

func oneLineEach(t *testing.T, format, got string, events int) {
	t.Helper()
	if !utf8.ValidString(got) {
		t.Errorf("%s: not UTF-8", format)
	}
	if n := strings.Count(got, "\n"); n != events || !strings.HasSuffix(got, "\n") {
		t.Errorf("%s: got %d lines for %d events: %.200q", format, n, events, got)
	}
	for _, r := range got {
		if r != '\n' && !printable(r) {
			t.Errorf("%s: %U is left in %.200q", format, r, got)
		}
	}
	if len(got) > 16<<10 {
		t.Errorf("%s: %d bytes", format, len(got))
	}
	for line := range strings.Lines(got) {
		if format == "json" && !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %.300q", line)
		}
	}
}

func TestText(t *testing.T) {
	e := &logrus.Entry{Time: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Level: logrus.WarnLevel, Message: `say "hi"`, Data: logrus.Fields{
		"peer": "10.0.0.1:5", "n": 3, "ok": true, "took": 1500 * time.Millisecond, "two words": "x", "none": nil, "f": 1.5, "inf": math.Inf(1), "": "empty",
		"addr": net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}), "secret": []byte("secret"),
	}}
	got, err := Text{}.Format(e)
	want := `2026-01-02T03:04:05.006Z warning "say \"hi\"" ""="empty" addr="127.0.0.1:80" f=1.5 inf="+Inf" n=3 none=<nil> ok=true peer="10.0.0.1:5" ` +
		`secret="([]uint8)" took="1.5s" "two words"="x"` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s%v", got, want, err)
	}
}

func TestJSON(t *testing.T) {
	e := &logrus.Entry{Time: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Level: logrus.InfoLevel, Message: "a<b", Data: logrus.Fields{
		"msg": "mine", "n": uint64(math.MaxUint64), "f": math.NaN(), "g": 0.5, "t": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}}
	got, err := JSON{}.Format(e)
	want := `{"time":"2026-01-02T03:04:05.006Z","level":"info","msg":"a<b","f":"NaN","g":0.5,"field.msg":"mine","n":18446744073709551615,"t":"2026-01-01T00:00:00.000Z"}` + "\n"
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s%v", got, want, err)
	}
}

func TestLevelIsThatOfTheName(t *testing.T) {
	for name, want := range map[string]logrus.Level{"error": logrus.ErrorLevel, "debug": logrus.DebugLevel, "": logrus.InfoLevel, "loud": logrus.InfoLevel} {
		l, closer := New(name, "text", io.Discard)
		if got := l.GetLevel(); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// stuck is an output that takes nothing until it is freed.
type stuck struct {
	free chan struct{}
	mu   sync.Mutex
	got  bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.free
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func TestFaultD8NobodyWaitsForABlockedOutput(t *testing.T) {
	out := &stuck{free: make(chan struct{})}
	l, closer := New("info", "text", out)
	const events = maxLines + 100
	for range events { // would stand here for ever
		l.Info("event")
	}
	w := l.Out.(*Writer)
	dropped := w.Dropped()
	if dropped == 0 || dropped > 100 {
		t.Errorf("dropped %d of %d", dropped, events)
	}
	close(out.free)
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	got := out.got.String()
	if n := strings.Count(got, `"event"`); n+int(dropped) != events {
		t.Errorf("wrote %d, dropped %d of %d", n, dropped, events)
	}
	if !strings.Contains(got, "log lines were dropped") {
		t.Error("nothing tells of the lines that were dropped")
	}
}

func TestLinesThatWereDroppedAreToldOnce(t *testing.T) {
	out := &stuck{free: make(chan struct{})}
	w := NewWriter(out, func(n uint64) []byte { return []byte("dropped\n") })
	for range maxLines + 10 {
		_, _ = w.Write([]byte("line\n"))
	}
	close(out.free)
	for w.waiting() > 0 {
		runtime.Gosched() // the goroutine that writes takes them
	}
	_, _ = w.Write([]byte("later\n"))
	_, _ = w.Write([]byte("last\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.got.String(); !strings.HasSuffix(got, "line\ndropped\nlater\nlast\n") || strings.Count(got, "dropped") != 1 {
		t.Errorf("got the end %q", got[max(0, len(got)-60):])
	}
}

// waiting is the number of lines that are not taken yet.
func (w *Writer) waiting() int { return len(w.lines) }

func TestCloseGivesUpOnAnOutputThatStaysBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{free: make(chan struct{})}
		w := NewWriter(out, nil)
		_, _ = w.Write([]byte("line\n"))
		began := time.Now()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != closeTimeout {
			t.Errorf("took %v, want %v", took, closeTimeout)
		}
		close(out.free)
	})
}

func TestAWriteAfterCloseIsDropped(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("line")); n != 4 || err != nil || w.Dropped() != 1 || out.Len() != 0 {
		t.Errorf("got %d, %v, dropped %d, %q", n, err, w.Dropped(), out.String())
	}
}

func TestTheLineIsCopied(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, nil)
	line := []byte("first\n")
	_, _ = w.Write(line)
	copy(line, "XXXXX")
	if err := w.Close(); err != nil || out.String() != "first\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWhatCannotBeWrittenIsCounted(t *testing.T) {
	w := NewWriter(failing{}, nil)
	_, _ = w.Write([]byte("line"))
	if err := w.Close(); err != nil || w.Dropped() != 1 {
		t.Errorf("dropped %d, %v", w.Dropped(), err)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range hostile[:8] {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s, 100)
		if len(got) > 100+len("…") || !utf8.ValidString(got) {
			t.Errorf("%q: got %q", s, got)
		}
		for _, r := range got {
			if !printable(r) {
				t.Errorf("%q: %U is left", s, r)
			}
		}
		if again := Clean(got, 200); again != got {
			t.Errorf("%q: clean again %q", got, again)
		}
	})
}
