package logging

import (
	"io"
	"sync"
	"time"
)

const (
	maxLines     = 4096            // that wait to be written
	closeTimeout = 2 * time.Second // for the lines that wait when the Writer is closed
)

// Writer hands lines to a goroutine that writes them, so that an output that blocks
// stops nobody. Each Write is one line. What finds no room is dropped and counted,
// and a line of its own tells how many were, as soon as there is room again.
type Writer struct {
	out    io.Writer
	report func(dropped uint64) []byte

	mu      sync.Mutex
	lines   chan []byte // not closed while it can be sent to
	closed  bool
	missing uint64 // dropped and not told yet
	dropped uint64

	done chan struct{}
}

// NewWriter returns a Writer on out. Report makes the line that tells of lines that
// were dropped; it may be nil.
func NewWriter(out io.Writer, report func(dropped uint64) []byte) *Writer {
	w := &Writer{out: out, report: report, lines: make(chan []byte, maxLines), done: make(chan struct{})}
	go w.run()
	return w
}

// Write queues a copy of line. It never waits and never fails; after Close it drops.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.lines) == cap(w.lines) {
		w.missing++
		w.dropped++
		return len(line), nil
	}
	// Nobody else sends, so there is room.
	if w.missing > 0 && w.report != nil && len(w.lines)+1 < cap(w.lines) {
		w.lines <- w.report(w.missing)
		w.missing = 0
	}
	w.lines <- append([]byte(nil), line...)
	return len(line), nil
}

// Dropped returns how many lines were dropped so far.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Close writes what is queued, for two seconds at most: an output that does not take
// the last lines must not keep the program. It does not close the output.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.lines)
	}
	w.mu.Unlock()
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-w.done:
	case <-t.C:
	}
	return nil
}

func (w *Writer) run() {
	defer close(w.done)
	for line := range w.lines {
		// An output that fails is not given up: a full disk has room again some day.
		if _, err := w.out.Write(line); err != nil {
			w.mu.Lock()
			w.missing++
			w.dropped++
			w.mu.Unlock()
		}
	}
	w.mu.Lock()
	missing := w.missing
	w.mu.Unlock()
	if missing > 0 && w.report != nil {
		_, _ = w.out.Write(w.report(missing)) // the last word; nobody is left to be told
	}
}
