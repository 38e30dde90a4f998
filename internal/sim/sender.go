package sim

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Sender sends messages and tells a person what comes back.
type Sender struct {
	Codec protocol.Codec
	// Lines takes each line of the input as a body without framing. Otherwise the input is
	// in the framing of Codec, and sent byte for byte.
	Lines bool
	// Timeout is how long the answers may take after the last message was sent; 10 s.
	Timeout time.Duration
	// Linger is how long it listens after the last answer.
	Linger time.Duration
	// Step sends each message only when those before it are answered.
	Step bool
	// Untimed shows no times, so that what is shown is the same in every run.
	Untimed bool
}

// ErrMissing is the error of a Sender that has not got every answer.
var ErrMissing = errors.New("an answer is missing")

// maxShown is the bytes of one message that are shown.
const maxShown = 2000

// Run sends what is in input over conn, which it closes, and writes on w what goes out
// and what comes back. It returns when every answer is there.
func (s *Sender) Run(ctx context.Context, w io.Writer, conn net.Conn, input io.Reader) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	messages, err := s.read(input)
	if err != nil {
		return err
	}
	e := &exchange{s: s, w: w, began: time.Now(), came: make(chan struct{}, 1), done: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { e.send(conn, messages) })
	err = e.receive(ctx, conn, len(messages))
	close(e.done)
	_ = conn.Close()
	wg.Wait()
	return errors.Join(err, e.failed)
}

// Typed is a Codec that knows what a person means by a line of text, its n-th request from 1 on.
type Typed interface {
	AppendTyped(dst, line []byte, n int) ([]byte, error)
}

// outgoing is one message of the input: its frame, and what is to be expected for it.
type outgoing struct {
	frame, body []byte
	what        string
	requests    []question
	anonymous   int // answers that cannot be told by an ID
}

// question is a request without an answer.
type question struct {
	id     string
	expect uint64
}

func (s *Sender) read(input io.Reader) ([]outgoing, error) {
	if s.Lines {
		return s.readLines(input)
	}
	input, err := framed(s.Codec, input)
	if err != nil {
		return nil, err
	}
	var messages []outgoing
	stream := NewStream(input, s.Codec, protocol.FromClient)
	var m protocol.Message
	for {
		_, err := stream.Next(&m)
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil && !errors.As(err, new(*protocol.Malformed)) {
			return nil, fmt.Errorf("the input is not in the framing of %s: %w", s.Codec.Traits().Name, err)
		}
		messages = append(messages, s.outgoing(clone(m.Frame), &m, err))
	}
}

func (s *Sender) readLines(input io.Reader) ([]outgoing, error) {
	var messages []outgoing
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		body := line
		if c, ok := s.Codec.(Typed); ok {
			var err error
			if body, err = c.AppendTyped(nil, line, len(messages)+1); err != nil {
				return nil, fmt.Errorf("line %d: %w", len(messages)+1, err)
			}
		}
		frame, err := appendFrame(nil, s.Codec, nil, body)
		if err != nil {
			return nil, err
		}
		var m protocol.Message
		err = s.Codec.Decode(protocol.FromClient, frame, &m)
		messages = append(messages, s.outgoing(frame, &m, err))
	}
	return messages, lines.Err()
}

// shown returns the body of m without what nobody may see.
func shown(codec protocol.Codec, m *protocol.Message) []byte {
	if masking, ok := codec.(protocol.Masking); ok && m.Body != nil {
		return masking.AppendMasked(nil, m)
	}
	return m.Body
}

// shownID returns id, as far as an answer gives it back, or asterisks if nobody may see it.
func shownID(codec protocol.Codec, id protocol.ID) []byte {
	if scoped, ok := codec.(protocol.Scoped); ok {
		id = scoped.Link(id)
	}
	if masking, ok := codec.(protocol.Masking); ok && !masking.Shows("", id) {
		return []byte("***")
	}
	return id
}

func (s *Sender) outgoing(frame []byte, m *protocol.Message, err error) outgoing {
	out := outgoing{frame: frame, body: clone(shown(s.Codec, m)), what: describe(s.Codec, m, err)}
	expect := func(m *protocol.Message, err error) {
		switch {
		case m.Tacit || m.Kind == protocol.OneWay || m.Kind == protocol.Keepalive || m.Kind == protocol.SignOn:
		case err != nil || len(m.ID) == 0:
			out.anonymous++
		default:
			out.requests = append(out.requests, question{string(m.ID), m.Expect})
		}
	}
	if err != nil {
		expect(m, err)
	} else if err := Each(s.Codec, m, expect); err != nil {
		out.anonymous++
	}
	return out
}

// describe says what m is in a few words.
func describe(codec protocol.Codec, m *protocol.Message, err error) string {
	var words []string
	if err != nil {
		words = append(words, "malformed")
	}
	words = append(words, m.Kind.String())
	if _, masking := codec.(protocol.Masking); len(m.ID) > 0 && (err == nil || !masking) { // who knows what stands there
		words = append(words, Printable(shownID(codec, m.ID), 64))
	}
	if len(m.Name) > 0 {
		words = append(words, Printable(m.Name, 64))
	}
	if m.Failed {
		words = append(words, "(error)")
	}
	return strings.Join(words, " ")
}

// exchange is one run of a Sender.
type exchange struct {
	s     *Sender
	w     io.Writer
	began time.Time
	came  chan struct{} // something was received since it was last looked at
	done  chan struct{} // nothing more will be

	mu        sync.Mutex
	open      []question
	anonymous int
	sent      int
	failed    error // of writing
}

func (e *exchange) send(conn net.Conn, messages []outgoing) {
	for _, m := range messages {
		e.mu.Lock()
		e.open = append(e.open, m.requests...)
		e.anonymous += m.anonymous
		e.show("->", m.what, m.frame, m.body)
		e.mu.Unlock()
		if _, err := conn.Write(m.frame); err != nil {
			e.mu.Lock()
			e.failed = fmt.Errorf("send: %w", err)
			e.mu.Unlock()
			_ = conn.SetReadDeadline(time.Unix(1, 0)) // wake receive
			return
		}
		e.mu.Lock()
		e.sent++
		if e.s.Step || e.sent == len(messages) {
			e.deadline(conn, e.sent == len(messages))
		}
		e.mu.Unlock()
		for e.s.Step && e.pending() {
			select {
			case <-e.came:
			case <-e.done:
				return
			}
		}
	}
}

// pending tells whether an answer is missing now.
func (e *exchange) pending() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open) > 0 || e.anonymous > 0
}

// deadline sets until when receive waits: the timeout, or less if all is sent, and
// answered.
func (e *exchange) deadline(conn net.Conn, all bool) {
	wait := e.s.Timeout
	if wait == 0 {
		wait = 10 * time.Second
	}
	if all && len(e.open) == 0 && e.anonymous <= 0 {
		wait = e.s.Linger
	}
	_ = conn.SetReadDeadline(time.Now().Add(wait))
}

func (e *exchange) receive(ctx context.Context, conn net.Conn, messages int) error {
	stream := NewStream(conn, e.s.Codec, protocol.FromBackend)
	var m protocol.Message
	for {
		e.mu.Lock()
		missing := len(e.open) + max(e.anonymous, 0)
		complete := e.sent == messages && missing == 0
		if e.failed != nil || complete && e.s.Linger == 0 {
			e.mu.Unlock()
			return nil
		}
		e.mu.Unlock()
		_, err := stream.Next(&m)
		e.mu.Lock()
		missing, complete = len(e.open)+max(e.anonymous, 0), e.sent == messages && len(e.open) == 0 && e.anonymous <= 0
		if err != nil && !errors.As(err, new(*protocol.Malformed)) {
			defer e.mu.Unlock()
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case e.failed != nil || complete:
				return nil
			case errors.Is(err, os.ErrDeadlineExceeded):
				return fmt.Errorf("%w: %s", ErrMissing, e.missing(missing))
			case errors.Is(err, io.EOF):
				return fmt.Errorf("%w: the peer closed the connection, %s", ErrMissing, e.missing(missing))
			}
			return fmt.Errorf("receive: %w", err)
		}
		e.show("<-", describe(e.s.Codec, &m, err), m.Frame, shown(e.s.Codec, &m))
		if err != nil {
			e.answered(&m, nil) // what can be read of it says what it answers
		} else {
			_ = Each(e.s.Codec, &m, e.answered) // an error of a member was shown with its bytes
		}
		if e.sent == messages {
			e.deadline(conn, true)
		}
		e.mu.Unlock()
		select {
		case e.came <- struct{}{}:
		default:
		}
	}
}

// answered crosses off what m answers.
func (e *exchange) answered(m *protocol.Message, err error) {
	if err != nil || m.Kind != protocol.Response || m.More {
		return
	}
	at := e.find(m.ID)
	if at < 0 {
		e.anonymous--
		return
	}
	if matching, ok := e.s.Codec.(protocol.Matching); ok {
		if matching.Match(e.open[at].expect, true, m) == protocol.Unasked || m.More && !m.Tacit {
			return
		}
	}
	e.open = slices.Delete(e.open, at, at+1)
}

// find returns which question an answer with the ID id is of, -1 if of none: of one that has that ID, or else of the first that
// has as much of it in common as an answer gives back.
func (e *exchange) find(id protocol.ID) int {
	if len(id) == 0 {
		return -1
	}
	at := slices.IndexFunc(e.open, func(q question) bool { return q.id == string(id) })
	if scoped, ok := e.s.Codec.(protocol.Scoped); ok && at < 0 {
		link := string(scoped.Link(id))
		at = slices.IndexFunc(e.open, func(q question) bool { return string(scoped.Link(protocol.ID(q.id))) == link })
	}
	return at
}

func (e *exchange) missing(n int) string {
	text := fmt.Sprintf("%d without an answer", n)
	if len(e.open) > 0 {
		var ids []string
		for _, q := range e.open[:min(len(e.open), 10)] {
			ids = append(ids, string(shownID(e.s.Codec, protocol.ID(q.id))))
		}
		text += ", with the id " + Printable([]byte(strings.Join(ids, ", ")), 200)
	}
	return text
}

func (e *exchange) show(arrow, what string, frame, body []byte) {
	if body == nil {
		body = frame
	}
	body = bytes.TrimRight(body, "\r\n")
	text := Printable(body, maxShown)
	if _, ok := e.s.Codec.(Filed); ok { // whose messages people read line by line
		text = strings.ReplaceAll(strings.ReplaceAll(text, `\\`, `\`), `\r`, "\n   ")
	}
	if !e.s.Untimed {
		arrow = fmt.Sprintf("%s %8.3fs", arrow, time.Since(e.began).Seconds())
	}
	// The error of a terminal that has gone would be that of the next line too.
	_, _ = fmt.Fprintf(e.w, "%s  %4d bytes  %s\n   %s\n", arrow, len(frame), what, text)
}
