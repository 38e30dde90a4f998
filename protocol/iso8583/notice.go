package iso8583

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/iso8583/dialect"
)

const numCauses = int(protocol.InProcess) + 1

// codes are response codes: by the field that is wrong, or by class and cause. Nil says nothing.
type codes struct {
	by     [protocol.NumClasses][numCauses][]byte
	fields map[string][]byte
}

// standard has the response codes of an edition, by class and, before that, by cause (ISO 8583:1987, table of field 39;
// 1993, table A.1).
type standard struct {
	class    [protocol.NumClasses]string
	cause    map[protocol.Cause]string
	approved string
	refused  string // network management that is not offered
}

var editions = map[byte]standard{
	'0': {
		class: [protocol.NumClasses]string{protocol.Fix: "30", protocol.Later: "91", protocol.Denied: "58", protocol.Duplicate: "94",
			protocol.Failed: "96", protocol.Accepted: "09"},
		cause: map[protocol.Cause]string{protocol.BadName: "12", protocol.Busy: "96", protocol.Draining: "96", protocol.Paused: "96", protocol.AnswerTimeout: "68",
			protocol.BackendLost: "91"},
		approved: "00", refused: "40",
	},
	'1': {
		class: [protocol.NumClasses]string{protocol.Fix: "904", protocol.Later: "907", protocol.Denied: "120", protocol.Duplicate: "913",
			protocol.Failed: "909", protocol.Accepted: "923"},
		cause: map[protocol.Cause]string{protocol.BadName: "902", protocol.Busy: "909", protocol.Draining: "909", protocol.Paused: "909", protocol.AnswerTimeout: "911",
			protocol.BackendLost: "907"},
		approved: "800", refused: "115",
	},
}

// setCodes fills the table: a cause before a class, and what the configuration says before the standard.
func (c *Codec) setCodes(m *mistakes, own map[string]string) {
	std := editions[c.edition]
	known := map[string]bool{}
	c.codes.fields = map[string][]byte{}
	for class := range protocol.Class(protocol.NumClasses) {
		known[class.String()] = true
		for cause := range protocol.Cause(numCauses) {
			known[cause.String()] = true
			code := std.class[class]
			if special, ok := std.cause[cause]; ok {
				code = special
			}
			if text, ok := own[class.String()]; ok {
				code = text
			}
			if text, ok := own[cause.String()]; ok {
				code = text
			}
			if code != "" {
				c.codes.by[class][cause] = []byte(code)
			}
		}
		if std.class[class] == "" && class != protocol.Accepted { // which is said if it is asked for
			if _, ok := own[class.String()]; !ok {
				m.bad("codes", "this edition has no code for %q that is known here; name one, or an empty text to say nothing", class)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		n, isField := strings.CutPrefix(name, "DE")
		switch {
		case isField && n != "":
			c.codes.fields[name] = []byte(own[name])
		case !known[name]:
			m.bad("codes", "%q is no class and no cause of a notice, and no field such as DE4", name)
			continue
		}
		if own[name] != "" {
			c.checkCode(m, "codes."+name, own[name])
		}
	}
}

func (c *Codec) checkCode(m *mistakes, path, code string) {
	if _, err := c.fields[deCode].appendContent(nil, []byte(code)); err != nil || len(code) != c.fields[deCode].Length {
		m.bad(path, "%q is no response code of %d characters", code, c.fields[deCode].Length)
	}
}

// setNetwork fills the table of answers to network management.
func (c *Codec) setNetwork(m *mistakes, own map[string]string) {
	std := editions[c.edition]
	c.answers = map[string][]byte{}
	if std.refused != "" {
		c.refusal = []byte(std.refused)
	}
	if own == nil && std.approved != "" {
		own = map[string]string{"001": std.approved, "002": std.approved, "301": std.approved}
		if c.edition == '1' {
			own = map[string]string{"801": std.approved, "802": std.approved, "831": std.approved}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(own)) {
		if len(code) != 3 || strings.Trim(code, "0123456789") != "" {
			m.bad("network", "%q is no code of three digits", code)
		}
		if own[code] != "" {
			c.checkCode(m, "network["+code+"]", own[code])
		}
		c.answers[code] = []byte(own[code])
	}
}

// AppendNotice appends the answer for n: the response's message type, what a sender pairs answers by, the code, and in
// the reason's field what is wrong and where, as far as it has room. Only what expects an answer is answered.
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	if req == nil || len(req.Name) != mtiSize || !known(req.Name) || !asks(req.Name[2]) {
		return dst, nil
	}
	if n.Class == protocol.Accepted && !c.tells {
		return dst, nil
	}
	code := c.codes.by[n.Class][n.Cause]
	if len(n.Reasons) > 0 && n.Class == protocol.Fix {
		if own, ok := c.codes.fields[n.Reasons[0].Path]; ok {
			code = own
		}
	}
	if len(code) == 0 {
		return dst, nil
	}
	echo := c.echo
	switch {
	case req.Code == broken: // what looks like an amount may be a part of a card's number
		echo = c.key
	case req.Name[1] == '8':
		echo = c.echoNetwork
	}
	return c.appendAnswer(dst, req, echo, code, n.Reasons)
}

// asks says whether a message with this function is answered.
func asks(function byte) bool { return function == '0' || function == '2' || function == '6' }

// appendAnswer appends a response to req.
func (c *Codec) appendAnswer(dst []byte, req *protocol.Message, echo []int, code []byte, reasons []protocol.Reason) ([]byte, error) {
	start := len(dst)
	origin := req.Name[3]
	origin = '0' + (origin-'0')&^1 // the answer to a repeat is that to the original
	dst = c.appendMTI(dst, [mtiSize]byte{c.edition, req.Name[1], req.Name[2] + 1, origin})
	var set [3]uint64
	for _, n := range echo {
		if c.echoes8583(req, n) {
			mark(&set, n)
		}
	}
	mark(&set, deCode)
	says := c.reason > 0 && len(reasons) > 0
	if says {
		mark(&set, c.reason)
	}
	dst = c.appendBitmaps(dst, &set)
	var err error
	for n := 2; n < len(c.fields); n++ {
		if set[(n-1)/64]<<((n-1)%64)>>63 == 0 || n == 65 && c.dialect.Tertiary {
			continue
		}
		d := c.fields[n]
		switch n {
		case deCode:
			dst, err = d.appendContent(dst, code)
		case c.reason:
			var room [maxReason]byte
			dst, err = d.appendContent(dst, c.words(room[:0], min(d.Length, maxReason), reasons))
		default:
			at := req.Spans[n]
			dst = append(dst, req.Body[int(at.Off)-d.prefix:at.Off+at.Len]...)
		}
		if err != nil {
			return dst[:start], fmt.Errorf("iso8583: %s: %w", d.path, err)
		}
	}
	return dst, nil
}

func mark(set *[3]uint64, n int) { set[(n-1)/64] |= 1 << (63 - (n-1)%64) }

// echoes8583 reports whether field n of req can be given back: it is there, and in order.
func (c *Codec) echoes8583(req *protocol.Message, n int) bool {
	if n >= len(req.Spans) || req.Spans[n].Off < 0 {
		return false
	}
	d, at := c.fields[n], req.Spans[n]
	return d.sound(at.In(req.Body), d.units(req.Body, int(at.Off), int(at.Len)))
}

// appendMTI appends four digits as the dialect writes them.
func (c *Codec) appendMTI(dst []byte, mti [mtiSize]byte) []byte {
	for i, d := range mti {
		switch {
		case c.dialect.MTI == dialect.EBCDIC:
			dst = append(dst, d-'0'+0xF0)
		case c.dialect.MTI == dialect.BCD && i%2 != 0:
			dst[len(dst)-1] |= d - '0'
		case c.dialect.MTI == dialect.BCD:
			dst = append(dst, (d-'0')<<4)
		default:
			dst = append(dst, d)
		}
	}
	return dst
}

// appendBitmaps appends those that are needed.
func (c *Codec) appendBitmaps(dst []byte, set *[3]uint64) []byte {
	count := 1
	if set[2] != 0 {
		count = 3
		set[1] |= 1 << 63
	} else if set[1] != 0 {
		count = 2
	}
	if count > 1 {
		set[0] |= 1 << 63
	}
	for _, word := range set[:count] {
		for shift := 60; shift >= 0; shift -= 4 {
			v := byte(word>>shift) & 15
			switch {
			case c.dialect.Bitmap == dialect.Binary && shift%8 != 0:
				dst = append(dst, v<<4)
			case c.dialect.Bitmap == dialect.Binary:
				dst[len(dst)-1] |= v
			case c.dialect.Bitmap == dialect.EBCDIC && v > 9:
				dst = append(dst, 0xC1+v-10)
			case c.dialect.Bitmap == dialect.EBCDIC:
				dst = append(dst, 0xF0+v)
			default:
				dst = append(dst, "0123456789ABCDEF"[v])
			}
		}
	}
	return dst
}

// maxReason bounds the words of a reason; most dialects have room for 25 characters.
const maxReason = 128

// words appends what is wrong, up to room characters: of each reason place and rule, and, where there is room, what was
// wanted. Characters that the field may not have are blanks.
func (c *Codec) words(dst []byte, room int, reasons []protocol.Reason) []byte {
	for i := range reasons {
		r := &reasons[i]
		before := len(dst)
		if i > 0 {
			dst = append(dst, ';', ' ')
		}
		switch {
		case r.Path != "" && r.Say == "":
			dst = append(append(dst, r.Path...), ' ')
			dst = append(dst, r.Rule...)
		case r.Path != "":
			dst = append(append(append(dst, r.Path...), ' '), r.Say...)
		case r.Say != "":
			dst = append(dst, r.Say...)
		default:
			dst = append(dst, r.Rule...)
		}
		if room > 40 && r.Say == "" && r.Want != "" {
			dst = append(append(dst, ": want "...), r.Want...)
		}
		if len(dst) > room {
			if i > 0 {
				dst = dst[:before]
			} else {
				dst = dst[:room]
			}
			break
		}
	}
	d := c.fields[c.reason]
	for i, b := range dst {
		if classes[b]&d.chars == 0 {
			dst[i] = ' ' // every type with letters has them
		}
	}
	return dst
}
