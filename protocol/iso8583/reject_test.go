package iso8583

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// rejected puts what a network sends back around a body: a header with a reject code, and the header that it had.
func rejectedBy(t *testing.T, c *Codec, body string) []byte {
	t.Helper()
	whole := c.OpenFrame(nil, nil)
	whole, err := c.CloseFrame(append(whole, body...), 0)
	if err != nil {
		t.Fatal(err)
	}
	header := make([]byte, 26)
	header[0], header[22], header[24], header[25] = 26, 0x80, 0x05, 0x34
	all := append(header, whole[4:]...)
	return append([]byte{byte(len(all) >> 8), byte(len(all)), 0, 0}, all...)
}

// A request that comes back is matched by its own fields, and its client hears a format error.
func TestRejects(t *testing.T) {
	for _, options := range []string{`{"framing": "vap"}`, `{"framing": "vap", "codes": {"fix": ""}}`} {
		c := newCodec(t, options)
		request := c.body(t, "0200", c.purchase())
		sent := c.mustDecode(t, protocol.FromClient, request)
		frame := rejectedBy(t, c, request)
		n, got, err := c.Split(frame, true, new(protocol.Resume))
		var m protocol.Message
		if err == nil {
			err = c.Decode(protocol.FromBackend, got, &m)
		}
		if err != nil || n != len(frame) || m.Kind != protocol.Response || !m.Failed || string(m.ID) != string(sent.ID) || string(m.Body) != request {
			t.Fatalf("%d of %d bytes: %v, failed %v, id %q: %v", n, len(frame), m.Kind, m.Failed, m.ID, err)
		}
		if v := c.Match(sent.Expect, true, &m); v != protocol.Answers {
			t.Errorf("it is held for something else: %v", v)
		}
		id := strings.Replace(string(sent.ID), "000001", "000777", 1)
		body, err := c.AppendWithID(nil, &m, protocol.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		answer := c.mustDecode(t, protocol.FromBackend, string(body))
		if fields := c.texts(answer); string(answer.Name) != "0210" || fields[39] != "30" || fields[11] != "000777" || fields[2] != "" || string(answer.ID) != id {
			t.Errorf("the client hears %s %v", answer.Name, fields)
		}
	}
}

func TestRejectsThatCannotBe(t *testing.T) {
	c := newCodec(t, `{"framing": "vap"}`)
	request := c.body(t, "0200", c.purchase())
	good := rejectedBy(t, c, request)
	var m protocol.Message
	if err := c.Decode(protocol.FromClient, good, &m); err == nil {
		t.Error("a client rejects")
	}
	for name, change := range map[string]func(data []byte) []byte{
		"a header of 25 bytes":         func(data []byte) []byte { data[4] = 25; return data },
		"a header beyond the end":      func(data []byte) []byte { data[4] = 255; return data },
		"no bitmap":                    func(data []byte) []byte { data[4+22] = 0; return data },
		"no header of the request":     func(data []byte) []byte { data[4+26] = 0; return data },
		"no message":                   func(data []byte) []byte { return data[:4+26+22] },
		"half a header of the request": func(data []byte) []byte { return data[:4+26+10] },
		"half a message":               func(data []byte) []byte { return data[:len(data)-1] },
	} {
		data := change(rejectedBy(t, c, request))
		data[0], data[1] = byte((len(data)-4)>>8), byte(len(data)-4)
		if err := c.Decode(protocol.FromBackend, data, &m); err == nil {
			t.Errorf("%s: accepted as %v", name, m.Kind)
		}
	}
	answer := rejectedBy(t, c, c.body(t, "0210", map[int]string{11: "1", 39: "00"}))
	if err := c.Decode(protocol.FromBackend, answer, &m); err != nil || m.Kind != protocol.Unknown {
		t.Errorf("an answer that was rejected: %v, %v", m.Kind, err)
	}
}
