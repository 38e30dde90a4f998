package hl7

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// What is learnt of messages as they stand in a mirror lets the messages themselves pass, all of those that were published.
func TestWhatAMirrorHasSeenPasses(t *testing.T) {
	c := newCodec(t, `{}`)
	l := c.Learn().(learner)
	l.KeepValues()
	var messages []*protocol.Message
	unread := 0
	for _, folder := range []string{"cosyte-hl7", "ms-fhir-converter"} {
		for _, raw := range corpus(t, folder) {
			m, seen := new(protocol.Message), new(protocol.Message)
			if c.DecodeBody(protocol.FromClient, strictly(raw), m) != nil || m.Kind != protocol.Request && m.Kind != protocol.OneWay {
				continue
			}
			if c.DecodeBody(protocol.FromClient, c.AppendMasked(nil, m), seen) != nil {
				unread++ // with delimiters of its own: what stands in MSH-9 is then no type that may be seen
				continue
			}
			l.Add(seen)
			messages = append(messages, m)
		}
	}
	list, err := json.Marshal(l.Declarations())
	if err != nil {
		t.Fatal(err)
	}
	c = newCodec(t, fmt.Sprintf(`{"unprofiled": "refuse", "profiles": %s}`, list))
	for _, m := range messages {
		if r := c.Police(m); r != nil && !r.Tolerated {
			t.Errorf("%s: %v", m.Name, r.Reasons)
		}
	}
	if len(messages) < 50 || unread > 1 {
		t.Errorf("%d messages, %d others could not be read", len(messages), unread)
	}
}
