package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inFile is inWorld with a mirror that is a file called audit in a folder of its own.
func inFile(t *testing.T, change func(path string, m *MirrorConfig), f func(w *world, path string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit")
	inWorld(t, func(r *Route) {
		m := MirrorConfig{File: path, Buffer: 8 << 10}
		if change != nil {
			change(path, &m)
		}
		r.Mirrors = []MirrorConfig{m}
	}, func(w *world) { f(w, path) })
}

// ask sends a request with text and waits until it was written.
func ask(w *world, c *peer, text string) {
	w.t.Helper()
	c.send("Q 1 " + text)
	ticket, _ := w.backendOf().request()
	w.backendOf().send("A " + ticket + " x")
	c.expect("A 1 x")
	synctest.Wait()
}

// backendOf returns the one backend connection.
func (w *world) backendOf() *peer {
	if w.only == nil {
		w.only = w.backend()
	}
	return w.only
}

var texts = regexp.MustCompile(`"body":"Q 1 ([^"]*)"`)

// written returns the texts of the requests in the file at path, separated by blanks.
func written(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, m := range texts.FindAllStringSubmatch(string(data), -1) {
		list = append(list, m[1])
	}
	return strings.Join(list, " ")
}

func TestAMirrorFollowsItsFile(t *testing.T) {
	inFile(t, nil, func(w *world, path string) {
		c := w.client()
		ask(w, c, "one")
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v", info, err)
		}
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		ask(w, c, "two") // within the second: nobody has looked
		<-time.After(rotation)
		ask(w, c, "three")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		<-time.After(rotation)
		ask(w, c, "four")
		if err := os.Truncate(path, 0); err != nil { // as a rotation by copying does
			t.Fatal(err)
		}
		ask(w, c, "five")
		if got := written(t, path+".1"); got != "one two" {
			t.Errorf("the renamed file has %q", got)
		}
		if got := written(t, path); got != "five" {
			t.Errorf("the file has %q", got)
		}
		if got := w.mirror(); got.Copied != 5 || got.Missed != 0 || got.Dials != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

// A file that cannot be written costs the route nothing, and is tried again.
func TestAFileThatCannotBeWritten(t *testing.T) {
	inFile(t, nil, func(w *world, path string) {
		c := w.client()
		ask(w, c, "one")
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		<-time.After(rotation)
		ask(w, c, "two")
		if got := w.mirror(); got.Copied != 1 || got.Missed != 1 || got.Detached != 1 || got.State == "attached" {
			t.Errorf("got %+v", got)
		}
		<-time.After(time.Minute)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		ask(w, c, "three")
		if got := written(t, path); got != "three" {
			t.Errorf("the file has %q", got)
		}
		if got := w.mirror(); got.Missed != 1 || got.State != "attached" || got.Dials > 40 {
			t.Errorf("got %+v", got)
		}
	})
}

// A required file keeps what it could not write until it can.
func TestARequiredFileThatCannotBeWritten(t *testing.T) {
	inFile(t, func(_ string, m *MirrorConfig) { m.Required = true }, func(w *world, path string) {
		c := w.client()
		ask(w, c, "one")
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
		<-time.After(rotation)
		ask(w, c, "two")
		<-time.After(time.Minute)
		c.send("Q 1 x")
		c.expect("! 1 later backend-down")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		ask(w, c, "three")
		if got := written(t, path); got != "two three" {
			t.Errorf("the file has %q", got)
		}
		if got := w.mirror(); got.Copied != 3 || got.Missed != 0 || got.Refused != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestALineThatWasCutOffIsEnded(t *testing.T) {
	inFile(t, func(path string, _ *MirrorConfig) {
		if err := os.WriteFile(path, []byte(`{"time":"20`), 0o600); err != nil {
			t.Fatal(err)
		}
	}, func(w *world, path string) {
		ask(w, w.client(), "one")
		data, err := os.ReadFile(path)
		if lines := strings.Split(string(data), "\n"); err != nil || len(lines) != 3 || lines[0] != `{"time":"20` || lines[2] != "" {
			t.Errorf("got %q, %v", data, err)
		}
	})
}

func TestWhatTheDiskHadNoRoomForIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	f, err := openMirrorFile(path, MirrorFrames)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := f.write([]byte("whole\ncut o"), true); err != nil {
		t.Fatal(err)
	}
	f.cut(5)
	if _, err := f.write([]byte("next\n"), true); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); string(data) != "whole\nnext\n" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestOnlyARegularFileIsWrittenTo(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("there are no links here: ", err)
		}
		t.Fatal(err)
	}
	for _, path := range []string{dir, link, os.DevNull, filepath.Join(dir, "none", "audit")} {
		f, err := openMirrorFile(path, MirrorLines)
		if err == nil {
			f.close()
			t.Errorf("%s was opened", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the link was followed")
	}
}

func TestAFileOfFrames(t *testing.T) {
	inFile(t, func(_ string, m *MirrorConfig) { m.Format = MirrorFrames }, func(w *world, path string) {
		c := w.client()
		for i := range 3 {
			ask(w, c, fmt.Sprint(i))
		}
		if data, err := os.ReadFile(path); string(data) != "Q 1 0\nQ 2 1\nQ 3 2\n" {
			t.Errorf("got %q, %v", data, err)
		}
	})
}

// full is a target that has room for some bytes.
type full struct {
	room int
	got  string
}

func (f *full) write(p []byte, _ bool) (int, error) {
	n := min(f.room, len(p))
	f.room -= n
	f.got += string(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (f *full) cut(n int64) { f.got = f.got[:len(f.got)-int(n)] }
func (f *full) read() error { return nil }
func (f *full) finish()     {}
func (f *full) close()      {}

func TestATargetThatIsFullKeepsWholeMessages(t *testing.T) {
	m := &mirror{backlog: newBacklog(100)}
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		m.backlog.offer([]byte(text))
	}
	m.backlog.attach()
	f := &full{room: 6}
	if err := m.write(f, nil, nil); err == nil || f.got != "one\n" {
		t.Errorf("got %q, %v", f.got, err)
	}
	m.backlog.detach()
	last := make(chan struct{})
	close(last)
	f.room = 100
	if err := m.write(f, last, nil); err != nil || f.got != "one\ntwo\nthree\n" {
		t.Errorf("got %q, %v", f.got, err)
	}
	if copied, missed, waiting, _ := m.backlog.counts(); copied != 3 || missed+uint64(waiting) != 0 {
		t.Errorf("got %d copied, %d missed, %d waiting", copied, missed, waiting)
	}
}
