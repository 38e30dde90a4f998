package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSendSpeaksTheFramingThatItIsTold(t *testing.T) {
	for _, framing := range []string{"lines", "content-length", "length4", "json"} {
		address := listening(t, play(t, newSimCommand(), "--framing", framing, "--listen", "127.0.0.1:0"))
		got, err := output(newSendCommand(), call+"\n"+call+"\n", address, "--framing", framing, "--step")
		if err != nil || strings.Count(got, `"result":3`) != 2 {
			t.Errorf("%s: got %s, %v", framing, got, err)
		}
	}
}

func TestSendReadsAFile(t *testing.T) {
	address := listening(t, play(t, newSimCommand(), "--listen", "127.0.0.1:0"))
	name := filepath.Join(t.TempDir(), "calls.json")
	if err := os.WriteFile(name, []byte(call), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, lines := range []string{"--lines", "--lines=false"} {
		got, err := output(newSendCommand(), "", address, name, lines)
		if lines == "--lines" && (err != nil || !strings.Contains(got, `"result":3`)) {
			t.Errorf("got %s, %v", got, err)
		}
		// The last line of the file has no line break, so it is no frame.
		if lines != "--lines" && err == nil {
			t.Error("got no error for a frame that is not whole")
		}
	}
	if _, err := output(newSendCommand(), "", address, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("got no error for a file that is not there")
	}
}

func TestSendFailsIfAnAnswerIsMissing(t *testing.T) {
	address := listening(t, play(t, newSimCommand(), "--listen", "127.0.0.1:0", "--miss", "1"))
	_, err := output(newSendCommand(), call, address, "-", "--timeout", "50ms")
	if err == nil || !strings.Contains(err.Error(), `1 without an answer, with the id "a"`) {
		t.Errorf("got %v", err)
	}
}

func TestSendSaysWhatToDoWhenNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := output(newSendCommand(), call, address); err == nil || !strings.Contains(err.Error(), "Is something listening there?") {
		t.Errorf("got %v", err)
	}
	if _, err := output(newSendCommand(), call); err == nil || !strings.Contains(err.Error(), "give ADDR") {
		t.Errorf("got %v", err)
	}
}
