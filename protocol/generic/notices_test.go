package generic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

func decode(tb testing.TB, c *Codec, dir protocol.Direction, body string) (*protocol.Message, error) {
	tb.Helper()
	m := new(protocol.Message)
	return m, c.DecodeBody(dir, []byte(body), m)
}

func notice(tb testing.TB, c *Codec, req *protocol.Message, n protocol.Notice) string {
	tb.Helper()
	got, err := c.AppendNotice([]byte("before"), req, &n)
	if err != nil || string(got[:6]) != "before" {
		tb.Fatalf("AppendNotice: %q, %v", got, err)
	}
	return string(got[6:])
}

// withNotices is a dialect of an ID, digits and text, with these templates.
func withNotices(rest string) string {
	return `{"framing":"lines","fields":[{"name":"id","at":0,"len":4,"type":"digits"},{"name":"n","at":4,"len":3,"type":"digits","optional":true},
		{"name":"t","at":7,"len":3,"optional":true}],"id":["id"],` + rest + `}`
}

func TestTemplatesSayWhatIsDeclared(t *testing.T) {
	why := []protocol.Reason{{Path: "n", Off: 4, Rule: "digits", Want: "digits", Got: "text"}}
	for _, v := range []struct {
		name, template, body string
		notice               protocol.Notice
		want                 string
	}{
		{"the key", "A{key}", "0042007abc", protocol.Notice{}, "A0042"},
		{"a wider key", "A{key:6}.", "0042007abc", protocol.Notice{}, "A0042  ."},
		{"a brace", "{{{key}}", "0042007abc", protocol.Notice{}, "{0042}"},
		{"a code by class", "{code}", "0042007abc", protocol.Notice{}, "30"},
		{"a code by cause", "{code}", "0042007abc", protocol.Notice{Cause: protocol.TooLarge}, "31"},
		{"a code cut", "{code:1}", "0042007abc", protocol.Notice{}, "3"},
		{"a code filled", "{code:4}.", "0042007abc", protocol.Notice{}, "30  ."},
		{"a reason", "{text}", "0042007abc", protocol.Notice{Reasons: why}, "n: want digits, got text"},
		{"a reason cut", "{text:7}", "0042007abc", protocol.Notice{Reasons: why}, "n: want"},
		{"a cause", "{text}", "0042007abc", protocol.Notice{Cause: protocol.BadSyntax}, "the message cannot be parsed"},
		{"control bytes", "{text}", "0042007abc", protocol.Notice{Reasons: []protocol.Reason{{Say: "a\r\n\x00\x7f\x80b"}}}, "a     b"},
		{"an echo", "{echo:n}{echo:t}", "0042007abc", protocol.Notice{}, "007abc"},
		{"an echo of nothing", "{echo:n}{echo:t}.", "0042", protocol.Notice{}, "000   ."},
		{"an echo of what is wrong", "{echo:n}{echo:t}", "0042x07abc", protocol.Notice{}, "000abc"},
		{"an echo cut", "{echo:t:2}", "0042007abc", protocol.Notice{}, "ab"},
		{"a key that is wrong", "{key}", "00x2007abc", protocol.Notice{}, "0000"},
		{"a class without words", "{key}", "0042007abc", protocol.Notice{Class: protocol.Later}, ""},
		{"a class that there is not", "{key}", "0042007abc", protocol.Notice{Class: protocol.NumClasses}, ""},
	} {
		c := declare(t, withNotices(fmt.Sprintf(`"codes":{"fix":"30","too-large":"31"},"notices":{"fix":%q}`, v.template)))
		m, _ := decode(t, c, protocol.FromClient, v.body)
		if got := notice(t, c, m, v.notice); got != v.want {
			t.Errorf("%s: got %q, want %q", v.name, got, v.want)
		}
	}
}

func TestANoticeWithoutARequestIsFilled(t *testing.T) {
	c := declare(t, withNotices(`"notices":{"fix":"{key}{echo:n}{echo:t}{now}"}`))
	for _, req := range []*protocol.Message{nil, {}, {Kind: protocol.Batch}} {
		if got := notice(t, c, req, protocol.Notice{}); len(got) != 24 || got[:12] != "0000000   20" {
			t.Errorf("got %q", got)
		}
	}
	for _, kind := range []protocol.Kind{protocol.OneWay, protocol.Response} {
		if got := notice(t, c, &protocol.Message{Kind: kind}, protocol.Notice{}); got != "" {
			t.Errorf("a %v is answered with %q", kind, got)
		}
	}
}

func TestATextHoldsNoDelimiter(t *testing.T) {
	c := declare(t, columnDialect)
	m, err := decode(t, c, protocol.FromClient, "REQ|a|b|1")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := notice(t, c, m, protocol.Notice{Reasons: []protocol.Reason{{Say: "x|y"}}}), "ERR|a|b|1|x y"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEBCDICNoticesAreInTheCharset(t *testing.T) {
	c := declare(t, ebcdicDialect)
	m, err := decode(t, c, protocol.FromClient, inEBCDIC("Q ")+"\x01\x02\x03\x04"+inEBCDIC("HELLO   ")+"\x00")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := notice(t, c, m, protocol.Notice{Class: protocol.Later, Reasons: []protocol.Reason{{Say: "no"}}}), inEBCDIC("A ")+"\x01\x02\x03\x04"+inEBCDIC("no      0"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTraitsTellWhatIsSaid(t *testing.T) {
	c := declare(t, fixedDialect)
	traits := c.Traits()
	want := [protocol.NumClasses]bool{protocol.Fix: true, protocol.Later: true, protocol.Accepted: true}
	if traits.Says != want || !traits.Echo || traits.Wait != protocol.Interim || traits.Tickets != 1e6 || traits.Ordered || traits.Batches {
		t.Errorf("got %+v", traits)
	}
	if traits := declare(t, columnDialect).Traits(); traits.Tickets != 0 || traits.Can(protocol.Rewrite) || !traits.Can(protocol.Key) {
		t.Errorf("an id of columns: got %+v", traits)
	}
	if traits := declare(t, `{"framing":"lines"}`).Traits(); !traits.Ordered || traits.Can(protocol.Key) || traits.Modes[0] != protocol.FIFO {
		t.Errorf("no id: got %+v", traits)
	}
}

func TestAnIDOfSeveralFieldsIsUnambiguous(t *testing.T) {
	c := declare(t, columnDialect)
	seen := map[string]string{}
	for _, body := range []string{"REQ|a|bc", "REQ|ab|c", "REQ|abc|", "REQ||abc", "REQ|1:a|b", "REQ|1|:a1:b"} {
		m, err := decode(t, c, protocol.FromClient, body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if other, twice := seen[string(m.ID)]; twice {
			t.Errorf("%s and %s have the same id %q", other, body, m.ID)
		}
		seen[string(m.ID)] = body
	}
}

func TestTicketsOfAWideField(t *testing.T) {
	c := declare(t, `{"framing":"lines","fields":[{"name":"id","at":0,"len":25}],"id":["id"]}`)
	n := c.Traits().Tickets - 1
	if got, ok := c.Ticket(c.AppendTicket(nil, n)); !ok || got != n {
		t.Errorf("got %d, %v, want %d", got, ok, n)
	}
	for _, id := range []string{"", "1", strings.Repeat("9", 25), strings.Repeat("0", 24) + "x", strings.Repeat(" ", 25)} {
		if n, ok := c.Ticket(protocol.ID(id)); ok {
			t.Errorf("%q: got ticket %d, want none", id, n)
		}
	}
}

func TestAnIDOfAnotherWidthIsRefused(t *testing.T) {
	c := declare(t, fixedDialect)
	m, err := decode(t, c, protocol.FromClient, "QPAYM00000100000100")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.AppendWithID([]byte("before"), m, protocol.ID("12345")); err == nil || string(got) != "before" {
		t.Errorf("got %q, %v, want an error and dst as it was", got, err)
	}
}

func TestRecordsAreCountedAndBounded(t *testing.T) {
	c, err := declared(recordDialect, protocol.Limits{Items: 2})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		"B003Q0010000Q0020000Q0030000": "limits.items", "B001Q0010000Q0020000": "generic.count", "B001Q00100": "generic.records", "B000": "generic.records",
	} {
		if _, err := decode(t, c, protocol.FromClient, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	m, err := decode(t, c, protocol.FromClient, "B002Q0010000Q0020000")
	if err != nil || m.Kind != protocol.Batch {
		t.Fatalf("got a %v, %v", m.Kind, err)
	}
	if got, err := c.AppendWithID(nil, m, protocol.ID("001")); err != nil || string(got) != string(m.Body) {
		t.Errorf("AppendWithID of a batch: got %q, %v", got, err)
	}
	record := []byte("Q0010000")
	for _, bodies := range [][][]byte{{[]byte("Q00100000")}, make([][]byte, 1000)} {
		for i := range bodies {
			if bodies[i] == nil {
				bodies[i] = record
			}
		}
		if got, err := c.AppendBatch([]byte("before"), bodies); err == nil || string(got) != "before" {
			t.Errorf("%d bodies: got %d bytes, %v, want an error and dst as it was", len(bodies), len(got), err)
		}
	}
}

func TestDelimitedRecords(t *testing.T) {
	c := declare(t, `{"framing":"length4","fields":[{"name":"type","at":0,"len":1}],
		"records":{"when":{"field":"type","in":["B"]},"skip":2,"header":"B:","delimiter":";"}}`)
	m, err := decode(t, c, protocol.FromClient, "B:a;bb;c")
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := c.Members(m, nil)
	if got := fmt.Sprintf("%q", bodies); err != nil || got != `["a" "bb" "c"]` {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := c.AppendBatch(nil, bodies); err != nil || string(got) != "B:a;bb;c" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := c.AppendBatch(nil, [][]byte{[]byte("a;b")}); err == nil {
		t.Error("a body that holds the delimiter is taken")
	}
	if _, err := declare(t, fixedDialect).Members(m, nil); err == nil {
		t.Error("Members without records: want an error")
	}
}

func TestAKeepaliveIsEchoedWhereDeclared(t *testing.T) {
	for framing, want := range map[string]string{"ascii4": "", "bin3": "\x00\x00\x00"} {
		c := declare(t, `{"framing":"`+framing+`"}`)
		var m protocol.Message
		if err := c.Decode(protocol.FromClient, []byte(map[string]string{"ascii4": "0000", "bin3": "\x00\x00\x00"}[framing]), &m); err != nil || m.Kind != protocol.Keepalive {
			t.Errorf("%s: got a %v, %v", framing, m.Kind, err)
		}
		if got, err := c.AppendReply(nil, &m); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", framing, got, err, want)
		}
	}
}
