package protocoltest

import (
	"bytes"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// hostileText is for the texts of reasons: what ends frames and strings somewhere.
const hostileText = "a \"b\" \\ \r\n {\"c\":1}\x00\x0b\x1c\r\x03 \xff\xed\xa0\x80 |^~& \u2028"

// causes has for each class the causes that go with it.
var causes = [protocol.NumClasses][]protocol.Cause{
	protocol.Fix:       {protocol.NoCause, protocol.BadSyntax, protocol.BadShape, protocol.BadName, protocol.BadContent, protocol.TooLarge},
	protocol.Later:     {protocol.NoCause, protocol.Busy, protocol.QueueTimeout, protocol.BackendDown, protocol.Draining, protocol.Paused},
	protocol.Denied:    {protocol.NoCause, protocol.Forbidden},
	protocol.Duplicate: {protocol.NoCause, protocol.StillOpen, protocol.AnsweredBefore},
	protocol.Failed:    {protocol.NoCause, protocol.AnswerTimeout, protocol.BackendLost, protocol.BadAnswer},
	protocol.Accepted:  {protocol.NoCause, protocol.InProcess},
}

// notices proves that the codec says what its Traits promise, in frames that it can read,
// for the right request and without its values, and that a OneWay is never answered.
func (c *checker) notices(t *testing.T) {
	reasons := []protocol.Reason{
		{Path: hostileText, Off: 7, Rule: hostileText, Want: hostileText, Got: hostileText},
		{Off: -1, Rule: "rule"},
		{},
	}
	traits := c.codec.Traits()
	for class := range protocol.Class(protocol.NumClasses) {
		for _, cause := range causes[class] {
			for _, n := range []protocol.Notice{
				{Class: class, Cause: cause},
				{Class: class, Cause: cause, Reasons: reasons, RetryAfter: 1500 * time.Millisecond, Unknown: true},
			} {
				for _, v := range c.Requests {
					m := c.decode(t, v.Name, protocol.FromClient, v.Data)
					if said := c.notice(t, v.Name, m, &n); said != traits.Says[class] {
						t.Errorf("%s: %v, %v: said something: %v, the traits say %v", v.Name, class, cause, said, traits.Says[class])
					}
				}
				for _, v := range c.OneWays {
					if c.notice(t, v.Name, c.decode(t, v.Name, protocol.FromClient, v.Data), &n) {
						t.Errorf("%s: %v, %v: a one-way message is answered", v.Name, class, cause)
					}
				}
				c.notice(t, "no request", nil, &n)
			}
		}
	}
}

// notice appends n as an answer to req and reads it again. It reports whether there was
// anything.
func (c *checker) notice(t *testing.T, name string, req *protocol.Message, n *protocol.Notice) bool {
	t.Helper()
	const before = "before"
	body, err := c.codec.AppendNotice([]byte(before), req, n)
	if err != nil {
		t.Fatalf("%s: AppendNotice, %v, %v: %v", name, n.Class, n.Cause, err)
	}
	if string(body[:min(len(before), len(body))]) != before {
		t.Fatalf("%s: AppendNotice, %v, %v: changed what was in dst", name, n.Class, n.Cause)
	}
	if len(body) == len(before) {
		return false
	}
	var answered []byte
	if req != nil {
		answered = req.Head
	}
	data := inFrame(t, c.codec, answered, body[len(before):])
	m := c.decode(t, name+", its notice "+n.Class.String()+", "+n.Cause.String(), protocol.FromBackend, data)
	if !c.codec.Traits().Echo && bytes.Contains(data, []byte(Canary)) {
		t.Errorf("%s: the notice %v, %v tells a value: %q", name, n.Class, n.Cause, data)
	}
	if req != nil && m.Kind == protocol.Response && len(req.ID) > 0 && !bytes.Equal(m.ID, req.ID) {
		t.Errorf("%s: the notice %v, %v has id %q, want %q", name, n.Class, n.Cause, m.ID, req.ID)
	}
	return true
}
