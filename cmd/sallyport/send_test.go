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

// What goes out and what comes back is shown without a card's number, and so is a line that is no message.
func TestSendShowsNoCardNumber(t *testing.T) {
	iso := []string{"-p", "iso8583", "--framing", "ascii4"}
	address := listening(t, play(t, newSimCommand(), append(iso, "--listen", "127.0.0.1:0")...))
	got, err := output(newSendCommand(), "0200 4=1000 41=TERM0001 2="+card+" 35="+card+"=2512 43=card_"+card+" 48="+card+"\n", append(iso, address)...)
	if err != nil || strings.Count(got, "TERM0001") != 4 || strings.Contains(got, card[:13]) {
		t.Errorf("got %s, %v", got, err)
	}
	for _, line := range []string{card, "0200 " + card, "0200 2 " + card, "0200 4=" + card} {
		got, err := output(newSendCommand(), line+"\n", append(iso, address)...)
		if err == nil || strings.Contains(got+err.Error(), card[:13]) {
			t.Errorf("%s: got %s, %v", line, got, err)
		}
	}
	name := filepath.Join(t.TempDir(), "purchase")
	for _, cut := range []int{0, 1, 30} {
		data := purchase[:4] + purchase[4:len(purchase)-cut] + strings.Repeat("\x00", cut)
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := output(newSendCommand(), "", append(iso, address, name, "--lines=false", "--timeout", "50ms")...)
		if strings.Contains(got, card[:13]) || err != nil && strings.Contains(err.Error(), card[:13]) || !strings.Contains(got, "->") {
			t.Errorf("%d bytes spoiled: got %s, %v", cut, got, err)
		}
	}
}

// A file of messages is sent as people keep it, and no patient is shown of what goes out and what comes back.
func TestSendShowsNoPatient(t *testing.T) {
	lines := play(t, newSimCommand(), "-p", "hl7", "--listen", "127.0.0.1:0", "-v")
	address := listening(t, lines)
	told := make(chan string, 100)
	go func() {
		defer close(told)
		for lines.Scan() {
			told <- lines.Text()
		}
	}()
	wrong := strings.Replace(admission, "PID|", "pid|", 1)
	for _, input := range []string{admission + wrong, strings.ReplaceAll(admission, "\n", "\r\n") + "\r\n" + strings.ReplaceAll(wrong, "\n", "\r\n")} {
		got, err := output(newSendCommand(), input, address, "-", "-p", "hl7")
		if err != nil || !strings.Contains(got, "MSA|AA|1") || !strings.Contains(got, "MSA|AE|1") || shows(got) {
			t.Errorf("got %s, %v", got, err)
		}
	}
	for range 8 { // two connections, and on each two messages of which one is answered and one is refused
		if line := <-told; shows(line) {
			t.Errorf("the simulated backend says %s", line)
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
