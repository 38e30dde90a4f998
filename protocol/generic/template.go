package generic

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/frame"
)

// template is the body of a notice: pieces, one after another.
type template []piece

type piece struct {
	what  what
	text  string // of a literal
	field int    // of an echo
	width int    // 0: as it is
}

type what uint8

const (
	literal what = iota
	key
	code
	reason
	now
	echo
)

// parse reads a template. "{{" stands for "{".
func (c *Codec) parse(text string) (template, error) {
	t := template{}
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			break
		}
		if strings.HasPrefix(rest, "{") {
			t, text = append(t, piece{text: "{"}), rest[1:]
			continue
		}
		mark, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("{%s is not closed", rest)
		}
		p, err := c.mark(mark)
		if err != nil {
			return nil, err
		}
		t, text = append(t, p), after
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("an empty body says nothing; leave the class out")
	}
	return t, nil
}

func (c *Codec) mark(mark string) (p piece, err error) {
	parts := strings.Split(mark, ":")
	switch parts[0] {
	case "key":
		p.what = key
		if len(c.id) > 1 {
			return p, fmt.Errorf("{%s}: the id has several fields; give each back with {echo:FIELD}", mark)
		}
		if len(c.id) == 1 {
			p.width = c.fields[c.id[0]].len
		}
	case "code":
		p.what = code
	case "text":
		p.what = reason
	case "now":
		p.what = now
	case "echo":
		p.what = echo
		if len(parts) < 2 {
			return p, fmt.Errorf("{%s}: want {echo:FIELD}", mark)
		}
		i, ok := c.byName[parts[1]]
		if !ok {
			return p, fmt.Errorf("{%s}: there is no field %q%s", mark, parts[1], c.nearest(parts[1]))
		}
		p.field, p.width = i, c.fields[i].len
		parts = parts[1:]
	default:
		return p, fmt.Errorf("{%s}: there are {key}, {code}, {text}, {now} and {echo:FIELD}", mark)
	}
	if len(parts) > 2 {
		return p, fmt.Errorf("{%s}: too many colons", mark)
	}
	if len(parts) == 2 {
		if p.width, err = strconv.Atoi(parts[1]); err != nil || p.width < 1 || p.width > c.limits.Frame {
			return p, fmt.Errorf("{%s}: %q is no width", mark, parts[1])
		}
	}
	return p, nil
}

func (t template) echoes() bool {
	for i := range t {
		if t[i].what == echo {
			return true
		}
	}
	return false
}

// AppendNotice appends the declared body for n's class. What comes from the request is
// only its ID and the fields that the template echoes.
func (c *Codec) AppendNotice(dst []byte, req *protocol.Message, n *protocol.Notice) ([]byte, error) {
	if req != nil && (req.Kind == protocol.OneWay || req.Kind == protocol.Response) || int(n.Class) >= protocol.NumClasses {
		return dst, nil
	}
	t := c.templates[n.Class]
	for i := range t {
		p := &t[i]
		start := len(dst)
		raw := false // bytes of the request, which are in the protocol's own charset
		switch p.what {
		case literal:
			dst = append(dst, p.text...)
		case key:
			if req != nil {
				dst, raw = append(dst, req.ID...), len(req.ID) > 0
			}
		case code:
			dst = append(dst, c.code(n)...)
		case reason:
			dst = appendReason(dst, n)
		case now:
			dst = time.Now().UTC().AppendFormat(dst, "20060102150405")
		case echo:
			if v := c.sound(req, p.field); v != nil {
				dst, raw = append(dst, v...), true
			}
		}
		dst = c.fit(dst, start, p, raw)
	}
	return dst, nil
}

// fit cuts or fills what was appended from start on to the width of p.
func (c *Codec) fit(dst []byte, start int, p *piece, raw bool) []byte {
	if !raw {
		for i := start; i < len(dst); i++ {
			if p.what != literal && (dst[i] < ' ' || dst[i] > '~') {
				dst[i] = ' '
			}
			if c.ebcdic && dst[i] < 0x80 {
				dst[i] = frame.ToEBCDIC[dst[i]]
			}
			if p.what != literal && strings.IndexByte(c.marks, dst[i]) >= 0 {
				dst[i] = c.instead
			}
		}
	}
	if p.width == 0 {
		if f := c.fieldOf(p); f != nil && f.kind == number && len(dst) == start {
			return append(dst, c.zero())
		}
		return dst
	}
	if end := start + p.width; len(dst) > end {
		return dst[:end]
	}
	fill := byte(' ')
	if f := c.fieldOf(p); f != nil && !raw && f.kind != text {
		fill = '0'
		if f.kind == binary {
			fill = 0
		}
	}
	if c.ebcdic && fill != 0 {
		fill = frame.ToEBCDIC[fill]
	}
	for len(dst) < start+p.width {
		dst = append(dst, fill)
	}
	return dst
}

// zero is the digit 0 in the charset of the body.
func (c *Codec) zero() byte {
	if c.ebcdic {
		return frame.ToEBCDIC['0']
	}
	return '0'
}

// fieldOf is the field that p stands for, if it is one.
func (c *Codec) fieldOf(p *piece) *field {
	switch {
	case p.what == echo:
		return &c.fields[p.field]
	case p.what == key && len(c.id) == 1:
		return &c.fields[c.id[0]]
	}
	return nil
}

func (c *Codec) code(n *protocol.Notice) string {
	if int(n.Cause) < numCauses {
		return c.codes[n.Class][n.Cause]
	}
	return ""
}

// appendReason says the first reason, for which there is mostly little room, or the cause.
func appendReason(dst []byte, n *protocol.Notice) []byte {
	if len(n.Reasons) == 0 {
		return append(dst, n.Cause.Text()...)
	}
	r := n.Reasons[0]
	r.Rule = "" // the words are for a person
	start := len(dst)
	if dst = r.AppendText(dst); len(dst) == start {
		return append(dst, n.Cause.Text()...)
	}
	return dst
}
