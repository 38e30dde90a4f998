package iso8583

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

func TestRules(t *testing.T) {
	c := newCodec(t, `{"rules": {"luhn": true, "dates": true, "messages": {
		"0200": {"mandatory": [2, 4, 41], "forbidden": [90], "when": [{"field": 52, "if": 22, "in": ["051", "021"]}, {"field": 49, "if": 4}]}}}}`)
	c.rules.now = func() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }
	good := map[int]string{2: "4761739001010119", 4: "1000", 7: "1123124501", 11: "1", 12: "124501", 13: "0229", 14: "2611", 41: "TERM0001", 49: "978"}
	for name, d := range map[string]struct {
		fields map[int]string
		want   string
	}{
		"nothing wrong":              {good, ""},
		"no card":                    {with(good, 2, ""), "DE2 mandatory"},
		"no amount":                  {with(good, 4, "", 49, ""), "DE4 mandatory"},
		"original data":              {with(good, 90, "1"), "DE90 forbidden"},
		"PIN entry without a PIN":    {with(good, 22, "051"), "DE52 conditional"},
		"PIN entry with a PIN":       {with(good, 22, "051", 52, "12345678"), ""},
		"another entry":              {with(good, 22, "012"), ""},
		"amount without currency":    {with(good, 49, ""), "DE49 conditional"},
		"last digit":                 {with(good, 2, "4761739001010118"), "DE2 luhn"},
		"short number":               {with(good, 2, "123456789012"), ""},
		"month 13":                   {with(good, 7, "1323124501"), "DE7 date"},
		"hour 24":                    {with(good, 12, "240000"), "DE12 date"},
		"day 99":                     {with(good, 13, "9099"), "DE13 date"},
		"30 February":                {with(good, 13, "0230"), "DE13 date"},
		"expired last month":         {with(good, 14, "2610"), "DE14 expired"},
		"to the end of this month":   {with(good, 14, "2611"), ""},
		"expired in another century": {with(good, 14, "9912"), "DE14 expired"},
		"not for long":               {with(good, 14, "7611"), ""},
	} {
		for _, mti := range []string{"0200", "0201"} {
			var m protocol.Message
			if err := c.DecodeBody(protocol.FromClient, []byte(c.body(t, mti, d.fields)), &m); err != nil {
				t.Fatal(name, err)
			}
			got := ""
			if r := c.Police(&m); r != nil {
				got = r.Reasons[0].Path + " " + r.Reasons[0].Rule
				if r.Class != protocol.Fix || len(r.Reasons) != 1 {
					t.Errorf("%s: got %+v", name, r)
				}
			}
			if got != d.want {
				t.Errorf("%s, %s: got %q, want %q", name, mti, got, d.want)
			}
		}
	}
	var m protocol.Message
	body := []byte(c.body(t, "0200", good))
	if n := testing.AllocsPerRun(100, func() { _ = c.DecodeBody(protocol.FromClient, body, &m); _ = c.Police(&m) }); n != 0 {
		t.Errorf("%v allocations for a message with nothing wrong", n)
	}
}

// A connection keeps to the terminal that it has begun with.
func TestTerminalsAreBoundToTheirConnection(t *testing.T) {
	c := newCodec(t, `{"rules": {"bind": "connection"}}`)
	var m protocol.Message
	ask := func(memo uint64, terminal string) *protocol.Refusal {
		m.Memo = memo
		fields := map[int]string{11: "1", 41: terminal}
		if terminal == "" {
			fields = map[int]string{11: "1"}
		}
		if err := c.DecodeBody(protocol.FromClient, []byte(c.body(t, "0200", fields)), &m); err != nil {
			t.Fatal(err)
		}
		return c.Police(&m)
	}
	if r := ask(0, ""); r == nil || r.Class != protocol.Denied || m.Memo != 0 {
		t.Errorf("a first one without a terminal: %+v", r)
	}
	m.Memo = 0
	if err := c.DecodeBody(protocol.FromClient, []byte(c.body(t, "0240", map[int]string{11: "1", 41: "TERM0001"})), &m); err != nil || c.Police(&m) != nil || m.Memo == 0 {
		t.Errorf("a first one that nobody answers: %v, %d", err, m.Memo)
	}
	if r := ask(0, "TERM0001"); r != nil {
		t.Fatalf("the first: %+v", r)
	}
	memo := m.Memo
	if r := ask(memo, "TERM0001"); r != nil || m.Memo != memo {
		t.Errorf("the same: %+v", r)
	}
	for _, other := range []string{"TERM0002", ""} {
		if r := ask(memo, other); r == nil || r.Class != protocol.Denied || r.Reasons[0].Path != "DE41" || m.Memo != memo {
			t.Errorf("%q: %+v", other, r)
		}
	}
}

func TestMistakesInRules(t *testing.T) {
	mistaken(t, `{"rules": {"bind": "x", "messages": {"0201": {}, "200": {}, "0210": {}, "1200": {}, "0200": {"mandatory": [1, 4], "forbidden": [4, 129], "when": [{"field": 0, "if": 3}]}}}}`,
		"rules.bind: ", "[0201]: ", "[200]: ", "[0210]: ", "[1200]: ", "mandatory[0]: ", "mandatory[1]: field 4 is forbidden", "forbidden[1]: ", "when[0].field: ")
}

// A card is good to the end of its month where its terminal is.
func TestExpiry(t *testing.T) {
	c := newCodec(t, `{"rules": {"dates": true}}`)
	for at, want := range map[string]string{"2026-11-30T23:59:59Z": "", "2026-12-01T11:00:00Z": "", "2026-12-01T13:00:00Z": "expired", "2027-01-05T00:00:00Z": "expired"} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		c.rules.now = func() time.Time { return now }
		got := ""
		if r := c.Police(c.mustDecode(t, protocol.FromClient, c.body(t, "0200", map[int]string{11: "1", 14: "2611"}))); r != nil {
			got = r.Reasons[0].Rule
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", at, got, want)
		}
	}
}

// The edition of 1993 has dates and times in other fields, and that of 2003 longer ones.
func TestDatesOfEditions(t *testing.T) {
	for _, c := range []struct {
		options string
		n       int
		text    string
		ok      bool
	}{
		{`{"dialect": "1993-ascii", "rules": {"dates": true}}`, 12, "261123235959", true},
		{`{"dialect": "1993-ascii", "rules": {"dates": true}}`, 12, "261323235959", false},
		{`{"dialect": "1993-ascii", "rules": {"dates": true}}`, 13, "2601", true},
		{`{"dialect": "1993-ascii", "rules": {"dates": true}}`, 13, "0126", false},
		{`{"dialect": {"base": "1993-ascii", "version": 2003, "fields": {"12": {"form": "n 14"}}}, "rules": {"dates": true},
			"codes": {"fix": "904", "later": "907", "denied": "120", "duplicate": "913", "failed": "911"}}`, 12, "20261123235960", false},
		{`{"dialect": {"base": "1993-ascii", "version": 2003, "fields": {"12": {"form": "n 14"}}}, "rules": {"dates": true},
			"codes": {"fix": "904", "later": "907", "denied": "120", "duplicate": "913", "failed": "911"}}`, 12, "20261123235959", true},
	} {
		codec := newCodec(t, c.options)
		r := codec.Police(codec.mustDecode(t, protocol.FromClient, codec.body(t, codec.mti("200"), map[int]string{11: "1", c.n: c.text})))
		if (r == nil) != c.ok {
			t.Errorf("%s, field %d %s: got %+v", c.options[:30], c.n, c.text, r)
		}
	}
}
