package hl7

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/protocol"
)

// sequences are the numbers of what each sender has had accepted last (HL7 v2.5.1, 2.10.1: sequence number protocol). They
// outlive the process: a number is on stable storage before its message is acknowledged.
type sequences struct {
	path string

	mu      sync.Mutex
	file    *os.File // nil: it was not needed yet
	failed  error
	lines   int // in it
	last    map[string]int64
	pending map[string]pending // what was forwarded, and is not accepted yet
}

type pending struct {
	id     string // MSH-10
	number int64
}

// maxSenders bounds how many there can be.
const maxSenders = 100_000

var errSenders = errors.New("hl7: more senders use sequence numbers than can be remembered")

// expected returns the number that the next message of sender must have, -1 if any will do.
func (s *sequences) expected(sender string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return 0, err
	}
	last, ok := s.last[sender]
	if !ok {
		return -1, nil
	}
	return last + 1, nil
}

// forward notes that number is on its way, in the message id.
func (s *sequences) forward(sender, id string, number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[sender] = pending{id, number}
}

// accept stores the number of message id of sender, and returns it; 0 if it has none.
func (s *sequences) accept(sender, id string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.pending[sender]
	if !ok || p.id != id {
		return 0, nil
	}
	if err := s.store(sender, p.number); err != nil {
		return 0, err
	}
	delete(s.pending, sender)
	return p.number, nil
}

// forget has sender begin with any number.
func (s *sequences) forget(sender string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, sender)
	return s.store(sender, 0)
}

// store notes number for sender, 0 that there is none, and returns when it is on stable storage. s is locked.
func (s *sequences) store(sender string, number int64) error {
	if err := s.open(); err != nil {
		return err
	}
	if _, known := s.last[sender]; !known && len(s.last) >= maxSenders {
		return errSenders
	}
	_, err := fmt.Fprintf(s.file, "%q %d\n", sender, number)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.failed = fmt.Errorf("hl7: the sequence numbers cannot be stored: %w", err) // who knows what is in the file now
		return s.failed
	}
	if number == 0 {
		delete(s.last, sender)
	} else {
		s.last[sender] = number
	}
	if s.lines++; s.lines > 10_000+2*len(s.last) {
		_ = s.file.Close()
		s.failed = s.rewrite()
	}
	return s.failed
}

// open reads the file and writes it anew, with a line for each sender. s is locked.
func (s *sequences) open() error {
	if s.file != nil || s.failed != nil {
		return s.failed
	}
	data, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("hl7: read the sequence numbers: %w", err)
	}
	s.last, s.pending = map[string]int64{}, map[string]pending{}
	for i, line := range strings.SplitAfter(string(data), "\n") {
		if !strings.HasSuffix(line, "\n") {
			break // it was not written whole, and nothing was acknowledged for it
		}
		var sender string
		var number int64
		if _, err := fmt.Sscanf(line, "%q %d\n", &sender, &number); err != nil {
			return fmt.Errorf("%s:%d: want a sender in quotes and a number, as sallyport writes them", s.path, i+1)
		}
		if s.last[sender] = number; number == 0 {
			delete(s.last, sender)
		}
	}
	return s.rewrite()
}

// rewrite replaces the file by what is known.
func (s *sequences) rewrite() error {
	var out bytes.Buffer
	for sender, number := range s.last {
		fmt.Fprintf(&out, "%q %d\n", sender, number)
	}
	file, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("hl7: write the sequence numbers: %w", err)
	}
	_, err = file.Write(out.Bytes())
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(s.path+".new", s.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path))
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("hl7: write the sequence numbers: %w", err)
	}
	s.file, s.lines = file, len(s.last)
	return nil
}

// syncFolder has the names in a folder outlive the machine.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// senderOf returns whom m comes from, as its ID has it.
func senderOf(id protocol.ID) string {
	if i := bytes.IndexByte(id, separator); i >= 0 {
		return string(id[i+1:])
	}
	return ""
}

// numberOf returns MSH-13; ok is false if there is none, and valid if it is a number.
func numberOf(m *protocol.Message) (n int64, ok, valid bool) {
	text := bytes.Trim(field(m, sequenceNumber), " ")
	if len(text) == 0 {
		return 0, false, true
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, true, err == nil && n >= -1
}

// sequenceKind makes what (re)starts a link, or resynchronises it, traffic of the connection: a header alone. With anything behind
// it, it is a message, which must have a number.
func (c *Codec) sequenceKind(m *protocol.Message) {
	if n, ok, valid := numberOf(m); ok && valid && n <= 0 && len(m.Spans) == firstSegment+1 {
		m.Kind, m.Tacit = protocol.SignOn, false
	}
}

// checkSequence refuses a message whose number is not the one that is expected.
func (c *Codec) checkSequence(m *protocol.Message, f *faults) *protocol.Refusal {
	n, ok, valid := numberOf(m)
	if !ok {
		return nil
	}
	off := m.Spans[sequenceNumber].Off
	if !valid || n <= 0 {
		f.add("MSH-13", off, "type", "a number above 0; 0 and -1 are for a header alone", "something else")
		return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: f.reasons}
	}
	want, err := c.sequence.expected(senderOf(m.ID))
	switch {
	case err != nil:
		return &protocol.Refusal{Class: protocol.Later, Cause: protocol.Busy, Reasons: []protocol.Reason{{Off: -1, Rule: "sequence", Say: "the sequence numbers cannot be read or stored now"}}}
	case want >= 0 && n != want:
		f.add("MSH-13", off, "sequence", "the number that MSA-4 names", "another")
		return &protocol.Refusal{Class: protocol.Fix, Cause: protocol.BadContent, Reasons: f.reasons}
	}
	c.sequence.forward(senderOf(m.ID), string(c.Link(m.ID)), n)
	return nil
}

// AppendReply answers what (re)starts a link: MSA-4 is the number that is expected next, -1 that any will do.
func (c *Codec) AppendReply(dst []byte, m *protocol.Message) ([]byte, error) {
	n, ok, _ := numberOf(m)
	if m.Kind != protocol.SignOn || !ok || c.sequence == nil {
		return dst, nil
	}
	sender := senderOf(m.ID)
	want, err := int64(-1), error(nil)
	if n < 0 {
		err = c.sequence.forget(sender)
	} else {
		want, err = c.sequence.expected(sender)
	}
	code := "AA"
	if w := wantedOf(ackTypeOf(field(m, acceptType)), ackTypeOf(field(m, applicationType))); !w.original && w.accept != never {
		code = "CA" // nothing was asked to be kept
	}
	if err != nil {
		code = code[:1] + "R"
	}
	start := len(dst)
	a := newAnswer(c, m)
	dst = a.appendMSA(a.appendHeader(c.mllp.open(dst)), code, field(m, controlID), "")
	if err == nil {
		dst = setExpected(dst, start, a.d.Field, want)
	}
	return c.mllp.close(dst, start)
}

// setExpected puts n into MSA-4 of the acknowledgement that dst has from start on.
func setExpected(dst []byte, start int, delim byte, n int64) []byte {
	at := bytes.Index(dst[start:], []byte{carriage, 'M', 'S', 'A', delim})
	if at < 0 {
		return dst
	}
	at += start + 1
	end := len(dst)
	if i := bytes.IndexByte(dst[at:], carriage); i >= 0 {
		end = at + i
	}
	rest := append([]byte(nil), dst[end:]...)
	fields := bytes.Split(append([]byte(nil), dst[at:end]...), []byte{delim})
	for len(fields) < 5 {
		fields = append(fields, nil)
	}
	fields[4] = strconv.AppendInt(nil, n, 10)
	return append(append(dst[:at], bytes.Join(fields, []byte{delim})...), rest...)
}
