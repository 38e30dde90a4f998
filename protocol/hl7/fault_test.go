package hl7

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// frames splits a stream byte by byte, up to its end or an error.
func (c *Codec) frames(stream string) (list []string, err error) {
	var r protocol.Resume
	data := []byte(stream)
	for n := 0; len(data) > 0; {
		if n++; n > len(data) {
			n = len(data)
			advance, frame, err := c.Split(data[:n:n], true, &r)
			if err != nil || advance == 0 {
				return list, err
			}
			if frame != nil {
				list = append(list, string(frame))
			}
			data, n, r = data[advance:], 0, protocol.Resume{}
			continue
		}
		advance, frame, err := c.Split(data[:n:n], false, &r)
		if err != nil {
			return list, err
		}
		if advance > 0 {
			if frame != nil {
				list = append(list, string(frame))
			}
			data, n, r = data[advance:], 0, protocol.Resume{}
		}
	}
	return list, nil
}

// A8: garbage before the first frame and behind a valid one. A strict codec refuses every byte of it, and never looks for the
// next start; a tolerant one passes over blanks and line ends, and nothing else.
func TestFaultA08GarbageBetweenFrames(t *testing.T) {
	frame := "\x0b" + admission(plain) + "\x1c\r"
	for _, options := range []string{`{}`, `{"tolerate": ["blanks", "bare-end"]}`} {
		c := newCodec(t, options)
		for _, garbage := range []string{"x", "\x00", "\r", "\n", "\x1c", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "MSH|^~\\&|"} {
			harmless := options != `{}` && (garbage == "\r" || garbage == "\n")
			for _, v := range []struct {
				stream string
				before int
			}{{garbage + frame, 0}, {frame + garbage + frame, 1}} {
				list, err := c.frames(v.stream)
				whole := 0
				for _, f := range list {
					if f == strings.TrimSuffix(frame, "\r") || f == frame {
						whole++
					}
				}
				var out *protocol.FrameError
				switch {
				case harmless && (err != nil || whole != v.before+1):
					t.Errorf("%s, %q: %d frames, %v", options, garbage, whole, err)
				case !harmless && (!errors.As(err, &out) || whole != v.before):
					t.Errorf("%s, %q in front of frame %d: %d frames, %v; want a FrameError", options, garbage, v.before, whole, err)
				}
			}
		}
	}
}

// A13: what marks frames does not come from a payload.
func TestFaultA13MarksInThePayload(t *testing.T) {
	c := newCodec(t, `{}`)
	for name, v := range map[string]struct {
		stream string
		frames int
		ok     bool
	}{
		"1C 0D inside":         {"\x0b" + plain + "\rOBX|1|TX|a\x1c\rMSH|evil\r\x1c\r", 1, false},
		"a whole frame inside": {"\x0b" + plain + "\rOBX|1|TX|a\x1c\r\x0b" + plain + "\r\x1c\r", 2, true}, // which nobody can tell from two
		"a second 0B":          {"\x0b" + plain + "\r\x0bOBX|\r\x1c\r", 0, false},
		"0B 0B":                {"\x0b\x0b" + plain + "\r\x1c\r", 0, false},
		"1C without 0D":        {"\x0b" + plain + "\r\x1c\n", 0, false},
		"1C 0B":                {"\x0b" + plain + "\r\x1c\x0b" + plain + "\r\x1c\r", 0, false},
		"no 0B":                {plain + "\r\x1c\r", 0, false},
		"no end":               {"\x0b" + plain + "\r", 0, false},
		"only 1C at the end":   {"\x0b" + plain + "\r\x1c", 0, false},
	} {
		list, err := c.frames(v.stream)
		if len(list) != v.frames || (err == nil) != v.ok {
			t.Errorf("%s: %d frames, %v; want %d and an error %v", name, len(list), err, v.frames, !v.ok)
		}
	}
	for _, body := range []string{admission(plain) + "\x0b", "\x1c" + admission(plain), admission(plain) + "\x1c\r" + admission(plain), ""} {
		dst := c.OpenFrame([]byte("x"), nil)
		if dst, err := c.CloseFrame(append(dst, body...), 1); err == nil || string(dst) != "x" {
			t.Errorf("a body %q is framed as %q, %v", body, dst, err)
		}
	}
	tolerant := newCodec(t, `{"tolerate": ["all"]}`)
	list, err := tolerant.frames(plain + "\x1c\x0b" + plain + "\x1c\n\x1c\x0b\x0b" + plain + "\x1c\r")
	if err != nil || len(list) != 5 {
		t.Errorf("tolerated: %q, %v; want three messages, a line feed and a sign of life", list, err)
	}
}

// A12: messages that are none. Each hears why and where, limits hold, and nothing else happens.
func TestFaultA12MessagesThatAreNone(t *testing.T) {
	c := newCodec(t, `{}`)
	for name, v := range map[string]struct{ body, place string }{
		"no MSH":             {"PID|1\r", ""},
		"a lower case MSH":   {"msh|^~\\&|\r", ""},
		"letters as signs":   {`MSH|abcd|LAB|N|HIS|H|2026||ADT^A01|1|P|2.5`, "MSH-2"},
		"one sign twice":     {`MSH|^~~&|LAB|N|HIS|H|2026||ADT^A01|1|P|2.5`, "MSH-2"},
		"six signs":          {`MSH|^~\&#!|LAB|N|HIS|H|2026||ADT^A01|1|P|2.5`, "MSH-2"},
		"MSH-2 twice":        {`MSH|^~\&|^~\&|LAB|N|HIS|H|2026||ADT^A01|1|P|2.5`, "MSH-3"},
		"version 3":          {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01|1|P|3.0`, "MSH-12"},
		"no version":         {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01|1|P`, "MSH-12"},
		"no control id":      {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01||P|2.5`, "MSH-10"},
		"a long control id":  {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01|` + strings.Repeat("1", 200) + `|P|2.7`, "MSH-10"},
		"no type":            {`MSH|^~\&|LAB|N|HIS|H|2026|||1|P|2.5`, "MSH-9"},
		"an odd type":        {`MSH|^~\&|LAB|N|HIS|H|2026||Admission|1|P|2.5`, "MSH-9.1"},
		"no processing id":   {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01|1||2.5`, "MSH-11"},
		"an odd MSH-15":      {`MSH|^~\&|LAB|N|HIS|H|2026||ADT^A01|1|P|2.5|||YES`, "MSH-15"},
		"an unnamed segment": {plain + "\r|x", ""},
		"a million segments": {plain + strings.Repeat("\rOBX|1", 1_000_000), ""},
	} {
		m, err := c.decoded(v.body)
		bad, ok := errors.AsType[*protocol.Malformed](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := false
		for _, r := range bad.Reasons {
			found = found || r.Path == v.place || v.place == "" && len(bad.Reasons) > 0
		}
		if !found {
			t.Errorf("%s: %v; want %s", name, bad.Reasons, v.place)
		}
		notice, err := c.AppendNotice(nil, m, &protocol.Notice{Class: protocol.Fix, Cause: bad.Cause, Reasons: bad.Reasons})
		if readable := m.Code&codeRead != 0; err != nil || readable != (len(notice) > 0) || len(notice) > 8<<10 {
			t.Errorf("%s: answered with %d bytes, %v; the header can be read: %v", name, len(notice), err, readable)
		}
		if v.place != "" && !bytes.Contains(notice, []byte("|"+strings.Replace(strings.Split(v.place, ".")[0], "-", "^1^", 1))) {
			t.Errorf("%s: %q does not name %s", name, notice, v.place)
		}
	}
}

// A12: a field of 10 MB passes if the limit has room for it, and costs no copy; one that is greater ends the connection.
func TestFaultA12AFieldOfTenMegabytes(t *testing.T) {
	c := newCodec(t, `{}`)
	body := admission(plain) + segments("OBX|1|ED|DOC||^AP^^Base64^"+strings.Repeat("QUJD", (10<<20)/4-100))
	stream := []byte("\x0b" + body + "\x1c\r")
	var r protocol.Resume
	_, frame, err := c.Split(stream, false, &r)
	m := new(protocol.Message)
	if err == nil {
		err = c.Decode(protocol.FromClient, frame, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	get, _ := c.Getter("OBX-5.5")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		if err := c.Decode(protocol.FromClient, frame, m); err != nil {
			t.Fatal(err)
		}
		if v, ok := get(m); !ok || len(v.Raw) < 10<<20-1000 {
			t.Fatalf("OBX-5.5 has %d bytes", len(v.Raw))
		}
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 64<<10 {
		t.Errorf("reading it ten times takes %d bytes", after.TotalAlloc-before.TotalAlloc)
	}
	_, _, err = c.Split([]byte("\x0b"+strings.Repeat("x", 10<<20)), false, new(protocol.Resume))
	if bad, ok := errors.AsType[*protocol.FrameError](err); !ok || bad.Cause != protocol.TooLarge {
		t.Errorf("a greater frame: %v", err)
	}
}
