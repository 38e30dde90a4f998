package iso8583

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// A request that a network has sent back is the answer to itself: it is found by its own key, and its client hears a format error.
func TestRejectedByTheNetwork(t *testing.T) {
	c := newCodec(t, `{"framing": "vap"}`)
	fields := with(c.purchase(), 35, "", 52, "", 55, "")
	var req, m protocol.Message
	frame, err := c.CloseFrame(append(c.OpenFrame(nil, nil), c.body(t, "0200", fields)...), 0)
	if err == nil {
		err = c.Decode(protocol.FromClient, frame, &req)
	}
	if err != nil {
		t.Fatal(err)
	}
	original := frame[4:] // header and message
	reject := func(header int, flag byte, message []byte) []byte {
		body := make([]byte, header)
		copy(body, original[:baseOne])
		body[0] = byte(header)
		body[22] = flag
		copy(body[24:], "\x00\x25") // the reject code
		body = append(body, message...)
		body[3], body[4] = byte(len(body)>>8), byte(len(body))
		return append([]byte{byte(len(body) >> 8), byte(len(body)), 0, 0}, body...)
	}
	data := reject(26, 0x80, original)
	n, whole, err := c.Split(data, true, new(protocol.Resume))
	if err != nil || n != len(data) {
		t.Fatalf("Split: %d of %d, %v", n, len(data), err)
	}
	if err := c.Decode(protocol.FromBackend, whole, &m); err != nil {
		t.Fatal(err)
	}
	if m.Kind != protocol.Response || string(m.ID) != string(req.ID) || !m.Failed || c.Match(req.Expect, true, &m) != protocol.Answers {
		t.Errorf("got a %v with id %q, want the answer to %q", m.Kind, m.ID, req.ID)
	}
	out, err := c.AppendWithID(nil, &m, req.ID)
	if err != nil {
		t.Fatal(err)
	}
	var answer protocol.Message
	if err := c.DecodeBody(protocol.FromBackend, out, &answer); err != nil || string(answer.Name) != "0210" || string(c.find(&answer, 39)) != "30" || string(c.find(&answer, 11)) != "000001" || strings.Contains(string(out), pan) {
		t.Errorf("the client hears %q: %v", out, err)
	}
	// Under a number of sallyport's own it comes back under the client's.
	sent, err := c.AppendWithID(append([]byte{}, original[:baseOne]...), &req, c.AppendTicket(nil, 4711))
	if err != nil {
		t.Fatal(err)
	}
	if _, whole, err = c.Split(reject(26, 0x80, sent), true, new(protocol.Resume)); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(protocol.FromBackend, whole, &m); err != nil {
		t.Fatal(err)
	}
	if ticket, ok := c.Ticket(m.ID); !ok || ticket != 4711 {
		t.Errorf("the ticket is %d, %v", ticket, ok)
	}
	if out, err = c.AppendWithID(nil, &m, req.ID); err != nil || c.DecodeBody(protocol.FromBackend, out, &answer) != nil || string(c.find(&answer, 11)) != "000001" {
		t.Errorf("the client hears %q: %v", out, err)
	}
	for what, data := range map[string][]byte{"no reject bit": reject(26, 0, original), "a header that is too short": reject(24, 0x80, original), "nothing in it": reject(26, 0x80, nil),
		"another header in it": reject(26, 0x80, original[1:])} {
		if _, whole, err := c.Split(data, true, new(protocol.Resume)); err == nil {
			if c.Decode(protocol.FromBackend, whole, &m) == nil {
				t.Errorf("%s: it is taken for a %v", what, m.Kind)
			}
		}
	}
	if _, whole, err = c.Split(data, true, new(protocol.Resume)); err == nil && c.Decode(protocol.FromClient, whole, &m) == nil {
		t.Error("a client has sent a reject")
	}
}
