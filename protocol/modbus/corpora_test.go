package modbus

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

const corpora = "../../../shared/corpora/modbus/plc4x-tcp"

// corpus reads a file of real messages, or skips the test.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpora, name))
	if err != nil {
		t.Skipf("the corpora are not here: %v", err)
	}
	return data
}

// frameOf returns the frames of a stream that arrives in pieces.
func frameOf(t *testing.T, c *Codec, pieces ...[]byte) (frames []string) {
	t.Helper()
	var data []byte
	var r protocol.Resume
	for _, piece := range pieces {
		data = append(data, piece...)
		for {
			n, frame, err := c.Split(data, false, &r)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			frames = append(frames, string(frame))
			data = data[n:]
		}
	}
	if len(data) > 0 {
		t.Errorf("%d bytes are left", len(data))
	}
	return frames
}

func bytewise(stream []byte) (pieces [][]byte) {
	for i := range stream {
		pieces = append(pieces, stream[i:i+1])
	}
	return pieces
}

// Real messages give the same frames one byte at a time and all at once, and each is one: a request, or an answer.
func TestCorpusMessages(t *testing.T) {
	c, _ := New(Options{}, protocol.Limits{})
	n := 0
	for _, file := range []string{"ParserSerializerTestsuite.xml", "Modbus-all-datatypes.xml", "Modbus-all-datatypes-little-endian.xml"} {
		var stream []byte
		for _, raw := range regexp.MustCompile(`<raw>\s*([0-9a-fA-F]+)\s*</raw>`).FindAllSubmatch(corpus(t, file), -1) {
			frame, err := hex.DecodeString(string(raw[1]))
			if err != nil {
				t.Fatal(err)
			}
			var m protocol.Message
			if asRequest, asAnswer := c.Decode(protocol.FromClient, frame, &m), c.Decode(protocol.FromBackend, frame, &m); asRequest != nil && asAnswer != nil {
				t.Errorf("%s: % x: neither a request (%v) nor an answer (%v)", file, frame, asRequest, asAnswer)
			}
			stream = append(stream, frame...)
			n++
		}
		whole, cut := frameOf(t, c, stream), frameOf(t, c, bytewise(stream)...)
		if len(whole) != len(cut) {
			t.Fatalf("%s: %d frames at once, %d one byte at a time", file, len(whole), len(cut))
		}
		for i := range whole {
			if whole[i] != cut[i] {
				t.Errorf("%s: frame %d differs", file, i)
			}
		}
	}
	if n < 5 {
		t.Errorf("only %d messages were found", n)
	}
}

// A capture of a real client and a real device: every answer fits its request.
func TestCorpusCapture(t *testing.T) {
	c, _ := New(Options{}, protocol.Limits{})
	open := map[string]*protocol.Message{}
	requests, answers := 0, 0
	for _, segment := range payloads(corpus(t, "manual-test-capture.pcapng")) {
		frames := frameOf(t, c, segment.data)
		if cut := frameOf(t, c, bytewise(segment.data)...); len(cut) != len(frames) {
			t.Errorf("%d frames at once, %d one byte at a time", len(frames), len(cut))
		}
		for _, f := range frames {
			m := new(protocol.Message)
			if segment.toDevice {
				if err := c.Decode(protocol.FromClient, []byte(f), m); err != nil {
					t.Errorf("request % x: %v", f, err)
					continue
				}
				open[string(m.ID)] = m
				requests++
				continue
			}
			if err := c.Decode(protocol.FromBackend, []byte(f), m); err != nil {
				t.Errorf("answer % x: %v", f, err)
				continue
			}
			if req := open[string(m.ID)]; req == nil || c.Match(req.Expect, true, m) != protocol.Answers {
				t.Errorf("answer % x does not fit its request", f)
			}
			answers++
		}
	}
	if requests == 0 || answers == 0 {
		t.Errorf("%d requests and %d answers were found", requests, answers)
	}
}

type segment struct {
	toDevice bool
	data     []byte
}

// payloads takes the TCP segments of port 502 out of a capture: Ethernet, IPv4, no options that matter here.
func payloads(pcapng []byte) (all []segment) {
	le := binary.LittleEndian
	for len(pcapng) >= 12 {
		kind, n := le.Uint32(pcapng), int(le.Uint32(pcapng[4:]))
		if n < 12 || n > len(pcapng) {
			break
		}
		if block := pcapng[:n]; kind == 6 { // an enhanced packet
			size := int(le.Uint32(block[20:]))
			if p := block[28 : 28+size]; len(p) > 54 && p[12] == 8 && p[23] == 6 {
				ip := p[14:]
				tcp := ip[4*int(ip[0]&15) : int(binary.BigEndian.Uint16(ip[2:]))]
				from, to := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
				if data := tcp[4*int(tcp[12]>>4):]; len(data) > 0 && (from == 502 || to == 502) {
					all = append(all, segment{to == 502, data})
				}
			}
		}
		pcapng = pcapng[n:]
	}
	return all
}
